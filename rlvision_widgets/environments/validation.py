"""Which states may reach the library: those that neither end the process, now or later, nor make it hang.

Procgen checks states by ending the process, or not at all. Each rule below stands for a way of losing a notebook's
kernel that its source shows: a picture that does not exist, a remainder by zero, an index outside a list, a loop
without an end. Everything that its own games do is inside the rules; so are objects that are removed, moved, hidden
(render_z, alpha), made harmless (collision_margin) or added.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from rlvision_widgets.environments.games import AGENT, EXPLOSION, GAMES, MODE_NUMBER, NOTHING, SPACE, Game
from rlvision_widgets.environments.layout import ENTITY
from rlvision_widgets.environments.states import State

__all__ = ["check_state", "missing", "theme_count"]

CHASER_ORB = 1002  # the one grid value above SPACE that its game can draw
MONOCHROME_IMAGES = 64
MOST_ENTITIES = 1000  # each may leave trails and fire, and a state has to stay below binding.LARGEST_STATE
LARGEST = 2**31 - 1
ANY = (-(2**31), LARGEST)
_BOOL = (0, 1)

_VALUE_RANGES: dict[str, tuple[float, float]] = {
    **{name: _BOOL for name in ("paint_vel_info", "use_monochrome_assets", "use_backgrounds", "center_agent")},
    **{name: _BOOL for name in ("use_sequential_levels", "grid_step", "has_support", "facing_right", "is_on_crate")},
    **{name: _BOOL for name in ("done", "level_complete", "episode_done", "random_agent_start", "has_useful_vel_info")},
    **{name: _BOOL for name in ("shields_are_up", "barriers_moves_right")},
    "use_generated_assets": (0, 0),
    "use_procgen_background": (0, 0),
    "is_waiting_for_step": (0, 0),
    "default_action": (0, 14),
    "last_move_action": (0, 8),
    "cur_time": (0, LARGEST - 1),
    "episodes_remaining": (0, LARGEST),
    "bg_tile_ratio": (-1, 0),
    "bg_pct_x": (0, 1),
    "char_dim": (1, 100),
    "mixrate": (0, 1),
    "maxspeed": (0, 10),
    "max_jump": (0, 10),
    "gravity": (-10, 10),
    "air_control": (0, 1),
    "visibility": (1, 256),
    "min_visibility": (0, 256),
    # bigfish, bossfight, chaser, dodgeball, fruitbot, jumper, leaper, ninja, plunder
    "r_inc": (-1, 1),
    "round_num": (0, LARGEST),
    "round_health": (1, LARGEST),
    "boss_vel_timeout": (1, LARGEST),
    "player_laser_theme": (0, 2),
    "boss_laser_theme": (0, 2),
    "boss_bullet_vel": (-100, 100),
    "total_enemies": (0, 100),
    "ball_vscale": (-10, 10),
    "ball_r": (0, 100),
    "bullet_vscale": (-100, 100),
    "compass_dim": (0, 100),
    "bottom_road_y": (-1000, 1000),
    "bottom_water_y": (-1000, 1000),
    "jump_charge": (0, 1),
    "jump_charge_inc": (0, 1),
    "target_quota": (1, LARGEST),
    "juice_left": (-100, 100),
    "r_scale": (0, 100),
}
_ENTITY_RANGES: dict[str, tuple[float, float]] = {
    "x": (-1e6, 1e6),
    "y": (-1e6, 1e6),
    "vx": (-100, 100),
    "vy": (-100, 100),
    "rx": (0, 100),
    "ry": (0, 100),
    "rotation": (-1e6, 1e6),
    "vrot": (-1e3, 1e3),
    "friction": (-1, 1),
    "alpha": (0, 1),
    "alpha_decay": (0, 1),
    "grow_rate": (0, 2),
}
_LARGEST_FLOAT = float(np.finfo(np.float32).max)
_FLOATS = [name for name in ENTITY.names or () if ENTITY[name].kind == "f"]
_FLOAT_COLUMNS = [(ENTITY.names or ()).index(name) for name in _FLOATS]
_LOW, _HIGH = np.array([_ENTITY_RANGES.get(name, (-_LARGEST_FLOAT, _LARGEST_FLOAT)) for name in _FLOATS], np.float32).T
MOST_SOLID = 6  # entities that push one another out of the way: the time of a step grows with the fifth power
_WALL = 51  # solid in every game
_SOLID = {  # other types, walls in the grid as a rule, that block what moves
    **{"caveflyer": (8,), "chaser": (5,), "climber": (15, 16), "coinrun": (15, 16), "dodgeball": (10,)},
    **{"fruitbot": (2,), "heist": (1,), "jumper": (6, 7), "miner": (10,), "ninja": (20,)},
}
_TILED = {"dodgeball": (1,), "fruitbot": (1, 10), "leaper": (5,)}  # drawn as width / height repeated pictures
_LISTS = {  # how long, and between what each item must be; None is checked with the game
    "road_lane_speeds": (0, 30, -10.0, 10.0),
    "water_lane_speeds": (0, 30, -10.0, 10.0),
    "attack_modes": (1, 1000, *ANY),
    "image_permutation": (6, 6, 0, 5),
    "target_bools": (6, 6, 0, 1),
    "lane_directions": (1, 1000, 0, 1),
    "lane_vels": (1, 1000, -10.0, 10.0),
    "has_keys": (0, 3, 0, 1),
}

Problems = Iterator[str]


def check_state(state: State, game: str, options: Mapping[str, Any]) -> None:
    """Refuse a state that would end the process, make it hang, or not show what it says.

    Parameters
    ----------
    state : State
    game : str
        The game of the environment that is to take the state.
    options : mapping
        That environment's options.

    Raises
    ------
    ValueError
        Lists everything that is wrong.
    """
    if state.game != game:
        raise ValueError(f"this is a state of {state.game}, and the environment plays {game}.")
    problems = [problem for rule in _RULES for problem in rule(state, GAMES[game], options)]
    if not problems and game in _GAME_RULES:  # these rely on all the others
        problems = list(_GAME_RULES[game](state))
    if problems:
        shown = problems[:10] + ([f"and {len(problems) - 10} more"] if len(problems) > 10 else [])
        raise ValueError(f"this {game} state cannot be set: " + "; ".join(shown) + ".")


def _check_values(state: State, game: Game, options: Mapping[str, Any]) -> Problems:
    names = tuple(state.values)
    lowest, highest = _bounds(names)
    numbers = np.array(list(state.values.values()), np.float64)
    for index in np.flatnonzero(~((lowest <= numbers) & (numbers <= highest))):  # NaN is in no range
        low, high = lowest[index], highest[index]
        should = f"from {low:g} to {high:g}" if low < high else f"{low:g}"
        yield f"{names[index]} is {numbers[index]:g}, and should be {should}"
    for name, (least, most, low, high) in _LISTS.items():
        if (items := state.arrays.get(name)) is not None:
            if not least <= len(items) <= most:
                yield f"{name} has {len(items)} items, and should have from {least} to {most}"
            if len(items) and not (items.min() >= low and items.max() <= high):
                yield f"{name} should hold values from {low:g} to {high:g}"


@cache
def _bounds(names: tuple[str, ...]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    low, high = np.array([_VALUE_RANGES.get(name, (-np.inf, np.inf)) for name in names], np.float64).T
    return low, high


def _check_environment(state: State, game: Game, options: Mapping[str, Any]) -> Problems:
    values, mode = state.values, str(options["distribution_mode"])
    number = MODE_NUMBER["hard" if mode == "exploration" else mode]
    if values["distribution_mode"] != number:
        names = {n: name for name, n in MODE_NUMBER.items()}
        came = names.get(int(values["distribution_mode"]), values["distribution_mode"])
        yield f"its distribution_mode is {came!r} and the environment's {mode!r}; make one with the state's mode"
        return
    if bool(values["restrict_themes"]) != options["restrict_themes"]:
        yield (
            f"its restrict_themes is {bool(values['restrict_themes'])} and the environment's "
            f"{options['restrict_themes']}, which keeps its pictures; make one with the state's"
        )
    size = game.size(mode)
    if (values["main_width"], values["main_height"]) != size:
        came = f"{values['main_width']} x {values['main_height']}"
        yield f"its world is {came} cells, and {mode} has {size[0]} x {size[1]}"
    if state.grid.shape[::-1] != size or values["grid_size"] != size[0] * size[1]:
        yield f"its grid is {state.grid.shape[1]} x {state.grid.shape[0]} cells, and {mode} has {size[0]} x {size[1]}"
    if values["out_of_bounds_object"] not in (game.outside, NOTHING):
        yield f"out_of_bounds_object is {values['out_of_bounds_object']}, and should be {game.outside} or {NOTHING}"
    if not 0 <= values["background_index"] < game.backgrounds:
        yield f"background_index is {values['background_index']}, and there are {game.backgrounds} backgrounds"
    if game.wall_themes and not 0 <= values["wall_theme"] < game.wall_themes:
        yield f"wall_theme is {values['wall_theme']}, and there are {game.wall_themes}"
    if not 0 <= values["level_seed_low"] < values["level_seed_high"]:
        yield f"level seeds from {values['level_seed_low']} to below {values['level_seed_high']} are none"


def _check_generators(state: State, game: Game, options: Mapping[str, Any]) -> Problems:
    for name, stored in state.generators.items():
        text = stored[8:]
        head = np.frombuffer(stored[:8], "<i4") if len(stored) >= 8 else np.zeros(2)
        if head[1] != len(text) or not _is_generator(text):
            yield f"{name} is not the text of a random generator"
        elif head[0] not in _BOOL or not (head[0] or name == "asset_rand_gen"):
            yield f"{name} has no seed"


def _is_generator(text: bytes) -> bool:
    """Whether `text` is 624 words and a position in them, as the C++ library writes a mt19937."""
    if text.count(b" ") != 624 or text.translate(None, b"0123456789 "):
        return False
    position = text[text.rindex(b" ") + 1 :]
    return position != b"" and int(position) <= 624  # a position behind the words reads what is not the generator's


def _check_grid(state: State, game: Game, options: Mapping[str, Any]) -> Problems:
    grid = state.grid
    size = np.abs(grid, dtype=np.int64) if grid.size else np.zeros(1, np.int64)
    wrong = size > SPACE
    if state.values["use_monochrome_assets"]:
        wrong |= (size >= MONOCHROME_IMAGES) & (size != SPACE)
    if wrong.any() and state.game == "chaser":
        wrong &= grid != CHASER_ORB
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        yield f"the cell x={column}, y={row} holds {grid[row, column]}, which has no picture"


def missing(state: State) -> list[int]:
    """Return the entity types that a state needs and lacks; an edited world may lose them as it goes on."""
    present = set(state.entities["type"].tolist())
    return [kind for kind in (AGENT, *GAMES[state.game].needs) if kind not in present]


def _check_entities(state: State, game: Game, options: Mapping[str, Any]) -> Problems:
    entities = (
        np.concatenate([state.entities, state.arrays["spawners"]]) if "spawners" in state.arrays else state.entities
    )
    if len(entities) > MOST_ENTITIES:
        yield f"it has {len(entities)} entities, and should have at most {MOST_ENTITIES}"
        return
    yield from (
        f"there is no entity of type {kind}{' (the agent)' if kind == AGENT else ''}" for kind in missing(state)
    )
    blocking = (_WALL, *_SOLID.get(state.game, ()))
    if (solid := sum(kind in blocking for kind in entities["type"].tolist())) > MOST_SOLID:
        yield f"it has {solid} entities that block others, and should have at most {MOST_SOLID}"
    agents = state.entities[state.entities["type"] == AGENT]
    if len(agents) and (agents[-1]["will_erase"] != 0 or agents[-1]["expire_time"] > 0):
        yield "the agent is about to be erased (will_erase, expire_time), and no game goes on without one"
    yield from _check_entity_ranges(entities)
    monochrome = bool(state.values["use_monochrome_assets"])
    looks = set(zip(*(entities[name].tolist() for name in ("type", "image_type", "image_theme")), strict=True))
    for kind, image, theme in sorted(looks):
        if abs(image) > SPACE:
            yield f"image_type {image} of type {kind} has no picture"
            continue
        count = theme_count(state, kind, abs(image))
        if not 0 <= theme < count:
            yield f"image_theme is {theme} for type {kind}, image_type {image}, which has {count}"
        if monochrome and MONOCHROME_IMAGES <= abs(image) < SPACE:
            yield f"image_type {image} has no colour with use_monochrome_assets"
        if kind == EXPLOSION and not EXPLOSION <= image <= EXPLOSION + 4:
            yield f"image_type is {image} for an explosion (type {kind}), and should be {EXPLOSION} to {EXPLOSION + 4}"


def theme_count(state: State, kind: int, image: int) -> int:
    """Return how many themes an entity of a type may have that shows an image."""
    count = _most_themes(state.game, kind, image)
    if state.game == "heist" and kind in (1, 2, 11):  # a door, key or key on the ring; its theme is its number
        return min(count, len(state.arrays["has_keys"]))
    return min(count, 6) if state.game == "plunder" and kind == 7 else count


@cache
def _most_themes(game: str, kind: int, image: int) -> int:
    return min(GAMES[game].theme_count(shown) for shown in (image, *GAMES[game].becomes.get(kind, ())))


def _check_entity_ranges(entities: npt.NDArray[Any]) -> Problems:
    table = entities.view("<f4").reshape(len(entities), ENTITY.itemsize // 4)[:, _FLOAT_COLUMNS]
    bad = ~((table >= _LOW) & (table <= _HIGH))
    for row, column in np.argwhere(bad)[:10]:
        yield (
            f"entity {row} has {_FLOATS[column]} {table[row, column]:g}, and should have it from {_LOW[column]:g} "
            f"to {_HIGH[column]:g}"
        )
    growing = entities[entities["grow_rate"] > 1]
    if not len(growing):
        return
    steps = np.clip(growing["expire_time"] - growing["life_time"].astype(np.int64) + 1, 0, 200)
    reach = np.maximum(growing["rx"], growing["ry"]) * growing["grow_rate"].astype(np.float64) ** steps
    if ((growing["expire_time"] <= 0) | (reach > 1000)).any():
        yield "an entity grows (grow_rate above 1) beyond 1000 cells before it expires (expire_time, life_time)"


def _check_tiles(state: State, game: Game, options: Mapping[str, Any]) -> Problems:
    if state.game not in _TILED:
        return
    tiled = state.entities[np.isin(state.entities["type"], _TILED[state.game])]
    long, short = tiled["rx"], tiled["ry"]
    if state.game == "dodgeball":
        long, short = np.maximum(long, short), np.minimum(long, short)
    if (long > 1000 * short).any():
        yield "a wall is over 1000 times as long as it is thick, and is drawn as that many tiles"


def _check_leaper(state: State) -> Problems:
    agents = state.entities[state.entities["type"] == AGENT]
    if not np.isin(agents["image_type"], (0, 4)).all():
        yield "the agent (type 0) should have image_type 0 or 4: a jump goes through five themes"


def _check_plunder(state: State) -> Problems:
    values, arrays = state.values, state.arrays
    if not 1 <= values["num_current_ship_types"] <= len(arrays["image_permutation"]):
        yield f"num_current_ship_types is {values['num_current_ship_types']}, and should be from 1 to 6"
    lanes = min(len(arrays["lane_directions"]), len(arrays["lane_vels"]))
    if not 1 <= values["num_lanes"] <= lanes:
        yield f"num_lanes is {values['num_lanes']}, and there are {lanes}"


def _check_starpilot(state: State) -> Problems:
    for entities in (state.entities, state.arrays["spawners"]):
        if ((entities["fire_time"] > 0) & ((entities["type"] < 0) | (entities["type"] > 8))).any():
            yield "an entity that fires (fire_time above 0) has a type that does not: only types 0 to 8 do"


def _check_chaser(state: State) -> Problems:
    """Check the maze and its enemies: one with nowhere to turn to divides by zero."""
    width = int(state.values["main_width"])
    free = state.grid != 5
    is_space, cells = state.arrays["is_space_vec"], state.arrays["free_cells"]
    if len(is_space) != free.size or ((is_space > 0) != free.ravel()).any():
        yield "is_space_vec does not say where the maze is free (every cell but 5)"
        return
    if not len(cells) or cells.min() < 0 or cells.max() >= free.size or not free.ravel()[cells].all():
        yield "free_cells should name free cells of the maze, at least one"
        return
    walled = np.pad(free, 1)
    exits = walled[:-2, 1:-1].astype(int) + walled[2:, 1:-1] + walled[1:-1, :-2] + walled[1:-1, 2:]
    if (exits[free] < 2).any():
        row, column = np.argwhere(free & (exits < 2))[0]
        yield f"the maze has a dead end at x={column}, y={row}, where an enemy would find no way on"
    enemies = state.entities[np.isin(state.entities["type"], (4, 6))]
    if len(enemies):
        yield from _check_chaser_enemies(enemies, free, width)


def _check_chaser_enemies(enemies: npt.NDArray[Any], free: npt.NDArray[np.bool_], width: int) -> Problems:
    corner = np.stack([enemies["y"], enemies["x"]]).astype(np.float64) - 0.5
    low, high = np.floor(corner + 0.01).astype(np.int64), np.ceil(corner - 0.01).astype(np.int64)
    inside = (low >= 0).all(0) & (high < width).all(0)
    low, high = np.clip(low, 0, width - 1), np.clip(high, 0, width - 1)
    straight = (low == high).any(0) & free[tuple(low)] & free[tuple(high)]
    moves = (np.abs(enemies["vx"]) <= 0.5) & (np.abs(enemies["vy"]) <= 0.5)
    sized = (enemies["rx"] == 0.5) & (enemies["ry"] == 0.5) & (enemies["grow_rate"] == 1) & (enemies["friction"] == 1)
    walks = np.where(enemies["type"] == 6, enemies["smart_step"] == 1, (low == high).all(0) & (enemies["vx"] == 0))
    if not (inside & straight & moves & sized & walks & ((enemies["vx"] == 0) | (enemies["vy"] == 0))).all():
        yield (
            "enemies (type 6) should be on a corridor with rx = ry = .5, smart_step 1 and at most .5 cells a step "
            "along it, and eggs (type 4) still, in the middle of a free cell"
        )


_RULES: tuple[Callable[[State, Game, Mapping[str, Any]], Problems], ...] = (
    *(_check_values, _check_environment, _check_generators, _check_grid, _check_entities, _check_tiles),
)
_GAME_RULES: dict[str, Callable[[State], Problems]] = {
    "chaser": _check_chaser,
    "leaper": _check_leaper,
    "plunder": _check_plunder,
    "starpilot": _check_starpilot,
}
