"""The network in which every place votes."""

import numpy as np
import pytest
import torch

import rlvision_widgets as rlv
from rlvision_widgets.agents import Agent
from rlvision_widgets.agents.voting import VotingNetwork

SMALL = ((6, 5, 2, 1), (5, 3, 2, 1), (7, 3, 1, 2))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return VotingNetwork(4, SMALL, (64, 64, 3)).double()


@pytest.fixture
def frames(rng):
    return torch.from_numpy(rng.random((3, 3, 64, 64)))


def test_logits_and_value_are_sums_of_what_each_place_of_the_last_layer_adds(network, frames):
    votes = network.until("c3", frames).detach()
    alone = torch.zeros_like(votes)
    nothing = network.from_layer("c3", alone)
    total = torch.zeros(3, 4).double()
    for y in range(16):
        for x in range(16):
            place = alone.clone()
            place[:, :, y, x] = votes[:, :, y, x]
            total += network.from_layer("c3", place).logits - nothing.logits
    np.testing.assert_allclose((nothing.logits + total).detach(), network(frames).logits.detach(), atol=1e-9)


def test_what_it_sees_at_one_place_it_sees_at_all(network, rng):
    thing = torch.from_numpy(rng.random((3, 8, 8)))
    frames = torch.full((2, 3, 64, 64), 0.3).double()
    frames[0, :, 24:32, 20:28] = thing
    frames[1, :, 32:40, 28:36] = thing  # by two cells of the last layer
    logits, value = network(frames)
    np.testing.assert_allclose(logits[0].detach(), logits[1].detach(), atol=1e-9)
    np.testing.assert_allclose(value[0].detach(), value[1].detach(), atol=1e-9)
    frames[1, 0, 30:40, 28:36] = 1
    assert (network(frames).logits[1] - logits[0]).abs().max() > 1e-6


@pytest.mark.parametrize("layer", ["c1", "c2", "c3"])
def test_it_is_whole_again_after_a_cut(network, frames, layer):
    whole, cut = network(frames), network.from_layer(layer, network.until(layer, frames))
    np.testing.assert_allclose(cut.logits.detach(), whole.logits.detach(), atol=1e-12)
    np.testing.assert_allclose(cut.value.detach(), whole.value.detach(), atol=1e-12)


def test_it_is_saved_and_opened_again(tmp_path, rng):
    agent = Agent(VotingNetwork(2, SMALL), "voter", ("LEFT", "RIGHT"))
    rlv.save_agent(agent, tmp_path / "voter.safetensors")
    again = rlv.load_agent(tmp_path / "voter.safetensors")
    assert type(again.network) is VotingNetwork
    assert again.network.options == agent.network.options
    frames = rng.integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    for one, other in zip(again(frames), agent(frames), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("convolutions", [(), ((4, 3, 1, 1), (4, 2, 2, 1))])
def test_convolutions_that_would_shift_the_places_are_refused(convolutions):
    with pytest.raises(ValueError, match="kernels of odd size"):
        VotingNetwork(4, convolutions)
