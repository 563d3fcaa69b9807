import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from rlvision_widgets.environments import binding, make_environment
from rlvision_widgets.environments.games import GAMES

HAS_PROCGEN = importlib.util.find_spec("procgen") is not None or "RLVISION_PROCGEN" in os.environ
needs_procgen = pytest.mark.skipif(
    not HAS_PROCGEN, reason="Procgen's wheels exist for Python 3.11 and 3.12 on Linux x86-64 only"
)
GAME_MODES = [(name, mode) for name, game in GAMES.items() for mode in game.modes]


def run_python(code, **environment):
    """Run `code` in a fresh process; return its output. Fails when the process does not end well."""
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, f"exit code {ended.returncode}\n{ended.stdout[-2000:]}\n{ended.stderr[-2000:]}"
    return ended.stdout


def random_actions(seed, num_steps, num_trajectories):
    return np.random.default_rng(seed).integers(0, 15, (num_steps, num_trajectories))


def assert_same(observed, expected):
    for name, ours, theirs in zip(observed._fields, observed, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=name)


@needs_procgen
def test_the_same_seed_gives_the_levels_and_states_that_procgen_gave_on_every_python():
    with make_environment("coinrun", num_trajectories=2, seed=1) as environment:
        for _ in range(5):
            observed = environment.step([7, 7])
        state = environment.get_state(0)
    assert observed.level_seed.tolist() == [1028862084, 1350755646]
    assert len(state) == 38927
    assert hashlib.md5(state).hexdigest() == "cb98c3a324a3fe3602f22154b1874cff"
    # pixels differ a little with the Qt inside the wheel, so only what every build shares is asked
    assert observed.observation.mean(axis=(1, 2, 3)) == pytest.approx([155.93, 139.20], abs=1)


@needs_procgen
@pytest.mark.parametrize(("game", "mode"), GAME_MODES)
def test_every_game_steps_in_every_mode(game, mode):
    with make_environment(game, num_trajectories=3, distribution_mode=mode, seed=2) as environment:
        start = environment.observe()
        for actions in random_actions(0, 12, 3):
            observed = environment.step(actions)
    assert observed.observation.shape == (3, 64, 64, 3)
    assert [array.dtype.name for array in observed] == ["uint8", "float32", "bool", "int32", "int32", "bool"]
    assert start.first.all()
    assert not np.array_equal(start.observation, observed.observation)
    if mode == "exploration":
        assert set(start.level_seed) == {GAMES[game].exploration_level}


@needs_procgen
@pytest.mark.parametrize("num_threads", [0, 2])
def test_act_and_observe_apart_are_a_step_whatever_the_number_of_threads(num_threads):
    with (
        make_environment("coinrun", num_trajectories=4, seed=5) as together,
        make_environment("coinrun", num_trajectories=4, seed=5, num_threads=num_threads) as apart,
    ):
        for actions in random_actions(1, 40, 4):
            expected = together.step(actions)
            apart.act(actions)
            assert_same(apart.observe(), expected)
            assert_same(apart.observe(copy=False), expected)
            assert apart.get_state(2) == together.get_state(2)


@needs_procgen
def test_observations_are_copies_unless_asked_otherwise():
    with make_environment("coinrun", num_trajectories=1, seed=5) as environment:
        kept, view = environment.observe(), environment.observe(copy=False)
        before = kept.observation.copy()
        for _ in range(5):
            environment.step([7])
        np.testing.assert_array_equal(kept.observation, before)
        np.testing.assert_array_equal(view.observation, environment.observe().observation)
        assert not np.array_equal(view.observation, before)


@needs_procgen
def test_a_reward_belongs_to_the_action_and_first_to_the_frame_that_opens_an_episode():
    with make_environment("maze", num_trajectories=16, distribution_mode="easy", seed=0, num_levels=200) as environment:
        level = environment.observe().level_seed
        completed = 0
        for actions in random_actions(3, 400, 16):
            observed = environment.step(np.array([1, 3, 5, 7])[actions % 4])
            np.testing.assert_array_equal(observed.reward, 10.0 * (observed.first & observed.previous_level_complete))
            np.testing.assert_array_equal(observed.level_seed[~observed.first], level[~observed.first])
            np.testing.assert_array_equal(observed.previous_level_seed, level)
            assert not observed.previous_level_complete[~observed.first].any()
            level, completed = observed.level_seed, completed + observed.previous_level_complete[observed.first].sum()
            assert ((level >= 0) & (level < 200)).all()
    assert completed > 10


@needs_procgen
@pytest.mark.parametrize("game", GAMES)
def test_a_state_restored_into_a_fresh_environment_replays_bit_for_bit(game):
    with make_environment(game, num_trajectories=2, distribution_mode="easy", seed=1) as source:
        for actions in random_actions(4, 40, 2):
            shown = source.step(actions)
        with make_environment(game, num_trajectories=2, distribution_mode="easy", seed=99) as fresh:
            for index in (0, 1):
                fresh.set_state(index, source.get_state(index))
            assert_same(fresh.observe(), shown)
            for actions in random_actions(5, 120, 2):
                assert_same(fresh.step(actions), source.step(actions))
            assert [fresh.get_state(i) for i in (0, 1)] == [source.get_state(i) for i in (0, 1)]


@needs_procgen
@pytest.mark.parametrize(
    ("game", "mode"),
    [
        ("coinrun", "easy"),
        ("coinrun", "hard"),
        ("maze", "memory"),
        ("dodgeball", "hard"),
        ("jumper", "easy"),
        ("climber", "hard"),
    ],
)
def test_load_level_opens_what_an_environment_with_that_one_level_opens(game, mode):
    with make_environment(game, num_trajectories=2, distribution_mode=mode, seed=3) as environment:
        for actions in random_actions(6, 30, 2):
            environment.step(actions)
        other, level = environment.get_state(0), environment.observe().level_seed[1]
        environment.load_level(1, 123456)
        opened = environment.observe()
        assert environment.get_state(0) == other
        assert (opened.level_seed[1], opened.previous_level_seed[1]) == (123456, level)
        assert (opened.first[1], opened.reward[1]) == (True, 0)
        options = {"distribution_mode": mode, "start_level": 123456, "num_levels": 1}
        with make_environment(game, num_trajectories=1, seed=7, **options) as alone:
            np.testing.assert_array_equal(opened.observation[1], alone.observe().observation[0])
            for action in random_actions(7, 60, 1):
                ours, theirs = environment.step([4, *action]), alone.step(action)
                assert (ours.reward[1], ours.first[1]) == (theirs.reward[0], theirs.first[0])
                if theirs.first[0]:
                    break
                np.testing.assert_array_equal(ours.observation[1], theirs.observation[0])


@needs_procgen
def test_after_a_loaded_level_the_levels_go_on_as_if_it_had_not_been_there():
    def levels_to_come(environment):
        seen = []
        while len(seen) < 3:
            observed = environment.step([7])
            seen += observed.level_seed[observed.first].tolist()
        return seen

    options = {"num_trajectories": 1, "seed": 8, "distribution_mode": "easy", "start_level": 50, "num_levels": 1000}
    with make_environment("coinrun", **options) as plain, make_environment("coinrun", **options) as loaded:
        loaded.load_level(0, 7_000_000)
        assert levels_to_come(loaded) == levels_to_come(plain)


@needs_procgen
def test_a_large_frame_shows_the_same_and_disturbs_nothing():
    with make_environment("coinrun", num_trajectories=2, seed=4) as environment:
        for actions in random_actions(8, 20, 2):
            observed = environment.step(actions)
        before = [environment.get_state(i) for i in (0, 1)]
        frame = environment.render(1)
        assert frame.shape == (512, 512, 3)
        assert frame.dtype == np.uint8
        small = frame.reshape(64, 8, 64, 8, 3).mean((1, 3))
        ours, other = (np.abs(small - observed.observation[i]).mean() for i in (1, 0))
        assert ours < 12 < other
        assert [environment.get_state(i) for i in (0, 1)] == before
        assert_same(environment.observe(), observed)


@needs_procgen
def test_options_are_complete_and_go_through_json():
    with make_environment(
        "coinrun", num_trajectories=1, seed=3, distribution_mode="easy", num_levels=np.int64(5)
    ) as environment:
        assert json.loads(json.dumps(environment.options)) == environment.options
        assert "seed" not in environment.options
        level = environment.observe().level_seed
        with make_environment("coinrun", num_trajectories=1, seed=3, **environment.options) as again:
            assert again.options == environment.options
            assert again.observe().level_seed == level
        assert environment.package.startswith("procgen")
        assert len(environment.action_names) == 15


BAD_OPTIONS = {
    "game": ("dict(name='coinrum')", "coinrun"),
    "several games": ("dict(name='coinrun,maze')", "unknown environment"),
    "empty game": ("dict(name='')", "unknown environment"),
    "game of another type": ("dict(name=3)", "an environment is a name"),
    "option": ("dict(paint_velocity=True)", "paint_vel_info"),
    "keyword": ("dict(num_trajectory=3)", "'num_trajectories'?"),
    "option of the library alone": ("dict(rand_seed=3)", "unknown option"),
    "mode": ("dict(distribution_mode='memory')", "easy"),
    "mode by number": ("dict(distribution_mode=1)", "unknown distribution_mode"),
    "flag by number": ("dict(center_agent=1)", "True or False"),
    "negative levels": ("dict(num_levels=-1)", "from 0"),
    "fractional levels": ("dict(num_levels=1.5)", "integer"),
    "negative start": ("dict(start_level=-1, num_levels=1)", "from 0"),
    "start without a number": ("dict(start_level=5)", "num_levels=1"),
    "levels beyond the last": ("dict(start_level=2**31-2, num_levels=2)", "at most"),
    "levels of exploration": ("dict(distribution_mode='exploration', num_levels=3)", "single fixed level"),
    "debug_mode": ("dict(debug_mode=-1)", "from 0"),
    "huge debug_mode": ("dict(debug_mode=2**31)", "from 0"),
    "no trajectories": ("dict(num_trajectories=0)", "from 1"),
    "too many trajectories": ("dict(num_trajectories=10**9)", "from 1"),
    "seed": ("dict(seed=-1)", "from 0"),
    "no seed": ("dict(seed=None)", "integer"),
    "threads": ("dict(num_threads=-1)", "from 0"),
}


@needs_procgen
def test_bad_options_are_refused_before_they_can_end_the_process():
    code = f"""
from rlvision_widgets.environments import make_environment
for what, (arguments, words) in {BAD_OPTIONS!r}.items():
    print("trying", what, flush=True)
    try:
        make_environment(**{{"name": "coinrun", "num_trajectories": 1, **eval(arguments)}})
    except (TypeError, ValueError) as error:
        assert words in str(error), (what, str(error))
    else:
        raise SystemExit(f"{{what}} was accepted")
with make_environment("coinrun", num_trajectories=1) as environment:
    environment.step([0])
print("alive")
"""
    assert run_python(code).endswith("alive\n")


@needs_procgen
def test_bad_actions_and_indices_are_refused():
    with make_environment("coinrun", num_trajectories=2) as environment:
        state = environment.get_state(0)
        for actions, error, words in [
            ([0, 15], ValueError, "trajectory 1 got 15"),
            ([-1, 0], ValueError, "trajectory 0 got -1"),
            ([2**40, 0], ValueError, "from 0 to 14"),
            ([0], ValueError, "shape"),
            ([[0, 0]], ValueError, "shape"),
            (3, ValueError, "shape"),
            ([0.0, 1.0], TypeError, "float64"),
            ([np.nan, 0], TypeError, "float64"),
            ([True, False], TypeError, "bool"),
            (["RIGHT", "LEFT"], TypeError, "integers"),
            (None, TypeError, "integers"),
        ]:
            with pytest.raises(error, match=words):
                environment.step(actions)
        for index, error in [(2, ValueError), (-1, ValueError), (0.0, TypeError), (True, TypeError), (None, TypeError)]:
            for call in (environment.get_state, environment.render, lambda i: environment.set_state(i, state)):
                with pytest.raises(error, match="the index of a trajectory"):
                    call(index)
        for seed in (-1, 2**31 - 1):
            with pytest.raises(ValueError, match="level_seed"):
                environment.load_level(0, seed)
        assert environment.get_state(0) == state


@needs_procgen
def test_a_closed_environment_says_so():
    environment = make_environment("coinrun", num_trajectories=1)
    environment.render(0)
    state = environment.get_state(0)
    environment.close()
    environment.close()
    for call in (
        environment.observe,
        lambda: environment.step([0]),
        lambda: environment.get_state(0),
        lambda: environment.set_state(0, state),
        lambda: environment.render(0),
        lambda: environment.load_level(0, 1),
    ):
        with pytest.raises(RuntimeError, match="closed"):
            call()


@needs_procgen
def test_generated_assets_have_no_states():
    with make_environment("coinrun", num_trajectories=1, use_generated_assets=True) as environment:
        environment.step([7])
        assert not environment.has_states
        for call in (environment.get_state, environment.render, lambda i: environment.load_level(i, 3)):
            with pytest.raises(RuntimeError, match="use_generated_assets"):
                call(0)


@needs_procgen
def test_threads_wait_for_one_another():
    with make_environment("coinrun", num_trajectories=4, seed=1, num_threads=2) as environment:
        failures = []

        def use(what):
            try:
                for _ in range(60):
                    what()
            except Exception as error:  # a thread's exception is otherwise only printed
                failures.append(error)

        def keep_and_restore():
            environment.set_state(1, environment.get_state(1))

        calls = (
            lambda: environment.step([7] * 4),
            lambda: environment.step([1] * 4),
            keep_and_restore,
            lambda: environment.act([7] * 4),
            lambda: environment.load_level(2, 9),
            environment.observe,
        )
        threads = [threading.Thread(target=use, args=(call,)) for call in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failures


def test_importing_loads_no_library_and_a_game_imports_no_gym():
    code = """
import sys
import rlvision_widgets.environments
maps = open("/proc/self/maps").read() if sys.platform == "linux" else ""
assert "libenv" not in maps
heavy = {"gym", "gym3", "procgen", "gymnasium", "torch", "cffi", "sklearn"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    if HAS_PROCGEN:
        code += """
rlvision_widgets.environments.make_environment("maze", num_trajectories=1).close()
assert "libenv" in open("/proc/self/maps").read()
assert not (heavy - {"cffi"}) & set(sys.modules)
"""
    run_python(code)


def test_without_procgen_the_error_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.delenv("RLVISION_PROCGEN", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"3\.11 and 3\.12.*`procgen` extra.*open a saved study"):
        make_environment("coinrun")
    monkeypatch.setenv("RLVISION_PROCGEN", str(tmp_path))
    with pytest.raises(ImportError, match="RLVISION_PROCGEN"):
        make_environment("coinrun")


def procgen_folder(folder, *, pictures=True):
    (folder / "data" / "prebuilt").mkdir(parents=True)
    (folder / "data" / "prebuilt" / "libenv.so").write_text("no library")
    for name in ("kenney", "misc_assets", "space_backgrounds") if pictures else ():
        (folder / "data" / "assets" / name).mkdir(parents=True)
    return folder


def test_a_library_that_does_not_load_names_the_system_packages(tmp_path):
    with pytest.raises(ImportError, match=r"apt install libgl1 libglib2\.0-0"):
        make_environment("coinrun", directory=procgen_folder(tmp_path))


def test_missing_pictures_are_noticed_before_they_end_the_process(tmp_path):
    with pytest.raises(ImportError, match="kenney"):
        make_environment("coinrun", directory=procgen_folder(tmp_path, pictures=False))


@needs_procgen
def test_an_unpacked_wheel_in_a_folder_will_do(tmp_path, monkeypatch):
    found = binding.find_installation()
    wheel = tmp_path / "wheel"
    wheel.mkdir()
    (wheel / "procgen").symlink_to(found.library.parents[2])
    assert binding.find_installation(wheel).library == found.library.resolve()
    monkeypatch.setenv("RLVISION_PROCGEN", str(wheel / "procgen"))
    with make_environment("coinrun", num_trajectories=1) as environment:
        assert environment.package == found.package
