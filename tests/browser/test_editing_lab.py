"""Editing the bundled agent within the explorer, in JupyterLab; and that no view's styles reach into another's."""

import json

import pytest
from counterfactual_page import CounterfactualPage
from editing_page import EditingPage
from explorer_page import LONG, eventually, settle
from playwright.sync_api import expect
from test_counterfactual_lab import LOOKS
from test_environments import needs_procgen

import rlvision_widgets as rlv

pytestmark = [pytest.mark.browser, pytest.mark.slow, needs_procgen]

OPEN = """
if "edited" not in globals():
    edited, agent = rlv.open_study("edited.zarr"), rlv.load_agent("coinrun")
"""
EXPLORER = "view = rlv.Explorer(edited, agent=agent, step=20, editing=True)"
VIEWS = {
    "Explorer": EXPLORER.replace("view", "explorer"),
    "Editor": "editor = rlv.Editor(edited, agent=agent, step=20)",
    "Counterfactual": "counterfactual = rlv.Counterfactual(edited, agent=agent, step=20)",
}


@pytest.fixture(scope="module")
def saved(server):
    """A small real study, where the notebook finds it."""
    options = {"num_trajectories": 1, "num_steps": 64, "layers": ["2b"], "observations": (32, 8, 8)}
    study = rlv.build_study(rlv.load_agent("coinrun"), **options, progress=False)
    rlv.save_study(study, server.notebooks / "edited.zarr")
    return study


@pytest.fixture
def page(notebook, saved):
    page = EditingPage(notebook.show(f"{OPEN}\n{EXPLORER}\nview"))
    expect(page.section).to_be_visible(timeout=LONG)
    page.settle()
    return page


def python_edits(notebook):
    return json.loads(notebook.lab.python("import json; print(json.dumps(view.edits))"))


def test_a_feature_is_taken_out_by_hand_and_another_from_python(page, notebook, saved):
    recorded = round(float(saved["value"].values[0, 20]), 2)
    assert page.values() == (recorded, recorded)
    page.switch("feature 0").click()
    page.settle()
    eventually(lambda: page.values()[0] == recorded != page.values()[1], True)
    eventually(lambda: [edit["feature"] for edit in python_edits(notebook)], [0])
    alone = page.values()
    notebook.lab.python("view.toggle(1, strength=0.5)")
    expect(page.switch("feature 1")).to_have_attribute("aria-checked", "true", timeout=LONG)
    expect(page.strength("feature 1")).to_have_value("0.5")
    page.settle()
    eventually(lambda: page.values() != alone, True)
    after = float(notebook.lab.python("print(view.agent(edited['observation'].values[0, 20:21])[1][0])"))
    assert abs(page.values()[1] - after) < 0.006  # as it is written
    notebook.lab.python("view.undo(); view.undo()")
    eventually(page.values, (recorded, recorded))


def test_a_switch_answers_while_a_cell_runs(page, notebook):
    before = page.values()
    page.switch("feature 2").click()  # what comes first loads what all others need
    page.settle()
    notebook.lab.python_later("time.sleep(8)")
    page.switch("feature 0").click()
    eventually(lambda: page.values()[1] != before[1], True)
    page.settle()
    assert notebook.lab.is_busy()


def test_both_agents_play_on_from_the_frame(page):
    page.switch("feature 0").click()
    page.race.click()
    expect(page.section.get_by_role("slider", name="Step played on")).to_be_visible(timeout=LONG)
    assert page.step == 20


def test_an_explorer_without_the_agent_shows_what_was_kept(page, notebook):
    page.switch("feature 0").click()
    page.settle()
    values = page.values()
    notebook.lab.python("state = view.state()")
    other = EditingPage(notebook.show("view = rlv.Explorer(edited, state=state)\nview"))
    other.settle()
    eventually(other.values, values)
    expect(other.section.get_by_text("agent=")).to_be_visible()
    expect(other.switch("feature 1")).to_be_disabled()


def test_nothing_is_left_of_a_view_that_is_gone(page, notebook):
    notebook.clear()
    before = notebook.lab.alive()
    notebook.lab.python(OPEN)
    again = EditingPage(notebook.show(f"{EXPLORER}\nview"))
    again.settle()
    assert notebook.lab.alive() != before
    notebook.clear()
    eventually(notebook.lab.alive, before)


def test_views_in_one_notebook_look_as_they_do_alone_with_the_editor_too(notebook, saved):
    """One style sheet must not reach into another view, nor what is fetched on demand."""
    notebook.lab.python(OPEN)
    notebook.page.mouse.move(0, 0)  # over nothing that shows it

    def looks(output, name):
        region = output.get_by_role("region", name=name, exact=True)
        settle(notebook.page)
        if name == "Counterfactual":
            CounterfactualPage(output).settle()
        return region.evaluate(LOOKS)

    alone = {}
    for name, code in VIEWS.items():
        output = notebook.show(f"{code}\n{name.lower()}")
        looks(output, name)
        expect(output.locator("[data-stale]")).to_have_count(0, timeout=LONG)
        alone[name] = looks(output, name)
    together = "\n".join(
        [*VIEWS.values(), "from IPython.display import display", "display(explorer, editor, counterfactual)"]
    )
    output = notebook.show(together, views=3)
    for name, seen in alone.items():
        eventually(lambda name=name: looks(output, name), seen)
