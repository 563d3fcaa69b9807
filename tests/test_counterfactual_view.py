import gc
import io
import json
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import traitlets as t
from PIL import Image
from test_counterfactual import coinrun
from test_environments import needs_procgen
from toy import ToyEnvironment

import rlvision_widgets as rlv
from rlvision_widgets import schema
from rlvision_widgets.analysis.reentry import world_of
from rlvision_widgets.widgets import kept
from rlvision_widgets.widgets.answers.world import asked_of
from rlvision_widgets.widgets.counterfactual_traits import stored_counterfactuals
from rlvision_widgets.widgets.source import StudySource

PRESS = {"kind": "play", "action": 2}


@pytest.fixture
def toy(agent, built):
    """A view of the toy world, which has no objects; playing by hand is what can be done there."""
    study = built.copy()
    world_of(study, ToyEnvironment)
    view = rlv.Counterfactual(study, agent=agent, step=3)
    yield view
    view.close()


@pytest.fixture
def real():
    agent, study = coinrun()
    view = rlv.Counterfactual(study.copy(), agent=agent, step=5)
    yield view
    view.close()


def alone(view):
    """A view of the same study without an agent."""
    return rlv.Counterfactual(view.study, state=view.state())


def ask(view, method, **params):
    """Ask as the browser does; return result and arrays, or raise what it would be shown."""
    sent = []
    view.send = lambda content, buffers=None: sent.append((content, buffers))
    view._receive({"kind": "rlv-request", "id": "1", "method": method, "params": params})
    view.join(60)
    content, buffers = next((content, buffers) for content, buffers in sent if content["kind"] == "rlv-reply")
    if "error" in content:
        raise ValueError(content["error"])
    return {name: value for name, value in content["result"].items() if name != "arrays"}, [
        (spec, bytes(buffer)) for spec, buffer in zip(content["result"]["arrays"], buffers, strict=True)
    ]


def place(view, edits=None, **changes):
    at = {"trajectory": view.trajectory, "step": view.step, "actions": ""}
    return {**at, "edits": json.dumps(view.edits if edits is None else edits), **changes}


def about(view):
    return {"layer": view.layer, "output": view.output}


# -- requests ---------------------------------------------------------------------------------------------------------


def test_kept_answers_equal_computed_ones(toy):
    asked = {**place(toy, [PRESS]), **about(toy)}
    first = ask(toy, "imagine", **asked)
    played = ask(toy, "play_on", **place(toy, [PRESS]), num_steps=6, seed=-1)
    lost = ask(toy, "effects", **asked)
    other = alone(toy)
    assert not other.can_compute
    assert ask(other, "imagine", **asked) == first == ask(toy, "imagine", **asked)
    assert ask(other, "play_on", **place(toy, [PRESS]), num_steps=6, seed=-1) == played
    assert ask(other, "effects", **asked) == lost
    equal = json.dumps([{"action": 2.0, "kind": "play"}])  # other words for the same
    assert ask(other, "imagine", **{**asked, "edits": equal}) == first


def test_without_an_agent_what_is_not_kept_says_what_it_needs(toy):
    other = alone(toy)
    for method, options in (
        ("imagine", about(toy)),
        ("effects", about(toy)),
        ("play_on", {"num_steps": 5, "seed": 0}),
        ("branch", {"num_branches": 2, "num_steps": 5, "seed": 0}),
        ("large", {}),
    ):
        with pytest.raises(ValueError, match="agent"):
            ask(other, method, **place(toy, [PRESS]), **options)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"edits": "[{"}, "JSON"),
        ({"edits": "{}"}, "list"),
        ({"edits": '[{"kind": "hid"}]'}, "hide"),
        ({"edits": '[{"kind": "play", "action": 3}]'}, "from 0 to 2"),
        ({"edits": "[7]"}, "edit"),
        ({"actions": "2 x"}, "blanks"),
        ({"actions": "9"}, "from 0 to 2"),
        ({"trajectory": 2}, "out of range"),
        ({"step": 70}, "out of range"),
        ({"step": -1}, "out of range"),
        ({"step": 1.5}, "int"),
        ({"layer": "9z"}, "layer"),
        ({"output": "valu"}, "value"),
    ],
)
def test_bad_requests_are_refused_and_change_nothing(toy, changes, words):
    before = list(toy.study.children)
    with pytest.raises(ValueError, match=words):
        ask(toy, "imagine", **{**place(toy, [PRESS]), **about(toy), **changes})
    assert list(toy.study.children) == before
    assert toy._stored == []


def test_the_last_24_are_kept(toy):
    for index in range(27):
        ask(toy, "imagine", **{**place(toy, [PRESS]), **about(toy), "step": index, "trajectory": 1})
    found = [asked.step for asked, _, _ in kept.listed(toy.study)]
    assert found == list(range(26, 2, -1))
    assert [entry["step"] for entry in toy._stored if entry["edits"] != "[]"] == found
    assert len(toy.study["counterfactuals"].children) == 24


def test_answers_are_listed_while_others_are_kept(toy):
    ask(toy, "imagine", **place(toy, [PRESS]), **about(toy))
    asked, _, _ = kept.listed(toy.study)[0]
    answer, over, numbers = kept.find(toy.study, asked), threading.Event(), []

    def look():
        while not over.is_set():
            numbers.append(len(kept.listed(toy.study)))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(2) as pool:
            looking = [pool.submit(look) for _ in range(2)]
            for index in range(300):
                kept.keep(toy.study, asked._replace(step=index % 60), answer)
            over.set()
            assert [one.result() for one in looking] == [None, None]
    finally:
        over.set()
        sys.setswitchinterval(interval)
    assert set(numbers) <= set(range(1, 25))


@needs_procgen
def test_unedited_frames_are_not_kept_and_come_with_edited_ones(real):
    ask(real, "imagine", **place(real), **about(real))
    assert real._stored == []
    edited = [{"kind": "background", "index": 2}]
    result, _ = ask(real, "imagine", **place(real, edited), **about(real))
    assert [entry["label"] for entry in real._stored] == ["background 2", "unedited"]
    plain, _ = ask(alone(real), "imagine", **place(real), **about(real))
    assert plain["objects"] == [result["objects"][0]] * 2
    assert plain["edits"] == [] != result["edits"]
    assert not plain["changed"]
    assert result["background"] == 2 != plain["background"]


def test_kept_answers_follow_the_schema_and_survive_saving(toy, tmp_path):
    asked = {**place(toy, [PRESS]), **about(toy)}
    first = ask(toy, "imagine", **asked)
    played = ask(toy, "play_on", **place(toy, [PRESS]), num_steps=4, seed=3)
    schema.check(toy.study)
    rlv.save_study(toy.study, tmp_path / "kept.zarr")
    view = rlv.Counterfactual(tmp_path / "kept.zarr")
    assert ask(view, "imagine", **asked) == first
    assert ask(view, "play_on", **place(toy, [PRESS]), num_steps=4, seed=3) == played
    assert view._stored == toy._stored


def test_answers_in_terms_of_features_that_are_gone_are_not_shown(toy):
    asked = {**place(toy, [PRESS]), **about(toy)}
    ask(toy, "imagine", **asked)
    node = toy.study["layers"][toy.layer]
    other = node.to_dataset(inherit=False)
    other["direction"] = other["direction"][:, ::-1]
    del toy.study["layers"][toy.layer]
    toy.study[f"layers/{toy.layer}"] = type(node)(other)
    assert stored_counterfactuals(toy.study) == []
    with pytest.raises(ValueError, match="agent"):
        ask(rlv.Counterfactual(toy.study), "imagine", **asked)


@pytest.mark.parametrize("method", ["imagine", "effects"])
def test_an_answer_that_a_refit_overtook_is_not_kept(toy, method, monkeypatch):
    connection = toy.source.connection
    computed = getattr(connection, method)

    def overtaken(*asked, **callbacks):
        found = computed(*asked, **callbacks)
        rlv.refit(connection._agent, toy.study, layer=toy.layer, seed=5, progress=False)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(connection, method, overtaken)
        ask(toy, method, **place(toy, [PRESS]), **about(toy))
    assert kept.listed(toy.study) == []
    ask(toy, method, **place(toy, [PRESS]), **about(toy))
    assert len(kept.listed(toy.study)) == 1


def test_a_layer_without_features_gets_them(toy):
    other = next(layer["name"] for layer in toy._study["layers"] if not layer["features"] and layer["name"] != "input")
    result, arrays = ask(toy, "imagine", **place(toy, [PRESS]), layer=other, output="value")
    assert result["layer"] == other
    named = {layer["name"]: layer["features"] for layer in toy._study["layers"]}
    assert len(named[other]) == next(spec["shape"][1] for spec, _ in arrays if spec["name"] == "total")


@needs_procgen
def test_objects_need_no_agent(real):
    result, arrays = ask(alone(real), "objects", trajectory=0, step=5)
    told, _ = ask(real, "imagine", **place(real, [], step=5), **about(real))
    assert result["camera"] == told["camera"][0]
    places = [(row["key"], row["x"], row["box"]) for row in told["objects"][0]]
    assert [(row["key"], row["x"], row["box"]) for row in result["objects"]] == places
    assert [spec["name"] for spec, _ in arrays] == ["instance", "object_class"]


@needs_procgen
def test_effects_list_what_imagine_lists_and_more(real):
    edits = [{"kind": "background", "index": 2}]
    told, _ = ask(real, "imagine", **place(real, edits), **about(real))
    result, arrays = ask(real, "effects", **place(real, edits), **about(real))
    numbers = {spec["name"]: np.frombuffer(_inflated(buffer), "<f4") for spec, buffer in arrays}
    count = len(told["objects"][1])
    assert [row["key"] for row in result["objects"]][:count] == [row["key"] for row in told["objects"][1]]
    assert {"wall", "background"} <= {row["key"] for row in result["objects"][count:]}
    np.testing.assert_allclose(numbers["attributed"].sum(), result["total"], atol=1e-3)
    assert np.isnan(numbers["lost"][count:]).all()
    assert result["unaltered"] == pytest.approx(told["output_value"][1])


def _inflated(buffer):
    import zlib

    return zlib.decompress(buffer)


def test_what_is_no_number_travels_as_null(toy, monkeypatch):
    def imagine(*args, **kwargs):
        found = type(toy.source.connection).imagine(toy.source.connection, *args, **kwargs)
        found.told["class_attributed"][1]["background"] = float("nan")
        return found

    monkeypatch.setattr(toy.source.connection, "imagine", imagine)
    result, _ = ask(toy, "imagine", **place(toy, [PRESS]), **about(toy))
    assert result["class_attributed"][1] == {"background": None}
    json.dumps(toy.page().state, allow_nan=False)


def test_a_movie_is_played_once(toy, tmp_path, monkeypatch):
    play_on, calls = toy.source.connection.play_on, []
    monkeypatch.setattr(toy.source.connection, "play_on", lambda *a, **k: (calls.append(1), play_on(*a, **k))[1])
    toy.num_steps = 4
    rlv.save_snapshot(toy, tmp_path / "toy.gif", progress=False)
    assert calls == [1]


def test_branches_are_counted_in_both_worlds(toy):
    result, arrays = ask(toy, "branch", **place(toy, [PRESS]), num_branches=5, num_steps=7, seed=-1)
    assert result["num_branches"] == 5
    assert [spec["shape"] for spec, _ in arrays] == [[2, 8]] * 3
    with pytest.raises(ValueError, match="num_steps"):
        ask(toy, "play_on", **place(toy), num_steps=0, seed=0)


# -- the view ---------------------------------------------------------------------------------------------------------


@needs_procgen
def test_edits_are_made_undone_and_made_again(real):
    real.edit(rlv.Background(2), {"kind": "velocity_box", "shown": False})
    real.play("RIGHT", 4)
    made = real.edits
    assert made == [
        {"kind": "background", "index": 2},
        {"kind": "velocity_box", "shown": False},
        {"kind": "play", "action": 7},
        {"kind": "play", "action": 4},
    ]
    shown = real.picture()
    real.undo()
    real.undo()
    assert real.edits == made[:2]
    real.redo()
    real.redo()
    assert real.edits == made
    assert real.undone == []
    np.testing.assert_array_equal(real.picture(), shown)
    real.reset()
    assert real.edits == []
    for _ in made:
        real.redo()
    assert real.edits == made
    real.redo()  # nothing is left, and nothing happens
    assert real.edits == made


@needs_procgen
def test_an_edit_and_its_undo_restore_exactly(real):
    before = ask(real, "imagine", **place(real), **about(real))
    real.edit(rlv.Background(2))
    assert ask(real, "imagine", **place(real), **about(real)) != before
    real.undo()
    assert ask(real, "imagine", **place(real), **about(real)) == before


@needs_procgen
def test_what_cannot_be_made_is_refused_and_nothing_changes(real):
    real.edit(rlv.Background(2))
    for wrong, words in (
        (rlv.Background(99), "62"),
        (rlv.Remove("agent"), "agent"),
        ({"kind": "remove", "what": "sow"}, "saw"),
        ({"kind": "rmove", "what": "saw"}, "remove"),
    ):
        with pytest.raises(ValueError, match=words):
            real.edit(wrong)
    with pytest.raises(ValueError, match="RIGHT"):
        real.play("RIHGT")
    assert real.edits == [{"kind": "background", "index": 2}]


def test_leading_presses_are_undone_too(toy):
    toy.actions = [1, 2]
    toy.undo()
    assert (toy.actions, toy.edits) == ([1], [])
    toy.redo()
    assert (toy.actions, toy.edits) == ([1], [PRESS])
    toy.reset()
    assert (toy.actions, toy.edits) == ([], [])
    toy.redo()
    toy.redo()
    assert toy.edits == [{"kind": "play", "action": 1}, PRESS]


@pytest.mark.parametrize(
    ("trait", "value", "words"),
    [
        ("trajectory", 2, "from 0 to 1"),
        ("step", 70, "from 0 to 69"),
        ("layer", "9z", "layer"),
        ("output", "valu", "value"),
        ("feature", 99, "residual"),
        ("edits", [{"kind": "hid", "what": "saw"}], "hide"),
        ("edits", [{"kind": "play", "action": 3}], "from 0 to 2"),
        ("edits", 7, "list"),
        ("undone", [{"kind": "play"}], "play"),
        ("actions", [3], "from 0 to 2"),
        ("num_branches", 0, "from 1"),
        ("num_steps", 10_000, "512"),
        ("seed", -2, "-1"),
    ],
)
def test_traits_refuse_what_cannot_be(toy, trait, value, words):
    before = getattr(toy, trait)
    with pytest.raises(t.TraitError, match=words):
        setattr(toy, trait, value)
    assert getattr(toy, trait) == before


def test_a_view_that_was_closed_is_forgotten_with_its_study_and_its_world(agent, built):
    study = built.copy()
    world_of(study, ToyEnvironment)
    view = rlv.Counterfactual(study, agent=agent, step=3)
    view.play(2)
    view.close()
    gone = [weakref.ref(view), weakref.ref(study), weakref.ref(world_of(study))]
    del view, study
    gc.collect()
    assert [one() for one in gone] == [None] * 3


def test_edits_are_taken_as_objects(toy):
    toy.edits = [rlv.Hide("saw", at=(12, 3.5))]
    assert toy.edits == [{"kind": "hide", "what": "saw", "at": [12.0, 3.5]}]
    assert json.loads(json.dumps(toy.edits)) == toy.edits


def test_state_is_put_back(toy):
    toy.edits, toy.step, toy.seed, toy.selected = [PRESS], 5, 3, "entity 2"
    state = toy.state()
    assert set(state) == {"edits", "step", "seed", "selected"}
    again = rlv.Counterfactual(toy.study, state=json.dumps(state))
    assert again.state() == state
    with pytest.raises(TypeError, match="trajectory"):
        rlv.Counterfactual(toy.study, trajectry=1)


def test_a_new_layer_forgets_a_feature_that_it_lacks(toy):
    toy.feature = 3
    toy.layer = next(layer["name"] for layer in toy._study["layers"] if not layer["features"])
    assert toy.feature is None


# -- pictures and pages -----------------------------------------------------------------------------------------------


@needs_procgen
def test_pictures_show_both_worlds(real, tmp_path):
    real.edit(rlv.Background(2))
    picture = real.picture()
    frame = 4 * 64
    assert picture.shape[1] > 3 * frame
    assert picture.shape[0] > 2 * frame
    rlv.save_snapshot(real, tmp_path / "view.png")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "view.png")), picture)
    real.num_steps = 3
    rlv.save_snapshot(real, tmp_path / "view.gif", progress=False)
    with Image.open(io.BytesIO((tmp_path / "view.gif").read_bytes())) as movie:
        assert movie.n_frames == 4
    assert real.picture(3).shape == real.picture(0).shape
    with pytest.raises(ValueError, match="from 0 to 3"):
        real.picture(4)


def test_a_notebook_is_not_made_to_wait_for_a_picture(toy):
    toy.edits = [PRESS]
    assert toy._poster() is None
    toy.picture()
    assert toy._poster() is not None


@needs_procgen
def test_a_page_answers_as_the_notebook_does(real, tmp_path):
    real.edit(rlv.Background(2))
    ask(real, "effects", **place(real), **about(real))
    ask(real, "play_on", **place(real), num_steps=3, seed=-1)
    real.edit(rlv.VelocityBox(False))  # not computed: the page computes what is shown
    page = real.page()
    methods = [method for method, _ in page.asked]
    assert methods.count("imagine") == 3  # and the frame without edits
    assert {"effects", "play_on", "bundle"} <= set(methods)
    for method, params in page.asked:
        if method == "bundle":
            continue
        result, arrays = page.answer(method, params)
        told, sent = ask(real, method, **params)
        assert json.loads(json.dumps(result)) == told
        assert [spec["name"] for spec, _ in sent] == list(arrays)
    assert page.state["can_compute"] is False
    shown = {name: page.state[name] for name in ("trajectory", "step", "layer", "output")}
    text = next(e["edits"] for e in page.state["_stored"] if json.loads(e["edits"]) == page.state["edits"])
    assert ("imagine", {**shown, "edits": text, "actions": ""}) in page.asked
    rlv.save_snapshot(real, tmp_path / "view.html", progress=False)
    assert "data-rlv-reply" in (tmp_path / "view.html").read_text(encoding="utf-8")


def test_a_page_of_an_unedited_frame_has_it(toy):
    page = toy.page()
    assert [params["edits"] for method, params in page.asked if method == "imagine"] == ["[]"]
    assert [entry["label"] for entry in page.state["_stored"]] == ["unedited"]


def test_a_page_cannot_show_what_is_not_computed(toy):
    other = rlv.Counterfactual(toy.study, step=3)
    other.actions = [2]
    with pytest.raises(ValueError, match="agent"):
        other.page()


def test_equal_questions_have_one_name(built):
    source = StudySource(built)
    texts = ('[{"kind":"hide","what":"saw","at":[12,3.5]}]', '[{"at": [12.0, 3.5], "what": "saw", "kind": "hide"}]')
    one, other = (asked_of(source, 0, 1, text, " 1  2", "2b", " value") for text in texts)
    assert one == other
    assert kept.key_of(built, one) == kept.key_of(built, other) != kept.key_of(built, one._replace(step=2))
