"""The explorer in Jupyter Notebook 7: it opens, it is scrubbed by mouse and keys, and Python follows."""

import importlib.util

import pytest
import toy
from explorer_page import LONG, ExplorerPage, eventually
from lab import EXECUTE, IDLE, Server
from playwright.sync_api import expect

from rlvision_widgets.storage import save_study

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not importlib.util.find_spec("notebook"), reason="Notebook 7 is not installed: pip install notebook"
    ),
]
SHOWN = "import rlvision_widgets as rlv; study = rlv.open_study('toy.zarr'); view = rlv.Explorer(study); view"


class NotebookServer(Server):
    """Notebook 7's own server."""

    app = "notebook"


@pytest.fixture(scope="module")
def study():
    return toy.toy_study()


@pytest.fixture(scope="module")
def page(browser, study, tmp_path_factory):
    """A notebook in which an explorer is shown."""
    server = NotebookServer(tmp_path_factory.mktemp("notebook"))
    save_study(study, server.notebooks / "toy.zarr")
    server.write_notebook("test.ipynb", source=SHOWN)
    server.start()
    page = browser.new_page()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(f"{server.address}/notebooks/test.ipynb")
    page.wait_for_function("() => window.jupyterapp?.shell.currentWidget?.sessionContext", timeout=LONG)
    page.wait_for_function(IDLE, timeout=LONG)
    yield page
    page.close()
    server.stop()


def python(page, code):
    """Run code in the notebook's kernel, outside of any cell; return what it printed."""
    result = page.evaluate(EXECUTE, [code, 60])
    assert result["status"] == "ok", result["text"]
    return result["text"].strip()


def test_the_explorer_opens_and_python_follows_the_mouse_and_the_keys(page, study):
    page.errors.clear()  # Notebook 7.6 reports one of its own while it starts
    page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
    explorer = ExplorerPage(page)
    explorer.expect_frame(study, 0, 0)
    explorer.expect_attribution(study, 0, 0)
    explorer.slider.fill("77")
    explorer.expect_frame(study, 0, 77)
    explorer.drag(0.2, 0.5)
    explorer.slider.focus()
    dragged = explorer.step
    page.keyboard.press("ArrowRight")
    explorer.expect_frame(study, 0, dragged + 1)
    eventually(lambda: python(page, "print(view.step)"), str(dragged + 1))
    cells = page.locator(".jp-Notebook .jp-Cell")
    before = cells.count()
    for key in "abxdd":
        page.keyboard.press(key)
    explorer.button("Play").click()
    eventually(lambda: explorer.step > dragged + 3, True)
    explorer.button("Pause").click()
    assert cells.count() == before
    python(page, "view.step = 100; view.trajectory = 2")
    explorer.expect_frame(study, 2, 100)
    expect(page.locator(".jp-RenderedText[data-mime-type$=error]")).to_have_count(0)
    assert page.errors == []
