"""The feature grid by mouse and by keyboard: alone and in an explorer, made up, in JupyterLab and as a page."""

import numpy as np
import pytest
import toy
from explorer_page import LONG, ExplorerPage, eventually
from grid_page import GridPage
from playwright.sync_api import expect

from rlvision_widgets.snapshot import save_snapshot
from rlvision_widgets.widgets import FeatureGrid

pytestmark = pytest.mark.browser


@pytest.fixture
def open_harness(browser, harness):
    """Open the made-up study's page with a query; it must report no error."""
    pages, errors = [], []

    def open_page(query):
        page = browser.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{harness}?{query}")
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert errors == []


@pytest.fixture
def alone(open_harness):
    """The feature grid alone."""
    page = open_harness("view=grid&feature=1")
    grid = GridPage(page.get_by_role("region", name="Feature grid"))
    grid.expect_size(32)
    return grid


def is_opaque(pixels):
    return bool((pixels[..., 3] == 255).all())


def trait(grid, name):
    return grid.page.evaluate("(name) => rlv.model.get(name)", name)


def test_arrows_walk_from_cell_to_cell_and_each_says_what_it_is(alone):
    alone.cell.focus()
    alone.page.keyboard.press("Control+Home")
    alone.expect_cell(1, 1)
    for key, place in (("ArrowDown", (2, 1)), ("ArrowRight", (2, 2)), ("End", (2, 32)), ("PageDown", (10, 32))):
        alone.page.keyboard.press(key)
        alone.expect_cell(*place)
    assert ", observation " in alone.cell.get_attribute("aria-label")
    expect(alone.readout).to_have_text(alone.cell.get_attribute("aria-label"))
    alone.page.keyboard.press("Tab")
    expect(alone.cell).not_to_be_focused()


def test_keys_and_sliders_change_density_and_zoom_and_the_place_stays(alone):
    alone.cell.focus()
    alone.page.keyboard.press("Control+End")
    alone.page.keyboard.press(".")
    alone.expect_size(65)
    row = int(alone.cells.get_by_role("row").get_attribute("aria-rowindex"))
    assert row >= 63
    for _ in range(3):
        alone.page.keyboard.press(",")
    alone.expect_size(7)
    alone.expect_cell(7, 7)
    assert trait(alone, "density") == "1/4"
    alone.page.keyboard.press("-")
    expect(alone.zoom).to_have_attribute("aria-valuetext", "2 cells")
    eventually(lambda: alone.pixels().shape, (7 * 4, 7 * 4, 4))
    alone.zoom.fill("3")
    eventually(lambda: alone.pixels().shape, (7 * 16, 7 * 16, 4))
    alone.density.fill("1")
    alone.expect_size(16)


def test_the_wheel_zooms_with_the_focus_or_control_and_else_scrolls(alone):
    alone.point_at(10, 10)
    alone.page.mouse.wheel(0, 200)
    alone.page.wait_for_timeout(200)
    assert trait(alone, "zoom") == 4
    alone.page.keyboard.down("Control")
    alone.page.mouse.wheel(0, 120)
    alone.page.keyboard.up("Control")
    eventually(lambda: trait(alone, "zoom"), 2)
    alone.cell.focus()
    alone.page.wait_for_timeout(150)
    alone.point_at(10, 10)
    alone.page.mouse.wheel(0, -120)
    eventually(lambda: trait(alone, "zoom"), 4)


def test_weak_patches_are_faint_until_they_are_pointed_at_focused_or_all_opaque(alone):
    eventually(lambda: is_opaque(alone.pixels()), False)
    alone.point_at(5, 5)
    eventually(lambda: is_opaque(alone.pixels()), True)
    alone.page.mouse.move(0, 0)
    eventually(lambda: is_opaque(alone.pixels()), False)
    alone.cell.focus()
    alone.page.keyboard.press("Control+Home")
    eventually(lambda: is_opaque(alone.pixels()[:8, :8]), True)
    alone.page.keyboard.press("o")
    expect(alone.button("opaque")).to_have_attribute("aria-pressed", "true")
    eventually(lambda: is_opaque(alone.pixels()), True)
    alone.button("opaque").click()
    eventually(lambda: trait(alone, "opaque"), False)


def test_holding_peeks_and_a_click_keeps_open(alone):
    alone.point_at(20, 12)
    alone.page.mouse.down()
    expect(alone.frame).to_be_visible()
    alone.page.wait_for_timeout(500)
    alone.point_at(20, 16)
    expect(alone.cell).to_have_attribute("aria-colindex", "16")
    alone.page.mouse.up()
    expect(alone.frame).to_be_hidden()
    alone.page.mouse.click(*(alone.picture.bounding_box()[side] + 200 for side in "xy"))
    expect(alone.frame).to_be_visible()
    assert alone.whole_frame().shape == (64, 64, 3)
    expect(alone.button("keep open")).to_have_attribute("aria-pressed", "true")
    alone.button("Close the frame").click()
    expect(alone.frame).to_be_hidden()
    expect(alone.cell).to_be_focused()


def test_enter_keeps_the_frame_open_arrows_change_it_and_escape_closes_it(alone):
    alone.cell.focus()
    alone.page.keyboard.press("Enter")
    expect(alone.frame).to_be_visible()
    first = alone.frame.inner_text()
    for _ in range(4):
        alone.page.keyboard.press("ArrowDown")
    eventually(lambda: alone.frame.inner_text() != first, True)
    alone.page.keyboard.press("Escape")
    expect(alone.frame).to_be_hidden()
    expect(alone.cell).to_be_focused()


def test_a_patch_of_the_rollout_leads_to_its_step(alone):
    alone.button("this rollout").click()
    expect(alone.readout).to_contain_text("trajectory")
    alone.cell.focus()
    alone.page.keyboard.press("Enter")
    alone.root.get_by_role("button", name="go to step").click()
    said = alone.cell.get_attribute("aria-label")
    assert said.endswith(f"trajectory {trait(alone, 'trajectory')}, step {trait(alone, 'step')}")


def test_features_follow_one_another_and_each_has_its_numbers(alone):
    expect(alone.root.get_by_role("heading", name="activation 300 observations")).to_be_visible()
    expect(alone.root.get_by_role("img", name="Histogram of activations")).to_be_visible()
    expect(alone.root.get_by_text("was not measured")).to_be_visible()
    alone.button("Next feature").click()
    expect(alone.root.get_by_role("combobox", name="Feature")).to_have_value("2")
    expect(alone.root.get_by_text("cosine of 0.91")).to_be_visible()
    alone.root.get_by_role("combobox", name="Feature").select_option("7")
    expect(alone.button("Next feature")).to_be_disabled()


def test_a_kernel_that_does_not_answer_is_said(open_harness):
    page = open_harness("view=grid&kernel=error")
    grid = page.get_by_role("region", name="Feature grid")
    expect(grid.get_by_text("no such study")).to_be_visible()
    expect(grid.get_by_role("button", name="Try again")).to_be_visible()


def test_what_an_older_study_lacks_is_looked_up_by_its_agent(open_harness):
    page = open_harness("view=grid&bare=1&agent=1&feature=1")
    root = page.get_by_role("region", name="Feature grid")
    root.get_by_role("button", name="Look its features up").click()
    expect(root.get_by_text("of 4 frames")).to_be_visible()
    GridPage(root).expect_size(32)
    page = open_harness("view=grid&bare=1&feature=1")
    expect(page.get_by_text("pass agent= to the view")).to_be_visible()


def test_a_layer_of_two_hundred_features_is_browsed_alike(open_harness):
    page = open_harness("view=grid&features=200&feature=150")
    grid = GridPage(page.get_by_role("region", name="Feature grid"))
    grid.expect_size(32)
    expect(page.get_by_role("option")).to_have_count(201)


def test_in_the_explorer_it_opens_below_and_the_explorer_stays_usable(open_harness):
    page = open_harness("opened=1&step=30")
    explorer = ExplorerPage(page)
    dialog = page.get_by_role("dialog", name="Feature: coin")
    grid = GridPage(dialog)
    grid.expect_size(32)
    explorer.expect_step(30)
    explorer.slider.fill("90")
    explorer.expect_step(90)
    grid.cell.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Home")
    explorer.expect_step(90)
    grid.button("this rollout").click()
    expect(grid.readout).to_contain_text("trajectory")
    grid.cell.focus()
    page.keyboard.press("g")
    words = grid.cell.get_attribute("aria-label")
    explorer.expect_step_only(int(words.split("step ")[1]))
    assert page.evaluate("() => rlv.model.get('trajectory')") == int(words.split("trajectory ")[1].split(",")[0])
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert page.evaluate("() => rlv.model.get('opened')") is None


def test_the_focus_returns_to_what_opened_it(open_harness):
    page = open_harness("step=30")
    explorer = ExplorerPage(page)
    explorer.expect_step(30)
    row = explorer.features.first
    row.focus()
    page.evaluate("() => rlv.model.set('opened', 0)")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("combobox", name="Feature")).to_be_focused(timeout=LONG)
    page.keyboard.press("Escape")
    expect(row).to_be_focused()


def test_nothing_is_left_when_the_view_goes(alone):
    alone.page.evaluate("() => rlv.life.abort()")
    expect(alone.page.get_by_role("region", name="Feature grid")).to_have_count(0)


@pytest.fixture(scope="module")
def study():
    return toy.toy_study()


def test_a_page_shows_grids_and_frames_of_the_rollout_without_a_kernel(browser, study, tmp_path):
    save_snapshot(FeatureGrid(study, feature=1, origin="rollout"), tmp_path / "grid.html", progress=False)
    browser.set_offline(True)
    page = browser.new_page()
    page.goto((tmp_path / "grid.html").as_uri())
    grid = GridPage(page.get_by_role("region", name="Feature grid"))
    grid.expect_size(32)
    grid.cell.focus()
    page.keyboard.press("Enter")
    expect(grid.frame.locator("canvas")).to_be_visible()
    words = grid.cell.get_attribute("aria-label")
    trajectory, step = (int(words.split(f"{name} ")[1].split(",")[0]) for name in ("trajectory", "step"))
    np.testing.assert_array_equal(grid.whole_frame(), study["observation"].values[trajectory, step])
    page.keyboard.press("+")
    eventually(lambda: grid.pixels().shape, (256, 256, 4))
    browser.set_offline(False)
    page.close()


def test_in_jupyterlab_alone_and_in_the_explorer(notebook, study):
    output = notebook.show("view = rlv.FeatureGrid(study, feature=1, origin='rollout'); view")
    grid = GridPage(output.get_by_role("region", name="Feature grid"))
    grid.expect_size(32)
    stored = study["layers/2b/grids/rollout/1"].to_dataset().isel(feature=1)
    grid.cell.focus()
    notebook.page.keyboard.press("Control+End")
    trajectory, step = divmod(int(stored["source"][31, 31]), 130)
    eventually(lambda: grid.cell.get_attribute("aria-label").split(", ", 3)[3], f"trajectory {trajectory}, step {step}")
    notebook.page.keyboard.press("Enter")
    expect(grid.frame.locator("canvas")).to_be_visible()
    eventually(lambda: np.array_equal(grid.whole_frame(), study["observation"].values[trajectory, step]), True)
    notebook.page.keyboard.press("g")
    eventually(lambda: notebook.lab.python("print(view.trajectory, view.step)"), f"{trajectory} {step}")
    notebook.lab.python("view.feature = 2; view.density = '1/2'")
    grid.expect_size(16)
    output = notebook.show("view = rlv.Explorer(study, opened=1); view")
    explorer = ExplorerPage(output)
    inner = GridPage(output.get_by_role("dialog"))
    inner.expect_size(32)
    inner.button("this rollout").click()
    expect(inner.readout).to_contain_text("trajectory")
    inner.cell.focus()
    notebook.page.keyboard.press("Control+End")
    expect(inner.cell).to_have_attribute("aria-colindex", "32")
    notebook.page.keyboard.press("g")
    explorer.expect_step_only(step)
    eventually(lambda: notebook.lab.python("print(view.trajectory, view.step)"), f"{trajectory} {step}")
    notebook.page.keyboard.press("Escape")
    expect(output.get_by_role("dialog")).to_have_count(0)
    eventually(lambda: notebook.lab.python("print(view.opened)"), "None")
