"""The example notebook in JupyterLab, as a newcomer finds it after `make demo`; its pictures are the front page's."""

import os
import re
import shutil
from pathlib import Path

import pytest
from counterfactual_page import CounterfactualPage
from editor_page import EditorPage
from explorer_page import LONG, ExplorerPage, eventually
from lab import IDLE, change_theme

import rlvision_widgets as rlv

pytestmark = [pytest.mark.browser, pytest.mark.slow]

RUN_ALL = "() => jupyterapp.commands.execute('notebook:run-all-cells')"
ERRORS = """() => [...jupyterapp.shell.currentWidget.content.model.cells]
    .flatMap(({ outputs }) => outputs ? outputs.toJSON() : [])
    .filter(({ output_type, name }) => output_type === "error" || name === "stderr")"""
COLLAPSE = "() => { if (!jupyterapp.shell.leftCollapsed) jupyterapp.shell.collapseLeft(); }"


@pytest.fixture
def page(chromium, server, demo):
    """The demo's notebook, run from top to bottom in JupyterLab."""
    shutil.copytree(demo, server.notebooks / "demo")
    context = chromium.new_context(viewport={"width": 1400, "height": 1300}, device_scale_factor=1.5)
    context.set_default_timeout(5 * LONG)
    page = context.new_page()
    page.goto(f"{server.address}/lab/tree/demo/coinrun.ipynb?reset")
    page.wait_for_function("() => window.jupyterapp")
    page.evaluate("() => jupyterapp.restored.then(() => true)")
    page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook").wait_for()
    page.evaluate(COLLAPSE)
    page.wait_for_function(IDLE)
    page.evaluate(RUN_ALL)
    yield page
    context.close()


def test_the_notebook_s_views_in_both_themes_make_pictures(page, demo, tmp_path):
    explorer = ExplorerPage(page)
    page.locator("[data-ready]").first.wait_for()
    assert page.evaluate(ERRORS) == []
    study = rlv.open_study(demo / "coinrun.zarr")
    surprise = rlv.bookmarks(study).query("kind == 'low'").iloc[0]
    explorer.expect_frame(study, int(surprise.trajectory), int(surprise.step))
    world = CounterfactualPage(page)
    world.root.scroll_into_view_if_needed()
    world.table.first.wait_for()
    world.settle()
    objects = world.table.filter(has_text=re.compile("saw|enemy|crate"))
    if objects.count():
        objects.first.get_by_role("button").click()
        world.button("remove").click()
        eventually(lambda: len(world.edits()), 1)
        world.settle()
    editor = EditorPage(page)
    editor.root.scroll_into_view_if_needed()
    editor.settle()
    editor.root.get_by_role("switch").first.click()
    editor.settle()
    editor.button("play both").click()
    editor.race.get_by_role("slider", name="Step played on").wait_for()
    folder = Path(os.environ.get("RLVISION_PICTURES", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    seen = {}
    for name in ("light", "dark"):
        change_theme(page, name.title())
        page.mouse.move(0, 0)
        page.wait_for_timeout(500)  # the theme's own colours fade in
        for view, root in (
            ("explorer", explorer.root),
            ("counterfactual", world.root),
            ("editor", editor.root),
        ):
            root.scroll_into_view_if_needed()
            seen[view, name] = root.screenshot(path=folder / f"{view}-{name}.png")
    assert len(set(seen.values())) == 6
