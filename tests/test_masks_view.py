"""Masks and forks as views read them: what is asked for is what the study holds, pictures and pages show it too."""

import threading

import numpy as np
import pytest
import toy
import traitlets
import xarray as xr

from rlvision_widgets.schema import FEATURE_COLOURS
from rlvision_widgets.widgets import Explorer, page_world
from rlvision_widgets.widgets.overlay import draw_mask, laid_over
from rlvision_widgets.widgets.source import StudySource

COLOURS = np.array([[255, 255, 255], *(list(bytes.fromhex(colour[1:])) for colour in FEATURE_COLOURS)], float)
WAIT = 20  # seconds that a loaded machine may take for what takes milliseconds


@pytest.fixture(scope="module")
def opened():
    return toy.open_world(toy.toy_study(2, 130))


@pytest.fixture
def study(opened):
    return opened.copy(deep=True)


@pytest.fixture
def plain(study):
    """The study as it is built without its world."""
    del study["world"], study["branches"]
    return study


@pytest.fixture
def source(study):
    return StudySource(study)


class ToyConnection:
    """Looks into the world and forks by copying from a study that has both."""

    layers = ()
    outputs = ("value",)

    def __init__(self, study, opened):
        self.study, self.opened, self.asked = study, opened, []

    def look_at_world(self, *, progress, cancelled):
        progress("looking", 1, 2)
        self.study["world"] = self.opened["world"].copy()
        self.asked.append(cancelled())

    def branch(self, trajectory, step, *, name, progress, cancelled, **options):
        progress("branches", 1, 2)
        self.asked.append({"trajectory": trajectory, "step": step, **options})
        fork = self.opened["branches/again"].to_dataset()
        if "branches" not in self.study.children:
            self.study["branches"] = xr.DataTree()
        attrs = {**fork.attrs, "name": name, "trajectory": trajectory, "step": step}
        self.study["branches"][name] = xr.DataTree(fork.assign_attrs(attrs))


def ask(view, method, **params):
    """Ask as a browser does, and return the reply's content."""
    replies, arrived = [], threading.Event()

    def send(content, _buffers=None):
        if content["kind"] == "rlv-reply":
            replies.append(content)
            arrived.set()

    view.send = send
    view._receive({"kind": "rlv-request", "id": "1", "method": method, "params": params})
    assert arrived.wait(WAIT)
    view.join(WAIT)
    return replies[0]


# -- requests ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("trajectory", "chunk"), [(0, 0), (1, 1), (1, 2)])
def test_a_chunk_of_masks_is_the_study_s_with_the_objects_of_its_steps_alone(study, source, trajectory, chunk):
    flags, arrays = source.answer("masks", {"trajectory": trajectory, "chunk": chunk})
    assert flags == {"computed": True}
    node = study["world"].to_dataset()
    steps = slice(64 * chunk, 64 * (chunk + 1))
    found = arrays["object_class"].transpose("step", "height", "width").values
    assert np.array_equal(found, node["object_class"].values[trajectory, steps])
    assert len(found) == min(64, 130 - 64 * chunk)
    here = (node["in_trajectory"] == trajectory) & (node["at_step"] // 64 == chunk)
    assert here.sum() > 0
    for name in ("at_step", "instance", "class_code", "centre_x", "vx", "visible_pixels", "left", "bottom"):
        assert np.array_equal(arrays[name].values, node[name].values[here.values]), name


def test_without_a_world_there_are_no_masks_and_they_are_seen_as_soon_as_there_is_one(plain, opened):
    source = StudySource(plain)
    assert source.answer("masks", {"trajectory": 0, "chunk": 0}) == ({"computed": False}, {})
    assert "world" not in source.describe()
    plain["world"] = opened["world"].copy()
    assert source.answer("masks", {"trajectory": 0, "chunk": 0})[0] == {"computed": True}
    described = source.describe()["world"]
    assert described["classes"][:3] == ["background", "wall", "lava"]
    assert len(described["colours"]) == len(described["classes"])


def test_a_branch_is_read_up_to_the_frame_that_ended_it(study, source):
    node = study["branches/again"]
    for branch, taken in enumerate(node["num_taken"].values):
        flags, arrays = source.answer("branch_frames", {"name": "again", "branch": branch})
        assert flags == {"taken": taken, "action_names": list(study.attrs["action_names"])}
        count = min(12, taken + 1)
        frames = arrays["observation"].transpose("step", "height", "width", "rgb").values
        assert np.array_equal(frames, node["observation"].values[branch, :count])
        assert np.array_equal(arrays["value"].values, node["value"].values[branch, :count], equal_nan=True)
        assert arrays["action"].dims == ("step",)
        assert arrays["policy_logits"].dims == ("step", "logit")


def test_survival_is_as_it_is_stored(study, source):
    _, arrays = source.answer("survival", {"name": "no saw"})
    for name in ("survival", "survival_low", "survival_high"):
        assert np.array_equal(arrays[name].values, study["branches/no%20saw"][name].values)


def test_forks_are_described_in_their_order_and_what_is_none_is_left_out(study, source):
    study["branches/broken"] = xr.DataTree(xr.Dataset({"cause": ("branch", np.array(["saw"], object))}))
    first, second = source.describe()["branches"]
    assert (first["name"], first["trajectory"], first["step"], first["num_steps"]) == ("again", 0, 20, 12)
    assert first["causes"] == ["", "saw", "coin"]
    assert first["taken"] == [12, 8, 12]
    assert first["completed"] == [False, False, True]
    assert (second["name"], second["edits"]) == ("no saw", ["every saw removed"])
    assert (first["actions"], second["actions"]) == ("", "RIGHT, LEFT")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"name": "agian", "branch": 0}, "Did you mean 'again'"),
        ({"name": "again", "branch": 3}, "has 3, from 0"),
        ({"name": "again", "branch": -1}, "has 3, from 0"),
    ],
)
def test_what_a_fork_lacks_is_said(source, params, message):
    with pytest.raises(ValueError, match=message):
        source.answer("branch_frames", params)


# -- writing -----------------------------------------------------------------------------------------------------------


def test_a_removed_fork_is_gone_from_the_study_and_from_every_view_of_it(study):
    view, other = Explorer(study, branch="no saw", branch_member=1), Explorer(study, branch="no saw")
    assert "error" not in ask(other, "remove_branches", name="no saw")
    assert list(study["branches"].children) == ["again"]
    for each in (view, other):
        assert (each.branch, each.branch_member) == ("", 0)
        assert [fork["name"] for fork in each._study["branches"]] == ["again"]
    assert "unknown fork" in ask(view, "remove_branches", name="no saw")["error"]


def test_a_view_with_an_agent_looks_into_the_world_and_forks(plain, opened):
    connection = ToyConnection(plain, opened)
    view = Explorer(plain, connection=connection)
    assert "error" not in ask(view, "look_at_world")
    assert view._study["world"]["classes"][8] == "agent"
    params = {"trajectory": 1, "step": 7, "num_branches": 4, "num_steps": 9, "seed": 3}
    assert ask(view, "fork", actions="7 0", name="", **params)["result"]["name"] == "step 7"
    assert connection.asked[-1] == {**params, "actions": (7, 0)}
    assert ask(view, "fork", actions="", name="", **params)["result"]["name"] == "step 7 (2)"
    assert [fork["name"] for fork in view._study["branches"]] == ["step 7", "step 7 (2)"]
    view.branch = "step 7 (2)"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "step 7"}, "another name"),
        ({"actions": "7 up"}, "numbers from 0 to 14"),
        ({"actions": "15"}, "numbers from 0 to 14"),
        ({"num_branches": 0}, "num_branches must be from 1 to 256"),
        ({"num_steps": 1001}, "num_steps must be from 1 to 1000"),
        ({"step": 130}, "step 130 is out of range"),
    ],
)
def test_a_fork_that_cannot_be_made_is_refused_before_anything_runs(plain, opened, changes, message):
    connection = ToyConnection(plain, opened)
    view = Explorer(plain, connection=connection)
    params = {"trajectory": 1, "step": 7, "num_branches": 4, "num_steps": 9, "seed": 3, "actions": "", "name": ""}
    ask(view, "fork", **params)
    asked = len(connection.asked)
    assert message in ask(view, "fork", **{**params, **changes})["error"]
    assert len(connection.asked) == asked


@pytest.mark.parametrize("method", ["look_at_world", "fork"])
def test_a_connection_that_cannot_do_it_is_told(plain, method):
    bare = type("Bare", (), {"layers": (), "outputs": ("value",)})()
    params = {"trajectory": 0, "step": 1, "num_branches": 1, "num_steps": 1, "seed": 0, "actions": "", "name": ""}
    reply = ask(Explorer(plain, connection=bare), method, **(params if method == "fork" else {}))
    assert "pass agent= to it" in reply["error"]


# -- traits ------------------------------------------------------------------------------------------------------------


def test_what_is_shown_of_the_world_is_part_of_the_state(study):
    view = Explorer(study, objects="fill", branch="again", branch_member=2)
    state = view.state()
    assert state == {"objects": "fill", "branch": "again", "branch_member": 2}
    other = Explorer(study, state=state)
    assert (other.objects, other.branch, other.branch_member) == ("fill", "again", 2)
    other.branch = "no saw"
    assert other.branch_member == 0, "the other fork has only two branches"


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"objects": "outline"}, "Did you mean 'outlines'"),
        ({"branch": "agan"}, "Did you mean 'again'"),
        ({"branch": "again", "branch_member": 3}, "from 0 to 2"),
        ({"branch_member": 1}, "from 0 to 0"),
    ],
)
def test_what_does_not_fit_is_refused(study, traits, message):
    with pytest.raises(traitlets.TraitError, match=message):
        Explorer(study, **traits)


# -- pages and pictures ------------------------------------------------------------------------------------------------


def test_a_page_carries_every_mask_and_every_branch(study):
    page = Explorer(study, branch="again").page()
    asked = [(method, tuple(sorted(params.items()))) for method, params in page.asked]
    for trajectory in range(2):
        for chunk in range(3):
            assert ("masks", (("chunk", chunk), ("trajectory", trajectory))) in asked
    for name, count in (("again", 3), ("no saw", 2)):
        assert ("survival", (("name", name),)) in asked
        assert all(("branch_frames", (("branch", k), ("name", name))) in asked for k in range(count))
    assert {("bundle", (("name", name),)) for name in ("world", "forks")} <= set(asked)
    opened = ("masks", "survival", "branch_frames")
    assert all(page.answer(method, params)[1] for method, params in page.asked if method in opened)
    assert page.state["branch"] == "again"


def test_a_page_says_what_it_leaves_out(study, monkeypatch):
    monkeypatch.setattr(page_world, "PAGE_MASK_STEPS", 100)
    monkeypatch.setattr(page_world, "PAGE_BRANCHES", 3)
    page = Explorer(study).page()
    methods = {method for method, _ in page.asked}
    assert "masks" not in methods
    assert "260 steps" in page.state["_study"]["world"]["note"]
    assert page.state["_study"]["world"]["classes"] == []
    first, second = page.state["_study"]["branches"]
    assert (first["note"], second["note"] != "") == ("", True)
    assert {params["name"] for method, params in page.asked if method == "branch_frames"} == {"again"}


def test_a_page_of_a_plain_study_still_carries_what_says_that_there_is_no_world(plain):
    asked = Explorer(plain).page().asked
    assert ("bundle", {"name": "world"}) in asked
    assert ("bundle", {"name": "forks"}) not in asked


@pytest.mark.parametrize("objects", ["off", "outlines", "fill"])
def test_a_picture_outlines_the_objects_of_the_observation_and_nothing_else(study, objects):
    plain, drawn = Explorer(study, step=70).picture(), Explorer(study, step=70, objects=objects).picture()
    top, left = 52, 12
    inside = (slice(top, top + 256), slice(left, left + 256))
    codes = study["world/object_class"].values[0, 70]
    colours = np.array([list(bytes.fromhex(c[1:])) for c in study["world"].attrs["colours"]], float)
    overlay = draw_mask(codes, colours, height=256, width=256, line=2, fill=objects == "fill")
    expected = plain.copy()
    if objects != "off":
        expected[inside] = laid_over(plain[inside], overlay)
        assert (expected != plain).any()
    assert np.array_equal(drawn, expected)


# -- the overlay's law -------------------------------------------------------------------------------------------------


def brute_force(codes, height, width, line):
    """Tell of each point whether a point of another class is near, one by one."""
    row = [min(y for y in range(len(codes)) if _end(y, len(codes), height) > point) for point in range(height)]
    column = [min(x for x in range(codes.shape[1]) if _end(x, codes.shape[1], width) > p) for p in range(width)]
    near = np.zeros((height, width), bool)
    for y in range(height):
        for x in range(width):
            around = {
                codes[row[b], column[a]]
                for b in range(max(0, y - line), min(height, y + line + 1))
                for a in range(max(0, x - line), min(width, x + line + 1))
            }
            near[y, x] = codes[row[y], column[x]] > 0 and len(around) > 1
    return near


def _end(index, count, points):
    return int(np.floor((index + 1) * points / count + 0.5))


@pytest.mark.parametrize(("height", "width", "line"), [(8, 8, 1), (32, 32, 1), (37, 41, 2), (24, 40, 3)])
def test_an_outline_is_where_another_class_is_near(height, width, line):
    codes = np.random.default_rng(height).integers(0, 3, (8, 8)).astype(np.uint8)
    codes[2:6, 2:6] = 2
    drawn = draw_mask(codes, COLOURS, height=height, width=width, line=line, fill=False)
    assert np.array_equal(drawn[..., 3] == 255, brute_force(codes, height, width, line))
    assert set(np.unique(drawn[..., 3])) <= {0, 255}
    filled = draw_mask(codes, COLOURS, height=height, width=width, line=line, fill=True)
    assert np.array_equal(filled[..., 3] == 255, drawn[..., 3] == 255)
    assert set(np.unique(filled[..., 3])) <= {0, 102, 255}


def test_what_the_frame_cuts_off_has_no_line_there():
    whole = draw_mask(np.ones((4, 4), np.uint8), COLOURS, height=16, width=16, line=1, fill=False)
    assert not whole.any()
    codes = np.zeros((4, 4), np.uint8)
    codes[:, :2] = 1
    half = draw_mask(codes, COLOURS, height=16, width=16, line=1, fill=False)[..., 3] > 0
    assert np.array_equal(np.nonzero(half.any(axis=0))[0], [7])
