"""What users install: a wheel that needs no Node, from an sdist that needs none either."""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BUDGETS = {  # bytes
    "explorer.js": 60_000,
    "explorer.css": 20_000,
    "grid.css": 8_000,
    "standalone.js": 6_000,
    "grid.js": 60_000,
    "cell.js": 30_000,
    "menus.js": 40_000,
    "time.js": 32_000,
    "compare.js": 60_000,
    "compare.css": 20_000,
    "compare_time.js": 30_000,
    "counterfactual.js": 60_000,
    "counterfactual.css": 20_000,
    "counterfactual_more.js": 30_000,
    "story.js": 30_000,
    "world.js": 30_000,
    "forks.js": 30_000,
    "editing.js": 80_000,
    "editor.js": 60_000,
    "editor.css": 20_000,
}


def _build(kind: str, source: Path, target: Path, path: str) -> Path:
    command = [sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "--outdir", str(target), str(source)]
    result = subprocess.run(command, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return next(target.iterdir())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Return the wheel that is built from the sdist where there is neither node nor npm."""
    folder = tmp_path_factory.mktemp("packaging")
    sdist = _build("sdist", ROOT, folder / "sdist", os.environ["PATH"])
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "source", filter="data")
    no_node = folder / "empty"
    no_node.mkdir()
    return zipfile.ZipFile(_build("wheel", next((folder / "source").iterdir()), folder / "wheel", str(no_node)))


@pytest.mark.slow
def test_the_wheel_carries_the_front_end_within_its_budget_and_without_links(wheel: zipfile.ZipFile) -> None:
    for name, budget in BUDGETS.items():
        text = wheel.read(f"rlvision_widgets/static/{name}").decode()
        assert 0 < len(text.encode()) <= budget
        links = set(re.findall(r"https?://[^\s\"'`]+", text))
        assert links <= {"http://www.w3.org/2000/svg"}, "an offline page must not ask for anything"


@pytest.mark.slow
def test_the_wheel_carries_the_notebook_the_agents_and_the_types(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    assert {"rlvision_widgets/py.typed", "rlvision_widgets/examples/coinrun.ipynb"} <= names
    weights = [name for name in names if name.endswith(".safetensors")]
    assert "rlvision_widgets/models/coinrun.safetensors" in weights
    for name in weights:
        assert wheel.getinfo(name).file_size <= 2_600_000
        assert name.replace(".safetensors", ".json") in names, "each agent has a card"


@pytest.mark.slow
def test_the_wheel_carries_nothing_of_the_workshop(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"rlvision_widgets"}
