"""Edits of the agent inside the explorer, driven as a browser would drive them."""

import json

import pytest
import toy
import traitlets
from test_counterfactual_view import ask

from rlvision_widgets.analysis.reentry import world_of
from rlvision_widgets.storage import open_study, save_study
from rlvision_widgets.widgets import Explorer

FIRST = {"kind": "feature", "layer": "2b", "feature": 0, "strength": 1.0, "where": "next_kernel", "enabled": True}


@pytest.fixture
def study():
    return toy.toy_study()


def test_edits_are_part_of_what_is_shown_and_the_way_there_is_not(study):
    view = Explorer(study, editing=True)
    view.toggle(0)
    view.edit({**FIRST, "feature": 2, "strength": -1})
    view.undo()
    state = json.loads(json.dumps(view.state()))
    assert state == {"editing": True, "edits": [FIRST]}
    other = Explorer(study, state=state)
    assert (other.edits, other.history, other.undone) == ([FIRST], [], [])
    other.restore({})
    assert (other.edits, other.editing) == ([], False)


def test_another_layer_or_step_leaves_the_edits_alone(study):
    view = Explorer(study, edits=[FIRST])
    view.step, view.trajectory, view.feature = 5, 1, 3
    view.layer = next(layer["name"] for layer in view._study["layers"])
    assert view.edits == [FIRST]


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([{**FIRST, "feature": 99}], "from 0 to"),
        ([{**FIRST, "layer": "2c"}], "2b"),
        ([{**FIRST, "strength": 3}], "-2 to 2"),
        ([{**FIRST, "kind": "featur"}], "feature"),
        ([{**FIRST, "strenght": 1}], "strength"),
        ([{"kind": "stored", "name": "nothing"}], "nothing"),
        ("feature 3", "a dict with a kind"),
    ],
)
def test_what_is_no_edit_is_refused_and_nothing_changes(study, edits, words):
    view = Explorer(study, edits=[FIRST])
    with pytest.raises(traitlets.TraitError, match=words):
        view.edits = edits
    assert view.edits == [FIRST]
    with pytest.raises(traitlets.TraitError, match=words):
        Explorer(study, edits=edits)


def test_an_unknown_keyword_names_the_trait(study):
    with pytest.raises(TypeError, match="edits"):
        Explorer(study, edit=[FIRST])


# -- with an agent, and without --------------------------------------------------------------------------------------


@pytest.fixture
def live(agent, built):
    study = built.copy()
    world_of(study, toy.ToyEnvironment)
    view = Explorer(study, agent=agent, step=3)
    view.toggle(0)
    yield view
    view.close()


def asked(view, **changes):
    shown = {name: getattr(view, name) for name in ("trajectory", "step", "layer", "output")}
    return {**shown, "edits": json.dumps(view.edits), **changes}


def raced(view):
    place = {name: getattr(view, name) for name in ("trajectory", "step")}
    return {**place, "edits": json.dumps(view.edits), "num_steps": 6, "seed": -1}


def test_an_explorer_without_an_agent_shows_what_the_study_keeps_and_says_what_the_rest_needs(live):
    told = ask(live, "edited", **asked(live))
    race = ask(live, "race", **raced(live))
    other = Explorer(live.study, state=live.state())
    assert not other.can_compute
    assert ask(other, "edited", **asked(other)) == told
    assert ask(other, "race", **raced(other)) == race
    assert [entry["has"] for entry in other._edited] == [["edited", "race"]]
    for method, question in (("edited", asked(other, step=4)), ("race", {**raced(other), "seed": 5})):
        with pytest.raises(ValueError, match="agent="):
            ask(other, method, **question)
    with pytest.raises(ValueError, match="agent="):
        _ = other.agent


def test_an_edit_that_changes_nothing_leaves_every_number_alone(live):
    live.edits = [{**entry, "strength": 0.0} for entry in live.edits]
    told, _ = ask(live, "edited", **asked(live))
    assert told["identical"]
    assert told["changes"] == []


def test_a_page_carries_what_is_kept_and_the_part_that_shows_it(live, tmp_path):
    ask(live, "edited", **asked(live))
    ask(live, "race", **raced(live))
    live.keep("without the first")
    page = live.page()
    assert ("bundle", {"name": "editing"}) in page.asked
    methods = {method for method, _ in page.asked}
    assert {"edited", "race"} <= methods
    for method, params in page.asked:
        if method in {"edited", "race"}:
            assert page.answer(method, params)[1]
    assert page.state["edits"] == live.edits
    assert [kept["name"] for kept in page.state["_presets"]] == ["without the first"]
    assert page.state["_edited"] == live._edited
    assert page.state["history"] == []


def test_what_is_kept_survives_saving(live, tmp_path):
    told = ask(live, "edited", **asked(live))
    live.keep("without the first")
    save_study(live.study, tmp_path / "kept.zarr")
    other = Explorer(open_study(tmp_path / "kept.zarr"), state=live.state())
    assert ask(other, "edited", **asked(other)) == told
    other.reset()
    other.preset("without the first")
    assert ask(other, "edited", **asked(other)) == told  # the very edits that were kept
    other.undo()
    assert other.edits == []


def test_all_views_of_a_study_hear_of_edits_that_one_keeps(live):
    other = Explorer(live.study)
    live.keep("without the first")
    assert [kept["name"] for kept in other._presets] == ["without the first"]
    assert [kept["name"] for kept in live._presets] == ["without the first"]
