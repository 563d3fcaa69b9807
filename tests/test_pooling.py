import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from rlvision_widgets.agents import Agent, ImpalaNetwork, wrap_agent
from rlvision_widgets.agents.staged import MaxPool
from rlvision_widgets.analysis.attribution import attribute
from rlvision_widgets.analysis.pooling import smoothed

ACTIONS = ("LEFT", "NOOP", "RIGHT")
POOLS = {
    "module": nn.MaxPool2d(2),
    "padded": nn.MaxPool2d(3, 2, padding=1),
    "rounded up": nn.MaxPool2d(3, 2, ceil_mode=True),
    "function": lambda x: functional.max_pool2d(x, 2, 1),
    "torch's own": lambda x: torch.max_pool2d(x, (2, 3), (2, 1)),
    "impala": MaxPool("torch"),
    "impala, tensorflow": MaxPool("tensorflow"),
}


def windows(pool, height, width):
    """Which cells each result is over, (result, cell), found by asking."""
    cells = torch.eye(height * width).reshape(-1, 1, height, width)
    return pool(cells).flatten(1).T > 0


@pytest.mark.parametrize("name", POOLS)
def test_the_maximum_stays_and_its_gradient_is_that_of_the_smooth_one(name):
    pool, (height, width) = POOLS[name], (7, 6)
    x = torch.randn(2, 3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x.requires_grad_()
    over = windows(pool, height, width).double()
    size = over.sum(1)
    flat = x.flatten(2)
    squares, magnitudes = flat.square() @ over.T / size, flat.abs() @ over.T / size
    weight = torch.randn(2, 3, len(over), dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    (expected,) = torch.autograd.grad((weight * squares / (0.01 + magnitudes)).sum(), x)
    found = smoothed(lambda points, _: pool(points))(x, torch.arange(2))
    torch.testing.assert_close(found, pool(x))
    (gradient,) = torch.autograd.grad((weight * found.flatten(2)).sum(), x)
    torch.testing.assert_close(gradient, expected)
    (own,) = torch.autograd.grad((weight * pool(x).flatten(2)).sum(), x)
    assert not torch.allclose(own, gradient)  # and afterwards all is as it was


def test_a_dilated_maximum_is_refused():
    with pytest.raises(ValueError, match="dilated"):
        smoothed(lambda points, _: functional.max_pool2d(points, 2, dilation=2))(
            torch.ones(1, 1, 6, 6), torch.arange(1)
        )


@pytest.fixture(scope="module")
def impala():
    generator = torch.Generator().manual_seed(0)
    network = ImpalaNetwork(3, (4, 5), 12, "torch", (16, 16, 3))
    with torch.no_grad():
        for parameter in network.parameters():
            scale = 0.3 if parameter.ndim == 1 else 2 / parameter[0].numel() ** 0.5
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
    return Agent(network, name="toy", action_names=ACTIONS).double()


def test_attribution_with_smooth_gradients_misses_the_change_by_what_it_says(impala):
    frames = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
    sharp = attribute(impala, frames, layer="1b", rule="right", num_points=10)
    smooth = attribute(impala, frames, layer="1b", rule="right", smooth_max_pool=True)
    assert (smooth.num_points == 10).all()
    assert smooth.attrs["smooth_max_pool"]
    totals = [found.sum(("y", "x", "channel")) + found.completeness_error for found in (sharp, smooth)]
    np.testing.assert_allclose(*totals, atol=1e-10)
    assert float(np.abs(sharp - smooth).max()) > 0.01 * float(np.abs(sharp).max())
    last = [attribute(impala, frames, layer="2a", num_points=4, smooth_max_pool=on) for on in (False, True)]
    np.testing.assert_array_equal(*last)  # no maximum follows


def test_hooked_networks_are_smoothed_too(impala):
    hooked = wrap_agent(
        impala.network.trunk,
        forward=lambda trunk, x: _heads(impala.network, trunk(x)),
        layers=impala.layers,
        observation_shape=(16, 16, 3),
        action_names=ACTIONS,
    ).double()
    frames = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    options = {"layer": "1a", "smooth_max_pool": True, "batch_size": 2}
    expected = attribute(impala, frames, **options)
    found = attribute(hooked, frames, **options)
    np.testing.assert_allclose(found, expected, atol=1e-6 * float(np.abs(expected).max()))


def _heads(network, hidden):
    return network.policy(hidden), network.value(hidden)
