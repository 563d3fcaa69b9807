import numpy as np
import pytest
import toy
import xarray as xr

from rlvision_widgets.analysis.moments import advantages, bookmarks, episodes

GAMMA, LAM = 0.9, 0.8


def random_rollout(shape=(3, 40), seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape), rng.normal(size=shape), rng.random(shape) < 0.15, rng.normal(size=shape[:-1])


def by_definition(value, reward, first, final_value):
    """Sum the discounted deltas of one trajectory forwards, up to the end of the episode."""
    num_steps = len(value)
    following = np.append(value[1:], final_value)
    opens = np.append(first[1:], False)
    delta = reward + GAMMA * np.where(opens, 0, following) - value
    result = np.zeros(num_steps)
    for start in range(num_steps):
        for step in range(start, num_steps):
            result[start] += (GAMMA * LAM) ** (step - start) * delta[step]
            if opens[step]:
                break
    return result


def test_advantages_are_discounted_sums_of_deltas_within_the_episode():
    value, reward, first, final_value = random_rollout()
    found = advantages(value, reward, first, GAMMA, LAM, final_value)
    for row in range(len(value)):
        expected = by_definition(value[row], reward[row], first[row], final_value[row])
        np.testing.assert_allclose(found[row], expected, atol=1e-12)


def test_closed_form_for_a_constant_value_and_one_reward_at_the_end():
    num_steps, constant, prize = 20, 4.0, 10.0
    value, reward, first = np.full(num_steps, constant), np.zeros(num_steps), np.zeros(num_steps, bool)
    reward[-1] = prize
    found = advantages(value, reward, first, GAMMA, LAM, final_value=0.0)
    left = np.arange(num_steps)[::-1]  # steps until the last one
    ratio = GAMMA * LAM
    expected = (GAMMA - 1) * constant * (1 - ratio**left) / (1 - ratio) + ratio**left * (prize - constant)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_lambda_one_is_the_return_minus_the_value_and_lambda_zero_is_delta():
    value, reward, first, final_value = random_rollout((25,))
    first[:] = False
    returns, following = np.empty(25), final_value
    for step in reversed(range(25)):
        following = returns[step] = reward[step] + GAMMA * following
    np.testing.assert_allclose(advantages(value, reward, first, GAMMA, 1.0, final_value), returns - value, atol=1e-12)
    delta = reward + GAMMA * np.append(value[1:], final_value) - value
    np.testing.assert_allclose(advantages(value, reward, first, GAMMA, 0.0, final_value), delta, atol=1e-12)


def test_without_a_final_value_only_the_last_step_is_unknown():
    value, reward, first, _ = random_rollout()
    unknown = advantages(value, reward, first)
    assert np.isnan(unknown[:, -1]).all()
    assert np.isfinite(unknown[:, :-1]).all()
    articles = advantages(value, reward, first, final_value="zero")
    assert (articles[:, -1] == 0).all()
    np.testing.assert_array_equal(articles[:, :-1], unknown[:, :-1])


def test_an_episode_does_not_see_the_next_one():
    value, reward, first, final_value = random_rollout((30,))
    first[:] = False
    first[12] = True
    changed = value.copy(), reward.copy()
    for array in changed:
        array[12:] += 100
    before = advantages(value, reward, first, final_value=final_value)
    after = advantages(*changed, first, final_value=final_value)
    np.testing.assert_array_equal(before[:12], after[:12])
    assert (before[12:] != after[12:]).all()


def test_leading_dims_and_dtype_are_kept():
    value, reward, first, final_value = random_rollout((2, 3, 7))
    found = advantages(value.astype(np.float32), reward, first, final_value=final_value)
    assert found.shape == (2, 3, 7)
    assert found.dtype == np.float32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reward": np.zeros(4)}, "one shape"),
        ({"final_value": "nought"}, "'zero'"),
        ({"final_value": np.zeros(2)}, "one number per trajectory"),
    ],
)
def test_wrong_arguments_are_refused(change, message):
    arguments = {"value": np.zeros(5), "reward": np.zeros(5), "first": np.zeros(5, bool), **change}
    with pytest.raises(ValueError, match=message):
        advantages(**arguments)


def test_a_wrong_keyword_names_the_right_one():
    with pytest.raises(TypeError, match="'final_value'"):
        advantages(np.zeros(5), np.zeros(5), np.zeros(5, bool), finalvalue=0)


def test_episodes_cover_every_step_once(study):
    table = episodes(study)
    for trajectory, rows in table.groupby("trajectory"):
        assert rows["start"].iloc[0] == 0
        assert rows["stop"].iloc[-1] == study.sizes["step"]
        assert (rows["start"].values[1:] == rows["stop"].values[:-1]).all()
        for row in rows.itertuples():
            steps = slice(row.start, row.stop)
            assert (study["episode"][trajectory, steps] == row.episode).all()
            assert (study["level_seed"][trajectory, steps] == row.level_seed).all()
            assert bool(study["completed"][trajectory, row.stop - 1]) == (row.outcome == "completed")
    assert table["return"].sum() == study["reward"].values.sum()
    assert set(table["outcome"]) == {"completed", "failed", "unfinished"}
    assert (table.groupby("trajectory")["outcome"].last() == "unfinished").all()


def small_rollout(advantage, first, completed=None, final_first=(False,), level_seed=0):
    advantage, first = np.atleast_2d(advantage).astype(np.float32), np.atleast_2d(first).astype(bool)
    completed = np.zeros_like(first) if completed is None else np.atleast_2d(completed).astype(bool)
    dims = "trajectory", "step"
    return xr.Dataset(
        {
            "advantage": (dims, advantage),
            "first": (dims, first),
            "completed": (dims, completed),
            "reward": (dims, 10 * completed.astype(np.float32)),
            "final_first": ("trajectory", np.array(final_first)),
        },
        coords={"level_seed": (dims, np.full(first.shape, level_seed, np.int32))},
    )


def test_the_outcome_of_the_last_episode():
    first, last = [1, 0, 1, 0], [0, 0, 0, 1]
    zero = np.zeros(4)
    assert list(episodes(small_rollout(zero, first))["outcome"]) == ["failed", "unfinished"]
    assert list(episodes(small_rollout(zero, first, final_first=[True]))["outcome"]) == ["failed", "failed"]
    assert list(episodes(small_rollout(zero, first, last, [True]))["outcome"]) == ["failed", "completed"]
    # a world without levels says that an episode ended, not how
    assert list(episodes(small_rollout(zero, first, level_seed=-1))["outcome"]) == ["ended", "unfinished"]


def test_bookmarks_are_the_extreme_steps_of_each_episode():
    #          episode 0         1        2, unfinished
    advantage = [0.1, -0.5, 0.3, 2.0, 1.0, -3.0, -1.0, np.nan]
    first = [1, 0, 0, 1, 0, 1, 0, 0]
    found = bookmarks(small_rollout(advantage, first))
    highs, lows = found[found["kind"] == "high"], found[found["kind"] == "low"]
    assert list(highs["step"]) == [3, 2]  # the last episode has nothing to be glad of
    assert list(lows["step"]) == [5, 1]
    assert list(lows["truncated"]) == [True, False]
    np.testing.assert_allclose(found["advantage"], [2.0, 0.3, -3.0, -0.5])


def test_bookmarks_are_one_per_episode_sorted_and_limited(study):
    for count in (2, 16):
        found = bookmarks(study, count)
        for kind, sign in (("high", 1), ("low", -1)):
            rows = found[found["kind"] == kind]
            assert 0 < len(rows) <= count
            assert not rows.duplicated(["trajectory", "episode"]).any()
            strength = sign * rows["advantage"].to_numpy()
            assert (strength > 0).all()
            assert (np.diff(strength) <= 0).all()
            for row in rows.itertuples():
                mine = study["episode"][row.trajectory] == row.episode
                own = study["advantage"][row.trajectory].values[mine]
                assert sign * row.advantage == (sign * own).max()


def test_without_advantages_there_are_no_bookmarks(study):
    found = bookmarks(study.to_dataset().drop_vars("advantage"))
    assert len(found) == 0
    assert list(found.columns) == list(bookmarks(study).columns)


def test_the_helper_study_is_deterministic(study):
    xr.testing.assert_identical(toy.toy_study(), study)
