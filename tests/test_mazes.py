import numpy as np
import pytest
from test_environments import needs_procgen

import rlvision_widgets as rlv
from rlvision_widgets.environments.applying import apply_edits
from rlvision_widgets.environments.games import GAMES
from rlvision_widgets.environments.mazes import is_generated_like, maze_walls, solve
from rlvision_widgets.environments.states import parse_state, serialise_state

pytestmark = needs_procgen
MODES = GAMES["maze"].sizes


def mazes(mode, levels):
    """Yield an environment and the first state of each of some levels."""
    with rlv.make_environment("maze", num_trajectories=1, distribution_mode=mode) as environment:
        for level in levels:
            environment.load_level(0, level)
            yield environment, parse_state(environment.get_state(0))


def margin(state):
    return (state.values["world_dim"] - state.values["maze_dim"]) // 2


def some_wall(state, parity):
    """Return a wall between two cells of the lattice (parity (0, 1) or (1, 0)), in it, or a post (1, 1)."""
    start, size = margin(state), state.values["maze_dim"]
    inside = state.grid[start : start + size, start : start + size] == 51
    row, column = np.argwhere(inside & (np.indices(inside.shape) % 2 == np.reshape(parity, (2, 1, 1))).all(axis=0))[0]
    return int(column + start), int(row + start)


@pytest.mark.parametrize("mode", MODES)
def test_every_generated_maze_is_judged_to_be_one_and_its_way_ends_at_the_cheese(mode):
    for number, (environment, state) in enumerate(mazes(mode, range(310))):
        assert is_generated_like(state) == []
        way = solve(state)
        if number % 10 == 0:
            for place, action in enumerate(way):
                observed = environment.step([action])
                assert observed.first[0] == (place == len(way) - 1)
            assert observed.reward[0] == 10
            assert observed.previous_level_complete[0]


@pytest.mark.parametrize("mode", MODES)
def test_what_the_generator_could_not_have_made_is_said(mode):
    judged = 0
    for _, state in mazes(mode, range(40)):
        if state.values["maze_dim"] < 9:
            continue
        way = solve(state)
        start = margin(state)
        loop = apply_edits(state, rlv.Carve(some_wall(state, (0, 1))))
        assert is_generated_like(loop) == ["some of its ways are closed loops"]
        post = apply_edits(state, rlv.Carve(some_wall(state, (1, 1))))
        assert any("is always a wall" in reason for reason in is_generated_like(post))
        # the first link of the way, filled, cuts the maze in two
        dx, dy = {1: (-1, 0), 7: (1, 0), 3: (0, -1), 5: (0, 1)}[way[0]]
        link = start + dx, start + dy
        if state.grid[link[1], link[0]] == 100:
            cut = apply_edits(state, rlv.Fill(link))
            assert is_generated_like(cut) == ["the maze is in 2 parts without a way between them"]
            assert solve(cut) is None
            assert is_generated_like(apply_edits(cut, rlv.Carve(link))) == []
        if start > 0:
            outside = apply_edits(state, rlv.Carve((0, 0)))
            assert is_generated_like(outside) == ["the cell (0, 0), outside the maze, is no wall"]
        moved = apply_edits(state, rlv.Place("cheese"))
        assert is_generated_like(moved) == []
        cheese = tuple(np.argwhere(state.grid == 2)[0][::-1] + 0.5)
        assert is_generated_like(apply_edits(state, rlv.Remove("cheese"))) == ["there are 0 pieces of cheese"]
        other = np.argwhere(state.grid == 100)[-1][::-1] + 0.5
        assert is_generated_like(apply_edits(state, rlv.Add("cheese", other))) == ["there are 2 pieces of cheese"]
        away = is_generated_like(apply_edits(state, rlv.Teleport(other)))
        assert len(away) == 1
        assert "the agent starts in the cell" in away[0]
        assert is_generated_like(apply_edits(state, rlv.Teleport(cheese)))[-1] == "the cheese is where the agent is"
        judged += 1
    assert judged >= 10


def test_where_the_agent_is_counts_only_before_the_first_step():
    for environment, state in mazes("easy", range(5)):
        for action in (solve(state) or [])[:-1]:
            environment.step([action])
            assert is_generated_like(parse_state(environment.get_state(0))) == []


def test_damaged_mazes_are_judged_without_an_error():
    _, state = next(mazes("hard", [3]))
    assert "odd number" in is_generated_like(state.replace(maze_dim=4))[0]
    walled = np.full_like(state.grid, 51)
    reasons = is_generated_like(state.replace(grid=walled))
    assert "the agent is in a wall" in reasons
    assert "there are 0 pieces of cheese" in reasons
    assert solve(state.replace(grid=walled)) is None
    entities = state.entities.copy()
    entities["x"] = -500
    assert "the agent is in a wall" in is_generated_like(state.replace(entities=entities))
    assert solve(state.replace(entities=entities)) is None


def test_the_way_is_a_shortest_one_around_a_loop():
    _, state = next(mazes("hard", [7]))
    before = len(solve(state))
    opened = state
    for row, column in np.argwhere(maze_walls(state))[::3]:
        opened = apply_edits(opened, rlv.Carve((column, row)))
    assert len(solve(opened)) <= before
    cheese, start = np.argwhere(state.grid == 2)[0], margin(state)
    everything = state.replace(grid=np.where(state.grid == 51, 100, state.grid))
    assert len(solve(everything)) == abs(cheese - start).sum()


def test_an_agent_that_sits_on_the_cheese_stays_and_completes_the_level():
    for environment, state in mazes("easy", range(3)):
        there = apply_edits(state, rlv.Teleport(np.argwhere(state.grid == 2)[0][::-1] + 0.5))
        assert solve(there) == [4]
        environment.set_state(0, serialise_state(there))
        assert environment.step([4]).reward[0] == 10


def test_other_games_have_no_mazes():
    with rlv.make_environment("coinrun", num_trajectories=1) as environment:
        state = parse_state(environment.get_state(0))
    for function in (solve, is_generated_like, maze_walls):
        with pytest.raises(ValueError, match="a state of coinrun came"):
            function(state)
