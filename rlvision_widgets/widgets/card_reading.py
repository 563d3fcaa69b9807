"""What an edit card's tree holds, read by name: conditions, targets, numbers; what is not there is NaN or empty."""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.widgets.card_parts import Point
from rlvision_widgets.widgets.card_words import interval, joined, percent, plural, points

__all__ = [
    "TOTAL",
    "CardTree",
    "Condition",
    "at",
    "controls_of",
    "difference_point",
    "is_card",
    "kinds_of",
    "others_of",
    "random_changes",
    "rate_cell",
    "rate_point",
    "sizes_of",
]

TOTAL = "any failure"
ALIKE = 0.1  # by which what takes as much from the activations may differ
EDIT_LOOKS = ("edited", "edited2", "edited3", "edited4", "edited5")
WORLD_LOOKS = ("ceiling", "ceiling2")


@dataclass(frozen=True)
class Condition:
    """Who played the levels: its name, what kind it is, the cause it should change, and how it is drawn."""

    name: str
    kind: str  # "original", "edit" or "world"
    target: str  # "" for none
    look: str


class CardTree:
    """An edit card's tree as `edit_card` returns it.

    Parameters
    ----------
    tree : DataTree

    Raises
    ------
    ValueError
        If it is no edit card.
    """

    def __init__(self, tree: xr.DataTree) -> None:
        if not is_card(tree):
            raise ValueError(
                f"expected an edit card, as rlv.edit_card or rlv.measure_edit returns one; got a tree with "
                f"{', '.join(tree.children) or 'no nodes'}"
            )
        self.tree = tree
        self.attrs = tree.attrs
        self.causes = tree["causes"].to_dataset()
        self.conditions = list(_conditions(self.causes))
        self.missing: dict[str, str] = self.told("missing", {})

    @property
    def edits(self) -> list[Condition]:
        """The conditions that are edits of the network."""
        return [one for one in self.conditions if one.kind == "edit"]

    @property
    def worlds(self) -> list[Condition]:
        """The conditions that are edits of the world, in which the original plays."""
        return [one for one in self.conditions if one.kind == "world"]

    @property
    def sure(self) -> str:
        """How sure the intervals are, in words."""
        return f"{100 * float(self.attrs.get('confidence', 0.95)):g}\N{NO-BREAK SPACE}%"

    @property
    def margin(self) -> str:
        """The change that would not matter, in points."""
        return f"{100 * float(self.causes.attrs['margin']):g}"

    @property
    def power(self) -> str:
        """How likely a detectable effect is found, in words."""
        return f"{100 * float(self.causes.attrs['power']):g}\N{NO-BREAK SPACE}%"

    @property
    def original(self) -> Condition:
        """What all are compared with."""
        return self.conditions[0]

    def part(self, name: str) -> xr.Dataset | None:
        """Return a node's data, or None if it is not there."""
        return self.tree[name].to_dataset() if name in self.tree.children else None

    def part_by_edit(self, name: str) -> xr.Dataset | None:
        """Return a node's data over the dimension edit, which the only edit's may lack."""
        data = self.part(name)
        if data is None or "edit" in data.coords or not self.edits:
            return data
        return data.assign_coords(edit=[self.edits[0].name])

    def edits_of(self, data: xr.Dataset) -> list[Condition]:
        """Return the edits that a node has numbers of."""
        held = {str(name) for name in data["edit"].values} if "edit" in data.coords else set()
        return [edit for edit in self.edits if edit.name in held]

    def told(self, name: str, otherwise: Any) -> Any:
        """Return an attribute that is kept as JSON."""
        return json.loads(self.attrs[name]) if self.attrs.get(name) else otherwise

    def why_missing(self, name: str) -> str:
        """Return why a node is not there, as a sentence's end."""
        return f"{self.missing.get(name, 'no reason is recorded').rstrip('.')}."

    def left_out(self, name: str, data: xr.Dataset) -> list[str]:
        """Return a sentence on the edits that a node has nothing of, and why, if there are any."""
        held = self.edits_of(data)
        others = [edit.name for edit in self.edits if edit not in held]
        why = f" ({self.missing[name].rstrip('.')})" if name in self.missing else ""
        return [f"Not measured for {joined(others)}{why}."] if others else []

    def cause_of(self, edit: Condition) -> str:
        """Return the cause that an edit is judged by: its target, or all failures together."""
        return edit.target or TOTAL


def is_card(tree: object) -> bool:
    """Tell whether a tree is an edit card rather than a study."""
    return isinstance(tree, xr.DataTree) and tree.attrs.get("kind") == "edit card" and "causes" in tree.children


def at(data: xr.Dataset, name: str, **where: Any) -> float:
    """Return one number; NaN where the card has none. What is the same for all places has no dimension for them."""
    if name not in data:
        return math.nan
    found = data[name]
    return float(found.sel({dim: place for dim, place in where.items() if dim in found.dims}).item())


def others_of(card: CardTree, edit: Condition) -> list[str]:
    """Return the causes that an edit should not move."""
    roles = card.causes["role"].sel(condition=edit.name)
    return [str(cause) for cause, role in zip(roles["cause"].values, roles.values, strict=True) if role == "other"]


def kinds_of(null: xr.Dataset) -> list[str]:
    """Return the kinds of random edits that the node `null` has."""
    return [str(kind) for kind in null["null_kind"].values]


def controls_of(null: xr.Dataset, edit: Condition, kind: str) -> xr.Dataset:
    """Return an edit's random edits of a kind."""
    return null.isel(null=np.flatnonzero((null["null_of"].values == edit.name) & (null["kind"].values == kind)))


def random_changes(null: xr.Dataset, edit: Condition, kind: str, cause: str) -> npt.NDArray[np.float64]:
    """Return by how much each random edit of a kind changed the failures from a cause, as shares of levels."""
    changes: npt.NDArray[np.float64] = controls_of(null, edit, kind)["difference"].sel(cause=cause).values
    return changes


def sizes_of(null: xr.Dataset, edit: Condition, kinds: Iterable[str]) -> str:
    """Say how large an edit's random edits are beside it: one that takes less is a weaker control."""
    ratios = np.concatenate([controls_of(null, edit, kind)["norm_ratio"].values for kind in kinds])
    if not np.isfinite(ratios).all():
        return "of unknown size"
    if (np.abs(ratios - 1) <= ALIKE).all():
        return "of its size"
    return f"of {ratios.min():.2f} to {ratios.max():.2f} times its size"


def rate_point(data: xr.Dataset, row: float, words: str, **where: Any) -> Point:
    """Return a rate with its interval, in percent."""
    rate, low, high = (at(data, name, **where) for name in ("rate", "rate_low", "rate_high"))
    return Point(row, 100 * rate, 100 * low, 100 * high, f"{words}: {percent(rate)} ({interval(low, high)})")


def difference_point(data: xr.Dataset, row: float, words: str, within: str, **where: Any) -> Point:
    """Return a difference, in points, with the interval that is called `within`."""
    value, low, high = (at(data, name, **where) for name in ("difference", f"{within}_low", f"{within}_high"))
    told = f"{words}: {points(value)} points ({interval(low, high, signed=True)})"
    return Point(row, 100 * value, 100 * low, 100 * high, told)


def rate_cell(data: xr.Dataset, **where: Any) -> str:
    """Return a table's cell: a rate, and below it how many levels that are and the interval."""
    count, rate, low, high = (at(data, name, **where) for name in ("count", "rate", "rate_low", "rate_high"))
    return f"{percent(rate)}\n{plural(round(count), 'level')}\n{interval(low, high)}"


def _conditions(causes: xr.Dataset) -> list[Condition]:
    seen = {"edit": 0, "world": 0}
    found = []
    for name, kind, target in zip(*(causes[key].values for key in ("condition", "kind", "target")), strict=True):
        looks = {"edit": EDIT_LOOKS, "world": WORLD_LOOKS}.get(str(kind), ("original",))
        number = seen.get(str(kind), 0)
        seen[str(kind)] = number + 1
        found.append(Condition(str(name), str(kind), str(target), looks[number % len(looks)]))
    return found
