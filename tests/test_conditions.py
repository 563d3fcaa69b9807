"""Conditions of an evaluation: the original, edited agents, edited worlds, all with the same levels and luck."""

import json

import numpy as np
import pytest
from test_environments import needs_procgen
from toy import ToyEnvironment

import rlvision_widgets as rlv
from rlvision_widgets.analysis.evaluation import evaluate

LEVELS = list(range(50, 90))


def one_channel(strength, channel=1):
    return rlv.Ablate("2b", tuple(float(index == channel) for index in range(8)), strength)


def play(agent, **options):
    with ToyEnvironment(5) as environment:
        return evaluate(agent, LEVELS, environment=environment, progress=False, **options)


def test_a_sham_edit_changes_no_level_and_a_real_one_does(agent):
    result = play(agent, edits={"sham": [one_channel(0.0)], "none": [], "blind": [one_channel(1.0)]})
    assert list(result["condition"].values) == ["original", "sham", "none", "blind"]
    for name in ("success", "cause", "length", "return"):
        values = result[name].values
        np.testing.assert_array_equal(values[1], values[0])
        np.testing.assert_array_equal(values[2], values[0])
    assert (result["length"][3] != result["length"][0]).any()


def test_the_original_is_as_without_other_conditions(agent):
    alone, compared = play(agent), play(agent, edits={"blind": [one_channel(1.0)]})
    np.testing.assert_array_equal(compared["length"][:1], alone["length"])
    assert compared.attrs["success_rate"] == alone.attrs["success_rate"]


def test_an_edited_agent_alone_plays_as_the_condition(agent):
    edited = play(rlv.edited_agent(agent, [one_channel(1.0)]))
    np.testing.assert_array_equal(edited["length"][0], play(agent, edits={"a": [one_channel(1.0)]})["length"][1])
    assert json.loads(edited.attrs["agent_edits"]) == [one_channel(1.0).to_dict()]


def test_the_edits_are_told_by_their_condition(agent):
    result = play(agent, edits={"blind": one_channel(1.0)})
    assert json.loads(result.attrs["edits"]) == {"blind": [one_channel(1.0).to_dict()]}
    assert json.loads(result.attrs["world"]) == {}
    assert result["cause"].dtype == object
    assert (result["cause"] == "").all(), "nothing is known of how levels of other games end"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"edits": [one_channel(1.0)]}, TypeError, "dict of lists by name"),
        ({"edits": {"original": [one_channel(1.0)]}}, ValueError, "other than 'original'"),
        ({"edits": {" ": [one_channel(1.0)]}}, ValueError, "line of text"),
        ({"edits": {3: [one_channel(1.0)]}}, ValueError, "line of text"),
        ({"edits": {"a": [one_channel(1.0)]}, "world": {"a": []}}, ValueError, "give each its own"),
        ({"edits": {"a": [{"kind": "ablat"}]}}, ValueError, r"edits\['a'\].*'ablate'"),
        ({"edits": {"a": [rlv.Ablate("2c", (1.0,))]}}, ValueError, r"edits\['a'\].*'2"),
        ({"edits": {"a": [rlv.Ablate("2b", (1.0,))]}}, ValueError, r"edits\['a'\]"),
        ({"world": {"a": [{"kind": "hid"}]}}, ValueError, r"world\['a'\].*'hide'"),
        ({"edit": {}}, TypeError, "'edits'"),
        ({"causes": True, "presicion": "float32"}, TypeError, "'precision'"),
    ],
)
def test_what_is_no_condition_is_refused(agent, options, error, message):
    with pytest.raises(error, match=message):
        play(agent, **options)


def test_edits_need_an_agent_with_a_network():
    with pytest.raises(TypeError, match="wrap_agent"):
        play(lambda observations: (np.zeros((len(observations), 3)), None), edits={"a": [one_channel(1.0)]})


@needs_procgen
def test_hidden_saws_are_as_deadly_and_nothing_else_has_changed():
    def rightwards(observations):
        """Go right and jump, whatever is shown."""
        return np.tile(np.where(np.isin(np.arange(15), (7, 8)), 3, 0).astype(np.float32), (len(observations), 1)), None

    world = {"name": "coinrun", "distribution_mode": "easy"}
    hidden = {"saws hidden": [rlv.Hide("saw")], "no saws": [rlv.Remove("saw")]}
    result = evaluate(rightwards, 12, environment=world, world=hidden, progress=False)
    shown, unseen, gone = (result.sel(condition=name) for name in ("original", "saws hidden", "no saws"))
    for name in ("success", "cause", "length"):  # a policy that sees nothing cannot be blinded
        np.testing.assert_array_equal(shown[name], unseen[name])
    assert "saw" in shown["cause"].values
    assert "saw" not in gone["cause"].values
    assert json.loads(result.attrs["world"])["no saws"] == [{"kind": "remove", "what": "saw"}]


@needs_procgen
def test_what_no_world_can_be_is_refused_before_anything_is_played(tmp_path):
    def nobody(observations):
        raise AssertionError("it played")

    world, path = {"name": "coinrun", "distribution_mode": "easy"}, tmp_path / "o.jsonl"
    with pytest.raises(ValueError, match="cheese"):
        evaluate(nobody, 5, environment=world, world={"cheese": [rlv.Place("cheese")]}, path=path, progress=False)
    assert len(path.read_text().splitlines()) == 1, "mended, it may have the same name"


@needs_procgen
def test_an_edit_that_no_level_can_have_is_told(recwarn):
    def hopping(observations):
        return np.tile(np.where(np.isin(np.arange(15), (7, 8)), 3, 0).astype(np.float32), (len(observations), 1)), None

    options = {"environment": {"name": "coinrun", "distribution_mode": "easy"}, "causes": False, "progress": False}
    evaluate(hopping, 3, world={"a": [rlv.Hide("saw")]}, **options)
    assert not recwarn
    with pytest.warns(UserWarning, match="'b': every explosion hidden.* none of .* levels"):
        evaluate(hopping, 100, world={"b": [rlv.Hide("explosion")]}, **options)
    with pytest.raises(ValueError, match="unknown class of objects in coinrun 'cheese'"):
        evaluate(hopping, 3, world={"c": [rlv.Hide("cheese")]}, **options)
