"""The `rlvision` command, and the example notebook that it leaves behind."""

import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

import rlvision_widgets as rlv
from rlvision_widgets.cli import main

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_the_demo_leaves_a_study_a_page_and_the_notebook(demo: Path) -> None:
    study = rlv.open_study(demo / "coinrun.zarr")
    assert dict(study.sizes)["trajectory"] == 2
    totals = study["layers/2b/outputs/value"]
    explained = totals["total"].sum("feature") + totals["residual_total"] + totals["completeness_error"]
    np.testing.assert_allclose(explained + totals.attrs["baseline_output"], study["value"], atol=1e-3)
    page = (demo / "coinrun.html").read_text()
    assert "default-src 'none'" in page
    shipped = (ROOT / "examples" / "coinrun.ipynb").read_bytes()
    assert (demo / "coinrun.ipynb").read_bytes() == shipped


@pytest.mark.slow
def test_the_demo_uses_what_is_there_and_keeps_a_changed_notebook(
    demo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(demo)
    changed = (demo / "coinrun.ipynb").read_text() + "\n"
    (demo / "coinrun.ipynb").write_text(changed)
    assert main(["demo", "--no-lab", "--trajectories", "2", "--steps", "96"]) == 0
    assert "Using the study in coinrun.zarr" in capsys.readouterr().out
    assert (demo / "coinrun.ipynb").read_text() == changed


@pytest.mark.slow
def test_the_example_notebook_runs_from_top_to_bottom(demo: Path) -> None:
    notebook = nbformat.read(ROOT / "examples" / "coinrun.ipynb", as_version=4)
    where = {"metadata": {"path": str(demo)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", store_widget_state=False, resources=where).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    shown = [output.data for output in outputs if output.output_type in ("execute_result", "display_data")]
    assert any("application/vnd.jupyter.widget-view+json" in data for data in shown)


def test_the_committed_notebook_has_no_outputs() -> None:
    notebook = nbformat.read(ROOT / "examples" / "coinrun.ipynb", as_version=4)
    assert "widgets" not in notebook.metadata
    assert all(cell.outputs == [] and cell.execution_count is None for cell in notebook.cells if "outputs" in cell)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["demmo"], "did you mean 'demo'"),
        (["demo", "--no-labb"], "did you mean '--no-lab'"),
        (["demo", "--steps", "0"], "at least 1"),
        ([], "required"),
    ],
)
def test_a_wrong_word_is_answered_with_the_nearest_right_one(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["build", "coinrum", "study.zarr"], "coinrun"),
        (["build", "absent.safetensors", "study.zarr"], "absent.safetensors"),
        (["snapshot", "absent.zarr", "page.html"], "absent.zarr"),
        (["evaluate", "absent.jd"], "absent.jd"),
    ],
)
def test_an_error_is_one_clear_line_and_leaves_nothing(
    arguments: list[str],
    expected: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    message = capsys.readouterr().err
    assert message.startswith(f"rlvision {arguments[0]}: ")
    assert expected in message
    assert "Traceback" not in message
    assert list(tmp_path.iterdir()) == []


def test_help_and_options_load_no_torch() -> None:
    script = "import sys\nfrom rlvision_widgets.cli import _parser\n_parser()\nsys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
