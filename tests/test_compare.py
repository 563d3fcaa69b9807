"""Trajectories beside each other: what is aligned with what, where they part, and the view's Python side."""

import base64
import json
import re
import zlib

import numpy as np
import pandas as pd
import pytest
import toy
import traitlets
import xarray as xr

from rlvision_widgets.analysis.rollout import collect_rollout
from rlvision_widgets.snapshot import save_snapshot
from rlvision_widgets.widgets import Compare, Explorer
from rlvision_widgets.widgets.alignment import EVENTS, Member, Track, align, choices, common_levels
from rlvision_widgets.widgets.divergence import divergences, overlap, policy_distance
from rlvision_widgets.widgets.source import StudySource

STATES = ("env_state", "env_state_size", "keyframe_step")


def walker(drift, name="walker"):
    """An agent that sees nothing and tends to the right (above 0) or to the left."""

    def act(observations):
        logits = np.tile(np.array([-drift, 0, drift], np.float32), (len(observations), 1))
        return logits, observations.mean((1, 2, 3)).astype(np.float32) / 25

    act.name, act.action_names = name, toy.ToyEnvironment.action_names
    return act


def recorded(drift=0.5, *, seed=1, levels=0, num_steps=40, name="walker"):
    """A study of a walk: equal `levels` give equal levels, whatever `seed` samples."""
    with toy.ToyEnvironment(2, seed=levels) as worlds:
        rollout = collect_rollout(walker(drift, name), worlds, num_steps=num_steps, seed=seed, progress=False)
    return xr.DataTree.from_dict({"/": rollout.drop_vars(list(STATES)).drop_vars("keyframe", errors="ignore")})


@pytest.fixture(scope="module")
def walks():
    return recorded(seed=1), recorded(seed=2, num_steps=70)


def members_of(*studies, trajectories=None):
    sources = [StudySource(study) for study in studies]
    places = enumerate(trajectories or [0] * len(sources))
    several = len(sources) > 1
    return [Member(i if several else 0, k, sources[i if several else 0]) for i, k in places]


# -- alignment ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", ["step", "level", *EVENTS, [3, 30]])
def test_shared_and_own_steps_are_each_other_s_inverse_and_every_own_step_comes_once(walks, at):
    members = members_of(*walks)
    found = align(members, at)
    for member, track in zip(members, found.tracks, strict=True):
        assert 0 <= track.start < track.stop <= member.source.num_steps
        own = [track.member_step(shared) for shared in range(found.num_steps)]
        kept = [step for step in own if step is not None]
        assert kept == list(range(track.start, track.stop))
        assert [track.shared_step(step) for step in kept] == [i for i, step in enumerate(own) if step is not None]
    present = [any(t.member_step(i) is not None for t in found.tracks) for i in range(found.num_steps)]
    assert all(present[:1] + present[-1:])


def test_the_same_step_leaves_steps_as_they_are_and_a_shorter_trajectory_ends(walks):
    found = align(members_of(*walks), "step")
    assert found.tracks == (Track(0, 40, 0), Track(0, 70, 0))
    assert (found.num_steps, found.zero) == (70, 0)
    assert [track.member_step(39) for track in found.tracks] == [39, 39]
    assert [track.member_step(40) for track in found.tracks] == [None, 40]


def test_a_level_starts_for_all_at_once_and_ends_with_its_episode(walks):
    members = members_of(*walks)
    seed, count = common_levels(members)[0]
    assert count == 2
    found = align(members, f"level:{seed}")
    assert found == align(members, "level")
    for member, track in zip(members, found.tracks, strict=True):
        levels = member.source.study["level_seed"].values[0]
        assert track.shared_step(track.start) == 0
        assert (levels[track.start : track.stop] == seed).all()
        assert member.source.study["first"].values[0, track.start]
        assert track.stop == 70 or member.source.study["first"].values[0, track.stop]


@pytest.mark.parametrize("event", ["reward", "end"])
def test_an_event_falls_on_the_same_shared_step_in_all(walks, event):
    members = members_of(*walks)
    found = align(members, event)
    for member, track in zip(members, found.tracks, strict=True):
        step = track.member_step(found.zero)
        rewards = member.source.study["reward"].values[0]
        if event == "reward":
            assert rewards[step] == 10
            assert not rewards[:step].any()
        else:
            assert member.source.study["first"].values[0, step + 1]
            assert not member.source.study["first"].values[0, 1 : step + 1].any()


def test_given_steps_stand_beside_each_other_with_their_episodes(walks):
    members = members_of(*walks)
    found = align(members, [5, 33])
    assert found.name == "steps:5,33"
    assert [track.member_step(found.zero) for track in found.tracks] == [5, 33]
    assert align(members, found.name) == found


def test_an_event_that_one_member_lacks_leaves_it_out(walks):
    nothing = recorded(drift=-9.0, seed=3)  # always off to the left: never a reward
    members = members_of(walks[0], nothing)
    found = align(members, "reward")
    assert found.tracks[1] is None
    assert {"name": "reward", "label": "first reward", "members": 1} in choices(members)
    with pytest.raises(ValueError, match="no member has a first reward"):
        align(members_of(nothing, trajectories=[0]) * 2, "reward")


def test_a_trajectory_beside_itself_shows_one_attempt_at_a_level_after_the_other(walks):
    study = walks[0].copy(deep=True)
    study["level_seed"].values[:] = 7
    members = members_of(study, trajectories=[0, 0])
    found = align(members, "level:7")
    first, second = found.tracks
    assert first.stop == second.start


def test_equal_seeds_in_other_worlds_are_other_levels(walks):
    other = walks[1].copy(deep=True)
    options = json.loads(other.attrs["environment_options"])
    for change, shared in (({"start_level": 3}, True), ({"clock": 99}, False)):
        other.attrs["environment_options"] = json.dumps({**options, **change})
        assert bool(common_levels(members_of(walks[0], other))) is shared
    with pytest.raises(ValueError, match=r"member 0 has \d+.*member 1 has \d+.*the same environment with the same"):
        align(members_of(walks[0], other), "level")


def test_a_wrong_alignment_says_what_there_is(walks):
    members = members_of(*walks)
    with pytest.raises(ValueError, match="Did you mean 'reward'"):
        align(members, "rewrad")
    with pytest.raises(ValueError, match=r"one step for each of the 2 members, got \[3\]"):
        align(members, [3])
    with pytest.raises(ValueError, match="member 0 has the steps 0 to 39, got 40"):
        align(members, [40, 0])
    with pytest.raises(ValueError, match=r"level 5 is not in two of the members\. member 0 has"):
        align(members, "level:5")


# -- divergence ---------------------------------------------------------------------------------------------------


def test_the_same_level_looks_the_same_until_an_action_differs(walks):
    members = members_of(*walks)
    for seed, _ in common_levels(members):
        found = align(members, f"level:{seed}")
        (pair,) = divergences(members, found)
        frames, actions = (
            [
                member.source.study[name].values[0][track.start : track.stop]
                for member, track in zip(members, found.tracks, strict=True)
            ]
            for name in ("observation", "action")
        )
        length = min(map(len, actions))
        assert pair["overlap"] == length
        acted = np.flatnonzero(actions[0][:length] != actions[1][:length])
        seen = np.flatnonzero((frames[0][:length] != frames[1][:length]).any((1, 2, 3)))
        assert pair["action"] == (acted[0] if len(acted) else None)
        assert pair["observation"] == (seen[0] if len(seen) else None)
        assert (frames[0][0] == frames[1][0]).all()  # one level starts in one way
        if len(seen):
            assert acted[0] == seen[0] - 1


def test_some_levels_do_diverge_or_the_test_above_shows_nothing(walks):
    members = members_of(*walks)
    parted = [divergences(members, align(members, f"level:{seed}"))[0] for seed, _ in common_levels(members)]
    assert any(pair["observation"] is not None and pair["observation"] > 0 for pair in parted)


def test_what_is_the_same_never_parts_and_frames_of_other_sizes_are_not_compared(walks):
    members = members_of(walks[0], walks[0])
    (pair,) = divergences(members, align(members, "step"))
    assert (pair["observation"], pair["action"], pair["overlap"]) == (None, None, 40)
    members = members_of(walks[0], toy.toy_study())
    (pair,) = divergences(members, align(members, "step"))
    assert pair["comparable"] is False
    assert pair["observation"] is None
    assert pair["action"] == 0  # actions are compared by name


def test_a_difference_beyond_the_first_chunk_is_found(walks):
    one, other = recorded(num_steps=200), recorded(num_steps=200)
    other["observation"].values[0, 150, 3, 3, 0] ^= 1
    members = members_of(one, other)
    assert divergences(members, align(members, "step"))[0]["observation"] == 150


def test_the_distance_of_policies_is_total_variation_by_the_actions_names(walks):
    left, right = recorded(drift=-1.0), recorded(drift=1.0)
    pair, tracks = members_of(left, right), (Track(0, 40, 0), Track(2, 12, 0))
    weights = np.exp([1, 0, -1])
    expected = abs(weights - weights[::-1]).sum() / weights.sum() / 2
    np.testing.assert_allclose(policy_distance(pair, tracks), np.full(10, expected), rtol=1e-6)
    np.testing.assert_array_equal(policy_distance([pair[0], pair[0]], tracks), np.zeros(10))
    other = right.copy(deep=True)
    other.attrs["action_names"] = ["A", "B", "C"]
    np.testing.assert_allclose(policy_distance(members_of(left, other), tracks), np.ones(10))
    assert len(overlap(Track(0, 5, 0), Track(0, 5, -9))) == 0


# -- the view -----------------------------------------------------------------------------------------------------


@pytest.fixture
def compare(walks):
    view = Compare(*walks)
    yield view
    view.close()


def test_members_are_trajectories_of_one_study_or_one_of_each(study, walks):
    assert Compare(study, trajectories=[2, 0])._members == [
        {"study": 0, "trajectory": 2},
        {"study": 0, "trajectory": 0},
    ]
    assert Compare(study).members == ["trajectory 0", "trajectory 1"]
    assert Compare(*walks, trajectories=[1, 0])._members == [
        {"study": 0, "trajectory": 1},
        {"study": 1, "trajectory": 0},
    ]
    assert Compare(*walks).members == ["walker (0)", "walker (1)"]
    assert Compare(walks[0], recorded(name="other")).members == ["walker", "other"]
    assert Compare(study, trajectories=[0, 1], labels=["lucky", "unlucky"]).members == ["lucky", "unlucky"]


def test_traits_are_checked_and_told_apart(compare):
    compare.align = [3, 30]
    assert compare.align == "steps:3,30"
    assert compare.num_steps == compare.alignment.num_steps
    compare.step = compare.num_steps - 1
    with pytest.raises(traitlets.TraitError, match="of the shared time, got"):
        compare.step = compare.num_steps
    compare.align = "level"
    assert compare.align.startswith("level:")
    assert compare.step < compare.num_steps
    for name, value, message in (
        ("align", "levle", "Did you mean 'level'"),
        ("selected", 2, "a member, 0 to 1, got 2"),
        ("members", ["one"], r"expected 2 labels, one for each member, got \['one'\]"),
        ("direction", 0, "1 or -1"),
        ("fps", 0.0, "above 0 and at most 120"),
    ):
        with pytest.raises(traitlets.TraitError, match=message):
            setattr(compare, name, value)


def test_layers_features_and_outputs_belong_to_the_members_studies(study):
    view = Compare(study, trajectories=[0, 1])
    assert view.layers == ["2b", "2b"]
    view.features = [3, None]
    with pytest.raises(traitlets.TraitError, match="member 1: must be None or from 0 to 4"):
        view.features = [3, 5]
    with pytest.raises(traitlets.TraitError, match="member 1: unknown layer '3b'"):
        view.layers = ["2b", "3b"]
    with pytest.raises(traitlets.TraitError, match="Did you mean 'RIGHT'"):
        view.output = "RIGTH"
    with pytest.raises(traitlets.TraitError, match="Compute it in an Explorer first"):
        view.output = "RIGHT"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"trajectories": [1]}, r"at least two trajectories to compare, got \[1\]"),
        ({"trajectories": [0, 3]}, "trajectory 3 is out of range; study 0 has 3, from 0"),
        ({"trajectories": [0] * 9}, "at most 8"),
        ({"trajectorys": [0, 1]}, "Did you mean 'trajectories'"),
        ({"labels": ["a", "b"], "members": ["a", "b"]}, "labels or members"),
        ({"labels": ["a"]}, r"expected 2 labels"),
        ({"align": "level"}, "no level is in two of the members. member 0 has"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_words(study, arguments, message):
    with pytest.raises((TypeError, ValueError, traitlets.TraitError), match=message):
        Compare(study, **arguments)


def test_without_a_study_there_is_nothing_to_compare(study):
    with pytest.raises(TypeError, match="Compare needs a study"):
        Compare()
    with pytest.raises(ValueError, match="expected 2 trajectories, one of each study, got"):
        Compare(study, study, trajectories=[0, 1, 2])


def test_different_worlds_may_be_compared_and_the_labels_say_so(study, walks):
    view = Compare(study, walks[0])
    assert view.members == ["made-up agent, shapes", "walker, toy"]
    assert view.num_steps == 130


def test_the_state_restores_the_view(compare, walks):
    compare.align, compare.step, compare.selected, compare.show_difference = "end", 4, 1, True
    state = json.loads(json.dumps(compare.state()))
    assert set(state) == {"align", "step", "selected", "show_difference"}
    again = Compare(*walks, state=state)
    assert again.state() == compare.state()
    compare.restore({})
    assert compare.state() == {}


def test_the_step_can_be_linked_with_an_explorer_s(study):
    compare, explorer = Compare(study, trajectories=[0, 2]), Explorer(study)
    traitlets.link((compare, "step"), (explorer, "step"))
    explorer.step = 77
    assert compare.step == 77


def test_requests_go_to_the_study_that_they_name(compare, walks):
    sent = {}
    compare.send = lambda content, buffers=None: sent.update({content["id"]: (content, buffers)})
    for study in (0, 1):
        params = {"trajectory": 0, "study": study}
        compare._handle_custom_msg({"kind": "rlv-request", "id": str(study), "method": "curves", "params": params}, [])
    params = {"members": "0/0 1/0", "at": "level"}
    compare._handle_custom_msg({"kind": "rlv-request", "id": "a", "method": "alignment", "params": params}, [])
    compare.join(20)
    for study, expected in enumerate(walks):
        content, buffers = sent[str(study)]
        place = [array["name"] for array in content["result"]["arrays"]].index("value")
        value = np.frombuffer(zlib.decompress(buffers[place]), np.float32)
        np.testing.assert_array_equal(value, expected["value"].values[0])
    aligned = sent["a"][0]["result"]
    assert aligned["name"] == align(members_of(*walks), "level").name
    assert [track["offset"] for track in aligned["tracks"]] == [0, 0]
    assert aligned["pairs"] == divergences(members_of(*walks), align(members_of(*walks), "level"))


def test_a_request_for_no_member_is_refused(compare):
    for members in ("0", "0/9 1/0", "2/0 0/0", "x/y 0/0"):
        with pytest.raises(ValueError, match="alignment: "):
            compare.source.answer("alignment", {"members": members, "at": "step"})


def test_the_summary_has_a_row_per_member_with_what_it_is_compared_to(compare, walks):
    compare.align = "level"
    table = compare.summary()
    assert list(table.index) == compare.members
    for row, study, track in zip(table.itertuples(), walks, compare.alignment.tracks, strict=True):
        steps = slice(track.start, track.stop)
        assert row.length == track.stop - track.start
        assert table.loc[row.Index, "return"] == study["reward"].values[0, steps].sum()
        assert row.outcome in {"completed", "failed", "unfinished"}
        assert row.level_seed == int(compare.align.split(":")[1])
    assert pd.isna(table["overlap"].iloc[0])
    assert table["overlap"].iloc[1] == table["length"].min()
    assert 0 <= table["policy_distance"].iloc[1] <= 1
    compare.selected = 1
    assert pd.isna(compare.summary()["overlap"].iloc[1])


def test_the_poster_shows_every_member(study, walks):
    image = pytest.importorskip("PIL.Image")
    io = pytest.importorskip("io")
    view = Compare(study, walks[0], align="end", step=10)
    picture = image.open(io.BytesIO(view._poster()))
    assert picture.height > 4 * 64 + 4 * 16  # the observations of both, enlarged, and captions
    assert Compare(study)._repr_mimebundle_()[0]["image/png"].startswith(b"\x89PNG")


# -- pages --------------------------------------------------------------------------------------------------------


def test_a_page_answers_all_that_the_view_can_ask_and_nothing_of_other_trajectories(walks, tmp_path):
    view = Compare(*walks, trajectories=[1, 1], align="level", show_difference=True, playing=True)
    save_snapshot(view, tmp_path / "compare.html", progress=False)
    text = (tmp_path / "compare.html").read_text(encoding="utf-8")
    keys = [key.replace("&quot;", '"') for key in re.findall('data-rlv-reply="([^"]*)"', text)]
    assert f'alignment{{"at":"{view.align}","members":"0/1 1/1"}}' in keys
    assert {'curves{"study":0,"trajectory":1}', 'curves{"study":1,"trajectory":1}'} <= set(keys)
    assert not [key for key in keys if '"trajectory":0' in key]
    assert {choice["name"] for choice in view._choices} <= {
        json.loads(key.removeprefix("alignment"))["at"] for key in keys if key.startswith("alignment")
    }
    state = json.loads(re.search("data-rlv-state>(.*?)</script>", text)[1])
    assert (state["align"], state["show_difference"], state["playing"]) == (view.align, True, False)
    assert base64.b64decode(re.search(r"data:image/png;base64,([^\"]*)", text)[1]).startswith(b"\x89PNG")
    save_snapshot(view, tmp_path / "again.html", progress=False)
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == text
