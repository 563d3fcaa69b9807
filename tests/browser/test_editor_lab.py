"""The editor in JupyterLab, with the bundled agent in real CoinRun levels."""

import json
import re

import pytest
from editor_page import EditorPage
from explorer_page import LONG, eventually
from playwright.sync_api import expect
from test_environments import needs_procgen

import rlvision_widgets as rlv

pytestmark = [pytest.mark.browser, pytest.mark.slow, needs_procgen]

SHOW = """
if "edited" not in globals():
    edited, agent = rlv.open_study("edited.zarr"), rlv.load_agent("coinrun")
view = rlv.Editor(edited, agent=agent, step=20, num_steps=40)
view
"""


@pytest.fixture(scope="module")
def saved(server):
    """A small real study, where the notebook finds it."""
    agent = rlv.load_agent("coinrun")
    options = {"num_trajectories": 1, "num_steps": 64, "layers": ["2b"], "observations": (32, 8, 8)}
    study = rlv.build_study(agent, **options, progress=False)
    rlv.save_study(study, server.notebooks / "edited.zarr")
    return study


@pytest.fixture
def view(notebook, saved):
    view = EditorPage(notebook.show(SHOW))
    view.settle()
    return view


def of_view(notebook, name):
    return json.loads(notebook.lab.python(f"import json; print(json.dumps(view.{name}))"))


def strongest(study):
    """Number of the feature that says most about the value of the frame, and its name."""
    total = study["layers/2b/outputs/value"]["total"].isel(trajectory=0, step=20)
    feature = int(abs(total).argmax())
    return feature, str(study["layers/2b"]["feature_name"].values[feature]) or f"feature {feature}"


def test_a_switch_edits_the_agent_and_both_play_on(view, notebook, saved):
    feature, name = strongest(saved)
    original, same = view.values()
    assert original == same
    view.switch(name).click()
    view.expect_listed(name)
    before, after = view.values()
    assert before == original
    assert after != original
    (edit,) = of_view(notebook, "edits")
    assert (edit["layer"], edit["feature"], edit["strength"], edit["enabled"]) == ("2b", feature, 1, True)
    expect(view.entries.locator(".rlv-ed-effect")).to_have_text(re.compile(r"\d %$"))
    assert notebook.lab.python("print(view.agent.checkpoint != agent.checkpoint)") == "True"
    view.button("play both").click()
    slider = view.race.get_by_role("slider", name="Step played on")
    expect(slider).to_be_visible(timeout=LONG)
    eventually(lambda: int(slider.input_value()) > 0, True)
    view.page.keyboard.press("Control+z")
    view.expect_listed()
    assert view.values() == [original, original]
    assert of_view(notebook, "edits") == []
    assert len(of_view(notebook, "undone")) == 1


def test_python_s_edits_are_shown_and_kept_under_names(view, notebook):
    notebook.lab.python("view.toggle(0); view.toggle(1, strength=-0.5)")
    expect(view.entries).to_have_count(2, timeout=LONG)
    view.settle()
    expect(view.entries.nth(1).get_by_role("spinbutton")).to_have_value("-0.5")
    notebook.lab.python("view.keep('two of them'); view.reset()")
    expect(view.entries).to_have_count(0, timeout=LONG)
    view.button("two of them").click()
    expect(view.entries).to_have_count(2, timeout=LONG)
    view.settle()
    field = view.root.get_by_role("textbox", name="Name to keep these edits under")
    field.fill("again")
    field.press("Enter")
    expect(view.button("again")).to_be_visible(timeout=LONG)
    assert set(notebook.lab.python("print(*rlv.kept_edits(edited), sep='|')").split("|")) == {"two of them", "again"}


def test_a_slider_that_is_held_is_followed_while_a_cell_runs(view, notebook, saved):
    _, name = strongest(saved)
    original = view.values()[0]
    notebook.lab.python_later("import time\nfor _ in range(60): time.sleep(0.1)")
    view.drag(view.strength(name), 0.74)
    eventually(lambda: view.values()[1] != original, True)
    assert notebook.lab.is_busy(), "the answer came while the cell ran"
    view.page.mouse.up()
    view.expect_listed(name)
    eventually(lambda: [edit["strength"] for edit in of_view(notebook, "edits")], [1])


def test_a_small_measurement_comes_with_its_test(view, notebook, saved):
    _, name = strongest(saved)
    view.switch(name).click()
    view.expect_listed(name)
    levels = view.root.get_by_role("spinbutton", name="Levels to measure")
    levels.fill("4")
    levels.press("Enter")
    view.button("measure").click()
    rows = view.measurement.get_by_role("row")
    expect(rows.nth(1)).to_contain_text("anything", timeout=LONG)
    expect(view.measurement.get_by_role("status")).to_contain_text("4 levels in")


def test_nothing_is_left_of_a_view_that_is_gone(notebook, saved):
    notebook.clear()
    before = notebook.lab.alive()
    EditorPage(notebook.show(SHOW)).settle()
    assert notebook.lab.alive() != before
    notebook.clear()
    eventually(notebook.lab.alive, before)
