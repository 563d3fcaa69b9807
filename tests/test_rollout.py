import inspect
import json
from importlib.util import find_spec

import numpy as np
import pytest
import xarray as xr
from toy import ToyEnvironment

from rlvision_widgets import schema
from rlvision_widgets.analysis.playing import make_world
from rlvision_widgets.analysis.rollout import collect_observations, collect_rollout
from rlvision_widgets.environments import make_environment

LEFT, NOOP, RIGHT = 0, 1, 2
needs_procgen = pytest.mark.skipif(
    find_spec("procgen") is None, reason="Procgen's wheels exist for Python 3.11 and 3.12 on Linux x86-64 only"
)


def always(action, num_logits=3, value=1.5):
    """Return an agent that does one thing only."""

    def scripted(observations):
        logits = np.full((len(observations), num_logits), -1e9, np.float32)
        logits[:, action] = 0
        return logits, None if value is None else np.full(len(observations), value, np.float32)

    return scripted


def undecided(observations):
    """Act at random."""
    return np.zeros((len(observations), 3), np.float32), np.zeros(len(observations), np.float32)


def collect(agent, num_trajectories=2, seed=0, environment_seed=0, **options):
    with ToyEnvironment(num_trajectories, environment_seed) as environment:
        return collect_rollout(agent, environment, seed=seed, progress=False, **options)


def test_a_rollout_follows_the_schema(agent):
    rollout = collect(agent, num_steps=70)
    schema.check(rollout, schema.ROLLOUT)
    assert rollout["observation"].shape == (2, 70, 16, 16, 3)
    assert rollout.attrs["action_names"] == ["LEFT", "NOOP", "RIGHT"]
    assert rollout.attrs["checkpoint"] == agent.checkpoint
    json.dumps(rollout.attrs)


def test_a_scripted_policy_earns_what_the_rules_say():
    rollout = collect(always(RIGHT), num_trajectories=4, num_steps=40)
    starts = 1 + rollout["level_seed"].values % 2
    for trajectory in range(4):
        step = 0
        while step < 36:
            length = 4 - starts[trajectory, step]  # from the start beyond the right end
            steps = slice(step, step + length)
            assert list(rollout["first"][trajectory, steps]) == [True] + [False] * (length - 1)
            assert list(rollout["reward"][trajectory, steps]) == [0] * (length - 1) + [10]
            assert list(rollout["completed"][trajectory, steps]) == [False] * (length - 1) + [True]
            assert len(set(rollout["level_seed"].values[trajectory, steps])) == 1
            step += length
    assert (rollout["action"] == RIGHT).all()
    failing = collect(always(LEFT), num_steps=40)
    assert not failing["reward"].any()
    assert not failing["completed"].any()
    assert failing["first"][:, 1:].any()


def test_observation_and_action_belong_to_the_same_moment():
    rollout = collect(undecided, num_steps=40)
    frames = rollout["observation"].values
    cell = (frames[:, :, 8, ::4, 0] == 250).argmax(-1)
    move = rollout["action"].values[:, :-1] - 1
    goes_on = ~rollout["first"].values[:, 1:]
    np.testing.assert_array_equal((cell[:, 1:] - cell[:, :-1])[goes_on], move[goes_on])


def test_the_same_seed_gives_the_same_rollout_and_another_one_does_not(agent):
    xr.testing.assert_identical(collect(agent, num_steps=30, seed=3), collect(agent, num_steps=30, seed=3))
    assert (collect(agent, num_steps=30, seed=3)["action"] != collect(agent, num_steps=30, seed=4)["action"]).any()


def test_what_a_trajectory_does_depends_on_no_other():
    few, many = collect(undecided, 2, num_steps=50), collect(undecided, 5, num_steps=50)
    np.testing.assert_array_equal(few["action"], many["action"][:2])
    np.testing.assert_array_equal(few["observation"], many["observation"][:2])


def test_actions_are_samples_of_the_policy():
    probabilities = np.array([0.2, 0.3, 0.5])

    def policy(observations):
        return np.tile(np.log(probabilities), (len(observations), 1)), None

    action = collect(policy, num_trajectories=8, num_steps=1000)["action"].values
    share = np.bincount(action.ravel(), minlength=3) / action.size
    deviation = np.sqrt(probabilities * (1 - probabilities) / action.size)
    assert (np.abs(share - probabilities) < 5 * deviation).all()


def test_advantages_use_what_follows_the_last_step():
    rollout = collect(always(RIGHT, value=4.0), num_trajectories=8, num_steps=11, gamma=0.9)
    assert rollout["final_first"].any()
    assert not rollout["final_first"].all()
    earned = rollout["reward"][:, -1].values
    following = np.where(rollout["final_first"], 0, 4.0)
    np.testing.assert_allclose(rollout["advantage"][:, -1], earned + 0.9 * following - 4.0, rtol=1e-6)
    np.testing.assert_array_equal(rollout["final_value"], np.full(8, 4.0, np.float32))


def test_an_agent_without_a_value_gives_a_rollout_without_one():
    rollout = collect(always(NOOP, value=None), num_steps=15)
    schema.check(rollout, schema.ROLLOUT)
    assert not {"value", "advantage", "final_value"} & set(rollout.variables)


def test_logits_beyond_the_action_names_are_no_actions():
    policy = always(0, num_logits=4)
    policy.action_names = ("LEFT", "NOOP")
    rollout = collect(policy, num_steps=10)
    assert rollout["policy_logits"].sizes["logit"] == 4
    assert (rollout["action"] == LEFT).all()


def test_an_agent_with_more_actions_than_the_world_is_refused():
    with pytest.raises(ValueError, match=r"5 actions .* the world has 3"):
        collect(always(0, num_logits=5), num_steps=1)


def test_a_recurrent_agent_gets_its_state_and_the_openings_of_episodes():
    calls = []

    def counter(observations, state, first):
        calls.append((state, first.copy()))
        count = np.where(first, 0, 0 if state is None else state + 1)
        return np.zeros((len(observations), 3), np.float32), count.astype(np.float32), count

    counter.recurrent = True
    rollout = collect(counter, num_steps=30)
    since_first = np.zeros((2, 30))
    for step in range(1, 30):
        since_first[:, step] = np.where(rollout["first"][:, step], 0, since_first[:, step - 1] + 1)
    np.testing.assert_array_equal(rollout["value"], since_first)
    assert calls[0][0] is None
    assert len(calls) == 31  # and once for the value after the last step


def test_any_frame_can_be_entered_again():
    rollout = collect(undecided, num_trajectories=3, num_steps=50, keyframe_every=16)
    assert list(rollout["keyframe_step"]) == [0, 16, 32, 48]
    check_replay(rollout, ToyEnvironment(1, seed=99))


@needs_procgen
@pytest.mark.parametrize("name", ["coinrun", "maze"])
def test_any_frame_of_procgen_can_be_entered_again_bit_for_bit(name):
    with make_environment(name, num_trajectories=2, seed=5) as environment:
        policy = lambda frames: (np.zeros((len(frames), 15), np.float32), None)  # noqa: E731
        rollout = collect_rollout(policy, environment, num_steps=150, progress=False)
    options = json.loads(rollout.attrs["environment_options"])
    with make_environment(rollout.attrs["environment"], num_trajectories=1, seed=77, **options) as fresh:
        check_replay(rollout, fresh)


def check_replay(rollout, environment):
    """From each keyframe to the end of the rollout: frames, rewards, openings of episodes."""
    for trajectory in range(rollout.sizes["trajectory"]):
        for keyframe, start in enumerate(rollout["keyframe_step"].values):
            size = int(rollout["env_state_size"][trajectory, keyframe])
            environment.set_state(0, rollout["env_state"].values[trajectory, keyframe, :size].tobytes())
            observed = environment.observe()
            for step in range(start, rollout.sizes["step"]):
                here = rollout.isel(trajectory=trajectory, step=step)
                np.testing.assert_array_equal(observed.observation[0], here["observation"])
                assert observed.first[0] == here["first"]
                assert observed.level_seed[0] == here["level_seed"]
                observed = environment.step(here["action"].values[np.newaxis])
                assert observed.reward[0] == here["reward"]


def test_an_interrupt_ends_a_rollout_without_a_result_and_the_world_can_be_used_on():
    calls = 0

    def impatient(observations):
        nonlocal calls
        calls += 1
        if calls == 5:
            raise KeyboardInterrupt
        return undecided(observations)

    with ToyEnvironment() as environment:
        with pytest.raises(KeyboardInterrupt):
            collect_rollout(impatient, environment, num_steps=20, progress=False)
        assert collect_rollout(undecided, environment, num_steps=20, progress=False).sizes["step"] == 20
        calls = 0
        with pytest.raises(KeyboardInterrupt):
            collect_observations(impatient, environment, progress=False)


def test_observations_come_from_all_trajectories_at_different_moments():
    every, number = 4, 6
    with ToyEnvironment(number) as environment:
        seen = []
        step = environment.step

        def recorded(actions):
            seen.append(step(actions))
            return seen[-1]

        environment.step = recorded
        samples = collect_observations(undecided, environment, num_samples=3, every=every, progress=False)
    assert samples.dims == ("sample", "height", "width", "rgb")
    assert samples.shape == (3 * number, 16, 16, 3)
    assert len(seen) == 3 * every
    frames = [
        seen[moment].observation[trajectory]
        for moment in range(3 * every)
        for trajectory in range(number)
        if (moment + 1 + trajectory) % every == 0
    ]
    np.testing.assert_array_equal(samples, frames)


@needs_procgen
def test_the_world_of_an_agent_is_the_one_that_it_was_trained_in():
    def policy(observations):
        return np.zeros((len(observations), 15), np.float32), None

    with pytest.raises(ValueError, match="pass environment="):
        make_world(policy, num_trajectories=1)
    policy.environment = {"name": "coinrun", "distribution_mode": "easy", "num_levels": 10}
    with make_world(policy, {"use_backgrounds": False}, num_trajectories=1, without=("num_levels",)) as world:
        assert (world.name, world.options["distribution_mode"]) == ("coinrun", "easy")
        assert (world.options["num_levels"], world.options["use_backgrounds"]) == (0, False)
    for maze in ({"name": "maze"}, "maze"):
        with make_world(policy, maze, num_trajectories=1) as world:
            assert (world.name, world.options["distribution_mode"], world.options["num_levels"]) == ("maze", "hard", 0)


@pytest.mark.parametrize("function", [collect_rollout, collect_observations])
def test_wrong_arguments_are_refused(function):
    with ToyEnvironment() as environment:
        with pytest.raises(TypeError, match=r"unknown keyword 'sed'.*'seed'"):
            function(undecided, environment, sed=1)
        name = next(name for name in inspect.signature(function).parameters if name.startswith("num_"))
        with pytest.raises(ValueError, match=f"{name} .* at least 1"):
            function(undecided, environment, **{name: 0})
