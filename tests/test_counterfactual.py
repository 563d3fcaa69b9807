import json
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import toy
from test_environments import needs_procgen

import rlvision_widgets as rlv
from rlvision_widgets.agents import Agent
from rlvision_widgets.agents.networks import ClearNetwork
from rlvision_widgets.analysis.connection import Connection, usual_recipe
from rlvision_widgets.analysis.frame_objects import attributed_to, scene_of
from rlvision_widgets.analysis.lab import Lab
from rlvision_widgets.analysis.ownership import owners, per_pixel, shares
from rlvision_widgets.analysis.reentry import world_of
from rlvision_widgets.analysis.situation import Press, Situation
from rlvision_widgets.analysis.toolbox import toolbox
from rlvision_widgets.environments import make_environment
from rlvision_widgets.environments.applying import apply_edits
from rlvision_widgets.environments.games import ACTION_NAMES, GAMES
from rlvision_widgets.environments.masks import Seer
from rlvision_widgets.environments.states import parse_state

RIGHT, NOOP = 7, 4


@cache
def coinrun():
    """The bundled agent, and a short study of it; not to be changed."""
    agent = rlv.load_agent("coinrun")
    study = rlv.build_study(
        agent,
        layers=["2b"],
        num_trajectories=2,
        num_steps=64,
        num_features=4,
        observations=(16, 4, 8),
        attribution={"num_points": 4},
        seed=3,
        world=False,
        progress=False,
    )
    return agent, study


def connected(agent, study):
    own = study.copy()
    return Connection(agent, own, usual_recipe(own))


@pytest.fixture
def toys(agent, built):
    connection = connected(agent, built)
    world_of(connection._study, toy.ToyEnvironment)
    return connection


@pytest.fixture(scope="module")
def real():
    return connected(*coinrun())


def frame_with(study, name):
    """Return a trajectory and step that show an object of a class, well within the frame, and its place."""
    table = rlv.objects(study)
    inside = (table["left"] > 4) & (table["right"] < 60) & (table["top"] > 4) & (table["bottom"] < 60)
    one = table[(table["object_class"] == name) & inside].nlargest(1, "visible_pixels").iloc[0]
    return int(one["trajectory"]), int(one["step"]), (float(one["x"]), float(one["y"]))


def same(before, after):
    for name in before.data_vars:
        np.testing.assert_array_equal(before[name].values, after[name].values, err_msg=str(name))


# -- whose attribution it is ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cells", "frame"), [((8, 8), (64, 64)), ((32, 32), (64, 64)), ((5, 7), (64, 60))])
def test_shares_partition_the_attribution(cells, frame):
    rng = np.random.default_rng(0)
    attribution, instance = rng.normal(size=cells), rng.integers(-3, 5, frame).astype(np.int32)
    scenery = instance < 0
    np.testing.assert_allclose(per_pixel(attribution, *frame).sum(), attribution.sum())
    for spread in (0, 1, 2.5, 9):
        who, part = shares(attribution, owners(instance, scenery, spread))
        np.testing.assert_allclose(part.sum(), attribution.sum(), atol=1e-12)
        assert set(who) <= set(np.unique(instance))


def test_a_thing_owns_what_it_shows_and_scenery_around_it():
    instance = np.full((9, 9), -1, np.int32)
    instance[4, 4], instance[0, 0] = 5, 7
    owner = owners(instance, instance == -1, 2)
    assert owner[4, 4] == 5
    assert owner[4, 6] == 5
    assert owner[3, 3] == 5
    assert owner[0, 0] == 7
    assert owner[4, 7] == -1
    assert owner[8, 8] == -1
    np.testing.assert_array_equal(owners(instance, instance == -1, 0), instance)


def test_a_cell_counts_by_the_pixels_that_an_object_has_of_it():
    attribution = np.zeros((2, 2))
    attribution[0, 1] = 8
    owner = np.zeros((4, 4), np.int32)
    owner[0, 2] = 3  # one of the four pixels of that cell
    who, part = shares(attribution, owner)
    assert dict(zip(who.tolist(), part.tolist(), strict=True)) == {0: 6, 3: 2}


# -- situations -------------------------------------------------------------------------------------------------------


def test_situations_survive_json():
    edits = [rlv.Remove("saw", at=(12.5, 3)), {"kind": "play", "action": 7}, rlv.Background(3)]
    one = Situation.of(1, 2, edits, "7 8", action_names=ACTION_NAMES)
    assert one.items[:2] == (Press(7), Press(8))
    assert len(one.items) == 5
    again = Situation.of(1, 2, json.dumps(one.dicts()), action_names=ACTION_NAMES)
    assert again == one
    assert hash(again) == hash(one)
    assert one.unedited.items == (Press(7), Press(8), Press(7))
    assert one.told(ACTION_NAMES)[2:4] == ["saw at (12.5, 3) removed", "RIGHT pressed"]


@pytest.mark.parametrize(
    ("edits", "actions", "words"),
    [
        ([{"kind": "remov", "what": "saw"}], "", "remove"),
        ([{"kind": "remove", "wat": "saw"}], "", "what"),
        ([{"kind": "play", "action": 15}], "", "14"),
        ([{"kind": "play"}], "", "action"),
        ([{"kind": "play", "action": True}], "", "action"),
        ("[{", "", "JSON"),
        (7, "", "list"),
        ([7], "", "edit"),
        ([], "7 x", "'7 7 8'"),
        ([], "7 -1", "14"),
        ([{"kind": "play", "action": 4}] * 2001, "", "2000"),
    ],
)
def test_what_is_no_situation_is_refused(edits, actions, words):
    with pytest.raises(ValueError, match=words):
        Situation.of(0, 0, edits, actions, action_names=ACTION_NAMES)


# -- the toy world ----------------------------------------------------------------------------------------------------


def check_as_stored(found, study, trajectory, step, layer):
    """What is imagined of a recorded frame is what the study holds of it, in both versions."""
    same(found.data.isel(version=0), found.data.isel(version=1))
    here = {"trajectory": trajectory, "step": step}
    rollout, data = study.to_dataset().isel(here), found.data.isel(version=0)
    np.testing.assert_array_equal(data["observation"], rollout["observation"])
    for name in ("value", "policy_logits"):
        np.testing.assert_allclose(data[name], rollout[name], rtol=1e-4, atol=1e-4, err_msg=name)
    stored = study["layers"][layer]["outputs"]["value"].to_dataset(inherit=False).isel(here)
    for name in ("total", "residual_total", "completeness_error", "scale", "largest"):
        np.testing.assert_allclose(data[name], stored[name], rtol=1e-3, atol=1e-3, err_msg=name)
    for name in ("attribution", "residual"):
        different = np.abs(data[name].values.astype(int) - stored[name].values.astype(int))
        assert different.max() <= 1, name  # a rounding may fall to the other side
    assert int(data["num_points"]) == int(stored["num_points"])
    assert not found.told["changed"]


def layer_of(study):
    return next(iter(study["layers"].children))


@pytest.mark.parametrize(("trajectory", "step"), [(0, 0), (1, 69), (0, 33)])
def test_nothing_changed_is_what_the_study_holds(toys, built, trajectory, step):
    layer = layer_of(built)
    check_as_stored(toys.imagine(trajectory, step, layer), built, trajectory, step, layer)


def test_recorded_presses_lead_to_the_recorded_frame(toys, built):
    layer, actions = layer_of(built), built["action"].values[0]
    first = built["first"].values[0]
    start = int(np.flatnonzero(first)[1])
    stop = next((step for step in range(start + 1, 70) if first[step]), 70) - 1
    found = toys.imagine(0, start, layer, actions=actions[start:stop])
    np.testing.assert_array_equal(found.data["observation"][1], built["observation"][0, stop])
    check_as_stored(found, built, 0, stop, layer)
    assert len(found.told["edits"]) == stop - start
    assert found.told["ended"] == [None, None]


def test_an_episode_ends_once(toys, built):
    layer = layer_of(built)
    presses = [{"kind": "play", "action": 2}] * 4  # to the right: the coin, at the latest with the third
    needed = next(n for n in range(1, 5) if toys.imagine(0, 0, layer, edits=presses[:n]).told["ended"][1])
    found = toys.imagine(0, 0, layer, edits=presses[:needed])
    assert found.told["ended"][0] == found.told["ended"][1]
    assert found.told["ended"][1] == {"cause": "", "reward": 10.0, "completed": True, "presses": needed}
    with pytest.raises(ValueError, match="undo"):
        toys.imagine(0, 0, layer, edits=presses[: needed + 1])


def test_playing_on_repeats_what_was_recorded(toys, built):
    first = built["first"].values[1]
    start = int(np.flatnonzero(first)[1])
    stop = int(np.flatnonzero(first[start + 1 :])[0]) + start + 1
    found = toys.play_on(1, start, num_steps=stop - start + 3)
    assert found.told["length"] == [stop - start] * 2
    assert found.told["completed"][0] is not None
    same(found.data.isel(version=0), found.data.isel(version=1))
    taken = slice(start, stop)
    for name in ("observation", "action", "reward"):
        mine = found.data[name].values[0][: stop - start]
        np.testing.assert_array_equal(mine, built[name].values[1, taken], err_msg=name)
    np.testing.assert_allclose(
        found.data["value"].values[0, : stop - start], built["value"].values[1, taken], rtol=1e-4
    )
    assert (found.data["action"].values[:, stop - start :] == -1).all()
    assert np.isnan(found.data["value"].values[:, stop - start :]).all()
    assert found.told["total_reward"][0] == built["reward"].values[1, taken].sum()


def test_luck_is_the_same_in_both_worlds_and_another_with_another_seed(toys):
    runs = [toys.play_on(0, 3, num_steps=30, seed=seed).data for seed in (0, 0, 1)]
    same(runs[0].isel(version=0), runs[0].isel(version=1))
    same(runs[0], runs[1])
    assert not np.array_equal(runs[0]["action"], runs[2]["action"])
    survived = toys.survive(0, 3, num_branches=12, num_steps=10)
    same(survived.data.isel(version=0), survived.data.isel(version=1))
    curve = survived.data["survival"].values[0]
    assert curve[0] == 1
    assert (np.diff(curve) <= 0).all()
    assert (survived.data["low"].values <= survived.data["survival"].values).all()
    assert sum(survived.told["causes"][0].values()) <= 12


def test_what_is_cancelled_returns_nothing(toys):
    assert toys.play_on(0, 3, num_steps=5, cancelled=lambda: True) is None
    assert toys.survive(0, 3, num_branches=2, num_steps=5, cancelled=lambda: True) is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"layer": "9z"}, "layer"),
        ({"output": "VALUE"}, "value"),
        ({"trajectory": 9}, "trajectory"),
        ({"step": 70}, "step"),
        ({"actions": [3]}, "from 0 to 2"),
    ],
)
def test_wrong_questions_are_refused(toys, built, options, words):
    asked = {"trajectory": 0, "step": 0, "layer": layer_of(built), **options}
    with pytest.raises(ValueError, match=words):
        toys.imagine(**asked)


# -- CoinRun ----------------------------------------------------------------------------------------------------------


@needs_procgen
def test_nothing_changed_in_coinrun_is_what_the_study_holds(real):
    check_as_stored(real.imagine(0, 40, "2b"), coinrun()[1], 0, 40, "2b")


@needs_procgen
def test_objects_and_scenery_sum_to_the_total(real):
    for step in (5, 33, 60):
        found = real.effects(1, step, "2b", edits=[rlv.Background(2)])
        for version in (0, 1):
            data = found.data.isel(version=version)
            total = float(data["total"].sum() + data["residual_total"])
            rows = [*found.told["objects"][version], *found.told["unlisted"][version]]
            np.testing.assert_allclose(sum(row["attributed"] for row in rows), total, atol=1e-3)
            np.testing.assert_allclose(sum(found.told["class_attributed"][version].values()), total, atol=1e-3)
            assert sum(row["visible_pixels"] for row in rows) == 64 * 64


@needs_procgen
def test_what_an_object_is_worth_is_what_goes_with_it(real):
    trajectory, step, place = frame_with(coinrun()[1], "coin")
    for output in ("value", "centred:RIGHT"):
        table = rlv.object_effects(*coinrun(), trajectory, step, output=output)
        without = real.imagine(trajectory, step, "2b", output, edits=[rlv.Remove("coin", at=place)])
        before, after = without.data["output_value"].values
        lost = table[table["object_class"] == "coin"]["lost"].iloc[0]
        np.testing.assert_allclose(lost, before - after, atol=1e-4)
        assert without.told["changed"]
        np.testing.assert_allclose(table["attributed"].sum(), table.attrs["total"], atol=1e-6)
        np.testing.assert_allclose(table.attrs["output_value"], before, atol=1e-5)
    assert table[table["object_class"].isin(["agent", "wall", "background"])]["lost"].isna().all()
    assert (table["why"] != "")[table["lost"].isna()].all()
    assert table["lost"].notna().any()


@needs_procgen
@pytest.mark.parametrize("there_and_back", [False, True])
def test_what_cannot_be_seen_changes_nothing(real, there_and_back):
    trajectory, step, place = frame_with(coinrun()[1], "crate")
    aside = (place[0] + 0.25, place[1])
    moves = [rlv.Move("crate", at=place, to=aside), rlv.Move("crate", at=aside, to=place)]
    found = real.imagine(trajectory, step, "2b", edits=moves if there_and_back else [rlv.Ghost("crate", at=place)])
    assert not found.told["changed"]
    same(found.data.isel(version=0), found.data.isel(version=1))
    assert real.imagine(trajectory, step, "2b", edits=moves[:1]).told["changed"]


@needs_procgen
def test_presses_follow_edits_in_the_edited_world(real):
    trajectory, step, place = frame_with(coinrun()[1], "coin")
    press = {"kind": "play", "action": RIGHT}
    found = real.imagine(trajectory, step, "2b", edits=[rlv.Remove("coin", at=place), press, rlv.Background(1), press])
    alone = real.imagine(trajectory, step, "2b", actions=[RIGHT, RIGHT])
    same(found.data.isel(version=0), alone.data.isel(version=0))
    assert found.told["edits"][1] == "RIGHT pressed"
    assert found.told["background"] == 1
    coins = [[row for row in rows if row["object_class"] == "coin"] for rows in found.told["objects"]]
    assert len(coins[1]) == len(coins[0]) - 1


@needs_procgen
def test_a_hidden_object_stays_in_the_list_and_out_of_the_frame(real):
    trajectory, step, place = frame_with(coinrun()[1], "crate")
    hidden = real.imagine(trajectory, step, "2b", edits=[rlv.Hide("crate", at=place)])
    gone = real.imagine(trajectory, step, "2b", edits=[rlv.Remove("crate", at=place)])
    np.testing.assert_array_equal(hidden.data["observation"][1], gone.data["observation"][1])
    for name in ("value", "attribution", "total"):
        np.testing.assert_array_equal(hidden.data[name][1], gone.data[name][1])
    before = hidden.told["objects"][0]
    row = next(row for row in hidden.told["objects"][1] if row["visible_pixels"] == 0 and _near(row, place))
    seen = next(one for one in before if one["key"] == row["key"])
    assert row["attributed"] == 0
    assert row["box"] == pytest.approx(seen["box"], abs=0.02)
    assert len(gone.told["objects"][1]) == len(before) - 1


@needs_procgen
def test_no_trail_tells_where_a_hidden_enemy_walks(real):
    table = rlv.objects(coinrun()[1], 0, 20)
    agent = table[table["object_class"] == "agent"].iloc[0]
    place = (float(agent["x"]) - 2, float(agent["y"]))
    presses = [{"kind": "play", "action": NOOP}] * 4
    shown, hidden = ([rlv.Add("enemy", at=place), *more, *presses] for more in ([], [rlv.Hide("enemy")]))
    there, unseen = (real.imagine(0, 20, "2b", edits=edits) for edits in (shown, hidden))
    assert there.told["changed"]
    assert {"enemy", "trail"} <= {row["object_class"] for row in there.told["objects"][1]}
    assert not unseen.told["changed"]
    played = real.play_on(0, 20, edits=hidden, num_steps=3, seed=0)
    np.testing.assert_array_equal(*played.data["observation"].values)


def _near(row, place):
    return abs(row["x"] - place[0]) < 0.01 and abs(row["y"] - place[1]) < 0.01


@needs_procgen
def test_an_edit_that_cannot_be_made_says_which_and_why(real):
    with pytest.raises(ValueError, match=r"edit 2 .*within a cell"):
        real.imagine(0, 5, "2b", edits=[rlv.Background(1), rlv.Remove("coin", at=(1, 60))])
    with pytest.raises(ValueError, match="agent"):
        real.reach(0, 5, [rlv.Remove("agent")])


@needs_procgen
def test_playing_on_in_coinrun_repeats_the_recording_and_parts_by_the_edit(real):
    study, start = coinrun()[1], 30
    found = real.play_on(1, start, edits=[rlv.Background(5)], num_steps=12)
    length = found.told["length"][0]
    assert length == 12 or study["first"].values[1, start + length]
    recorded = study["observation"].values[1, start : start + length]
    np.testing.assert_array_equal(found.data["observation"].values[0, :length], recorded)
    np.testing.assert_array_equal(
        found.data["action"].values[0, :length], study["action"].values[1, start : start + length]
    )
    assert not np.array_equal(found.data["observation"].values[1, 0], recorded[0])


@needs_procgen
def test_large_frames_are_of_both_worlds(real):
    frames = real.large(0, 5, edits=[rlv.Background(7)])
    assert frames.shape == (2, 512, 512, 3)
    assert not np.array_equal(*frames)
    np.testing.assert_array_equal(frames[0], real.large(0, 5)[1])


@needs_procgen
def test_actions_that_the_agent_lacks_are_not_pressed():
    connection = connected(*coinrun())
    names = list(connection._study.attrs["action_names"])
    assert len(names) < len(ACTION_NAMES)
    layer = str(connection.layers[-1]["name"])
    with pytest.raises(ValueError, match=f"from 0 to {len(names) - 1}, and {len(names)} came"):
        connection.imagine(0, 30, layer, actions=[len(names)])
    last = connection.imagine(0, 30, layer, actions=[len(names) - 1])
    assert last.told["edits"] == [f"{names[-1]} pressed"]


@needs_procgen
def test_forks_and_the_world_are_added_to_the_study():
    connection = connected(*coinrun())
    study = connection._study
    connection.look_at_world(cancelled=lambda: True)
    assert "world" not in study.children
    stages = set()
    connection.look_at_world(progress=lambda stage, _done, _total: stages.add(stage), cancelled=lambda: bool(stages))
    assert not {"world", "endings"} & set(study.children)
    late = set()
    connection.look_at_world(progress=lambda stage, _done, _total: late.add(stage), cancelled=lambda: "endings" in late)
    assert late == {"objects", "endings"}
    assert not {"world", "endings"} & set(study.children)
    connection.look_at_world(progress=lambda stage, _done, _total: stages.add(stage))
    assert {"world", "endings"} <= set(study.children)
    assert stages == {"objects", "endings"}
    assert connection.branch(0, 30, num_branches=1, num_steps=4, name="gone", cancelled=lambda: True) is None
    found = connection.branch(0, 30, actions="recorded", num_branches=1, num_steps=4, name="again")
    assert rlv.branch_names(study) == ["again"]
    taken = int(found["num_taken"][0])
    np.testing.assert_array_equal(
        found["observation"].values[0, :taken], study["observation"].values[0, 30 : 30 + taken]
    )
    forced = connection.branch(0, 30, actions="4 4", edits=[rlv.Background(3)], num_branches=2, num_steps=3)
    assert (forced["action"].values[:, :2] == NOOP).all()
    with pytest.raises(ValueError, match="action"):
        connection.branch(0, 30, actions="RIHGT", num_branches=1, num_steps=3)


# -- all games --------------------------------------------------------------------------------------------------------


@needs_procgen
@pytest.mark.parametrize("game", GAMES)
def test_in_every_game_objects_lie_where_the_camera_says(game):
    with make_environment(game, num_trajectories=1, seed=2) as environment:
        for _ in range(12):
            environment.step([RIGHT])
        state, frame = environment.get_state(0), environment.observe().observation[0]
        scene = scene_of(SimpleNamespace(seer=Seer(environment)), state, frame.shape[:2])
    by_instance, by_class = attributed_to(scene, np.ones((16, 16)), 4)
    assert sum(by_instance.values()) == pytest.approx(256)
    assert sum(by_class.values()) == pytest.approx(256)
    agent = next(row for row in scene.rows if row["object_class"] == "agent")
    left, top, right, bottom = agent["box"]
    assert left - 0.5 <= (agent["x"] - scene.camera["left"]) / scene.camera["cell"] <= right + 0.5
    assert top - 0.5 <= (scene.camera["top"] - agent["y"]) / scene.camera["cell"] <= bottom + 0.5
    tools = toolbox(state)["tools"]
    for row in [row for row in scene.rows if "remove" in tools.get(row["object_class"], ())][:4]:
        assert goes_or_is_needed(parse_state(state), row)


def goes_or_is_needed(state, row):
    """Whether an object can be taken away, or the words say that it is needed."""
    try:
        edited = apply_edits(state, [rlv.Remove(row["object_class"], at=(row["x"], row["y"]))])
    except ValueError as error:
        return "cannot be removed" in str(error)
    return len(edited.entities) < len(state.entities) or not np.array_equal(edited.grid, state.grid)


@needs_procgen
def test_a_maze_says_why_its_generator_could_not_have_made_it():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = ClearNetwork(15, (4, 4, 4, 4, 4), (8, 8), (64, 64, 3))
    maze = {"name": "maze", "distribution_mode": "easy"}
    agent = Agent(network, name="wanderer", action_names=ACTION_NAMES, environment=maze)
    small = {"num_trajectories": 1, "num_steps": 4, "num_features": 2, "observations": (2, 2, 2)}
    few = {"num_points": 2}
    study = rlv.build_study(agent, layers=["2b"], attribution=few, world=False, progress=False, **small)
    connection = connected(agent, study)
    found = connection.imagine(0, 3, "2b", edits=[rlv.Carve((0, 0))])
    assert found.told["reasons"]
    assert found.told["recorded"]["reasons"] == []
    assert found.told["tools"]["wall"] == ["carve", "fill"]
    assert found.told["velocity_box"] is None
    assert {"carve", "fill", "teleport"} <= {entry["kind"] for entry in found.told["palette"]}
    assert {row["object_class"] for row in found.told["objects"][1]} == {"agent", "cheese"}
    closed = connection.imagine(0, 3, "2b", edits=[rlv.Carve((0, 0)), rlv.Fill((0, 0))])
    assert not closed.told["changed"]
    assert closed.told["reasons"] == []


@needs_procgen
def test_a_lab_remembers_and_forgets():
    lab = Lab(world_of(coinrun()[1]))
    for index in range(140):
        press = Situation(0, 3, (Press(NOOP),) * (index % 3) + (rlv.Background(index % 60),))
        assert lab.reach(press).presses == index % 3
    assert len(lab._reached) <= 128
