"""What is measured of a feature beside its strongest examples."""

import numpy as np
import pytest
import torch
import toy
import xarray as xr

from rlvision_widgets import schema
from rlvision_widgets.agents import wrap_agent
from rlvision_widgets.analysis.examples import layer_codes, survey, top_examples
from rlvision_widgets.analysis.feature_quality import BANDS, Activity
from rlvision_widgets.analysis.layer_survey import Flat, survey_layer
from rlvision_widgets.analysis.shares import attribution_shares
from rlvision_widgets.analysis.sight import gradient_radius, receptive_field


class Stack(torch.nn.Module):
    """Layers with fields of 5, 5 + 2 = 7 and, after a stride of 2, 7 + 2 * 2 = 11; then one that sees everything."""

    def __init__(self):
        super().__init__()
        self.near = torch.nn.Conv2d(3, 4, 5, padding=2)
        self.far = torch.nn.Conv2d(4, 4, 3, stride=2, padding=1)
        self.next = torch.nn.Conv2d(4, 4, 3, padding=1)
        self.whole = torch.nn.Conv2d(4, 4, (16, 24), padding=0)
        self.out = torch.nn.LazyLinear(2)

    def forward(self, x):
        near = self.near(x).relu()
        return self.out(self.whole(self.next(self.far(near)).relu()).flatten(1))


class Mean(torch.nn.Module):
    """A layer of one cell: the mean of all pixels; its gradient is the same everywhere."""

    def __init__(self, size=16):
        super().__init__()
        self.layer = torch.nn.AvgPool2d(size)
        self.out = torch.nn.LazyLinear(2)

    def forward(self, x):
        return self.out(self.layer(x).flatten(1))


def wrapped(module, shape):
    torch.manual_seed(0)
    with torch.no_grad():
        module(torch.zeros(1, 3, *shape))
    return wrap_agent(module, observation_shape=(*shape, 3), action_names=("LEFT", "RIGHT"))


def one_feature(layer, channels=3):
    direction = np.eye(1, channels, dtype=np.float32)
    return xr.Dataset({"direction": (("feature", "channel"), direction)}, attrs={"layer": layer})


@pytest.mark.parametrize(("layer", "size", "cut"), [("near", 5, False), ("far", 7, False), ("next", 11, False)])
def test_the_receptive_field_of_known_convolutions(layer, size, cut):
    agent = wrapped(Stack(), (32, 48))
    assert receptive_field(agent, layer) == (size, size, cut)


def test_a_field_that_reaches_the_edge_says_so():
    agent = wrapped(Stack(), (32, 48))
    height, width, is_cut = receptive_field(agent, "whole")
    assert (height, width, is_cut) == (32, 48, True)


def test_dead_weights_do_not_hide_what_a_cell_could_see():
    module = Stack()
    wrapped(module, (32, 48))
    with torch.no_grad():
        module.near.weight.zero_()
    assert receptive_field(wrapped(module, (32, 48)), "far")[:2] == (7, 7)


def test_half_the_mass_of_a_constant_gradient_lies_in_the_disc_with_half_the_pixels():
    agent = wrapped(Mean(), (16, 16))
    frames = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
    features = one_feature("layer")
    found = gradient_radius(agent, frames, features, top_examples(agent, frames, features))
    y, x = np.mgrid[:16, :16] - 7.5
    radius = float(found["half_mass_radius"][0])
    inside = np.hypot(y, x) <= radius + 1e-6
    assert inside.mean() >= 0.5
    assert (np.hypot(y, x) < radius - 1e-6).mean() < 0.5
    assert int(found["num_gradients"][0]) == 5


def test_a_feature_that_sees_one_block_of_pixels_has_its_radius():
    agent = wrapped(Mean(2), (16, 16))
    frames = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
    features = one_feature("layer")
    found = gradient_radius(agent, frames, features, top_examples(agent, frames, features))
    np.testing.assert_allclose(found["half_mass_radius"], np.sqrt(0.5), rtol=1e-6)


def test_a_feature_that_is_never_active_has_no_radius():
    agent = wrapped(Mean(2), (16, 16))
    frames = np.zeros((3, 16, 16, 3), np.uint8)
    features = one_feature("layer")
    found = gradient_radius(agent, frames, features, top_examples(agent, frames, features))
    assert np.isnan(found["half_mass_radius"][0])
    assert int(found["num_gradients"][0]) == 0


def batches(codes, size):
    return [torch.from_numpy(codes[start : start + size]) for start in range(0, len(codes), size)]


@pytest.fixture(scope="module")
def codes():
    """Activations of three features: usual ones, many equal ones, and none; (sample, feature, y, x)."""
    rng = np.random.default_rng(0)
    usual = np.maximum(rng.normal(0, 1, (60, 12, 10)), 0)
    equal = np.where(rng.random((60, 12, 10)) < 0.5, 0.25, 0)
    return np.stack([usual, equal, 0 * usual], axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def activity(codes):
    gathered = Activity(seed=0)
    survey(batches(codes, 7), [gathered])
    return gathered.dataset()


def test_every_cell_is_counted_once(codes, activity):
    assert (activity["histogram"].sum("bin") + activity["inactive"] == 60 * 12 * 10).all()
    np.testing.assert_array_equal(activity["inactive"], (codes == 0).sum((0, 2, 3)))


def test_bins_are_those_of_numpy(codes, activity):
    for k in range(2):
        width = float(activity["bin_width"][k])
        assert np.log2(width) % 1 == 0
        expected, _ = np.histogram(codes[:, k][codes[:, k] > 0], np.arange(65) * width)
        np.testing.assert_array_equal(activity["histogram"][k], expected)
    assert (activity["histogram"][0, 32:] > 0).any(), "at least half of the bins are used"


@pytest.mark.parametrize("size", [1, 13, 60])
def test_the_size_of_the_batches_does_not_matter(codes, activity, size):
    gathered = Activity(seed=0)
    survey(batches(codes, size), [gathered])
    found = gathered.dataset()
    xr.testing.assert_identical(found.drop_vars("histogram"), activity.drop_vars("histogram"))
    np.testing.assert_array_equal(found["histogram"], activity["histogram"])


def test_bands_are_ordered_and_disjoint_and_hold_what_they_say(codes, activity):
    low, high = activity["band_from"].values, activity["band_to"].values
    assert (low[:2] <= high[:2]).all()
    assert (high[:2, 1:] <= low[:2, :-1]).all(), "the next band ends where the stronger one begins"
    strength = activity["band_strength"].values
    for k in range(2):
        seen = set()
        for band in range(len(BANDS)):
            there = np.isfinite(strength[k, band])
            source = activity["band_source"].values[k, band, there]
            where = activity["band_row"].values[k, band, there], activity["band_column"].values[k, band, there]
            np.testing.assert_array_equal(codes[source, k, where[0], where[1]], strength[k, band, there])
            assert ((strength[k, band, there] >= low[k, band]) & (strength[k, band, there] <= high[k, band])).all()
            assert (np.diff(strength[k, band, there]) <= 0).all()
            assert len(set(source)) == len(source), "one patch an observation"
            cells = set(zip(source, *where, strict=True))
            assert not cells & seen, "no cell is in two bands"
            seen |= cells


def test_bands_are_quantiles_of_the_positive_activations(codes, activity):
    positive = codes[:, 0][codes[:, 0] > 0]
    expected = np.quantile(positive, BANDS)
    np.testing.assert_allclose(activity["band_from"][0], expected[:, 0], rtol=1e-5)
    np.testing.assert_allclose(activity["band_to"][0], expected[:, 1], rtol=1e-5)


def test_a_feature_that_is_never_active_has_empty_bands(activity):
    assert (activity["band_source"][2] == -1).all()
    assert activity["band_strength"][2].isnull().all()
    assert activity["band_from"][2].isnull().all()


def test_what_the_solver_leaves_over_is_no_activation():
    codes = np.zeros((4, 1, 4, 4), np.float32)
    codes[0] = 1
    codes[1] = 1e-9
    gathered = Activity()
    gathered.offer(torch.from_numpy(codes))
    found = gathered.dataset()
    assert int(found["histogram"].sum()) == 16
    assert int(found["inactive"][0]) == 48
    assert float(found["band_from"].min()) == 1


def test_shares_sum_to_one_and_tell_signs_apart(study):
    output = study["layers/2b/outputs/value"].to_dataset()
    shares = attribution_shares(output)
    for name in ("raised", "lowered"):
        assert (shares[name] >= 0).all()
        np.testing.assert_allclose(shares[name].sum(), 1)
    assert shares.attrs["num_steps"] == 3 * 130
    values = output["attribution"].values * output["scale"].values[..., None, None, None].astype(np.float64)
    rest = output["residual"].values * output["scale"].values[..., None, None].astype(np.float64)
    raised = np.append(np.maximum(values, 0).sum((0, 1, 2, 3)), np.maximum(rest, 0).sum())
    np.testing.assert_allclose(shares["raised"], raised / raised.sum())


def test_steps_that_are_not_computed_do_not_count(study):
    output = study["layers/2b/outputs/value"].to_dataset().copy(deep=True)
    output["completeness_error"][1:] = np.nan
    shares = attribution_shares(output)
    assert shares.attrs["num_steps"] == 130
    xr.testing.assert_allclose(shares, attribution_shares(output.isel(trajectory=slice(1))))


def test_an_output_of_which_nothing_is_computed_has_no_shares(study):
    output = study["layers/2b/outputs/value"].to_dataset().copy(deep=True)
    output["completeness_error"][:] = np.nan
    shares = attribution_shares(output)
    assert shares.attrs["num_steps"] == 0
    assert shares["raised"].isnull().all()


def test_a_survey_follows_the_schema_and_points_into_the_study(built, agent):
    node = built["layers/2b"]
    assert {"0.25", "0.5", "1", "2"} == set(node["grids/rollout"].children)
    for name in ("activity", "examples"):
        schema.check(node[name].to_dataset(), schema.NODES[f"/layers/*/{name}"])
    grid = node["grids/rollout/1"].to_dataset()
    features = node.to_dataset()
    number, place = int(grid["source"][0, 3, 4]), (0, 3, 4)
    trajectory, step = divmod(number, built.sizes["step"])
    frame = built["observation"].values[trajectory, step][None]
    code = next(iter(layer_codes(agent, frame, features)))[0].numpy()
    np.testing.assert_allclose(code[place], grid["strength"].values[place], rtol=1e-4)


def test_a_survey_can_be_stopped(built, agent):
    class Stopped(Exception):
        pass

    def stop():
        raise Stopped

    features = built["layers/2b"].to_dataset()
    with pytest.raises(Stopped):
        survey_layer(agent, built, features, layer="2b", report=lambda *_: None, check=stop)


def test_long_rollouts_are_looked_at_here_and_there(monkeypatch, study):
    monkeypatch.setattr("rlvision_widgets.analysis.layer_survey.MOST_FRAMES", 50)
    frames = Flat(study, toy.toy_agent())
    assert frames.shape == (50, 64, 64, 3)
    assert (frames.numbers[0], frames.numbers[-1]) == (0, 3 * 130 - 1)
    flat = study["observation"].values.reshape(-1, 64, 64, 3)
    np.testing.assert_array_equal(frames[10:30], flat[frames.numbers[10:30]])
