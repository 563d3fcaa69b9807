"""Counterfactuals in JupyterLab, of the bundled agent in real CoinRun levels."""

import json

import numpy as np
import pytest
from counterfactual_page import CounterfactualPage
from explorer_page import LONG, eventually
from maze_agent import maze_agent
from playwright.sync_api import expect
from test_environments import needs_procgen

import rlvision_widgets as rlv

pytestmark = [pytest.mark.browser, pytest.mark.slow, needs_procgen]

SHOW = """
if "imagined" not in globals():
    imagined, agent = rlv.open_study("imagined.zarr"), rlv.load_agent("coinrun")
view = rlv.Counterfactual(imagined, agent=agent, step=20)
view
"""


@pytest.fixture(scope="module")
def saved(server):
    """A small real study, where the notebook finds it."""
    agent = rlv.load_agent("coinrun")
    options = {"num_trajectories": 1, "num_steps": 64, "layers": ["2b"], "observations": (32, 8, 8)}
    study = rlv.build_study(agent, **options, progress=False)
    rlv.save_study(study, server.notebooks / "imagined.zarr")
    return study


@pytest.fixture
def page(notebook, saved):
    page = CounterfactualPage(notebook.show(SHOW))
    page.settle()
    return page


def test_an_object_is_taken_away_and_comes_back(page, notebook, saved):
    recorded = saved["observation"].values[0, 20]
    assert np.array_equal(page.pixels(), recorded)
    assert np.array_equal(page.pixels("before"), recorded)
    saw = next(text for text in page.objects() if text.startswith("saw"))
    page.stage.focus()
    notebook.page.keyboard.press("Home")
    while page.root.locator("[aria-live=polite]").inner_text() != saw:
        notebook.page.keyboard.press("ArrowRight")
    before = page.value("before")
    notebook.page.keyboard.press("Delete")
    eventually(lambda: len(page.edits()), 1)
    page.settle()
    assert "removed" in page.edits()[0]
    assert np.array_equal(page.pixels("before"), recorded)
    assert not np.array_equal(page.pixels("after"), recorded)
    assert page.value("before") == before
    assert saw not in page.objects()
    edits = json.loads(notebook.lab.python("import json; print(json.dumps(view.edits))"))
    assert [edit["kind"] for edit in edits] == ["remove"]
    notebook.page.keyboard.press("Control+z")
    page.expect_edits()
    assert np.array_equal(page.pixels(), recorded)
    assert notebook.lab.python("print(view.edits)") == "[]"


def test_python_s_edits_are_shown_and_what_cannot_be_is_said(page, notebook):
    notebook.lab.python("view.edits = [rlv.Remove('saw')]")
    eventually(lambda: len(page.edits()), 1)
    page.settle()
    page.button("duplicate").scroll_into_view_if_needed()
    crate = page.table.filter(has_text="crate").first
    crate.get_by_role("button").click()
    page.button("remove").click()
    eventually(lambda: len(page.edits()), 2)
    page.settle()
    page.button("agent").click()
    page.click(62, 62)  # the ground
    expect(page.notice).to_be_visible(timeout=LONG)
    assert len(page.edits()) == 2
    assert json.loads(notebook.lab.python("import json; print(len(view.edits))")) == 2
    page.button("Dismiss").click()
    expect(page.notice).to_be_hidden()


def test_a_walk_by_hand_and_what_follows(page, notebook):
    page.button("play yourself").click()
    notebook.page.keyboard.press("ArrowRight")
    eventually(page.edits, ["played →"])
    page.settle()
    notebook.page.keyboard.down("ArrowRight")
    notebook.page.keyboard.press("ArrowUp")
    notebook.page.keyboard.up("ArrowRight")
    eventually(lambda: "↗" in "".join(page.edits()), True)
    page.settle()
    notebook.page.keyboard.press("Escape")
    page.settle()
    assert notebook.lab.python("print([edit['action'] for edit in view.edits][:2])") == "[7, 8]"
    page.button("play on from here").click()
    expect(page.root.get_by_role("slider", name="Step played on")).to_be_visible(timeout=LONG)
    page.root.get_by_role("spinbutton", name="Branches").fill("4")
    page.root.get_by_role("spinbutton", name="Branches").press("Enter")
    page.button("branch").click()
    expect(page.root.get_by_text("n = 4").first).to_be_visible(timeout=LONG)


def test_nothing_is_left_of_a_view_that_is_gone(page, notebook):
    notebook.clear()
    before = notebook.lab.alive()
    page = CounterfactualPage(notebook.show(SHOW))
    page.settle()
    assert notebook.lab.alive() != before
    notebook.clear()
    eventually(notebook.lab.alive, before)


def test_walls_cheese_and_mouse_of_a_real_maze(notebook, server):
    options = {"num_trajectories": 1, "num_steps": 32, "layers": ["second"], "observations": (16, 4, 4)}
    rlv.save_study(rlv.build_study(maze_agent(), **options, progress=False), server.notebooks / "maze.zarr")
    code = "from maze_agent import maze_agent\nmaze = rlv.open_study('maze.zarr')\n"
    page = CounterfactualPage(notebook.show(code + "view = rlv.Counterfactual(maze, agent=maze_agent())\nview"))
    page.settle()
    expect(page.root.get_by_text("The generator could have made this maze.")).to_be_visible()
    (cheese,) = (text for text in page.objects() if text.startswith("cheese"))
    page.button("no wall").click()
    page.drag((2, 2), (62, 40))  # over walls and ways: what is open already is left alone
    eventually(lambda: page.edits() != [], True)
    page.settle()
    assert all("opened" in text for text in page.edits())
    expect(page.root.get_by_text("The generator could not have made this maze")).to_be_visible()
    page.root.page.keyboard.press("Escape")
    page.button("Undo").click()
    page.expect_edits()
    mouse = page.table.filter(has_text="agent").get_by_role("button")
    mouse.click()
    page.stage.focus()
    notebook.page.keyboard.press("Shift+ArrowRight")
    eventually(lambda: page.edits() != [] or page.notice.is_visible(), True)
    page.settle()
    assert cheese in page.objects()


LOOKS = """(root) => [...root.querySelectorAll("*")].map((one) => {
    const names = ["display", "margin", "padding", "border", "background-color", "color", "opacity", "font-weight"];
    const look = (part) => names.map((name) => getComputedStyle(one, part).getPropertyValue(name)).join(" | ");
    const before = getComputedStyle(one, "::before").content;
    return `${one.className.baseVal ?? one.className}: ${look(null)} / ${before === "none" ? "" : look("::before")}`;
})"""


def test_views_in_one_notebook_look_as_they_do_alone(notebook, saved):
    """One style sheet must not reach into the other view."""
    notebook.lab.python("imagined, agent = rlv.open_study('imagined.zarr'), rlv.load_agent('coinrun')")  # nothing kept
    notebook.page.mouse.move(0, 0)  # over nothing that shows it
    explorer = "explorer = rlv.Explorer(imagined, step=20, objects='outlines')"
    shown = CounterfactualPage(notebook.show(SHOW))
    shown.settle()
    counterfactual_alone = shown.root.evaluate(LOOKS)
    output = notebook.show(f"{explorer}; explorer")
    expect(output.locator(".rlv-object").first).to_be_visible(timeout=LONG)  # the list of objects comes last
    explorer_alone = output.get_by_role("region", name="Explorer", exact=True).evaluate(LOOKS)
    output = notebook.show(f"{explorer}; from IPython.display import display; display(explorer)\n{SHOW}", views=2)
    beside = CounterfactualPage(output)
    beside.settle()
    eventually(lambda: beside.root.evaluate(LOOKS), counterfactual_alone)
    region = output.get_by_role("region", name="Explorer", exact=True)
    eventually(lambda: region.evaluate(LOOKS), explorer_alone)
