"""New things for a world that is being edited: what each is made of, and where it fits."""

from typing import Any

import numpy as np
import numpy.typing as npt

from rlvision_widgets.environments.drafts import Draft, NotHere
from rlvision_widgets.environments.edit_fields import Point, an
from rlvision_widgets.environments.games import SPACE
from rlvision_widgets.environments.layout import ENTITY
from rlvision_widgets.environments.validation import theme_count
from rlvision_widgets.names import unknown

__all__ = [
    "ANIMALS",
    "CELLS",
    "CELL_DECOY",
    "DECOY",
    "ENTITIES",
    "HARMLESS",
    "append",
    "cell_picture",
    "check_theme",
    "decoy",
    "empty_cell",
    "entity",
    "new_entity",
    "put_cell",
    "spot",
]

ANIMALS = ("agent", "enemy")  # they walk: walls stop them, and one that starts inside a wall is thrown out of the world
HARMLESS = -1000.0  # a collision_margin that nothing comes near to
DECOY, CELL_DECOY = 99, 98  # entity types that no game has
WALL_TOP, WALL, LAVA_TOP, LAVA, BARRIER = 16, 15, 18, 17, 19  # CoinRun's cells

NEW = dict(rx=0.5, ry=0.5, fire_time=-1, spawn_time=-1, expire_time=-1, friction=1, auto_erase=1) | dict.fromkeys(
    ("alpha", "health", "grow_rate", "alpha_decay"), 1
)
ENTITIES: dict[str, dict[str, dict[str, float]]] = {
    "coinrun": {
        "saw": {"type": 2, "image_type": 2},
        "enemy": {"type": 5, "image_type": 6, "smart_step": 1, "render_z": 1, "vx": 0.15},
        "crate": {"type": 20, "image_type": 20},
    }
}
CELLS = {
    "coinrun": {"coin": 1, "lava": LAVA_TOP, "wall": WALL_TOP},
    "maze": {"cheese": 2, "wall": 51},
}


def entity(**fields: float) -> npt.NDArray[Any]:
    """Return one new entity, (1,) of `ENTITY`, with Procgen's defaults for what is not given."""
    made = np.zeros(1, ENTITY)
    for name, value in ({"theta": -100.0} | NEW | fields).items():
        made[name] = value
    return made


def new_entity(draft: Draft, what: str, at: Point, theme: int | None, velocity: Point | None) -> npt.NDArray[Any]:
    """Make an object as its game would; in games without a recipe for it, copy the nearest of its class.

    Raises
    ------
    ValueError
        When there is no recipe and none to copy, or no such theme.
    """
    recipe = ENTITIES.get(draft.game, {}).get(what)
    made = entity(**recipe) if recipe is not None else _copy_of_nearest(draft, what, at)
    if theme is not None:
        check_theme(draft, what, made, theme)
        made["image_theme"] = theme
    if velocity is not None:
        made["vx"], made["vy"] = velocity
    if recipe is not None:
        _animate(draft, what, made)
    made["x"], made["y"] = spot(draft, what, at, made)
    return made


def _copy_of_nearest(draft: Draft, what: str, at: Point) -> npt.NDArray[Any]:
    if what == "agent":
        raise ValueError("an agent cannot be added: every game has one, and Teleport puts it elsewhere.")
    if recipes := [*ENTITIES.get(draft.game, {}), *CELLS.get(draft.game, {})]:
        raise ValueError(unknown("object to add", what, recipes, f"These can be added in {draft.game}."))
    found = draft.find(what, None).entities
    if not len(found):
        raise ValueError(f"{an(what)} of {draft.game} cannot be added: it fills cells, and only entities are copied.")
    offsets = np.hypot(draft.entities["x"][found] - at[0], draft.entities["y"][found] - at[1])
    return draft.entities[found[[offsets.argmin()]]].copy()


def _animate(draft: Draft, what: str, made: npt.NDArray[Any]) -> None:
    """Show the picture that the game shows at this time."""
    time = int(draft.values["cur_time"])
    made["image_type"] += time % 2 if what == "saw" else (time // 5) % 2 if what == "enemy" else 0
    made["is_reflected"] = what == "enemy" and made["vx"] > 0


def decoy(draft: Draft, what: str, at: Point, theme: int | None) -> npt.NDArray[Any]:
    """Make an entity that looks like an object and is of a type without any effect."""
    made = entity(**{**ENTITIES[draft.game][what], "type": DECOY, "smart_step": 0, "vx": 0})
    check_theme(draft, what, made, theme or 0)
    made["image_theme"] = theme or 0
    made["x"], made["y"] = spot(draft, what, at, made)
    return made


def cell_picture(value: int, theme: int, at: Point) -> npt.NDArray[Any]:
    """Make an entity without any effect that looks like a cell: drawn a fiftieth larger on all sides, as cells are."""
    return entity(type=CELL_DECOY, image_type=value, image_theme=theme, rx=0.52, ry=0.52, x=at[0], y=at[1])


def check_theme(draft: Draft, what: str, made: npt.NDArray[Any], theme: int) -> None:
    """Refuse a theme that an object has no picture for."""
    if theme and draft.values["restrict_themes"]:
        raise ValueError(f"theme {theme} cannot be shown: the environment was made with restrict_themes=True.")
    looks = zip(made["type"].tolist(), np.abs(made["image_type"]).tolist(), strict=True)
    count = min(theme_count(draft.original, kind, image) for kind, image in looks)
    if theme >= count:
        has = f"{count}, from 0 to {count - 1}" if count > 1 else "one"
        raise ValueError(f"there is no theme {theme} of the {what}: it has {has}.")


def spot(draft: Draft, what: str, at: Point, made: npt.NDArray[Any]) -> Point:
    """Return where the centre of an object comes to lie that is put at a place.

    What walks is put beside a wall that it would overlap by less than half a cell; anything else stays where it is put,
    unless its centre lies in a wall.

    Raises
    ------
    ValueError
        When the place is outside the world.
    NotHere
        When a wall is there.
    """
    draft.cell_at(at)
    if what not in ANIMALS:
        if (wall := draft.wall_under(*at, 0.02, 0.02)) is not None:
            raise NotHere(f"the {what} cannot be put at ({at[0]:g}, {at[1]:g}): the cell {wall} is a wall.")
        return at
    rx, ry = (float(np.float64(made[name].item())) for name in ("rx", "ry"))
    x, y = at
    columns = (x, np.ceil(x - rx) + rx, np.floor(x + rx) - rx)
    rows = (y, np.ceil(y - ry) + ry, np.floor(y + ry) - ry)
    tries = [(c, r) for c in columns for r in rows if abs(c - x) < 0.5 and abs(r - y) < 0.5]
    for column, row in sorted(tries, key=lambda place: abs(place[0] - x) + abs(place[1] - y)):
        wall = draft.wall_under(column, row, rx, ry)
        if wall is None:
            return float(column), float(row)
    wall = draft.wall_under(x, y, rx, ry)
    raise NotHere(f"the {what} does not fit at ({x:g}, {y:g}): it would be inside the wall at the cell {wall}.")


def append(draft: Draft, made: npt.NDArray[Any]) -> None:
    """Add entities behind those that are there, so that these keep their indices."""
    draft.entities = np.concatenate([draft.entities, made])


def empty_cell(draft: Draft, at: Point | tuple[int, int], what: str) -> tuple[int, int]:
    """Return row and column of a cell that something may fill.

    Raises
    ------
    NotHere
        When something fills it already.
    """
    row, column = draft.cell_at(at)
    if draft.grid[row, column] != SPACE:
        unseen = draft.grid[row, column] == BARRIER and draft.game == "coinrun"
        held = "an unseen barrier, at which enemies turn" if unseen else an(draft.name_at(row, column))
        raise NotHere(f"the {what} cannot fill the cell ({column}, {row}): it holds {held}.")
    return row, column


def put_cell(draft: Draft, row: int, column: int, value: int) -> None:
    """Fill or empty a cell; in CoinRun, ground and lava get their surface where it now is."""
    draft.grid[row, column] = value
    if draft.game != "coinrun":
        return
    for below, top in ((WALL, WALL_TOP), (LAVA, LAVA_TOP)):
        for j in (row, row - 1):
            if j >= 0 and draft.grid[j, column] in (below, top):
                covered = j + 1 < len(draft.grid) and draft.grid[j + 1, column] in (below, top)
                draft.grid[j, column] = below if covered else top
