import inspect

import numpy as np
import pytest
import xarray as xr
from test_environments import needs_procgen
from test_reentry import episode_stop, recorded, toy, without_states
from toy import ToyEnvironment, toy_agent, toy_study

import rlvision_widgets as rlv
from rlvision_widgets import schema
from rlvision_widgets.analysis.branches import Fork, grow
from rlvision_widgets.analysis.moments import episodes
from rlvision_widgets.analysis.paired import wilson_interval
from rlvision_widgets.analysis.progress import Cancelled
from rlvision_widgets.analysis.reentry import world_of
from rlvision_widgets.changes import watch
from rlvision_widgets.environments import make_environment
from rlvision_widgets.environments.games import GAMES


def walker(frames):
    """Goes right more often than not, and values brightness."""
    logits = np.tile(np.float32([0, 0.5, 1]), (len(frames), 1))
    return logits, frames.mean((1, 2, 3), dtype=np.float32)


def runner(frames):
    """Runs and jumps to the right."""
    logits = np.tile(np.float32(5) * np.isin(np.arange(15), [7, 8]), (len(frames), 1))
    return logits, frames.mean((1, 2, 3), dtype=np.float32)


@pytest.fixture
def study():
    with ToyEnvironment(3, seed=4) as environment:
        study, _ = recorded(environment, 60, 16, walker)
    world_of(study, ToyEnvironment)
    return study


@pytest.fixture(scope="module")
def coinrun():
    with make_environment("coinrun", num_trajectories=3, seed=5) as environment:
        return recorded(environment, 250, 64, runner)[0]


def play(study, trajectory=0, step=20, agent=walker, **options):
    return rlv.branch(agent, study, trajectory, step, progress=False, **{"num_branches": 6, "num_steps": 12, **options})


def check_same_as_recorded(branches, study, trajectory, step):
    """One branch is what the rollout was, to the end of the episode."""
    stop = min(episode_stop(study, trajectory, step), step + branches.sizes["branch_step"])
    taken = stop - step
    then = study.to_dataset().isel(trajectory=trajectory, step=slice(step, stop))
    here = branches.isel(branch=0, branch_step=slice(0, taken))
    assert branches["num_taken"][0] == taken
    for name in ("observation", "action", "reward", "value", "completed"):
        np.testing.assert_array_equal(here[name], then[name], err_msg=name)
    np.testing.assert_array_equal(here["policy_logits"], then["policy_logits"])


@pytest.mark.parametrize("step", [0, 15, 16, 30, 59])
def test_with_nothing_changed_a_branch_is_the_rollout_to_the_bit(study, step):
    for trajectory in range(3):
        branches = play(study, trajectory, step, actions="recorded", num_steps=min(12, 60 - step))
        schema.check(branches, schema.BRANCH)
        check_same_as_recorded(branches, study, trajectory, step)


def test_with_the_noise_of_the_rollout_the_agent_itself_repeats_it(study):
    for trajectory in range(3):
        check_same_as_recorded(play(study, trajectory, 17, keep_noise=True), study, trajectory, 17)
        assert (play(study, trajectory, 17)["action"] != play(study, trajectory, 17, keep_noise=True)["action"]).any()


@needs_procgen
@pytest.mark.parametrize("kept", [True, False])
def test_a_fork_of_procgen_with_nothing_changed_is_the_rollout_to_the_bit(coinrun, kept):
    study = coinrun if kept else without_states(coinrun)
    for trajectory, step in ((0, 10), (1, 100), (2, 180)):
        stop = episode_stop(study, trajectory, step)
        for options in ({"actions": "recorded"}, {"keep_noise": True}):
            options["num_steps"] = min(60, stop - step)
            branches = play(study, trajectory, step, runner, num_branches=2, **options)
            check_same_as_recorded(branches, study, trajectory, step)


@needs_procgen
@pytest.mark.parametrize("game", GAMES)
def test_in_every_game_the_first_branch_repeats_the_rollout_and_each_end_has_a_cause(game):
    with make_environment(game, num_trajectories=1, seed=7, distribution_mode="easy") as environment:
        study, _ = recorded(environment, 110, 64, runner)
    branches = play(study, 0, 40, runner, num_branches=4, num_steps=60, keep_noise=True)
    check_same_as_recorded(branches, study, 0, 40)
    np.testing.assert_array_equal(branches["cause"] != "", branches["ended"].any("branch_step"))


def test_branches_depend_on_the_seed_and_on_their_number_alone(study):
    six = play(study, 1, seed=3)
    xr.testing.assert_identical(six, play(study, 1, seed=3))
    xr.testing.assert_equal(
        six.isel(branch=slice(2)), play(study, 1, seed=3, num_branches=2)[list(six)].pipe(rates, six)
    )
    assert (six["action"] != play(study, 1, seed=4)["action"]).any()
    assert (six["action"][0] != six["action"][1]).any()


def rates(few, many):
    """Give few branches the survival of many: it is about all of them."""
    return few.assign({name: many[name] for name in few if name.startswith("survival")})


def test_a_network_plays_branches_side_by_side_as_one_by_one(study):
    agent = toy_agent()
    many = play(study, 2, agent=agent, num_branches=5, num_steps=10)
    for number in (1, 3):
        alone = play(study, 2, agent=agent, num_branches=number, num_steps=10)
        np.testing.assert_array_equal(many["action"][:number], alone["action"])
        np.testing.assert_array_equal(many["observation"][:number], alone["observation"])
        np.testing.assert_allclose(many["value"][:number], alone["value"], rtol=1e-4, atol=1e-5)
    assert many.attrs["checkpoint"] == agent.checkpoint
    assert many.attrs["agent"] == "toy agent"


@pytest.mark.parametrize("actions", [[1, 1], ["NOOP", "NOOP"], [np.int64(1), "NOOP"]])
def test_the_first_actions_can_be_given_and_the_noise_after_them_stays(study, actions):
    free, forced = play(study, num_branches=20), play(study, num_branches=20, actions=actions)
    assert (forced["action"][:, :2] == 1).all()
    assert forced.attrs["actions"] == "1 1"
    same = ((free["action"][:, :2] == 1).all("branch_step")).values
    assert same.any()
    assert not same.all()
    np.testing.assert_array_equal(forced["action"].values[same], free["action"].values[same])


def test_actions_may_come_one_by_one(study):
    xr.testing.assert_identical(play(study, actions=iter([2, 2])), play(study, actions=[2, 2]))


def test_actions_that_the_agent_lacks_have_names_too(study):
    def left_or_stay(frames):
        return np.zeros((len(frames), 2), np.float32), None

    left_or_stay.action_names = ("back", "stay")
    found = play(study, agent=left_or_stay, actions=[2, 2], num_steps=4)
    assert found.attrs["action_names"] == ["back", "stay", study.attrs["action_names"][2]]
    assert play(study, agent=left_or_stay).attrs["action_names"] == ["back", "stay"]


def test_a_branch_stops_with_its_episode(study):
    branches = play(study, num_branches=30, num_steps=30)
    taken = branches["num_taken"].values
    assert (branches["ended"].sum("branch_step") == 1).all()  # its clock has 12 ticks
    assert len(set(taken)) > 1
    for number, count in enumerate(taken):
        one = branches.isel(branch=number)
        assert one["ended"][count - 1]
        np.testing.assert_array_equal(one["alive"], np.arange(31) < count)
        np.testing.assert_array_equal(one["action"] == -1, np.arange(30) >= count)
        for name in ("reward", "value", "policy_logits"):
            assert np.isnan(one[name][count:]).all()
            assert np.isfinite(one[name][:count]).all()
        assert (one["observation"][count:] == one["observation"][count - 1]).all()
        assert one["cause"] == ("completed" if one["reward"][count - 1] == 10 else "ended")
        assert one["completed"].any() == (one["reward"][count - 1] == 10)


@needs_procgen
def test_a_branch_of_procgen_ends_with_a_cause_and_its_terminal_frame(coinrun):
    table = episodes(coinrun)
    failed = table[table["outcome"] == "failed"].iloc[0]
    step = max(int(failed["stop"]) - 12, int(failed["start"]))
    branches = play(coinrun, int(failed["trajectory"]), step, runner, num_steps=20, actions="recorded")
    taken = int(branches["num_taken"][0])
    assert taken == failed["stop"] - step < 20
    assert str(branches["cause"].values[0]) in {"saw", "lava", "enemy moving left", "enemy moving right"}
    frames = branches["observation"][0].values
    assert (frames[taken:] == frames[taken]).all()
    assert not np.array_equal(frames[taken], frames[taken - 1])
    next_level = coinrun["observation"][int(failed["trajectory"]), int(failed["stop"])].values
    moved = (frames[taken].astype(int) != frames[taken - 1]).mean()
    assert moved < (next_level.astype(int) != frames[taken - 1]).mean()


@needs_procgen
def test_edits_change_the_world_of_a_branch_and_nothing_else(coinrun):
    table = rlv.objects(coinrun, None, slice(0, 250, 10))
    saw = table[(table["object_class"] == "saw") & (table["visible_pixels"] > 0)].iloc[0]
    place = int(saw["trajectory"]), int(saw["step"])
    options = {"actions": "recorded", "num_branches": 2, "num_steps": 3}
    edits = [rlv.Remove("saw", at=(float(saw["x"]), float(saw["y"])))]
    removed, hidden = (play(coinrun, *place, runner, edits=e, **options) for e in (edits, [rlv.Hide("saw")]))
    same = play(coinrun, *place, runner, edits=(), **options)
    assert (removed["observation"][0, 0] != same["observation"][0, 0]).any()
    assert removed.attrs["edits"] == rlv.edits_to_json(edits)
    assert removed.attrs["described"].startswith("saw at")
    assert "hidden" in hidden.attrs["described"]
    assert (same.attrs["edits"], same.attrs["described"]) == ("[]", "")
    with pytest.raises(ValueError, match="cheese"):
        play(coinrun, *place, runner, edits=[rlv.Remove("cheese")])


def test_survival_is_a_share_that_never_rises_with_wilsons_band(study):
    branches = play(study, num_branches=40, num_steps=20)
    curve = rlv.survival(branches)
    share = curve["survival"].values
    assert share[0] == 1
    assert (np.diff(share) <= 0).all()
    assert 0 < share[-1] < 1
    for step, failed in enumerate(curve["num_failed"].values):
        low, high = wilson_interval(40 - int(failed), 40)
        assert (curve["survival_low"][step], curve["survival_high"][step]) == (low, high)
        assert low <= share[step] <= high
    completed = (branches["cause"] == "completed").sum()
    assert curve["num_completed"][-1] == completed > 0
    assert curve["num_failed"][-1] == (branches["cause"] == "ended").sum()
    np.testing.assert_array_equal(curve["num_alive"], branches["alive"].sum("branch"))
    total = curve["num_alive"] + curve["num_failed"] + curve["num_completed"]
    assert (total == 40).all()
    for name in ("survival", "survival_low", "survival_high"):
        np.testing.assert_array_equal(branches[name], curve[name].astype(np.float32))
    wide = rlv.survival(branches, confidence=0.999)
    assert (wide["survival_low"] <= curve["survival_low"]).all()


def test_an_agent_with_a_memory_remembers_the_episode(study):
    def counter(frames, state, first):
        count = np.where(first, 0, 0 if state is None else state + 1)
        return np.tile(np.float32([0, 0.5, 1]), (len(frames), 1)), count.astype(np.float32), count

    counter.recurrent = True
    for trajectory, step in ((0, 20), (1, 0), (2, 33)):
        branches = play(study, trajectory, step, counter, num_branches=9)
        opens = np.flatnonzero(study["first"].values[trajectory, : step + 1])[-1]
        for one, taken in zip(branches["value"].values, branches["num_taken"].values, strict=True):
            np.testing.assert_array_equal(one[:taken], step - opens + np.arange(taken))
            assert np.isnan(one[taken:]).all()


def test_an_agent_without_a_value_branches_too(study):
    branches = play(study, agent=lambda frames: (walker(frames)[0], None))
    assert "value" not in branches
    schema.check(branches, schema.BRANCH)


def test_branches_are_kept_by_name_and_saved_with_the_study(study, tmp_path):
    told = []
    end = watch(lambda changed: told.append(changed is study))
    kept = play(study, name="what/if?")
    play(study, 1, 3, name="other", num_branches=2)
    assert rlv.branch_names(study) == ["what/if?", "other"]
    assert told == [True, True]
    schema.check(study)
    rlv.save_study(study, tmp_path / "study.zarr")
    opened = rlv.open_study(tmp_path / "study.zarr")
    assert sorted(rlv.branch_names(opened)) == ["other", "what/if?"]
    node = next(node for node in opened["branches"].children.values() if node.attrs["name"] == "what/if?")
    assert node.attrs == kept.attrs
    for name, array in kept.items():
        np.testing.assert_array_equal(node[name].values.astype(array.dtype), array, err_msg=name)
    xr.testing.assert_identical(rlv.survival(node), rlv.survival(kept))
    play(study, 2, 5, name="other", num_branches=3)
    assert study["branches/other"].sizes["branch"] == 3
    rlv.remove_branch(study, "what/if?")
    assert rlv.branch_names(study) == ["other"]
    assert told == [True] * 4
    with pytest.raises(ValueError, match="Did you mean 'other'"):
        rlv.remove_branch(study, "othr")
    end()


def test_an_interrupt_or_a_cancelled_fork_leaves_the_study_as_it_was(study):
    calls = []

    def impatient(frames):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return walker(frames)

    with pytest.raises(KeyboardInterrupt):
        play(study, agent=impatient, name="never")
    told = []
    with pytest.raises(Cancelled):
        grow(walker, study, Fork(0, 20), lambda *stage: told.append(stage), lambda: len(told) == 3)
    assert told[-1] == ("branches", 3, 50)
    assert rlv.branch_names(study) == []
    check_same_as_recorded(play(study, actions="recorded"), study, 0, 20)
    grow(walker, study, Fork(0, 20), lambda *stage: told.append(stage))
    assert told[-1] == ("branches", 50, 50)  # though all have ended before that


def test_branches_may_start_elsewhere(study):
    start = world_of(study).state(2, 40)
    elsewhere = grow(walker, study, Fork(0, 0, 4, 10), start=start)
    np.testing.assert_array_equal(elsewhere["observation"][:, 0], np.tile(study["observation"][2, 40], (4, 1, 1, 1)))
    fork = Fork(1, 30, 1, 5, keep_noise=True)
    later = grow(walker, study, fork, start=world_of(study).state(1, 33), presses=3)
    taken = min(int(later["num_taken"][0]), 5)
    np.testing.assert_array_equal(later["action"][0, :taken], study["action"][1, 33 : 33 + taken])


WRONG = {
    "step": ({"step": 60}, ValueError, "step must be from 0 to 59"),
    "trajectory": ({"trajectory": 3}, ValueError, "trajectory must be from 0 to 2"),
    "no branches": ({"num_branches": 0}, ValueError, "num_branches must be from 1 to"),
    "half a branch": ({"num_branches": 1.5}, TypeError, "num_branches must be an integer"),
    "no steps": ({"num_steps": 0}, ValueError, "num_steps must be from 1 to"),
    "too much": (
        {"num_branches": 4000, "num_steps": 1000},
        ValueError,
        "4000 branches of 1000 steps are 4000000 frames",
    ),
    "seed": ({"seed": -1}, ValueError, "seed must be from 0 to"),
    "half a step": ({"step": 1.5}, TypeError, "step must be an integer"),
    "action": ({"actions": ["RIHGT"]}, ValueError, "Did you mean 'RIGHT'"),
    "number of an action": ({"actions": [3]}, ValueError, "from 0 to 2, and 3 came"),
    "actions": ({"actions": "record"}, ValueError, "'recorded', a list of actions or None, and 'record' came"),
    "one action": ({"actions": 1}, TypeError, r"actions must be a list of actions, such as \[7, 7, 8\], and 1 came"),
    "too many actions": ({"actions": [1] * 13}, ValueError, "13 actions came, and num_steps is 12"),
    "edits": ({"edits": [{"kind": "remove", "what": "saw"}]}, ValueError, "Procgen's games, and .* 'toy'"),
    "kind of edit": ({"edits": [{"kind": "remov", "what": "saw"}]}, ValueError, "Did you mean 'remove'"),
    "name": ({"name": "two\nlines"}, ValueError, "a branch's name is a line of text"),
    "keyword": ({"num_branch": 3}, TypeError, "Did you mean 'num_branches'"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_be_is_refused(study, wrong):
    options, error, message = WRONG[wrong]
    with pytest.raises(error, match=message):
        play(study, **options)
    assert rlv.branch_names(study) == []


def test_more_actions_than_the_world_has_are_refused(study):
    with pytest.raises(ValueError, match=r"5 actions .* the world has 3"):
        play(study, agent=lambda frames: (np.zeros((len(frames), 5), np.float32), None))


def test_a_study_whose_world_is_unknown_says_what_it_needs():
    with pytest.raises(ValueError, match="`environment`"):
        play(toy_study())
    fresh, _ = toy()
    assert play(fresh, environment=ToyEnvironment).sizes["branch"] == 6
    with pytest.raises(ValueError, match="no variable 'ended'"):
        rlv.survival(fresh.to_dataset())


def test_the_defaults_are_those_of_a_fork():
    ours, theirs = inspect.signature(rlv.branch).parameters, inspect.signature(Fork).parameters
    assert {name: ours[name].default for name in theirs} == {name: one.default for name, one in theirs.items()}
