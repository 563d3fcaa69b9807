import struct

import numpy as np
import pytest
from test_environments import GAME_MODES, needs_procgen, random_actions, run_python

from rlvision_widgets.environments import make_environment
from rlvision_widgets.environments.games import GAMES
from rlvision_widgets.environments.layout import ENTITY
from rlvision_widgets.environments.states import parse_state, serialise_state, with_level
from rlvision_widgets.environments.validation import check_state

pytestmark = needs_procgen


def played_states(game, mode, *, num_trajectories=2, every=8, num_steps=40):
    """Return states along some random steps, and the environment's options."""
    states = []
    with make_environment(game, num_trajectories=num_trajectories, distribution_mode=mode, seed=6) as environment:
        for step, actions in enumerate(random_actions(9, num_steps, num_trajectories)):
            environment.step(actions)
            if step % every == 0:
                states += [environment.get_state(index) for index in range(num_trajectories)]
        return states, environment.options


@pytest.fixture(scope="module")
def coinrun_state():
    return played_states("coinrun", "hard")[0][-1]


@pytest.mark.parametrize(("game", "mode"), GAME_MODES)
def test_a_parsed_state_serialises_to_the_same_bytes_and_is_accepted(game, mode):
    """More than five thousand states in all, along some episodes of every game in every mode."""
    states, options = played_states(game, mode, num_trajectories=3, every=2, num_steps=92)
    assert len(states) * len(GAME_MODES) > 5000
    for data in states:
        state = parse_state(data)
        assert serialise_state(state) == data
        check_state(state, game, options)
        assert state.grid.shape == GAMES[game].size(mode)[::-1]
        assert (state.entities["type"] == 0).any()


def test_the_fields_are_what_they_are_called():
    with make_environment(
        "coinrun", num_trajectories=1, distribution_mode="easy", seed=1, start_level=5, num_levels=9
    ) as environment:
        for _ in range(3):
            environment.step([7])
        state = parse_state(environment.get_state(0))
        level = environment.observe().level_seed[0]
    assert state.game == "coinrun"
    assert (state.values["level_seed_low"], state.values["level_seed_high"]) == (5, 14)
    assert state.values["current_level_seed"] == level
    assert (state.values["cur_time"], state.values["action"], state.values["timeout"]) == (3, 7, 1000)
    assert state.values["gravity"] == np.float32(0.2)
    agent = state.entities[state.entities["type"] == 0][-1]
    assert (agent["rx"], agent["ry"], agent["smart_step"]) == (0.5, np.float32(0.5787), 1)
    assert 1.5 < agent["x"] < 3
    assert (state.grid == 1).sum() == 1  # the coin
    assert set(state.grid[0]) <= {15, 16, 17, 18, 100}  # the floor is row 0
    assert ENTITY.itemsize == 124


def test_a_change_is_in_the_next_state_and_the_original_bytes_undo_it(coinrun_state):
    with make_environment("coinrun", num_trajectories=2, distribution_mode="hard", seed=0) as environment:
        environment.set_state(0, coinrun_state)
        before = environment.observe()
        state = parse_state(coinrun_state)
        grid, entities = state.grid.copy(), state.entities.copy()
        row, column = np.argwhere(grid == 1)[0]
        grid[row, column] = 100
        grid[3, 3] = 1
        agent = np.flatnonzero(entities["type"] == 0)[-1]
        entities["x"][agent] += 1
        environment.set_state(0, serialise_state(state.replace(grid=grid, entities=entities, timeout=77)))
        after = environment.observe()
        changed = parse_state(environment.get_state(0))
        np.testing.assert_array_equal(changed.grid, grid)
        np.testing.assert_array_equal(changed.entities, entities)
        assert changed.values["timeout"] == 77
        assert not np.array_equal(after.observation[0], before.observation[0])
        np.testing.assert_array_equal(after.observation[1], before.observation[1])
        assert (after.reward[0], after.first[0]) == (before.reward[0], before.first[0])
        environment.set_state(0, np.frombuffer(coinrun_state, np.uint8))  # as a study keeps it
        np.testing.assert_array_equal(environment.observe().observation, before.observation)
        assert environment.get_state(0) == coinrun_state


def test_a_removed_saw_no_longer_ends_the_episode():
    def outcome(environment, state):
        environment.set_state(0, state)
        for step in range(200):
            observed = environment.step([7 if step % 3 else 8])
            if observed.first[0]:
                return step
        return None

    with make_environment("coinrun", num_trajectories=1, distribution_mode="hard", seed=0) as environment:
        shorter = 0
        for level in range(40):
            environment.load_level(0, level)
            state = parse_state(environment.get_state(0))
            harmless = state.replace(entities=state.entities[~np.isin(state.entities["type"], (2, 5))])
            if (with_saws := outcome(environment, serialise_state(state))) is not None:
                without = outcome(environment, serialise_state(harmless))
                assert without is None or without >= with_saws
                shorter += without is None or without > with_saws
    assert shorter >= 3


def test_a_crowd_whose_trails_make_the_state_large_is_saved_too(coinrun_state):
    state = parse_state(coinrun_state)
    crowd = np.repeat(state.entities[-1:], 900)
    crowd["type"], crowd["image_type"], crowd["image_theme"], crowd["smart_step"] = 5, 6, 0, 0
    crowd["x"], crowd["y"], crowd["vx"], crowd["vy"] = np.linspace(20, 60, 900), 50, 0, 0
    crowd["rx"] = crowd["ry"] = 0.5
    with make_environment("coinrun", num_trajectories=1, distribution_mode="hard") as environment:
        environment.set_state(0, serialise_state(state.replace(entities=np.concatenate([crowd, state.entities]))))
        for _ in range(12):
            environment.step([4])
        assert len(environment.get_state(0)) > 2**20


def test_with_level_leaves_the_range_of_levels_alone(coinrun_state):
    state = parse_state(coinrun_state)
    changed = with_level(state, 42)
    assert changed.values["current_level_seed"] == 42
    for name in ("level_seed_low", "level_seed_high"):
        assert changed.values[name] == state.values[name]
    assert dict(changed.generators) == dict(state.generators)
    assert state.values["current_level_seed"] != 42


def test_bytes_that_are_no_state_are_refused(coinrun_state):
    head = 8 + len("coinrun") + 9 * 4
    forked = coinrun_state[:head] + struct.pack("<i", 0) + coinrun_state[head:]  # some forks add fields there
    for data in (b"", b"\0" * 4, coinrun_state + b"\0", coinrun_state[4:], forked, b"\1" + coinrun_state[1:]):
        with pytest.raises(ValueError, match="state"):
            parse_state(data)
    for size in np.linspace(0, len(coinrun_state) - 1, 97).astype(int):
        with pytest.raises(ValueError, match="state"):
            parse_state(coinrun_state[:size])
    with pytest.raises(ValueError, match="'coinrun'"):
        parse_state(coinrun_state.replace(b"coinrun", b"coinrum", 1))


def test_values_that_do_not_fit_their_field_are_named(coinrun_state):
    state = parse_state(coinrun_state)
    for change, words in [
        ({"timeout": 2**40}, "timeout must be an int32"),
        ({"timeout": 1.5}, "timeout must be an int32"),
        ({"gravity": 1e60}, "gravity must be a float32"),
        ({"grid": state.grid.astype(float)}, "grid"),
        ({"grid": state.grid.ravel()}, "2 axes"),
        ({"entities": np.zeros(3)}, "entities"),
    ]:
        with pytest.raises(ValueError, match=words):
            serialise_state(state.replace(**change))
    with pytest.raises(ValueError, match="'timeout'"):
        state.replace(timout=3)


CASES = """
import numpy as np
from rlvision_widgets.environments import make_environment
from rlvision_widgets.environments.states import parse_state, serialise_state, with_level

def entity(state, **changes):
    entities = state.entities.copy()
    for name, value in changes.items():
        entities[name][0] = value
    return state.replace(entities=entities)

def added(state, **changes):
    entities = np.concatenate([state.entities[:1], state.entities])
    for name, value in changes.items():
        entities[name][0] = value
    return state.replace(entities=entities)

def cell(state, value):
    grid = state.grid.copy()
    grid[1, 1] = value
    return state.replace(grid=grid)

def array(state, name, value, index=0):
    changed = state.arrays[name].copy()
    changed[index] = value
    return state.replace(**{name: changed})

def agent(state, **changes):
    entities = state.entities.copy()
    for name, value in changes.items():
        entities[name][entities["type"] == 0] = value
    return state.replace(entities=entities)

def crowd(state, kind, number):
    entities = np.repeat(state.entities[:1], number)
    entities["type"], entities["image_type"], entities["image_theme"] = kind, 100, 0
    return state.replace(entities=np.concatenate([entities, state.entities]))

def without(state, kind):
    return state.replace(entities=state.entities[state.entities["type"] != kind])

def generator(state, name, change):
    return state.replace(**{name: change(state.generators[name])})

def dead_end(state):
    grid, is_space = state.grid.copy(), state.arrays["is_space_vec"].copy()
    y, x = np.argwhere(grid != 5)[0]
    grid[y, x + 1] = 5
    is_space[y * grid.shape[1] + x + 1] = 0
    cells = state.arrays["free_cells"]
    return state.replace(grid=grid, is_space_vec=is_space, free_cells=cells[cells != y * grid.shape[1] + x + 1])

ANY_GAME = {
    "use_generated_assets": lambda s: s.replace(use_generated_assets=1),
    "use_procgen_background": lambda s: s.replace(use_procgen_background=1),
    "is_waiting_for_step": lambda s: s.replace(is_waiting_for_step=1),
    "another mode": lambda s: s.replace(distribution_mode=1),
    "no mode": lambda s: s.replace(distribution_mode=77),
    "restrict_themes": lambda s: s.replace(restrict_themes=1),
    "no level seeds": lambda s: s.replace(level_seed_high=s.values["level_seed_low"]),
    "no agent": lambda s: without(s, 0),
    "agent that goes": lambda s: agent(s, will_erase=1),
    "agent that expires": lambda s: agent(s, expire_time=3),
    "crowd of walls, whose pushing never ends": lambda s: crowd(s, 51, 40),
    "theme too high": lambda s: entity(s, image_theme=1, image_type=54),
    "theme 10": lambda s: entity(s, image_theme=10),
    "theme below 0": lambda s: entity(s, image_theme=-1),
    "theme of an undrawn image": lambda s: added(s, type=98, image_type=97, image_theme=10),
    "image 150": lambda s: entity(s, image_type=150),
    "image -150": lambda s: entity(s, image_type=-150),
    "image of an explosion": lambda s: added(s, type=54, image_type=3),
    "background too high": lambda s: s.replace(background_index=62),
    "background below 0": lambda s: s.replace(background_index=-1),
    "cell 150": lambda s: cell(s, 150),
    "cell -150": lambda s: cell(s, -150),
    "cell at the end of int32": lambda s: cell(s, -2**31),
    "monochrome cell": lambda s: cell(s.replace(use_monochrome_assets=1), 70),
    "monochrome entity": lambda s: added(s.replace(use_monochrome_assets=1), type=98, image_type=70),
    "smaller grid": lambda s: s.replace(grid=s.grid[:-1]),
    "grid_size": lambda s: s.replace(grid_size=s.values["grid_size"] + 1),
    "no world": lambda s: s.replace(main_width=0),
    "outside": lambda s: s.replace(out_of_bounds_object=9),
    "visibility 0": lambda s: s.replace(visibility=0.0),
    "visibility without end": lambda s: s.replace(visibility=float("inf")),
    "huge visibility": lambda s: s.replace(visibility=1e9),
    "agent nowhere": lambda s: entity(s, x=np.nan),
    "agent infinitely far": lambda s: entity(s, y=np.inf),
    "infinite speed": lambda s: entity(s, vx=np.inf),
    "endless sub-steps": lambda s: entity(s, vx=1e9),
    "growing speed": lambda s: entity(s, friction=2),
    "endless size": lambda s: entity(s, rx=1e9),
    "growing size": lambda s: entity(s, grow_rate=1.5),
    "no opacity": lambda s: entity(s, alpha=np.nan),
    "too many entities": lambda s: s.replace(entities=np.repeat(s.entities[:1], 2000)),
    "generator without seed": lambda s: generator(s, "rand_gen", lambda g: bytes(4) + g[4:]),
    "generator position": lambda s: generator(s, "rand_gen", lambda g: g[:-3] + b"999"),
    "generator text": lambda s: generator(s, "level_seed_rand_gen", lambda g: g.replace(b" ", b"x")),
    "generator length": lambda s: generator(s, "asset_rand_gen", lambda g: g + b"1"),
    "default action": lambda s: s.replace(default_action=-3),
    "time below 0": lambda s: s.replace(cur_time=-1),
    "reward of nothing": lambda s: s.replace(maxspeed=float("nan")),
}
ONE_GAME = {
    "coinrun": {
        "wall_theme": lambda s: s.replace(wall_theme=77),
        "wall_theme below 0": lambda s: s.replace(wall_theme=-1),
        "theme that an enemy gets at its next step": lambda s: added(s, type=5, image_type=20, image_theme=9),
        "theme that a saw gets at its next step": lambda s: added(s, type=2, image_type=0, image_theme=3),
    },
    "climber": {"wall_theme": lambda s: s.replace(wall_theme=4)},
    "jumper": {"no goal": lambda s: without(s, 1), "wall_theme": lambda s: s.replace(wall_theme=4)},
    "ninja": {"wall_theme": lambda s: s.replace(wall_theme=3)},
    "leaper": {"theme of the jump": lambda s: entity(s, image_type=5)},  # the agent
    "bossfight": {
        "no boss": lambda s: without(s, 2),
        "no shields": lambda s: without(s, 3),
        "no rounds": lambda s: s.replace(round_health=0),
        "no attacks": lambda s: s.replace(attack_modes=np.zeros(0, np.int32)),
        "laser": lambda s: s.replace(player_laser_theme=3),
        "boss without time": lambda s: s.replace(boss_vel_timeout=0),
    },
    "chaser": {
        "cell 1001": lambda s: cell(s, 1001),
        "free cell outside": lambda s: array(s, "free_cells", 10**6),
        "no free cells": lambda s: s.replace(free_cells=np.zeros(0, np.int32)),
        "space without maze": lambda s: s.replace(is_space_vec=s.arrays["is_space_vec"][:5]),
        "dead end": dead_end,
        "enemy in a wall": lambda s: added(s, type=6, image_type=6, x=-3.5, y=.5, vx=0, vy=0, rx=.5, ry=.5),
    },
    "heist": {
        "crowd of doors": lambda s: crowd(s, 1, 40),
        "door without a key": lambda s: added(s, type=1, image_type=1, image_theme=len(s.arrays["has_keys"])),
        "keys": lambda s: s.replace(has_keys=np.zeros(10, np.int32)),
    },
    "plunder": {
        "ship types": lambda s: s.replace(num_current_ship_types=0),
        "lanes": lambda s: s.replace(num_lanes=6),
        "no lanes": lambda s: s.replace(num_lanes=0),
        "permutation": lambda s: array(s, "image_permutation", 6),
        "targets": lambda s: s.replace(target_bools=np.zeros(1, np.int32)),
        "ship": lambda s: added(s, type=7, image_type=2, image_theme=7),
        "quota": lambda s: s.replace(target_quota=0),
    },
    "starpilot": {
        "type that fires": lambda s: added(s, type=10**6, image_type=1, image_theme=0, fire_time=5),
        "theme of what is to come": lambda s: array(s, "spawners", 99),
    },
    "dodgeball": {"thin wall": lambda s: added(s, type=1, image_type=1, rx=50, ry=1e-6, image_theme=0)},
}
"""


def test_states_that_would_end_the_process_are_refused_before_they_reach_it():
    code = (
        CASES
        + f"""
for game in {list(GAMES)!r}:
    environment = make_environment(game, num_trajectories=1, distribution_mode="easy", seed=3)
    for _ in range(25):
        environment.step([7])
    good = environment.get_state(0)
    for what, change in {{**ANY_GAME, **ONE_GAME.get(game, {{}})}}.items():
        print("trying", game, what, flush=True)
        try:
            environment.set_state(0, serialise_state(change(parse_state(good))))
        except ValueError as error:
            assert "state cannot be set: " in str(error) or "of this state" in str(error), (what, error)
        else:
            raise SystemExit(f"{{game}}: {{what}} was accepted")
    for what, data in {{"cut": good[:-4], "longer": good + good, "empty": b"", "text": b"coinrun"}}.items():
        print("trying", game, what, flush=True)
        try:
            environment.set_state(0, data)
        except ValueError as error:
            assert "state" in str(error)
        else:
            raise SystemExit(f"{{game}}: {{what}} was accepted")
    assert environment.get_state(0) == good
    environment.step([7])
    environment.close()
print("alive")
"""
    )
    assert run_python(code).endswith("alive\n")


def test_a_world_whose_agent_has_gone_steps_on_and_has_no_large_frame():
    code = """
import numpy as np
from rlvision_widgets.environments import make_environment
from rlvision_widgets.environments.states import parse_state, serialise_state
environment = make_environment("maze", num_trajectories=1)
state = parse_state(environment.get_state(0))
entities = state.entities.copy()
entities["x"][entities["type"] == 0] = -500
environment.set_state(0, serialise_state(state.replace(entities=entities)))
for _ in range(5):
    environment.step([4])
gone = environment.get_state(0)
print((parse_state(gone).entities["type"] == 0).any())
for use in (lambda: environment.render(0), lambda: environment.set_state(0, gone)):
    try:
        use()
    except ValueError as error:
        print(error)
"""
    lines = run_python(code).splitlines()
    assert lines[0] == "False"
    assert "has lost its entities of type [0]" in lines[1]
    assert "no entity of type 0 (the agent)" in lines[2]


def test_a_state_of_another_game_or_mode_is_refused(coinrun_state):
    for game, state, error, words in [
        ("maze", coinrun_state, ValueError, "a state of coinrun, and the environment plays maze"),
        ("coinrun", coinrun_state, ValueError, "distribution_mode is 'hard' and the environment's 'easy'"),
        ("coinrun", "state", TypeError, "bytes-like"),
    ]:
        with (
            make_environment(game, num_trajectories=1, distribution_mode="easy") as environment,
            pytest.raises(error, match=words),
        ):
            environment.set_state(0, state)


def test_the_library_itself_does_not_survive_such_states():
    code = (
        CASES
        + """
import os
environment = make_environment("coinrun", num_trajectories=1, distribution_mode="easy", seed=3)
good = environment.get_state(0)
for what in ("theme too high", "no level seeds", "cell 150", "no agent", "background too high", "nothing"):
    state = serialise_state(ANY_GAME.get(what, lambda s: s)(parse_state(good)))
    if (child := os.fork()) == 0:
        emulator = environment._main()
        emulator.set_state(0, state)
        emulator.action[:] = -1
        emulator.act()
        os._exit(0)
    print(what, "survived" if os.waitpid(child, 0)[1] == 0 else "died", flush=True)
"""
    )
    outcomes = run_python(code).splitlines()
    assert [line for line in outcomes if line.endswith("survived")] == ["nothing survived"]
    assert sum(line.endswith("died") for line in outcomes) == 5


def test_what_an_environment_wrote_is_not_checked_again_and_what_was_changed_is(monkeypatch):
    from rlvision_widgets.environments import procgen

    checked = []
    monkeypatch.setattr(procgen, "check_state", lambda state, *_: checked.append(state))
    with (
        make_environment("coinrun", num_trajectories=1, seed=3) as one,
        make_environment("coinrun", num_trajectories=1, seed=4) as other,
    ):
        one.step([7])
        taken = one.get_state(0)
        changed = serialise_state(parse_state(taken).replace(timeout=999))
        other.set_state(0, taken)
        assert checked == []
        assert (other.observe().observation == one.observe().observation).all()
        other.set_state(0, changed)
        assert [state.values["timeout"] for state in checked] == [999]
        one.set_state(0, changed)
        assert len(checked) == 1, "the same bytes once"
        one.set_state(0, one.get_state(0))
        assert len(checked) == 1, "which Procgen writes as they were"
        one.step([7])
        one.set_state(0, one.get_state(0))
        assert len(checked) == 2, "an edited game may come to what cannot be set"
        one.set_state(0, taken)
        one.step([7])
        one.set_state(0, one.get_state(0))
        assert len(checked) == 2


def test_only_so_many_states_are_remembered(monkeypatch):
    from rlvision_widgets.environments import procgen

    monkeypatch.setattr(procgen, "MOST_SOUND", 2)
    sound = procgen.Sound()
    for state in (b"a", b"b", b"c"):
        sound.add(state, unedited=state == b"b")
    assert [sound.find(state) for state in (b"a", b"b", b"c")] == [None, True, False]
