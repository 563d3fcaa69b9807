import gc
import io
import json
import threading
import weakref

import numpy as np
import pytest
import traitlets as t
from PIL import Image
from test_counterfactual_view import ask
from toy import ToyEnvironment

import rlvision_widgets as rlv
from rlvision_widgets import schema
from rlvision_widgets.analysis.reentry import world_of
from rlvision_widgets.widgets import kept_edits
from rlvision_widgets.widgets.edit_list import completed, text_of
from rlvision_widgets.widgets.kept_edits import stored_edits
from rlvision_widgets.widgets.source import StudySource


@pytest.fixture
def view(agent, built):
    study = built.copy()
    world_of(study, ToyEnvironment)
    view = rlv.Editor(study, agent=agent, step=3)
    yield view
    view.close()


def alone(view):
    """A view of the same study without an agent."""
    return rlv.Editor(view.study, state=view.state())


def entry(view, number, strength=1.0, **fields):
    own = {"layer": view.layer, "feature": number, "strength": strength}
    return {"kind": "feature", **own, "where": "next_kernel", "enabled": True, **fields}


def question(view, edits=None, **changes):
    at = {"trajectory": view.trajectory, "step": view.step, "layer": view.layer, "output": view.output}
    return {**at, "edits": json.dumps(view.edits if edits is None else edits), **changes}


def course(view, edits=None, num_steps=6, seed=-1):
    shown = question(view, edits)
    return {name: shown[name] for name in ("trajectory", "step", "edits")} | {"num_steps": num_steps, "seed": seed}


# -- the list ---------------------------------------------------------------------------------------------------------


def test_entries_are_completed(view):
    view.edits = [{"kind": "feature", "layer": view.layer, "feature": 1}]
    assert view.edits == [entry(view, 1)]
    view.edits = [rlv.Ablate.feature(view.study, view.layer, 0, strength=0.5)]
    assert view.edits[0]["kind"] == "ablate"
    assert view.edits[0]["strength"] == 0.5
    assert view.edits[0]["enabled"] is True
    rlv.rename(view.study, view.layer, 2, "saw")
    view.edits = [{"kind": "feature", "layer": view.layer, "feature": "saw"}]
    assert view.edits == [entry(view, 2)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "featur"}, "Did you mean 'feature'"),
        ({"kind": "ablat"}, "Did you mean 'ablate'"),
        ({"kind": ["feature"]}, "unknown kind of edit"),
        ({"layer": "2c"}, "unknown layer"),
        ({"feature": 3}, "from 0 to 2, got 3"),
        ({"feature": -1}, "from 0 to 2"),
        ({"feature": 1.5}, "from 0 to 2"),
        ({"feature": True}, "from 0 to 2"),
        ({"feature": "feature1"}, "Did you mean 'feature 1'"),
        ({"strength": 2.5}, "from -2 to 2"),
        ({"strength": "1"}, "number"),
        ({"strength": float("nan")}, "number"),
        ({"where": "layr"}, "Did you mean 'layer'"),
        ({"enabled": 1}, "enabled"),
        ({"strenght": 1}, "Did you mean 'strength'"),
        ({"kind": "stored", "name": "x"}, "field"),
    ],
)
def test_what_is_no_edit_is_refused_and_nothing_changes(view, changes, words):
    with pytest.raises(t.TraitError, match=words):
        view.edits = [{**entry(view, 0), **changes}]
    with pytest.raises(ValueError, match=words):
        view.edit({**entry(view, 0), **changes})
    with pytest.raises(ValueError, match=words):
        ask(view, "edited", **question(view, [{**entry(view, 0), **changes}]))
    assert view.edits == view.history == []


def test_numbers_may_be_numpy_s(view):
    view.edit({**entry(view, np.int64(1)), "strength": np.float32(0.5)})
    view.toggle(2, strength=np.int64(1))
    assert view.edits == [entry(view, 1, 0.5), entry(view, 2)]
    json.dumps(view.edits)
    with pytest.raises(ValueError, match="unknown name of kept edits"):
        view.edit({"kind": "stored", "name": ["mine"]})


def test_edits_that_are_no_list_are_refused(view):
    for edits, words in (("[{", "JSON"), ("7", "list"), ("[7]", "rlv.Ablate"), (json.dumps([{}] * 65), "at most 64")):
        with pytest.raises(ValueError, match=words):
            ask(view, "edited", **{**question(view), "edits": edits})


def test_what_is_undone_is_made_again(view):
    states = [view.edits]
    for change in (
        lambda: view.toggle(1),
        lambda: view.toggle(0, -0.5),
        lambda: view.toggle(1),
        lambda: view.edit(entry(view, 2, 2.0)),
        view.reset,
    ):
        change()
        states.append(view.edits)
    assert [len(state) for state in states] == [0, 1, 2, 2, 3, 0]
    assert states[3][0] == {**states[2][0], "enabled": False}
    for state in reversed(states[:-1]):
        view.undo()
        assert view.edits == state
    view.undo()
    assert view.edits == []
    for state in states[1:]:
        view.redo()
        assert view.edits == state
    view.redo()
    assert view.edits == states[-1]
    assert view.undone == []
    view.undo()
    view.toggle(0)
    assert view.undone == []  # what was undone is forgotten when one goes on


def test_history_is_bounded(view):
    for index in range(70):
        view.edits, view.history = [entry(view, 0, index / 50)], [*view.history, view.edits]
    assert len(view.history) == 64
    assert view.history[-1] == [entry(view, 0, 68 / 50)]


def test_switching_on_again_takes_the_strength(view):
    view.toggle(1, 0.5)
    view.toggle(1)
    view.toggle(1, -1.0)
    assert view.edits == [entry(view, 1, -1.0)]


def test_an_edit_that_cannot_be_made_in_the_agent_changes_nothing(view):
    with pytest.raises(ValueError, match="size"):
        view.edit(rlv.Steer(view.layer, [1.0] * 3))
    assert view.edits == view.history == []


def test_the_browser_sets_traits(view):
    view.set_state({"edits": [{"kind": "feature", "layer": view.layer, "feature": 1}], "history": [[]]})
    assert view.edits == [entry(view, 1)]
    view.undo()
    assert view.edits == []
    with pytest.raises(t.TraitError):
        view.set_state({"edits": [{"kind": "feature", "layer": view.layer, "feature": 9}]})
    assert view.edits == []


def test_state_is_put_back_and_fits_json(view):
    view.toggle(1, 0.5)
    view.num_steps, view.feature, view.levels = 30, 1, 64
    state = json.loads(json.dumps(view.state()))
    assert state == {"step": 3, "edits": [entry(view, 1, 0.5)], "num_steps": 30, "feature": 1, "levels": 64}
    other = alone(view)
    assert other.edits == view.edits
    view.reset()
    view.restore(state)
    assert view.edits == other.edits


@pytest.mark.parametrize(
    ("trait", "value", "words"),
    [
        ("num_steps", 0, "from 1 to 512"),
        ("seed", -2, "-1"),
        ("levels", 0, "from 1 to 4096"),
        ("trajectory", 2, "from 0 to 1"),
        ("layer", "9z", "layer"),
        ("output", "valu", "value"),
        ("feature", 9, "residual"),
    ],
)
def test_traits_refuse_what_cannot_be(view, trait, value, words):
    with pytest.raises(t.TraitError, match=words):
        setattr(view, trait, value)


def test_equal_lists_have_one_text(built):
    layer = next(iter(built["layers"].children))
    one = {"kind": "feature", "layer": layer, "feature": 1}
    several = [
        [one],
        [{"where": "next_kernel", "strength": 1, **dict(reversed(one.items())), "feature": 1.0, "enabled": True}],
        [one, {**one, "feature": 0, "strength": 0}],
        [{**one, "feature": 2, "enabled": False}, one],
    ]
    others = [[{**one, "strength": 0.5}], [{**one, "where": "layer"}], [one, one], []]
    texts = [text_of(completed(edits, built)) for edits in (*several, *others)]
    assert len(set(texts[:4])) == 1
    assert len(set(texts)) == 1 + len(others)


def test_a_layer_that_no_kernel_reads_alone_is_edited_itself(view):
    assert view.source.connection.edit_places(view.layer) == ("next_kernel", "layer")
    view.source.connection.edit_places = lambda layer: ("layer",)  # as in a residual network
    view.toggle(1)
    assert view.edits == [entry(view, 1, where="layer")]


def test_a_story_undoes_too(agent, built):
    study = built.copy()
    story = rlv.Story(study, "told", notes=[rlv.Note("look", steps=2)], agent=agent)
    story.toggle(1)
    edits = story.edits
    story.undo()
    assert story.edits == []
    story.redo()
    assert story.edits == edits
    assert story.note == 0
    story.close()


# -- the agent --------------------------------------------------------------------------------------------------------


def test_the_edited_agent_is_at_hand(view, agent):
    frames = view.study["observation"].values[0, :2]
    assert view.agent is not None
    np.testing.assert_array_equal(view.agent(frames)[0], agent(frames)[0])
    view.toggle(1)
    own = rlv.edited_agent(agent, [rlv.Ablate.feature(view.study, view.layer, 1)])
    np.testing.assert_array_equal(view.agent(frames)[0], own(frames)[0])
    assert view.agent.checkpoint != agent.checkpoint
    with pytest.raises(ValueError, match="agent="):
        _ = alone(view).agent


def test_kept_edits_come_back_as_features(view):
    view.toggle(1, 0.5)
    view.toggle(0)
    view.toggle(0)  # off: not kept
    view.keep("half", note="of one")
    assert [(one["name"], one["note"]) for one in view._presets] == [("half", "of one")]
    view.reset()
    view.preset("half")
    assert view.edits == [entry(view, 1, 0.5)]
    with pytest.raises(ValueError, match="Did you mean 'half'"):
        view.preset("hal")
    with pytest.raises(ValueError, match="nothing to keep"):
        rlv.Editor(view.study).keep("none")
    rlv.keep_edits(view.study, "steered", rlv.Steer(view.layer, [1.0] * 8))
    view.preset("steered")
    assert view.edits == [{"kind": "stored", "name": "steered", "strength": 1.0, "enabled": True}]
    ask(view, "keep_edits", name="again", edits=json.dumps([entry(view, 2)]))
    assert [one["name"] for one in view._presets] == ["half", "steered", "again"]
    assert list(rlv.kept_edits(view.study)) == ["again", "half", "steered"]


def test_edits_of_what_is_gone_are_forgotten(view):
    rlv.keep_edits(view.study, "mine", rlv.Steer(view.layer, [1.0] * 8))
    view.edits = [entry(view, 2), {"kind": "stored", "name": "mine"}, entry(view, 0)]
    view.history = [[entry(view, 2)]]
    rlv.remove_edits(view.study, "mine")
    assert view.edits == [entry(view, 2), entry(view, 0)]
    rlv.refit(view.source.connection._agent, view.study, layer=view.layer, num_features=2, progress=False)
    assert view.edits == [entry(view, 0)]
    assert view.history == [[]]


# -- requests ---------------------------------------------------------------------------------------------------------


def test_kept_answers_equal_computed_ones(view):
    edits = [entry(view, 1)]
    first, raced = ask(view, "edited", **question(view, edits)), ask(view, "race", **course(view, edits))
    measured = ask(view, "measure", edits=json.dumps(edits), levels=8, seed=0)
    other = alone(view)
    assert not other.can_compute
    words = [{"feature": 1, "layer": view.layer, "kind": "feature"}, entry(view, 0, enabled=False), entry(view, 2, 0)]
    for asked in (edits, words):
        assert ask(other, "edited", **question(view, asked)) == first == ask(view, "edited", **question(view, asked))
        assert ask(other, "race", **course(view, asked)) == raced
        assert ask(other, "measure", edits=json.dumps(asked), levels=8, seed=0) == measured


def test_the_reply_says_what_changed(view):
    told, arrays = ask(view, "edited", **question(view, [entry(view, 1), entry(view, 0, 0.0)]))
    (change,) = told["changes"]
    assert change["index"] == 0
    assert change["max_change"] > 0
    assert told["kl"] > 0
    assert not told["identical"]
    assert set(told["axis"]) == {"low", "high"}
    shapes = {spec["name"]: spec["shape"] for spec, _ in arrays}
    assert shapes["observation"] == [16, 16, 3]
    assert shapes["attribution"][0] == shapes["policy_logits"][0] == 2
    told, _ = ask(view, "edited", **question(view, []))
    assert told["identical"]
    assert told["changes"] == []


def test_an_agent_can_be_asked_while_a_measurement_runs(view):
    going, go_on = threading.Event(), threading.Event()
    connection = view.source.connection
    measure = connection.measure

    def slow(*args, **kwargs):
        going.set()
        assert go_on.wait(30)
        return measure(*args, **kwargs)

    connection.measure = slow
    sent = []
    view.send = lambda content, buffers=None: sent.append(content)
    params = {"edits": json.dumps([entry(view, 1)]), "levels": 4, "seed": 0}
    view._receive({"kind": "rlv-request", "id": "long", "method": "measure", "params": params})
    assert going.wait(30)
    view._receive(
        {"kind": "rlv-request", "id": "short", "method": "edited", "params": question(view, [entry(view, 1)])}
    )
    view._servers[0]._computing.join(30)
    replies = [content["id"] for content in sent if content["kind"] == "rlv-reply"]
    assert replies == ["short"]
    go_on.set()
    view.join(60)
    replies = {content["id"]: "error" in content for content in sent if content["kind"] == "rlv-reply"}
    assert replies == {"short": False, "long": False}


def test_a_measurement_can_be_cancelled(view):
    sent = []
    view.send = lambda content, buffers=None: sent.append(content)
    connection, measure = view.source.connection, view.source.connection.measure

    def cancelled(*args, **kwargs):
        view._receive({"kind": "rlv-cancel", "id": "long"})
        return measure(*args, **kwargs)

    connection.measure = cancelled
    params = {"edits": json.dumps([entry(view, 1)]), "levels": 4, "seed": 0}
    view._receive({"kind": "rlv-request", "id": "long", "method": "measure", "params": params})
    view.join(60)
    assert [content["error"] for content in sent if content["kind"] == "rlv-reply"] == ["cancelled"]


def test_a_failing_edit_leaves_a_message_and_a_view_that_goes_on(view):
    bad = [{"kind": "steer", "layer": view.layer, "direction": [1.0] * 3, "strength": 1.0}]
    for method, params in (("edited", question(view, bad)), ("race", course(view, bad))):
        with pytest.raises(ValueError, match="size"):
            ask(view, method, **params)
    with pytest.raises(ValueError, match="size"):
        ask(view, "measure", edits=json.dumps(bad), levels=4, seed=0)
    ask(view, "edited", **question(view, [entry(view, 1)]))


def test_without_an_agent_what_is_not_kept_says_what_it_needs(view):
    other = alone(view)
    for method, params in (
        ("edited", question(view, [entry(view, 1)])),
        ("race", course(view)),
        ("measure", {"edits": "[]", "levels": 4, "seed": 0}),
    ):
        with pytest.raises(ValueError, match="agent"):
            ask(other, method, **params)


@pytest.mark.parametrize(
    ("method", "changes", "words"),
    [
        ("edited", {"trajectory": 2}, "out of range"),
        ("edited", {"step": 70}, "out of range"),
        ("edited", {"layer": "9z"}, "layer"),
        ("edited", {"output": "valu"}, "value"),
        ("race", {"num_steps": 0}, "from 1 to 512"),
        ("race", {"num_steps": 1.5}, "int"),
        ("race", {"seed": -2}, "from -1"),
        ("measure", {"levels": 0}, "from 1 to 4096"),
        ("measure", {"seed": -1}, "from 0"),
    ],
)
def test_bad_requests_are_refused_and_change_nothing(view, method, changes, words):
    asked = {"edited": question(view), "race": course(view), "measure": {"edits": "[]", "levels": 4, "seed": 0}}[method]
    with pytest.raises(ValueError, match=words):
        ask(view, method, **{**asked, **changes})
    assert "edited" not in view.study.children


def test_an_unedited_frame_comes_with_the_edited_one(view):
    ask(view, "edited", **question(view, []))
    assert stored_edits(view.study) == []
    ask(view, "edited", **question(view, [entry(view, 1)]))
    told, arrays = ask(alone(view), "edited", **question(view, []))
    _, same = ask(view, "edited", **question(view, []))
    assert told["identical"]
    assert {spec["name"]: data for spec, data in arrays} == {spec["name"]: data for spec, data in same}


# -- what a study keeps -----------------------------------------------------------------------------------------------


def test_the_last_ones_are_kept(view):
    for index in range(27):
        ask(view, "edited", **question(view, [entry(view, 1)], step=index))
    for index in range(9):
        ask(view, "race", **course(view, [entry(view, 1)], num_steps=index + 1))
    assert [one["step"] for one in stored_edits(view.study)] == list(range(26, 2, -1))
    assert view._edited == stored_edits(view.study)
    assert len(view.study["edited"]["races"].children) == 8
    assert view._edited[-1]["race"] == [9, -1]  # of several from one step the last


def test_kept_answers_follow_the_schema_and_survive_saving(view, tmp_path):
    edits = [entry(view, 1)]
    first = ask(view, "edited", **question(view, edits))
    raced = ask(view, "race", **course(view, edits))
    measured = ask(view, "measure", edits=json.dumps(edits), levels=4, seed=0)
    schema.check(view.study)
    rlv.save_study(view.study, tmp_path / "kept.zarr")
    other = rlv.Editor(tmp_path / "kept.zarr", step=3)
    assert ask(other, "edited", **question(view, edits)) == first
    assert ask(other, "race", **course(view, edits)) == raced
    assert ask(other, "measure", edits=json.dumps(edits), levels=4, seed=0) == measured
    (kept,) = other._edited
    assert kept["has"] == ["edited", "race", "measure"]
    assert kept["race"] == [6, -1]
    assert kept["measure"] == [4, 0]
    assert "feature 1" in kept["label"]


def test_answers_about_features_that_are_gone_are_not_shown(view):
    ask(view, "edited", **question(view, [entry(view, 1)]))
    ask(view, "race", **course(view, [entry(view, 1)]))
    rlv.refit(view.source.connection._agent, view.study, layer=view.layer, seed=5, progress=False)
    assert stored_edits(view.study) == view._edited == []
    with pytest.raises(ValueError, match="agent"):
        ask(alone(view), "edited", **question(view, [entry(view, 1)]))


def test_an_answer_that_a_refit_overtook_is_not_kept_as_one_about_the_new_features(view, monkeypatch):
    connection = view.source.connection
    computed = connection.look_edited

    def overtaken(**asked):
        found = computed(**asked)
        rlv.refit(connection._agent, view.study, layer=view.layer, seed=5, progress=False)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(connection, "look_edited", overtaken)
        ask(view, "edited", **question(view, [entry(view, 1)]))
    assert stored_edits(view.study) == []
    ask(view, "edited", **question(view, [entry(view, 1)]))
    assert len(stored_edits(view.study)) == 1


def test_kept_edits_that_were_replaced_are_another_question(view):
    rlv.keep_edits(view.study, "mine", rlv.Steer(view.layer, [1.0] * 8))
    stored = [{"kind": "stored", "name": "mine", "strength": 1.0}]
    first, _ = ask(view, "edited", **question(view, stored))
    rlv.keep_edits(view.study, "mine", rlv.Steer(view.layer, [9.0] * 8))
    assert stored_edits(view.study) == []
    second, _ = ask(view, "edited", **question(view, stored))
    assert second["kl"] != first["kl"]


def test_a_layer_without_features_gets_them_from_the_original(view):
    layer = view.source.connection.layers[-1]["name"]
    assert view.source.layer(layer) is None
    told, _ = ask(view, "edited", **question(view, [entry(view, 1)], layer=layer))
    assert told["layer"] == layer
    assert tuple(told["places"]) == view.source.connection.edit_places(layer)
    assert len(stored_edits(view.study)) == 1
    assert view.source.layer(layer) is not None
    assert next(one for one in view._study["layers"] if one["name"] == layer)["features"]


# -- pictures and pages -----------------------------------------------------------------------------------------------


def test_pictures_show_both_agents(view, tmp_path):
    view.toggle(1)
    whole = view.picture()
    view.feature = 0
    assert view.picture().shape == whole.shape
    assert (view.picture() != whole).any()
    view.num_steps = 4
    assert view.picture(2).shape[1] < whole.shape[1]
    with pytest.raises(ValueError, match="from 0 to 4"):
        view.picture(5)
    rlv.save_snapshot(view, tmp_path / "race.gif", progress=False)
    with Image.open(tmp_path / "race.gif") as movie:
        assert movie.n_frames > 1


def test_a_picture_of_a_race_is_of_the_features_as_they_are(view):
    view.num_steps = 3
    view.toggle(1)
    view.picture(step=1)
    before = view._raced()
    rlv.refit(view.source.connection._agent, view.study, layer=view.layer, seed=5, progress=False)
    assert view.edits
    fresh = view.source.connection.race(view.trajectory, view.step, view.edits, 3, -1)
    assert (fresh.data["policy_logits"].values != before.data["policy_logits"].values).any()
    np.testing.assert_array_equal(view._raced().data["policy_logits"], fresh.data["policy_logits"])


def test_a_notebook_is_not_made_to_wait_for_a_picture(view):
    view.toggle(1)
    assert view._poster() is None
    view.picture()
    assert [one["has"] for one in view._edited] == [["edited"]]
    assert Image.open(io.BytesIO(view._poster())).size[0] > 100


def test_a_page_answers_as_the_notebook_does(view, tmp_path):
    view.toggle(1)
    ask(view, "race", **course(view))
    ask(view, "measure", edits=json.dumps(view.edits), levels=4, seed=0)
    page = view.page()  # the frame that is shown is looked at on the way
    assert page.state["can_compute"] is False
    assert page.state["edits"] == view.edits
    assert page.state["history"] == page.state["undone"] == []
    (kept,) = page.state["_edited"]
    assert kept["has"] == ["edited", "race", "measure"]
    asked = [(method, params) for method, params in page.asked if method != "bundle"]
    assert sorted({method for method, _ in asked}) == ["edited", "measure", "race"]
    for method, params in asked:
        result, arrays = page.answer(method, params)
        live, sent = ask(view, method, **params)
        assert result == live
        assert [spec["name"] for spec, _ in sent] == list(arrays)
    rlv.save_snapshot(view, tmp_path / "page.html", progress=False)
    assert (tmp_path / "page.html").stat().st_size > 1000


def test_a_page_cannot_show_what_is_not_computed(view):
    other = alone(view)
    other.edits = [entry(view, 1)]
    with pytest.raises(ValueError, match="agent"):
        other.page()


def test_a_view_that_was_closed_is_forgotten_with_its_study(agent, built):
    study = built.copy()
    world_of(study, ToyEnvironment)
    view = rlv.Editor(study, agent=agent)
    ask(view, "edited", **question(view, [entry(view, 1)]))
    ask(view, "race", **course(view, [entry(view, 1)]))
    kept = weakref.ref(view.study)
    view.close()
    del view, study
    gc.collect()
    assert kept() is None


def test_a_source_finds_what_was_kept(view):
    ask(view, "edited", **question(view, [entry(view, 1)]))
    asked = question(view, [entry(view, 1)])
    told, arrays = StudySource(view.study).answer("edited", asked)
    assert told["key"] == kept_edits.key_of(
        view.study, "frames", {**asked, "edits": text_of([entry(view, 1)]), "output": view.output}
    )
    assert arrays["value"].shape == (2,)
