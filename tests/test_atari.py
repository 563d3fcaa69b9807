"""Atari's games through ale-py: what is shown, that an episode follows from its seed, and returns in place of rates."""

import json

import numpy as np
import pytest
import torch
import traitlets as t

gymnasium = pytest.importorskip("gymnasium", minversion="1.1")
pytest.importorskip("ale_py", reason="ale-py is not installed")
pytest.importorskip("cv2", reason="OpenCV is not installed")

import rlvision_widgets as rlv  # noqa: E402

BREAKOUT = "gymnasium:ALE/Breakout-v5"
SHORT = {"name": "gymnasium:ALE/Pong-v5", "preprocessing": "atari", "max_num_frames_per_episode": 400}


def played(environment, num_steps=30, seed=0):
    """Frames of random play, (step, trajectory, height, width, rgb)."""
    noise = np.random.default_rng(seed)
    with environment:
        size = environment.num_trajectories, len(environment.action_names)
        frames = [environment.step(noise.integers(size[1], size=size[0])).observation for _ in range(num_steps)]
    return np.stack(frames)


def test_a_game_is_shown_as_it_is_or_as_agents_mostly_see_it():
    whole = rlv.make_environment(BREAKOUT, num_trajectories=2)
    assert whole.action_names == ("NOOP", "FIRE", "RIGHT", "LEFT")
    assert "ale-py" in whole.package
    frames = played(whole)
    assert frames.shape[1:] == (2, 210, 160, 3)
    assert (frames.min(axis=-1) < frames.max(axis=-1)).any()  # coloured
    small = rlv.make_environment(BREAKOUT, num_trajectories=2, preprocessing="atari")
    assert json.loads(json.dumps(small.options)) == {"preprocessing": "atari"}
    frames = played(small)
    assert frames.shape[1:] == (2, 84, 84, 3)
    assert (frames.min(axis=-1) == frames.max(axis=-1)).all()  # grey
    wide = rlv.make_environment(BREAKOUT, num_trajectories=1, preprocessing={"screen_size": 96, "grayscale_obs": False})
    assert played(wide).shape[1:] == (1, 96, 96, 3)


def test_stacks_show_what_single_frames_show():
    single = played(rlv.make_environment(BREAKOUT, num_trajectories=2, preprocessing="atari", seed=3))
    stack = gymnasium.make_vec(
        "ALE/Breakout-v5",
        num_envs=2,
        vectorization_mode="sync",
        frameskip=1,
        wrappers=[
            gymnasium.wrappers.AtariPreprocessing,
            lambda world: gymnasium.wrappers.FrameStackObservation(world, 4),
        ],
        vector_kwargs={"autoreset_mode": gymnasium.vector.AutoresetMode.SAME_STEP},
    )
    assert stack.single_observation_space.shape == (4, 84, 84)
    np.testing.assert_array_equal(played(rlv.make_environment(stack, seed=3)), single)


def test_ale_s_own_vector_environment_opens_one_level_at_a_time():
    environment = rlv.make_environment(gymnasium.make_vec("ALE/Breakout-v5", num_envs=2))
    assert environment.action_names == ("NOOP", "FIRE", "RIGHT", "LEFT")
    with environment:
        before = environment.step([1, 1])
        environment.load_level(1, 5)
        after = environment.observe()
        assert after.level_seed.tolist() == [-1, 5]
        np.testing.assert_array_equal(after.observation[0], before.observation[0])
        assert after.observation.shape == (2, 84, 84, 3)


class Nature(torch.nn.Module):
    """A small network after Mnih et al. (2015), with random weights."""

    def __init__(self, colours, size, value):
        super().__init__()
        self.trunk = torch.nn.Sequential(
            torch.nn.Conv2d(colours, 8, 8, 4), torch.nn.ReLU(), torch.nn.Conv2d(8, 8, 4, 2), torch.nn.ReLU()
        )
        features = self.trunk(torch.zeros(1, colours, *size)).numel()
        self.policy = torch.nn.Linear(features, 4)
        self.value = torch.nn.Linear(features, 1) if value else None

    def forward(self, x):
        hidden = self.trunk(x).flatten(1)
        return self.policy(hidden), None if self.value is None else self.value(hidden)


def breakout_agent(observation_shape, environment, stack=1, value=True):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Nature(stack * observation_shape[2], observation_shape[:2], value)
    return rlv.wrap_agent(
        network,
        observation_shape=observation_shape,
        stack=stack,
        action_names=("NOOP", "FIRE", "RIGHT", "LEFT"),
        environment=environment,
    )


def test_an_agent_that_stacks_sees_what_the_wrapper_of_gymnasium_stacks():
    environment = {"name": BREAKOUT, "preprocessing": "atari", "max_num_frames_per_episode": 80}
    agent = breakout_agent((84, 84, 1), environment, stack=4)
    stack = gymnasium.make_vec(
        "ALE/Breakout-v5",
        num_envs=1,
        vectorization_mode="sync",
        frameskip=1,
        max_num_frames_per_episode=80,
        wrappers=[
            gymnasium.wrappers.AtariPreprocessing,
            lambda world: gymnasium.wrappers.FrameStackObservation(world, 4),
        ],
        vector_kwargs={"autoreset_mode": gymnasium.vector.AutoresetMode.SAME_STEP},
    )
    shown, _ = stack.reset(seed=5)
    state, first, episodes = None, True, 0
    network = agent.network.eval()
    for _ in range(60):
        frame = np.repeat(shown[:, -1, :, :, None], 3, axis=-1)
        logits, value, state = agent(frame, state, np.array([first]))
        with torch.no_grad():
            expected = network(network.inputs(torch.from_numpy(shown).permute(0, 2, 3, 1)))
        np.testing.assert_allclose(logits, expected.logits.numpy(), atol=1e-5)
        np.testing.assert_allclose(value, expected.value.numpy(), atol=1e-5)
        shown, _, terminated, truncated, _ = stack.step(np.array([1]))
        first = bool(terminated[0] or truncated[0])
        episodes += first
    assert episodes > 1
    stack.close()


def test_a_study_of_a_game_holds_all_but_what_needs_states(caplog):
    agent = breakout_agent((210, 160, 3), {"name": BREAKOUT}, value=False)
    with caplog.at_level("INFO"):
        study = rlv.build_study(
            agent, num_trajectories=2, num_steps=10, observations=(4, 2, 2), layers=["trunk.1"], progress=False
        )
    rlv.schema.check(study)
    assert "emulator states are not saved" in caplog.text
    assert not {"states", "world", "endings"} & set(study.children)
    (output,) = study["layers/trunk.1/outputs"].children
    assert output.startswith("centred:")
    assert study[f"layers/trunk.1/outputs/{output}"]["attribution"].sizes["y"] == 51
    assert study[f"layers/trunk.1/outputs/{output}"]["attribution"].sizes["x"] == 39
    for ask in (rlv.masks, rlv.objects, lambda study: rlv.resume(study, 0, 3), rlv.add_world):
        with pytest.raises(ValueError, match="emulator states are not saved"):
            ask(study)
    view = rlv.Explorer(study, agent=agent)
    assert view.output == output
    assert not view._study["has_value"]
    assert "states of the emulator" in view._study["world"]["note"]
    with pytest.raises(t.TraitError, match="no value head"):
        view.output = "value"
    with pytest.raises(t.TraitError, match="no value head"):
        rlv.Editor(study, agent=agent, output="value")


class Uniform:
    """Random play of Pong."""

    environment = SHORT
    action_names = ("NOOP", "FIRE", "RIGHT", "LEFT", "RIGHTFIRE", "LEFTFIRE")

    def __call__(self, observations):
        return np.zeros((len(observations), 6), np.float32), None


def test_an_episode_follows_from_its_seed_and_is_counted_by_its_return():
    result = rlv.evaluate(Uniform(), levels=4, num_trajectories=4, seed=1, progress=False)
    assert result.attrs["has_success"] is False
    assert not result["success"].any()
    assert np.isnan([result.attrs["success_rate"], *result.attrs["wilson_interval"]]).all()
    earned = result["return"].values[0]
    assert (earned <= 0).all()
    assert earned.min() < 0
    low, high = result.attrs["return_interval"]
    assert result.attrs["mean_return"] == pytest.approx(earned.mean())
    assert low < earned.mean() < high
    again = rlv.evaluate(Uniform(), levels=4, num_trajectories=3, seed=1, progress=False)
    for name in ("return", "length", "level_seed"):
        np.testing.assert_array_equal(again[name], result[name])


def test_what_is_no_preprocessing_is_refused_with_the_nearest_name():
    for preprocessing, error, words in [
        ("atary", ValueError, "'atari'"),
        ({"screensize": 84}, ValueError, "screen_size"),
        (4, TypeError, "mapping of options"),
    ]:
        with pytest.raises(error, match=words):
            rlv.make_environment(BREAKOUT, preprocessing=preprocessing)


def test_without_ale_py_or_opencv_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    with pytest.raises(ImportError, match=r"rlvision-widgets\[atari\]"):
        rlv.make_environment(BREAKOUT, preprocessing="atari")
    monkeypatch.setitem(__import__("sys").modules, "ale_py", None)
    with pytest.raises(ImportError, match=r"rlvision-widgets\[atari\]"):
        rlv.make_environment("gymnasium:ALE/NoSuchGame-v5")
