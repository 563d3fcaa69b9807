"""What can be done to a world by hand: which edits each class of objects takes, and what can be added."""

from typing import Any

import numpy as np

from rlvision_widgets.environments.catalogue import class_of_entity
from rlvision_widgets.environments.games import GAMES
from rlvision_widgets.environments.making import CELLS, ENTITIES
from rlvision_widgets.environments.states import State, parse_state
from rlvision_widgets.environments.validation import theme_count

__all__ = ["toolbox"]

Toolbox = dict[str, Any]
ENTITY_TOOLS = ("remove", "move", "hide", "ghost", "add")
CELL_TOOLS = ("remove", "move", "ghost", "add")
NOTHING: Toolbox = {
    **{"tools": {}, "palette": [], "themes": {}, "backgrounds": 0, "background": -1, "velocity_box": None},
}
WALL_TOOLS = ("carve", "fill")


def toolbox(moment_state: bytes) -> Toolbox:
    """Return what can be done to a state: nothing, where it is none of Procgen's.

    Whether something can be done at a certain place, `apply_edits` says.

    Returns
    -------
    dict
        tools: the kinds of edits of each class of the world's objects, ``add`` being a copy of one. palette: the kind,
        what (a class, or None) and number of themes of each thing that can be put anywhere. themes: how many each class
        has, where these are several. backgrounds: how many; background: which is shown, -1 for none. velocity_box:
        whether it is shown, None where there is none.
    """
    try:
        state = parse_state(moment_state)
    except ValueError:
        return dict(NOTHING)
    game, values = state.game, state.values
    themes = _themes(state)
    tools = {name: [*ENTITY_TOOLS, *(["theme"] if name in themes else [])] for name in _entity_classes(state)}
    cells = CELLS.get(game, {})
    tools |= {name: list(CELL_TOOLS) for name in cells if name != "wall"}
    tools["agent"] = ["teleport", "hide", *(["theme"] if "agent" in themes else [])]
    if "wall" in cells:
        tools["wall"] = list(WALL_TOOLS)
    shown = bool(values["paint_vel_info"])
    return {
        "tools": tools,
        "palette": _palette(state, themes),
        "themes": themes,
        "backgrounds": GAMES[game].backgrounds,
        "background": int(values["background_index"]) if values["use_backgrounds"] else -1,
        "velocity_box": shown if values["has_useful_vel_info"] else None,
    }


def _palette(state: State, themes: dict[str, int]) -> list[Toolbox]:
    game = state.game
    if game not in CELLS:
        return [_entry("add", name, themes) for name in _entity_classes(state)] + [_entry("teleport", None, {})]
    goods = [name for name in (*ENTITIES.get(game, {}), *CELLS[game]) if name != "wall"]
    walls = [_entry(kind, None, {}) for kind in WALL_TOOLS]
    made = [_entry(kind, name, themes) for kind in ("add", "decoy") for name in goods]
    return [*made, _entry("decoy", "wall", {}), *walls, _entry("teleport", None, {})]


def _entry(kind: str, what: str | None, themes: dict[str, int]) -> Toolbox:
    return {"kind": kind, "what": what, "themes": themes.get(what or "", 1)}


def _entity_classes(state: State) -> list[str]:
    """Return the classes of a world's entities, and of those that its game could have; not the agent and trails."""
    found = [_class_of(state, one) for one in np.unique(state.entities[["type", "image_type"]])]
    names = dict.fromkeys([*found, *ENTITIES.get(state.game, {})])
    return [name for name in names if name not in ("agent", "trail", "explosion")]


def _themes(state: State) -> dict[str, int]:
    if state.values["restrict_themes"]:
        return {}
    looks: dict[str, list[int]] = {}
    for one in np.unique(state.entities[["type", "image_type"]]):
        kind, image = int(one["type"]), abs(int(one["image_type"]))
        looks.setdefault(_class_of(state, one), []).append(theme_count(state, kind, image))
    for name, recipe in ENTITIES.get(state.game, {}).items():
        count = theme_count(state, int(recipe["type"]), int(recipe["image_type"]))
        looks.setdefault(name, []).append(count)
    counts = {name: min(numbers) for name, numbers in looks.items()}
    if GAMES[state.game].wall_themes:
        counts["wall"] = GAMES[state.game].wall_themes
    return {name: count for name, count in counts.items() if count > 1 and name not in ("trail", "explosion")}


def _class_of(state: State, one: Any) -> str:
    return class_of_entity(state.game, int(one["type"]), int(one["image_type"]))
