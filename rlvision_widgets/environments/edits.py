"""Changes of a world, as data: they compare, go through JSON, compose in order, and mean something in every level.

An object is named by its class (the words of `catalogue.py`: "saw", "enemy", "coin", …) and, where one of several is
meant, by a place: the object of that class whose centre is nearest to it, within one cell, in the world that the edit
is applied to. Places are (x, y) in cells from the lower left corner, y up; the centre of cell (12, 3) is (12.5, 3.5).
`apply_edits` makes them come true in a state, `edited_environment` in every level that is opened.
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rlvision_widgets.edit_data import EditData, EditLanguage
from rlvision_widgets.environments.edit_fields import CHECKS, Cell, Point, an
from rlvision_widgets.names import unknown

__all__ = [
    "Add",
    "Background",
    "Carve",
    "Decoy",
    "Edit",
    "Fill",
    "Ghost",
    "Hide",
    "Move",
    "Place",
    "Remove",
    "Teleport",
    "Theme",
    "VelocityBox",
    "describe",
    "edits_from",
    "edits_to_json",
]

CORNERS = ("top right",)
PLACES = {"coin": ("random",), "cheese": ("random", *CORNERS)}


@dataclass(frozen=True)
class Edit(EditData):
    """One change of a world; its subclasses are the kinds there are."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is not None or field.default is not None:
                object.__setattr__(self, field.name, CHECKS[field.name](f"{self.kind}: {field.name}", value))


@dataclass(frozen=True)
class Remove(Edit):
    """Take an object out of the world, an enemy with its trail.

    Parameters
    ----------
    what : str
        An object class.
    at : (float, float), optional
        Which one, by its centre in cells; without it, all of that class.
    """

    what: str
    at: Point | None = None


@dataclass(frozen=True)
class Move(Edit):
    """Put an object elsewhere; it keeps its looks and its velocity.

    Parameters
    ----------
    what : str
        An object class.
    at, to : (float, float)
        Its centre, and where that is to be. What fills a cell (a coin, a wall) goes to the cell around `to`.
    """

    what: str
    at: Point
    to: Point


@dataclass(frozen=True)
class Hide(Edit):
    """Make an object invisible: it moves, kills and blocks as before. For entities; what fills a cell is always drawn.

    Parameters
    ----------
    what : str
        An object class.
    at : (float, float), optional
        Which one, by its centre in cells; without it, all of that class.
    """

    what: str
    at: Point | None = None


@dataclass(frozen=True)
class Ghost(Edit):
    """Make an object harmless: it looks and moves as before, and touching it has no effect.

    (A wall that is not of CoinRun's first theme may look different in a pixel or two of its edge.)

    Parameters
    ----------
    what : str
        An object class.
    at : (float, float), optional
        Which one, by its centre in cells; without it, all of that class.
    """

    what: str
    at: Point | None = None


@dataclass(frozen=True)
class Add(Edit):
    """Put another object into the world.

    Parameters
    ----------
    what : str
        An object class. CoinRun: saw, enemy, crate, coin, lava, wall; maze: cheese, wall. In other games a class of
        which there is one to copy.
    at : (float, float)
        Its centre in cells; what fills a cell takes the one around it.
    theme : int, optional
        Which of its pictures; without it the first, or that of the one copied.
    velocity : (float, float), optional
        Cells per step along x and y; without it that of its class: enemies walk to the right, .15 cells a step.
    """

    what: str
    at: Point
    theme: int | None = None
    velocity: Point | None = None


@dataclass(frozen=True)
class Decoy(Edit):
    """Put something into the world that looks like an object, stands still, and has no effect (CoinRun and maze).

    Parameters
    ----------
    what : str
        An object class. CoinRun: saw, enemy, crate, coin, lava, wall; maze: cheese, wall.
    at : (float, float)
        Its centre in cells; what fills a cell takes the one around it.
    theme : int, optional
        Which of its pictures; without it the first.
    """

    what: str
    at: Point
    theme: int | None = None


@dataclass(frozen=True)
class Theme(Edit):
    """Give objects another of their pictures.

    Parameters
    ----------
    what : str
        An object class; "wall" for all walls of a game whose walls have themes.
    theme : int
        Which picture, from 0.
    at : (float, float), optional
        Which one, by its centre in cells; without it, all of that class. Not for walls.
    """

    what: str
    theme: int
    at: Point | None = None


@dataclass(frozen=True)
class Background(Edit):
    """Show another background.

    Parameters
    ----------
    index : int or None
        Which of the game's backgrounds, from 0; None shows black.
    """

    index: int | None = None


@dataclass(frozen=True)
class VelocityBox(Edit):
    """Show or hide the two grey squares that tell the agent's velocity (``paint_vel_info``).

    Parameters
    ----------
    shown : bool
    """

    shown: bool


@dataclass(frozen=True)
class Teleport(Edit):
    """Put the agent elsewhere, at rest.

    Parameters
    ----------
    to : (float, float)
        Where its centre is to be, in cells. In a maze it is put into the middle of the cell; in CoinRun onto the floor,
        where its feet would be a little below it.
    """

    to: Point


@dataclass(frozen=True)
class Carve(Edit):
    """Open a wall (CoinRun and maze).

    Parameters
    ----------
    cell : (int, int)
        Column and row, from the lower left.
    """

    cell: Cell


@dataclass(frozen=True)
class Fill(Edit):
    """Wall up a free cell (CoinRun and maze).

    Parameters
    ----------
    cell : (int, int)
        Column and row, from the lower left.
    """

    cell: Cell


@dataclass(frozen=True)
class Place(Edit):
    """Put a level's goal where the generator would not: for tests of what an agent has learned to go for.

    The place depends on the level's seed and on `seed` alone, so it is the same whenever that level is opened. (The
    worlds of Langosco et al. 2022, Goal Misgeneralization in Deep Reinforcement Learning, without a changed Procgen.)

    Parameters
    ----------
    what : str
        "coin" (CoinRun): above the ground in a random column between the start and where it was. "cheese" (maze).
    where : str
        "random", or for cheese also "top right": a random free cell of the maze's upper right corner.
    size : int
        Width and height of that corner in cells, at least 1; more than the maze has is the whole of it.
    seed : int
        For other random places.
    """

    what: str = "coin"
    where: str = "random"
    size: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.what not in PLACES:
            raise ValueError(unknown("goal", self.what, PLACES))
        if self.where not in PLACES[self.what]:
            raise ValueError(unknown(f"place for the {self.what}", self.where, PLACES[self.what]))


KINDS: dict[str, type[Edit]] = {kind.kind: kind for kind in Edit.__subclasses__()}
LANGUAGE = EditLanguage(
    "edit", "an", "rlv.Remove('saw')", "edits_to_json", "Edits of a network (rlv.Ablate, …) go to rlv.edited_agent."
)


def edits_from(edits: "str | Edit | Mapping[str, Any] | Iterable[Edit | Mapping[str, Any]]") -> tuple[Edit, ...]:
    """Read edits.

    Parameters
    ----------
    edits : str, edit, dict, or iterable of edits and dicts
        JSON as `edits_to_json` writes it, or what that stands for.

    Returns
    -------
    tuple of Edit

    Raises
    ------
    TypeError, ValueError
        When a text is no JSON, or a kind, field or value is none; names the nearest right one.
    """
    return LANGUAGE.read(edits, Edit, KINDS)


def edits_to_json(edits: "Edit | Iterable[Edit | Mapping[str, Any]]") -> str:
    """Return edits as JSON, from which `edits_from` makes equal ones: ``[{"kind": "remove", "what": "saw"}]``."""
    return json.dumps([edit.to_dict() for edit in edits_from(edits)])


_WORDS = {
    Remove: "{which} removed",
    Move: "{which} moved to {to}",
    Hide: "{which} hidden, and as deadly as before",
    Ghost: "{which} visible, and harmless",
    Add: "{what}{theme} added at {at}{velocity}",
    Decoy: "decoy of {one}{theme} put at {at}",
    Theme: "{which} shown{theme}",
    Background: "background {index}",
    VelocityBox: "velocity {shown}",
    Teleport: "agent put at {to}",
    Carve: "wall at {cell} opened",
    Fill: "wall at {cell} put",
    Place: "{what} at a random place{where}",
}


def describe(edit: Edit) -> str:
    """Return a short sentence that says what an edit does, e.g. ``"saw at (12.5, 3.5) removed"``."""
    told: dict[str, Any] = {field.name: getattr(edit, field.name) for field in dataclasses.fields(edit)}
    what = told.get("what")
    words = {
        **{name: f"({value[0]:g}, {value[1]:g})" for name, value in told.items() if isinstance(value, tuple)},
        "what": what,
        "one": an(str(what)),
        "which": what if what == "agent" else f"every {what}",
        "theme": "" if told.get("theme") is None else f" with theme {told['theme']}",
        "index": "none" if told.get("index") is None else told["index"],
        "shown": "shown" if told.get("shown") else "not shown",
        "where": f" of the {told['size']} x {told['size']} cells at the top right"
        if told.get("where") in CORNERS
        else "",
    }
    if told.get("at") is not None:
        words["which"] = f"{what} at {words['at']}"
    words["velocity"] = f", moving by {words['velocity']} a step" if told.get("velocity") else ""
    return _WORDS[type(edit)].format(**words)
