"""Files and links of what a page shows: the pixels that Python writes are the browser's, and an address restores it."""

import json
import re

import nbconvert
import nbformat
import numpy as np
import pytest
import toy
from explorer_page import LONG, PIXELS, ExplorerPage, eventually
from PIL import Image
from playwright.sync_api import expect

from rlvision_widgets.snapshot import save_snapshot, show_snapshot
from rlvision_widgets.widgets import Explorer
from rlvision_widgets.widgets.pictures import Painter, Shown
from rlvision_widgets.widgets.poster import ENLARGED

pytestmark = pytest.mark.browser
STEP = 21
SHOWN = [
    {},
    {"feature": 1, "show_residual": True},
    {"combine": True},
    {"overlay": False, "scale": "trajectory"},
    {"mode": "change"},
    {"look": "article"},
    {"look": "article", "combine": True, "overlay": False},
]


@pytest.fixture(scope="module")
def study():
    return toy.toy_study()


@pytest.fixture
def page(browser):
    browser.set_offline(True)
    page, errors = browser.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    yield page
    page.close()
    browser.set_offline(False)
    assert errors == []


def canvas_pixels(view, panel):
    """Return a panel as it is on the screen, hatching included, at Python's enlargement."""
    height, width, data = view.root.locator(f".rlv-{panel} canvas.rlv-frame").first.evaluate(PIXELS)
    pixels = np.array(data, float).reshape(height, width, 4)[..., :3]
    enlarged = pixels.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)
    if panel == "both":
        height, width, data = view.root.locator(".rlv-both canvas.rlv-hatch").first.evaluate(PIXELS)
        lines = np.array(data, float).reshape(height, width, 4)
        enlarged *= 1 - lines[..., 3:] / 255
    return enlarged


@pytest.mark.parametrize("traits", SHOWN, ids=str)
def test_the_panels_of_a_file_are_those_of_the_browser(page, study, tmp_path, traits):
    explorer = Explorer(study, trajectory=1, step=STEP, **traits)
    save_snapshot(explorer, tmp_path / "view.html")
    shown = Shown.of({name: getattr(explorer, name) for name in explorer.settable()})
    explorer.close()
    page.goto((tmp_path / "view.html").as_uri())
    view = ExplorerPage(page)
    view.expect_step(STEP)
    _, *drawn = Painter(explorer.source, shown).panels(STEP, "value")
    names = ["both"] if shown.combine else ["raises", "lowers"]
    for panel, (_, expected) in zip(names, drawn, strict=True):
        eventually(lambda p=panel, e=expected: float(np.abs(canvas_pixels(view, p) - e).max()) <= 1.5, True)


def test_the_address_follows_what_is_shown_and_restores_it(page, study, tmp_path):
    path = tmp_path / "view.html"
    save_snapshot(Explorer(study, trajectory=1, step=STEP), path)
    page.goto(path.as_uri())
    view = ExplorerPage(page)
    view.expect_step(STEP)
    view.slider.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    view.features.nth(1).click()
    eventually(lambda: page.evaluate("location.hash"), f"#feature=1&step={STEP + 2}")
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    view = ExplorerPage(page)
    view.expect_step(STEP + 2)
    expect(view.features.nth(1)).to_have_attribute("aria-pressed", "true", timeout=LONG)
    page.evaluate("location.hash = '#trajectory=2&step=5&layer=unknown&output=<img>'")
    view.expect_step(5)
    expect(view.root.get_by_text("3 of 3")).to_be_visible()
    expect(view.features.nth(1)).to_have_attribute("aria-pressed", "false")


def test_the_link_can_be_copied_from_the_settings(page, study, tmp_path):
    save_snapshot(Explorer(study, trajectory=1, step=STEP), tmp_path / "view.html")
    page.goto((tmp_path / "view.html").as_uri())
    view = ExplorerPage(page)
    view.expect_step(STEP)
    view.slider.focus()
    page.keyboard.press("ArrowLeft")
    eventually(lambda: page.evaluate("location.hash"), f"#step={STEP - 1}")
    view.button("Settings").click()
    link = view.root.get_by_role("textbox", name="Link to what is shown")
    expect(link).to_have_value(page.url, timeout=LONG)
    view.button("copy").click()
    expect(view.root.get_by_text(re.compile("copied|press Ctrl"))).to_be_visible()


def test_the_state_shown_in_a_notebook_is_what_python_takes(page, study, harness):
    page.context.set_offline(False)
    page.goto(f"{harness}?step=40&trajectory=1&combine=true&feature=2")
    view = ExplorerPage(page)
    view.expect_step(40)
    view.button("Settings").click()
    state = view.root.get_by_role("textbox", name="State of the view")
    expect(state).to_be_visible(timeout=LONG)
    shown = json.loads(state.input_value())
    assert (shown["trajectory"], shown["step"], shown["combine"], shown["feature"]) == (1, 40, True, 2)
    explorer = Explorer(study, state={**shown, "layer": "2b"})
    assert (explorer.step, explorer.combine, explorer.feature) == (40, True, 2)
    explorer.close()


def test_what_nbconvert_exports_works_without_a_network(browser, study, tmp_path):
    shown = show_snapshot(Explorer(study, trajectory=1, step=STEP))
    output = nbformat.v4.new_output("execute_result", {"text/html": shown._repr_html_(), "text/plain": repr(shown)})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("rlv.show_snapshot(view)", outputs=[output])])
    exported, _ = nbconvert.HTMLExporter().from_notebook_node(notebook)
    (tmp_path / "export.html").write_text(exported, encoding="utf-8")
    page = browser.new_page()  # nbconvert's own page asks for scripts from a network, in vain: its errors do not count
    browser.set_offline(True)
    try:
        page.goto((tmp_path / "export.html").as_uri(), wait_until="commit")
        frame = page.frame_locator("iframe")
        slider = frame.get_by_role("slider", name="Step", exact=True)
        expect(slider).to_have_value(str(STEP), timeout=LONG)
        slider.focus()
        page.keyboard.press("ArrowRight")
        expect(frame.locator(".rlv-steps")).to_contain_text(f"{STEP + 1} /")
        expect(frame.locator("[data-rlv-view][data-ready]")).to_have_count(1, timeout=LONG)
    finally:
        page.close()
        browser.set_offline(False)


def test_a_page_s_still_without_scripts_is_the_view_s(browser, study, tmp_path):
    explorer = Explorer(study, trajectory=1, step=STEP)
    save_snapshot(explorer, tmp_path / "view.html")
    save_snapshot(explorer, tmp_path / "view.png")
    context = browser.browser.new_context(java_script_enabled=False, viewport={"width": 1400, "height": 1000})
    page = context.new_page()
    page.goto((tmp_path / "view.html").as_uri())
    picture = page.get_by_role("img", name="Observation, what raises and what lowers the output")
    expect(picture).to_be_visible()
    box = picture.bounding_box()
    assert (box["width"], box["height"]) == Image.open(tmp_path / "view.png").size
    context.close()
