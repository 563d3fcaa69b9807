"""Agents and worlds at the edges of what can be: each is built into a study, and a view's questions are answered."""

import json
import warnings

import gymnasium
import numpy as np
import pytest
import torch
import toy
import xarray as xr
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from torch import nn

from rlvision_widgets import schema
from rlvision_widgets.agents import Agent, ClearNetwork, wrap_agent
from rlvision_widgets.analysis.features import reduce_attribution
from rlvision_widgets.environments import make_environment
from rlvision_widgets.schema import Selection
from rlvision_widgets.storage import open_study, save_study
from rlvision_widgets.study import connect
from rlvision_widgets.widgets.source import StudySource
from rlvision_widgets.widgets.wire import encode

ACTIONS = toy.ToyEnvironment.action_names


def seeded(network, seed=0):
    """The network with weights of some size from a seed."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            scale = 0.1 if parameter.ndim == 1 else 2 / parameter[0].numel() ** 0.5
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
    return network


def clear(num_actions=3, shape=(16, 16, 3), channels=(4, 8, 8, 8, 8)):
    return seeded(ClearNetwork(num_actions, channels, (16, 16), shape))


def ask_everything(study, connection=None):
    """Ask a study all that an explorer asks first; replies have to be JSON and arrays that travel."""
    source = StudySource(study, connection)
    description = source.describe()
    json.dumps(description, allow_nan=False)
    answers = {}
    for name in ("curves", "strip", "preview"):
        answers[name] = source.answer(name, {"trajectory": 0})
    for layer in study["layers"].children if "layers" in study.children else ():
        answers[layer, "examples"] = source.answer("examples", {"layer": layer})
        for output in study[f"layers/{layer}/outputs"].children:
            place = {"trajectory": 0, "layer": layer, "output": output}
            answers[layer, output, "totals"] = source.answer("totals", place)
            answers[layer, output, "attribution"] = source.answer("attribution", {**place, "chunk": 0})
    answers["observations"] = source.answer("observations", {"trajectory": 0, "chunk": 0})
    for result, arrays in answers.values():
        json.dumps(result, allow_nan=False)
        encode(arrays, "raw", bytes)
    return answers


def is_spoilt(corner):
    """Tell by its first pixel whether a frame is one of those that are no numbers; none of an agent's probes is."""
    return (corner > 60) & (corner < 200)


class NotANumber(nn.Module):
    """A network whose outputs, or activations, are no numbers for the frames of one level."""

    def __init__(self, where, value):
        super().__init__()
        torch.manual_seed(0)
        self.where, self.value = where, value
        self.first, self.second, self.out = nn.Conv2d(3, 6, 5, 2), nn.Conv2d(6, 6, 3), nn.Linear(96, 4)

    def forward(self, x):
        spoilt = torch.where(is_spoilt(255 * x[:, :1, :1, :1]), self.value, 0.0)
        hidden = self.first(x).relu()
        if self.where == "activations":
            hidden = self.spoil(hidden, spoilt)
        out = self.out(self.second(hidden).relu().flatten(1))
        if self.where == "outputs":
            out = out * (1 + spoilt[:, :, 0, 0])
        return out[:, :3], out[:, 3]

    def spoil(self, hidden, spoilt):
        return hidden + spoilt


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_outputs_that_are_no_numbers_at_some_steps_say_so_there_and_only_there(value, tmp_path):
    agent = wrap_agent(NotANumber("outputs", value), observation_shape=(16, 16, 3), action_names=ACTIONS)
    with np.errstate(invalid="ignore"):
        study = toy.built_study(agent, num_trajectories=3, layers=["second"])
    schema.check(study)
    spoilt = is_spoilt(study["observation"].values[:, :, 0, 0, 0])
    assert 0 < spoilt.sum() < spoilt.size
    output = study["layers/second/outputs/value"]
    data = output.to_dataset()
    np.testing.assert_array_equal(~np.isfinite(data["scale"]), spoilt)
    np.testing.assert_array_equal(~np.isfinite(data["completeness_error"]), spoilt)
    assert (data["num_points"] > 0).all()
    assert not data["attribution"].values[spoilt].any()
    assert not data["residual"].values[spoilt].any()
    assert data["attribution"].values[~spoilt].any()
    assert np.isfinite(data["total"].values[~spoilt]).all()
    assert np.isfinite(output.attrs["display_scale"])
    assert output.attrs["display_scale"] > 0
    assert study["layers/second"].attrs["num_not_finite"] > 0
    answers = ask_everything(study)
    assert answers["second", "value", "attribution"][0]["computed"]
    before = output["num_points"].values.copy()
    reports = []
    connect(agent, study).attribute(Selection(layer="second"), progress=lambda *report: reports.append(report))
    assert not reports  # what is no number is not computed again and again
    np.testing.assert_array_equal(output["num_points"], before)
    save_study(study, tmp_path / "study.zarr")
    xr.testing.assert_identical(open_study(tmp_path / "study.zarr"), study)


def test_activations_that_are_no_numbers_do_not_end_the_building():
    agent = wrap_agent(
        NotANumber("activations", np.nan),
        observation_shape=(16, 16, 3),
        action_names=ACTIONS,
        layers=["first", "second"],
    )
    study = toy.built_study(agent, num_trajectories=3, layers=["second"])
    spoilt = is_spoilt(study["observation"].values[:, :, 0, 0, 0])
    np.testing.assert_array_equal(~np.isfinite(study["layers/second/outputs/value/scale"]), spoilt)
    assert np.isfinite(study["layers/second/direction"]).all()
    ask_everything(study)


class Indifferent(nn.Module):
    """A network whose value does not depend on what it sees, nor do its actions; one of its layers is dead."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.seen, self.dead, self.out = nn.Conv2d(3, 5, 3), nn.Conv2d(5, 6, 3), nn.Linear(6, 4)
        nn.init.zeros_(self.dead.weight)
        nn.init.zeros_(self.dead.bias)

    def forward(self, x):
        out = self.out(self.dead(self.seen(x).relu()).mean((2, 3)))
        return out[:, :3], out[:, 3]


def test_an_attribution_of_zero_gets_features_of_activations_and_dead_layers_get_their_channels():
    agent = wrap_agent(Indifferent(), observation_shape=(16, 16, 3), action_names=ACTIONS)
    with pytest.warns(UserWarning, match="zero everywhere"):
        study = toy.built_study(agent, layers=["seen", "dead"])
    schema.check(study)
    assert study["layers/seen"].attrs["method"] == "activations"
    assert study["layers/dead"].attrs["method"] == "identity"
    assert study["layers/dead"].sizes["feature"] == 6
    for layer in ("seen", "dead"):
        data = study[f"layers/{layer}/outputs/value"].to_dataset()
        assert not data["attribution"].any()
        assert not data["total"].any()
        assert (data["scale"] == 0).all()
        assert data.attrs["display_scale"] == 0
        np.testing.assert_allclose(data["completeness_error"], 0, atol=1e-6)
    answers = ask_everything(study)
    assert answers["seen", "value", "totals"][0]["display_scale"] == 1


def test_a_trajectory_of_one_step_is_a_study(agent):
    study = toy.built_study(agent, num_trajectories=1, num_steps=1, layers=["2b", "input"])
    schema.check(study)
    assert study.sizes["step"] == 1
    assert np.isfinite(study["layers/2b/outputs/value/completeness_error"]).all()
    ask_everything(study, connect(agent, study))


@pytest.mark.parametrize("num_features", [0, -1])
def test_no_features_are_refused_before_anything_is_played(agent, num_features):
    def no_world(**_):
        raise AssertionError("a world was made")

    with pytest.raises(ValueError, match="num_features has to be 1 or more"):
        toy.built_study(agent, num_features=num_features, environment=no_world)


def test_two_hundred_channels_are_two_hundred_features():
    agent = Agent(clear(channels=(4, 8, 200, 8, 8)), name="wide", action_names=ACTIONS)
    study = toy.built_study(agent, features="channels")
    layer = study["layers/2b"]
    assert layer.sizes["feature"] == 200
    assert layer.attrs["method"] == "identity"
    data = layer["outputs/value"].to_dataset()
    np.testing.assert_allclose(data["residual_total"], 0, atol=1e-5)
    assert not data["residual"].any()
    colours = list(layer["colour"].values)
    assert colours == [schema.FEATURE_COLOURS[k % 8] for k in range(200)]
    ask_everything(study)
    assert len(StudySource(study).describe()["layers"][0]["features"]) == 200


def test_one_action_leaves_a_policy_nothing_to_centre():
    class One(toy.ToyEnvironment):
        action_names = ("WAIT",)

    agent = Agent(clear(1), name="resigned", action_names=("WAIT",))
    study = toy.built_study(agent, environment=One, num_steps=20)
    assert (study["action"] == 0).all()
    connection = connect(agent, study)
    assert connection.outputs == ("value", "WAIT")
    connection.attribute(Selection(layer="2b", output="WAIT"))
    ask_everything(study, connection)
    silent = wrap_agent(
        agent.network.trunk,
        forward=lambda trunk, x: trunk(x)[:, :1],
        layers=["2b"],
        observation_shape=(16, 16, 3),
        action_names=("WAIT",),
    )
    study = toy.built_study(silent, environment=One, num_steps=20)
    assert list(study["layers/2b/outputs"].children) == ["WAIT"]
    assert study["layers/2b/outputs/WAIT/attribution"].any()


def test_fifteen_actions_in_any_world_that_has_them():
    from rlvision_widgets.agents.agent import PROCGEN_ACTIONS

    class Fifteen(toy.ToyEnvironment):
        action_names = PROCGEN_ACTIONS

        def act(self, actions):
            super().act(np.asarray(actions) % 3)

    agent = Agent(clear(15), name="busy", action_names=PROCGEN_ACTIONS)
    study = toy.built_study(agent, environment=Fifteen, num_steps=20, outputs=["value", "RIGHT"])
    connection = connect(agent, study)
    assert "sum:RIGHT+DOWN,RIGHT,RIGHT+UP" in connection.outputs
    for output in connection.outputs:
        connection.attribute(Selection(0, slice(0, 2), "2b", output))
    ask_everything(study, connection)


class Tall(toy.ToyEnvironment):
    """Frames of Atari's size."""

    def observe(self, *, copy=True):
        observed = super().observe(copy=copy)
        frames = observed.observation.repeat(14, 1)[:, :210].repeat(10, 2)
        return observed._replace(observation=frames)


def test_frames_that_are_tall():
    agent = Agent(clear(shape=(210, 160, 3)), name="tall", action_names=ACTIONS)
    study = toy.built_study(
        agent, environment=Tall, num_trajectories=1, num_steps=3, layers=["3a", "input"], observations=(4, 2, 1)
    )
    schema.check(study)
    assert study["layers/3a"].attrs["layer_height"] == 53
    assert study["layers/input/outputs/value/attribution"].shape == (1, 3, 210, 160, 3)
    ask_everything(study)


class GreyCorridor(gymnasium.Env):
    """Five rooms of growing brightness, seen in grey."""

    observation_space = gymnasium.spaces.Box(0, 255, (16, 16, 1), np.uint8)
    action_space = gymnasium.spaces.Discrete(3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.room = 0
        return self.frame(), {}

    def frame(self):
        frame = np.full((16, 16, 1), 20 * self.room, np.uint8)
        frame[4:9, 3 * self.room : 3 * self.room + 4] = 255
        return frame

    def step(self, action):
        self.room += int(action == 2)
        done = self.room == 4
        return self.frame(), 3.0 * done, done, False, {}


def grey_world(*, num_trajectories, seed):
    vector = SyncVectorEnv([GreyCorridor] * num_trajectories, autoreset_mode=AutoresetMode.SAME_STEP)
    return make_environment(vector, seed=seed)


def test_an_agent_that_sees_grey_gets_what_it_was_trained_on():
    agent = Agent(clear(shape=(16, 16, 1)), name="grey", action_names=ACTIONS)
    study = toy.built_study(agent, environment=grey_world, layers=["2b", "input"])
    schema.check(study)
    frames = study["observation"].values
    assert frames.shape[-1] == 3
    assert (frames == frames[..., :1]).all()
    logits, value = agent(frames[0][..., :1])  # as the world showed them
    np.testing.assert_allclose(study["policy_logits"][0], logits, atol=1e-5)
    np.testing.assert_allclose(study["value"][0], value, atol=1e-5)
    pixels = study["layers/input"]
    assert list(pixels["feature_name"].values) == ["brightness"]
    connection = connect(agent, study)
    assert connection.layers[0] == {"name": "input", "channels": 1, "height": 16, "width": 16}
    found = connection.trace(0, 1, "2b", 0, 3, 3, "input")
    assert found["attribution"].shape == (16, 16, 1)
    ask_everything(study, connection)


def test_a_cell_that_is_no_number_leaves_the_others_alone():
    rng = np.random.default_rng(0)
    features = xr.Dataset({"direction": (("feature", "channel"), rng.random((3, 6)).astype(np.float32))})
    cells = xr.DataArray(rng.normal(size=(2, 4, 4, 6)).astype(np.float32), dims=("step", "y", "x", "channel"))
    expected = reduce_attribution(cells, features)
    spoilt = cells.copy()
    spoilt[1, 2, 3, 0] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = reduce_attribution(spoilt, features)
    assert np.isnan(found["attribution"].values[1, 2, 3]).all()
    assert np.isnan(found["total"].values[1]).all()
    keep = np.ones((2, 4, 4), bool)
    keep[1, 2, 3] = False
    for name in ("attribution", "residual"):
        np.testing.assert_allclose(found[name].values[keep], expected[name].values[keep], atol=1e-5)
    np.testing.assert_allclose(found["total"][0], expected["total"][0], atol=1e-4)
