import numpy as np
import pytest
import xarray as xr
from test_counterfactual import coinrun, connected
from test_environments import needs_procgen
from toy import ToyEnvironment

import rlvision_widgets as rlv
from rlvision_widgets import schema
from rlvision_widgets.analysis.bench import divergence
from rlvision_widgets.analysis.connection import Connection, usual_recipe
from rlvision_widgets.analysis.reentry import world_of


def feature(number, strength=1.0, layer="2b", where="next_kernel"):
    return {"kind": "feature", "layer": layer, "feature": number, "strength": strength, "where": where}


@pytest.fixture
def toys(agent, built):
    connection = connected(agent, built)
    world_of(connection._study, ToyEnvironment)
    return connection


@pytest.fixture(scope="module")
def real():
    return connected(*coinrun())


def strong(connection):
    """An edit that no policy survives."""
    layer = layer_of(connection)
    channels = connection._agent.layer_shape(layer)[0]
    direction = np.random.default_rng(1).normal(scale=30, size=channels).tolist()
    return {"kind": "steer", "layer": layer, "direction": direction, "strength": 2.0}


def layer_of(connection):
    return next(iter(connection._study["layers"].children))


# -- frames -----------------------------------------------------------------------------------------------------------


def test_a_look_follows_the_schema_and_its_first_half_is_the_study_s_own(toys):
    layer = layer_of(toys)
    found = toys.look_edited(1, 7, layer, "value", [feature(0, layer=layer)])
    schema.check(found.data.assign_attrs(question="", told="", number=0), schema.EDITED_FRAME)
    output = toys._study["layers"][layer]["outputs"]["value"]
    stored = output["total"][1, 7].values
    np.testing.assert_allclose(found.data["total"][0], stored, rtol=1e-3, atol=1e-4 * abs(stored).max())
    assert float(found.data["value"][0]) == pytest.approx(float(toys._study["value"][1, 7]), rel=1e-5)


def test_the_second_half_is_what_the_edited_agent_says(toys, agent):
    layer = layer_of(toys)
    edits = [feature(1, layer=layer), feature(0, -0.5, layer)]
    found = toys.look_edited(0, 3, layer, "value", edits).data
    own = rlv.edited_agent(
        agent,
        [rlv.Ablate.feature(toys._study, layer, 1), rlv.Ablate.feature(toys._study, layer, 0, strength=-0.5)],
    )
    logits, value = own(found["observation"].values[np.newaxis])
    np.testing.assert_array_equal(found["policy_logits"][1], logits[0])
    assert float(found["value"][1]) == value[0]
    # attribution, residual and what the integral misses make up the output less that of nothing, for either agent
    total = found["total"].sum("feature") + found["residual_total"] + found["completeness_error"]
    nothing = [float(one.head(layer)(one.activations(layer, frame(found)) * 0).value[0]) for one in (agent, own)]
    np.testing.assert_allclose(total, found["output_value"] - nothing, rtol=1e-3, atol=1e-3)


def frame(found):
    return found["observation"].values[np.newaxis]


def test_without_an_effect_both_halves_are_the_same_to_the_bit(toys):
    layer = layer_of(toys)
    for edits in ([], [feature(0, 0.0, layer)]):
        found = toys.look_edited(0, 3, layer, "value", edits)
        assert found.told["identical"]
        assert found.told["kl"] == 0
        for name in schema.EDITED_FRAME.variables:
            if name != "observation":
                np.testing.assert_array_equal(found.data[name][0], found.data[name][1])


def test_changes_say_how_much_each_edit_changes(toys):
    layer = layer_of(toys)
    half, whole = (toys.look_edited(0, 3, layer, "value", [feature(0, s, layer, "layer")]).told for s in (0.5, 1))
    (first,), (second,) = half["changes"], whole["changes"]
    assert second["max_change"] == pytest.approx(2 * first["max_change"], rel=1e-4)
    assert second["layer"] == layer
    assert second["where"] == "layer"
    both = toys.look_edited(0, 3, layer, "value", [feature(0, 1, layer, "layer"), feature(0, 1, layer, "layer")]).told
    assert both["changes"][0] == second | {"index": 0}
    assert both["changes"][1]["max_change"] == pytest.approx(0, abs=1e-5)  # it is gone already
    assert len(both["texts"]) == 2


def test_the_original_is_untouched(toys, agent):
    layer = layer_of(toys)
    frames = toys._study["observation"].values[0, :4]
    before = agent(frames)
    toys.look_edited(0, 3, layer, "value", [feature(0, 1, layer), feature(1, 2, layer, "layer")])
    for one, other in zip(before, agent(frames), strict=True):
        np.testing.assert_array_equal(one, other)
    assert toys.edited_agent([]) is toys._agent
    assert toys.edited_agent([feature(0, 1, layer)]) is not toys._agent


def test_what_cannot_be_made_is_refused(toys):
    layer = layer_of(toys)
    with pytest.raises(ValueError, match="feature"):
        toys.look_edited(0, 3, layer, "value", [feature(99, layer=layer)])
    with pytest.raises(ValueError, match="layer"):
        toys.look_edited(0, 3, layer, "value", [feature(0, layer="9z")])
    with pytest.raises(ValueError, match="name of kept edits"):
        toys.look_edited(0, 3, layer, "value", [{"kind": "stored", "name": "none", "strength": 1.0}])


def test_kept_edits_are_scaled_as_a_whole(toys):
    layer = layer_of(toys)
    rlv.keep_edits(toys._study, "both", [rlv.Ablate.feature(toys._study, layer, k) for k in (0, 1)])
    stored = toys.look_edited(0, 3, layer, "value", [{"kind": "stored", "name": "both", "strength": 0.5}])
    single = toys.look_edited(0, 3, layer, "value", [feature(0, 0.5, layer), feature(1, 0.5, layer)])
    np.testing.assert_array_equal(stored.data["policy_logits"], single.data["policy_logits"])
    assert len(stored.told["changes"]) == 1


def test_divergence_is_kullback_leibler_s():
    logits = np.log(np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]], np.float32)) + 3
    assert divergence(logits[0], logits[1], 3) == pytest.approx(0.5 * np.log(2) - 0.25 * np.log(2), rel=1e-5)
    assert divergence(logits[0], logits[0], 3) == 0


# -- races ------------------------------------------------------------------------------------------------------------


def test_a_race_without_an_effect_shows_two_identical_worlds_that_repeat_the_recording(toys):
    for edits in ([], [feature(0, 0.0, layer_of(toys))]):
        found = toys.race(1, 5, edits, 8)
        schema.check(found.data.assign_attrs(question="", told="", number=0), schema.RACE)
        for name in schema.RACE.variables:
            np.testing.assert_array_equal(found.data[name][0], found.data[name][1])
        assert found.told["diverged"] == found.told["apart"] == -1
        length = found.told["length"][0]
        assert length > 0
        recorded = toys._study.to_dataset().isel(trajectory=1, step=slice(5, 5 + length))
        np.testing.assert_array_equal(found.data["observation"][0, :length], recorded["observation"])
        np.testing.assert_array_equal(found.data["action"][0, :length], recorded["action"])


def test_a_race_marks_where_it_parts(toys):
    parted = [toys.race(0, step, [strong(toys)], 12, seed) for step in (2, 9, 20) for seed in (-1, 0, 1)]
    parted = [found for found in parted if found.told["diverged"] >= 0]
    assert parted  # so strong an edit is seen somewhere
    for found in parted:
        action, frames = found.data["action"].values, found.data["observation"].values
        at, apart = found.told["diverged"], found.told["apart"]
        assert (action[0, :at] == action[1, :at]).all()
        assert action[0, at] != action[1, at]
        assert (frames[0, : at + 1] == frames[1, : at + 1]).all()
        assert apart == -1 or apart > at


def test_a_race_of_one_seed_is_always_the_same_and_of_another_is_not(toys):
    runs = [toys.race(0, 2, [], 12, seed).data["action"].values for seed in (0, 0, 1, 2, 3)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert any((runs[0] != other).any() for other in runs[2:])


def test_what_was_played_is_not_played_again(toys, monkeypatch):
    layer, played = layer_of(toys), []
    from rlvision_widgets.analysis import racing

    monkeypatch.setattr(racing, "run", lambda task, *args, own=racing.run: (played.append(task), own(task, *args))[1])
    toys.race(0, 2, [feature(0, 1, layer)], 6)
    assert len(played) == 2
    toys.race(0, 2, [feature(0, 0.5, layer)], 6)
    assert len(played) == 3  # the original is known
    toys.race(0, 2, [], 6)
    assert len(played) == 3


@needs_procgen
def test_races_in_a_real_world_end_with_their_causes(real):
    found = real.race(0, 4, [feature(1)], 300)
    over = [cause for cause in found.told["cause"] if cause is not None]
    assert over
    assert all(over)
    length = found.told["length"][0]
    recorded = real._study.to_dataset().isel(trajectory=0, step=slice(4, min(4 + length, 64)))["observation"]
    np.testing.assert_array_equal(found.data["observation"][0, : recorded.sizes["step"]], recorded)
    assert np.isnan(found.data["value"][0, length:]).all()


def test_a_wrapped_agent_is_raced_and_measured_as_the_same_network_is(toys, agent):
    layer = layer_of(toys)
    wrapped = rlv.wrap_agent(
        agent.network,
        layers=[f"trunk.{name}" for name in agent.layers],
        observation_shape=agent.observation_shape,
        action_names=agent.action_names,
        value_scale=agent.value_scale,
    )
    study = toys._study.copy()
    study.attrs["checkpoint"] = wrapped.checkpoint
    renamed = study["layers"][layer].copy()
    renamed.attrs["layer"] = f"trunk.{layer}"
    study["layers"] = xr.DataTree(children={f"trunk.{layer}": renamed})
    world_of(study, ToyEnvironment)
    own = Connection(wrapped, study, usual_recipe(study))
    edits, wraps = ([feature(1, 1.0, name, "layer")] for name in (layer, f"trunk.{layer}"))
    one, other = toys.race(0, 2, edits, 12), own.race(0, 2, wraps, 12)
    np.testing.assert_array_equal(one.data["action"], other.data["action"])
    one = toys.look_edited(0, 3, layer, "value", edits)
    other = own.look_edited(0, 3, f"trunk.{layer}", "value", wraps)
    np.testing.assert_allclose(one.data["total"], other.data["total"], rtol=1e-3, atol=1e-2)
    assert toys.measure(edits, 8, 0).told["rows"] == own.measure(wraps, 8, 0).told["rows"]


# -- measurements -----------------------------------------------------------------------------------------------------


def test_a_measurement_pairs_levels_and_a_sham_changes_none(toys):
    layer = layer_of(toys)
    sham = toys.measure([feature(0, 0.0, layer)], 20, 1).told
    assert [(row["b"], row["c"], row["p"]) for row in sham["rows"]] == [(0, 0, 1.0)] * len(sham["rows"])
    total = toys.measure([strong(toys)], 20, 1).told["rows"][0]
    assert total["b"] + total["c"] > 0
    assert total["cause"] == "failed"
    assert total["original"] == sham["rows"][0]["original"]
    assert total["edited"] - total["original"] == total["b"] - total["c"]
    assert total["rate"] == [total["original"] / 20, total["edited"] / 20]
    for rate, (low, high) in zip(total["rate"], total["interval"], strict=True):
        assert low <= rate <= high


def test_a_cancelled_measurement_goes_on_where_it_stopped(toys):
    layer, told = layer_of(toys), []
    edits = [feature(0, 1.0, layer)]
    assert toys.measure(edits, 24, 0, lambda *state: told.append(state), lambda: len(told) > 2) is None
    told.clear()
    found = toys.measure(edits, 24, 0, lambda *state: told.append(state), lambda: False).told
    assert told[0][1] > 0  # known from before
    assert told[-1] == ("levels", 48, 48)
    fresh = connected(toys._agent, toys._study)
    world_of(fresh._study, ToyEnvironment)
    assert fresh.measure(edits, 24, 0).told["rows"] == found["rows"]
