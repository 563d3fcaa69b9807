"""The explorer in JupyterLab, used as a person would: nothing here calls into the view."""

import re
import time

import numpy as np
import pytest
import toy
from explorer_page import LONG, ExplorerPage, eventually
from lab import change_theme
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

COMPUTING = """
import xarray as xr
from lab_kernel import SlowConnection
own = study.copy(deep=True).load()
view = rlv.Explorer(own, connection=SlowConnection(own)); view
"""


@pytest.fixture(scope="module")
def study():
    return toy.toy_study()


@pytest.fixture
def explorer(notebook):
    return ExplorerPage(notebook.show("view = rlv.Explorer(study); view"))


def test_slider_keys_and_drag_scrub_and_python_follows(notebook, explorer, study):
    explorer.slider.fill("77")
    explorer.expect_frame(study, 0, 77)
    explorer.expect_attribution(study, 0, 77)
    explorer.slider.focus()
    for key, step in (
        ("ArrowRight", 78),
        ("ArrowLeft", 77),
        ("Shift+ArrowRight", 87),
        ("Home", 0),
        ("End", 129),
    ):
        notebook.page.keyboard.press(key)
        explorer.expect_step(step)
    explorer.drag(0.2, 0.5)
    dragged = explorer.step
    assert 0 < dragged < 129
    explorer.expect_frame(study, 0, dragged)
    eventually(lambda: notebook.lab.python("print(view.step)"), str(dragged))


def test_python_moves_the_view(notebook, explorer, study):
    notebook.lab.python("view.step = 100; view.trajectory = 2")
    explorer.expect_frame(study, 2, 100)
    explorer.expect_attribution(study, 2, 100)
    notebook.lab.python("view.feature = 1; view.combine = True")
    expect(explorer.features.nth(1)).to_have_attribute("aria-pressed", "true", timeout=LONG)
    expect(explorer.root.locator(".rlv-both canvas.rlv-frame")).to_be_visible()


def test_python_and_the_timeline_share_what_is_shown_and_selected(notebook, explorer):
    python = notebook.lab.python
    overview = explorer.root.get_by_role("group", name="Part of the trajectory shown")
    python("view.view_range = [20, 60]; view.selected_range = [30, 41]")
    expect(overview).to_be_visible(timeout=LONG)
    expect(explorer.root.get_by_role("group", name="Selected range")).to_contain_text("11 steps", timeout=LONG)
    explorer.slider.focus()
    for key in ("0", "Home", "i", "Shift+ArrowRight", "o", "c"):
        notebook.page.keyboard.press(key)
    expect(overview).to_be_hidden(timeout=LONG)
    eventually(lambda: python("print(view.selected_range, view.view_range, view.centred)"), "[0, 11] [] True")
    expect(explorer.root.locator(".rlv-playhead")).to_be_visible()


def test_numbers_are_those_of_the_study(notebook, explorer, study):
    explorer.slider.fill("91")
    explorer.expect_step(91)
    value, scale = float(study["value"].values[0, 91]), study.attrs["value_scale"]
    expect(explorer.root.locator(".rlv-reading-value")).to_contain_text(f"{value:.2f}")
    expect(explorer.root.locator(".rlv-reading-value")).to_contain_text(f"{100 * value / scale:.0f} %")
    expect(explorer.root.locator(".rlv-reading-reward")).to_contain_text("10")
    error = float(study["layers/2b/outputs/value"]["completeness_error"].values[0, 91])
    expect(explorer.root.locator(".rlv-reading-error")).to_contain_text(f"{abs(error):.3f}")
    totals = study["layers/2b/outputs/value"]["total"].values[0, 91]
    for row, total in zip(explorer.features.all(), totals, strict=False):
        expect(row).to_contain_text(f"{abs(total):.3f}")
        expect(row).to_contain_text("+" if total > 0 else "−")
    action = study.attrs["action_names"][int(study["action"].values[0, 91])]
    spoken = explorer.slider.get_attribute("aria-valuetext")
    assert spoken.startswith("step 91 of 129, episode ")
    assert f"value {value:.2f}, " in spoken
    assert spoken.endswith(f"reward 10, action {action}")


def test_play_moves_on_by_itself_until_space_or_the_button_stops_it(notebook, explorer):
    explorer.slider.focus()
    notebook.page.keyboard.press("Space")
    eventually(lambda: explorer.step > 5, True)
    eventually(lambda: notebook.lab.python("print(view.playing)"), "True")
    notebook.page.keyboard.press("Space")
    expect(explorer.button("Play")).to_be_visible(timeout=LONG)
    stopped = explorer.step
    time.sleep(0.5)
    assert explorer.step == stopped
    explorer.button("Play backwards").click()
    eventually(lambda: explorer.step < stopped, True)
    explorer.button("Pause").click()
    eventually(lambda: notebook.lab.python("print(view.playing, view.direction)"), "False -1")


def test_a_feature_is_isolated_by_pointer_click_and_keyboard(notebook, explorer, study):
    explorer.slider.fill("40")
    explorer.expect_attribution(study, 0, 40)
    explorer.features.nth(1).hover()
    explorer.expect_attribution(study, 0, 40, feature=1)
    eventually(lambda: notebook.lab.python("print(view.hovered, view.feature)"), "1 None")
    explorer.root.locator(".rlv-observation canvas").hover()
    explorer.expect_attribution(study, 0, 40)
    explorer.features.nth(0).click()
    explorer.root.locator(".rlv-observation canvas").hover()
    explorer.slider.focus()
    explorer.expect_attribution(study, 0, 40, feature=0)
    eventually(lambda: notebook.lab.python("print(view.hovered, view.feature)"), "None 0")
    explorer.features.nth(0).focus()
    notebook.page.keyboard.press("Space")
    expect(explorer.features.nth(0)).to_have_attribute("aria-pressed", "false", timeout=LONG)
    notebook.page.keyboard.press("ArrowDown")
    expect(explorer.features.nth(1)).to_be_focused()
    explorer.expect_attribution(study, 0, 40, feature=1)
    notebook.page.keyboard.press("Space")
    expect(explorer.features.nth(1)).to_have_attribute("aria-pressed", "true", timeout=LONG)


def test_picking_a_layer_computes_it_with_progress_and_chunks_appear_as_they_come(notebook, study):
    explorer = ExplorerPage(notebook.show(COMPUTING))
    expect(explorer.button("2a")).to_have_attribute("data-absent", "")
    explorer.slider.fill("70")
    explorer.button("2a").click()
    expect(explorer.root.get_by_role("progressbar")).to_be_visible(timeout=LONG)
    explorer.expect_attribution(study, 0, 70)
    explorer.slider.fill("3")
    explorer.expect_attribution(study, 0, 3)
    eventually(
        lambda: notebook.lab.python("print(view.layer, view._study['layers'][0]['outputs'][0]['name'])"), "2a value"
    )
    expect(explorer.button("2a")).not_to_have_attribute("data-absent", "", timeout=LONG)


def test_computing_can_be_cancelled_and_taken_up_again(notebook):
    slow = COMPUTING.replace("SlowConnection(own)", "SlowConnection(own, pause=600)")
    explorer = ExplorerPage(notebook.show(slow))
    explorer.root.get_by_role("combobox", name="Output").select_option("RIGHT")
    expect(explorer.root.get_by_role("progressbar")).to_be_visible(timeout=LONG)
    explorer.slider.fill("50")
    explorer.expect_step_only(50)
    explorer.button("Cancel").click()
    expect(explorer.button("Compute")).to_be_visible(timeout=LONG)
    threads = "import threading; print([t.name for t in threading.enumerate() if t.name == 'rlvision-compute'])"
    notebook.lab.python("view.source.connection.pause = 0")
    eventually(lambda: notebook.lab.python(threads), "[]")
    explorer.button("Compute").click()
    expect(explorer.root.locator(".rlv-raises canvas")).to_be_visible(timeout=LONG)
    explorer.expect_step(50)


def test_both_themes_are_followed_at_once(notebook, explorer):
    colours = """(root) => {
        const style = getComputedStyle(root);
        return [style.backgroundColor, style.color];
    }"""
    curves = explorer.root.locator(".rlv-timeline canvas").first
    try:
        seen = {}
        for theme in ("Light", "Dark"):
            change_theme(notebook.page, theme)
            background, text = (luminance(colour) for colour in explorer.root.evaluate(colours))
            assert (background > text) == (theme == "Light")
            assert abs(background - text) > 120
            eventually(lambda t=text: abs(ink(curves) - t) < 60, True)
            seen[theme] = explorer.pixels("raises")
        np.testing.assert_array_equal(*seen.values(), "pictures are data: no theme changes them")
    finally:
        change_theme(notebook.page, "Light")


def luminance(colour):
    red, green, blue = map(int, re.findall(r"\d+", colour)[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ink(canvas):
    """Return the luminance of the commonest colour drawn on an otherwise transparent canvas: its lines."""
    colour = canvas.evaluate(
        """(canvas) => {
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            const counts = new Map();
            for (let at = 0; at < data.length; at += 4) {
                const key = `${data[at]},${data[at + 1]},${data[at + 2]}`;
                if (data[at + 3] > 0) counts.set(key, (counts.get(key) ?? 0) + 1);
            }
            return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? "127,127,127";
        }"""
    )
    return luminance(colour)


def test_keys_never_reach_the_notebook_while_the_view_has_the_focus(notebook, explorer):
    cells = notebook.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell")
    before = cells.count()
    for target in (explorer.slider, explorer.features.nth(0), explorer.button("Play"), explorer.button("2b")):
        target.focus()
        for key in "abxmyz":
            notebook.page.keyboard.press(key)
    explorer.slider.focus()
    notebook.page.keyboard.press("d")
    notebook.page.keyboard.press("d")
    time.sleep(0.5)
    assert cells.count() == before
    expect(notebook.page.locator(".jp-MarkdownCell")).to_have_count(0)
    # The same keys are the notebook's when it has the focus: what is checked above can happen. None is ours then.
    notebook.page.keyboard.press("Escape")
    shown = explorer.step
    cells.first.locator(".jp-InputPrompt").click()
    notebook.page.keyboard.press("Escape")
    for key in ("ArrowRight", "Home", "]", "i", "n"):
        notebook.page.keyboard.press(key)
    notebook.page.keyboard.press("b")
    expect(cells).to_have_count(before + 1, timeout=LONG)
    assert explorer.step == shown


def test_two_views_of_one_model_move_together_and_end_apart(notebook, study):
    output = notebook.show("view = rlv.Explorer(study); display(view, view)", views=2)
    one, other = ExplorerPage(output, 0), ExplorerPage(output, 1)
    one.slider.fill("33")
    one.expect_frame(study, 0, 33)
    other.expect_frame(study, 0, 33)
    other.features.nth(2).click()
    expect(one.features.nth(2)).to_have_attribute("aria-pressed", "true", timeout=LONG)
    notebook.page.evaluate(
        """() => {
            const { outputArea } = jupyterapp.shell.currentWidget.content.widgets[0];
            outputArea.widgets[1].dispose();
        }"""
    )
    expect(output.get_by_role("region", name="Explorer")).to_have_count(1, timeout=LONG)
    one.slider.fill("44")
    one.expect_frame(study, 0, 44)


def test_scrubbing_does_not_wait_for_a_busy_kernel(notebook, explorer, study):
    explorer.slider.fill("129")  # every chunk is there once its last frame has been
    explorer.expect_frame(study, 0, 129)
    explorer.slider.fill("70")
    explorer.expect_frame(study, 0, 70)
    notebook.lab.python_later("time.sleep(20)")
    explorer.slider.focus()
    for step in (71, 72, 73):
        notebook.page.keyboard.press("ArrowRight")
        explorer.expect_frame(study, 0, step)
    assert notebook.lab.is_busy()
    notebook.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.interrupt()")
    eventually(lambda: notebook.lab.python("print(view.step)"), "73")


FRAMES_ASKED_FOR = """async () => {
    const original = window.requestAnimationFrame;
    let count = 0;
    window.requestAnimationFrame = (callback) => { count++; return original.call(window, callback); };
    await new Promise((resolve) => setTimeout(resolve, 500));
    window.requestAnimationFrame = original;
    return count;
}"""


def test_nothing_stays_behind_when_the_output_is_cleared(notebook):
    lab = notebook.lab

    def open_and_use():
        explorer = ExplorerPage(notebook.show("view = rlv.Explorer(study, fps=60); view"))
        explorer.button("1 of 3").click()
        explorer.button("Play").click()
        eventually(lambda: explorer.step > 3, True)

    def close():
        lab.command("notebook:clear-cell-output")
        expect(notebook.page.get_by_role("region", name="Explorer")).to_have_count(0, timeout=LONG)
        lab.python("view.close()")
        time.sleep(1)

    open_and_use()
    close()  # from here on, what JupyterLab adds for a first output is there
    before = lab.alive()
    open_and_use()
    during = lab.alive()
    assert during["observers"] > before["observers"], "the counters see what a view adds"
    assert notebook.page.evaluate(FRAMES_ASKED_FOR) > 5
    close()
    open_and_use()
    close()
    eventually(lab.alive, before)
    assert notebook.page.evaluate(FRAMES_ASKED_FOR) < 5, "something still draws after its view is gone"


def test_a_wrong_trait_from_python_says_what_is_right(notebook, explorer):
    with pytest.raises(AssertionError, match=r"step must be from 0 to 129, got 130"):
        notebook.lab.python("view.step = 130")


def test_when_the_kernel_is_gone_what_is_loaded_stays_and_the_view_says_so(notebook, explorer, study):
    explorer.slider.fill("129")
    explorer.expect_frame(study, 0, 129)
    notebook.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    try:
        explorer.slider.fill("100")
        explorer.expect_frame(study, 0, 100)
        explorer.button("Next trajectory").click()
        expect(explorer.root.get_by_role("alert")).to_contain_text("kernel", timeout=LONG)
        explorer.root.locator(".rlv-open").first.click()
        failed = explorer.root.get_by_text("the feature grid could not be fetched")
        expect(failed).to_be_visible(timeout=LONG)
        expect(explorer.root.get_by_role("alert").get_by_role("button", name="Try again")).to_be_visible()
        explorer.button("Previous trajectory").click()
        explorer.slider.fill("20")
        explorer.expect_frame(study, 0, 20)
        explorer.button("+ row").click()
        expect(explorer.root.locator(".rlv-row-of-panels")).to_have_count(2, timeout=LONG)
    finally:
        notebook.lab.open()
