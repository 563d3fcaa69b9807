"""The explorer in marimo: it opens, what it asks for is answered, and the app's Python follows.

marimo is none of the requirements of the tests, for it brings seven packages of its own:
`pip install marimo`, then `python -m pytest tests/browser/test_marimo.py`.
"""

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
import toy
from explorer_page import LONG, ExplorerPage
from lab import ROOT
from playwright.sync_api import expect

from rlvision_widgets.storage import save_study

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not importlib.util.find_spec("marimo"), reason="marimo is not installed: pip install marimo"),
]
APP = """
import marimo
app = marimo.App()

@app.cell
def _():
    import marimo as mo
    import rlvision_widgets as rlv
    view = mo.ui.anywidget(rlv.Explorer(rlv.open_study({study!r}), opened=None))
    view
    return mo, view

@app.cell
def _(mo, view):
    mo.md(f"Python is at step {{view.step}}")
    return
"""


@pytest.fixture(scope="module")
def study():
    return toy.toy_study()


@pytest.fixture(scope="module")
def address(study, tmp_path_factory):
    """Where an app with an explorer runs."""
    folder = tmp_path_factory.mktemp("marimo")
    save_study(study, folder / "toy.zarr")
    (folder / "app.py").write_text(APP.format(study=str(folder / "toy.zarr")))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "marimo", "run", "app.py", "--headless", "--no-token", "--port", str(port)]
    settings = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"), "PYTHONPATH": str(ROOT)}
    log = folder / "log.txt"
    with log.open("w") as file:
        process = subprocess.Popen(command, cwd=folder, env=os.environ | settings, stdout=file, stderr=file)
    address = f"http://127.0.0.1:{port}"
    for _ in range(480):
        assert process.poll() is None, f"marimo ended:\n{log.read_text()[-3000:]}"
        try:
            urllib.request.urlopen(f"{address}/health", timeout=30).close()
            break
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.25)
    yield address
    process.terminate()
    process.wait(30)


def test_the_explorer_opens_is_scrubbed_and_the_app_follows(browser, address, study):
    page = browser.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    explorer = ExplorerPage(page)
    explorer.root.wait_for(timeout=LONG)
    explorer.expect_frame(study, 0, 0)
    explorer.expect_attribution(study, 0, 0)
    explorer.slider.fill("129")  # of the last chunk: asked for and answered
    explorer.expect_frame(study, 0, 129)
    explorer.slider.focus()
    page.keyboard.press("ArrowLeft")
    explorer.expect_frame(study, 0, 128)
    expect(page.get_by_text("Python is at step 128")).to_be_visible(timeout=LONG)
    explorer.button("Next trajectory").click()
    explorer.expect_frame(study, 1, 128)
    explorer.button("Help").click()
    expect(explorer.root.get_by_role("dialog", name="Help")).to_contain_text("residual", timeout=LONG)
    page.keyboard.press("Escape")
    expect(explorer.button("Help")).to_be_focused()
    page.close()
    assert errors == []
