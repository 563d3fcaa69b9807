"""Why episodes of Procgen end: causes proven by replay, and terminal frames, which the library never shows."""

from typing import NamedTuple

import numpy as np
import pytest
import xarray as xr
from test_environments import needs_procgen
from test_reentry import recorded, rightwards, toy, without_states

import rlvision_widgets as rlv
from rlvision_widgets.analysis.endings import explain
from rlvision_widgets.analysis.moments import episodes
from rlvision_widgets.analysis.progress import Cancelled
from rlvision_widgets.environments import make_environment, mazes
from rlvision_widgets.environments.applying import apply_edits
from rlvision_widgets.environments.catalogue import class_of_cell, class_of_entity, classes_of
from rlvision_widgets.environments.endings import Ending, explain_end
from rlvision_widgets.environments.games import GAMES, SPACE
from rlvision_widgets.environments.states import parse_state, serialise_state

OTHERS = [game for game in GAMES if game not in ("coinrun", "maze")]
NOOP, RIGHT, UP = 4, 7, 8


class End(NamedTuple):
    """One end of an episode, as the world that plays it tells it."""

    state: bytes
    action: int
    shown: np.ndarray  # the last frame that was shown
    next: np.ndarray  # the first frame of the next level
    reward: float
    completed: bool


def ends_of(environment, choose, count, num_steps):
    """Play until so many episodes have ended, or so many steps are taken."""
    found, observed = [], environment.observe()
    for _ in range(num_steps):
        states = [environment.get_state(index) for index in range(environment.num_trajectories)]
        actions, before = choose(), observed.observation
        observed = environment.step(actions)
        for i in np.flatnonzero(observed.first | (observed.level_seed != observed.previous_level_seed)):
            frames = before[i], observed.observation[i]
            outcome = float(observed.reward[i]), bool(observed.previous_level_complete[i])
            found.append(End(states[i], int(actions[i]), *frames, *outcome))
        if len(found) >= count:
            return found[:count]
    return found


def runner(seed, num):
    """Nine times of ten to the right, with four jumps in ten; anything else at random."""
    rng = np.random.default_rng(seed)
    return lambda: np.where(rng.random(num) < 0.9, rng.choice([RIGHT, UP], num, p=[0.6, 0.4]), rng.integers(0, 15, num))


def wanderer(seed, num):
    """Keeps an action for some steps, then takes another."""
    rng = np.random.default_rng(seed)
    actions = rng.integers(0, 15, num)

    def choose():
        actions[:] = np.where(rng.random(num) < 0.3, rng.integers(0, 15, num), actions)
        return actions.copy()

    return choose


def spare(game, mode, **options):
    return make_environment(game, num_trajectories=1, seed=9, distribution_mode=mode, **options)


def put(environment, state):
    environment.set_state(0, serialise_state(state))
    return environment


def ends_the_episode(environment, state, action):
    return bool(put(environment, state).step([action]).first[0])


class Run(NamedTuple):
    """Ends of episodes, and what was found out about each."""

    world: object
    ends: list[End]
    endings: list[Ending]


def run(game, mode, choose, count, num_steps, *, num=16, **options):
    with make_environment(game, num_trajectories=num, seed=2, distribution_mode=mode, **options) as environment:
        ends = ends_of(environment, choose(7, num), count, num_steps)
    world = spare(game, mode, **options)
    return Run(world, ends, [explain_end(world, end.state, end.action) for end in ends])


@pytest.fixture(scope="module", params=[pytest.param(mode, marks=needs_procgen) for mode in ("hard", "easy")])
def coinrun(request):
    found = run("coinrun", request.param, runner, 250, 4000)
    yield found
    found.world.close()


def nearest(end):
    """Guess what the agent touches next from one state alone: everything goes on at its velocity for a step."""
    state = parse_state(end.state)
    entities, agent = state.entities, state.entities[state.entities["type"] == 0][-1]
    hazards = entities[np.isin(entities["type"], (2, 5))]
    x, y = agent["x"] + agent["vx"], agent["y"] + agent["vy"]
    gaps = {}
    for hazard in hazards:
        away = abs(hazard["x"] + hazard["vx"] - x), abs(hazard["y"] + hazard["vy"] - y)
        touch = hazard["rx"] + agent["rx"], hazard["ry"] + agent["ry"]
        name = class_of_entity("coinrun", int(hazard["type"]), int(hazard["image_type"]))
        gaps[name] = min(gaps.get(name, np.inf), max(np.subtract(away, touch)) + hazard["collision_margin"])
    for row, column in np.argwhere(np.isin(state.grid, (1, 17, 18))):
        away = abs(column + 0.5 - x), abs(row + 0.5 - y)
        name = class_of_cell("coinrun", int(state.grid[row, column]))
        gaps[name] = min(gaps.get(name, np.inf), max(away[0] - 0.5 - agent["rx"], away[1] - 0.5 - agent["ry"]))
    if state.values["cur_time"] + 1 >= state.values["timeout"]:
        return "timeout"
    return min(gaps, key=gaps.get)


@pytest.mark.slow
def test_every_end_of_250_coinrun_episodes_has_a_cause_that_replay_proves(coinrun):
    assert len(coinrun.endings) == 250
    for end, ending in zip(coinrun.ends, coinrun.endings, strict=True):
        assert "unexplained" not in ending.causes
        assert ending.sufficient
        assert ending.necessary
        assert ending.objects or ending.causes == ("timeout",)
        assert ("coin" in ending.causes) == (end.reward == 10) == end.completed
        assert (ending.reward, ending.completed) == (end.reward, end.completed)
        assert len(set(ending.causes)) == len(ending.causes)
    causes = {cause for ending in coinrun.endings for cause in ending.causes}
    assert causes >= {"coin", "saw", "enemy moving left", "lava"}


@pytest.mark.slow
def test_a_guess_from_velocities_alone_names_one_of_the_causes(coinrun):
    agrees = [
        any(cause.startswith(nearest(end)) for cause in ending.causes)
        for end, ending in zip(coinrun.ends, coinrun.endings, strict=True)
    ]
    assert np.mean(agrees) > 0.98  # a wall may stop what a velocity promises


@pytest.mark.slow
def test_the_terminal_state_shows_a_frame_that_was_never_shown_and_what_was_earned(coinrun):
    for end, ending in list(zip(coinrun.ends, coinrun.endings, strict=True))[:100]:
        before, state = parse_state(end.state), parse_state(ending.state)
        assert state.values["cur_time"] == before.values["cur_time"] + 1
        assert state.values["timeout"] == before.values["timeout"]
        hazards = [one.entities[np.isin(one.entities["type"], (2, 5))] for one in (before, state)]
        np.testing.assert_array_equal(hazards[0]["collision_margin"], hazards[1]["collision_margin"])
        np.testing.assert_array_equal(before.grid, state.grid)
        shown = put(coinrun.world, state).observe()
        np.testing.assert_array_equal(shown.observation[0], ending.observation)
        assert (shown.reward[0], shown.previous_level_complete[0], shown.first[0]) == (end.reward, end.completed, False)
        assert not np.array_equal(ending.observation, end.shown)
        assert not np.array_equal(ending.observation, end.next)


@pytest.mark.slow
def test_the_named_objects_alone_do_it_and_nothing_else_does(coinrun):
    """The proof again, from the keys, with another way of disarming: what does not count is taken out of the world."""
    for end, ending in list(zip(coinrun.ends, coinrun.endings, strict=True))[:60]:
        state = parse_state(end.state)
        guilty = [int(key.removeprefix("entity ")) for key in ending.objects if key.startswith("entity")]
        cells = [key.removeprefix("cell ").split(",") for key in ending.objects if key.startswith("cell")]
        deadly, cell_deadly = np.isin(state.entities["type"], (2, 5)), np.isin(state.grid, (1, 17, 18))
        mine, my_cells = np.isin(np.arange(len(state.entities)), guilty), np.zeros_like(cell_deadly)
        for column, row in cells:
            my_cells[int(row), int(column)] = True
        assert deadly[mine].all()
        assert cell_deadly[my_cells].all()
        for away, away_cells, expected in (
            (mine, my_cells, False),
            (deadly & ~mine, cell_deadly & ~my_cells, True),
        ):
            left = state.replace(entities=state.entities[~away], grid=np.where(away_cells, SPACE, state.grid))
            assert ends_the_episode(coinrun.world, left, end.action) == expected


@needs_procgen
def test_the_world_is_left_in_the_terminal_state():
    with make_environment("coinrun", num_trajectories=8, seed=1) as environment:
        end = ends_of(environment, runner(0, 8), 1, 400)[0]
    with spare("coinrun", "hard") as world:
        ending = explain_end(world, end.state, end.action)
        np.testing.assert_array_equal(world.observe().observation[0], ending.observation)
        small = world.render(0).reshape(64, 8, 64, 8, 3).mean(axis=(1, 3))
        assert np.abs(small - ending.observation).mean() < 12, "the large frame is of the same moment"
        unchecked = explain_end(world, end.state, end.action, check=False)
        assert unchecked.causes == ending.causes
        assert unchecked.sufficient is unchecked.necessary is None
        assert unchecked.state == ending.state


@needs_procgen
def test_several_things_at_once_are_all_named():
    with spare("coinrun", "hard") as world:
        state = parse_state(world.get_state(0))
        agent = state.entities[state.entities["type"] == 0][-1]
        hazards = np.repeat(agent[np.newaxis], 3)
        hazards["type"], hazards["image_type"], hazards["image_theme"] = [2, 5, 5], [2, 6, 6], 0
        hazards["vx"], hazards["rx"], hazards["ry"], hazards["smart_step"] = [0, 0.1, 0], 0.5, 0.5, [0, 0, 0]
        number = len(state.entities)
        crowded = state.replace(
            entities=np.concatenate([state.entities, hazards]), cur_time=state.values["timeout"] - 1
        )
        ending = explain_end(world, serialise_state(crowded), NOOP)
    assert ending.cause == "saw and enemy and enemy moving right and timeout"
    assert ending.objects == tuple(f"entity {number + i}" for i in range(3))
    assert ending.sufficient
    assert ending.necessary


@needs_procgen
def test_a_saw_that_is_hidden_is_named_and_one_that_is_a_ghost_is_not():
    with make_environment("coinrun", num_trajectories=8, seed=1, distribution_mode="hard") as environment:
        ends = ends_of(environment, runner(0, 8), 40, 400)
    checked = 0
    with spare("coinrun", "hard") as world:
        for end in ends:
            if explain_end(world, end.state, end.action).causes != ("saw",):
                continue
            checked += 1
            state = parse_state(end.state)
            hidden = serialise_state(apply_edits(state, [rlv.Hide("saw")]))
            assert explain_end(world, hidden, end.action).causes == ("saw",)
            ghost = apply_edits(state, [rlv.Ghost("saw")])
            assert not ends_the_episode(world, ghost, end.action)
    assert checked > 3


@needs_procgen
@pytest.mark.parametrize(("game", "mode"), [("coinrun", "easy"), ("maze", "hard"), ("caveflyer", "easy")])
def test_one_who_does_nothing_meets_the_timeout(game, mode):
    found = run(game, mode, lambda _seed, num: lambda: np.full(num, NOOP), 2, 1001, num=2)
    assert len(found.endings) == 2
    with found.world:
        for ending in found.endings:
            assert ending.causes == ("timeout",)
            assert ending.objects == ()
            assert ending.sufficient
            assert ending.necessary
            state = parse_state(ending.state).values
            assert state["cur_time"] == state["timeout"]


@needs_procgen
@pytest.mark.parametrize("mode", ["easy", "hard", "memory"])
def test_the_mouse_that_finds_the_cheese_has_eaten_it_in_the_terminal_frame(mode):
    for level in range(5):
        with spare("maze", mode, start_level=level, num_levels=1) as world:
            state = parse_state(world.get_state(0))
            cheese = np.argwhere(state.grid == 2)[0]
            for action in mazes.solve(state):
                before, shown = world.get_state(0), world.observe().observation[0]
                world.step([action])
            ending = explain_end(world, before, action)
            assert (ending.causes, ending.reward, ending.completed) == (("cheese",), 10.0, True)
            assert ending.objects == (f"cell {cheese[1]},{cheese[0]}",)
            assert ending.sufficient
            assert ending.necessary
            terminal = parse_state(ending.state)
            agent = terminal.entities[terminal.entities["type"] == 0][-1]
            assert (int(agent["y"]), int(agent["x"])) == tuple(cheese)
            assert not (terminal.grid == 2).any()
            assert not np.array_equal(ending.observation, shown)


@needs_procgen
def test_an_end_with_sequential_levels_needs_no_first_frame():
    found = run("coinrun", "easy", runner, 20, 400, use_sequential_levels=True)
    with found.world:
        won = [ending for end, ending in zip(found.ends, found.endings, strict=True) if end.completed]
        assert won
        assert all(ending.causes == ("coin",) and ending.completed for ending in won)


@needs_procgen
@pytest.mark.slow
@pytest.mark.parametrize("game", OTHERS)
def test_any_game_names_the_kind_of_thing_without_which_nothing_ends(game):
    found = run(game, "easy", wanderer, 8, 250, num=8)
    names = {name.replace("_", " ") for name in classes_of(game)} | {"timeout", "rule"}
    for end, ending in zip(found.ends, found.endings, strict=True):
        assert ending.causes
        assert set(ending.causes) <= names
        if ending.state is not None:
            shown = put(found.world, parse_state(ending.state)).observe()
            assert (shown.reward[0], shown.previous_level_complete[0]) == (end.reward, end.completed)
            assert not np.array_equal(ending.observation, end.next)
        if ending.objects:
            assert ending.sufficient
            assert ending.necessary
            check_kinds(found.world, end, ending)
    found.world.close()


def check_kinds(world, end, ending):
    """Arm the named classes alone, then all others alone, whatever objects were found guilty."""
    state = parse_state(end.state).replace(timeout=2**30)
    kinds = state.entities["type"]
    looks = zip(kinds.tolist(), state.entities["image_type"].tolist(), strict=True)
    classes = np.array([class_of_entity(state.game, *look).replace("_", " ") for look in looks])
    named = np.isin(classes, ending.causes) & (kinds != 0)
    if not named.any():
        return  # cells did it
    for disarmed, expected in ((named, False), (~named & (kinds != 0), True)):
        entities = state.entities.copy()
        entities["collision_margin"][disarmed] = -1000
        assert ends_the_episode(world, state.replace(entities=entities), end.action) == expected


@needs_procgen
def test_where_no_thing_did_it_nothing_is_claimed():
    with spare("coinrun", "hard") as world:
        state = parse_state(world.get_state(0))
        entities = state.entities.copy()
        entities["y"][entities["type"] == 0] = -5  # below the world, which ends an episode whatever is there
        ending = explain_end(world, serialise_state(state.replace(entities=entities)), NOOP)
    assert ending.causes == ("unexplained",)
    assert ending.objects == ()
    assert (ending.sufficient, ending.necessary, ending.state, ending.observation) == (None, None, None, None)


@needs_procgen
def test_what_cannot_be_explained_is_refused_before_it_is_tried():
    with spare("coinrun", "easy") as world, make_environment("coinrun", num_trajectories=2) as two:
        state = world.get_state(0)
        with pytest.raises(ValueError, match=r"action 4 ends no episode.*last action"):
            explain_end(world, state, NOOP)
        with pytest.raises(ValueError, match="one spare world of Procgen, and 2 of 'coinrun' came"):
            explain_end(two, state, NOOP)
        with pytest.raises(ValueError, match="from 0 to 14"):
            explain_end(world, state, 15)
        with pytest.raises(ValueError, match="cut short"):
            explain_end(world, state[:-9], NOOP)
        with (
            make_environment("maze", num_trajectories=1) as maze,
            pytest.raises(ValueError, match="a state of coinrun"),
        ):
            explain_end(maze, state, NOOP)


@pytest.fixture(scope="module")
def study():
    with make_environment("coinrun", num_trajectories=3, seed=5, distribution_mode="easy") as environment:
        return recorded(environment, 200, every=64, agent=rightwards)[0]


@needs_procgen
def test_a_study_gets_a_row_for_every_episode_that_ended(study):
    table = rlv.endings(study, progress=False)
    assert "endings" not in study.children, "asking adds nothing"
    ended = episodes(study)[lambda rows: rows["outcome"] != "unfinished"]
    assert len(table) == len(ended) > 5
    for name, theirs in (
        ("trajectory", ended["trajectory"]),
        ("step", ended["stop"] - 1),
        ("episode", ended["episode"]),
    ):
        assert table[name].tolist() == theirs.tolist()
    assert table["level_seed"].tolist() == ended["level_seed"].tolist()
    assert (table["completed"].to_numpy() == (ended["outcome"] == "completed").to_numpy()).all()
    assert ((table["cause"] == "coin") == (table["reward"] == 10)).all()
    assert table[["sufficient", "necessary"]].to_numpy().all()


@needs_procgen
def test_causes_are_kept_with_the_study_and_named_with_its_episodes(study, tmp_path):
    copy = study.copy()
    assert set(episodes(copy)["cause"]) == {""}
    node = rlv.add_endings(copy, progress=False)
    assert node.dataset["has_frame"].values.all()
    rlv.save_study(copy, tmp_path / "study.zarr")
    opened = rlv.open_study(tmp_path / "study.zarr")
    assert rlv.endings(opened).to_dict() == rlv.endings(copy).to_dict()
    np.testing.assert_array_equal(opened["endings/frame"].values, node.dataset["frame"].values)
    known = {(row.trajectory, row.step): row.cause for row in rlv.endings(opened).itertuples()}
    for row in episodes(opened).itertuples():
        assert row.cause == known.get((row.trajectory, row.stop - 1), "")
        assert (row.cause == "") == (row.outcome == "unfinished")


@needs_procgen
def test_a_rollout_without_states_has_the_same_causes_by_its_level_seeds(study):
    columns = ["cause", "objects"]
    with_states, by_seeds = (rlv.endings(one, progress=False)[columns] for one in (study, without_states(study)))
    assert by_seeds.to_dict() == with_states.to_dict()


@needs_procgen
def test_a_study_in_which_nothing_ended_says_so(study, tmp_path):
    short = xr.DataTree(study.to_dataset().isel(step=slice(0, 8)))
    rlv.add_endings(short, progress=False)
    rlv.save_study(short, tmp_path / "study.zarr")
    table = rlv.endings(rlv.open_study(tmp_path / "study.zarr"))
    assert len(table) == 0
    assert "cause" in table


@needs_procgen
def test_an_end_whose_last_frame_is_not_known_is_kept_too(study, monkeypatch):
    rule = Ending(("rule",), (), 0.0, False, None, None, None, None)
    monkeypatch.setattr("rlvision_widgets.analysis.endings.explain_end", lambda *_: rule)
    data = explain(study)
    assert not data["has_frame"].any()
    assert not data["frame"].any()
    assert not data["sufficient"].any()
    assert set(data["cause"].values) == {"rule"}


@needs_procgen
def test_what_is_cancelled_leaves_the_study_as_it_was(study):
    copy = study.copy()
    with pytest.raises(Cancelled):
        explain(copy, cancelled=lambda: True)
    assert "endings" not in copy.children


def test_a_world_that_is_not_procgen_s_has_no_causes_and_says_why():
    study, _ = toy()
    with pytest.raises(ValueError, match=r"played in 'toy'.*Procgen's games alone"):
        rlv.add_endings(study, progress=False)
    assert set(episodes(study)["cause"]) == {""}
