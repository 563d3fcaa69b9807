"""Where Procgen draws what: the view, the rectangles of entities and cells, and the order in which they are painted.

The library computes in float32, and one pixel more or less hangs on it: every step here is taken in the same order and
precision. (Procgen 0.10.7; Cobbe et al. 2020.) Pixels have their origin at the top left; cells, at the bottom left.
"""

import functools
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rlvision_widgets.environments.games import AGENT, NOTHING, SPACE
from rlvision_widgets.environments.states import State

__all__ = [
    "VELOCITY_SIDE",
    "Rectangles",
    "View",
    "cell_rectangles",
    "cell_window",
    "drawn_entities",
    "entity_boxes",
    "images_of",
    "is_drawn_value",
    "velocity_shown",
    "view_of",
]

F = np.float32
Floats = npt.NDArray[np.float64]

VELOCITY_SIDE = 0.2  # of the frame
LEAST_VISIBILITY, MOST_VISIBILITY, FARTHEST = 1, 256, 1e6  # as in `validation`
CELL_MARGIN = F(0.02)  # cells overlap by this, so that no gaps show
ENEMY_TURN, WITH_TURNS = 19, ("climber", "coinrun")  # a cell at which enemies turn, and a picture; neither is drawn
HELD_KEY, LASER_TRAIL, SHIELD = 11, 5, 3  # types of heist, bossfight, bossfight

# games that follow the agent upwards only: how far below it the frame begins, in half heights of the agent
_UPWARDS = {"climber": 5, "fruitbot": 2}


class _Taller(NamedTuple):
    """Pictures that are drawn beyond the entity's own size: how far above it and how much higher, in its heights."""

    images: tuple[int, ...]
    above: float
    factor: float


_TALLER = {"coinrun": _Taller((0, 9, 12, 13), 0.7415, 1.7415), "leaper": _Taller((0,), 0.275, 1.55)}


class View(NamedTuple):
    """What part of the world a frame shows.

    Attributes
    ----------
    center_x, center_y : float
        Cells.
    visibility : float
        Cells across the frame.
    unit : float
        Pixels a cell.
    view_dim : float
        Cells across the frame again, as the library's rounding leaves it.
    x_off, y_off : float
        Pixels.
    size : int
        Pixels across the frame.
    centered : bool
        Whether only the surroundings of the agent are drawn.
    """

    center_x: np.float32
    center_y: np.float32
    visibility: np.float32
    unit: np.float32
    view_dim: np.float32
    x_off: np.float32
    y_off: np.float32
    size: int
    centered: bool


class Rectangles(NamedTuple):
    """Left, top, width and height of each, in pixels; float64 arrays of one length."""

    left: Floats
    top: Floats
    width: Floats
    height: Floats


def view_of(state: State, size: int = 64) -> View:
    """Return what the frame of `state` shows, for frames of `size` pixels (64, or the large ones' 512).

    It follows from the agent and the options, never from the `unit` and offsets in the state, which are those of the
    last frame that was drawn.

    Raises
    ------
    ValueError
        When the library would not draw it: no agent, or a view without an end.
    """
    values = state.values
    width, height = int(values["main_width"]), int(values["main_height"])
    center_x, center_y = F(width * 0.5), F(height * 0.5)
    centered = bool(values["center_agent"])
    if not centered:
        visibility = F(max(width, height, float(values["min_visibility"])))
    else:
        agent = _agent(state)
        if (below := _UPWARDS.get(state.game)) is not None:
            center_y = F(float(agent["y"]) + width / 2.0 - float(F(below) * agent["ry"]))
            visibility = F(width)
        else:
            center_x, center_y, visibility = agent["x"], agent["y"], F(values["visibility"])
    if not (
        LEAST_VISIBILITY <= visibility <= MOST_VISIBILITY and abs(center_x) <= FARTHEST and abs(center_y) <= FARTHEST
    ):
        raise ValueError(
            f"this state's view is of {visibility:g} cells around ({center_x:g}, {center_y:g}), and should be of "
            f"{LEAST_VISIBILITY} to {MOST_VISIBILITY} cells (visibility) around an agent that is somewhere."
        )
    raw = F(64) / visibility
    unit, view_dim = F(float(raw) * (size / 64.0)), F(64.0 / float(raw))
    half = view_dim / F(2)
    return View(
        *(center_x, center_y, visibility, unit, view_dim),
        *(unit * (center_x - half), unit * (center_y - half), size, centered),
    )


def _agent(state: State) -> Any:
    agents = np.flatnonzero(state.entities["type"] == AGENT)
    if not len(agents):
        raise ValueError(f"this {state.game} state has no agent (an entity of type {AGENT}); the last one is it.")
    return state.entities[agents[-1]]


def _entity_rectangles(view: View, entities: npt.NDArray[Any]) -> Rectangles:
    """Return where entities are drawn, without what their pictures add; see `entity_boxes`."""
    x, y, rx, ry = (entities[name] for name in ("x", "y", "rx", "ry"))
    left = (x - rx) * view.unit - view.x_off
    top = (view.view_dim - (y + ry)) * view.unit + view.y_off
    width, height = F(2) * rx * view.unit, F(2) * ry * view.unit
    if (fractions := entities["use_abs_coords"] != 0).any():
        dim, unit = view.view_dim, view.unit
        left = np.where(fractions, dim * (x - rx) * unit, left)
        top = np.where(fractions, dim * (y + ry) * unit, top)
        width = np.where(fractions, F(2) * dim * rx * unit, width)
        height = np.where(fractions, F(2) * dim * ry * unit, height)
    return Rectangles(*(side.astype(np.float64) for side in (left, top, width, height)))


def images_of(state: State, entities: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """Return the picture that each entity has when it is drawn: a runner's legs follow its velocity."""
    images: npt.NDArray[np.int32] = np.abs(entities["image_type"])
    if state.game == "coinrun":
        images[images == AGENT] = _runner(state)
    return images


def _runner(state: State) -> int:
    supported = bool(state.values["has_support"])
    if supported and state.values["action_vx"] == 0 and abs(float(_agent(state)["vx"])) < 0.01:
        return 0
    return 12 if not supported or int(state.values["cur_time"]) // 5 % 2 == 0 else 13


def entity_boxes(state: State, view: View, entities: npt.NDArray[Any], images: npt.NDArray[np.int32]) -> Rectangles:
    """Return the upright boxes around entities as they are drawn with `images`, turned ones included."""
    box = _entity_rectangles(view, entities)
    if state.values["use_monochrome_assets"]:
        return box
    if (taller := _TALLER.get(state.game)) is not None:
        chosen, above, factor = _any_of(images, taller.images), taller.above, taller.factor
        top = np.where(chosen, box.top - above * box.height, box.top)
        box = box._replace(top=top, height=np.where(chosen, box.height * factor, box.height))
    turn = entities["rotation"]
    if not turn.any():
        return box
    cos, sin = np.abs(np.cos(turn.astype(np.float64))), np.abs(np.sin(turn.astype(np.float64)))
    width, height = box.width * cos + box.height * sin, box.width * sin + box.height * cos
    return Rectangles(box.left + (box.width - width) / 2, box.top + (box.height - height) / 2, width, height)


def _any_of(images: npt.NDArray[np.int32], few: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    return functools.reduce(np.logical_or, [images == image for image in few])


def drawn_entities(state: State) -> npt.NDArray[np.intp]:
    """Return the indices of the entities that are drawn wherever they are, in the order in which they are painted."""
    entities, monochrome = state.entities, state.values["use_monochrome_assets"]
    layer, image = entities["render_z"], entities["image_type"]
    shown = (np.abs(layer) <= 1) & (np.abs(image) != SPACE)
    if state.game in WITH_TURNS:
        shown &= image != ENEMY_TURN
    if not monochrome:
        shown &= entities["alpha"] > 0
    if state.game == "bossfight" and not state.values["shields_are_up"]:
        shown &= entities["type"] != SHIELD
    if state.game == "heist" and (ring := entities["type"] == HELD_KEY).any():
        held = state.arrays["has_keys"]
        shown[ring] &= np.array(
            [0 <= theme < len(held) and held[theme] != 0 for theme in entities["image_theme"][ring]]
        )
    if state.game == "bossfight":  # a new trail is its bullet's picture in the same place: what is seen is the bullet
        layer = 2 * layer - ((entities["type"] == LASER_TRAIL) & (entities["life_time"] == 0))
    indices = np.flatnonzero(shown)
    return indices[np.argsort(layer[indices], kind="stable")]


def cell_window(state: State, view: View) -> tuple[int, int, npt.NDArray[np.int32]]:
    """Return the first column and row that are drawn, and the values of the cells from there on, (y, x).

    Cells outside the world have the game's `out_of_bounds_object`.
    """
    grid = state.grid
    if not view.centered:
        return 0, 0, grid
    margin = F(float(view.visibility) / 2.0 + 1)
    low_x, high_x = int(view.center_x - margin), int(view.center_x + margin)
    low_y, high_y = int(view.center_y - margin), int(view.center_y + margin)
    window = np.full((high_y - low_y + 1, high_x - low_x + 1), state.values["out_of_bounds_object"], np.int32)
    bottom, left = max(low_y, 0), max(low_x, 0)
    inside = grid[bottom : max(high_y + 1, 0), left : max(high_x + 1, 0)]
    window[bottom - low_y : bottom - low_y + inside.shape[0], left - low_x : left - low_x + inside.shape[1]] = inside
    return low_x, low_y, window


def is_drawn_value(game: str, value: int) -> bool:
    """Whether cells with this value have a picture: not empty ones, and not the marks where enemies turn."""
    return value != NOTHING and abs(value) != SPACE and not (game in WITH_TURNS and value == ENEMY_TURN)


def cell_rectangles(view: View, columns: npt.NDArray[np.int_], rows: npt.NDArray[np.int_]) -> Rectangles:
    """Return where columns and rows of cells are drawn: `left` and `width` of columns, `top` and `height` of rows."""
    side = (F(1) + F(2) * CELL_MARGIN) * view.unit
    left = (columns.astype(F) - CELL_MARGIN) * view.unit - view.x_off
    top = (view.view_dim - (rows + 1).astype(F) - CELL_MARGIN) * view.unit + view.y_off
    sides = (np.full(len(columns), side), np.full(len(rows), side))
    return Rectangles(*(part.astype(np.float64) for part in (left, top, *sides)))


def velocity_shown(state: State) -> bool:
    """Whether the agent's velocity is painted over the top left corner, as two grey squares."""
    return bool(state.values["paint_vel_info"] and state.values["has_useful_vel_info"])
