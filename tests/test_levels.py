"""Levels side by side: what becomes of one depends on nothing but its seed, the action noise and who plays it."""

import time
from collections import deque
from contextlib import closing

import numpy as np
import pytest
import torch
import xarray as xr
from toy import ToyEnvironment

import rlvision_widgets as rlv
from rlvision_widgets.analysis import stage
from rlvision_widgets.analysis.evaluation import evaluate, measure_levels
from rlvision_widgets.analysis.levels import Crew, draw_levels, play_crews
from rlvision_widgets.analysis.precision import MULTIPLE, steady
from rlvision_widgets.analysis.progress import Cancelled

TOY = {"name": "toy"}


@pytest.fixture(params=[1, 2])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.fixture
def made(monkeypatch):
    """Evaluations make toy worlds, and these are they."""
    worlds = []

    def make(agent, environment, *, num_trajectories, without):
        worlds.append(ToyEnvironment(num_trajectories))
        return worlds[-1]

    monkeypatch.setattr(stage, "make_world", make)
    return worlds


def noisy(observations):
    """A policy that looks at the frame, without a network."""
    right = observations.mean(axis=(1, 2, 3)) / 50
    return np.stack([np.zeros_like(right), 0 * right, right], axis=1).astype(np.float32), None


@pytest.mark.parametrize("num_trajectories", [1, 5, 64, 400])
def test_outcomes_do_not_depend_on_threads_or_worlds(agent, made, threads, num_trajectories):
    with ToyEnvironment(3) as environment:
        alone = evaluate(agent, 40, 1, environment=environment, progress=False)
    many = evaluate(agent, 40, 1, environment=TOY, num_trajectories=num_trajectories, progress=False)
    xr.testing.assert_identical(many, alone)
    assert 0 < alone.attrs["success_rate"] < 1
    assert all(world.closed for world in made)


def test_every_core_has_a_crew_and_one_more(made, agent, threads):
    evaluate(agent, 64, environment=TOY, progress=False)
    crews = made[1:]  # the first was only looked at
    assert len(crews) == (3 if threads == 2 else 1)
    assert sum(world.num_trajectories for world in crews) <= 72


def test_what_is_no_agent_plays_in_one_crew(made, threads):
    evaluate(noisy, 64, environment=TOY, progress=False)
    assert [world.num_trajectories for world in made[1:]] == [64]


def test_the_batch_shrinks_when_no_level_waits():
    sizes = []

    def counted(observations):
        sizes.append(len(observations))
        return noisy(observations)

    with ToyEnvironment(16) as environment:
        evaluate(counted, 16, environment=environment, progress=False)
    assert sizes[0] == 16
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 8


def test_more_worlds_than_levels_play_each_level_once():
    with ToyEnvironment(8) as worlds:
        parts = list(play_crews([Crew(noisy, worlds, 0, deque([5, 6]), None)]))
    assert sorted(outcome.level_seed for part in parts for outcome in part.outcomes) == [5, 6]


def test_crews_that_are_closed_early_leave_no_turn_under_way(threads):
    waiting = deque(range(1000))
    with ToyEnvironment(2) as one, ToyEnvironment(2) as two, ToyEnvironment(2) as three:
        crews = [Crew(noisy, worlds, 0, waiting, None) for worlds in (one, two, three)]
        with closing(play_crews(crews)) as parts:
            next(parts)
        left = len(waiting)
        time.sleep(0.1)
        assert 0 < left == len(waiting) < 1000


def test_fewer_levels_are_the_first_of_more():
    for seed in (0, 1):
        many = draw_levels(9000, seed)
        assert len(set(many.tolist())) == 9000
        for number in (1, 40, 4096, 5000):
            np.testing.assert_array_equal(draw_levels(number, seed), many[:number])


def test_rows_are_the_same_to_the_bit_in_a_batch_of_any_size(agent):
    frames = np.random.default_rng(0).integers(0, 256, (37, *agent.observation_shape), np.uint8)
    for precision in ("float32", "bfloat16"):
        play = steady(agent, precision)
        whole = play(frames)[0]
        for size in (1, 2, 3, MULTIPLE, 7, 32, 33):
            parts = [play(frames[start : start + size])[0] for start in range(0, len(frames), size)]
            np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_bfloat16_is_another_precision_of_the_same_agent(agent, made):
    exact, coarse = (
        evaluate(agent, 60, environment=TOY, precision=precision, progress=False)
        for precision in ("float32", "bfloat16")
    )
    assert coarse.attrs["precision"] == "bfloat16"
    assert float((exact["success"] == coarse["success"]).mean()) > 0.8
    frames = np.random.default_rng(0).integers(0, 256, (8, *agent.observation_shape), np.uint8)
    logits = [steady(agent, precision)(frames)[0] for precision in ("float32", "bfloat16")]
    assert 0 < np.abs(logits[0] - logits[1]).max() < 0.1 * np.abs(logits[0]).max()


def test_a_precision_that_cannot_be_is_refused(agent):
    wrapped = rlv.wrap_agent(
        torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16 * 16 * 3, 15)), observation_shape=(16, 16, 3)
    )
    with pytest.raises(ValueError, match="'bfloat16'"):
        evaluate(agent, 3, precision="bfloat61")
    for other in (noisy, wrapped):
        with pytest.raises(ValueError, match="package's own networks"):
            evaluate(other, 3, precision="bfloat16")


def test_a_recurrent_agent_keeps_all_its_rows():
    class Counting:
        recurrent = True
        action_names = ToyEnvironment.action_names

        def __call__(self, observations, state, first):
            sizes.add(len(observations))
            return (*noisy(observations), len(observations))

    sizes = set()
    with ToyEnvironment(6) as environment:
        evaluate(Counting(), 12, environment=environment, progress=False)
    assert sizes == {6}


def test_what_is_told_may_end_it(made, agent):
    told = []

    def tell(state):
        told.append(state)
        if state.done >= 10:
            raise Cancelled

    with pytest.raises(Cancelled):
        measure_levels(agent, 200, 0, environment=TOY, tell=tell)
    assert [state.done for state in told] == sorted(state.done for state in told)
    assert told[0].done == 0
    assert all(state.condition == "original" and state.total == 200 for state in told)
    assert told[-1].bound.startswith(("network", "worlds"))
    assert all(world.closed for world in made)


def test_the_bar_tells_rate_and_what_bounds_it(made, agent, capsys):
    evaluate(agent, 40, environment=TOY)
    shown = capsys.readouterr().err
    assert "40/40" in shown
    assert "level/s" in shown
    assert "network" in shown
