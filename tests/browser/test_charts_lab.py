"""Charts beside the explorer in JupyterLab: their cursor follows in the browser, whatever the kernel does."""

import pytest
import toy
from explorer_page import LONG, ExplorerPage, eventually
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SHOW = """
import ipywidgets, bqplot as bq
view = rlv.Explorer(study, step=30)
chart = rlv.plot_curves(view)
ipywidgets.VBox([view, chart])
"""
OWN = """
scales = {"x": bq.LinearScale(min=0, max=129), "y": bq.LinearScale(min=0, max=10)}
reward = bq.Lines(x=np.arange(130), y=study["reward"].values[0], scales=scales)
mark = bq.Lines(x=[0, 0], y=[0, 10], scales=scales, colors=["black"])
view.link(mark)
ipywidgets.VBox([view, bq.Figure(marks=[reward, mark], padding_x=0, padding_y=0)])
"""
PLAY = """
view = rlv.Explorer(study)
play = ipywidgets.Play(interval=33, max=129)
link = ipywidgets.jslink((play, "value"), (view, "step"))
chart = rlv.plot_totals(view)
ipywidgets.VBox([view, play, chart])
"""
# The one line that goes straight up, as a step: bqplot spreads steps 0 to 129 over the width of the plot.
CURSOR = """(figure) => {
    const width = Number(figure.querySelector(".plotarea_background").getAttribute("width"));
    for (const path of figure.querySelectorAll("path.line")) {
        const [start, end, ...more] = (path.getAttribute("d") ?? "").slice(1).split("L");
        const x = parseFloat(start);
        if (end && more.length === 0 && parseFloat(end) === x) return (x / width) * 129;
    }
    return null;
}"""
LINES = """(figure) => [...figure.querySelectorAll("path.line")].map((path) => path.getAttribute("d"))
    .filter((d) => d.split("L").length > 2)"""
TICKS = """(figure) => [...figure.querySelectorAll(".axis .tick text")].map((text) => text.textContent)"""


@pytest.fixture(scope="module")
def study():
    return toy.toy_study()


def cursor(figure):
    """Return the step that the cursor of a chart is at, or None while it is not drawn."""
    step = figure.evaluate(CURSOR)
    return None if step is None else round(step)


def test_the_cursor_follows_while_the_kernel_is_busy_and_nothing_rescales(notebook):
    output = notebook.show(SHOW)
    explorer, figure = ExplorerPage(output), output.locator(".bqplot.figure, .bqplot").first
    eventually(lambda: cursor(figure), 30)
    before = figure.evaluate(LINES), figure.evaluate(TICKS)
    assert len(before[0]) > 0
    notebook.lab.python_later("time.sleep(6)")
    for step in (77, 0, 129):
        explorer.slider.fill(str(step))
        eventually(lambda: cursor(figure), step)
    explorer.slider.focus()
    notebook.page.keyboard.press("ArrowLeft")
    eventually(lambda: cursor(figure), 128)
    assert notebook.lab.is_busy(), "the cursor must not have waited for the kernel"
    assert (figure.evaluate(LINES), figure.evaluate(TICKS)) == before
    assert not any("NaN" in line for line in before[0])


def test_the_cursor_follows_python_and_the_lines_the_trajectory(notebook):
    output = notebook.show(SHOW)
    figure = output.locator(".bqplot").first
    eventually(lambda: cursor(figure), 30)
    before = figure.evaluate(LINES)
    notebook.lab.python("view.step = 99; view.trajectory = 2")
    eventually(lambda: cursor(figure), 99)
    expect(figure.locator(".mainheading")).to_have_text("value and advantage, trajectory 3 of 3", timeout=LONG)
    eventually(lambda: figure.evaluate(LINES) != before, True)


def test_a_mark_of_one_s_own_follows_by_link(notebook):
    output = notebook.show("import ipywidgets, bqplot as bq\nview = rlv.Explorer(study)\n" + OWN)
    figure = output.locator(".bqplot").first
    ExplorerPage(output).slider.fill("64")
    eventually(lambda: cursor(figure), 64)


def test_play_of_ipywidgets_drives_the_explorer_and_its_charts(notebook):
    output = notebook.show("import ipywidgets\n" + PLAY)
    explorer, figure = ExplorerPage(output), output.locator(".bqplot").first
    explorer.expect_step(0)
    output.locator(".widget-play button, .jupyter-widgets.widget-play button").first.click()
    eventually(lambda: explorer.step > 8, True)
    notebook.lab.python("play.playing = False")
    eventually(lambda: cursor(figure) == explorer.step > 8, True)
    eventually(lambda: notebook.lab.python("print(play.value == view.step)"), "True")
    notebook.lab.python("view.step = 100")
    eventually(lambda: notebook.lab.python("print(play.value)"), "100")
    explorer.slider.fill("3")
    eventually(lambda: notebook.lab.python("print(play.value)"), "3")
