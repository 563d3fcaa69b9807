"""Driving JupyterLab: the server, one notebook, and Python in its kernel."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHROMIUM = os.environ.get("RLV_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SETUP = """
import time, numpy as np, rlvision_widgets as rlv, lab_kernel
study = rlv.open_study("toy.zarr")
"""
APPS = {"lab": "LabApp", "notebook": "JupyterNotebookApp"}
# ipykernel 7 writes this at times after a page has closed its comms and with them a thread of the kernel: not ours.
SUBSHELL_NOISE = "Task was destroyed but it is pending"
IDLE = """() => {
    const session = jupyterapp.shell.currentWidget?.sessionContext;
    return session?.isReady && session.session?.kernel?.status === "idle";
}"""
EXECUTE = """async ([code, seconds]) => {
    const { kernel } = jupyterapp.shell.currentWidget.sessionContext.session;
    const future = kernel.requestExecute({ code, store_history: false });
    const printed = [];
    future.onIOPub = ({ header, content }) => {
        if (header.msg_type === "stream") printed.push(content.text);
        if (header.msg_type === "error") printed.push(`${content.ename}: ${content.evalue}`);
    };
    const late = new Promise((_, reject) => {
        setTimeout(() => reject(new Error(`no answer to ${code}`)), 1000 * seconds);
    });
    const { content } = await Promise.race([future.done, late]);
    return { status: content.status, text: printed.join("") };
}"""
EXECUTE_LATER = """(code) => {
    const { kernel } = jupyterapp.shell.currentWidget.sessionContext.session;
    window.isBusy = true;
    kernel.requestExecute({ code, store_history: false }).done.finally(() => { window.isBusy = false; });
}"""
THEME = "(name) => jupyterapp.commands.execute('apputils:change-theme', { theme: `JupyterLab ${name}` })"
THEMED = """(name) => document.body.dataset.jpThemeLight === String(name === "Light")
    && !document.getElementById("jupyterlab-splash")"""
# Counts what outlives a view's own elements: listeners on shared targets, and observers.
COUNTERS = """() => {
    const alive = (window.alive = { listeners: new Map(), observers: new Set() });
    const shared = (target) => target === window ? "window" : target === document ? "document"
        : target === document.body ? "body" : target instanceof MediaQueryList ? "media" : null;
    const { addEventListener, removeEventListener } = EventTarget.prototype;
    const known = new Map();
    const forget = (key, callback) => {
        if (known.get(key)?.delete(callback)) alive.listeners.set(key, alive.listeners.get(key) - 1);
    };
    EventTarget.prototype.addEventListener = function (type, callback, options) {
        const target = this ?? window;
        const key = shared(target) && `${shared(target)} ${type}`;
        if (key && callback && !options?.signal?.aborted) {
            if (!known.has(key)) known.set(key, new Set());
            if (!known.get(key).has(callback)) alive.listeners.set(key, (alive.listeners.get(key) ?? 0) + 1);
            known.get(key).add(callback);
            const gone = () => forget(key, callback);
            if (options?.signal) addEventListener.call(options.signal, "abort", gone, { once: true });
            if (options?.once) addEventListener.call(target, type, gone, { once: true });
        }
        return addEventListener.call(target, type, callback, options);
    };
    EventTarget.prototype.removeEventListener = function (type, callback, options) {
        const target = this ?? window;
        if (shared(target)) forget(`${shared(target)} ${type}`, callback);
        return removeEventListener.call(target, type, callback, options);
    };
    for (const name of ["ResizeObserver", "MutationObserver", "IntersectionObserver"]) {
        window[name] = class extends window[name] {
            observe(...targets) { alive.observers.add(this); return super.observe(...targets); }
            disconnect() { alive.observers.delete(this); return super.disconnect(); }
        };
    }
}"""


def change_theme(page, name: str) -> None:
    """Show JupyterLab in its theme of that name (Light, Dark), and wait until it is there.

    The splash of a theme fades for 200 ms. If another theme is chosen in that time, JupyterLab 4.6 takes the splash
    away twice and reports an error.
    """
    page.evaluate(THEME, name)
    page.wait_for_function(THEMED, arg=name)


class Server:
    """A server of JupyterLab, or another `app` of Jupyter's, that shares no settings with the user's."""

    app = "lab"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notebooks = folder / "notebooks"
        self.notebooks.mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = folder / "log.txt"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = self.folder / "settings" / "@jupyterlab" / "apputils-extension"
        settings.mkdir(parents=True)
        quiet = json.dumps({"checkForUpdates": False, "fetchNews": "false"})
        (settings / "notification.jupyterlab-settings").write_text(quiet)
        names = {"CONFIG": "config", "DATA": "data", "RUNTIME": "runtime"}
        environment = {f"JUPYTER_{name}_DIR": str(self.folder / part) for name, part in names.items()}
        environment["JUPYTERLAB_SETTINGS_DIR"] = str(self.folder / "settings")
        environment["JUPYTERLAB_WORKSPACES_DIR"] = str(self.folder / "workspaces")
        paths = [str(ROOT), str(ROOT / "tests"), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        options = {
            "ip": "127.0.0.1",
            "port": self.port,
            "ServerApp.port_retries": 0,
            "IdentityProvider.token": "",
            "ServerApp.password": "",
            "ServerApp.disable_check_xsrf": True,
            "ServerApp.root_dir": self.notebooks,
            f"{APPS[self.app]}.expose_app_in_browser": True,
            "LanguageServerManager.autodetect": False,
        }
        command = [sys.executable, "-m", "jupyter", self.app, "--no-browser", "--allow-root"]
        command += [f"--{name}={value}" for name, value in options.items()]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, env=os.environ | environment, stdout=log, stderr=log)
        for _ in range(480):
            assert self.process.poll() is None, f"Jupyter ended:\n{self.log.read_text()[-3000:]}"
            try:
                self.request("api/status")
                return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.25)
        raise AssertionError(f"Jupyter does not answer:\n{self.log.read_text()[-3000:]}")

    def stop(self) -> None:
        """End it, and its kernels with it."""
        self.process.terminate()
        self.process.wait(30)

    def request(self, path: str, method: str = "GET") -> object:
        """Return what the server's API answers."""
        request = urllib.request.Request(f"{self.address}/{path}", method=method)
        with urllib.request.urlopen(request, timeout=30) as response:
            text = response.read()
        return json.loads(text) if text else None

    def write_notebook(self, name: str, source: str = "") -> None:
        """Write a notebook of one cell."""
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        cell = {
            "cell_type": "code",
            "id": "a",
            "metadata": {},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        notebook = {"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
        (self.notebooks / name).write_text(json.dumps(notebook))


class Lab:
    """JupyterLab in a browser's page, with one notebook open."""

    def __init__(self, page, server: Server, name: str = "test.ipynb") -> None:
        self.page = page
        self.server = server
        self.name = name
        self._errors: list[str] = []
        page.on("pageerror", lambda error: self._errors.append(str(error)))
        page.on("console", self._on_console)
        page.add_init_script(f"({COUNTERS})()")
        server.write_notebook(name)
        self.open()

    def open(self) -> None:
        """Open the notebook with a new kernel."""
        for session in self.server.request("api/sessions"):
            self.server.request(f"api/sessions/{session['id']}", "DELETE")
        self.page.goto(f"{self.server.address}/lab/tree/{self.name}?reset")
        self.page.wait_for_function("() => window.jupyterapp")
        self.page.evaluate("() => jupyterapp.restored.then(() => true)")
        self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook").wait_for()
        self.page.evaluate("() => { if (!jupyterapp.shell.leftCollapsed) jupyterapp.shell.collapseLeft(); }")
        self.wait_idle()
        self.python(SETUP)
        self.take_errors()

    def wait_idle(self) -> None:
        """Wait until the kernel has nothing to do."""
        self.page.wait_for_function(IDLE)

    def command(self, name: str, **arguments: object) -> None:
        """Run one of JupyterLab's commands."""
        self.page.evaluate(
            "async ([name, options]) => { await jupyterapp.commands.execute(name, options); }", [name, arguments]
        )

    def python(self, code: str) -> str:
        """Run code in the kernel, outside of any cell; return what it printed."""
        result = self.page.evaluate(EXECUTE, [code, 60])
        assert result["status"] == "ok", result["text"]
        return result["text"].strip()

    def python_later(self, code: str) -> None:
        """Start code in the kernel and do not wait for it; `is_busy` tells whether it still runs."""
        self.page.evaluate(EXECUTE_LATER, code)

    def is_busy(self) -> bool:
        """Tell whether what `python_later` started still runs."""
        return self.page.evaluate("() => window.isBusy")

    def alive(self) -> dict[str, int]:
        """Return how many listeners and observers the page has."""
        return self.page.evaluate("() => ({ ...Object.fromEntries(alive.listeners), observers: alive.observers.size })")

    def take_errors(self) -> list[str]:
        """Return the errors that the page has reported since the last time."""
        errors, self._errors = self._errors, []
        return errors

    def _on_console(self, message) -> None:
        if message.type == "error":
            self._errors.append(message.text)


class Notebook:
    """The open notebook, cleared: `show` runs code in its first cell."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.page = lab.page
        self.clear()

    def clear(self) -> None:
        """Empty the notebook and close every widget."""
        self._clear_output()
        self.lab.command("notebook:select-all")
        self.lab.command("notebook:delete-cell")
        self.lab.python("import ipywidgets; ipywidgets.Widget.close_all()")

    def _clear_output(self) -> None:
        """Take the outputs away and wait: JupyterLab says that a model is missing when one is drawn after it went."""
        self.lab.command("notebook:clear-all-cell-outputs")
        self.page.wait_for_function("() => !document.querySelector('.jp-Notebook .jp-OutputArea-child')")

    def show(self, code: str, *, views: int = 1):
        """Run code in the first cell; return the output's element once its views are drawn."""
        self._clear_output()
        self.page.evaluate(
            """(code) => {
                const { content } = jupyterapp.shell.currentWidget;
                content.activeCellIndex = 0;
                content.activeCell.model.sharedModel.setSource(code);
            }""",
            code,
        )
        self.lab.command("notebook:run-cell")
        output = self.page.locator(".jp-Cell").nth(0).locator(".jp-Cell-outputArea")
        for wrong in output.locator('[data-mime-type*="stderr"], [data-mime-type*="error"]').all_inner_texts():
            assert SUBSHELL_NOISE in wrong, wrong
        for view in range(views):
            output.locator("[data-ready]").nth(view).wait_for()
        return output
