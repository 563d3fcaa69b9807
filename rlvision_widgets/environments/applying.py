"""Edits come true: one function a kind of edit, and the checks that say what cannot be done before C++ sees it.

The recipes are confirmed by playing (tests/test_edited.py): what is drawn is decided by `render_z`, picture and cell
value; what touches the agent, by type, `collision_margin` and cell value. So each can be changed without the other.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rlvision_widgets.environments import edits as kinds
from rlvision_widgets.environments.catalogue import only_fills_cells
from rlvision_widgets.environments.drafts import Draft, Found, NotHere
from rlvision_widgets.environments.edit_fields import an
from rlvision_widgets.environments.edits import Edit, edits_from
from rlvision_widgets.environments.games import GAMES, MODE_NUMBER, SPACE
from rlvision_widgets.environments.making import (
    BARRIER,
    CELLS,
    DECOY,
    ENTITIES,
    HARMLESS,
    append,
    cell_picture,
    check_theme,
    decoy,
    empty_cell,
    new_entity,
    put_cell,
    spot,
)
from rlvision_widgets.environments.placing import place
from rlvision_widgets.environments.states import State
from rlvision_widgets.environments.trails import without_trails
from rlvision_widgets.environments.validation import check_state
from rlvision_widgets.names import unknown

__all__ = ["NotHere", "apply_edits", "apply_where_possible"]

MOST_PICTURES = 500  # of cells, which are entities each
UNSEEN = 9  # a render_z that is not drawn
SOLID = {("coinrun", "crate"), ("heist", "locked_door")}  # these block by their type and not by touch
NO_OBJECTS = {
    "background": "Background(index) changes it, Background(None) hides it",
    "velocity": "VelocityBox(False) hides it",
}


def apply_edits(state: State, edits: "str | Edit | Mapping[str, Any] | Iterable[Edit | Mapping[str, Any]]") -> State:
    """Return `state` with all edits made, in their order.

    Parameters
    ----------
    state : State
        Of any of Procgen's games, from `parse_state`; it is left as it is. All edits work in CoinRun and in the maze;
        elsewhere those that remove, move, hide, ghost, copy or theme entities, `Teleport`, `Background` and
        `VelocityBox`.
    edits : edits
        As for `edits_from`.

    Returns
    -------
    State
        One that `set_state` accepts.

    Raises
    ------
    ValueError
        When an edit cannot be made; says why, and what is there. `NotHere`, a ValueError, when it could be in another
        world of the same game.
    """
    if not isinstance(state, State):
        raise TypeError(f"apply_edits edits a State, which parse_state makes of bytes; a {type(state).__name__} came.")
    draft = Draft(state)
    for edit in edits_from(edits):
        _MAKE[type(edit)](draft, edit)
    edited = draft.state()
    check_state(edited, edited.game, _options(edited))
    return edited


def apply_where_possible(state: State, edits: Iterable[Edit]) -> tuple[State, list[bool]]:
    """Return `state` with those edits made for which it has the objects and the room, and which these were.

    The result is not checked as a whole: `set_state` does that.
    """
    draft, made = Draft(state, explain=False), []
    for edit in edits:
        try:
            _MAKE[type(edit)](draft, edit)
            made.append(True)
        except NotHere:
            made.append(False)
    return draft.state(), made


def _options(state: State) -> dict[str, Any]:
    """Return those options of a state's environment that `check_state` looks at."""
    modes = {number: mode for mode, number in MODE_NUMBER.items()}
    mode = modes.get(int(state.values["distribution_mode"]), "hard")
    mode = mode if mode in GAMES[state.game].modes else "hard"
    return {"distribution_mode": mode, "restrict_themes": bool(state.values["restrict_themes"])}


def _objects(draft: Draft, what: str, at: tuple[float, float] | None) -> Found:
    if what in NO_OBJECTS:
        raise ValueError(f"the {what} is no object: {NO_OBJECTS[what]}.")
    return draft.find(what, at)


def _refuse_agent(draft: Draft, found: Found, done: str, instead: str) -> None:
    if draft.agent in found.entities:
        raise ValueError(f"the agent cannot be {done}: {instead}.")


def _refuse_cells(draft: Draft, found: Found, what: str, done: str) -> None:
    """Refuse to change cells of games of which only the entities are known well enough."""
    if len(found.cells) and draft.game not in CELLS:
        raise ValueError(f"{an(what)} of {draft.game} cannot be {done}: it fills cells, and only entities can be.")


def _remove(draft: Draft, edit: kinds.Remove) -> None:
    found = _objects(draft, edit.what, edit.at)
    _refuse_agent(draft, found, "removed", "every game needs one; Hide('agent') makes it invisible")
    _refuse_cells(draft, found, edit.what, "removed")
    gone = set(draft.entities["type"][found.entities].tolist())
    kept = without_trails(draft.game, draft.entities, found.entities)
    kept[found.entities] = False
    if missing := gone.intersection(GAMES[draft.game].needs) - set(draft.entities["type"][kept].tolist()):
        raise ValueError(f"the {edit.what} (type {missing.pop()}) cannot be removed: {draft.game} needs one. Hide it.")
    draft.entities = draft.entities[kept]
    for row, column in found.cells:
        put_cell(draft, row, column, SPACE)


def _move(draft: Draft, edit: kinds.Move) -> None:
    found = _objects(draft, edit.what, edit.at)
    _refuse_cells(draft, found, edit.what, "moved")
    for row, column in found.cells:
        value = int(draft.grid[row, column])
        if draft.cell_at(edit.to) == (row, column):
            continue
        target = empty_cell(draft, edit.to, edit.what)
        if edit.what == "wall" and value > 0:
            _refuse_occupied(draft, *target)
        put_cell(draft, row, column, SPACE)
        put_cell(draft, *target, value)
    for index in found.entities:
        if index == draft.agent:
            _teleport(draft, kinds.Teleport(edit.to))
            return
        x, y = spot(draft, edit.what, edit.to, draft.entities[[index]])
        kept = without_trails(draft.game, draft.entities, found.entities)
        draft.entities["x"][index], draft.entities["y"][index] = x, y
        draft.entities = draft.entities[kept]


def _hide(draft: Draft, edit: kinds.Hide) -> None:
    # also where this world has none: a level with one would end what skips worlds without
    if only_fills_cells(draft.game, edit.what) or len((found := _objects(draft, edit.what, edit.at)).cells):
        raise ValueError(f"{an(edit.what)} cannot be hidden: what fills a cell is always drawn. Remove it instead.")
    draft.entities["render_z"][found.entities] = UNSEEN
    draft.entities = draft.entities[without_trails(draft.game, draft.entities, found.entities)]


def _ghost(draft: Draft, edit: kinds.Ghost) -> None:
    found = _objects(draft, edit.what, edit.at)
    _refuse_agent(draft, found, "a ghost", "make what would touch it ghosts")
    _refuse_cells(draft, found, edit.what, "a ghost")
    if edit.what == "wall" and len(found.cells) > MOST_PICTURES and _cell_theme(draft, 15):
        raise NotHere(f"{len(found.cells)} walls are too many to be ghosts, unless Theme('wall', 0) comes before it.")
    if (draft.game, edit.what) in SOLID:
        draft.entities["type"][found.entities] = DECOY
    else:
        draft.entities["collision_margin"][found.entities] = HARMLESS
    for row, column in found.cells:
        _picture(draft, row, column, int(draft.grid[row, column]))


def _cell_theme(draft: Draft, value: int) -> int:
    """Return the theme with which a cell of a value is drawn."""
    themed = draft.game == "coinrun" and abs(value) in (15, 16) and not draft.values["restrict_themes"]
    return int(draft.values["wall_theme"]) if themed else 0


def _picture(draft: Draft, row: int, column: int, value: int) -> None:
    """Fill a cell with what looks like a value and has no effect: its negative, where that is drawn the same way."""
    theme = _cell_theme(draft, value)
    if abs(value) == 1 or theme:  # -1 is not drawn at all, and negative walls have theme 0
        draft.grid[row, column] = SPACE
        append(draft, cell_picture(abs(value), theme, (column + 0.5, row + 0.5)))
    else:
        draft.grid[row, column] = -abs(value)


def _add(draft: Draft, edit: kinds.Add) -> None:
    value = CELLS.get(draft.game, {}).get(edit.what)
    if value is None:
        append(draft, new_entity(draft, edit.what, edit.at, edit.theme, edit.velocity))
        return
    _refuse_cell_fields(edit.what, edit.theme, edit.velocity)
    row, column = empty_cell(draft, edit.at, edit.what)
    if edit.what == "wall":
        _refuse_occupied(draft, row, column)
    put_cell(draft, row, column, value)


def _refuse_cell_fields(what: str, theme: int | None, velocity: object = None) -> None:
    if theme is not None or velocity is not None:
        raise ValueError(f"{an(what)} fills a cell: it has neither a theme of its own nor a velocity.")


def _refuse_occupied(draft: Draft, row: int, column: int) -> None:
    if (name := draft.occupant(row, column)) is not None:
        raise NotHere(f"the cell ({column}, {row}) cannot be walled up: the {name} would be inside the wall.")


def _decoy(draft: Draft, edit: kinds.Decoy) -> None:
    if draft.game not in CELLS:
        raise ValueError(f"decoys are known for {' and '.join(CELLS)}, and this is a world of {draft.game}.")
    value = CELLS[draft.game].get(edit.what)
    if value is not None:
        _refuse_cell_fields(edit.what, edit.theme)
        _picture(draft, *empty_cell(draft, edit.at, f"decoy of {an(edit.what)}"), value)
    elif edit.what in ENTITIES.get(draft.game, {}):
        append(draft, decoy(draft, edit.what, edit.at, edit.theme))
    else:
        raise ValueError(
            unknown(f"decoy in {draft.game}", edit.what, [*ENTITIES.get(draft.game, {}), *CELLS[draft.game]])
        )


def _theme(draft: Draft, edit: kinds.Theme) -> None:
    count = GAMES[draft.game].wall_themes
    if edit.what == "wall" and count and edit.at is None:
        if edit.theme and draft.values["restrict_themes"]:
            raise ValueError(f"theme {edit.theme} cannot be shown: the environment was made with restrict_themes=True.")
        if edit.theme >= count:
            raise ValueError(f"there is no theme {edit.theme} of the walls: they have {count}, from 0 to {count - 1}.")
        draft.values["wall_theme"] = edit.theme
        return
    found = _objects(draft, edit.what, edit.at)
    if not len(found.entities):
        raise ValueError(f"{an(edit.what)} of {draft.game} has no themes of its own.")
    check_theme(draft, edit.what, draft.entities[found.entities], edit.theme)
    draft.entities["image_theme"][found.entities] = edit.theme


def _background(draft: Draft, edit: kinds.Background) -> None:
    draft.values["use_backgrounds"] = int(edit.index is not None)
    if edit.index is not None:
        count = GAMES[draft.game].backgrounds
        if edit.index >= count:
            raise ValueError(f"there is no background {edit.index}: {draft.game} has {count}, from 0 to {count - 1}.")
        draft.values["background_index"] = edit.index


def _velocity_box(draft: Draft, edit: kinds.VelocityBox) -> None:
    if edit.shown and not draft.values["has_useful_vel_info"]:
        raise ValueError(f"{draft.game} has no velocity to show: its agent moves by whole cells.")
    draft.values["paint_vel_info"] = int(edit.shown)


def _teleport(draft: Draft, edit: kinds.Teleport) -> None:
    row, column = draft.cell_at(edit.to)
    to = (column + 0.5, row + 0.5) if draft.values["grid_step"] else edit.to
    agent = draft.entities[draft.agent : draft.agent + 1]
    agent["x"], agent["y"] = spot(draft, "agent", to, agent)
    agent["vx"] = agent["vy"] = 0
    if draft.game == "coinrun":
        draft.values["last_agent_y"] = float(agent["y"][0])


def _carve(draft: Draft, edit: kinds.Carve) -> None:
    _refuse_mazeless(draft, edit)
    row, column = draft.cell_at(edit.cell)
    if draft.name_at(row, column) != "wall":
        raise NotHere(f"there is no wall to open at the cell {edit.cell}: it holds {_held(draft, row, column)}.")
    put_cell(draft, row, column, SPACE)


def _fill(draft: Draft, edit: kinds.Fill) -> None:
    _refuse_mazeless(draft, edit)
    row, column = draft.cell_at(edit.cell)
    if not (draft.game == "coinrun" and draft.grid[row, column] == BARRIER):  # enemies turn at walls just as well
        empty_cell(draft, edit.cell, "wall")
    _refuse_occupied(draft, row, column)
    put_cell(draft, row, column, CELLS[draft.game]["wall"])


def _refuse_mazeless(draft: Draft, edit: Edit) -> None:
    if draft.game not in CELLS:
        raise ValueError(f"walls can be changed in {' and '.join(CELLS)}, and this is a world of {draft.game}.")


def _held(draft: Draft, row: int, column: int) -> str:
    name = draft.name_at(row, column)
    return "nothing" if name == "background" else an(name)


_MAKE: dict[type[Edit], Callable[[Draft, Any], None]] = {
    kinds.Remove: _remove,
    kinds.Move: _move,
    kinds.Hide: _hide,
    kinds.Ghost: _ghost,
    kinds.Add: _add,
    kinds.Decoy: _decoy,
    kinds.Theme: _theme,
    kinds.Background: _background,
    kinds.VelocityBox: _velocity_box,
    kinds.Teleport: _teleport,
    kinds.Carve: _carve,
    kinds.Fill: _fill,
    kinds.Place: place,
}
