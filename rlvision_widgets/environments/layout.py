"""The format of Procgen's saved states, as tables.

A state is little endian and unpadded: `VERSION`, the game's name (int32 length, then text), the fields of `LAYOUT`,
those of the game in `TAILS`, and `END`. Each line of a table is a kind, and the fields of that kind in the order of the
bytes:

====  =================================================================================================
kind  what is stored
====  =================================================================================================
i, f  int32 (booleans too), float32
r     a random generator: int32 "is seeded", int32 length, 625 decimal numbers as text
I, F  int32 count, then as many int32 or float32
E     int32 count, then as many entities of 124 bytes
G     int32 width, height, count = width x height; then int32 cells, row by row from the bottom
====  =================================================================================================
"""

import struct
from dataclasses import dataclass
from functools import cache

import numpy as np

__all__ = ["ARRAYS", "END", "ENTITY", "LAYOUT", "TAILS", "VERSION", "Numbers", "program"]

LAYOUT = """
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

TAILS = {
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

ARRAYS = {"I": np.dtype("<i4"), "F": np.dtype("<f4"), "E": ENTITY, "G": np.dtype("<i4")}


@dataclass(frozen=True)
class Numbers:
    """A run of single numbers."""

    names: tuple[str, ...]
    packing: struct.Struct


@cache
def program(layout: str) -> tuple[Numbers | tuple[str, str], ...]:
    """Turn a layout into steps: runs of numbers as one, everything else alone."""
    steps: list[Numbers | tuple[str, str]] = []
    run: list[tuple[str, str]] = []
    for kind, name in [*_fields(layout), ("", "")]:
        if kind in ("i", "f"):
            run.append((kind, name))
            continue
        if run:
            kinds = "".join(kind for kind, _ in run)
            steps.append(Numbers(tuple(name for _, name in run), struct.Struct(f"<{kinds}")))
            run = []
        if kind:
            steps.append((kind, name))
    return tuple(steps)
