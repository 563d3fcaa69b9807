from importlib.util import find_spec
from statistics import NormalDist

import numpy as np
import pytest
import xarray as xr
from toy import ToyEnvironment

from rlvision_widgets.analysis.evaluation import evaluate, wilson_interval
from rlvision_widgets.environments import make_environment

LEVELS = list(range(100, 130))
needs_procgen = pytest.mark.skipif(
    find_spec("procgen") is None, reason="Procgen's wheels exist for Python 3.11 and 3.12 on Linux x86-64 only"
)


def undecided(observations):
    """Act at random."""
    return np.zeros((len(observations), 3), np.float32), None


def hasty(observations):
    """Go right."""
    return np.tile(np.array([-99, -99, 0], np.float32), (len(observations), 1)), None


def play(agent, levels, num_worlds=4, **options):
    with ToyEnvironment(num_worlds) as environment:
        return evaluate(agent, levels, environment=environment, progress=False, **options)


def test_each_level_is_played_once_and_its_outcome_follows_the_rules():
    result = play(hasty, LEVELS)
    assert list(result["level_seed"].values) == LEVELS
    assert result["success"].dims == ("condition", "level")
    assert list(result["condition"].values) == ["original"]
    assert result["success"].all()
    expected = [4 - (1 + level % 2) for level in LEVELS]  # steps from the start beyond the right end
    assert list(result["length"].sel(condition="original").values) == expected
    assert (result["return"] == 10).all()
    assert result.attrs["success_rate"] == 1


@pytest.mark.parametrize("num_worlds", [1, 3, 64])
def test_outcomes_do_not_depend_on_how_many_levels_are_played_side_by_side(num_worlds):
    reference = play(undecided, LEVELS, 7, seed=2)
    assert 0 < reference.attrs["success_rate"] < 1
    xr.testing.assert_identical(play(undecided, LEVELS, num_worlds, seed=2), reference)


def test_outcomes_do_not_depend_on_the_other_levels_or_their_order():
    forwards, backwards = play(undecided, LEVELS), play(undecided, LEVELS[::-1][:20])
    np.testing.assert_array_equal(forwards["length"][:, ::-1][:, :20], backwards["length"])


def test_the_seed_is_the_luck():
    assert (play(undecided, LEVELS, seed=0)["length"] != play(undecided, LEVELS, seed=1)["length"]).any()


def test_a_number_of_levels_is_drawn_without_repetition():
    drawn = [play(hasty, 40, seed=seed)["level_seed"].values for seed in (0, 0, 1)]
    assert len(set(drawn[0])) == 40
    assert (drawn[0] == drawn[1]).all()
    assert not set(drawn[0]) & set(drawn[2])


def test_the_interval_belongs_to_the_rate():
    result = play(undecided, LEVELS)
    low, high = result.attrs["wilson_interval"]
    successes = int(result["success"].sum())
    assert (low, high) == wilson_interval(successes, len(LEVELS))
    assert low < result.attrs["success_rate"] == successes / len(LEVELS) < high


@pytest.mark.parametrize(("successes", "number"), [(0, 10), (3, 10), (10, 10), (9950, 10000)])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_wilson_bounds_are_z_deviations_from_the_observed_rate(successes, number, confidence):
    z, rate = NormalDist().inv_cdf((1 + confidence) / 2), successes / number
    for bound in wilson_interval(successes, number, confidence):
        assert 0 <= bound <= 1
        if 0 < bound < 1:
            assert abs(rate - bound) == pytest.approx(z * np.sqrt(bound * (1 - bound) / number), rel=1e-9)


def test_published_intervals_are_reproduced():
    # Hilton et al. 2020, n = 10,000: 0.37 % failed, 95 % interval 0.27 to 0.51
    low, high = wilson_interval(37, 10_000)
    assert (round(100 * low, 2), round(100 * high, 2)) == (0.27, 0.51)


@pytest.mark.parametrize("confidence", [0, 1, 2, -0.5, float("nan")])
def test_what_is_no_confidence_is_refused(confidence):
    with pytest.raises(ValueError, match="confidence must be between 0 and 1"):
        wilson_interval(3, 10, confidence)


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        (0, "at least 1"),
        (-3, "at least 1"),
        (2**31, "at most"),
        ([], "list of level seeds"),
        ([[1, 2]], "list of level seeds"),
        ([1.5], "list of level seeds"),
        ([3, 4, 3], "come twice"),
        ([-1], "from 0 to"),
        ([2**31 - 1], "from 0 to"),
    ],
)
def test_wrong_levels_are_refused(levels, message):
    with pytest.raises(ValueError, match=message):
        play(hasty, levels)


@pytest.mark.parametrize("levels", [2.5, "many", None, True])
def test_what_is_no_number_of_levels_is_refused(levels):
    with pytest.raises(TypeError, match="a number, or a list"):
        play(hasty, levels)


@pytest.mark.parametrize("option", [{"seed": -1}, {"seed": 0.5}, {"num_trajectories": 0}])
def test_wrong_options_are_refused(option):
    with pytest.raises((TypeError, ValueError), match=next(iter(option))):
        play(hasty, 3, **option)


def test_a_world_without_levels_is_refused():
    class Levelless(ToyEnvironment):
        load_level = property()  # as if it were not there

    with Levelless() as environment, pytest.raises(ValueError, match="no levels"):
        evaluate(hasty, 3, environment=environment, progress=False)


def test_an_interrupt_ends_it():
    calls = 0

    def impatient(observations):
        nonlocal calls
        calls += 1
        if calls == 5:
            raise KeyboardInterrupt
        return undecided(observations)

    with pytest.raises(KeyboardInterrupt):
        play(impatient, LEVELS)


@needs_procgen
def test_a_level_of_procgen_is_the_one_that_its_seed_opens():
    def policy(observations):
        seen.append(observations.copy())
        return np.tile(np.where(np.arange(15) == 7, 0, -99).astype(np.float32), (len(observations), 1)), None

    policy.environment = {"name": "coinrun", "distribution_mode": "easy", "num_levels": 5}
    seen = []
    result = evaluate(policy, [44, 7, 2_000_000_000], num_trajectories=2, progress=False)
    assert result.attrs["environment"] == "coinrun"
    for level, length in zip([44, 7], result["length"].values[0], strict=False):
        options = {"distribution_mode": "easy", "start_level": level, "num_levels": 1}
        with make_environment("coinrun", num_trajectories=1, **options) as environment:
            observed = environment.observe()
            np.testing.assert_array_equal(seen[0][[44, 7].index(level)], observed.observation[0])
            steps = 0
            while steps == 0 or not observed.first[0]:
                observed = environment.step(np.array([7]))
                steps += 1
            assert steps == length
