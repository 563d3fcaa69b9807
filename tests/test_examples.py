from collections import Counter

import numpy as np
import pytest
import torch
import xarray as xr

from rlvision_widgets.agents import wrap_agent
from rlvision_widgets.analysis.examples import assign, top_examples
from rlvision_widgets.analysis.grids import spatial_grid


class Colours(torch.nn.Module):
    """One layer of 8 x 8 cells, three channels: how red, green and blue each 2 x 2 block of pixels is."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.AvgPool2d(2)
        self.out = torch.nn.Linear(192, 2)

    def forward(self, x):
        return self.out(self.layer(x).flatten(1))


@pytest.fixture(scope="module")
def agent():
    torch.manual_seed(0)
    return wrap_agent(Colours(), observation_shape=(16, 16, 3), action_names=("LEFT", "RIGHT"))


@pytest.fixture(scope="module")
def features():
    direction = np.eye(3, dtype=np.float32)[:2]
    return xr.Dataset({"direction": (("feature", "channel"), direction)}, attrs={"layer": "layer"})


@pytest.fixture(scope="module")
def frames():
    return np.random.default_rng(0).integers(0, 256, (50, 16, 16, 3), dtype=np.uint8)


def cells(frames):
    """What the layer gives along the features, by the definition: (sample, feature, y, x)."""
    blocks = frames.astype(np.float64).reshape(-1, 8, 2, 8, 2, 3).mean((2, 4)) / 255
    return blocks.transpose(0, 3, 1, 2)[:, :2]


def greedy(strength, limit, count):
    """The strongest pairs of (observation, cell), one by one, from everything at once."""
    left = strength.reshape(len(strength), -1).copy()
    used, picks = Counter(), []
    while len(picks) < count:
        sample, cell = np.unravel_index(left.argmax(), left.shape)
        picks.append((sample, cell))
        left[sample] = -1
        used[cell] += 1
        if used[cell] == limit:
            left[:, cell] = -1
    return picks


@pytest.mark.parametrize("per_position", [1, 2, 4, 16])
def test_examples_are_the_strongest_of_all_pairs_few_from_one_place(agent, features, frames, per_position):
    frames = frames.copy()
    frames[:30, 4:6, 6:8] = 255  # one cell is the best of thirty observations
    found = top_examples(agent, frames, features, per_position=per_position, batch_size=7)
    for k in range(2):
        cell = found.row[k] * 8 + found.column[k]
        expected = greedy(cells(frames)[:, k], per_position, 16)
        strength = [cells(frames)[sample, k].ravel()[where] for sample, where in expected]
        np.testing.assert_allclose(found.strength[k], strength, rtol=1e-5)
        own = cells(frames)[found.source[k], k, found.row[k], found.column[k]]
        np.testing.assert_allclose(own, found.strength[k], rtol=1e-5)
        assert len(set(found.source[k].values)) == 16
        assert max(Counter(cell.values.tolist()).values()) <= per_position
        assert (np.diff(found.strength[k]) <= 0).all()


def test_a_patch_is_the_observation_around_the_cell_and_a_checkerboard_beyond_it(agent, features, frames):
    found = top_examples(agent, frames, features, cells=4.0)
    assert found.patch.dims == ("feature", "rank", "patch_height", "patch_width", "rgb")
    assert found.patch.shape == (2, 16, 8, 8, 3)
    beyond = 0
    for k, rank in np.ndindex(2, 16):
        one = found.isel(feature=k, rank=rank)
        top, left = 2 * int(one.row) + 1 - 4, 2 * int(one.column) + 1 - 4
        for y, x in np.ndindex(8, 8):
            if 0 <= top + y < 16 and 0 <= left + x < 16:
                assert (one.patch[y, x] == frames[int(one.source), top + y, left + x]).all()
            else:
                beyond += 1
                assert (one.patch[y, x] == (191, 255)[(top + y + left + x) % 2]).all()
    assert beyond > 0


def test_fewer_observations_than_ranks_give_fewer_examples(agent, features, frames):
    found = top_examples(agent, frames[:5], features)
    assert sorted(found.source[0].values) == [0, 1, 2, 3, 4]


class Stream(np.ndarray):
    """Observations that remember how much of them was read at once."""

    most = 0

    def __getitem__(self, where):
        part = np.asarray(self)[where]
        self.most = max(self.most, len(part) if isinstance(where, slice) else 1)
        return part


@pytest.mark.parametrize("function", [top_examples, spatial_grid])
def test_observations_are_streamed_and_the_batches_do_not_matter(agent, features, frames, function):
    stream = frames.view(Stream)
    found = function(agent, stream, features, batch_size=6)
    assert stream.most == 6
    xr.testing.assert_identical(found, function(agent, frames, features, batch_size=50))
    labelled = xr.DataArray(frames, dims=("sample", "height", "width", "rgb"))
    xr.testing.assert_identical(found, function(agent, labelled, features))


def test_without_a_limit_that_binds_each_place_has_its_strongest_observation(agent, features, frames):
    grid = spatial_grid(agent, frames, features, top_fraction=1 / 50)
    assert grid.attrs["most_uses"] == 64
    strength = cells(frames)
    np.testing.assert_array_equal(grid.source, strength.argmax(0))
    np.testing.assert_allclose(grid.strength, strength.max(0), rtol=1e-5)
    only = spatial_grid(agent, frames, features, feature=1, top_fraction=1 / 50)
    xr.testing.assert_identical(only, grid.isel(feature=[1]))


def test_no_observation_is_used_more_than_the_limit_and_no_place_was_passed_over(agent, features, frames):
    frames = np.minimum(frames, 200)
    frames[7] = 255  # the best everywhere
    grid = spatial_grid(agent, frames, features, top_fraction=0.5)
    limit = grid.attrs["most_uses"]
    assert limit == 3  # ceil(64 / 25)
    strength = cells(frames)
    for k in range(2):
        uses = Counter(grid.source[k].values.ravel().tolist())
        assert uses[7] == limit == max(uses.values())
        for y, x in np.ndindex(8, 8):
            got = strength[grid.source[k, y, x], k, y, x]
            for better in np.flatnonzero(strength[:, k, y, x] > got + 1e-9):
                holders = np.argwhere(grid.source[k].values == better)
                assert len(holders) == limit
                weakest = min(strength[better, k, row, column] for row, column in holders)
                assert weakest >= strength[better, k, y, x] - 1e-9


@pytest.mark.parametrize(("density", "side"), [(0.5, 4), (1.0, 8), (2.0, 17)])
def test_density_sets_the_number_of_places_and_the_picture(agent, features, frames, density, side):
    grid = spatial_grid(agent, frames, features, density=density, cells=3.0)
    assert grid.source.shape == (2, side, side)
    assert grid.picture.shape == (2, side * 6, side * 6, 4)
    assert grid.picture.dtype == np.uint8


def test_between_two_cells_activations_are_interpolated(agent, features, frames):
    dense = spatial_grid(agent, frames[:1], features, density=2.0).strength.values
    np.testing.assert_allclose(dense[:, 1:-1:2, 1:-1:2], cells(frames[:1])[0, :, :, :], rtol=1e-5)
    halfway = (cells(frames[:1])[0, :, :, :-1] + cells(frames[:1])[0, :, :, 1:]) / 2
    np.testing.assert_allclose(dense[:, 1:-1:2, 2:-2:2], halfway, rtol=1e-5)


def test_the_picture_is_opaque_where_strong_and_clear_where_nothing_is(agent, features, frames):
    frames = frames[:1].copy()
    frames[0, :8] = 0
    frames[0, 8:] = 255
    picture = spatial_grid(agent, frames, features, cells=1.0).picture.values[0]
    assert (picture[:8, :, 3] == 0).all()
    assert (picture[8:] == 255).all()


def test_a_grid_without_places_is_refused(agent, features, frames):
    with pytest.raises(ValueError, match="empty; take a larger density"):
        spatial_grid(agent, frames, features, density=0.1)


def test_slots_whose_candidates_are_used_up_take_their_strongest_all_the_same():
    strength = np.array([[3.0, 1], [5, 2], [4, 3]])
    candidate = np.array([[0, 1], [0, 1], [0, 1]])
    slot, choice = assign(strength, candidate, limit=1)
    assert list(zip(slot.tolist(), choice.tolist(), strict=True)) == [(1, 0), (2, 1), (0, 0)]
    slot, _ = assign(strength, candidate, limit=3, count=2)
    assert slot.tolist() == [1, 2]


@pytest.mark.parametrize("function", [top_examples, spatial_grid])
def test_wrong_arguments_are_refused(agent, features, frames, function):
    with pytest.raises(ValueError, match="Did you mean 'layer'"):
        function(agent, frames, features, layer="layre")
    with pytest.raises(ValueError, match="Pass layer="):
        function(agent, frames, features.drop_attrs())
    with pytest.raises(ValueError, match=r"above 0|cells > 0"):
        function(agent, frames, features, cells=0.0)
    with pytest.raises(ValueError, match="expected observations"):
        function(agent, frames[:0], features)
    with pytest.raises(ValueError, match="3 channels, the features 2"):
        function(agent, frames, features.isel(channel=slice(2)))
    with pytest.raises(TypeError, match="Did you mean 'batch_size'"):
        function(agent, frames, features, batchsize=3)
