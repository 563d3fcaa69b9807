"""How fast the views are in JupyterLab, and how large a snapshot is: `python tests/benchmarks/views.py [STUDY]`.

Prints a markdown table. Everything is measured in a real JupyterLab and a real Chromium, without a GPU. With the path
of a saved study of the bundled agent, the snapshot is of that one, and counterfactuals are measured on it; otherwise
the snapshot is of a made-up one.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.extend(
    str(Path(__file__).resolve().parents[level] / folder) for level, folder in ((1, ""), (1, "browser"), (2, ""))
)

import numpy as np
import toy
import xarray as xr
from lab import ARGS, CHROMIUM, Lab, Notebook, Server
from playwright.sync_api import sync_playwright

from rlvision_widgets.schema import CHUNK
from rlvision_widgets.snapshot import save_snapshot
from rlvision_widgets.storage import open_study, save_study

LONG = 100_000
# Moves the slider after a pause in milliseconds, and waits until the step's own picture has been painted.
MOVES = """async ([steps, pause]) => {
    const root = document.querySelector(".rlv-explorer");
    const slider = root.querySelector(".rlv-slider");
    const canvas = root.querySelector(".rlv-observation canvas");
    const frame = () => new Promise(requestAnimationFrame);
    const painted = () => new Promise((resolve) => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = resolve;
        requestAnimationFrame(() => port2.postMessage(0));
    });
    const times = [];
    for (const step of steps) {
        await new Promise((resolve) => setTimeout(resolve, pause));
        await painted();
        const start = performance.now();
        slider.value = String(step);
        slider.dispatchEvent(new Event("input", { bubbles: true }));
        const label = `observation, step ${step}`;
        while (canvas.getAttribute("aria-label") !== label || root.hasAttribute("data-stale")) await frame();
        await new Promise((resolve) => {
            const { port1, port2 } = new MessageChannel();
            port1.onmessage = resolve;
            port2.postMessage(0);
        });
        times.push(performance.now() - start);
    }
    return times;
}"""
PLAY = """async (seconds) => {
    const root = document.querySelector(".rlv-explorer");
    const steps = root.querySelector(".rlv-steps");
    root.querySelector('[aria-label="Play"]').click();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const seen = new Set();
    let stale = 0, frames = 0;
    const start = performance.now();
    while (performance.now() - start < 1000 * seconds) {
        await new Promise(requestAnimationFrame);
        seen.add(steps.textContent);
        frames++;
        if (root.hasAttribute("data-stale")) stale++;
    }
    const took = performance.now() - start;
    root.querySelector('[aria-label="Pause"]').click();
    return [1000 * seen.size / took, 1000 * frames / took, stale];
}"""


# Counts the different pictures that are shown until the mouse is let go, and the time until the exact one is.
DRAGGED = """() => {
    const root = document.querySelector(".rlv-explorer");
    const canvas = root.querySelector(".rlv-observation canvas");
    const slider = root.querySelector(".rlv-slider");
    const seen = new Set();
    let released = 0;
    const read = () => {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        let hash = 0;
        for (let at = 0; at < data.length; at += 4) hash = (31 * hash + 7 * data[at] + data[at + 1]) | 0;
        return hash;
    };
    window.drag = new Promise((resolve) => {
        window.addEventListener("pointerup", () => { released = performance.now(); }, { once: true, capture: true });
        const look = () => {
            if (!released) seen.add(read());
            const exact = canvas.getAttribute("aria-label") === `observation, step ${slider.value}`;
            if (!released || !exact || root.hasAttribute("data-stale")) return requestAnimationFrame(look);
            resolve([seen.size, performance.now() - released]);
        };
        look();
    });
}"""


def write_long_study(path: Path) -> None:
    """Write a study of one trajectory of `LONG` steps, block by block."""
    block = toy.toy_study(num_trajectories=1, num_steps=32 * CHUNK)
    save_study(block, path)
    for written in range(32 * CHUNK, LONG, 32 * CHUNK):
        more = slice(0, min(32 * CHUNK, LONG - written))
        for group in ("/", "/layers/2b/outputs/value"):
            node = block[group].to_dataset(inherit=False)
            growing = node[[name for name in node.variables if "step" in node[name].dims]].isel(step=more)
            growing.drop_encoding().to_zarr(path, group=group, append_dim="step", consolidated=False)


def percentiles(times: list[float]) -> str:
    """Return the median and the 95th percentile."""
    return f"{np.percentile(times, 50):.0f} / {np.percentile(times, 95):.0f}"


def measure_lab(notebook: Notebook, path: str, num_steps: int, row) -> None:
    """Measure the explorer of one study in JupyterLab."""
    rng = np.random.default_rng(0)
    label = f"{num_steps:,} steps"
    firsts = []
    for _ in range(5):
        notebook.clear()
        start = time.perf_counter()
        notebook.show(f"view = rlv.Explorer({path!r}, fps=60); view")
        firsts.append(1000 * (time.perf_counter() - start))
    row(f"run the cell → first complete picture, {label}", percentiles(firsts), "ms")
    page = notebook.page
    page.evaluate(MOVES, [list(range(0, 128)), 0])
    near = [int(step) for step in rng.integers(0, 128, 100)]
    row(f"move to a loaded step → painted, {label}", percentiles(page.evaluate(MOVES, [near, 0])), "ms")
    if num_steps > 2048:
        far = [int(step) for step in rng.choice(num_steps // CHUNK, 60, replace=False) * CHUNK + 7]
        row(
            f"jump to a step that is not loaded → painted, {label}", percentiles(page.evaluate(MOVES, [far, 300])), "ms"
        )
        measure_drags(notebook, rng, label, row)
    for how, code in PLAYED.items():
        notebook.lab.python(f"{code}; view.step = 0")
        page.wait_for_timeout(1000)
        shown, frames, stale = page.evaluate(PLAY, 5)
        row(f"play at 60 fps{how}, {label}", f"{shown:.1f} steps/s, {stale} stale of {frames:.0f} frames/s", "")
    notebook.lab.python("view.centred, view.view_range = False, []")


PLAYED = {
    "": "view.centred, view.view_range = False, []",
    ", playhead in the middle of 256 steps": "view.centred, view.view_range = True, [0, 256]",
    ", playhead in the middle of everything": "view.centred, view.view_range = True, []",
    ", zoomed to 64 steps": "view.centred, view.view_range = False, [0, 64]",
}


def measure_drags(notebook: Notebook, rng: np.random.Generator, label: str, row) -> None:
    """Measure fast drags across all steps, 60 moves each: what is seen meanwhile, and how they settle."""
    mouse, box = notebook.page.mouse, notebook.page.locator(".rlv-plot").bounding_box()
    found = []
    for start, stop in rng.uniform(0.1, 0.85, (20, 2)):
        y = box["y"] + 0.6 * box["height"]
        mouse.move(box["x"] + start * box["width"], y)
        notebook.page.evaluate(DRAGGED)
        mouse.down()
        for turn in (0.85, 0.1, stop):
            mouse.move(box["x"] + turn * box["width"], y, steps=20)
        mouse.up()
        found.append(notebook.page.evaluate("() => drag"))
    pictures, settled = zip(*found, strict=True)
    row(f"drag across everything: different pictures seen in 60 moves, {label}", f"{np.median(pictures):.0f}", "")
    row(f"let go → the exact picture, {label}", percentiles(list(settled)), "ms")


# Opens the grid of each feature by its thumbnail, waits until its patches are painted, and closes it.
GRIDS = """async () => {
    const root = document.querySelector(".rlv-explorer");
    const frame = () => new Promise(requestAnimationFrame);
    const dialog = () => root.querySelector(".rlv-grid[role=dialog]");
    const ready = () => dialog()?.querySelector("[role=grid][aria-rowcount]") && !dialog().querySelector("[data-busy]");
    const times = [];
    for (const thumbnail of [...root.querySelectorAll(".rlv-row:not(.rlv-residual) .rlv-thumbnail")]) {
        const start = performance.now();
        thumbnail.click();
        while (!ready()) await frame();
        await frame();
        times.push(performance.now() - start);
        dialog().querySelector("[aria-label='Close the feature']").click();
        while (dialog()) await frame();
    }
    return times;
}"""


def measure_grids(notebook: Notebook, path: Path, row) -> None:
    """Measure how long a feature's grid takes to open; the first one fetches the view's part, too."""
    notebook.clear()
    notebook.show(f"view = rlv.Explorer({str(path)!r}); view")
    notebook.page.locator(".rlv-row .rlv-thumbnail").nth(7).wait_for()
    notebook.page.wait_for_timeout(1000)
    first, *others = notebook.page.evaluate(GRIDS)
    row("open a feature's grid → painted, the first", f"{first:.0f}", "ms")
    row("open a feature's grid → painted, each of the others for the first time", percentiles(others), "ms")
    again = notebook.page.evaluate(GRIDS)
    row("open a feature's grid → painted, again", percentiles(again), "ms")


# Picks the first saw (or crate) of the table, removes it by its button, waits until the new world's value, policy and
# attribution are painted, and puts it back. -1 when there is none.
REMOVAL = """async () => {
    const root = document.querySelector(".rlv-counterfactual");
    const frame = () => new Promise(requestAnimationFrame);
    const painted = () => new Promise((resolve) => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = resolve;
        requestAnimationFrame(() => port2.postMessage(0));
    });
    const chips = () => root.querySelectorAll(".rlv-edit-chip").length;
    const settled = async (count) => {
        while (chips() !== count || root.hasAttribute("data-stale")) await frame();
        await painted();
    };
    const quiet = async () => { while (root.dataset.effects === "coming") await frame(); };
    await settled(0);
    await quiet();
    const buttons = (where) => [...root.querySelectorAll(`${where} button`)];
    const named = (text) => buttons(".rlv-objects tbody").find((one) => one.textContent.includes(text));
    const object = named("saw") ?? named("crate");
    if (!object) return -1;
    object.click();
    await painted();
    const remove = buttons("").find((one) => one.textContent === "remove");
    const start = performance.now();
    remove.click();
    await settled(1);
    const took = performance.now() - start;
    await quiet();
    buttons("").find((one) => one.textContent === "undo").click();
    await settled(0);
    await quiet();
    return took;
}"""


def measure_counterfactual(notebook: Notebook, path: Path, row) -> None:
    """Measure how long it takes from a click that removes an object to the new value, policy and attribution."""
    notebook.clear()
    notebook.lab.python("agent = rlv.load_agent('coinrun')")
    notebook.show(f"view = rlv.Counterfactual({str(path)!r}, agent=agent); view")
    times, rng = [], np.random.default_rng(0)
    study = open_study(path)
    for trajectory, step in rng.integers(0, (study.sizes["trajectory"], study.sizes["step"]), (60, 2)):
        notebook.lab.python(f"view.trajectory, view.step = {trajectory}, {step}")
        notebook.page.wait_for_timeout(500)
        times.append(notebook.page.evaluate(REMOVAL))
    times = [took for took in times if took > 0]
    row(
        f"click that removes an object → value, policy, attribution painted ({len(times)} frames)",
        percentiles(times),
        "ms",
    )


FLIP = """async ({ feature }) => {
    const root = document.querySelector(".rlv-editor");
    const painted = () => new Promise((resolve) => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = resolve;
        requestAnimationFrame(() => port2.postMessage(0));
    });
    const settled = async () => { do await painted(); while (root.hasAttribute("data-stale")); };
    await settled();
    const control = root.querySelectorAll(".rlv-ed-features .rlv-ed-switch")[feature];
    const start = performance.now();
    control.click();
    await painted();  // from here on the view says that it waits
    await settled();
    return performance.now() - start;
}"""

RACE = """async () => {
    const root = document.querySelector(".rlv-editor");
    const said = root.querySelector(".rlv-ed-race [role=status]");
    const frame = () => new Promise(requestAnimationFrame);
    const start = performance.now();
    root.querySelector(".rlv-ed-go").click();
    while (!said.textContent.includes("reward")) await frame();
    await frame();
    return performance.now() - start;
}"""


def measure_editor(notebook: Notebook, path: Path, row) -> None:
    """Measure how long it takes from a feature's switch to what the edited agent makes of the frame, and to a race."""
    notebook.clear()
    notebook.lab.python("agent = rlv.load_agent('coinrun')")
    notebook.show(f"view = rlv.Editor({str(path)!r}, agent=agent); view")
    rng, study, flips, races = np.random.default_rng(0), open_study(path), [], []
    places = rng.integers(0, (study.sizes["trajectory"], study.sizes["step"] - 1, 8), (40, 3))
    for number, (trajectory, step, feature) in enumerate(places.tolist()):
        notebook.lab.python(f"view.reset(); view.trajectory, view.step = {trajectory}, {step}")
        notebook.page.wait_for_timeout(500)
        flips.append(notebook.page.evaluate(FLIP, {"feature": feature}))
        if number % 4 == 0:
            races.append(notebook.page.evaluate(RACE))
    row(f"switch of a feature → value, policy, attribution painted ({len(flips)} frames)", percentiles(flips), "ms")
    row(f"play both → 100 steps of both agents begin ({len(races)} frames)", percentiles(races), "ms")


def measure_snapshot(study: xr.DataTree, name: str, folder: Path, browser, row) -> None:
    """Measure how large a page is, and how long it takes to be complete."""
    path = folder / "snapshot.html"
    start = time.perf_counter()
    save_snapshot(study, path, progress=False)
    size = f"{study.sizes['trajectory']} x {study.sizes['step']} steps of {name}"
    row(f"save a snapshot, {size}", f"{time.perf_counter() - start:.1f}", "s")
    row(f"snapshot, {size}", f"{path.stat().st_size / 1e6:.1f}", "MB")
    times = []
    for _ in range(5):
        page = browser.new_page()
        start = time.perf_counter()
        page.goto(path.as_uri(), wait_until="commit")
        page.locator("[data-ready]").wait_for()
        times.append(1000 * (time.perf_counter() - start))
        page.close()
    row(f"open it → first complete picture, {size}", percentiles(times), "ms")


def main() -> None:
    """Measure what is asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", nargs="?", type=Path, help="a saved study of the bundled agent")
    parser.add_argument("--only", choices=("explorer", "grids", "counterfactual", "editor", "snapshot"))
    arguments = parser.parse_args()
    given = arguments.study and arguments.study.resolve()

    def wanted(part: str) -> bool:
        return arguments.only in (None, part) and (given is not None or part in ("explorer", "snapshot"))

    def row(what: str, number: str, unit: str) -> None:
        print(f"| {what} | {number} | {unit} |", flush=True)

    print("| what | p50 / p95 | |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = Server(Path(folder))
        save_study(toy.toy_study(), server.notebooks / "toy.zarr")
        server.start()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS).new_context(
            viewport={"width": 1400, "height": 1000}
        )
        try:
            notebook = Notebook(Lab(browser.new_page(), server))
            if wanted("explorer"):
                save_study(toy.toy_study(1, 512), server.notebooks / "short.zarr")
                write_long_study(server.notebooks / "long.zarr")
                measure_lab(notebook, "short.zarr", 512, row)
                measure_lab(notebook, "long.zarr", LONG, row)
            if wanted("grids"):
                measure_grids(notebook, given, row)
            if wanted("counterfactual"):
                measure_counterfactual(notebook, given, row)
            if wanted("editor"):
                measure_editor(notebook, given, row)
            if wanted("snapshot"):
                study = open_study(given) if given else toy.toy_study(8, 512)
                measure_snapshot(study, study.attrs["environment"], Path(folder), browser, row)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
