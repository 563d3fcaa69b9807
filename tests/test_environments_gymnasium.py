import json

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from rlvision_widgets.environments import make_environment


class Corridor(gymnasium.Env):
    """Five rooms; the frame's brightness is 50 x the room. Action 1 goes on, action 0 stays. The last room earns 3."""

    observation_space = gymnasium.spaces.Box(0, 255, (6, 8, 3), np.uint8)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, start=0):
        self.start = start

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.room = self.start
        return self.frame(), {}

    def frame(self):
        return np.full((6, 8, 3), 50 * self.room, np.uint8)

    def step(self, action):
        self.room += int(action)
        done = self.room == 4
        return self.frame(), 3.0 * done, done, False, {}


class Named(Corridor):
    action_space = gymnasium.spaces.Discrete(2, start=5)

    def get_action_meanings(self):
        return ["STAY", "GO"]

    def step(self, action):
        return super().step(action - 5)


gymnasium.register("Corridor-v0", Corridor)


class Grey(Corridor):
    observation_space = gymnasium.spaces.Box(0, 255, (6, 8, 1), np.uint8)

    def frame(self):
        return super().frame()[..., :1]


class Flat(Corridor):
    observation_space = gymnasium.spaces.Box(0, 255, (6, 8), np.uint8)

    def frame(self):
        return super().frame()[..., 0]


def vector(mode, num=2, world=Corridor):
    return SyncVectorEnv([world] * num, autoreset_mode=mode)


def play(environment, actions):
    """Return brightness, reward and first of trajectory 0, before and after each of `actions`."""
    with environment:
        seen = [environment.observe(), *(environment.step([action, 0]) for action in actions)]
    return [(int(o.observation[0, 0, 0, 0]), float(o.reward[0]), bool(o.first[0])) for o in seen]


@pytest.mark.parametrize("world", [Grey, Flat])
def test_grey_frames_are_given_in_three_equal_colours(world):
    colour, grey = (play(make_environment(vector(AutoresetMode.SAME_STEP, world=w)), [1, 1]) for w in (Corridor, world))
    assert grey == colour
    with make_environment(vector(AutoresetMode.SAME_STEP, world=world)) as environment:
        environment.step([1, 0])
        observation = environment.observe().observation
        assert observation.shape == (2, 6, 8, 3)
        assert (observation == observation[..., :1]).all()
        observation[:] = 7  # the caller's own
        assert environment.render(0).max() == 50


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.DISABLED])
def test_an_episode_ends_with_its_reward_and_the_first_frame_of_the_next(mode):
    seen = play(make_environment(vector(mode)), [1, 1, 0, 1, 1, 1])
    assert seen == [
        *[(0, 0, True), (50, 0, False), (100, 0, False), (100, 0, False), (150, 0, False)],
        *[(0, 3, True), (50, 0, False)],
    ]


def test_resetting_in_the_next_step_ignores_the_action_at_the_last_frame():
    seen = play(make_environment(vector(AutoresetMode.NEXT_STEP)), [1, 1, 1, 1, 1, 1])
    assert seen == [
        *[(0, 0, True), (50, 0, False), (100, 0, False), (150, 0, False), (200, 3, False)],
        *[(0, 0, True), (50, 0, False)],
    ]


def test_an_id_makes_as_many_as_asked_and_resets_in_the_same_step():
    environment = make_environment("gymnasium:Corridor-v0", num_trajectories=2, seed=4, start=2)
    assert environment.name == "gymnasium:Corridor-v0"
    assert environment.num_trajectories == 2
    assert environment.package == f"gymnasium {gymnasium.__version__}"
    assert json.loads(json.dumps(environment.options)) == {"start": 2}
    assert environment.seed == 4
    assert play(environment, [1, 1]) == [(100, 0, True), (150, 0, False), (100, 3, True)]


def test_a_vector_environment_is_described_by_what_it_holds():
    with make_environment(vector(AutoresetMode.SAME_STEP, num=3)) as environment:
        observed = environment.observe()
        assert (environment.name, environment.num_trajectories) == ("gymnasium:Corridor", 3)
        assert environment.action_names == ("0", "1")
        assert [array.dtype.name for array in observed] == ["uint8", "float32", "bool", "int32", "int32", "bool"]
        assert observed.observation.shape == (3, 6, 8, 3)
        assert (observed.level_seed == -1).all()
        before = observed.observation.copy()
        environment.step([1, 1, 1])
        np.testing.assert_array_equal(observed.observation, before)
        assert environment.render(1).max() == 50


def test_actions_count_from_zero_and_have_the_worlds_own_names():
    environment = make_environment(vector(AutoresetMode.SAME_STEP, world=Named))
    assert environment.action_names == ("STAY", "GO")
    assert play(environment, [0, 1]) == [(0, 0, True), (0, 0, False), (50, 0, False)]


def test_there_are_no_states_and_the_error_says_so():
    with make_environment(vector(AutoresetMode.SAME_STEP)) as environment:
        assert not environment.has_states
        for call in (
            lambda: environment.get_state(0),
            lambda: environment.set_state(0, b""),
        ):
            with pytest.raises(RuntimeError, match="Gymnasium environment"):
                call()
        for actions, error in [([0, 2], ValueError), ([0], ValueError), ([0.5, 1.0], TypeError)]:
            with pytest.raises(error, match="actions must"):
                environment.step(actions)
    environment.close()
    with pytest.raises(RuntimeError, match="closed"):
        environment.observe()


class Sketch(Corridor):
    observation_space = gymnasium.spaces.Box(0, 255, (6, 8, 4), np.uint8)

    def frame(self):
        return np.zeros((6, 8, 4), np.uint8)


class Steered(Corridor):
    action_space = gymnasium.spaces.Box(-1, 1, (1,))


def test_what_cannot_be_shown_is_refused():
    for arguments, error, words in [
        ({"name": vector("SameStep", world=Sketch)}, ValueError, "uint8 images"),
        ({"name": vector("SameStep", world=Steered)}, ValueError, "Discrete"),
        ({"name": vector("SameStep"), "start": 1}, TypeError, "takes no options"),
        ({"name": vector("SameStep"), "num_trajectories": 5}, ValueError, "has 2 worlds"),
        ({"name": vector("SameStep"), "num_threads": 2}, TypeError, "num_threads"),
        ({"name": Corridor()}, TypeError, "VectorEnv"),
        ({"name": "gymnasium:Corridor-v0", "start": object()}, TypeError, "JSON"),
    ]:
        with pytest.raises(error, match=words):
            make_environment(**arguments)


def test_without_gymnasium_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "gymnasium", None)
    monkeypatch.delitem(__import__("sys").modules, "rlvision_widgets.environments.gymnasium", raising=False)
    with pytest.raises(ImportError, match=r"rlvision-widgets\[gymnasium\]"):
        make_environment("gymnasium:Corridor-v0")


class Dice(Corridor):
    """An episode of `Corridor` that starts where its seed says."""

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.room = int(self.np_random.integers(3))
        return self.frame(), {}


@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
def test_a_level_is_the_seed_that_one_world_is_reset_with(mode):
    with make_environment(vector(mode, num=3, world=Dice)) as environment:
        rooms = {}
        for seed in [*range(20), *range(20)]:
            before = environment.step([1, 0, 1]) if mode == "SameStep" else environment.observe()
            environment.load_level(1, seed)
            shown = environment.observe()
            assert shown.level_seed[1] == shown.previous_level_seed[1] == seed
            assert (shown.first[1], shown.reward[1]) == (True, 0)
            for name in ("observation", "reward", "first", "level_seed"):
                np.testing.assert_array_equal(getattr(shown, name)[::2], getattr(before, name)[::2])
            assert rooms.setdefault(seed, shown.observation[1].max()) == shown.observation[1].max()
        assert len(set(rooms.values())) == 3
        assert environment.step([0, 0, 0]).level_seed.tolist() == [-1, 19, -1]
        for index, seed in [(3, 0), (-1, 0), (0, -1)]:
            with pytest.raises(ValueError, match="must be from"):
                environment.load_level(index, seed)


def test_the_next_episode_s_seed_is_not_known():
    with make_environment(vector("SameStep", num=1)) as environment:
        environment.load_level(0, 5)
        seeds = [environment.step([1]).level_seed.item() for _ in range(5)]
        assert seeds == [5, 5, 5, -1, -1]
        environment.load_level(0, 6)
        last = [environment.step([1]) for _ in range(4)][-1]
        assert (last.previous_level_seed.item(), last.reward.item()) == (6, 3)


def test_worlds_that_reset_together_alone_open_no_level(monkeypatch):
    environment = make_environment(vector("SameStep"))
    monkeypatch.delattr(gymnasium.vector, "AutoresetMode")
    with pytest.raises(RuntimeError, match="one by one"):
        environment.load_level(0, 1)


def stacked(shape):
    """A world that shows its number of steps so far in the newest frame of a stack, and lower numbers before."""

    class Stack(gymnasium.Env):
        observation_space = gymnasium.spaces.Box(0, 255, shape, np.uint8)
        action_space = gymnasium.spaces.Discrete(2)

        def shown(self):
            frames = np.clip(self.time - np.arange(shape[0])[::-1], 0, None).astype(np.uint8)
            return np.broadcast_to(frames.reshape(-1, *[1] * (len(shape) - 1)), shape).copy()

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            self.time = 1
            return self.shown(), {}

        def step(self, action):
            self.time += 1
            return self.shown(), 1.0, False, False, {}

    return Stack


@pytest.mark.parametrize("shape", [(4, 12, 10), (2, 12, 10, 1), (4, 12, 10, 3), (1, 12, 10)])
def test_of_a_stack_the_newest_frame_is_shown(shape):
    with make_environment(vector("SameStep", world=stacked(shape))) as environment:
        for time in (1, 2, 3):
            frames = environment.observe().observation
            assert frames.shape == (2, 12, 10, 3)
            assert (frames == time).all()
            environment.step([0, 1])


@pytest.mark.parametrize("shape", [(3, 12, 10), (4, 12, 10, 4), (84, 84, 4), (40, 84, 84)])
def test_what_may_be_colours_or_time_is_refused(shape):
    with pytest.raises(ValueError, match=r"stacks of the last frames, \(frame, height, width\)"):
        make_environment(vector("SameStep", world=stacked(shape)))
