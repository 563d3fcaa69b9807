"""Procgen's saved states: bytes to named values and back, byte for byte.

A state is little endian, unpadded and versioned (0). The table `_LAYOUT` and `_TAILS` below are the format, in the
order of the bytes; each line is a kind and the fields of that kind:

====  =================================================================================================
kind  what is stored
====  =================================================================================================
i, f  int32 (booleans too), float32
s     int32 length, then text
r     a random generator: int32 "is seeded", int32 length, 625 decimal numbers as text
I, F  int32 count, then as many int32 or float32
E     int32 count, then as many entities of 124 bytes
G     int32 width, height, count = width x height; then int32 cells, row by row from the bottom
====  =================================================================================================
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from rlvision_widgets.environments.games import GAMES
from rlvision_widgets.names import unknown

__all__ = ["ENTITY", "State", "parse_state", "serialise_state", "with_level"]

_LAYOUT = """
i paint_vel_info use_generated_assets use_monochrome_assets restrict_themes use_backgrounds center_agent
i debug_mode distribution_mode use_sequential_levels use_easy_jump plain_assets physics_mode
i grid_step level_seed_low level_seed_high game_type game_n
r level_seed_rand_gen rand_gen
f reward
i done level_complete action timeout current_level_seed prev_level_seed episodes_remaining episode_done
i last_reward_timer
f last_reward
i default_action fixed_asset_seed cur_time is_waiting_for_step
i grid_size
E entities
i use_procgen_background background_index
f bg_tile_ratio bg_pct_x char_dim
i last_move_action move_action special_action
f mixrate maxspeed max_jump action_vx action_vy action_vrot center_x center_y
i random_agent_start has_useful_vel_info step_rand_int
r asset_rand_gen
i main_width main_height out_of_bounds_object
f unit view_dim x_off y_off visibility min_visibility
G grid
"""

_TAILS = {
    "bigfish": "i fish_eaten \n f r_inc",
    "bossfight": """
        I attack_modes
        i last_fire_time time_to_swap invulnerable_duration vulnerable_duration num_rounds round_num round_health
        i boss_vel_timeout curr_vel_timeout attack_mode player_laser_theme boss_laser_theme damaged_until_time
        i shields_are_up barriers_moves_right
        f base_fire_prob boss_bullet_vel barrier_vel barrier_spawn_prob rand_pct rand_fire_pct rand_pct_x rand_pct_y
        """,
    "caveflyer": "",
    "chaser": """
        I free_cells is_space_vec
        i eat_timeout egg_timeout eat_time total_enemies total_orbs orbs_collected maze_dim
        """,
    "climber": "i has_support facing_right coin_quota coins_collected wall_theme \n f gravity air_control",
    "coinrun": "f last_agent_y \n i wall_theme has_support facing_right is_on_crate \n f gravity air_control",
    "dodgeball": "f min_dim hard_min_dim ball_vscale ball_r \n i last_fire_time num_enemies enemy_fire_delay",
    "fruitbot": "f min_dim bullet_vscale \n i last_fire_time",
    "heist": "i num_keys world_dim \n I has_keys",
    "jumper": "i jump_count jump_delta jump_time has_support facing_right wall_theme \n f compass_dim",
    "leaper": """
        i bottom_road_y
        F road_lane_speeds
        i bottom_water_y
        F water_lane_speeds
        i goal_y
        """,
    "maze": "i maze_dim world_dim",
    "miner": "i diamonds_remaining",
    "ninja": """
        i has_support facing_right last_fire_time wall_theme
        f gravity air_control jump_charge jump_charge_inc
        """,
    "plunder": """
        i last_fire_time
        I lane_directions target_bools image_permutation
        F lane_vels
        i num_lanes num_current_ship_types targets_hit target_quota
        f juice_left r_scale spawn_prob legend_r min_agent_x
        """,
    "starpilot": "E spawners",
}

_ENTITY_LAYOUT = """
f x y vx vy rx ry
i type image_type image_theme render_z will_erase collides_with_entities
f collision_margin rotation vrot
i is_reflected fire_time spawn_time life_time expire_time use_abs_coords
f friction
i smart_step avoids_collisions auto_erase
f alpha health theta grow_rate alpha_decay climber_spawn_x
"""

VERSION = 0
END = struct.pack("<I", 0xCAFECAFE)


def _fields(layout: str) -> list[tuple[str, str]]:
    lines = (line.split() for line in layout.strip().splitlines())
    return [(kind, name) for kind, *names in lines for name in names]


ENTITY = np.dtype([(name, f"<{kind}4") for kind, name in _fields(_ENTITY_LAYOUT)])
"""One entity: centre (x, y) and half sizes (rx, ry) in cells, y up; type decides what it does, image_type and
image_theme how it looks; render_z -1, 0 or 1 is drawn in that order, any other value not at all."""

_ARRAYS = {"I": np.dtype("<i4"), "F": np.dtype("<f4"), "E": ENTITY, "G": np.dtype("<i4")}


@dataclass(frozen=True, eq=False)
class State:
    """One moment of one game.

    Attributes
    ----------
    game : str
        The game's name.
    values : mapping of str to int or float
        Every single number, under Procgen's own name.
    arrays : mapping of str to array
        "entities" (entity,) of `ENTITY`; "grid" (y, x) int32, row 0 at the bottom; and the game's own lists. Read-only:
        copy one to change it.
    generators : mapping of str to bytes
        The random generators, as stored.
    """

    game: str
    values: Mapping[str, int | float]
    arrays: Mapping[str, npt.NDArray[Any]]
    generators: Mapping[str, bytes]

    @property
    def entities(self) -> npt.NDArray[Any]:
        """The things in the world, (entity,) of `ENTITY`; the agent is the last one of type 0."""
        return self.arrays["entities"]

    @property
    def grid(self) -> npt.NDArray[np.int32]:
        """What each cell holds, (y, x); row 0 is the bottom."""
        return self.arrays["grid"]

    def replace(self, **changes: Any) -> Self:
        """Return a copy in which the named values, arrays or generators are others.

        Raises
        ------
        ValueError
            When a name is none of this game's.
        """
        parts: dict[str, dict[str, Any]] = {
            "values": dict(self.values),
            "arrays": dict(self.arrays),
            "generators": dict(self.generators),
        }
        for name, new in changes.items():
            home = next((part for part in parts.values() if name in part), None)
            if home is None:
                known = [field for part in parts.values() for field in part]
                raise ValueError(unknown(f"field of a {self.game} state", name, known))
            home[name] = new
        return type(self)(self.game, **{part: MappingProxyType(content) for part, content in parts.items()})


@dataclass(frozen=True)
class _Numbers:
    """A run of single numbers."""

    names: tuple[str, ...]
    packing: struct.Struct


@cache
def _program(layout: str) -> tuple[_Numbers | tuple[str, str], ...]:
    """Turn a layout into steps: runs of numbers as one, everything else alone."""
    steps: list[_Numbers | tuple[str, str]] = []
    run: list[tuple[str, str]] = []
    for kind, name in [*_fields(layout), ("", "")]:
        if kind in ("i", "f"):
            run.append((kind, name))
            continue
        if run:
            kinds = "".join(kind for kind, _ in run)
            steps.append(_Numbers(tuple(name for _, name in run), struct.Struct(f"<{kinds}")))
            run = []
        if kind:
            steps.append((kind, name))
    return tuple(steps)


class _Reader:
    """Bytes that are taken from the front; taking more than there are is a ValueError."""

    def __init__(self, data: bytes) -> None:
        self.data, self.offset = data, 0

    def take(self, size: int) -> int:
        """Return where the next `size` bytes begin, and move behind them."""
        start = self.offset
        if size < 0 or start + size > len(self.data):
            raise ValueError(
                f"this state is cut short or no state of Procgen 0.10.7: at byte {start} it announces {size} more, "
                f"and has {len(self.data) - start}. Use the bytes that get_state returned, unchanged."
            )
        self.offset += size
        return start

    def integers(self, count: int = 1) -> tuple[int, ...]:
        start = self.take(4 * count)
        return struct.unpack_from(f"<{count}i", self.data, start)

    def text(self) -> bytes:
        (size,) = self.integers()
        start = self.take(size)
        return self.data[start : self.offset]

    def generator(self) -> bytes:
        start = self.offset
        self.integers()
        self.text()
        return self.data[start : self.offset]

    def array(self, kind: str) -> npt.NDArray[Any]:
        width, height = self.integers(2) if kind == "G" else (0, 0)
        (count,) = self.integers()
        if kind == "G" and (width < 0 or count != width * height):
            raise ValueError(f"the grid of this state is {width} x {height} cells and has {count} values.")
        dtype = _ARRAYS[kind]
        array = np.frombuffer(self.data, dtype, count, self.take(count * dtype.itemsize)) if count else _EMPTY[dtype]
        return array.reshape(height, width) if kind == "G" else array


_EMPTY = {dtype: np.frombuffer(b"", dtype) for dtype in _ARRAYS.values()}


def parse_state(data: bytes) -> State:
    """Read a state that `get_state` returned, of any of the sixteen games.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    State
        From which `serialise_state` makes the same bytes again.

    Raises
    ------
    ValueError
        When the bytes are not exactly one state of Procgen 0.10.7. (Forks that add fields are refused too.)
    """
    reader = _Reader(bytes(data))
    (version,) = reader.integers()
    if version != VERSION:
        raise ValueError(f"this is no state of Procgen 0.10.7: its version is {version}, and {VERSION} is expected.")
    game = reader.text().decode("ascii", "replace")
    if game not in _TAILS:
        raise ValueError(unknown("game in this state", game, GAMES))
    values: dict[str, int | float] = {}
    arrays: dict[str, npt.NDArray[Any]] = {}
    generators: dict[str, bytes] = {}
    for step in (*_program(_LAYOUT), *_program(_TAILS[game])):
        if isinstance(step, _Numbers):
            start = reader.take(step.packing.size)
            values.update(zip(step.names, step.packing.unpack_from(reader.data, start), strict=True))
        elif step[0] == "r":
            generators[step[1]] = reader.generator()
        else:
            arrays[step[1]] = reader.array(step[0])
    if reader.data[reader.offset :] != END:
        raise ValueError(
            f"this is no {game} state of Procgen 0.10.7: after its last field it should end with {END.hex()}, and "
            f"{len(reader.data) - reader.offset} bytes follow. Use the bytes that get_state returned, unchanged."
        )
    return State(game, MappingProxyType(values), MappingProxyType(arrays), MappingProxyType(generators))


def serialise_state(state: State) -> bytes:
    """Return the bytes of `state`, for `set_state`.

    Raises
    ------
    ValueError
        When a value does not fit its field; `set_state` then checks what the values mean.
    """
    name = state.game.encode()
    parts = [struct.pack("<ii", VERSION, len(name)), name]
    for step in (*_program(_LAYOUT), *_program(_TAILS[state.game])):
        if isinstance(step, _Numbers):
            parts.append(_pack(step, state.values))
        elif step[0] == "r":
            parts.append(state.generators[step[1]])
        else:
            parts.extend(_array_bytes(step[0], step[1], state.arrays[step[1]]))
    return b"".join([*parts, END])


def _pack(step: _Numbers, values: Mapping[str, int | float]) -> bytes:
    try:
        return step.packing.pack(*[values[name] for name in step.names])
    except (struct.error, OverflowError) as error:
        kinds = step.packing.format[1:]
        for kind, name in zip(kinds, step.names, strict=True):
            try:
                struct.pack(f"<{kind}", values[name])
            except (struct.error, OverflowError):
                expected = "an int32" if kind == "i" else "a float32"
                raise ValueError(f"{name} must be {expected}, and {values[name]!r} came.") from error
        raise


def _array_bytes(kind: str, name: str, array: npt.NDArray[Any]) -> list[bytes]:
    dtype, ndim = _ARRAYS[kind], 2 if kind == "G" else 1
    array = np.asarray(array)
    if array.ndim != ndim or not np.can_cast(array.dtype, dtype, "same_kind"):
        raise ValueError(
            f"{name} must have {ndim} axes and the dtype {'ENTITY' if dtype == ENTITY else dtype.name}, and "
            f"{array.ndim} axes of {array.dtype} came."
        )
    sizes = array.shape[::-1] if kind == "G" else ()
    return [struct.pack(f"<{len(sizes) + 1}i", *sizes, array.size), array.astype(dtype, copy=False).tobytes()]


def with_level(state: State, level_seed: int) -> State:
    """Return `state`, changed so that its next reset opens the level `level_seed` and no other.

    The range and the random generator of level seeds stay as they are: levels after that one are drawn as before.

    Parameters
    ----------
    state : State
    level_seed : int
        From 0 to 2**31 - 2.
    """
    if not 0 <= level_seed < 2**31 - 1:
        raise ValueError(f"level_seed must be from 0 to {2**31 - 2}, and {level_seed} came.")
    # with an episode remaining, a reset repeats the current level instead of drawing one
    return state.replace(current_level_seed=int(level_seed), episodes_remaining=1)
