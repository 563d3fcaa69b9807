"""The timeline by mouse, wheel and keyboard, on a page with a made-up study and no kernel (`js/harness`)."""

import functools
import http.server
import re
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from explorer_page import ExplorerPage, eventually
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]
MIDDLE = (40, 116)  # pixels left and right of the curves


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_arguments):
        pass


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Where the harness is served."""
    node = shutil.which("node")
    if node is None or not (ROOT / "node_modules").is_dir():
        pytest.skip("the harness is built by Node: install it and run `npm ci`")
    folder = tmp_path_factory.mktemp("harness")
    subprocess.run([node, "js/build.mjs", "--harness", str(folder)], cwd=ROOT, check=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/harness.html"
    server.shutdown()


class Timeline(ExplorerPage):
    """The timeline of the view on a page of the harness, whose traits can be read and set as Python would."""

    def __init__(self, page):
        super().__init__(page)
        self.page = page
        self.plot = self.root.locator(".rlv-plot")
        self.band = self.root.get_by_role("group", name="Selected range")
        self.overview = self.root.get_by_role("group", name="Part of the trajectory shown")
        self.base = self.root.locator(".rlv-plot > canvas[role]")

    def get(self, name):
        return self.page.evaluate("(name) => rlv.model.get(name)", name)

    def set(self, name, value):
        self.page.evaluate("([name, value]) => rlv.model.set(name, value)", [name, value])
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def at(self, step, first=0, last=511, *, lane=0.6):
        """Return where a step lies on the screen while `first` to `last` are shown."""
        box = self.plot.bounding_box()
        width = box["width"] - sum(MIDDLE)
        return box["x"] + MIDDLE[0] + width * (step - first) / (last - first), box["y"] + lane * box["height"]

    def drag_to(self, start, stop, *, key=None, lane=0.6, **shown):
        mouse, keyboard = self.page.mouse, self.page.keyboard
        if key:
            keyboard.down(key)
        mouse.move(*self.at(start, lane=lane, **shown))
        mouse.down()
        mouse.move(*self.at(stop, lane=lane, **shown), steps=6)
        mouse.up()
        if key:
            keyboard.up(key)

    def wheel(self, step, dx, dy, *, key=None, **shown):
        self.page.mouse.move(*self.at(step, **shown))
        if key:
            self.page.keyboard.down(key)
        self.page.mouse.wheel(dx, dy)
        if key:
            self.page.keyboard.up(key)


@pytest.fixture
def open_timeline(browser, address):
    pages, errors = [], []

    def open_page(**traits):
        page = browser.new_page()
        pages.append(page)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and errors.append(message.text))
        page.goto(f"{address}?" + "&".join(f"{name}={value}" for name, value in traits.items()))
        page.locator("[data-ready]").wait_for()
        timeline = Timeline(page)
        timeline.base.and_(page.locator("[aria-label]")).wait_for()
        return timeline

    yield open_page
    for page in pages:
        page.close()
    assert errors == []


def test_the_curves_say_what_they_are(open_timeline):
    timeline = open_timeline(more_outputs="RIGHT;RIGHT;value")
    label = timeline.base.get_attribute("aria-label")
    assert label == "value, RIGHT logit, advantage, reward over 512 steps", "one curve an output"


def test_buttons_keys_and_wheel_zoom_around_what_is_pointed_at(open_timeline):
    timeline = open_timeline(step=100)
    expect(timeline.button("Show more steps")).to_be_disabled()
    expect(timeline.overview).to_be_hidden()
    timeline.button("Show fewer steps").click()
    start, stop = timeline.get("view_range")
    assert stop - start == 257
    assert start <= 100 < stop
    timeline.slider.focus()
    timeline.page.keyboard.press("+")
    assert timeline.get("view_range")[1] - timeline.get("view_range")[0] == 129
    timeline.page.keyboard.press("-")
    assert timeline.get("view_range")[1] - timeline.get("view_range")[0] == 257
    timeline.page.keyboard.press("0")
    assert timeline.get("view_range") == []
    timeline.wheel(400, 0, -200, key="Control")
    eventually(lambda: timeline.get("view_range") != [], True)
    start, stop = timeline.get("view_range")
    assert abs((400 - start) / (stop - 1 - start) - 400 / 511) < 0.01, "the step under the pointer stays there"
    assert timeline.step == 100


def test_shift_and_wheel_pan_and_a_plain_wheel_is_the_page_s(open_timeline):
    timeline = open_timeline(step=210, view_range="200,300")
    shown = {"first": 200, "last": 299}
    timeline.wheel(250, 0, 120, key="Shift", **shown)
    eventually(lambda: timeline.get("view_range")[0] > 200, True)
    start, stop = timeline.get("view_range")
    assert stop - start == 100
    assert timeline.step == 210, "a view that moves leaves the playhead behind"
    timeline.wheel(250, -5000, 0, **shown)
    eventually(lambda: timeline.get("view_range"), [0, 100])
    timeline.wheel(50, 0, 120)
    timeline.page.wait_for_timeout(200)
    assert timeline.get("view_range") == [0, 100]


def test_the_trait_is_followed_and_a_playhead_out_of_sight_takes_the_view_along(open_timeline):
    timeline = open_timeline(step=10)
    timeline.set("view_range", [300, 400])
    expect(timeline.overview).to_be_visible()
    assert timeline.get("view_range") == [300, 400]
    timeline.slider.focus()
    timeline.page.keyboard.press("ArrowRight")
    eventually(lambda: timeline.get("view_range")[0] <= 11 < timeline.get("view_range")[1], True)
    assert timeline.get("view_range")[1] - timeline.get("view_range")[0] == 100
    timeline.set("view_range", [])
    expect(timeline.overview).to_be_hidden()


def test_the_overview_s_window_and_edges_are_moved_by_mouse_and_keys(open_timeline):
    timeline = open_timeline(step=150, view_range="100,200")
    pane = timeline.overview.get_by_role("slider", name="Move the part shown")
    last = timeline.overview.get_by_role("slider", name="End of the part shown")
    pane.focus()
    timeline.page.keyboard.press("Shift+ArrowRight")
    eventually(lambda: timeline.get("view_range"), [110, 210])
    timeline.page.keyboard.press("Home")
    eventually(lambda: timeline.get("view_range"), [0, 100])
    last.focus()
    timeline.page.keyboard.press("ArrowRight")
    eventually(lambda: timeline.get("view_range"), [0, 101])
    expect(last).to_have_attribute("aria-valuenow", "100")
    assert timeline.step == 150
    box = pane.bounding_box()
    timeline.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 8)
    timeline.page.mouse.down()
    timeline.page.mouse.move(box["x"] + box["width"] / 2 + 300, box["y"] + 8, steps=5)
    timeline.page.mouse.up()
    start, stop = timeline.get("view_range")
    assert stop - start == 101
    assert 100 < start < 200
    timeline.overview.dblclick(position={"x": 2, "y": 8})
    eventually(lambda: timeline.get("view_range"), [])


@pytest.mark.parametrize(("steps", "shown"), [(512, "0,256"), (512, ""), (1, ""), (100_000, "0,256")])
def test_time_slides_beneath_a_playhead_in_the_middle(open_timeline, steps, shown):
    timeline = open_timeline(steps=steps, centred="true", **({"view_range": shown} if shown else {}))
    box = timeline.plot.bounding_box()
    middle = box["x"] + MIDDLE[0] + (box["width"] - sum(MIDDLE)) / 2
    playhead = timeline.root.locator(".rlv-playhead")
    for step in dict.fromkeys((0, steps // 3, steps - 1)):
        timeline.set("step", step)
        timeline.expect_step_only(step)
        found = playhead.bounding_box()
        assert abs(found["x"] + 1 - middle) < 1


def test_dragging_right_goes_back_in_time_and_a_click_goes_to_what_is_clicked(open_timeline):
    timeline = open_timeline(step=200, centred="true", view_range="0,256")
    shown = {"first": 200 - 127.5, "last": 200 + 127.5}
    timeline.drag_to(200, 240, **shown)
    eventually(lambda: timeline.step, 160)
    timeline.drag_to(160, 0, first=160 - 127.5, last=160 + 127.5)
    eventually(lambda: timeline.step, 320)
    timeline.page.mouse.click(*timeline.at(300, first=320 - 127.5, last=320 + 127.5))
    eventually(lambda: timeline.step, 300)
    timeline.drag_to(300, 425, first=300 - 127.5, last=300 + 127.5)
    timeline.drag_to(175, 300, first=175 - 127.5, last=175 + 127.5)
    timeline.drag_to(50, 160, first=50 - 127.5, last=50 + 127.5)
    eventually(lambda: timeline.step, 0)
    assert timeline.get("view_range") == [0, 256], "only its length counts"


def test_the_button_centres_and_sets_free_without_a_jump_in_what_is_seen(open_timeline):
    timeline = open_timeline(step=200)
    button = timeline.button("Playhead in the middle")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    start, stop = timeline.get("view_range")
    assert stop - start == 256, "as many steps as in the article"
    timeline.slider.focus()
    timeline.page.keyboard.press("c")
    expect(button).to_have_attribute("aria-pressed", "false")
    start, stop = timeline.get("view_range")
    assert (stop - start, abs((start + stop - 1) / 2 - 200) <= 1) == (256, True)


def test_a_range_is_brushed_moved_by_its_edges_played_and_cleared(open_timeline):
    timeline = open_timeline(step=10, fps=60)
    timeline.drag_to(100, 160, key="Shift")
    eventually(lambda: timeline.get("selected_range"), [100, 161])
    assert timeline.step == 10, "brushing moves nothing"
    expect(timeline.band).to_contain_text("61 steps")
    timeline.band.get_by_role("slider", name="Start of the selection").focus()
    timeline.page.keyboard.press("Shift+ArrowRight")
    eventually(lambda: timeline.get("selected_range"), [110, 161])
    edge = timeline.band.get_by_role("slider", name="End of the selection").bounding_box()
    timeline.page.mouse.move(edge["x"] + 6, edge["y"] + 60)
    timeline.page.mouse.down()
    timeline.page.mouse.move(*timeline.at(120), steps=4)
    timeline.page.mouse.up()
    eventually(lambda: timeline.get("selected_range"), [110, 121])
    timeline.button("Play the selected range").click()
    eventually(lambda: timeline.step >= 110, True)
    seen = set()
    for _ in range(60):
        seen.add(timeline.step)
        timeline.page.wait_for_timeout(20)
    assert seen <= set(range(110, 121))
    assert len(seen) > 5
    timeline.button("Pause").click()
    timeline.button("Clear the selection").click()
    expect(timeline.band).to_be_hidden()
    assert timeline.get("selected_range") == []


def test_i_and_o_select_and_escape_clears_before_it_leaves(open_timeline):
    timeline = open_timeline(step=50)
    timeline.slider.focus()
    timeline.page.keyboard.press("i")
    assert timeline.get("selected_range") == [50, 512]
    timeline.page.keyboard.press("Shift+ArrowRight")
    timeline.page.keyboard.press("o")
    assert timeline.get("selected_range") == [50, 61]
    timeline.page.keyboard.press("Escape")
    assert timeline.get("selected_range") == []
    expect(timeline.slider).to_be_focused()
    timeline.page.keyboard.press("Escape")
    expect(timeline.slider).not_to_be_focused()


def test_an_episode_is_selected_by_a_double_click_or_a_key_and_its_start_is_gone_to(open_timeline):
    timeline = open_timeline(step=10)
    second = timeline.page.evaluate("() => rlv.study.trajectories[0].episodes[1]")
    x, _ = timeline.at(second["start"] + 20)
    timeline.page.mouse.dblclick(x, timeline.plot.bounding_box()["y"] + 8)
    eventually(lambda: timeline.get("selected_range"), [second["start"], second["stop"]])
    x, _ = timeline.at(second["stop"])
    timeline.page.mouse.click(x + 3, timeline.plot.bounding_box()["y"] + 8)
    eventually(lambda: timeline.step, second["stop"])
    timeline.page.keyboard.press("ArrowLeft")
    timeline.page.keyboard.press("Escape")
    timeline.page.keyboard.press("e")
    eventually(lambda: timeline.get("selected_range"), [second["start"], second["stop"]])


def test_a_mark_says_what_it_is_and_is_gone_to_by_click_and_keys(open_timeline):
    timeline = open_timeline(step=10)
    bookmarks = timeline.page.evaluate("() => rlv.study.bookmarks")
    marks = sorted(mark["step"] for mark in bookmarks if mark["trajectory"] == 0)
    x, _ = timeline.at(marks[1])
    y = timeline.plot.bounding_box()["y"] + 22
    timeline.page.mouse.move(x + 3, y)
    expect(timeline.root.locator(".rlv-tip")).to_contain_text("unexpected")
    timeline.page.mouse.click(x + 3, y)
    eventually(lambda: timeline.step, marks[1])
    timeline.page.keyboard.press("p")
    eventually(lambda: timeline.step, marks[0])
    timeline.page.keyboard.press("n")
    eventually(lambda: timeline.step, marks[1])


def test_the_pointer_is_told_the_numbers_of_its_step_and_the_playhead_keeps_its_own(open_timeline):
    timeline = open_timeline(step=10)
    value = timeline.root.locator(".rlv-readout").first
    before = value.inner_text()
    timeline.page.mouse.move(*timeline.at(300))
    tip = timeline.root.locator(".rlv-tip")
    expect(tip).to_contain_text("step\t300", use_inner_text=True)
    for name in ("value", "advantage", "reward", "action"):
        expect(tip).to_contain_text(name)
    assert value.inner_text() == before
    timeline.page.mouse.move(0, 0)
    expect(tip).to_be_hidden()
    words = timeline.slider.get_attribute("aria-valuetext")
    assert words.startswith("step 10 of 511, episode 1 of ")
    for name in ("value ", "advantage ", "reward ", "action "):
        assert name in words


def test_the_pinned_feature_has_a_curve_in_its_colour(open_timeline):
    timeline = open_timeline(step=10)
    timeline.set("feature", 1)
    assert "coin" in timeline.base.get_attribute("aria-label")
    timeline.set("feature", None)
    assert "coin" not in timeline.base.get_attribute("aria-label")


INK = """([x, y]) => {
    const canvas = document.querySelector(".rlv-sheet canvas");
    const ratio = canvas.width / canvas.clientWidth;
    const { data } = canvas.getContext("2d").getImageData(Math.round(ratio * x) - 2, Math.round(ratio * y) - 1, 5, 3);
    let most = 0;
    for (let at = 3; at < data.length; at += 4) most = Math.max(most, data[at]);
    return most;
}"""


@pytest.mark.parametrize("width", [1400, 700])
def test_a_spike_of_one_step_among_100_000_has_its_pixels(open_timeline, width):
    timeline = open_timeline(steps=100_000, spike=70_001)
    timeline.page.set_viewport_size({"width": width, "height": 1000})
    timeline.page.wait_for_timeout(500)
    inner = timeline.root.locator(".rlv-sheet").bounding_box()["width"]
    top = timeline.page.evaluate("() => document.querySelector('.rlv-readout').offsetTop")
    x = inner * 70_001 / 99_999
    # The value's lane is 56 pixels high around its read-out; the spike is four times as high as everything else in it.
    ink = [timeline.page.evaluate(INK, [x, top + 15 - 28 + offset]) for offset in (8, 12, 16)]
    assert min(ink) > 100, ink
    away = [timeline.page.evaluate(INK, [x + 30, top + 15 - 28 + offset]) for offset in (8, 12, 16)]
    assert max(away) < 60, away


def test_two_fingers_zoom_around_what_is_between_them_and_move_nothing_else(chromium, address):
    context = chromium.new_context(viewport={"width": 1400, "height": 1000}, has_touch=True)
    page = context.new_page()
    page.goto(f"{address}?step=100")
    timeline = Timeline(page)
    timeline.base.and_(page.locator("[aria-label]")).wait_for()
    x, y = timeline.at(256)
    touch = context.new_cdp_session(page)

    def touched(kind, *places):
        points = [{"x": place, "y": y, "id": finger} for finger, place in enumerate(places)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touched("touchStart", x - 50)
    touched("touchStart", x - 50, x + 50)
    for apart in range(60, 201, 20):
        touched("touchMove", x - apart, x + apart)
    touched("touchEnd")
    eventually(lambda: timeline.get("view_range") != [], True)
    start, stop = timeline.get("view_range")
    assert 100 < stop - start < 160, "four times as far apart, about a quarter of the steps"
    assert start < 256 < stop
    assert timeline.step == 100
    context.close()


def test_how_episodes_end_is_said_where_they_are_seen(open_timeline):
    timeline = open_timeline(trajectory=3)
    page, root = timeline.page, timeline.root
    columns = timeline.get("_study")["trajectories"][3]["episodes"]
    cause, stop = columns["cause"][0], columns["start"][1]
    assert columns["outcome"][0] == "f"
    assert cause

    expect(root.locator(".rlv-episode")).to_contain_text(f"✕ failed: {cause}")
    x, _ = timeline.at(stop)
    y = timeline.plot.bounding_box()["y"] + 10  # where the names of episodes are
    page.mouse.move(x - 7, y)
    expect(root.locator(".rlv-tip")).to_contain_text(f"episode 1 failed: {cause}")
    page.mouse.move(*timeline.at(stop / 3, lane=10 / timeline.plot.bounding_box()["height"]))
    expect(root.locator(".rlv-tip")).to_contain_text(f"✕ failed: {cause} (double-click selects the episode)")
    page.mouse.click(x - 7, y)
    eventually(lambda: timeline.step, stop - 1)
    expect(timeline.slider).to_have_attribute("aria-valuetext", re.compile(f"episode 1 of .*, failed: {cause},"))
    page.keyboard.press("ArrowRight")
    expect(timeline.slider).not_to_have_attribute("aria-valuetext", re.compile("failed"))

    root.get_by_title("all trajectories").click()
    row = root.locator(".rlv-trajectory").nth(3)
    counts = row.locator(".rlv-causes").inner_text().split(", ")
    failures = [why for why, outcome in zip(columns["cause"], columns["outcome"], strict=True) if outcome == "f"]
    assert set(counts) == {f"{failures.count(why)} {why}" for why in failures}
    assert row.locator(".rlv-marks").get_attribute("title").splitlines()[0] == f"episode 1 failed: {cause}"
    page.keyboard.press("Escape")


def test_a_study_without_causes_says_outcomes_alone(open_timeline):
    timeline = open_timeline(trajectory=3)
    page, root = timeline.page, timeline.root
    page.evaluate(
        """() => {
            const { trajectories, ...rest } = rlv.model.get("_study");
            const bare = trajectories.map(({ episodes: { cause, ...episodes }, ...one }) => ({ ...one, episodes }));
            rlv.model.set("_study", { ...rest, trajectories: bare });
        }"""
    )
    expect(root.locator(".rlv-episode")).to_contain_text("✕ failed, return 0")
    root.get_by_title("all trajectories").click()
    expect(root.locator(".rlv-causes").nth(3)).to_be_empty()
    assert root.locator(".rlv-trajectory").nth(3).bounding_box()["height"] == 36
