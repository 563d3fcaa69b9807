"""What views are told of how episodes end."""

import base64
import html
import json
import re
import zlib

import numpy as np
import pytest
import toy
import xarray as xr

from rlvision_widgets import schema
from rlvision_widgets.analysis.moments import episodes
from rlvision_widgets.changes import announce
from rlvision_widgets.snapshot import save_snapshot
from rlvision_widgets.widgets import Compare, Explorer, page_world
from rlvision_widgets.widgets.page_world import opened
from rlvision_widgets.widgets.source import StudySource

CAUSES = {"completed": "coin", "failed": "saw and enemy moving left"}


def tell(study):
    """Add how the episodes of a toy study ended, as `add_endings` would."""
    ended = episodes(study)[lambda rows: rows["outcome"] != "unfinished"]
    number = len(ended)
    columns = {
        "in_trajectory": ended["trajectory"].to_numpy(np.int32),
        "at_step": ended["stop"].to_numpy(np.int32) - np.int32(1),
        "in_episode": ended["episode"].to_numpy(np.int32),
        "cause": ended["outcome"].map(CAUSES).to_numpy(object),
        "num_causes": np.ones(number, np.int32),
        "objects": np.full(number, "entity 1", object),
        **{name: np.ones(number, bool) for name in ("sufficient", "necessary", "has_frame")},
    }
    frames = np.random.default_rng(3).integers(0, 256, (number, 64, 64, 3), np.uint8)
    data = xr.Dataset({name: ("ending", column) for name, column in columns.items()})
    study["endings"] = xr.DataTree(data.assign(frame=(("ending", "height", "width", "rgb"), frames)))
    schema.check(study)
    return study


def described(study):
    return StudySource(study).describe()["trajectories"]


@pytest.fixture
def told():
    return tell(toy.toy_study())


def test_a_view_knows_the_cause_of_every_episode_that_ended(told):
    table = episodes(told)
    for trajectory, rows in table.groupby("trajectory"):
        columns = described(told)[trajectory]["episodes"]
        assert columns["cause"] == [CAUSES.get(outcome, "") for outcome in rows["outcome"]]
        assert len(columns["cause"]) == len(columns["outcome"])
    assert set(table["cause"]) == {"", *CAUSES.values()}


def test_without_causes_nothing_is_said(study):
    assert all("cause" not in trajectory["episodes"] for trajectory in described(study))


def test_causes_that_are_found_while_a_view_is_open_reach_it():
    study = toy.toy_study()
    views = [Explorer(study), Explorer(toy.toy_study())]
    tell(study)
    announce(study)
    causes = ["cause" in view._study["trajectories"][0]["episodes"] for view in views]
    assert causes == [True, False]
    for view in views:
        view.close()


def test_a_page_without_a_kernel_carries_causes(told, tmp_path):
    save_snapshot(told, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    (state,) = re.findall(r"<script[^>]*data-rlv-state[^>]*>(.*?)</script>", text, re.DOTALL)
    assert json.loads(state)["_study"]["trajectories"] == described(told)
    assert "saw and enemy moving left" in state


# -- last frames -------------------------------------------------------------------------------------------------------


def asked_of(told, trajectory, episode):
    return StudySource(told).answer("ending", {"trajectory": trajectory, "episode": episode})


def test_the_last_frame_of_every_episode_that_ended_is_the_study_s(told):
    node, found = told["endings"].to_dataset(), 0
    for row in episodes(told).to_dict("records"):
        result, arrays = asked_of(told, row["trajectory"], row["episode"])
        if row["outcome"] == "unfinished":
            assert (result, arrays) == ({"found": False}, {})
            continue
        here = (node["in_trajectory"] == row["trajectory"]) & (node["at_step"] == row["stop"] - 1)
        (index,) = np.flatnonzero(here.values)
        assert arrays["frame"].dims == ("height", "width", "rgb")
        assert np.array_equal(arrays["frame"].values, node["frame"].values[index])
        assert result == {
            "found": True,
            "at_step": row["stop"] - 1,
            "cause": CAUSES[row["outcome"]],
            "objects": [{"key": "entity 1"}],
            "sufficient": True,
            "necessary": True,
        }
        found += 1
    assert found == told["endings"].sizes["ending"] > 3


def test_what_did_it_has_a_class_and_a_place_where_masks_know_it():
    told = toy.open_world(tell(toy.toy_study()))
    told["endings"]["objects"][:] = "entity 1; cell 3,2; entity 77; the clock"
    world = told["world"].to_dataset()
    cell = -1 - (2 * told["world"].attrs["grid_width"] + 3)
    world["instance"][(world["instance"] == 2).values] = cell
    told["world"] = world
    for trajectory, step, episode in zip(
        *(told["endings"][name].values.tolist() for name in ("in_trajectory", "at_step", "in_episode")), strict=True
    ):
        result, _ = asked_of(told, trajectory, episode)
        here = (world["in_trajectory"] == trajectory) & (world["at_step"] == step)
        for thing, instance, name in zip(result["objects"], (1, cell), ("saw", "enemy"), strict=False):
            (row,) = np.flatnonzero((here & (world["instance"] == instance)).values)
            place = {"x": float(world["centre_x"][row]), "y": float(world["centre_y"][row])}
            assert {**thing, "key": ""} == {"key": "", "object_class": name, **place}
        assert [thing["key"] for thing in result["objects"][:2]] == ["entity 1", "cell 3,2"]
        assert result["objects"][2:] == [{"key": "entity 77"}, {"key": "the clock"}]


def test_a_frame_that_is_not_known_does_not_travel(told):
    told["endings"]["has_frame"][:] = False
    told["endings"]["objects"][:] = ""
    result, arrays = asked_of(told, 0, 0)
    assert (result["found"], result["objects"], dict(arrays)) == (True, [], {})


def test_endings_that_come_later_are_found_by_the_same_source():
    study = toy.toy_study()
    source = StudySource(study)
    params = {"trajectory": 0, "episode": 0}
    assert source.answer("ending", params) == ({"found": False}, {})
    assert "endings" not in source.describe()
    tell(study)
    assert source.answer("ending", params)[0]["found"]
    assert source.describe()["endings"] == ""


@pytest.mark.parametrize("episode", [-1, 99])
def test_an_episode_that_there_is_not_is_refused(told, episode):
    count = len(described(told)[1]["episodes"]["start"])
    with pytest.raises(ValueError, match=rf"episode {episode} is out of range; trajectory 1 has {count}, from 0"):
        asked_of(told, 1, episode)


def replies_of(path):
    text = path.read_text(encoding="utf-8")
    found = re.findall(r'<script[^>]*data-rlv-reply="(ending[^"]*)"[^>]*>(.*?)</script>', text, re.DOTALL)
    (state,) = re.findall(r"<script[^>]*data-rlv-state[^>]*>(.*?)</script>", text, re.DOTALL)
    return {html.unescape(key): json.loads(reply) for key, reply in found}, json.loads(state)["_study"]


def test_a_page_answers_what_the_study_answers(told, tmp_path):
    save_snapshot(told, tmp_path / "page.html", progress=False)
    replies, shown = replies_of(tmp_path / "page.html")
    assert len(replies) == told["endings"].sizes["ending"]
    assert shown["endings"] == ""
    for key, reply in replies.items():
        result, arrays = StudySource(told).answer("ending", json.loads(key.removeprefix("ending")))
        assert {**result, "arrays": reply["result"]["arrays"]} == reply["result"]
        pixels = zlib.decompress(base64.b64decode(reply["buffers"][0]), wbits=31)
        assert pixels == arrays["frame"].values.tobytes()


def test_a_page_of_very_many_endings_leaves_them_out_and_says_so(told, monkeypatch, tmp_path):
    count = told["endings"].sizes["ending"]
    asked = [params for method, params in opened(StudySource(told)) if method == "ending"]
    assert len(asked) == count
    monkeypatch.setattr(page_world, "PAGE_ENDINGS", count - 1)
    save_snapshot(told, tmp_path / "page.html", progress=False)
    replies, shown = replies_of(tmp_path / "page.html")
    assert replies == {}
    assert "The notebook shows them" in shown["endings"]
    assert shown["trajectories"] == described(told), "causes are told all the same"


def test_a_comparison_s_summary_says_what_ended_the_episodes(told):
    assert "cause" not in Compare(toy.toy_study()).summary()
    view = Compare(told, trajectories=[0, 1], align="step")
    known = episodes(told).groupby("trajectory")["cause"]
    for index, said in enumerate(view.summary()["cause"]):
        counted = {word: int(count) for count, word in (part.split(" ", 1) for part in said.split(", "))}
        assert counted == known.get_group(index)[lambda causes: causes != ""].value_counts().to_dict()
