"""How an edit card writes numbers: rates in percent, differences in points, never without what makes them doubtful."""

import math
from collections.abc import Iterable

__all__ = [
    "NOTHING",
    "chance",
    "count",
    "interval",
    "joined",
    "measured",
    "number",
    "percent",
    "plural",
    "points",
    "span",
]

NOTHING = "–"  # there is no number
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def percent(share: float) -> str:
    """Return a share as a percentage: ``"12.8 %"``, and below ten ``"0.37 %"``, which no line breaks."""
    return f"{_rounded(100 * share)}\N{NO-BREAK SPACE}%" if math.isfinite(share) else NOTHING


def points(share: float, *, signed: bool = True) -> str:
    """Return a difference of shares in percentage points, by default with its sign: ``"+12.4"``, ``"−0.04"``."""
    if not math.isfinite(share):
        return NOTHING
    words = _rounded(abs(100 * share))
    if not signed:
        return words
    if float(words) == 0:
        return words
    return f"{'+' if share > 0 else '−'}{words}"


def interval(low: float, high: float, *, signed: bool = False) -> str:
    """Return the ends of an interval of shares, in percent or, with their signs, in points."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return NOTHING
    if signed:
        return f"{points(low)} to {points(high)}"
    return f"{_rounded(100 * low)} to {_rounded(100 * high)}"


def number(value: float) -> str:
    """Return a measured number with three digits that say something: ``"0.0665"``, ``"−1.2"``."""
    return f"{value:.3g}".replace("-", "−") if math.isfinite(value) else NOTHING


def span(low: float, high: float) -> str:
    """Return the ends of an interval of measured numbers."""
    if math.isnan(low) or math.isnan(high):
        return NOTHING
    return f"{number(low)} to {'∞' if math.isinf(high) else number(high)}"


def measured(value: float, low: float, high: float) -> str:
    """Return a measured number with its interval."""
    return f"{number(value)} ({span(low, high)})"


def chance(p: float) -> str:
    """Return a p-value: ``"0.032"``, and where three decimals say nothing ``"4·10⁻¹²"``."""
    if not math.isfinite(p):
        return NOTHING
    if p >= 0.0005:
        return f"{p:.3f}" if p < 0.9995 else "1"
    if p < 1e-300:
        return "< " + "10" + "-300".translate(_SUPERSCRIPT)
    digits, power = f"{p:.0e}".split("e")
    return f"{digits}·10{str(int(power)).translate(_SUPERSCRIPT)}"


def count(number: float) -> str:
    """Return a whole number with its thousands apart."""
    return f"{int(number):,}" if math.isfinite(number) else NOTHING


def plural(number: int, one: str) -> str:
    """Return ``"1 level"``, ``"2,000 levels"``."""
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def joined(names: Iterable[str]) -> str:
    """Return names as one lists them in a sentence."""
    listed = list(names)
    return " and ".join([", ".join(listed[:-1]), listed[-1]]) if len(listed) > 1 else "".join(listed)


def _rounded(number: float) -> str:
    """Write two decimals, of what is at least ten one; hundred and zero stand alone."""
    if number in (0, 100):
        return f"{number:.0f}"
    return f"{number:.1f}" if abs(number) >= 9.995 else f"{number:.2f}"
