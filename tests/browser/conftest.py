"""A real JupyterLab and a real Chromium, started once; each test gets fresh views in a notebook that stays open."""

import pytest
import toy
from lab import ARGS, CHROMIUM, Lab, Notebook, Server

from rlvision_widgets.storage import save_study


@pytest.fixture(scope="session")
def chromium():
    """A browser without a window."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium; elsewhere set RLV_CHROMIUM)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=ARGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def browser(chromium):
    """What pages are opened in."""
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(60_000)
    yield context
    context.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A JupyterLab server with settings of its own, and a saved toy study in its folder."""
    folder = tmp_path_factory.mktemp("jupyter")
    server = Server(folder)
    save_study(toy.toy_study(), server.notebooks / "toy.zarr")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def lab(browser, server):
    """JupyterLab in a page, with one notebook and its kernel."""
    return Lab(browser.new_page(), server)


@pytest.fixture
def notebook(lab):
    """The notebook: empty, light, its kernel idle; afterwards the page must have reported no error."""
    notebook = Notebook(lab)
    yield notebook
    notebook.clear()
    assert lab.take_errors() == []
