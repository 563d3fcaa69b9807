import numpy as np
import pytest
from scipy import stats

from rlvision_widgets.analysis.blindness import blindness
from rlvision_widgets.analysis.paired import (
    detectable,
    detectable_paired,
    equivalence,
    holm,
    mcnemar,
    newcombe_interval,
    tango_interval,
    wilson_interval,
)

COUNTS = [(b, c) for b in (0, 1, 3, 8, 40) for c in (0, 1, 5, 40)]


@pytest.mark.parametrize(("b", "c"), COUNTS)
def test_mcnemar_is_the_exact_binomial_test_of_the_pairs_that_changed(b, c):
    expected = stats.binomtest(b, b + c, 0.5).pvalue if b + c else 1.0
    assert mcnemar(b, c) == pytest.approx(expected, rel=1e-12)
    assert mcnemar(b, c) == mcnemar(c, b)


def test_mcnemar_keeps_the_rate_of_false_alarms():
    rng = np.random.default_rng(0)
    changed = rng.binomial(10_000, 0.004, 4000)
    alarms = [mcnemar(int(b), int(n - b)) < 0.05 for n, b in zip(changed, rng.binomial(changed, 0.5), strict=True)]
    assert 0.01 < np.mean(alarms) <= 0.055  # exact: at most the nominal 5 %


@pytest.mark.parametrize(
    ("successes", "number", "low", "high"),
    # Newcombe 1998, Statistics in Medicine 17: 857-872, table I, method 3
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilsons_interval_is_the_published_one(successes, number, low, high):
    assert wilson_interval(successes, number) == pytest.approx((low, high), abs=5e-5)
    assert wilson_interval(successes, number) == pytest.approx(
        stats.binomtest(successes, number).proportion_ci(method="wilson"), abs=1e-12
    )


def test_wilsons_intervals_of_the_article():
    expected = {37: (0.27, 0.51), 1276: (12.12, 13.43), 3220: (31.3, 33.1), 16: (0.10, 0.26)}
    for failures, percentages in expected.items():
        found = 100 * np.array(wilson_interval(failures, 10_000))
        assert found == pytest.approx(percentages, abs=0.05 if failures == 3220 else 0.005)


@pytest.mark.parametrize(
    ("counts", "confidence", "bounds"),
    [
        ((9, 3, 32), 0.95, (-0.027, 0.390)),  # Tango 1998, as the R package ratesci repeats it
        ((0, 1, 44), 0.90, (-0.096, 0.037)),  # Tango 1998: disinfection of contact lenses
        ((28, 25, 618), 0.90, (-0.0148, 0.0247)),  # R package PropCIs: scoreci.mp(25, 28, 618)
        ((1, 7, 21), 0.95, (-0.517, -0.026)),  # Fagerland, Lydersen, Laake 2014: airway hyper-responsiveness
    ],
)
def test_tangos_interval_is_the_published_one(counts, confidence, bounds):
    assert tango_interval(*counts, confidence) == pytest.approx(bounds, abs=5e-4)


@pytest.mark.parametrize(
    ("table", "low", "high"),
    # Fagerland, Lydersen, Laake, "Statistical Analysis of Contingency Tables", 2017, chapter 8
    [((1, 1, 7, 12), -0.507, -0.026), ((59, 6, 16, 80), -0.1186, -0.0046)],
)
def test_newcombes_interval_is_the_published_one(table, low, high):
    assert newcombe_interval(*table) == pytest.approx((low, high), abs=5e-4)


@pytest.mark.parametrize(("b", "c"), COUNTS)
def test_intervals_of_a_difference_turn_with_it_and_hold_it(b, c):
    number = 200
    for interval in (tango_interval, lambda b, c, n: newcombe_interval(5, b, c, n - 5 - b - c)):
        low, high = interval(b, c, number)
        assert -1 <= low <= (b - c) / number <= high <= 1
        assert low < high
        assert interval(c, b, number) == pytest.approx((-high, -low), abs=1e-9)


def test_intervals_of_the_extremes():
    assert tango_interval(10, 0, 10)[1] == 1
    assert tango_interval(0, 10, 10)[0] == -1
    low, high = tango_interval(0, 0, 10_000)
    assert high == pytest.approx(3.84e-4, abs=1e-6)  # z² / (n + z²)
    assert low == -high


@pytest.mark.parametrize(("only_b", "only_c"), [(0.002, 0.002), (0.03, 0.004), (0.2, 0.01)])
def test_tangos_interval_covers(only_b, only_c):
    rng = np.random.default_rng(1)
    drawn = rng.multinomial(2000, [only_b, only_c, 1 - only_b - only_c], size=600)
    bounds = np.array([tango_interval(int(b), int(c), 2000) for b, c, _ in drawn])
    covered = (bounds[:, 0] <= only_b - only_c) & (only_b - only_c <= bounds[:, 1])
    assert 0.93 < covered.mean() < 0.975


@pytest.mark.parametrize("margin", [0.001, 0.005, 0.02])
def test_equivalence_is_shown_exactly_where_the_90_percent_interval_lies_within_the_margin(margin):
    said = []
    for number in (500, 10_000):
        for b, c in COUNTS:
            low, high = tango_interval(b, c, number, 0.9)
            inside = -margin < low and high < margin
            assert (equivalence(b, c, number, margin) < 0.05) == inside
            said.append(inside)
    assert any(said) or margin == 0.001
    assert not all(said)


def test_holm_is_the_known_correction():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])


def test_holm_is_monotone_never_below_p_and_blind_to_order_and_gaps():
    p = np.random.default_rng(0).uniform(size=40) ** 3
    adjusted = holm(p)
    assert (np.diff(adjusted[np.argsort(p)]) >= 0).all()
    assert ((adjusted >= p) & (adjusted <= 1)).all()
    assert adjusted.min() == pytest.approx(min(1, 40 * p.min()))  # the smallest as in Bonferroni
    shuffled = np.random.default_rng(1).permutation(40)
    np.testing.assert_array_equal(holm(p[shuffled]), adjusted[shuffled])
    gaps = holm(np.insert(p, 3, np.nan).reshape(1, -1))[0]
    assert np.isnan(gaps[3])
    np.testing.assert_array_equal(np.delete(gaps, 3), adjusted)


def test_what_is_detectable_is_what_was_derived_for_the_article():
    found = [100 * (0.0016 + detectable(0.0016, number)) for number in (10_000, 1_000, 500)]
    assert found == pytest.approx([0.36, 1.18, 1.97], abs=0.005)  # % of levels failed, from .16 %


def test_a_detectable_rise_is_seen_as_often_as_promised():
    rng, number, rate = np.random.default_rng(2), 1000, 0.05
    rise = detectable(rate, number)
    before, after = rng.binomial(number, rate, 20_000) / number, rng.binomial(number, rate + rise, 20_000) / number
    spread = np.sqrt((before * (1 - before) + after * (1 - after)) / number)
    assert np.mean(np.abs(after - before) > 1.96 * spread) == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("saved", [0.0, 0.01])
def test_a_rise_detectable_in_pairs_is_seen_about_as_often_as_promised(saved):
    rng, number = np.random.default_rng(3), 5000
    rise = detectable_paired(saved, number)
    drawn = rng.multinomial(number, [saved + rise, saved, 1 - 2 * saved - rise], size=2000)
    seen = np.mean([mcnemar(int(b), int(c)) < 0.05 for b, c, _ in drawn])
    assert 0.7 < seen < 0.87  # an exact test of few pairs is a little cautious


def test_more_levels_and_less_noise_make_smaller_rises_detectable():
    by_number = [detectable(0.01, number) for number in (100, 1000, 10_000)]
    assert by_number == sorted(by_number, reverse=True)
    assert detectable_paired(0, 10_000) < detectable_paired(0.001, 10_000) < detectable(0.01, 10_000)
    assert np.isnan(detectable(0.9, 10))  # nothing above .9 could be told from it by ten levels
    assert np.isnan(detectable_paired(0.0, 3))
    assert np.isnan(detectable_paired(0.45, 60)), "a rise above .1 would need more pairs than there are"


def outcomes(number, *failed):
    return [np.arange(number) < count for count in failed]


def test_the_blindness_index_of_the_article():
    found = blindness(*outcomes(10_000, 37, 1276, 3220))
    assert found.estimate == pytest.approx(0.389, abs=5e-4)
    assert 0.37 < found.low < found.estimate < found.high < 0.41


def test_blindness_is_0_for_the_original_and_1_at_the_ceiling():
    original, ceiling = outcomes(1000, 20, 300)
    assert blindness(original, original, ceiling)[:3] == (0, 0, 0)
    assert blindness(original, ceiling, ceiling)[:3] == (1, 1, 1)
    assert np.isnan(blindness(original, ceiling, original)[:3]).all()
    assert blindness(original, ceiling, ceiling, seed=3) == blindness(original, ceiling, ceiling, seed=3)


def test_there_is_no_blindness_where_the_ceiling_is_not_shown_to_be_above_the_original():
    original, edited, seven = outcomes(1000, 20, 34, 27)
    assert mcnemar(7, 0) < 0.05 < mcnemar(5, 0)
    for ceiling, shown in ((seven, True), (outcomes(1000, 25)[0], False)):
        found = blindness(original, edited, ceiling)
        assert np.isfinite(found[:3]).all() == shown
        assert found.low < found.estimate < found.high or not shown
        assert found.p_ceiling == mcnemar(int(ceiling.sum()) - 20, 0)
    assert np.isnan(blindness(original, edited, seven, confidence=0.99).estimate)


def test_the_interval_of_blindness_covers():
    rng, number, rates = np.random.default_rng(4), 600, np.array([0.05, 0.2, 0.5])
    truth = (rates[1] - rates[0]) / (rates[2] - rates[0])
    covered = []
    for seed in range(300):
        luck = rng.uniform(size=number)  # one luck a level: outcomes go together
        own = rng.uniform(size=(3, number)) < 0.3
        failed = np.where(own, rng.uniform(size=(3, number)), luck) < rates[:, None]
        found = blindness(*failed, num_resamples=800, seed=seed)
        covered.append(found.low <= truth <= found.high)
    assert 0.91 < np.mean(covered) < 0.985


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: mcnemar(-1, 2), "0 <= b, c"),
        (lambda: tango_interval(3, 3, 5), "b \\+ c <= number"),
        (lambda: tango_interval(0, 0, 0), "number at least 1"),
        (lambda: tango_interval(1, 1, 5, 1.0), "confidence must be between 0 and 1"),
        (lambda: newcombe_interval(-1, 1, 1, 4), "not negative"),
        (lambda: equivalence(1, 1, 50, 0), "margin"),
        (lambda: equivalence(1, 1, 50, 5), "margin is a difference of rates"),
        (lambda: detectable(1.2, 100), "rate must be between 0 and 1"),
        (lambda: detectable(0.1, 0), "number must be at least 1"),
        (lambda: detectable(0.1, 100, power=1), "power must be between 0 and 1"),
        (lambda: detectable_paired(-0.1, 100), "saved must be a share"),
        (lambda: blindness(np.zeros(3, bool), np.zeros(4, bool), np.zeros(3, bool)), "one length"),
        (lambda: wilson_interval(3, 2), "0 <= successes <= number"),
    ],
)
def test_bad_input_is_refused_in_words(ask, message):
    with pytest.raises(ValueError, match=message):
        ask()
