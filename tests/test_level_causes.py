"""Causes of levels that nobody recorded: what a replay says is what the state says in which the level really ended."""

import numpy as np
import pytest
from test_environments import needs_procgen
from test_reentry import recorded

import rlvision_widgets as rlv
from rlvision_widgets.analysis.evaluation import evaluate
from rlvision_widgets.analysis.level_causes import LevelExplainer
from rlvision_widgets.environments.endings import explain_end

pytestmark = needs_procgen
EASY = {"distribution_mode": "easy"}


def runner(observations):
    """Mostly run right, and jump."""
    return np.tile(np.where(np.isin(np.arange(15), (7, 8)), 3.0, 0).astype(np.float32), (len(observations), 1)), None


def wanderer(observations):
    """Act at random."""
    return np.zeros((len(observations), 15), np.float32), None


def watched(worlds, ends):
    """Keep the state before the last action of each level, and that action, as it is really played."""
    step = worlds.step

    def record(actions):
        before, states = worlds.observe(), [worlds.get_state(index) for index in range(worlds.num_trajectories)]
        after = step(actions)
        for index in np.flatnonzero(after.first):
            ends.setdefault(int(before.level_seed[index]), (states[index], int(actions[index])))
        return after

    worlds.step = record
    return worlds


@pytest.mark.parametrize(
    ("game", "edits", "policy"),
    [
        ("coinrun", [], runner),
        ("coinrun", [rlv.Hide("enemy"), rlv.Hide("saw")], runner),
        ("coinrun", [rlv.Place("coin")], runner),
        ("fruitbot", [], wanderer),
    ],
)
def test_a_cause_is_that_of_the_state_in_which_the_level_really_ended(game, edits, policy):
    ends = {}
    with (
        rlv.make_environment(game, num_trajectories=4, **EASY) as worlds,
        rlv.make_environment(game, num_trajectories=1, **EASY) as spare,
    ):
        played = watched(rlv.edited_environment(worlds, edits) if edits else worlds, ends)
        result = evaluate(policy, 10, 3, environment=played, progress=False)
        for level, cause, success in zip(
            result["level_seed"].values.tolist(), result["cause"].values[0], result["success"].values[0], strict=True
        ):
            proven = explain_end(spare, *ends[level], check=True)
            if game == "coinrun" and success:
                assert cause == "coin" in proven.causes
            else:
                assert cause == proven.cause
                assert proven.sufficient in (True, None)
    assert len(set(result["cause"].values[0])) > (game == "coinrun")


def test_causes_are_those_of_a_study_that_recorded_the_same_episodes():
    with rlv.make_environment("coinrun", num_trajectories=6, seed=5, **EASY) as worlds:
        study, _ = recorded(worlds, 250, 64, runner)

    def make():
        return rlv.make_environment("coinrun", num_trajectories=1, **EASY)

    explainer, actions = LevelExplainer(make, make), study["action"].values.astype(np.uint8)
    table, first = rlv.endings(study, progress=False), study["first"].values
    for row in table.itertuples():
        start = np.flatnonzero(first[row.trajectory, : row.step + 1])[-1]
        played = actions[row.trajectory, start : row.step + 1].tobytes()
        assert explainer(row.level_seed, played, row.completed) == row.cause
    explainer.close()
    assert len(table) > 10
    assert {"coin", "saw"} <= set(table["cause"])


def test_a_replay_that_ends_nothing_is_not_explained():
    def make():
        return rlv.make_environment("coinrun", num_trajectories=1, **EASY)

    explainer = LevelExplainer(make, make)
    assert explainer(5, bytes([4, 4, 4]), False) == "unexplained"
    assert explainer(5, bytes([4, 4, 4]), True) == "coin"
    explainer.close()
    explainer.close()


def test_a_level_that_nobody_wins_ends_by_the_clock():
    def idle(observations):
        return np.tile(np.where(np.arange(15) == 4, 99.0, 0).astype(np.float32), (len(observations), 1)), None

    environment = {"name": "maze", **EASY}
    result = evaluate(idle, 2, environment=environment, progress=False)
    assert set(result["cause"].values[0]) == {"timeout"}
    assert not result["success"].any()


def test_without_causes_there_are_none():
    result = evaluate(runner, 3, environment={"name": "coinrun", **EASY}, causes=False, progress=False)
    assert set(result["cause"].values[0]) == {""}
