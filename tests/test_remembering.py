"""Recurrent agents and frame stacks: every frame is looked at with the memory that it was seen with."""

import numpy as np
import pytest
import torch
import toy
import xarray as xr
from torch import nn

import rlvision_widgets as rlv
from rlvision_widgets import schema
from rlvision_widgets.agents import ClearNetwork, wrap_agent
from rlvision_widgets.agents.memory import Remembered
from rlvision_widgets.analysis.connection import Connection, usual_recipe
from rlvision_widgets.analysis.eye import output_of
from rlvision_widgets.analysis.frames import read
from rlvision_widgets.analysis.playing import Player, streams
from rlvision_widgets.analysis.recollection import seen_then
from rlvision_widgets.analysis.reentry import world_of
from rlvision_widgets.analysis.remembering import frames_of_trajectory, sampled_frames, seen_at
from rlvision_widgets.analysis.task import options_of

NAMES = toy.ToyEnvironment.action_names
SHAPE = (16, 16, 3)


class GruPolicy(nn.Module):
    """Two convolutions and a GRU that hardly forgets: what it says of a frame depends on the frames before."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 6, 4, 2), nn.Conv2d(6, 8, 3, 2)
        self.memory = nn.GRUCell(72, 12)
        self.out = nn.Linear(12, 4)

    def forward(self, x, state, first):
        hidden = self.second(self.first(x).relu()).relu().flatten(1)
        state = self.memory(8 * hidden, state * ~first[:, None])
        out = 3 * self.out(state)
        return out[:, :3], out[:, 3], state


def gru_agent():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        policy = GruPolicy()
    return wrap_agent(
        policy, initial_state=lambda batch: torch.zeros(batch, 12), observation_shape=SHAPE, action_names=NAMES
    )


def stack_agent():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = ClearNetwork(3, (4, 8, 8, 8, 8), (16, 16), (16, 16, 9))
    with torch.no_grad():
        network.policy.weight.mul_(1000)
        network.value.weight.mul_(1000)
    return wrap_agent(network, stack=3, observation_shape=SHAPE, action_names=NAMES)


@pytest.fixture(scope="module", params=["gru", "stack"])
def agent(request):
    return {"gru": gru_agent, "stack": stack_agent}[request.param]()


LAYER = {True: "second", False: "2b"}


@pytest.fixture(scope="module")
def layer(agent):
    return LAYER["second" in agent.layers]


@pytest.fixture(scope="module")
def study(agent, layer):
    return toy.built_study(agent, layers=[layer], outputs=["value", "RIGHT"])


def test_remembered_frames_say_again_what_was_said_in_play(agent, study):
    frames = rlv.remember(agent, study)
    assert frames["observation"].dims == study["observation"].dims
    assert set(frames.coords) == {"episode", "level_seed"}
    assert frames["memory_first"].dtype == bool
    for trajectory in range(2):
        logits, value, _ = agent(read(frames.isel(trajectory=trajectory)))
        np.testing.assert_allclose(logits, study["policy_logits"][trajectory], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(value, study["value"][trajectory], rtol=1e-4, atol=1e-5)
        alone = agent(study["observation"].values[trajectory])[1]
        assert np.abs(alone - value).max() > 0.05 * np.abs(value).max()


def test_memory_starts_anew_with_every_episode(agent, study):
    frames = rlv.remember(agent, study)
    opens = study["first"].values | (np.arange(70) == 0)
    np.testing.assert_array_equal(frames["memory_first"], opens)
    again, _, _ = agent(read(rlv.remember(agent, study["observation"][0], alone=True)))
    np.testing.assert_allclose(again[opens[0]], study["policy_logits"].values[0][opens[0]], rtol=1e-4, atol=1e-5)


def test_attribution_adds_up_to_what_the_agent_said_in_play(agent, layer, study):
    frames = rlv.remember(agent, study).isel(trajectory=1)
    found = rlv.attribute(agent, frames, layer=layer, tolerance=0.01)
    seen = read(frames)
    zero = torch.zeros_like(agent.activations(layer, seen))
    with torch.no_grad():
        at_zero = agent.head(layer, seen)(zero).value.numpy()
    total = found.sum(("y", "x", "channel")) + found.completeness_error + at_zero
    np.testing.assert_allclose(total, study["value"][1], rtol=1e-3, atol=1e-3)
    assert (np.abs(found.completeness_error) <= 0.01).mean() > 0.9
    alone = rlv.attribute(agent, rlv.remember(agent, frames, alone=True), layer=layer, tolerance=0.01)
    opens = frames["memory_first"].values
    assert np.abs(alone - found)[~opens].max() > 0.05 * np.abs(found).max()
    np.testing.assert_allclose(alone[opens], found[opens], rtol=1e-3, atol=1e-4)


def test_a_selection_keeps_its_memory(agent, layer, study):
    frames = rlv.remember(agent, study)
    whole = rlv.attribute(agent, frames, layer=layer, num_points=4)
    part = rlv.attribute(agent, frames.isel(trajectory=0, step=slice(9, 14)), layer=layer, num_points=4)
    np.testing.assert_allclose(part, whole[0, 9:14], rtol=1e-3, atol=1e-5)
    assert "level_seed" in part.coords
    one = rlv.attribute(agent, frames.isel(trajectory=0, step=11), layer=layer, num_points=4)
    np.testing.assert_allclose(one, whole[0, 11], rtol=1e-3, atol=1e-5)


def test_pixels_are_attributed_to_with_the_memory_held_constant(agent, study):
    frames = rlv.remember(agent, study).isel(trajectory=0, step=slice(20, 23))
    double = agent.double()
    found = rlv.attribute(double, frames, layer="input", rule="gradient")
    seen = read(frames)
    pixels = double.activations("input", seen)
    step = 1e-7 * torch.randn(pixels.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    head = double.head("input", seen)
    with torch.no_grad():
        change = head(pixels + step).value - head(pixels - step).value
    expected = 2 * (torch.tensor(found.values).permute(0, 3, 1, 2) * step).sum((1, 2, 3))
    torch.testing.assert_close(change, expected, rtol=1e-3, atol=1e-12)


def test_a_layer_is_traced_with_its_memory(agent, layer, study):
    frames = rlv.remember(agent, study).isel(trajectory=0, step=slice(5, 8))
    source = agent.layers[0]
    channels = agent.layer_shape(layer)[0]
    found = rlv.attribute_layer(
        agent, frames, layer=layer, source_layer=source, direction=np.eye(channels)[0], row=1, column=1
    )
    expected = agent.activations(layer, read(frames))[:, 0, 1, 1].numpy()
    np.testing.assert_allclose(found.activation, expected, rtol=1e-4, atol=1e-6)


def test_frames_without_memory_are_refused(agent, layer, study):
    for look in (
        lambda: rlv.attribute(agent, study["observation"][0], layer=layer),
        lambda: rlv.attribute(agent, study["observation"].values[0], layer="input", rule="gradient"),
    ):
        with pytest.raises(ValueError, match=r"is recurrent: .*rlv\.remember\(agent, study\)"):
            look()
    with pytest.raises(ValueError, match="nothing tells where the episodes"):
        rlv.remember(agent, study["observation"])


def test_a_study_explains_the_steps_as_they_were_seen(agent, layer, study):
    schema.check(study)
    data = study[f"layers/{layer}/outputs/value"].to_dataset()
    frames = rlv.remember(agent, study)
    options = options_of(study[f"layers/{layer}/outputs/value"])
    expected = rlv.attribute(agent, frames, layer=layer, **options)
    total = data["total"].sum("feature") + data["residual_total"]
    np.testing.assert_allclose(total, expected.sum(("y", "x", "channel")), rtol=1e-2, atol=1e-3)


def test_the_diverse_frames_keep_the_memory_that_they_were_seen_with(agent, study, tmp_path):
    samples = sampled_frames(agent, study)
    number = samples.sizes["sample"]
    assert number == 32
    assert 0 < samples["memory_first"].sum() < number
    rlv.save_study(study, tmp_path / "study.zarr")
    xr.testing.assert_identical(rlv.open_study(tmp_path / "study.zarr"), study)
    environment = toy.ToyEnvironment(4, seed=3)
    found = rlv.collect_observations(agent, environment, num_samples=3, every=5, seed=7, progress=False)
    player, noise, environment = Player(agent, NAMES), streams(7, range(4)), toy.ToyEnvironment(4, seed=3)
    observed, expected = environment.observe(), []
    for step in range(1, 16):
        observed = environment.step(player.play(observed, noise).action)
        taken = (step + np.arange(4)) % 5 == 0
        expected.append(agent(observed.observation, player.state, observed.first)[1][taken])
    np.testing.assert_allclose(agent(read(found))[1], np.concatenate(expected), rtol=1e-5, atol=1e-6)


def test_a_study_without_that_memory_takes_its_diverse_frames_for_first_ones(agent, study):
    bare = study.copy()
    bare["observations"] = xr.DataTree(study["observations"].to_dataset()[["observation"]])
    assert sampled_frames(agent, bare)["memory_first"].all()


def test_frames_are_read_by_their_numbers_with_their_memory(agent, study):
    numbers = np.array([3, 69, 70, 100])
    seen = seen_at(agent, study, numbers)
    assert isinstance(seen, Remembered)
    np.testing.assert_allclose(agent(seen)[1], study["value"].values.reshape(-1)[numbers], rtol=1e-4, atol=1e-5)


def test_what_was_pressed_in_play_leads_to_the_memory_of_play(agent, study):
    own = study.copy()
    connection = Connection(agent, own, usual_recipe(own))
    world_of(own, toy.ToyEnvironment)
    first = study["first"].values[0]
    start = next(step for step in range(5, 60) if not first[step + 1 : step + 4].any())
    situation = connection.situation(0, start, (), study["action"].values[0, start : start + 3].tolist())
    seen = seen_then(agent, own, connection._lab, situation, connection._lab.reach(situation))
    expected = read(frames_of_trajectory(agent, own, 0).isel(step=start + 3))
    np.testing.assert_array_equal(seen.frames, expected.frames)
    for row, wanted in zip(seen.rows, expected.rows, strict=True):
        np.testing.assert_allclose(row, wanted, rtol=1e-4, atol=1e-5)


def test_playing_on_after_presses_goes_on_from_the_memory_of_play(agent, study):
    own = study.copy()
    connection = Connection(agent, own, usual_recipe(own))
    world_of(own, toy.ToyEnvironment)
    first = study["first"].values[0]
    start = next(step for step in range(5, 55) if not first[step + 1 : step + 6].any())
    pressed = study["action"].values[0, start : start + 3].tolist()
    found = connection.play_on(0, start, (), pressed, num_steps=3)
    expected = study["value"].values[0, start + 3 : start + 6]
    for version in (0, 1):
        np.testing.assert_allclose(found.data["value"][version], expected, rtol=1e-4, atol=1e-4)


def test_a_situation_without_edits_is_what_the_agent_saw(agent, layer, study):
    own = study.copy()
    connection = Connection(agent, own, usual_recipe(own))
    world_of(own, toy.ToyEnvironment)
    step = int(np.flatnonzero(~study["first"][0].values)[20])
    found = connection.imagine(0, step, layer, "value")
    np.testing.assert_allclose(found.data["value"], study["value"].values[0, step], rtol=1e-4, atol=1e-5)
    data = study[f"layers/{layer}/outputs/value"].to_dataset()
    np.testing.assert_allclose(found.data["total"][0], data["total"][0, step], rtol=1e-2, atol=1e-3)


def test_an_agent_without_memory_has_its_frames_as_they_are():
    plain = toy.toy_agent()
    frames = np.zeros((2, *SHAPE), np.uint8)
    found = rlv.remember(plain, frames)
    assert set(found.data_vars) == {"observation"}
    xr.testing.assert_identical(
        rlv.attribute(plain, found, layer="2b", num_points=2), rlv.attribute(plain, frames, layer="2b", num_points=2)
    )
    logits, value = plain(frames)[:2]
    assert output_of(plain, "value", logits, value).shape == (2,)
