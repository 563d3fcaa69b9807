"""The example notebook about what features respond to."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / "examples" / "features.ipynb"


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_is_committed_without_outputs(notebook):
    assert "widgets" not in notebook.metadata
    assert all(cell.outputs == [] and cell.execution_count is None for cell in notebook.cells if "outputs" in cell)


@pytest.mark.slow
def test_it_runs_from_top_to_bottom(notebook, tmp_path):
    small = {"num_trajectories=4, num_steps=128, observations=(64, 8, 16)": "num_trajectories=2, num_steps=64"}
    small = {old: f"{new}, observations=(16, 4, 8)" for old, new in small.items()}
    for cell in notebook.cells:
        for old, new in small.items():
            cell.source = cell.source.replace(old, new)
    assert any(new in cell.source for cell in notebook.cells for new in small.values())
    where = {"metadata": {"path": str(tmp_path)}}
    done = NotebookClient(notebook, timeout=600, kernel_name="python3", store_widget_state=False, resources=where)
    done.execute()
    printed = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []) if "text" in output
    )
    assert "of the sum of its activations" in printed
    assert "different frames in 1024 places" in printed
