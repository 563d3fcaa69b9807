"""An edit card in words."""

import json
import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.environments.edits import describe, edits_from

__all__ = ["edit_texts", "findings", "percent"]


def edit_texts(edits: str, world: str) -> dict[str, list[str]]:
    """Return in words what each condition does, given the JSON of its edits by its name."""
    from rlvision_widgets.agents.edits import describe_network_edit, network_edits_from  # torch

    network = {
        name: [describe_network_edit(e) for e in network_edits_from(of)] for name, of in json.loads(edits).items()
    }
    return network | {name: [describe(e) for e in edits_from(of)] for name, of in json.loads(world).items()}


def percent(share: float | xr.DataArray, digits: int = 2) -> str:
    """Return a share as a percentage."""
    return f"{100 * float(share):.{digits}f} %"


def findings(card: xr.DataTree) -> list[str]:
    """Return the sentences that sum a card up, every number with what it needs to be doubted."""
    return [*_effects(card), *_equivalences(card), *_ceilings(card), *_nulls(card), *_doses(card)]


def _effects(card: xr.DataTree) -> Iterator[str]:
    causes = card["causes"].to_dataset()
    number = causes.attrs["num_levels"]
    for name in causes["condition"].values[1:]:
        own = causes.sel(condition=name)
        for cause in own["cause"].values[own["role"].values != "other"]:
            row = own.sel(cause=cause)
            before = causes["rate"].sel(condition="original", cause=cause)
            unseen = ""
            if float(row["p_holm"]) >= causes.attrs["alpha"] and not math.isnan(row["mde"]):
                unseen = f" A rise of less than {_signed(row['mde'])[1:]} points could have gone unseen."
            yield (
                f"{name}: {cause} {percent(before)} → {percent(row['rate'])} of {number:,} levels "
                f"({_signed(row['difference'])} points, {_signed(row['difference_low'])} to "
                f"{_signed(row['difference_high'])}; b = {int(row['b'])}, c = {int(row['c'])}, "
                f"Holm p {_p(float(row['p_holm']))}).{unseen}"
            )


def _equivalences(card: xr.DataTree) -> Iterator[str]:
    causes = card["causes"].to_dataset()
    for name in causes["condition"].values[causes["kind"].values == "edit"]:
        own = causes.sel(condition=name)
        others = own.isel(cause=own["role"].values == "other")
        if not others.sizes["cause"]:
            continue
        held = [str(cause) for cause in others["cause"].values[others["equivalent"].values]]
        open_ = [str(cause) for cause in others["cause"].values[~others["equivalent"].values]]
        margin = percent(causes.attrs["margin"], 1)[:-2]
        within = f"within ±{margin} points of the original"
        parts = [f"{within}: {', '.join(held)}"] if held else []
        parts += [f"not shown to be{'' if held else ' ' + within}: {', '.join(open_)}"] if open_ else []
        yield f"{name}: {'; '.join(parts)}."


def _ceilings(card: xr.DataTree) -> Iterator[str]:
    if "ceiling" not in card:
        return
    ceiling = card["ceiling"].to_dataset()
    for name in ceiling["edit"].values:
        row = ceiling.sel(edit=name)
        if math.isnan(row["blindness"]):
            yield (
                f"{name}: no blindness index, as there is nothing to be blind to: {row['ceiling'].item()} is not shown "
                f"to raise failures by {row['target'].item()} ({percent(row['rate_original'])} → "
                f"{percent(row['rate_ceiling'])}, p {_p(float(row['p_ceiling']))})."
            )
            continue
        yield (
            f"{name}: blindness {float(row['blindness']):.3f} ({float(row['blindness_low']):.3f} to "
            f"{float(row['blindness_high']):.3f}), where 0 is the original and 1 is {row['ceiling'].item()} "
            f"({percent(row['rate_ceiling'])})."
        )


def _nulls(card: xr.DataTree) -> Iterator[str]:
    if "null" not in card:
        return
    null = card["null"].to_dataset()
    for edit in null["edit"].values:
        cause = str(card["causes"]["target"].sel(condition=edit).item()) or "any failure"
        for kind in null["null_kind"].values:
            mine = (null["null_of"].values == edit) & (null["kind"].values == kind)
            if not mine.any():
                continue
            others = null["difference"].sel(cause=cause).values[mine]
            own = float(null["edit_difference"].sel(edit=edit, cause=cause))
            yield (
                f"{edit}: of {mine.sum()} random {kind}s{_size(null, mine)} ({null.attrs['num_levels']:,} levels each) "
                f"{int((others >= own).sum())} change {cause} by as much ({_signed(own)} points; theirs "
                f"{_signed(others.min())} to {_signed(others.max())})."
            )


def _size(null: xr.Dataset, mine: npt.NDArray[np.bool_]) -> str:
    """Return how large controls are beside the edit, in words."""
    ratios = null["norm_ratio"].values[mine] if "norm_ratio" in null else np.array([np.nan])
    if not np.isfinite(ratios).all():
        return ""
    low, high = float(ratios.min()), float(ratios.max())
    return " of matched norm" if low >= 0.9 and high <= 1.1 else f" of {low:.2f} to {high:.2f} times its norm"


def _doses(card: xr.DataTree) -> Iterator[str]:
    if "dose" not in card:
        return
    dose = card["dose"].to_dataset()
    for edit in dose["edit"].values:
        cause = str(card["causes"]["target"].sel(condition=edit).item()) or "any failure"
        own = dose.sel(edit=edit, cause=cause)
        rates = ", ".join(
            f"{s:g}: {percent(r)}" for s, r in zip(own["strength"].values, own["rate"].values, strict=True)
        )
        yield f"{edit}: {cause} by strength {rates} ({_shape(own)})."
        if 0 in dose["strength"].values:
            sham = "changes nothing" if own["sham_identical"] else "CHANGES OUTCOMES: the pairing is broken"
            yield f"{edit}: the sham, strength 0, {sham}."


def _shape(dose: xr.Dataset) -> str:
    if not dose["monotone"]:
        return f"falls by {percent(dose['largest_drop'])} somewhere"
    return "rises with strength" if dose["rate"][-1] > dose["rate"][0] else "the same at all"


def _signed(share: xr.DataArray | float) -> str:
    return f"{100 * float(share):+.2f}".replace("-", "\N{MINUS SIGN}")


def _p(p: float) -> str:
    return f"= {p:.2g}" if p >= 1e-300 else "< 1e-300"
