"""Statistics of the same levels played twice: what changed, how sure that is, and what could have gone unseen.

Throughout, `b` counts the pairs in which something happened the second time only (the edited agent fails), `c` those
in which it happened the first time only, of `number` pairs; the difference of the rates is (b - c) / number.

References
----------
Fagerland, Lydersen and Laake, "Statistical Analysis of Contingency Tables", 2017, chapter 8: all methods for pairs.
Tango, "Equivalence test and confidence interval for the difference in proportions for the paired-sample design",
Statistics in Medicine 17, 1998.
Schuirmann, "A comparison of the two one-sided tests procedure …", J. Pharmacokinetics and Biopharmaceutics 15, 1987.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

__all__ = [
    "detectable",
    "detectable_paired",
    "equivalence",
    "holm",
    "mcnemar",
    "newcombe_interval",
    "tango_interval",
    "wilson_interval",
]


def wilson_interval(successes: int, number: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return an interval for a rate, given how often something succeeded.

    Wilson's score interval: all rates p for which the observed one is within z standard deviations of p. It stays
    within 0 and 1, and says something even when nothing failed (Wilson 1927).

    Parameters
    ----------
    successes, number : int
        Successes among this many independent trials.
    confidence : float
        Share of such intervals that contain the true rate.
    """
    if not 0 <= successes <= number or number == 0:
        raise ValueError(f"expected 0 <= successes <= number, number at least 1; got {successes} of {number}")
    z = _quantile(confidence)
    rate, spread = successes / number, z**2 / number
    middle = (rate + spread / 2) / (1 + spread)
    half = (z / (1 + spread)) * (rate * (1 - rate) / number + spread / (4 * number)) ** 0.5
    # at the ends the bounds are 0 and 1 exactly, which rounding would miss
    return 0.0 if successes == 0 else middle - half, 1.0 if successes == number else middle + half


def mcnemar(b: int, c: int) -> float:
    """Return the exact two-sided p of McNemar's test: that a pair that changed does so either way alike.

    Of b + c pairs that changed, b is binomial with probability 1/2 if nothing is systematic (McNemar 1947; exact form).
    With b = c = 0 it is 1.
    """
    _check_pairs(b, c, max(1, b + c))
    return min(1.0, 2 * float(stats.binom.cdf(min(b, c), b + c, 0.5)))


def tango_interval(b: int, c: int, number: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return an interval for the difference of two paired rates.

    All differences whose score statistic is within z standard deviations of what was seen (Tango 1998).
    It holds at rare events, and says something even with b = c = 0.

    Parameters
    ----------
    b, c, number : int
        See the module.
    confidence : float
        Share of such intervals that contain the true difference.
    """
    _check_pairs(b, c, number)
    z = _quantile(confidence)
    seen = (b - c) / number

    def beyond(difference: float, bound: float) -> float:
        return _tango_score(b, c, number, difference) - bound

    # at the ends themselves the statistic is infinite, which no root finder takes
    end = 1 - 1e-12
    low = -1.0 if c == number else optimize.brentq(beyond, -end, seen, args=(z,), xtol=1e-13)
    high = 1.0 if b == number else optimize.brentq(beyond, seen, end, args=(-z,), xtol=1e-13)
    return float(low), float(high)


def newcombe_interval(both: int, b: int, c: int, neither: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return Newcombe's interval for the difference of two paired rates: two Wilson intervals, squared and added.

    Parameters
    ----------
    both, b, c, neither : int
        The four cells of the paired table: happened both times, the second only, the first only, never.
    confidence : float
        Share of such intervals that contain the true difference.

    Notes
    -----
    Method 10 of Newcombe 1998 (Statistics in Medicine 17: 2635-2650), with its cautious correlation.
    """
    if min(both, neither) < 0:
        raise ValueError(f"expected counts of pairs, not negative; got both={both}, neither={neither}")
    number = both + b + c + neither
    _check_pairs(b, c, number)
    second, first = (both + b) / number, (both + c) / number
    second_low, second_high = wilson_interval(both + b, number, confidence)
    first_low, first_high = wilson_interval(both + c, number, confidence)
    phi = _cautious_correlation(both, b, c, neither)

    def reach(up: float, down: float) -> float:
        return float(np.sqrt(max(0.0, up**2 - 2 * phi * up * down + down**2)))

    difference = second - first
    return (
        difference - reach(second - second_low, first_high - first),
        difference + reach(second_high - second, first - first_low),
    )


def equivalence(b: int, c: int, number: int, margin: float) -> float:
    """Return the p of the hypothesis that two paired rates differ by `margin` or more (two one-sided tests).

    The larger of two one-sided p values of Tango's score, so that p < alpha exactly where the interval of confidence
    1 - 2 alpha lies within the margins (Schuirmann 1987; Tango 1998).
    """
    _check_pairs(b, c, number)
    if not 0 < margin < 1:
        raise ValueError(f"margin is a difference of rates that would not matter, between 0 and 1; {margin} came.")
    below = stats.norm.sf(_tango_score(b, c, number, -margin))
    above = stats.norm.cdf(_tango_score(b, c, number, margin))
    return float(max(below, above))


def holm(p: Sequence[float] | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return p values adjusted for how many there are (Holm 1979); NaN stays, and does not count."""
    given = np.asarray(p, float)
    adjusted = np.full(given.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(given))
    order = tested[np.argsort(given.flat[tested], kind="stable")]
    steps = np.arange(len(order), 0, -1) * given.flat[order]
    adjusted.flat[order] = np.minimum(1, np.maximum.accumulate(steps))
    return adjusted


def detectable(rate: float, number: int, power: float = 0.8, alpha: float = 0.05) -> float:
    """Return the smallest rise of a rate that two *separate* samples would show with this power; NaN if none would.

    Normal approximation, two-sided. Pairing can only help, so this is what may safely be said of an evaluation.

    Parameters
    ----------
    rate : float
        What it rises from.
    number : int
        Levels in each sample.
    power, alpha : float
        Chance of seeing the rise, and of seeing one where there is none.
    """
    _check_planned(number, power, alpha)
    if not 0 <= rate <= 1:
        raise ValueError(f"rate must be between 0 and 1, and {rate} came.")
    z = _quantile(1 - alpha) + float(stats.norm.ppf(power))

    def short(rise: float) -> float:
        raised = rate + rise
        return rise - z * float(np.sqrt((rate * (1 - rate) + raised * (1 - raised)) / number))

    return _root(short, 1 - rate)


def detectable_paired(saved: float, number: int, power: float = 0.8, alpha: float = 0.05) -> float:
    """Return the smallest rise of a rate that McNemar's test would show with this power; NaN if none would.

    Parameters
    ----------
    saved : float
        Share of levels that go well the second time only, c / number: the noise against which a rise is seen.
    number : int
        Pairs.
    power, alpha : float
        As for `detectable`.

    Notes
    -----
    Connor's number of pairs (1987, Biometrics 43: 207-211), solved for the difference.
    """
    _check_planned(number, power, alpha)
    if not 0 <= saved <= 1:
        raise ValueError(f"saved must be a share between 0 and 1, and {saved} came.")
    z_alpha, z_power = _quantile(1 - alpha), float(stats.norm.ppf(power))

    def short(rise: float) -> float:
        changed = rise + 2 * saved
        noise = z_alpha * np.sqrt(changed) + z_power * np.sqrt(max(0.0, changed - rise**2))
        return rise * float(np.sqrt(number)) - float(noise)

    return _root(short, 1 - 2 * saved)


def _tango_score(b: int, c: int, number: int, difference: float) -> float:
    """Return Tango's statistic: how many standard deviations what was seen lies above a true difference."""
    linear = -b - c + (2 * number - b + c) * difference
    constant = -c * difference * (1 - difference)
    root = np.sqrt(max(0.0, linear**2 - 8 * number * constant))
    only_first = (root - linear) / (4 * number)  # its most likely probability, were that the difference
    variance = number * (2 * only_first + difference * (1 - difference))
    distance = b - c - number * difference
    if variance <= 0:
        return float(np.sign(distance) * np.inf) if distance else 0.0
    return float(distance / np.sqrt(variance))


def _cautious_correlation(both: int, b: int, c: int, neither: int) -> float:
    """Return phi of the table, a positive one lowered by Newcombe's correction for continuity."""
    margins = float(both + b) * (c + neither) * (both + c) * (b + neither)
    product = float(both) * neither - float(b) * c
    if margins == 0:
        return 0.0
    if product > 0:
        product = max(0.0, product - (both + b + c + neither) / 2)
    return float(product / np.sqrt(margins))


def _root(short: Callable[[float], float], most: float) -> float:
    """Return where `short` becomes positive between 0 and `most`; NaN if it does not."""
    if most <= 0 or short(most) < 0:
        return float("nan")
    return float(optimize.brentq(short, 1e-15, most))


def _quantile(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, and {confidence} came.")
    return float(stats.norm.ppf((1 + confidence) / 2))


def _check_pairs(b: int, c: int, number: int) -> None:
    if min(b, c) < 0 or b + c > number or number < 1:
        raise ValueError(
            f"expected counts of pairs, 0 <= b, c and b + c <= number, number at least 1; got b={b}, c={c}, "
            f"number={number}"
        )


def _check_planned(number: int, power: float, alpha: float) -> None:
    if number < 1:
        raise ValueError(f"number must be at least 1, and {number} came.")
    for name, share in (("power", power), ("alpha", alpha)):
        if not 0 < share < 1:
            raise ValueError(f"{name} must be between 0 and 1, and {share} came.")
