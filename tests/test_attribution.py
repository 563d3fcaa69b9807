import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from torch import nn
from torch.nn import functional

from rlvision_widgets.agents import Agent, ClearNetwork, load_agent, wrap_agent
from rlvision_widgets.analysis import refining
from rlvision_widgets.analysis.attribution import attribute, attribute_batches, output_function
from rlvision_widgets.analysis.integration import Quadrature, integrated_gradients, path_gradients
from rlvision_widgets.analysis.refining import LOW
from rlvision_widgets.schema import Output

ACTIONS = ("LEFT", "NOOP", "RIGHT", "RIGHT+UP")
PUBLISHED = Path(__file__).parents[1] / ".." / "shared" / "data" / "published_coinrun.jd"


@pytest.fixture(scope="module")
def agent():
    """A small network whose biases are far from zero, so that it bends along the line."""
    generator = torch.Generator().manual_seed(0)
    network = ClearNetwork(4, channels=(3, 4, 5, 4, 6), dense=(12, 9), observation_shape=(16, 16, 3))
    with torch.no_grad():
        for parameter in network.parameters():
            scale = 0.5 if parameter.ndim == 1 else 2.5 / math.sqrt(parameter[0].numel())
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
    return Agent(network, name="toy", action_names=ACTIONS).double()


@pytest.fixture(scope="module")
def frames():
    return np.random.default_rng(0).integers(0, 256, (7, 16, 16, 3), dtype=np.uint8)


def change(agent, frames, layer, output):
    """F(a) - F(0), by the definition."""
    read = output_function(Output.parse(output, agent.action_names))
    head, activations = agent.head(layer), agent.activations(layer, frames)
    with torch.no_grad():
        return (read(head(activations)) - read(head(torch.zeros_like(activations)))).numpy()


def largest_difference(found, expected):
    """In units of each frame's largest attribution."""
    axes = tuple(range(1, expected.ndim))
    return (np.abs(found - expected).max(axes) / np.abs(expected).max(axes)).max()


OPTIONS = [{}, {"num_points": 10}, {"rule": "right", "num_points": 10}, {"max_points": 16}]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("output", ["value", "RIGHT", "centred:RIGHT", "log_prob:LEFT", "difference:RIGHT,LEFT"])
def test_attribution_and_completeness_error_sum_to_the_change_from_zero_activations(agent, frames, options, output):
    for layer in agent.layers:
        found = attribute(agent, frames, layer=layer, output=output, **options)
        total = found.sum(("y", "x", "channel")) + found.completeness_error
        np.testing.assert_allclose(total, change(agent, frames, layer, output), atol=1e-10)
        assert np.abs(found.values).max() > 1e-3


@pytest.mark.parametrize("options", [*OPTIONS, {"rule": "right", "num_points": 1}, {"num_points": 3}])
def test_on_a_linear_head_any_rule_is_exact(options):
    weight = torch.randn(3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    activations = torch.rand(6, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = integrated_gradients(lambda a, _: (a * weight).sum((1, 2, 3)) + 2, activations, Quadrature(**options))
    torch.testing.assert_close(found.attribution, activations * weight)
    torch.testing.assert_close(found.completeness_error, torch.zeros(6, dtype=torch.float64))


def test_on_a_linear_head_attribution_along_a_direction_is_the_effect_of_ablating_it():
    generator = torch.Generator().manual_seed(2)
    weight, activations = (torch.randn(n, 4, 3, 3, dtype=torch.float64, generator=generator) for n in (1, 5))
    direction = functional.normalize(torch.rand(4, dtype=torch.float64, generator=generator), dim=0)

    def score(a, _):
        return (a * weight).sum((1, 2, 3))

    part = torch.einsum("c,d,fdyx->fcyx", direction, direction, activations)
    effect = score(activations, None) - score(activations - part, None)
    torch.testing.assert_close(integrated_gradients(score, part).attribution.sum((1, 2, 3)), effect)


def test_one_right_point_is_gradient_times_activation(agent, frames):
    activations = agent.activations("2b", frames).requires_grad_()
    (gradient,) = torch.autograd.grad(agent.head("2b")(activations).value.sum(), activations)
    found = attribute(agent, frames, layer="2b", rule="right", num_points=1)
    expected = (activations * gradient).detach().permute(0, 2, 3, 1)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_plain_gradient_says_what_more_of_each_pixel_would_do(agent, frames):
    found = attribute(agent, frames, layer="input", output="RIGHT", rule="gradient")
    assert found.dims == ("step", "y", "x", "channel")
    assert (found.num_points == 1).all()
    assert found.attrs["rule"] == "gradient"
    brighter = torch.as_tensor(frames / 255).permute(0, 3, 1, 2)
    for place in ((3, 4, 0), (8, 15, 2)):
        y, x, colour = place
        both = []
        for step in (1e-6, -1e-6):
            moved = brighter.clone()
            moved[:, colour, y, x] += step
            both.append(agent.head("input")(moved).logits[:, 2].numpy())
        np.testing.assert_allclose(found[:, y, x, colour], (both[0] - both[1]) / 2e-6, rtol=1e-4, atol=1e-6)


def test_the_error_of_a_plain_gradient_is_how_far_the_output_is_from_a_line(agent, frames):
    for layer in ("input", "2b"):
        found = attribute(agent, frames, layer=layer, rule="gradient")
        activations = agent.activations(layer, frames).permute(0, 2, 3, 1).numpy()
        line = (found.values * activations).sum((1, 2, 3))
        np.testing.assert_allclose(found.completeness_error, change(agent, frames, layer, "value") - line, atol=1e-10)
        once = attribute(agent, frames, layer=layer, rule="right", num_points=1)
        np.testing.assert_allclose(once, found * activations, atol=1e-12)
        np.testing.assert_allclose(once.completeness_error, found.completeness_error, atol=1e-12)


def test_pixels_are_attributed_from_a_black_picture(agent, frames):
    found = attribute(agent, frames, layer="input")
    value = agent(frames)[1] - agent(0 * frames)[1]
    np.testing.assert_allclose(found.sum(("y", "x", "channel")) + found.completeness_error, value, atol=1e-5)
    assert not attribute(agent, 0 * frames, layer="input").any()


def test_permuting_steps_permutes_results_whatever_the_batches(agent, frames):
    order = np.array([4, 0, 6, 2, 5, 1, 3])
    straight = attribute(agent, frames, layer="2a", tolerance=0.01)
    permuted = attribute(agent, frames[order], layer="2a", tolerance=0.01, batch_size=3)
    xr.testing.assert_allclose(permuted, straight[order], rtol=1e-9, atol=1e-12)
    assert len(np.unique(straight.num_points)) > 1  # otherwise nothing was refined on its own


@pytest.mark.parametrize("max_points", [16, 64, 100, 256])
def test_refinement_stops_at_the_tolerance_or_at_the_most_points(agent, frames, max_points):
    tolerance = 0.004
    found = attribute(agent, frames, layer="1a", tolerance=tolerance, max_points=max_points)
    met = np.abs(found.completeness_error) <= tolerance
    assert (found.num_points >= 16).all()
    assert (found.num_points % 2 == 0).all()  # each cut into thirds adds two
    assert (met | (found.num_points == max_points)).all()
    assert (found.num_points <= max_points).all()
    looser = attribute(agent, frames, layer="1a", tolerance=10 * tolerance, max_points=max_points)
    assert (looser.num_points <= found.num_points).all()


def first_nodes():
    return np.interp(np.arange(17) / 16, [0, 11 / 16, 1], [0, LOW, 1])


def test_the_first_points_are_the_middles_of_sixteen_intervals(agent, frames):
    activations = agent.activations("2b", frames)
    found = integrated_gradients(lambda a, _: agent.head("2b")(a).value, activations, Quadrature(max_points=16))
    nodes = first_nodes()
    mean = torch.zeros_like(activations)
    for low, high in itertools.pairwise(nodes):
        point = (activations * (low + high) / 2).requires_grad_()
        mean += (high - low) * torch.autograd.grad(agent.head("2b")(point).value.sum(), point)[0]
    torch.testing.assert_close(found.attribution, activations * mean)
    assert (found.num_points == 16).all()


def test_points_go_where_the_score_bends():
    """A ramp that starts at 0.7137 of the line: its place is found to a millionth by few points, most of them there."""
    asked = []

    def score(points, _):
        along = points.sum((1, 2, 3))
        if along.requires_grad:
            asked.extend(along.tolist())
        return (along - 0.7137).relu()

    activations = torch.full((1, 2, 1, 1), 0.5, dtype=torch.float64)
    found = integrated_gradients(score, activations, Quadrature(tolerance=1e-6))
    assert abs(float(found.completeness_error)) <= 1e-6
    assert found.num_points.tolist() == [len(asked)]
    assert len(asked) < 50
    assert np.mean(np.abs(np.array(asked) - 0.7137) < 0.05) > 0.5
    half = torch.full((2,), (1 - 0.7137) / 2, dtype=torch.float64)
    torch.testing.assert_close(found.attribution.flatten(), half, atol=1e-6, rtol=0)


def test_the_lines_of_many_frames_hold_bounded_memory(agent, frames, monkeypatch):
    expected = attribute(agent, frames, layer="2b", tolerance=1e-3)
    monkeypatch.setattr(refining, "STORED_BYTES", 1)  # one frame at a time
    xr.testing.assert_allclose(attribute(agent, frames, layer="2b", tolerance=1e-3), expected, rtol=1e-9, atol=1e-12)


def test_scores_that_are_no_numbers_are_not_refined():
    activations = torch.ones(3, 1, 1, 1, dtype=torch.float64)
    scale = torch.tensor([1.0, math.nan, math.inf], dtype=torch.float64)
    found = integrated_gradients(lambda a, which: (a.sum((1, 2, 3)) * scale[which]).square(), activations)
    assert found.num_points[1:].tolist() == [16, 16]
    assert not found.completeness_error[1:].isfinite().any()
    assert found.completeness_error[0].abs() <= 0.1


def test_more_points_bring_the_sum_closer(agent, frames):
    errors = [
        float(np.abs(attribute(agent, frames, layer="1a", num_points=n).completeness_error).mean())
        for n in (4, 32, 256)
    ]
    assert errors[0] > 4 * errors[1] > 16 * errors[2] > 0


def test_the_precision_is_the_agents(agent, frames):
    single = agent.astype(torch.float32)
    for own, dtype in ((agent, np.float64), (single, np.float32)):
        found = attribute(own, frames, layer="3a", num_points=8)
        assert found.dtype == dtype
        assert found.completeness_error.dtype == dtype
    exact = attribute(agent, frames, layer="3a", num_points=8)
    assert largest_difference(attribute(single, frames, layer="3a", num_points=8).values, exact.values) < 1e-3


def test_leading_dims_and_their_coordinates_are_kept(agent, frames):
    observations = xr.DataArray(
        frames[:6].reshape(2, 3, 16, 16, 3),
        dims=("trajectory", "step", "height", "width", "rgb"),
        coords={"level_seed": (("trajectory", "step"), np.arange(6).reshape(2, 3)), "height": np.arange(16)},
    )
    found = attribute(agent, observations, layer="4a", batch_size=4)
    assert found.dims == ("trajectory", "step", "y", "x", "channel")
    assert found.shape == (2, 3, 2, 2, 6)
    assert found.completeness_error.dims == found.num_points.dims == ("trajectory", "step")
    assert set(found.coords) == {"level_seed", "completeness_error", "num_points"}
    flat = attribute(agent, frames[:6], layer="4a")
    assert flat.dims == ("step", "y", "x", "channel")
    np.testing.assert_allclose(found.values.reshape(flat.shape), flat)
    one = attribute(agent, frames[2], layer="4a")
    assert one.dims == ("y", "x", "channel")
    np.testing.assert_allclose(one, flat[2])


class Lazy(np.ndarray):
    """Observations that remember how much of them was read at once."""

    most = 0

    def __getitem__(self, where):
        part = np.asarray(self)[where]
        self.most = max(self.most, len(part) if part.ndim == 4 else 1)
        return part


def test_batches_are_the_whole_in_pieces_and_read_no_more_than_they_need(agent, frames):
    lazy = frames.view(Lazy)
    batches = attribute_batches(agent, lazy, layer="2b", batch_size=3)
    assert lazy.most == 0
    sizes = [len(next(batches))]
    assert lazy.most == 3
    assert sizes + [len(batch) for batch in batches] == [3, 3, 1]
    whole = attribute(agent, frames, layer="2b", batch_size=3)
    parts = list(attribute_batches(agent, frames, layer="2b", batch_size=3))
    xr.testing.assert_identical(xr.concat(parts, "step"), whole)
    with pytest.raises(ValueError, match="one dim before height"):
        attribute_batches(agent, frames[None], layer="2b")


def test_batches_side_by_side_give_the_same_bits_as_one_after_another(agent, frames):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = attribute(agent, frames, layer="2b", batch_size=2)
        torch.set_num_threads(2)
        together = attribute(agent, frames, layer="2b", batch_size=2)
    finally:
        torch.set_num_threads(before)
    xr.testing.assert_identical(together, alone)


def test_attrs_say_how_it_was_made(agent, frames):
    found = attribute(agent, frames, layer="2b", output="RIGHT", tolerance=0.5)
    zero = torch.zeros(1, 5, 8, 8, dtype=torch.float64)
    baseline = float(agent.head("2b")(zero).logits[0, 2])
    expected = {"layer": "2b", "output": "RIGHT", "rule": "adaptive", "tolerance": 0.5, "baseline_output": baseline}
    assert found.attrs == expected
    assert attribute(agent, frames, layer="2b", rule="right", num_points=2).attrs["rule"] == "right"


def test_outputs_are_linear_in_the_logits_except_log_probabilities(agent, frames):
    def found(output):
        return attribute(agent, frames, layer="2b", output=output, num_points=12).values

    logits = {name: found(name) for name in ACTIONS}
    np.testing.assert_allclose(found("difference:RIGHT,LEFT"), logits["RIGHT"] - logits["LEFT"], atol=1e-12)
    np.testing.assert_allclose(found("sum:RIGHT,RIGHT+UP"), logits["RIGHT"] + logits["RIGHT+UP"], atol=1e-12)
    mean = np.mean(list(logits.values()), 0)
    np.testing.assert_allclose(found("centred:NOOP"), logits["NOOP"] - mean, atol=1e-12)
    # probabilities sum to one, so their logarithms' gradients, weighted by the probabilities, cancel at any one point
    point = {"layer": "2b", "rule": "right", "num_points": 1}
    policy = functional.softmax(agent.head("2b")(agent.activations("2b", frames)).logits, 1).numpy()
    cancelled = sum(
        policy[:, i, None, None, None] * attribute(agent, frames, output=f"log_prob:{name}", **point).values
        for i, name in enumerate(ACTIONS)
    )
    np.testing.assert_allclose(cancelled, 0, atol=1e-12)


def test_paths_share_between_two_features_what_they_do_together():
    """F = h0 * h1: neither feature does anything alone, so each gets half, whatever path is taken first."""
    direction = torch.eye(2, dtype=torch.float64)
    activations = torch.tensor([[[[3.0]], [[2.0]]], [[[1.0]], [[5.0]]]], dtype=torch.float64)
    found = path_gradients(lambda a, _: a.prod(1).sum((1, 2)), activations, direction, paths=2, num_points=1000)
    torch.testing.assert_close(
        found.attribution[:, :, 0, 0], torch.tensor([[3.0, 3], [2.5, 2.5]]).double(), rtol=1e-3, atol=0
    )
    assert found.num_points.tolist() == [2000, 2000]


def test_paths_bend_as_documented():
    """F = h0 ** 2 * h1: by hand 3/5 for h0, where the straight line would give 2/3."""
    activations = torch.ones(1, 2, 1, 1, dtype=torch.float64)
    direction = torch.eye(2, dtype=torch.float64)
    found = path_gradients(lambda a, _: (a[:, 0] ** 2 * a[:, 1]).sum((1, 2)), activations, direction, num_points=1000)
    torch.testing.assert_close(found.attribution.flatten(), torch.tensor([0.6, 0.4]).double(), rtol=5e-3, atol=0)


def test_paths_are_complete_seeded_and_end_at_the_activations_even_beyond_the_features(agent, frames):
    direction = np.random.default_rng(1).random((4, 5)).astype(np.float32)
    features = xr.Dataset({"direction": (("feature", "channel"), direction)})
    options = {"layer": "2b", "features": features, "num_points": 40}
    found = attribute(agent, frames, paths=2, seed=3, **options)
    total = found.sum(("y", "x", "channel")) + found.completeness_error
    np.testing.assert_allclose(total, change(agent, frames, "2b", "value"), atol=1e-10)
    assert np.abs(found.completeness_error).mean() < 0.1 * np.abs(total).mean()
    xr.testing.assert_identical(found, attribute(agent, frames, paths=2, seed=3, **options))
    seeds = [attribute(agent, frames, paths=2, seed=seed, **options).values for seed in range(6)]
    assert len({values.tobytes() for values in seeds}) == 3  # the ways to split four features into halves
    every = attribute(agent, frames, paths=1000, **options)
    assert (every.num_points == 6 * 40).all()
    with pytest.raises(ValueError, match="features=fit_nmf"):
        attribute(agent, frames, layer="2b", paths=2)


@pytest.mark.parametrize("num_features", [21, 200])
def test_of_many_features_as_many_splits_are_drawn_as_are_asked_for(num_features):
    activations = torch.rand(2, num_features, 1, 1, generator=torch.Generator().manual_seed(0))
    direction = torch.eye(num_features)
    weight = torch.arange(num_features)[:, None, None]
    found = path_gradients(lambda a, _: (weight * a).sum((1, 2, 3)), activations, direction, paths=5, num_points=2)
    assert found.num_points.tolist() == [12, 12]
    torch.testing.assert_close(found.attribution, weight * activations)


@pytest.mark.parametrize(("num_features", "every"), [(2, 2), (3, 6), (4, 6), (8, 70)])
def test_every_split_into_halves_is_a_path_in_both_orders(num_features, every):
    activations = torch.ones(1, num_features, 1, 1)
    direction = torch.eye(num_features)
    found = path_gradients(lambda a, _: a.sum((1, 2, 3)), activations, direction, paths=1000, num_points=1)
    assert found.num_points.tolist() == [every]


class Skip(nn.Module):
    """Something goes around `layer`."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.around, self.out = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 1), nn.Linear(768, 5)

    def forward(self, x):
        out = self.out((self.layer(x) + self.around(x)).relu().flatten(1))
        return out[:, :4], out[:, 4]


def test_where_something_goes_around_the_layer_each_frame_has_its_own_baseline(frames):
    agent = wrap_agent(Skip(), observation_shape=(16, 16, 3), action_names=ACTIONS).double()
    found = attribute(agent, frames, layer="layer", tolerance=1e-3, batch_size=4)
    head, activations = agent.head("layer", frames), agent.activations("layer", frames)
    expected = head(activations).value - head(torch.zeros_like(activations)).value
    np.testing.assert_allclose(found.sum(("y", "x", "channel")) + found.completeness_error, expected, atol=1e-10)
    assert math.isnan(found.attrs["baseline_output"])
    error, total = np.abs(found.completeness_error), np.abs(expected.numpy())
    assert (error < 0.01 * total.max()).all()  # gradients with another frame's surroundings would not add up


def test_a_layer_whose_next_relu_works_in_place_keeps_its_activations(frames):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(784, 4))
    agent = wrap_agent(module, observation_shape=(16, 16, 3), action_names=ACTIONS)
    before = agent.activations("0", frames)
    found = attribute(agent, frames, layer="0", output="LEFT", num_points=4)
    torch.testing.assert_close(agent.activations("0", frames), before)
    np.testing.assert_array_equal(found.values[before.permute(0, 2, 3, 1) < 0], 0)  # the ReLU passes nothing of these
    with pytest.raises(ValueError, match="no value function"):
        attribute(agent, frames, layer="0")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": "2B"}, "Did you mean '2b'"),
        ({"layer": "2b", "output": "RIHGT"}, "Did you mean 'RIGHT'"),
        ({"layer": "2b", "rule": "midle"}, "Did you mean 'middle'"),
        ({"layer": "2b", "rule": "right"}, "pass num_points"),
        ({"layer": "2b", "num_points": 0}, "num_points has to be"),
        ({"layer": "2b", "tolerance": 0.0}, "tolerance has to be above 0"),
        ({"layer": "2b", "tolerance": math.nan}, "tolerance has to be above 0"),
        ({"layer": "2b", "max_points": 8}, "max_points has to be 16 or more"),
        ({"layer": "inptu"}, "Did you mean 'input'"),
        ({"layer": "input", "rule": "gradient", "num_points": 5}, "takes one gradient"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_computed(agent, frames, options, message):
    for function in (attribute, attribute_batches):
        with pytest.raises(ValueError, match=message):
            function(agent, frames, **options)


def test_a_preprocess_that_cannot_be_differentiated_is_named(frames):
    torch.manual_seed(0)
    agent = wrap_agent(
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(784, 4)),
        preprocess=lambda x: x.permute(0, 3, 1, 2).to(torch.uint8).float(),
        observation_shape=(16, 16, 3),
        action_names=ACTIONS,
    )
    with pytest.raises(ValueError, match="preprocess that rounds"):
        attribute(agent, frames, layer="input", output="LEFT", rule="gradient")
    assert attribute(agent, frames, layer="0", output="LEFT").any()


def test_wrong_observations_and_keywords_are_refused(agent, frames):
    with pytest.raises(ValueError, match="no observations"):
        attribute(agent, frames[:0], layer="2b")
    with pytest.raises(ValueError, match="expected \\(\\.\\.\\., 'height'"):
        attribute(agent, xr.DataArray(frames, dims=("step", "rgb", "height", "width")), layer="2b")
    with pytest.raises(TypeError, match="Did you mean 'num_points'"):
        attribute(agent, frames, layer="2b", n_points=10)


def test_gradients_are_taken_even_where_the_caller_has_switched_them_off(agent, frames):
    expected = attribute(agent, frames, layer="2b", num_points=3)
    with torch.no_grad():
        xr.testing.assert_identical(attribute(agent, frames, layer="2b", num_points=3), expected)


# The published agent, against a second implementation of the article's attribution that shares nothing with ours.


def naive_network(weights, x, start):
    """The article's CNN from layer `start` on; x is that layer's output, (1, channel, y, x)."""
    names = ["1a", "2a", "2b", "3a", "4a"]
    for name in names[names.index(start) :]:
        if name != start:
            weight, bias = weights[f"trunk.{name}.weight"], weights[f"trunk.{name}.bias"]
            x = torch.relu(functional.conv2d(x, weight, bias, padding=weight.shape[-1] // 2))
        if name != "2a":
            blocks = x.reshape(1, x.shape[1], x.shape[2] // 2, 2, x.shape[3] // 2, 2)
            x = torch.sqrt((blocks**2).mean((3, 5)) + 1e-8)
    x = x.permute(0, 2, 3, 1).reshape(1, -1)
    for name in ("dense_1", "dense_2"):
        x = torch.relu(x @ weights[f"trunk.{name}.weight"].T + weights[f"trunk.{name}.bias"])
    value = x @ weights["value.weight"].T + weights["value.bias"]
    return value[0, 0], (x @ weights["policy.weight"].T + weights["policy.bias"])[0]


def naive_attribution(weights, activations, layer, action):
    """Ten right end points, one frame and one point at a time (Hilton et al. 2020)."""
    frames = []
    for a in activations:
        total = torch.zeros_like(a)
        for i in range(1, 11):
            point = (a * i / 10)[None].clone().requires_grad_()
            value, logits = naive_network(weights, point, layer)
            (value if action is None else logits[action]).backward()
            total += point.grad[0] / 10
        frames.append((a * total).permute(1, 2, 0))
    return torch.stack(frames).numpy()


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published agent is not beside the project")
@pytest.mark.parametrize("layer", ["1a", "2a", "2b", "3a", "4a"])
def test_the_articles_attribution_of_the_published_agent(layer):
    single = load_agent(PUBLISHED)
    double = single.double()
    blocks = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    frames = blocks.repeat(8, 1).repeat(8, 2)
    weights = double.network.state_dict()
    activations = double.activations(layer, frames)
    for output, action in (("value", None), ("RIGHT", 7), ("NOOP", 4)):
        expected = naive_attribution(weights, activations, layer, action)
        options = {"layer": layer, "output": output, "rule": "right", "num_points": 10}
        assert largest_difference(attribute(double, frames, **options).values, expected) < 1e-5
        assert largest_difference(attribute(single, frames, **options).values, expected) < 1e-3
