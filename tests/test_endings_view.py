"""What views are told of how episodes end."""

import json
import re

import numpy as np
import pytest
import toy
import xarray as xr

from rlvision_widgets import schema
from rlvision_widgets.analysis.moments import episodes
from rlvision_widgets.changes import announce
from rlvision_widgets.snapshot import save_snapshot
from rlvision_widgets.widgets import Explorer
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
    frames = np.zeros((number, 64, 64, 3), np.uint8)
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
