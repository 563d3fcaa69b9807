"""Objects outlined in the observation, forks beneath the timeline: by mouse and keyboard, on pages without Jupyter."""

import base64
import io
import json
import re
from urllib.parse import urlencode

import numpy as np
import pytest
import toy
from explorer_page import LONG, ExplorerPage, eventually, settle
from lab import ROOT
from PIL import Image
from playwright.sync_api import expect
from test_access import AXE

from rlvision_widgets.snapshot import save_snapshot
from rlvision_widgets.widgets import Explorer
from rlvision_widgets.widgets.overlay import draw_mask

pytestmark = pytest.mark.browser
STEP = 70
GUTTER = (40, 116)  # pixels left and right of the time axis
INK = """(canvas) => {
    const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const columns = new Set();
    for (let at = 3; at < data.length; at += 4) if (data[at] > 0) columns.add(((at - 3) / 4) % width);
    return [...columns].sort((a, b) => a - b);
}"""


def drawn(canvas):
    """Return what is on a canvas, (height, width, rgba) uint8: by a file, since a list of numbers takes seconds."""
    file = base64.b64decode(canvas.evaluate("(canvas) => canvas.toDataURL()").partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGBA"))


class WorldPage(ExplorerPage):
    """The view with its objects and forks."""

    def __init__(self, page):
        super().__init__(page)
        self.page = page
        self.objects = self.root.get_by_role("region", name="Objects")
        self.listed = self.objects.get_by_role("group", name="Objects of this step").get_by_role("button")
        self.toggle = self.button("objects")
        self.compare = self.root.get_by_role("region", name="Branch compared")
        self.mark = self.root.locator(".rlv-object-mark").first

    def lane(self, name):
        """Return a fork's lane."""
        return self.root.get_by_role("group", name=f"Fork {name}", exact=True)

    def name(self, name):
        """Return the button that bears a fork's name."""
        return self.lane(name).get_by_role("button")

    def layer(self, panel="observation"):
        """Return what lies over a panel's picture: (height, width, rgba) uint8."""
        return drawn(self.root.locator(f".rlv-{panel} canvas.rlv-objects-layer").first)

    def branch_pixels(self):
        """Return the branch's frame: (height, width, rgb) uint8."""
        return drawn(self.root.locator(".rlv-branch canvas.rlv-frame"))[..., :3]

    def get(self, name):
        return self.page.evaluate("(name) => rlv.model.get(name)", name)

    def set(self, name, value):
        self.page.evaluate("([name, value]) => rlv.model.set(name, value)", [name, value])

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def cell(self, row, column):
        """Return what the table of the comparison says."""
        line = self.compare.get_by_role("row").filter(has=self.page.get_by_role("rowheader", name=row, exact=True))
        return line.get_by_role("cell").nth(["recorded", "branch", "difference"].index(column))


@pytest.fixture(scope="module")
def study():
    return toy.open_world(toy.toy_study(2, 130))


@pytest.fixture
def errors():
    found = []
    yield found
    assert found == []


@pytest.fixture
def watched(browser, errors):
    """Pages whose errors are noticed, closed in the end."""
    pages = []

    def page(width=1400):
        made = browser.new_page()
        made.set_viewport_size({"width": width, "height": 1000})
        made.on("pageerror", lambda error: errors.append(str(error)))
        made.on("console", lambda message: message.type == "error" and errors.append(message.text))
        pages.append(made)
        return made

    yield page
    for each in pages:
        each.close()


@pytest.fixture(scope="module")
def saved(study, tmp_path_factory):
    """A page of the study, without a kernel."""
    path = tmp_path_factory.mktemp("pages") / "opened.html"
    save_snapshot(Explorer(study), path, progress=False)
    return path


@pytest.fixture
def open_page(watched, saved):
    """Open the page; its address says what it shows."""

    def open_view(width=1400, path=saved, **traits):
        shown = {name: value if isinstance(value, str) else json.dumps(value) for name, value in traits.items()}
        page = watched(width)
        page.goto(f"{path.as_uri()}#{urlencode(shown)}")
        page.locator("[data-ready]").first.wait_for()
        return WorldPage(page)

    return open_view


@pytest.fixture
def open_harness(watched, harness):
    """Open the page with a made-up study whose kernel is a script."""

    def open_view(query, width=1400):
        page = watched(width)
        page.goto(f"{harness}?{query}")
        page.locator("[data-ready]").first.wait_for()
        return WorldPage(page)

    return open_view


def colours(study):
    return np.array([list(bytes.fromhex(colour[1:])) for colour in study["world"].attrs["colours"]], float)


def expected_layer(study, step, shape, *, fill=False, trajectory=0):
    height, width = shape[:2]
    codes = study["world/object_class"].values[trajectory, step]
    line = 2 if width / 64 >= 4 else 1
    return draw_mask(codes, colours(study), height=height, width=width, line=line, fill=fill)


def expect_layer(view, study, step, *, fill=False):
    """Assert that the overlay is what Python draws at its size; tints up to what a canvas rounds off."""

    def is_drawn():
        found = view.layer()
        expected = expected_layer(study, step, found.shape, fill=fill)
        opaque = expected[..., 3] == 255
        same = np.array_equal(found[..., 3], expected[..., 3]) and np.array_equal(found[opaque], expected[opaque])
        tinted = np.abs(found.astype(int) - expected)[expected[..., 3] > 0]
        return same and int(tinted.max(initial=0)) <= 2

    eventually(is_drawn, True)


# -- objects -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1400, 700])
def test_outlines_are_the_masks_of_the_study_pixel_by_pixel(open_page, study, width):
    view = open_page(width, step=STEP, objects="outlines")
    expect_layer(view, study, STEP)
    assert view.layer().shape[0] == view.root.locator(".rlv-observation .rlv-place").evaluate("(e) => e.clientHeight")
    view.slider.focus()
    view.press("ArrowRight")
    expect_layer(view, study, STEP + 1)
    assert not np.array_equal(
        expected_layer(study, STEP, view.layer().shape), expected_layer(study, STEP + 1, view.layer().shape)
    )
    view.objects.get_by_role("button", name="filled").click()
    expect_layer(view, study, STEP + 1, fill=True)
    view.root.locator(".rlv-observation .rlv-place").dblclick()
    expect_layer(view, study, STEP + 1, fill=True)


def test_a_key_and_a_switch_show_the_objects_and_escape_gives_the_focus_back(open_page):
    view = open_page(step=STEP)
    assert view.root.locator(".rlv-objects-layer").count() == 0
    view.slider.focus()
    for pressed, filled in ((True, False), (True, True), (False, None)):
        view.press("m")
        expect(view.toggle).to_have_attribute("aria-pressed", str(pressed).lower())
        if pressed:
            expect(view.objects).to_be_visible(timeout=LONG)
            button = view.objects.get_by_role("button", name="filled")
            expect(button).to_have_attribute("aria-pressed", str(filled).lower())
    expect(view.root.locator(".rlv-objects-layer")).to_have_count(0)
    view.toggle.focus()
    view.press("Enter")
    view.listed.first.focus()
    view.press("Escape")
    expect(view.toggle).to_be_focused()
    expect(view.toggle).to_have_attribute("aria-pressed", "false")


def test_the_pointer_names_what_it_is_over(open_page, study):
    view = open_page(step=STEP, objects="outlines")
    expect_layer(view, study, STEP)
    node = study["world"].to_dataset()
    rows = np.nonzero((node["in_trajectory"].values == 0) & (node["at_step"].values == STEP))[0]
    place = view.root.locator(".rlv-observation .rlv-place").bounding_box()
    tip = view.root.locator(".rlv-observation .rlv-object-tip")
    names = study["world"].attrs["classes"]
    codes = study["world/object_class"].values[0, STEP]
    for row in rows:
        code = int(node["class_code"].values[row])
        inside = np.zeros_like(codes, bool)
        box = [int(node[side].values[row]) for side in ("top", "bottom", "left", "right")]
        inside[box[0] : box[1], box[2] : box[3]] = codes[box[0] : box[1], box[2] : box[3]] == code
        y, x = np.argwhere(inside)[0]
        view.page.mouse.move(
            place["x"] + (x + 0.5) * place["width"] / 64, place["y"] + (y + 0.5) * place["height"] / 64
        )
        numbers = [float(node[name].values[row]) for name in ("centre_x", "centre_y")]
        seen = int(node["visible_pixels"].values[row])
        expect(tip).to_have_text(
            f"{names[code]}\nat {numbers[0]:.1f}, {numbers[1]:.1f} cells\n{seen} pixels seen", timeout=LONG
        )
        expect(view.mark).to_be_visible()
    y, x = np.argwhere(codes == 1)[0]
    view.page.mouse.move(place["x"] + (x + 0.5) * place["width"] / 64, place["y"] + (y + 0.5) * place["height"] / 64)
    expect(tip).to_have_text("wall")
    view.page.mouse.move(0, 0)
    expect(tip).to_be_hidden()
    expect(view.mark).to_be_hidden()


def test_objects_are_listed_and_found_by_keyboard(open_page, study):
    view = open_page(step=STEP, objects="outlines")
    expect(view.listed.first).to_be_visible(timeout=LONG)
    node = study["world"].to_dataset()
    here = (node["in_trajectory"].values == 0) & (node["at_step"].values == STEP)
    assert view.listed.filter(visible=True).count() == here.sum()
    view.listed.first.focus()
    view.press("ArrowDown")
    expect(view.listed.nth(1)).to_be_focused()
    expect(view.mark).to_be_visible()
    place = view.root.locator(".rlv-observation .rlv-place").bounding_box()
    mark = view.mark.bounding_box()
    row = np.nonzero(here)[0][1]
    left, right = (np.clip(float(node[side].values[row]) + by, 0, 64) for side, by in (("left", -1), ("right", 1)))
    assert mark["x"] == pytest.approx(place["x"] + left * place["width"] / 64, abs=1)
    assert mark["width"] == pytest.approx((right - left) * place["width"] / 64, abs=1.5)
    view.press("Enter")
    expect(view.listed.nth(1)).to_have_attribute("aria-pressed", "true")
    view.slider.focus()
    expect(view.mark).to_be_visible()
    view.press("ArrowRight")
    expect(view.listed.nth(1)).to_have_attribute("aria-pressed", "true")


def test_a_study_without_a_world_says_so_and_an_agent_finds_it(open_harness):
    view = open_harness("step=40&objects=outlines&agent=1")
    expect(view.objects.get_by_role("status").first).to_contain_text("built without objects", timeout=LONG)
    view.objects.get_by_role("button", name="Find the objects").click()
    expect(view.objects.get_by_role("progressbar")).to_be_visible()
    expect(view.listed.first).to_be_visible(timeout=LONG)
    eventually(lambda: bool(view.layer()[..., 3].max()), True)


def test_looking_into_the_world_can_be_cancelled(open_harness):
    view = open_harness("step=40&objects=outlines&agent=1")
    view.objects.get_by_role("button", name="Find the objects").click()
    view.objects.get_by_role("button", name="Cancel").click()
    expect(view.objects.get_by_role("button", name="Find the objects")).to_be_visible()
    assert view.page.evaluate("() => rlv.cancelled.size") == 1


def test_a_page_without_a_world_says_that_it_takes_the_notebook(open_page, tmp_path):
    path = tmp_path / "plain.html"
    save_snapshot(Explorer(toy.toy_study(1, 20)), path, progress=False)
    view = open_page(path=path, objects="outlines")
    expect(view.objects).to_contain_text("open the notebook", timeout=LONG)
    expect(view.objects.get_by_role("button", name="Find the objects")).to_be_hidden()


# -- forks -------------------------------------------------------------------------------------------------------------


def axis_x(view, step, first, last):
    """Return where a step lies, in pixels from the left edge of the lanes."""
    width = view.root.locator(".rlv-lanes").bounding_box()["width"] - sum(GUTTER)
    return GUTTER[0] + width * (step - first) / (last - first)


@pytest.mark.parametrize("shown", [(0, 512), (60, 200), (70, 110), (100, 300)])
def test_lanes_lie_on_the_timeline_s_axis_at_any_zoom(open_harness, shown):
    view = open_harness(f"forks=1&step={shown[0] + 5}&view_range={shown[0]},{shown[1]}")
    expect(view.lane("a second try")).to_be_visible(timeout=LONG)
    fork = view.page.evaluate("() => rlv.study.branches[0]")
    first, last = shown[0], shown[1] - 1
    start, end = (axis_x(view, fork["step"] + taken, first, last) for taken in (0, max(fork["taken"])))
    left, right = GUTTER[0], view.root.locator(".rlv-lanes").bounding_box()["width"] - GUTTER[1]

    def is_drawn():
        ink = view.lane("a second try").locator("canvas").evaluate(INK)
        if end < left:
            return ink == [] or max(ink) <= left + 4
        return abs(min(ink) - max(start, left - 4)) <= 2 and abs(max(ink) - min(end, right + 4)) <= 5

    eventually(is_drawn, True)
    name = view.name("a second try")
    from_edge = name.bounding_box()["x"] - view.root.locator(".rlv-lanes").bounding_box()["x"]
    assert from_edge == pytest.approx(np.clip(start, left, right) - 6, abs=2)


def test_zooming_by_keyboard_moves_the_lanes_along(open_harness):
    view = open_harness("forks=1&step=100")
    expect(view.lane("a second try")).to_be_visible(timeout=LONG)
    before = len(view.lane("a second try").locator("canvas").evaluate(INK))
    view.slider.focus()
    view.press("+")
    eventually(lambda: len(view.lane("a second try").locator("canvas").evaluate(INK)) > 1.8 * before, True)
    view.press("0")
    eventually(lambda: abs(len(view.lane("a second try").locator("canvas").evaluate(INK)) - before) <= 1, True)


def test_a_branch_is_compared_in_lock_step(open_page, study):
    view = open_page(step=22, branch="again", branch_member=1)
    fork = study["branches/again"].to_dataset()
    frames = fork["observation"].values[1]

    def expect_moment(step):
        view.expect_step(step)
        eventually(lambda: np.array_equal(view.branch_pixels(), frames[step - 20]), True)

    expect_moment(22)
    recorded, branch = study["value"].values[0, 22], fork["value"].values[1, 2]
    expect(view.cell("value", "recorded")).to_have_text(f"{recorded:.2f}".replace("-", "−"))
    expect(view.cell("value", "branch")).to_have_text(f"{branch:.2f}")
    expect(view.cell("value", "difference")).to_have_text(re.compile(r"^[+−]\d"))
    actions = study.attrs["action_names"]
    expect(view.cell("action", "branch")).to_have_text(actions[int(fork["action"].values[1, 2])])
    view.slider.focus()
    view.press("ArrowRight")
    expect_moment(23)
    differs = (frames[3] != study["observation"].values[0, 23]).any(axis=-1)
    expect(view.cell("pixels", "difference")).to_have_text(f"{100 * differs.mean():.1f} % differ")
    found = view.layer("branch")
    height, width = found.shape[:2]
    line = 2 if width / 64 >= 4 else 1
    orange = np.array([[0, 0, 0], [213, 94, 0]], float)
    expected = draw_mask(differs.astype(np.uint8), orange, height=height, width=width, line=line, fill=False)
    assert np.array_equal(found, expected)
    for _ in range(5):
        view.press("ArrowRight")
    expect_moment(28)  # the saw's step: the frame that ended it
    expect(view.compare).to_contain_text("saw after 8 steps")
    expect(view.cell("action", "branch")).to_have_text("–")
    view.press("Home")
    expect(view.root.locator(".rlv-branch")).to_contain_text("begins at step 20")


def test_the_first_frame_of_a_fork_is_the_recording_s(open_page):
    view = open_page(step=20, branch="again", branch_member=2)
    view.expect_step(20)
    expect(view.cell("pixels", "difference")).to_have_text("the same", timeout=LONG)
    assert not view.layer("branch").any()


def test_a_line_is_picked_by_a_click_and_left_by_another(open_page):
    view = open_page(step=0)
    lane = view.lane("again")
    expect(lane).to_be_visible(timeout=LONG)
    box = lane.locator("canvas").bounding_box()
    left = view.root.locator(".rlv-lanes").bounding_box()["x"]
    x = left + axis_x(view, 24, 0, 129)
    view.page.mouse.move(x, box["y"] + 3)
    expect(lane.locator(".rlv-object-tip")).to_have_text("branch 1: alive after 12 steps")
    view.page.mouse.click(x, box["y"] + 3)
    expect(view.compare).to_contain_text("again: branch 1 of 3")
    view.expect_step(20)
    expect(view.name("again")).to_have_attribute("aria-pressed", "true")
    view.page.mouse.click(x, box["y"] + 3)
    expect(view.compare).to_be_hidden()
    expect(view.root.locator(".rlv-branch")).to_have_count(0)


def test_forks_are_walked_through_by_keyboard(open_page):
    view = open_page(step=60)
    view.name("again").focus()
    view.press("Enter")
    expect(view.compare).to_contain_text("again: branch 1 of 3", timeout=LONG)
    for keys, number in ((["ArrowDown"], 2), (["ArrowDown"], 3), (["ArrowDown"], 3), (["ArrowUp", "ArrowUp"], 1)):
        view.press(*keys)
        expect(view.compare).to_contain_text(f"again: branch {number} of 3")
    expect(view.name("again")).to_be_focused()
    view.press("ArrowRight")
    view.expect_step_only(21)
    view.press("Escape")
    expect(view.compare).to_be_hidden()
    expect(view.name("again")).to_be_focused()
    view.button("Next trajectory").click()
    expect(view.lane("no saw")).to_be_visible()
    expect(view.lane("again")).to_have_count(0)


def test_the_menu_goes_to_a_fork_of_another_trajectory(open_page):
    view = open_page(step=0)
    view.button("forks").focus()
    view.press("Enter")
    menu = view.root.get_by_role("dialog", name="Forks")
    expect(menu).to_contain_text("open the notebook", timeout=LONG)
    expect(menu.get_by_role("button", name="Fork here")).to_be_hidden()
    menu.get_by_role("button", name=re.compile("^no saw")).click()
    expect(view.compare).to_contain_text("no saw: branch 1 of 2", timeout=LONG)
    expect(view.compare).to_contain_text("every saw removed")
    view.expect_step(100)
    expect(view.button("remove fork")).to_be_hidden()


def test_a_fork_is_made_here_by_keyboard(open_harness):
    view = open_harness("agent=1&step=37")
    expect(view.root.locator(".rlv-lane")).to_have_count(0)
    view.button("forks").focus()
    view.press("Enter")
    menu = view.root.get_by_role("dialog", name="Forks")
    expect(menu).to_contain_text("fork here: step 37 of trajectory 1", timeout=LONG)
    menu.get_by_label("tries").focus()
    view.press("Control+a", "3", "Tab", "Control+a", "9", "Tab", "Control+a", "5")
    menu.get_by_label("first action").select_option("RIGHT")
    menu.get_by_label("name").focus()
    view.page.keyboard.type("jump")
    view.press("Enter")
    expect(menu.get_by_role("progressbar")).to_be_visible()
    expect(view.compare).to_contain_text("jump: branch 1 of 3", timeout=LONG)
    expect(view.button("forks")).to_be_focused()
    asked = view.page.evaluate("() => rlv.requests.find((one) => one.startsWith('fork'))")
    assert '"actions":"7","name":"jump","num_branches":3,"num_steps":9,"seed":5,"step":37,"trajectory":0' in asked


def test_making_a_fork_can_be_cancelled(open_harness):
    view = open_harness("agent=1&step=37")
    view.button("forks").click()
    menu = view.root.get_by_role("dialog", name="Forks")
    menu.get_by_role("button", name="Fork here").click()
    menu.get_by_role("button", name="Cancel").click()
    expect(menu.get_by_role("progressbar")).to_be_hidden()
    expect(menu.get_by_role("button", name="Fork here")).to_be_enabled()
    assert view.page.evaluate("() => [rlv.cancelled.size, rlv.study.branches ?? null]") == [1, None]


def test_a_fork_is_removed_only_when_that_is_meant(open_harness):
    view = open_harness("forks=1&step=100")
    view.name("a second try").focus()
    view.press("Enter")
    expect(view.compare).to_be_visible(timeout=LONG)
    view.press("Delete")
    expect(view.button("Keep")).to_be_focused()
    view.press("Enter")
    expect(view.button("remove fork")).to_be_focused()
    view.press("Enter")
    expect(view.button("Keep")).to_be_focused()
    view.press("Shift+Tab", "Enter")
    expect(view.lane("a second try")).to_have_count(0)
    expect(view.compare).to_be_hidden()
    expect(view.name("no saw")).to_be_focused()
    assert view.get("branch") == ""


def test_everything_goes_with_the_view(open_harness):
    view = open_harness("world=1&forks=1&objects=outlines&branch=no saw&step=310")
    expect(view.root.locator(".rlv-branch")).to_be_visible(timeout=LONG)
    settle(view.page)
    view.page.evaluate("() => rlv.life.abort()")
    expect(view.page.locator("#view > *")).to_have_count(0)
    assert view.page.evaluate("() => rlv.listening()") == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "state",
    [
        "world=1&objects=fill&step=100",
        "objects=outlines&agent=1&step=10",
        "world=1&forks=1&objects=outlines&branch=no saw&branch_member=2&step=310&agent=1",
    ],
)
def test_axe_finds_nothing_to_object_to(open_harness, state):
    path = ROOT / "node_modules" / "axe-core" / "axe.min.js"
    if not path.is_file():
        pytest.skip("axe-core is not installed: run `npm ci`")
    for theme, width in (("light", 1400), ("dark", 1400), ("light", 700)):
        view = open_harness(f"{state}&theme={theme}", width)
        settle(view.page)
        if "forks" in state:
            view.button("forks").click()
            expect(view.root.get_by_role("button", name="Fork here")).to_be_visible(timeout=LONG)
        view.page.evaluate(path.read_text(encoding="utf-8"))
        assert view.page.evaluate(AXE, "#view") == []
