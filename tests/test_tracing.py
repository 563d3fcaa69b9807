import numpy as np
import pytest
import torch
import xarray as xr
from torch import nn

from rlvision_widgets.agents import Agent, ClearNetwork, ImpalaNetwork, NatureNetwork, wrap_agent
from rlvision_widgets.analysis.attribution import attribute
from rlvision_widgets.analysis.features import reduce_attribution
from rlvision_widgets.analysis.tracing import attribute_layer
from rlvision_widgets.storage import open_study, save_study
from rlvision_widgets.study import TORCH, connect

ACTIONS = ("LEFT", "NOOP", "RIGHT")
NETWORKS = {
    "clear": lambda: ClearNetwork(3, (3, 4, 5, 4, 6), (12, 9), (16, 16, 3)),
    "impala": lambda: ImpalaNetwork(3, (4, 5), 12, "torch", (16, 16, 3)),
    "nature": lambda: NatureNetwork(3, (4, 5, 6), 12, (40, 44, 3)),
}


def biased(network, seed=0):
    """The network with weights under which it bends along the line from zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            scale = 0.3 if parameter.ndim == 1 else 2 / parameter[0].numel() ** 0.5
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
    return network


@pytest.fixture(scope="module", params=NETWORKS)
def any_agent(request):
    return Agent(biased(NETWORKS[request.param]()), name="toy", action_names=ACTIONS).double()


@pytest.fixture(scope="module")
def clear():
    return Agent(biased(NETWORKS["clear"]()), name="toy", action_names=ACTIONS).double()


def noise(agent, number=4):
    return np.random.default_rng(0).integers(0, 256, (number, *agent.observation_shape), dtype=np.uint8)


def some_direction(agent, layer):
    return np.random.default_rng(1).random(agent.layer_shape(layer)[0])


def test_attribution_and_error_sum_to_the_change_from_zero_activations(any_agent):
    frames = noise(any_agent)
    layers = ("input", *any_agent.layers)
    for source, layer in ((layers[0], layers[1]), (layers[1], layers[2]), (layers[1], layers[-1])):
        direction = some_direction(any_agent, layer)
        found = attribute_layer(
            any_agent, frames, layer=layer, direction=direction, row=0, column=0, source_layer=source, num_points=12
        )
        assert found.dims == ("step", "y", "x", "channel")
        assert found.shape[1:] == (*any_agent.layer_shape(source)[1:], any_agent.layer_shape(source)[0])
        change = found.activation - found.baseline
        np.testing.assert_allclose(found.sum(("y", "x", "channel")) + found.completeness_error, change, atol=1e-10)
        reached = any_agent.activations(layer, frames)[:, :, 0, 0].numpy() @ direction
        np.testing.assert_allclose(found.activation, reached, atol=1e-7)
        assert np.abs(found).max() > 1e-4


def test_it_is_the_integral_computed_densely_in_numpy(clear):
    """A convolution and its ReLU, one cell: the gradient is the kernel where the cell is on, and 0 where it is off."""
    frames = noise(clear, 2)
    weight, bias = (clear.network.state_dict()[f"trunk.2b.{name}"].numpy() for name in ("weight", "bias"))
    direction, row, column = some_direction(clear, "2b"), 3, 5
    below = np.pad(clear.activations("2a", frames).numpy(), ((0, 0), (0, 0), (2, 2), (2, 2)))
    window = below[:, :, row : row + 5, column : column + 5]
    linear = np.einsum("fcyx,dcyx->fd", window, weight)
    alphas = (np.arange(1000) + 0.5) / 1000
    on = (alphas[:, None, None] * linear + bias > 0).mean(0)
    expected = np.zeros_like(below)
    expected[:, :, row : row + 5, column : column + 5] = window * np.einsum("fd,d,dcyx->fcyx", on, direction, weight)
    found = attribute_layer(
        clear, frames, layer="2b", direction=direction, row=row, column=column, source_layer="2a", num_points=1000
    )
    np.testing.assert_allclose(found.transpose("step", "channel", "y", "x"), expected[:, :, 2:-2, 2:-2], atol=1e-9)


def test_cells_outside_the_receptive_field_have_no_part(clear):
    found = attribute_layer(
        clear,
        noise(clear),
        layer="2b",
        direction=some_direction(clear, "2b"),
        row=0,
        column=6,
        source_layer="2a",
        num_points=4,
    )
    inside = np.zeros((8, 8), bool)
    inside[:3, 4:] = True  # 5 x 5 cells around (0, 6), of which some are beyond the edge
    assert not found.values[:, ~inside].any()
    assert found.values[:, inside].any(axis=(0, 2)).all()


class Linear(nn.Module):
    """Three convolutions without biases and nothing else: the last is the output."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.one = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.two = nn.Conv2d(4, 5, 3, stride=2, padding=1, bias=False)
        self.out = nn.Linear(5 * 8 * 8, 4, bias=False)

    def forward(self, x):
        out = self.out(self.two(self.one(x)).flatten(1))
        return out[:, :3], out[:, 3]


def test_in_a_linear_network_parts_of_parts_are_parts():
    """What 'one' does for the value is, summed over the cells and channels of 'two', its part of their part."""
    agent = wrap_agent(Linear(), observation_shape=(16, 16, 3), action_names=ACTIONS).double()
    frame = noise(agent, 1)
    direct = attribute(agent, frame, layer="one", num_points=1)
    later = attribute(agent, frame, layer="two", num_points=1).values[0]
    activations = agent.activations("two", frame)[0].permute(1, 2, 0).numpy()
    chained = np.zeros_like(direct.values)
    for row, column, channel in np.ndindex(8, 8, 5):
        parts = attribute_layer(
            agent,
            frame,
            layer="two",
            direction=np.eye(5)[channel],
            row=row,
            column=column,
            source_layer="one",
            num_points=1,
        )
        chained += later[row, column, channel] / activations[row, column, channel] * parts.values
    np.testing.assert_allclose(chained, direct, atol=1e-9)


def test_without_a_cell_it_is_the_sum_over_all_cells(clear):
    frame = noise(clear, 1)
    options = {"layer": "3a", "direction": some_direction(clear, "3a"), "source_layer": "2b", "num_points": 6}
    whole = attribute_layer(clear, frame, **options)
    cells = [attribute_layer(clear, frame, row=r, column=c, **options) for r, c in np.ndindex(4, 4)]
    np.testing.assert_allclose(whole, sum(cell.values for cell in cells), atol=1e-10)
    np.testing.assert_allclose(whole.activation, sum(cell.activation.values for cell in cells))


def test_each_frame_may_have_a_cell_of_its_own_whatever_the_batches(clear):
    frames = noise(clear, 5)
    rows, columns = np.array([0, 3, 7, 2, 5]), np.array([1, 1, 6, 4, 0])
    options = {"layer": "2b", "direction": some_direction(clear, "2b"), "source_layer": "1a"}
    together = attribute_layer(clear, frames, row=rows, column=columns, batch_size=2, **options)
    for frame, row, column, expected in zip(frames, rows, columns, together, strict=True):
        alone = attribute_layer(clear, frame, row=row, column=column, **options)
        np.testing.assert_allclose(alone, expected, atol=1e-12)
        assert alone.num_points == expected.num_points
    assert len(np.unique(together.num_points)) > 1  # otherwise nothing was refined on its own


def test_refinement_stops_at_a_share_of_the_activation_or_at_the_most_points(clear):
    found = attribute_layer(
        clear,
        noise(clear, 8),
        layer="3a",
        direction=some_direction(clear, "3a"),
        row=1,
        column=2,
        source_layer="1a",
        tolerance=0.005,
    )
    larger = np.maximum(np.abs(found.activation), np.abs(found.baseline))
    met = np.abs(found.completeness_error) <= 0.005 * larger
    assert (met | (found.num_points == 256)).all()
    assert met.any()


def test_hooks_give_what_slices_give(clear):
    network = clear.network
    hooked = wrap_agent(
        network.trunk,
        forward=lambda trunk, x: trunk(x)[:, :3],
        layers=clear.layers,
        observation_shape=clear.observation_shape,
        action_names=ACTIONS,
    ).double()
    options = {"layer": "3a", "direction": some_direction(clear, "3a"), "row": 2, "column": 1, "batch_size": 2}
    for source in ("input", "2a"):
        expected, found = (attribute_layer(x, noise(clear), source_layer=source, **options) for x in (clear, hooked))
        np.testing.assert_allclose(found, expected, atol=1e-6 * float(np.abs(expected).max()))


def test_what_goes_around_the_source_layer_is_held_at_each_frames_own():
    class Skip(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.layer, self.around = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 1)
            self.joined, self.out = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4 * 256, 3)

        def forward(self, x):
            return self.out(self.joined((self.layer(x) + self.around(x)).relu()).flatten(1))

    agent = wrap_agent(Skip(), observation_shape=(16, 16, 3), action_names=ACTIONS).double()
    frames = noise(agent)
    found = attribute_layer(
        agent, frames, layer="joined", direction=[1, 0, 0, 2], row=4, column=4, source_layer="layer", batch_size=3
    )
    zero = torch.zeros_like(agent.activations("layer", frames))
    baseline = agent.between("layer", "joined", frames)(zero)[:, :, 4, 4].numpy() @ [1, 0, 0, 2]
    np.testing.assert_allclose(found.baseline, baseline, atol=1e-9)
    assert len(np.unique(found.baseline)) == len(frames)
    larger = np.maximum(np.abs(found.activation), np.abs(found.baseline))
    assert (np.abs(found.completeness_error) <= 0.02 * larger).all()


def test_a_later_layer_that_does_not_depend_on_the_source_is_refused():
    class Apart(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right = nn.Conv2d(3, 2, 3), nn.Conv2d(3, 2, 3)
            self.out = nn.Linear(4, 3)

        def forward(self, x):
            return self.out(torch.cat([self.left(x).mean((2, 3)), self.right(x).mean((2, 3))], 1))

    agent = wrap_agent(Apart(), observation_shape=(16, 16, 3), action_names=ACTIONS)
    with pytest.raises(ValueError, match="does not depend on it"):
        attribute_layer(agent, noise(agent), layer="right", direction=[1, 0], row=0, column=0, source_layer="left")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer": "2c"}, "unknown layer '2c'.*'2b'"),
        ({"source_layer": "3a"}, "unknown source layer '3a'.*Known: 'input', '1a', '2a'"),
        ({"source_layer": "2b"}, "before layer '2b'"),
        ({"direction": [1, 2]}, "expected 5 finite numbers"),
        ({"direction": [1, 2, 3, 4, np.nan]}, "expected 5 finite numbers"),
        ({"row": 8}, "row 8 is out of range: layer '2b' has 8"),
        ({"column": -1}, "column -1 is out of range"),
        ({"column": None}, "column: expected a whole number"),
        ({"row": 1.5}, "row: expected a whole number"),
        ({"row": [1, 2]}, "one for each frame, \\(4,\\)"),
        ({"rule": "right"}, "pass num_points"),
    ],
)
def test_wrong_places_are_refused(clear, change, message):
    right = {"layer": "2b", "direction": np.ones(5), "row": 1, "column": 1, "source_layer": "2a"}
    with pytest.raises(ValueError, match=message):
        attribute_layer(clear, noise(clear), **{**right, **change})


# on demand, for a view


@pytest.fixture
def mine(built):
    return built.copy(deep=True)


PLACE = {"trajectory": 1, "step": 33, "layer": "2b", "feature": 1, "row": 3, "column": 4}


def test_a_view_gets_features_of_the_source_layer_whose_parts_sum_to_the_change(mine, agent):
    reports = []
    found = connect(agent, mine).trace(**PLACE, source_layer="2a", progress=lambda *report: reports.append(report))
    assert list(dict.fromkeys(stage for stage, _, _ in reports)) == ["features", "examples", "grids", "trace"]
    source = mine["layers/2a"]
    assert found["attribution"].dims == ("y", "x", "feature")
    assert found["total"].shape == (source.sizes["feature"],)
    parts = found["total"].sum() + found["residual_total"] + found["completeness_error"]
    np.testing.assert_allclose(parts, found.attrs["activation"] - found.attrs["baseline"], atol=1e-5)
    whole = attribute_layer(
        agent,
        mine["observation"][1, 33],
        layer="2b",
        direction=mine["layers/2b/direction"][1],
        row=3,
        column=4,
        source_layer="2a",
    )
    np.testing.assert_allclose(found["attribution"], reduce_attribution(whole, source.to_dataset())["attribution"])
    assert found.attrs["activation"] == pytest.approx(float(whole.activation))
    assert {name: found.attrs[name] for name in ("layer", "source_layer", "feature", "row", "column")} == {
        "layer": "2b",
        "source_layer": "2a",
        "feature": 1,
        "row": 3,
        "column": 4,
    }
    reports.clear()
    again = connect(agent, mine).trace(**PLACE, source_layer="2a", progress=lambda *report: reports.append(report))
    xr.testing.assert_identical(again, found)
    assert {stage for stage, _, _ in reports} == {"trace"}


def test_the_pixels_behind_a_cell_are_red_green_and_blue_and_leave_nothing_over(mine, built, agent):
    found = connect(agent, mine).trace(**PLACE, source_layer="input")
    assert found.sizes == {"y": 16, "x": 16, "feature": 3}
    np.testing.assert_allclose(found["residual"], 0, atol=1e-6)
    xr.testing.assert_identical(mine, built)


def test_a_cancelled_trace_leaves_the_study_as_it_was(mine, built, agent):
    assert connect(agent, mine).trace(**PLACE, source_layer="1a", cancelled=lambda: True) is None
    xr.testing.assert_identical(mine, built)
    assert not TORCH.locked()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trajectory": 2}, "trajectory 2 is out of range; there are 2"),
        ({"step": -1}, "step -1 is out of range"),
        ({"feature": 3}, "feature 3 is out of range; there are 3"),
        ({"layer": "3a"}, "unknown layer with features '3a'.*compute its attribution first"),
        ({"layer": "input"}, "unknown layer with features 'input'"),
        ({"row": 99}, "row 99 is out of range"),
        ({"source_layer": "4a"}, "unknown source layer '4a'"),
    ],
)
def test_a_trace_of_what_is_not_there_is_refused_before_features_are_fitted(mine, built, agent, change, message):
    with pytest.raises(ValueError, match=message):
        connect(agent, mine).trace(**{**PLACE, "source_layer": "1a", **change})
    xr.testing.assert_identical(mine, built)


def test_a_trace_of_an_opened_study_works(built, agent, tmp_path):
    save_study(built, tmp_path / "study.zarr")
    opened = open_study(tmp_path / "study.zarr")
    found = connect(agent, opened).trace(**PLACE, source_layer="2a")
    assert np.isfinite(found["attribution"]).all()
    save_study(opened, tmp_path / "study.zarr")
    assert "2a" in open_study(tmp_path / "study.zarr")["layers"].children
