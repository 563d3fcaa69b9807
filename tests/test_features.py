import warnings

import numpy as np
import pytest
import torch
import xarray as xr
from scipy.optimize import nnls

from rlvision_widgets.analysis.codes import nonnegative_codes
from rlvision_widgets.analysis.features import fit_nmf, reduce_attribution


def planted(seed=0, num_features=4, num_channels=10, shape=(6, 8, 9)):
    """Signed attribution that is a sparse sum of known directions, and the directions."""
    rng = np.random.default_rng(seed)
    direction = rng.random((num_features, num_channels)) * (rng.random((num_features, num_channels)) < 0.4)
    direction[:, :num_features] = 2 * np.eye(num_features)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    strength = rng.gamma(0.5, 1, (*shape, num_features)) * (rng.random((*shape, num_features)) < 0.3)
    sign = np.where(rng.random((*shape, 1)) < 0.5, -1, 1)
    cells = (strength * sign) @ direction
    attribution = xr.DataArray(
        cells.astype(np.float32), dims=("step", "y", "x", "channel"), attrs={"layer": "2b", "output": "value"}
    )
    return attribution.assign_coords(completeness_error=("step", np.arange(shape[0]))), direction


@pytest.mark.parametrize("seed", range(3))
def test_planted_directions_are_found_up_to_their_order(seed):
    attribution, direction = planted(seed)
    found = fit_nmf(attribution, num_features=4, seed=seed)
    cosine = found.direction.values @ direction.T
    assert sorted(cosine.argmax(1)) == [0, 1, 2, 3]
    assert cosine.max(1).min() > 0.99
    assert found.attrs["r_squared"] > 0.999
    assert found.attrs["residual_share"] < 0.02


def test_directions_are_unit_and_non_negative_and_the_largest_share_comes_first():
    attribution, _ = planted()
    found = fit_nmf(attribution, num_features=3)
    np.testing.assert_allclose(np.linalg.norm(found.direction, axis=1), 1, rtol=1e-6)
    assert (found.direction >= 0).all()
    assert (np.diff(found.share) <= 0).all()
    assert float(found.share.sum()) + found.attrs["residual_share"] == pytest.approx(1, abs=1e-6)
    assert found.attrs["method"] == "attribution"
    assert {name: found.attrs[name] for name in ("layer", "output", "seed")} == {
        "layer": "2b",
        "output": "value",
        "seed": 0,
    }


def test_more_features_explain_more():
    attribution, _ = planted()
    explained = [fit_nmf(attribution, num_features=k).attrs["r_squared"] for k in (1, 2, 3, 4)]
    assert (np.diff(explained) > 0.02).all()


def test_the_same_seed_finds_the_same_from_the_whole_and_from_its_batches():
    attribution, _ = planted()
    whole = fit_nmf(attribution, num_features=4, num_rows=200)
    assert whole.attrs["num_rows"] == 200
    xr.testing.assert_identical(whole, fit_nmf(attribution, num_features=4, num_rows=200))
    other = fit_nmf(attribution, num_features=4, num_rows=200, seed=1)
    assert not np.array_equal(whole.direction, other.direction)
    pieces = (attribution[start : start + 2] for start in range(0, 6, 2))
    cosine = fit_nmf(pieces, num_features=4, num_rows=10**6).direction.values
    np.testing.assert_allclose(
        cosine @ fit_nmf(attribution, num_features=4).direction.values.T, cosine @ cosine.T, atol=1e-3
    )


def test_rare_strong_cells_are_among_the_sampled_rows():
    """One cell in ten thousand, a thousand times as strong: a uniform sample would miss its direction."""
    cells = np.zeros((10_000, 6), np.float32)
    cells[:, :2] = np.random.default_rng(0).random((10_000, 2))
    cells[1234, 5] = 1000
    found = fit_nmf(xr.DataArray(cells, dims=("cell", "channel")), num_features=3, num_rows=100)
    assert found.direction.values.max(0)[5] > 0.99


def test_activations_are_fitted_as_they_are():
    attribution, direction = planted()
    found = fit_nmf(np.abs(attribution).drop_attrs(), num_features=4)
    assert found.attrs["method"] == "activations"
    assert (found.direction.values @ direction.T).max(1).min() > 0.99


@pytest.mark.parametrize("num_features", [None, 10, 12])
def test_with_a_feature_for_each_channel_nothing_is_left_over(num_features):
    attribution, _ = planted()
    found = fit_nmf(attribution, num_features=num_features)
    assert found.attrs["method"] == "identity"
    assert sorted(found.direction.values.argmax(1)) == list(range(10))
    assert (found.one_hotness == 1).all()
    assert (found.effective_channels == 1).all()
    reduced = reduce_attribution(attribution, found)
    np.testing.assert_allclose(reduced.residual, 0, atol=1e-5)


def test_stability_is_high_where_features_are_planted_and_lower_in_noise():
    attribution, _ = planted()
    noise = xr.DataArray(np.random.default_rng(0).random((600, 10), np.float32), dims=("cell", "channel"))
    stable, unstable = (fit_nmf(x, num_features=4, stability=2).attrs["seed_stability"] for x in (attribution, noise))
    assert 0.98 < stable <= 1.000001
    assert unstable < 0.95
    assert np.isnan(fit_nmf(attribution, num_features=4).attrs["seed_stability"])


def test_stability_is_told_apart_feature_by_feature():
    """Two directions that stand alone, and a round cloud of rows that any two directions share."""
    rng = np.random.default_rng(0)
    planted, cloud = np.zeros((2000, 8), np.float32), np.zeros((2000, 8), np.float32)
    planted[np.arange(2000), rng.integers(0, 2, 2000)] = 5 * rng.random(2000)
    angle = rng.random(2000) * np.pi / 2
    cloud[:, 2:5] = np.abs(rng.normal(size=(2000, 3)))
    cloud[:, 5], cloud[:, 6] = np.cos(angle), np.sin(angle)
    rows = xr.DataArray(np.concatenate([planted, cloud]), dims=("cell", "channel"))
    found = fit_nmf(rows, num_features=5, stability=4)
    alone = found.direction.values[:, :2].max(1) > 0.99
    assert alone.sum() == 2
    assert found["stability"].dtype == np.float32
    assert (found["stability"].values[alone] > 0.999).all()
    assert (found["stability"] <= 1.000001).all()
    assert found["stability"].values[~alone].min() < 0.99
    assert found.attrs["seed_stability"] == pytest.approx(float(found["stability"].mean()))
    xr.testing.assert_identical(found, fit_nmf(rows, num_features=5, stability=4))
    assert "stability" not in fit_nmf(rows, num_features=None, stability=4)


def test_dead_features_are_counted_and_come_last():
    rows = np.outer(np.arange(1, 9), [1, 2, 0, 0, 0]).astype(np.float32)
    found = fit_nmf(xr.DataArray(rows, dims=("cell", "channel")), num_features=3)
    assert found.attrs["r_squared"] == pytest.approx(1)
    assert found.attrs["num_dead"] == int((found.share == 0).sum()) > 0
    assert np.isfinite(found.direction).all()
    assert float(found.share[0]) > 0


@pytest.mark.parametrize(
    ("attribution", "message"),
    [
        (np.zeros((4, 5)), "zero everywhere"),
        (np.full((4, 5), np.nan), "NaN or infinite"),
    ],
)
def test_attribution_without_anything_to_find_is_refused(attribution, message):
    with pytest.raises(ValueError, match=message):
        fit_nmf(xr.DataArray(attribution, dims=("cell", "channel")), num_features=2)


def test_wrong_numbers_of_features_and_channels_are_refused():
    attribution, _ = planted()
    with pytest.raises(ValueError, match="num_features has to be 1 or more"):
        fit_nmf(attribution, num_features=0)
    with pytest.raises(ValueError, match="zero everywhere"):
        fit_nmf(iter([]))
    with pytest.raises(ValueError, match="9 channels, the features 10"):
        reduce_attribution(attribution[..., :9], fit_nmf(attribution))
    with pytest.raises(TypeError, match="Did you mean 'num_features'"):
        fit_nmf(attribution, n_features=3)


@pytest.mark.parametrize("num_features", [2, 4, 7])
def test_features_and_residual_sum_to_the_attribution_at_every_position(num_features):
    attribution, _ = planted(1)
    attribution = attribution + 0.1 * np.random.default_rng(2).normal(size=attribution.shape).astype(np.float32)
    reduced = reduce_attribution(attribution, fit_nmf(attribution, num_features=num_features))
    cells = attribution.astype(np.float64).sum("channel")
    largest = float(np.abs(attribution).max())
    np.testing.assert_allclose(
        reduced.attribution.astype(np.float64).sum("feature") + reduced.residual, cells, atol=1e-6 * largest
    )
    totals = reduced.total.astype(np.float64).sum("feature") + reduced.residual_total
    np.testing.assert_allclose(totals, cells.sum(("y", "x")), atol=1e-5 * largest)
    assert np.abs(reduced.residual).max() > 1e-3  # otherwise the law would hold for no reason


def test_reduction_keeps_leading_dims_and_coordinates_and_gives_float32():
    attribution, _ = planted()
    features = fit_nmf(attribution, num_features=4)
    reduced = reduce_attribution(attribution.transpose("channel", "x", "step", "y").astype(np.float64), features)
    expected = reduce_attribution(attribution, features)
    assert reduced.attribution.dims == ("step", "y", "x", "feature")
    assert reduced.total.dims == ("step", "feature")
    assert reduced.residual_total.dims == ("step",)
    assert all(variable.dtype == np.float32 for variable in reduced.data_vars.values())
    assert "completeness_error" in reduced.coords
    xr.testing.assert_allclose(reduced, expected, atol=1e-5)
    stacked = reduce_attribution(attribution.expand_dims(trajectory=2), features)
    xr.testing.assert_allclose(stacked.isel(trajectory=1).drop_vars("trajectory", errors="ignore"), expected)


def test_a_feature_alone_carries_all_of_its_own_direction_with_its_sign():
    direction = np.array([[0.6, 0.8, 0], [0, 0, 1]], np.float32)
    features = xr.Dataset({"direction": (("feature", "channel"), direction)})
    attribution = xr.DataArray([[2 * direction[0], -3 * direction[1]]], dims=("y", "x", "channel"))
    reduced = reduce_attribution(attribution, features)
    np.testing.assert_allclose(reduced.attribution, [[[2.8, 0], [0, -3]]], atol=1e-6)
    np.testing.assert_allclose(reduced.residual, 0, atol=1e-6)
    rescaled = reduce_attribution(attribution, features.assign(direction=features.direction * 7))
    np.testing.assert_allclose(rescaled.attribution, reduced.attribution, atol=1e-6)


def test_arrays_that_refuse_to_be_written_to_are_read_without_a_warning():
    attribution, _ = planted()
    features = fit_nmf(attribution, num_features=4)
    expected = reduce_attribution(attribution, features)
    for array in (attribution.values, features["direction"].values):
        array.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.set_warn_always(True)  # else torch says it once in a process, perhaps in another test
        try:
            xr.testing.assert_identical(reduce_attribution(attribution, features), expected)
            fit_nmf(attribution, num_features=4)
        finally:
            torch.set_warn_always(False)


def test_zero_attribution_reduces_to_zero():
    attribution, _ = planted()
    reduced = reduce_attribution(0 * attribution, fit_nmf(attribution, num_features=4))
    assert all(float(np.abs(variable).max()) == 0 for variable in reduced.data_vars.values())


@pytest.mark.parametrize("spread", [0.0, 0.5, 2.0])
def test_codes_are_scipys_non_negative_least_squares(spread):
    """`spread` is how far from one-hot, and so how alike, the directions are."""
    rng = np.random.default_rng(0)
    direction = np.eye(6, 12) + spread * rng.random((6, 12))
    rows = rng.normal(size=(200, 12))
    codes = nonnegative_codes(torch.from_numpy(rows), torch.from_numpy(direction)).numpy()
    expected = np.array([nnls(direction.T, row)[0] for row in rows])
    assert (codes >= 0).all()
    np.testing.assert_allclose(codes, expected, atol=1e-3 if spread else 1e-9)
    distance, least = (np.square(rows - c @ direction).sum() for c in (codes, expected))
    assert distance <= least * (1 + 1e-6)


def test_codes_on_directions_that_share_nothing_are_those_of_sweeps():
    rng = np.random.default_rng(0)
    direction = np.zeros((3, 7))
    direction[0, :2], direction[1, 3], direction[2, 4:] = (1, 2), 0.5, (3, 1, 1)
    rows = rng.normal(size=(50, 7))
    alone = nonnegative_codes(torch.from_numpy(rows), torch.from_numpy(direction))
    direction[0, 3] = 1e-12  # all but nothing, so that they are swept
    swept = nonnegative_codes(torch.from_numpy(rows), torch.from_numpy(direction))
    torch.testing.assert_close(alone, swept)


def test_codes_of_a_feature_of_zeros_are_zero():
    direction = torch.tensor([[0.0, 0, 0], [1, 1, 0]])
    codes = nonnegative_codes(torch.tensor([[2.0, 2, 5], [-1, -1, 0]]), direction)
    torch.testing.assert_close(codes, torch.tensor([[0.0, 2], [0, 0]]))
