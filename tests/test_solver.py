"""The teacher that knows the way through a maze."""

import numpy as np
import pytest
import torch
from test_environments import needs_procgen

import rlvision_widgets as rlv
from rlvision_widgets.environments.edited import edited_environment
from rlvision_widgets.environments.mazes import agent_cell, closer_moves, solve, steps_to_cheese
from rlvision_widgets.environments.states import parse_state, serialise_state
from rlvision_widgets.training import TrainingOptions
from rlvision_widgets.training.solver import Solver

pytestmark = needs_procgen
GAMMA = 0.9
OPTIONS = TrainingOptions(gamma=GAMMA, num_actions=9)


@pytest.fixture
def worlds():
    with rlv.make_environment("maze", num_trajectories=24, seed=5, distribution_mode="easy") as environment:
        yield environment


def solver(worlds):
    return Solver(OPTIONS, worlds.action_names[: OPTIONS.num_actions], worlds)


def states(worlds):
    return [parse_state(worlds.get_state(index)) for index in range(worlds.num_trajectories)]


def test_a_lesson_is_the_next_move_of_the_way_and_the_cheese_s_reward_discounted_along_it(worlds):
    teacher = solver(worlds)
    for _ in range(30):
        ways = [solve(state) for state in states(worlds)]
        log_probs, value = teacher.lesson(worlds)
        assert log_probs.dtype == value.dtype == torch.float32
        np.testing.assert_allclose(log_probs.exp().sum(1), 1, atol=1e-6)
        assert log_probs.argmax(1).tolist() == [way[0] for way in ways]
        np.testing.assert_allclose(value, [10 * GAMMA ** len(way) for way in ways], rtol=1e-5)
        worlds.step(log_probs.argmax(1).numpy())


def test_who_follows_it_completes_every_level(worlds):
    teacher, earned, ended = solver(worlds), np.zeros(24), np.zeros(24, bool)
    for _ in range(120):
        observed = worlds.step(teacher.lesson(worlds)[0].argmax(1).numpy())
        earned += np.where(ended, 0, observed.reward)
        ended |= observed.first
    assert (earned == 10).all()


def test_steps_to_the_cheese_fall_by_one_along_every_closer_move(worlds):
    for state in states(worlds):
        steps = steps_to_cheese(state)
        assert steps.min() == 0
        assert (state.grid[steps == 0] == 2).all()
        for y, x in np.argwhere(np.isfinite(steps) & (steps > 0)):
            moves = closer_moves(steps, (x, y))
            assert moves
            for dx, dy in ({1: (-1, 0), 7: (1, 0), 3: (0, -1), 5: (0, 1)}[move] for move in moves):
                assert steps[y + dy, x + dx] == steps[y, x] - 1


def test_equally_good_moves_share_the_probability(worlds):
    state = states(worlds)[0]
    x, y = agent_cell(state)
    free = np.full_like(state.grid, 100)
    free[y + 1, x + 1] = 2  # the cheese is up and to the right, and nothing is in the way
    worlds.set_state(0, serialise_state(state.replace(grid=free)))
    probability = solver(worlds).lesson(worlds)[0][0].exp()
    np.testing.assert_allclose(probability[[5, 7]], 0.5, atol=1e-6)


def test_without_cheese_it_stays_and_expects_nothing(worlds):
    state = states(worlds)[0]
    worlds.set_state(0, serialise_state(state.replace(grid=np.where(state.grid == 2, 100, state.grid))))
    log_probs, value = solver(worlds).lesson(worlds)
    assert log_probs[0].argmax() == 4
    assert value[0] == 0


def test_it_goes_where_an_edit_has_put_the_cheese(worlds):
    teacher = solver(worlds)
    _, before = teacher.lesson(worlds)
    edited = edited_environment(worlds, rlv.Place("cheese", where="top right", size=1))
    _, after = teacher.lesson(edited)
    np.testing.assert_allclose(after, [10 * GAMMA ** len(solve(state)) for state in states(edited)], rtol=1e-5)
    assert (after < before).sum() > 12  # the corner is farther away than most places


def test_what_it_cannot_teach_is_said(worlds):
    with pytest.raises(ValueError, match=r"moves with \['RIGHT'\] too"):
        Solver(OPTIONS, worlds.action_names[:7], worlds)
    with (
        rlv.make_environment("coinrun", num_trajectories=1) as other,
        pytest.raises(ValueError, match="this is coinrun"),
    ):
        Solver(OPTIONS, other.action_names[:9], other)
