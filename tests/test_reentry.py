import gc
import json
import threading

import numpy as np
import pytest
import xarray as xr
from test_environments import needs_procgen
from toy import ToyEnvironment, toy_study

import rlvision_widgets as rlv
from rlvision_widgets.analysis import reentry
from rlvision_widgets.analysis.reentry import World, world_of
from rlvision_widgets.analysis.rollout import collect_rollout
from rlvision_widgets.environments import make_environment

STATES = {"env_state": "env_state", "env_state_size": "size", "keyframe_step": "keyframe_step"}
GAMES = ["coinrun", "maze", "caveflyer", "ninja", "starpilot"]


def undecided(observations):
    return np.zeros((len(observations), 15), np.float32), None


def rightwards(frames):
    """Runs and jumps to the right."""
    return np.tile(np.float32(5) * np.isin(np.arange(15), [7, 8]), (len(frames), 1)), None


def recorded(environment, num_steps, every=1, agent=undecided):
    """Return a study that keeps every so many states, and the states of all steps as they were while it was played."""
    rollout = collect_rollout(agent, environment, num_steps=num_steps, seed=3, keyframe_every=1, progress=False)
    data, sizes = rollout["env_state"].values, rollout["env_state_size"].values
    taken = [[row[:size].tobytes() for row, size in zip(*pair, strict=True)] for pair in zip(data, sizes, strict=True)]
    kept = rollout[list(STATES)].rename({old: new for old, new in STATES.items() if old != new})
    kept.attrs = {}
    tree = {"/": rollout.drop_vars(list(STATES)), "/states": kept.isel(keyframe=slice(None, None, every))}
    return xr.DataTree.from_dict(tree), taken


def without_states(study):
    return xr.DataTree(study.to_dataset())


def toy(num_steps=60, every=16):
    with ToyEnvironment(3, seed=4) as environment:
        return recorded(environment, num_steps, every, lambda frames: (np.zeros((len(frames), 3), np.float32), None))


@pytest.fixture(scope="module", params=[pytest.param(game, marks=needs_procgen) for game in GAMES])
def played(request):
    with make_environment(request.param, num_trajectories=2, seed=5, distribution_mode="easy") as environment:
        return recorded(environment, 150, every=60)


def check_future(environment, study, trajectory, step, stop):
    """Compare what is on show, and what the recorded actions make of it, with the rollout up to a step."""
    observed = environment.observe()
    for now in range(step, stop):
        here = study.to_dataset().isel(trajectory=trajectory, step=now)
        np.testing.assert_array_equal(observed.observation[0], here["observation"])
        assert observed.first[0] == here["first"]
        assert observed.level_seed[0] == here["level_seed"]
        observed = environment.step(here["action"].values[np.newaxis])
        assert observed.reward[0] == here["reward"]


def episode_stop(study, trajectory, step):
    opens = np.flatnonzero(study["first"].values[trajectory])
    return int(np.append(opens[opens > step], study.sizes["step"])[0])


@pytest.mark.parametrize("step", [0, 1, 15, 16, 17, 40, 59])
def test_a_frame_of_any_world_with_states_is_entered_and_goes_on_as_recorded(step):
    study, _ = toy()
    for trajectory in range(3):
        with rlv.resume(study, trajectory, step, environment=ToyEnvironment) as environment:
            check_future(environment, study, trajectory, step, 60)


@pytest.mark.parametrize("step", [0, 1, 63, 64, 65, 100, 149])
def test_a_frame_of_procgen_is_entered_and_goes_on_as_recorded_to_the_bit(played, step):
    study, _ = played
    for trajectory in range(2):
        with rlv.resume(study, trajectory, step) as environment:
            assert environment.num_trajectories == 1
            check_future(environment, study, trajectory, step, 150)


def test_states_are_those_taken_while_playing_byte_for_byte(played):
    study, taken = played
    for trajectory in range(2):
        assert world_of(study).states(trajectory, 0, 150) == taken[trajectory]
        assert world_of(study).state(trajectory, 77) == taken[trajectory][77]


@pytest.mark.parametrize("step", [0, 30, 65, 149])
def test_without_states_a_frame_is_reached_from_the_seed_of_its_level(played, step):
    study = without_states(played[0])
    for trajectory in range(2):
        with rlv.resume(study, trajectory, step) as environment:
            check_future(environment, study, trajectory, step, episode_stop(study, trajectory, step))


@needs_procgen
def test_what_dodgeball_shows_of_the_level_before_is_there_too():
    with make_environment("dodgeball", num_trajectories=1, seed=5, distribution_mode="easy") as environment:
        study, _ = recorded(environment, 420)
    bare = without_states(study)
    for step in np.flatnonzero(study["first"].values[0]):
        with rlv.resume(bare, 0, int(step)) as environment:
            check_future(environment, bare, 0, int(step), min(episode_stop(study, 0, step), step + 20))


@needs_procgen
def test_levels_that_follow_one_another_in_an_episode_are_entered_each_from_its_own_seed():
    options = {"num_trajectories": 4, "seed": 1, "distribution_mode": "easy", "use_sequential_levels": True}

    with make_environment("coinrun", **options) as environment:
        study, taken = recorded(environment, 300, 64, rightwards)
    seeds, first = study["level_seed"].values, study["first"].values
    steps = np.argwhere((np.diff(seeds) != 0) & ~first[:, 1:])
    assert len(steps)
    trajectory, step = int(steps[0, 0]), int(steps[0, 1]) + 1
    with rlv.resume(without_states(study), trajectory, step) as environment:
        assert np.array_equal(environment.observe().observation[0], study["observation"][trajectory, step])
    assert world_of(study).state(trajectory, step) == taken[trajectory][step]


@needs_procgen
@pytest.mark.parametrize("when", ["reset", "once"])
def test_a_study_of_edited_worlds_is_entered_with_its_edits(when):
    edits = [rlv.Remove("coin"), rlv.Remove("saw"), rlv.Background(3)]
    with make_environment("coinrun", num_trajectories=2, seed=5) as environment:
        worlds = rlv.edited_environment(environment, edits, when=when)
        study, taken = recorded(worlds, 250, every=100, agent=rightwards)
    assert study["first"].values[:, 101:].any()
    for trajectory in range(2):
        assert world_of(study).states(trajectory, 0, 250) == taken[trajectory]
        with rlv.resume(study, trajectory, 120) as entered:
            check_future(entered, study, trajectory, 120, 250 if when == "reset" else 200)


@needs_procgen
def test_a_frame_is_entered_with_edits_that_are_made_once():
    with make_environment("coinrun", num_trajectories=1, seed=5) as environment:
        study, _ = recorded(environment, 90, agent=rightwards)
    recorded_frame = study["observation"].values[0, 40]
    edits = [rlv.Background(3), rlv.Hide("saw")]
    with rlv.resume(study, 0, 40, edits=edits) as entered, rlv.resume(study, 0, 40) as plain:
        frame = entered.observe().observation[0]
        assert not np.array_equal(frame, recorded_frame)
        np.testing.assert_array_equal(plain.observe().observation[0], recorded_frame)
        plain.set_state(0, entered.get_state(0))
        np.testing.assert_array_equal(plain.observe().observation[0], frame)
    with rlv.resume(study, 0, 40, edits=rlv.edits_to_json(edits)) as entered:
        np.testing.assert_array_equal(entered.observe().observation[0], frame)
    with pytest.raises(ValueError, match="cheese"):
        rlv.resume(study, 0, 40, edits=[rlv.Remove("cheese")])
    with pytest.raises(ValueError, match="Procgen's games"):
        rlv.resume(toy()[0], 0, 40, edits=edits, environment=ToyEnvironment)


def test_a_bare_rollout_is_entered_like_a_study():
    with ToyEnvironment(2, seed=4) as environment:
        agent = lambda frames: (np.zeros((len(frames), 3), np.float32), None)  # noqa: E731
        rollout = collect_rollout(agent, environment, num_steps=40, keyframe_every=16, progress=False)
    study = xr.DataTree(rollout)
    with rlv.resume(study, 1, 20, environment=ToyEnvironment) as environment:
        check_future(environment, study, 1, 20, 40)
    with pytest.raises(TypeError, match=r"of a rollout, xarray\.DataTree\(it\)"):
        rlv.resume(rollout, 1, 20, environment=ToyEnvironment)
    with pytest.raises(ValueError, match="not the root of a study: it has no observation"):
        rlv.resume(xr.DataTree(rollout[["reward"]]), 1, 20, environment=ToyEnvironment)


def test_a_world_without_states_is_refused():
    class Stateless(ToyEnvironment):
        has_states = False

    with pytest.raises(ValueError, match="'toy', has no states"):
        rlv.resume(without_states(toy()[0]), 0, 5, environment=Stateless)


def test_states_are_kept_for_a_while_and_never_too_many():
    study, taken = toy(num_steps=64 * 8)
    world = world_of(study, ToyEnvironment)
    for trajectory in range(3):
        assert world.states(trajectory, 0, 512) == taken[trajectory]
    assert len(world._chunks) == reentry.MOST_CHUNKS
    world._replayer.step = None  # what is kept needs no playing
    assert world.state(2, 500) == taken[2][500]


def test_threads_get_the_states_that_they_ask_for():
    study, taken = toy(num_steps=200)
    world, wrong = world_of(study, ToyEnvironment), []

    def ask(seed):
        rng = np.random.default_rng(seed)
        for trajectory, step in zip(rng.integers(0, 3, 60), rng.integers(0, 200, 60), strict=True):
            if world.state(int(trajectory), int(step)) != taken[trajectory][step]:
                wrong.append((trajectory, step))

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_study_has_one_world_which_is_closed_when_the_study_goes():
    made = []

    def make(**options):
        made.append(ToyEnvironment(**options))
        return made[-1]

    study, taken = toy()
    world = world_of(study, make)
    assert world_of(study) is world_of(study, make) is world
    assert world.state(0, 20) == taken[0][20]
    world.close()
    assert made[0].closed
    assert world.state(0, 20) == taken[0][20]  # made again
    del study
    gc.collect()
    assert all(environment.closed for environment in made)
    assert world not in reentry._worlds.values()


@pytest.mark.parametrize(
    ("trajectory", "step", "message"),
    [
        (3, 0, "trajectory must be from 0 to 2, and 3 came"),
        (-1, 0, "trajectory must be"),
        (0, 60, "step must be from 0 to 59, and 60 came"),
        (0, -1, "step must be from 0 to 59, and -1 came"),
    ],
)
def test_a_frame_that_is_not_there_is_refused(trajectory, step, message):
    with pytest.raises(ValueError, match=message):
        rlv.resume(toy()[0], trajectory, step, environment=ToyEnvironment)


def test_a_world_that_is_not_procgens_says_what_it_needs():
    with pytest.raises(ValueError, match=r"'shapes', which is no game of Procgen.*`environment`"):
        World(toy_study())


def test_a_study_that_does_not_know_its_worlds_options_is_refused():
    study, _ = toy()
    study.attrs.update(environment="coinrun", environment_options=json.dumps({"use_generated_assets": True}))
    with pytest.raises(ValueError, match="use_generated_assets=True"):
        World(study)


def test_a_world_that_shows_something_else_is_refused():
    study, _ = toy()
    study["observation"][:] = 7
    with pytest.raises(ValueError, match="shows another frame than the recorded one"):
        rlv.resume(study, 0, 20, environment=ToyEnvironment)


def test_without_states_the_episode_must_have_begun_in_the_rollout():
    study = without_states(toy()[0])
    study["first"][0, 0] = False
    with pytest.raises(ValueError, match="had begun before the rollout did"):
        rlv.resume(study, 0, 0, environment=ToyEnvironment)


@needs_procgen
def test_another_build_of_procgen_is_warned_about_and_used():
    with make_environment("maze", num_trajectories=1, seed=5) as environment:
        study, taken = recorded(environment, 8)
    study.attrs["environment_package"] = "procgen 0.10.7"
    with pytest.warns(UserWarning, match=r"recorded with procgen 0\.10\.7, and procgen-mirror 0\.10\.7 is installed"):
        world = world_of(study)
    assert world.state(0, 7) == taken[0][7]


def test_without_procgen_it_says_so(monkeypatch, tmp_path):
    study, _ = toy()
    study.attrs.update(environment="coinrun", environment_options="{}")
    monkeypatch.setenv("RLVISION_PROCGEN", str(tmp_path))
    with pytest.raises(ImportError, match="no Procgen"):
        rlv.resume(study, 0, 0)
