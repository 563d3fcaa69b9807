"""The frame that an episode ended with, opened from the words that say how: on pages without Jupyter."""

import re

import numpy as np
import pytest
import toy
from explorer_page import LONG, ExplorerPage, eventually, settle
from lab import ROOT
from playwright.sync_api import expect
from test_access import AXE
from test_endings_view import tell
from test_world_page import drawn

from rlvision_widgets.analysis.moments import episodes
from rlvision_widgets.snapshot import save_snapshot
from rlvision_widgets.widgets import Explorer

pytestmark = pytest.mark.browser
BOXES = """() => [...document.querySelectorAll(
    ".rlv-header, .rlv-header > *, .rlv-episode > :first-child, .rlv-main, .rlv-transport, .rlv-plot"
)].map((one) => { const { x, y, width, height } = one.getBoundingClientRect(); return [x, y, width, height]; })"""
SAY = """(endings) => {
    const { endings: _, ...rest } = rlv.model.get("_study");
    rlv.model.set("_study", endings === null ? rest : { ...rest, endings });
}"""


class EndingPage(ExplorerPage):
    """The view with the words on how the episode ended."""

    def __init__(self, page):
        super().__init__(page)
        self.page = page
        self.words = self.root.locator(".rlv-header .rlv-episode")
        self.opener = self.words.locator("button[aria-haspopup]")
        self.dialog = self.root.get_by_role("dialog", name="How the episode ended")
        self.go = self.dialog.get_by_role("button", name="Go to the last step")

    def frames(self):
        """Return the last observation and the last frame: (height, width, rgb) uint8 each."""
        return [drawn(canvas)[..., :3] for canvas in self.dialog.locator("canvas").all()]

    def said(self, name):
        """Return what the dialog says of `name`."""
        return self.dialog.locator(f"dt:text-is('{name}') + dd")


@pytest.fixture
def open_page(browser):
    pages, errors = [], []

    def open_address(address, *, width=1400, theme="light"):
        page = browser.new_page()
        pages.append(page)
        page.set_viewport_size({"width": width, "height": 1000})
        page.emulate_media(color_scheme=theme)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and errors.append(message.text))
        page.goto(address)
        page.locator("[data-ready]").first.wait_for()
        return EndingPage(page)

    yield open_address
    for page in pages:
        page.close()
    assert errors == []


def test_the_last_frame_of_each_episode_is_the_study_s_pixel_by_pixel(open_page, tmp_path):
    study = toy.open_world(tell(toy.toy_study(2, 130)))
    save_snapshot(Explorer(study), tmp_path / "page.html", progress=False)
    view = open_page((tmp_path / "page.html").as_uri())
    node = study["endings"].to_dataset()
    rows = episodes(study)[lambda table: (table["trajectory"] == 0) & (table["cause"] != "")]
    assert len(rows) > 1
    view.slider.focus()
    for row in rows.to_dict("records"):
        view.expect_step(row["start"])
        view.opener.click()
        at = row["stop"] - 1
        (index,) = np.flatnonzero(((node["in_trajectory"] == 0) & (node["at_step"] == at)).values)
        expected = [study["observation"].values[0, at], node["frame"].values[index]]
        eventually(
            lambda wanted=expected: [np.array_equal(*pair) for pair in zip(view.frames(), wanted, strict=True)],
            [True, True],
        )
        expect(view.said("cause")).to_have_text(f"{row['outcome']}: {row['cause']}")
        expect(view.said("done by")).to_have_text(re.compile(r"^saw at \d+\.\d, \d+\.\d \(entity 1\)$"))
        view.go.click()
        expect(view.dialog).to_be_hidden()
        expect(view.opener).to_be_focused()
        view.expect_frame(study, 0, at)
        view.slider.focus()
        view.page.keyboard.press("ArrowRight")


@pytest.mark.parametrize("width", [1400, 700])
def test_it_opens_and_closes_by_keyboard_and_nothing_jumps(open_page, harness, width):
    view = open_page(f"{harness}?step=40&trajectory=3", width=width)
    view.expect_step(40)
    settle(view.page)
    before = view.page.evaluate(BOXES)
    expect(view.opener).to_have_text("✕ failed: saw")
    view.opener.focus()
    view.page.keyboard.press("Enter")
    expect(view.said("cause")).to_have_text("failed: saw", timeout=LONG)
    expect(view.said("necessary")).to_have_text(re.compile("^yes: "))
    assert view.page.evaluate(BOXES) == before
    inside, outside = view.dialog.bounding_box(), view.root.bounding_box()
    assert inside["x"] >= outside["x"]
    assert inside["x"] + inside["width"] <= outside["x"] + outside["width"]
    assert [canvas.bounding_box()["width"] for canvas in view.dialog.locator("canvas").all()] == [256, 256]
    view.page.keyboard.press("Escape")
    expect(view.dialog).to_be_hidden()
    expect(view.opener).to_be_focused()
    view.page.keyboard.press("Enter")
    view.page.keyboard.press("Tab")
    expect(view.go).to_be_focused()
    view.page.keyboard.press("Enter")
    expect(view.opener).to_be_focused()
    stop = view.page.evaluate("() => rlv.model.get('_study').trajectories[3].episodes.start[1]")
    view.expect_step(stop - 1)
    view.page.evaluate(SAY, None)
    expect(view.opener).to_be_visible()  # it has the focus
    view.slider.focus()
    view.page.keyboard.press("ArrowLeft")
    expect(view.opener).to_be_hidden()
    assert view.page.evaluate(BOXES)[:3] == before[:3], "plain words take the same place"


def test_what_is_open_follows_the_episode_also_to_one_that_has_no_end(open_page, harness):
    view = open_page(f"{harness}?step=40&trajectory=3")
    view.opener.click()
    expect(view.said("cause")).to_have_text("failed: saw", timeout=LONG)
    first, size = view.frames(), view.dialog.bounding_box()
    view.page.evaluate("() => rlv.model.set('step', rlv.model.get('_study').trajectories[3].episodes.start[1])")
    expect(view.said("cause")).to_have_text("completed: coin")
    eventually(lambda: [np.array_equal(*pair) for pair in zip(first, view.frames(), strict=True)], [False, False])
    view.page.evaluate("() => rlv.model.set('step', 511)")
    expect(view.dialog.get_by_role("status")).to_have_text("The recording stops before this episode ends.")
    expect(view.go).to_be_disabled()
    assert view.frames()[1].max() == 0
    assert view.dialog.bounding_box() == size
    view.page.keyboard.press("Escape")
    view.slider.focus()
    view.page.keyboard.press("ArrowLeft")
    expect(view.opener).to_be_hidden()
    expect(view.words).to_contain_text("… unfinished, return 0")


def test_where_frames_are_left_out_the_words_say_why_and_without_endings_they_are_words(open_page, harness):
    view = open_page(f"{harness}?step=40&trajectory=3")
    expect(view.opener).to_be_enabled()
    view.page.evaluate(SAY, "This page leaves the last frames out.")
    expect(view.opener).to_be_disabled()
    expect(view.opener).to_have_attribute("title", "This page leaves the last frames out.")
    expect(view.words).to_contain_text("✕ failed: saw")
    view.page.evaluate(SAY, None)
    expect(view.opener).to_be_hidden()
    expect(view.words).to_contain_text("✕ failed: saw, return 0")


@pytest.mark.parametrize(("theme", "width"), [("light", 1400), ("dark", 1400), ("light", 700)])
def test_axe_finds_nothing_wrong(open_page, harness, theme, width):
    path = ROOT / "node_modules" / "axe-core" / "axe.min.js"
    view = open_page(f"{harness}?step=40&trajectory=3&theme={theme}", theme=theme, width=width)
    view.opener.click()
    expect(view.said("cause")).to_have_text("failed: saw", timeout=LONG)
    settle(view.page)
    view.page.evaluate(path.read_text(encoding="utf-8"))
    assert view.page.evaluate(AXE, "#view") == []
