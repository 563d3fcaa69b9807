import dataclasses
import threading
from itertools import pairwise

import numpy as np
import pytest
import toy
import xarray as xr

from rlvision_widgets import schema
from rlvision_widgets.agents import Agent
from rlvision_widgets.agents.layered import LayeredNetwork
from rlvision_widgets.analysis import filling
from rlvision_widgets.analysis.attribution import attribute
from rlvision_widgets.analysis.features import reduce_attribution
from rlvision_widgets.naming import rename
from rlvision_widgets.schema import Selection
from rlvision_widgets.storage import open_study, save_study
from rlvision_widgets.study import TORCH, build_study, connect, refit

VALUE = "layers/2b/outputs/value"


@pytest.fixture
def mine(built):
    """A copy of the built study that may be changed."""
    return built.copy(deep=True)


def full_attribution(study, agent, layer="2b", output="value"):
    """Compute a trajectory's attribution at once, without rounding."""
    found = attribute(agent, study["observation"][1], layer=layer, output=output)
    return reduce_attribution(found, study[f"layers/{layer}"].to_dataset())


def test_a_built_study_follows_the_schema_and_survives_storage(built, tmp_path):
    schema.check(built)
    assert set(built.children) == {"observations", "states", "layers"}
    assert np.isfinite(built[VALUE]["completeness_error"]).all()
    assert list(built["layers/2b/feature_name"].values) == ["feature 0", "feature 1", "feature 2"]
    save_study(built, tmp_path / "study.zarr")
    xr.testing.assert_identical(open_study(tmp_path / "study.zarr"), built)


def test_the_value_is_its_baseline_and_features_and_residual_and_error(built):
    output = built[VALUE]
    parts = output["total"].sum("feature") + output["residual_total"] + output["completeness_error"]
    np.testing.assert_allclose(output.attrs["baseline_output"] + parts, built["value"], atol=2e-5)


def test_stored_attribution_is_the_computed_one_up_to_half_a_step_of_rounding(mine, agent):
    exact, stored = full_attribution(mine, agent), mine[VALUE].to_dataset().isel(trajectory=1)
    scale = stored["scale"]
    for name in ("attribution", "residual"):
        rounding = np.abs(stored[name].astype(np.float32) * scale - exact[name])
        assert (rounding <= 0.5001 * scale).all()
    largest = np.abs(exact["attribution"]).max(("y", "x", "feature"))
    np.testing.assert_allclose(stored["largest"], largest, rtol=1e-5)
    everything = np.maximum(largest, np.abs(exact["residual"]).max(("y", "x")))
    np.testing.assert_allclose(scale * 127, everything, rtol=1e-5)
    for name in ("total", "residual_total", "completeness_error"):
        np.testing.assert_allclose(stored[name], exact[name], atol=1e-5)
    assert mine[VALUE].attrs["display_scale"] == pytest.approx(float(np.median(mine[VALUE]["largest"])))


def test_the_same_seed_builds_the_same_study(built, agent):
    xr.testing.assert_identical(toy.built_study(agent), built)
    other = toy.built_study(agent, seed=1)
    assert (other["level_seed"] != built["level_seed"]).any()
    assert (other["observations/observation"] != built["observations/observation"]).any()


def test_emulator_states_have_a_node_of_their_own(built):
    states = built["states"]
    assert list(states["keyframe_step"].values) == [0, 64]
    environment = toy.ToyEnvironment(1)
    size = int(states["size"][1, 1])
    environment.set_state(0, states["env_state"].values[1, 1, :size].tobytes())
    np.testing.assert_array_equal(environment.observe().observation[0], built["observation"][1, 64])


def test_what_is_computed_later_is_what_would_have_been_built(mine, agent):
    built = toy.built_study(agent, layers=["2b", "3a"], outputs=["value", "RIGHT"])
    connection = connect(agent, mine)
    for trajectory in (1, 0):
        for start in (64, 0):
            for layer in ("3a", "2b"):
                for output in ("RIGHT", "value"):
                    connection.attribute(Selection(trajectory, slice(start, start + 64), layer, output))
    for layer in ("2b", "3a"):
        xr.testing.assert_identical(mine[f"layers/{layer}"].to_dataset(), built[f"layers/{layer}"].to_dataset())
        for output in ("value", "RIGHT"):
            found, expected = (tree[f"layers/{layer}/outputs/{output}"].to_dataset() for tree in (mine, built))
            xr.testing.assert_allclose(
                found[["total", "residual_total", "scale"]],
                expected[list(found)][["total", "residual_total", "scale"]],
                atol=1e-6,
            )
            assert np.abs(found["attribution"].astype(int) - expected["attribution"]).max() <= 1


def test_only_the_selection_is_computed_and_nothing_twice(mine, agent, monkeypatch):
    frames = []
    original = filling.attribute

    def counted(agent, observations, **options):
        if options["output"] == "LEFT":
            frames.append(len(observations))
        return original(agent, observations, **options)

    monkeypatch.setattr(filling, "attribute", counted)
    connection = connect(agent, mine)
    node = connection.attribute(Selection(1, slice(10, 20), "2b", "LEFT"))
    computed = np.isfinite(node["completeness_error"].values)
    assert computed[1, 10:20].all()
    assert computed.sum() == 10
    assert frames == [1, 10]  # one frame tells the sizes
    connection.attribute(Selection(1, slice(0, 64), "2b", "LEFT"))
    assert sorted(frames) == [1, 10, 22, 32]
    connection.attribute(Selection(1, slice(0, 64), "2b", "LEFT"))
    assert sorted(frames) == [1, 10, 22, 32]
    connection.attribute(Selection(layer="2b", output="LEFT"))
    assert np.isfinite(node["completeness_error"]).all()
    assert max(frames) == filling.BATCH  # however long the trajectory
    assert sum(frames) - 1 == mine.sizes["trajectory"] * mine.sizes["step"]


def test_cancelling_keeps_what_is_there_and_it_goes_on_from_there(mine, agent):
    connection, reports = connect(agent, mine), []

    def after_one_batch():
        return any(done for stage, done, _ in reports if stage == "attribution")

    selection = Selection(layer="2b", output="centred:LEFT")
    node = connection.attribute(selection, progress=lambda *report: reports.append(report), cancelled=after_one_batch)
    computed = np.isfinite(node["completeness_error"].values)
    batch = slice(0, filling.BATCH)
    assert computed[0, batch].all()
    assert computed.sum() == filling.BATCH
    kept = node["attribution"].values[0, batch].copy()
    reports.clear()
    connection.attribute(selection, progress=lambda *report: reports.append(report))
    assert reports[-1] == ("attribution", 140 - filling.BATCH, 140 - filling.BATCH)
    np.testing.assert_array_equal(node["attribution"].values[0, batch], kept)


def test_cancelling_while_features_are_fitted_leaves_the_study_as_it_was(mine, built, agent):
    asked = []
    assert connect(agent, mine).attribute(Selection(layer="1a"), cancelled=lambda: asked.append(1) or True) is None
    assert asked
    xr.testing.assert_identical(mine, built)
    assert not TORCH.locked()


def test_progress_is_reported_stage_by_stage(mine, agent):
    reports = []
    connect(agent, mine).attribute(Selection(0, layer="4a"), progress=lambda *report: reports.append(report))
    assert list(dict.fromkeys(stage for stage, _, _ in reports)) == ["features", "examples", "grids", "attribution"]
    for stage in ("features", "examples", "attribution"):
        done = [done for name, done, _ in reports if name == stage]
        assert done == sorted(done)
        assert done[-1] == next(total for name, _, total in reports if name == stage)


def test_two_threads_take_turns_and_get_what_one_gets(mine, built, agent):
    connection, order = connect(agent, mine), []
    barrier = threading.Barrier(2)

    def work(layer):
        barrier.wait()
        connection.attribute(Selection(layer=layer), progress=lambda *_: order.append(layer))

    threads = [threading.Thread(target=work, args=(layer,)) for layer in ("3a", "4a")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(before != after for before, after in pairwise(order)) == 1
    alone = built.copy(deep=True)
    for layer in ("3a", "4a"):
        connect(agent, alone).attribute(Selection(layer=layer))
    xr.testing.assert_identical(mine, alone)


def test_waiting_for_another_computation_can_be_cancelled(mine, agent):
    connection = connect(agent, mine)
    with TORCH:
        assert connection.attribute(Selection(layer="3a"), cancelled=lambda: True) is None
    assert "3a" not in mine["layers"].children


def test_an_opened_study_can_be_added_to_and_saved(built, agent, tmp_path):
    save_study(built, tmp_path / "study.zarr.zip")
    opened = open_study(tmp_path / "study.zarr.zip")
    connect(agent, opened).attribute(Selection(0, slice(0, 5), "2b", "RIGHT"))
    connect(agent, opened).attribute(Selection(0, slice(0, 5), "3a"))
    save_study(opened, tmp_path / "study.zarr.zip")
    again = open_study(tmp_path / "study.zarr.zip")
    xr.testing.assert_identical(again, opened)
    node = connect(agent, again).attribute(Selection(0, slice(0, 10), "2b", "RIGHT"))
    assert np.isfinite(node["completeness_error"].values).sum() == 10
    np.testing.assert_array_equal(node["total"][0, :5], opened["layers/2b/outputs/RIGHT/total"][0, :5])


def test_the_pixels_are_shown_by_their_plain_gradients(mine, agent):
    node = connect(agent, mine).attribute(Selection(1, slice(0, 20), "input", "RIGHT"))
    schema.check(mine)
    layer = mine["layers/input"]
    assert list(layer["feature_name"].values) == ["red", "green", "blue"]
    assert list(layer["colour"].values) == ["#ff0000", "#00ff00", "#0000ff"]
    assert layer.attrs["method"] == "gradients"
    assert set(layer.children) == {"outputs"}
    exact = attribute(agent, mine["observation"][1, :20], layer="input", output="RIGHT", rule="gradient")
    own = node.to_dataset().isel(trajectory=1, step=slice(0, 20))
    rounding = np.abs(own["attribution"] * own["scale"] - exact.values)
    assert (rounding <= 0.5001 * own["scale"]).all()
    assert not own["residual"].any()
    np.testing.assert_allclose(own["completeness_error"], exact.completeness_error)
    assert (own["num_points"] == 1).all()
    assert node.attrs["rule"] == "gradient"
    assert np.isnan(node["completeness_error"].values).sum() == 140 - 20


def test_the_pixels_are_built_with_a_study_and_kept(agent, tmp_path):
    study = toy.built_study(agent, layers=["input", "3a"], num_steps=10)
    assert list(study["layers"].children) == ["input", "3a"]
    save_study(study, tmp_path / "study.zarr")
    opened = open_study(tmp_path / "study.zarr")
    xr.testing.assert_identical(opened, study)
    assert connect(agent, opened).attribute(Selection(layer="4a")).sizes["feature"] == 3  # as in 3a


@pytest.mark.parametrize(
    ("features", "method", "number"),
    [("attribution", "attribution", 3), ("activations", "activations", 3), ("channels", "identity", 8)],
)
def test_features_are_of_attribution_of_activations_or_of_channels(agent, features, method, number):
    study = toy.built_study(agent, num_steps=10, features=features)
    schema.check(study)
    layer = study["layers/2b"]
    assert layer.attrs["method"] == method
    assert layer.sizes["feature"] == number
    assert set(layer.children) >= {"examples", "outputs"}
    later = connect(agent, study)
    later.attribute(Selection(0, slice(0, 2), "3a"))
    assert study["layers/3a"].attrs["method"] == method  # as the study has it
    assert study["layers/3a"].sizes["feature"] == number


def test_quality_numbers_are_there_and_are_shares(built):
    layer = built["layers/2b"]
    assert 0 < layer.attrs["r_squared"] <= 1
    for name in ("residual_share", "residual_share_totals"):
        assert 0 <= layer.attrs[name] < 1
    assert layer["stability"].dims == ("feature",)
    assert ((layer["stability"] >= 0) & (layer["stability"] <= 1.000001)).all()
    assert layer.attrs["seed_stability"] == pytest.approx(float(layer["stability"].mean()))


def test_the_residual_share_of_totals_is_that_of_the_observations(agent):
    study = toy.built_study(agent, num_steps=3, attribution={"num_points": 16})
    found = attribute(agent, study["observations/observation"], layer="2b", num_points=16)
    reduced = reduce_attribution(found, study["layers/2b"].to_dataset())
    rest, parts = (float(np.abs(reduced[name]).sum()) for name in ("residual_total", "total"))
    assert study["layers/2b"].attrs["residual_share_totals"] == pytest.approx(rest / (rest + parts), rel=1e-3)


@pytest.mark.parametrize(
    ("options", "rule", "points"),
    [
        ({"rule": "right", "num_points": 10}, "right", 10),
        ({"paths": 2, "num_points": 4}, "paths", 4 * 4),
        ({"smooth_max_pool": True}, "middle", 10),
    ],
)
def test_attribution_is_as_it_was_asked_for_also_of_what_is_computed_later(agent, options, rule, points, tmp_path):
    study = toy.built_study(agent, num_steps=10, num_trajectories=1, attribution=options)
    node = study[VALUE]
    assert node.attrs["rule"] == rule
    features = study["layers/2b"].to_dataset()
    more = {"features": features, "seed": 0} if "paths" in options else {}
    exact = reduce_attribution(attribute(agent, study["observation"], layer="2b", **options, **more), features)
    np.testing.assert_allclose(node["total"], exact["total"], atol=1e-5)
    expected = np.unique(exact["num_points"])
    assert (node["num_points"] == expected).all()
    assert rule == "paths" or expected == points
    save_study(study, tmp_path / "study.zarr")
    opened = open_study(tmp_path / "study.zarr")
    later = connect(agent, opened).attribute(Selection(0, slice(0, 3), "2b", "RIGHT"))
    assert later.attrs["rule"] == rule
    assert (later["num_points"][0, :3] == expected).all()


def test_refitted_features_keep_their_names_and_what_was_attributed_is_attributed_again(mine, agent):
    connection = connect(agent, mine)
    connection.attribute(Selection(0, slice(0, 5), "2b", "RIGHT"))
    rename(mine, "2b", 1, "the coin", "#123456")
    before = mine["layers/2b"].to_dataset().load()
    node = refit(agent, mine, layer="2b", num_features=4, seed=3, progress=False)
    schema.check(mine)
    assert node.path == "/layers/2b"
    after = mine["layers/2b"].to_dataset()
    assert after.sizes["feature"] == 4
    assert after.attrs["seed"] == 3
    cosine = after["direction"].values @ before["direction"].values[1]
    kept = int(cosine.argmax())
    assert cosine[kept] > 0.8  # otherwise the name would be lost by right
    assert after["feature_name"].values[kept] == "the coin"
    assert after["colour"].values[kept] == "#123456"
    assert np.isfinite(mine[VALUE]["completeness_error"]).all()
    assert np.isfinite(mine["layers/2b/outputs/RIGHT/completeness_error"]).sum() == 5
    parts = mine[VALUE]["total"].sum("feature") + mine[VALUE]["residual_total"] + mine[VALUE]["completeness_error"]
    np.testing.assert_allclose(mine[VALUE].attrs["baseline_output"] + parts, mine["value"], atol=2e-5)
    exact = full_attribution(mine, agent)
    np.testing.assert_allclose(mine[VALUE]["total"][1], exact["total"], atol=1e-5)


def test_a_refit_that_is_cancelled_leaves_the_old_features(mine, built, agent):
    assert connect(agent, mine).refit("2b", cancelled=lambda: True) is None
    xr.testing.assert_identical(mine, built)
    for layer in ("3a", "input"):
        with pytest.raises(ValueError, match="unknown layer with features"):
            connect(agent, mine).refit(layer)


def test_another_agent_is_refused(built):
    with pytest.raises(ValueError, match="of the two would be mixed"):
        connect(toy.toy_agent(seed=1), built)


def test_what_is_offered(built, agent):
    connection = connect(agent, built)
    assert connection.layers[:2] == (
        {"name": "input", "channels": 3, "height": 16, "width": 16},
        {"name": "1a", "channels": 4, "height": 16, "width": 16},
    )
    assert [layer["name"] for layer in connection.layers] == ["input", *agent.layers]
    assert connection.outputs[:4] == ("value", "LEFT", "NOOP", "RIGHT")
    for output in connection.outputs:
        assert schema.Output.parse(output, agent.action_names).name == output


def test_sums_over_directions_are_offered_where_there_are_several_actions(built, agent):
    names = ("LEFT", "LEFT+UP", "NOOP")
    renamed = dataclasses.replace(agent, action_names=names)
    sums = [output for output in connect(renamed, built).outputs if output.startswith("sum:")]
    assert sums == ["sum:LEFT,LEFT+UP"]


class PolicyOnly(LayeredNetwork):
    """A network without its value head."""

    def __init__(self, network):
        super().__init__()
        self.inner = network
        self.layers, self.observation_shape = network.layers, network.observation_shape

    def forward(self, inputs):
        return self.inner(inputs)._replace(value=None)

    def until(self, layer, inputs):
        return self.inner.until(layer, inputs)

    def from_layer(self, layer, activations, inputs=None):
        return self.inner.from_layer(layer, activations, inputs)._replace(value=None)

    def between(self, source, target, activations, inputs=None):
        return self.inner.between(source, target, activations, inputs)


def test_an_agent_without_a_value_is_explained_by_its_most_frequent_action(agent):
    silent = Agent(PolicyOnly(agent.network), name="silent", action_names=agent.action_names)
    study = toy.built_study(silent, num_steps=10)
    schema.check(study)
    most = agent.action_names[np.bincount(study["action"].values.ravel()).argmax()]
    assert list(study["layers/2b/outputs"].children) == [f"centred:{most}"]
    assert connect(silent, study).outputs[0] != "value"
    with pytest.raises(ValueError, match="no value function"):
        connect(silent, study).attribute(Selection(layer="2b"))
    assert not TORCH.locked()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": ["2c"]}, "unknown layer '2c'.*'2b'"),
        ({"outputs": ["RIGTH"]}, "unknown output 'RIGTH'.*'RIGHT'"),
        ({"observations": "defalt"}, "Did you mean 'default'"),
        ({"features": "activation"}, "Did you mean 'activations'"),
        ({"attribution": {"num_point": 3}}, "Did you mean 'num_points'"),
        ({"attribution": {"rule": "left"}}, "unknown rule 'left'"),
        ({"attribution": {"rule": "gradient"}}, "for the layer 'input'"),
        ({"attribution": {"paths": 0}}, "paths has to be 1 or more"),
    ],
)
def test_wrong_words_are_refused_before_anything_is_computed(agent, options, message):
    def no_world(**_):
        raise AssertionError("a world was made")

    with pytest.raises(ValueError, match=message):
        toy.built_study(agent, environment=no_world, **options)


def test_a_wrong_keyword_names_the_right_one(agent):
    with pytest.raises(TypeError, match="'num_features'"):
        build_study(agent, n_features=8)


def test_an_interrupt_closes_the_world_and_frees_torch(agent, monkeypatch):
    worlds = []

    def make(**options):
        worlds.append(toy.ToyEnvironment(**options))
        return worlds[-1]

    def interrupted(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(filling, "reduce_attribution", interrupted)
    with pytest.raises(KeyboardInterrupt):
        toy.built_study(agent, environment=make)
    assert len(worlds) == 2
    assert all(world.closed for world in worlds)
    assert not TORCH.locked()
