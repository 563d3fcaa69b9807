"""A real JupyterLab and a real Chromium, started once; each test gets fresh views in a notebook that stays open."""

import functools
import http.server
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
import toy
from lab import ARGS, CHROMIUM, ROOT, Lab, Notebook, Server

from rlvision_widgets.storage import save_study

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    """A busy machine may miss a frame: a test in the browser gets a second try, which pytest's summary lists."""
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.flaky(reruns=1))


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
    context = new_context(chromium)
    yield context
    context.close()


def new_context(chromium):
    """Return a window of the usual size, with patience for a busy machine."""
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(60_000)
    return context


@pytest.fixture(scope="session")
def axe():
    """axe-core's source."""
    path = ROOT / "node_modules" / "axe-core" / "axe.min.js"
    if not path.is_file():
        pytest.skip("axe-core is not installed: run `npm ci`")
    return path.read_text(encoding="utf-8")


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *_arguments):
        """Say nothing."""


@pytest.fixture(scope="session")
def harness(tmp_path_factory):
    """Where a page with a made-up study is served (`js/harness`)."""
    node = shutil.which("node")
    if node is None or not (ROOT / "node_modules").is_dir():
        pytest.skip("the harness is built by Node: install it and run `npm ci`")
    folder = tmp_path_factory.mktemp("harness")
    subprocess.run([node, "js/build.mjs", "--harness", str(folder)], cwd=ROOT, check=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/harness.html"
    server.shutdown()


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
def lab(chromium, server):
    """JupyterLab in a page, with one notebook and its kernel; apart from pages that a test cuts off the network."""
    context = new_context(chromium)
    yield Lab(context.new_page(), server)
    context.close()


@pytest.fixture
def notebook(lab):
    """The notebook: empty, light, its kernel idle; afterwards the page must have reported no error."""
    notebook = Notebook(lab)
    yield notebook
    notebook.clear()
    assert lab.take_errors() == []
