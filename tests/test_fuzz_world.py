"""Thousands of damaged states and random edits: each is refused with a ValueError, or lives on.

They are tried in a process of their own, which has to survive. `python tests/test_fuzz_world.py 7 100000` tries a
hundred thousand with seed 7; the last line that it printed, when it died, is the game, its mode and the number of the
case, and `python tests/test_fuzz_world.py 7 <number> <game> <mode>` tries that one alone.
"""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from test_environments import GAME_MODES, needs_procgen

import rlvision_widgets as rlv
from rlvision_widgets.environments.applying import apply_edits
from rlvision_widgets.environments.catalogue import class_of_entity, classes_of
from rlvision_widgets.environments.edits import KINDS
from rlvision_widgets.environments.layout import ENTITY
from rlvision_widgets.environments.states import parse_state, serialise_state

NUMBER = 12_000
NUM_STATES = 24  # of a game in a mode, which are damaged in turn
INTEGERS = (0, 1, -1, 2, 3, 5, 9, 19, 59, 64, 77, 99, 100, 101, 1000, 1002, 10**6, 2**31 - 1, -(2**31))
FLOATS = (0, 1, -1, 0.5, -0.5, 2, 10, 100, -100, 1e3, 1e6, -1e6, 1e9, 1e30, 3e38, np.nan, np.inf, -np.inf, 1e-30)


def other_number(rng, old, dtype):
    """Return a number instead of `old`: near it, or where a rule may end."""
    near = rng.random() < 0.4
    if np.dtype(dtype).kind == "i":
        new = int(old) + int(rng.integers(-3, 4)) if near else int(rng.choice(np.array(INTEGERS, np.int64)))
        return int(np.clip(new, -(2**31), 2**31 - 1))
    return float(np.float32(float(old) * rng.uniform(0.3, 1.7) + rng.normal() * 0.3 if near else rng.choice(FLOATS)))


def damage_value(rng, state):
    names = list(state.values)
    name = names[rng.integers(len(names))]
    old = state.values[name]
    return state.replace(**{name: other_number(rng, old, np.int32 if isinstance(old, int) else np.float32)})


def damage_entity(rng, state, lists=("entities",)):
    name = lists[rng.integers(len(lists))]
    entities = state.arrays[name].copy()
    if len(entities):
        fields = ENTITY.names
        field = fields[rng.integers(len(fields))]
        row = rng.integers(len(entities))
        entities[field][row] = other_number(rng, entities[field][row], ENTITY[field])
    return state.replace(**{name: entities})


def damage_crowd(rng, state):
    """Drop, repeat, shuffle or copy entities."""
    entities = state.entities
    kept = rng.permutation(len(entities)) if rng.random() < 0.3 else np.arange(len(entities))
    kept = kept[rng.random(len(kept)) < rng.choice([0.5, 0.9, 1])]
    kept = np.repeat(kept, rng.choice([1, 1, 1, 2, 40]))
    entities = entities[kept].copy()
    if len(entities) and rng.random() < 0.5:
        entities["x"] += rng.normal(size=len(entities)).astype(np.float32)
        entities["type"][rng.integers(len(entities))] = rng.integers(0, 12)
    return state.replace(entities=entities)


def damage_grid(rng, state):
    grid = state.grid.copy()
    for _ in range(rng.integers(1, 6)):
        place = rng.integers(grid.shape[0]), rng.integers(grid.shape[1])
        known = rng.choice(grid.ravel())
        grid[place] = rng.choice([known, -known, other_number(rng, grid[place], np.int32), rng.integers(-100, 101)])
    if rng.random() < 0.05:
        grid = grid[:-1]
    return state.replace(grid=grid)


def damage_list(rng, state):
    names = [name for name in state.arrays if name not in ("entities", "grid", "spawners")]
    if not names:
        return damage_entity(rng, state, [name for name in state.arrays if name != "grid"])
    name = names[rng.integers(len(names))]
    array = state.arrays[name].copy()
    if len(array) and rng.random() < 0.7:
        place = rng.integers(len(array))
        array[place] = other_number(rng, array[place], array.dtype)
    else:
        array = array[: rng.integers(len(array) + 1)] if rng.random() < 0.5 else np.concatenate([array, array])
    return state.replace(**{name: array})


def damage_generator(rng, state):
    names = list(state.generators)
    name = names[rng.integers(len(names))]
    text = bytearray(state.generators[name])
    for _ in range(rng.integers(1, 4)):
        text[rng.integers(len(text))] = rng.choice(list(b"0123456789 x\0"))
    return state.replace(**{name: bytes(text)})


DAMAGES = (damage_value, damage_value, damage_entity, damage_entity, damage_crowd, damage_grid, damage_list)


def damaged(rng, data):
    """Return the bytes of a damaged state, and in which way it is."""
    way = rng.choice(["bytes", "generator", "one", "several"], p=[0.2, 0.03, 0.47, 0.3])
    if way == "bytes":
        return damaged_bytes(rng, data), "bytes"
    state = parse_state(data)
    if way == "generator":
        return serialise_state(damage_generator(rng, state)), "generator"
    for _ in range(1 if way == "one" else rng.integers(2, 6)):
        state = DAMAGES[rng.integers(len(DAMAGES))](rng, state)
    return serialise_state(state), str(way)


def damaged_bytes(rng, data):
    """Flip some bytes, most of them outside the generators' text; or cut, repeat or insert some."""
    array = np.frombuffer(data, np.uint8).copy()
    digits = np.isin(array, list(b"0123456789 "))
    places = np.flatnonzero(~digits) if rng.random() < 0.9 else np.arange(len(array))
    way = rng.random()
    if way < 0.8:
        for place in rng.choice(places, rng.integers(1, 5)):
            array[place] = rng.integers(256) if rng.random() < 0.5 else array[place] ^ (1 << rng.integers(8))
        return array.tobytes()
    start, end = sorted(rng.integers(len(array), size=2))
    return bytes(data[:start]) + (data[end:] if way < 0.9 else data[: end % 400] + data[start:])


def random_edit(rng, state):
    """Return the dict of an edit: mostly one that makes sense, at times one that does not."""
    width, height = state.values["main_width"], state.values["main_height"]
    entity = state.entities[rng.integers(len(state.entities))]
    here = class_of_entity(state.game, int(entity["type"]), int(entity["image_type"]))
    names = [*classes_of(state.game), "saws", ""]

    def place():
        if rng.random() < 0.6:
            return [float(entity["x"] + rng.normal() * 0.2), float(entity["y"] + rng.normal() * 0.2)]
        return [float(rng.uniform(-1, width + 1)), float(rng.uniform(-1, height + 1))]

    fields = {
        "what": lambda: here if rng.random() < 0.7 else names[rng.integers(len(names))],
        "at": place,
        "to": place,
        "cell": lambda: [int(rng.integers(-1, width + 1)), int(rng.integers(-1, height + 1))],
        "theme": lambda: int(abs(rng.normal() * 3)),
        "index": lambda: None if rng.random() < 0.2 else int(abs(rng.normal() * 15)),
        "velocity": lambda: [float(rng.choice([0, 0.1, -1, 5, 1e5])), float(rng.normal())],
        "shown": lambda: bool(rng.integers(2)),
        "where": lambda: str(rng.choice(["random", "top right", "left"])),
        "size": lambda: int(rng.integers(0, 40)),
        "seed": lambda: int(rng.integers(0, 2**31)),
    }
    kind = list(KINDS)[rng.integers(len(KINDS))]
    edit = {"kind": kind}
    for field in dataclasses.fields(KINDS[kind]):
        if not isinstance(field.default, str | int | type(None)) or rng.random() < 0.5:
            edit[field.name] = fields[field.name]()
    if rng.random() < 0.03:
        name = list(edit)[rng.integers(len(edit))]
        edit[name] = [None, "saw", -1, [1], [1, None], {}, 10**20, True][rng.integers(8)]
    return edit


def random_edits(rng, state):
    try:
        return rlv.edits_from([random_edit(rng, state) for _ in range(rng.integers(1, 3))])
    except TypeError as error:
        raise ValueError(str(error)) from error


def edited(rng, data):
    state = parse_state(data)
    return serialise_state(apply_edits(state, random_edits(rng, state)))


def reset_again_and_again(environment, rng, data):
    """Play some short episodes, each opened with the same random edits."""
    environment.set_state(0, data)
    worlds = rlv.edited_environment(environment, random_edits(rng, parse_state(data)))
    for _ in range(6):
        state = parse_state(worlds.get_state(0))
        worlds.set_state(0, serialise_state(state.replace(cur_time=max(state.values["timeout"] - 2, 0))))
        for _ in range(4):
            worlds.step([rng.integers(15)])


def played(environment, rng):
    """Return states along some random steps; some are about to end."""
    states = []
    while len(states) < NUM_STATES:
        for _ in range(rng.integers(1, 30)):
            environment.step([rng.integers(15)])
        state = parse_state(environment.get_state(0))
        if len(states) % 3 == 0:
            state = state.replace(cur_time=max(state.values["timeout"] - 2, 0))
        states.append(serialise_state(state))
    return states


def fuzz(seed, numbers, game, mode):
    """Try cases, and return how many of which sort were refused and accepted."""
    counts = Counter()
    with rlv.make_environment(game, num_trajectories=1, distribution_mode=mode, seed=1) as environment:
        states = played(environment, np.random.default_rng(seed))
        for number in numbers:
            os.write(1, f"{game} {mode} {number}\n".encode())
            rng = np.random.default_rng((seed, number))
            data, sort = states[rng.integers(NUM_STATES)], "edits"
            try:
                if rng.random() < 0.02:
                    sort = "resets"
                    reset_again_and_again(environment, rng, data)
                elif rng.random() < 0.25:
                    environment.set_state(0, edited(rng, data))
                else:
                    data, sort = damaged(rng, data)
                    environment.set_state(0, data)
            except ValueError as error:
                if len(str(error)) < 20:
                    raise SystemExit(f"refused without words: {error!r}") from error
                counts[f"{sort} refused"] += 1
                continue
            counts[f"{sort} accepted"] += 1
            environment.observe()
            for _ in range(60 if rng.random() < 0.03 else 6):
                environment.step([rng.integers(15)])
            if rng.random() < 0.01:
                with contextlib.suppress(ValueError):  # the agent may have left the world
                    environment.render(0)
    return counts


def main(seed, number, game=None, mode=None):
    """Try `number` cases, or that one alone."""
    if game is not None:
        print(fuzz(seed, [number], game, mode))
        return
    counts = Counter()
    for place, (name, its_mode) in enumerate(GAME_MODES):
        counts += fuzz(seed, range(place, number, len(GAME_MODES)), name, its_mode)
    print(json.dumps(counts))


@needs_procgen
@pytest.mark.slow
def test_damaged_states_and_random_edits_are_refused_in_words_or_live_on():
    tried = subprocess.run(
        [sys.executable, __file__, "20", str(NUMBER)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    lines = tried.stdout.splitlines()
    assert tried.returncode == 0, f"exit code {tried.returncode} at {lines[-1:]}\n{tried.stderr[-2000:]}"
    counts = json.loads(lines[-1])
    assert sum(counts.values()) == NUMBER
    for sort, least in (("bytes", 100), ("one", 1000), ("several", 500), ("edits", 500), ("resets", 50)):
        assert counts[f"{sort} refused"] >= least, counts
        assert counts[f"{sort} accepted"] >= least, counts


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(int(arguments[0]), int(arguments[1]), *arguments[2:])
