"""The example notebook that asks what the agent sees: it has to run on other levels than those it was written on."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from test_environments import needs_procgen

NOTEBOOK = Path(__file__).parents[1] / "examples" / "counterfactual.ipynb"


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_is_committed_without_outputs(notebook):
    assert "widgets" not in notebook.metadata
    assert all(cell.outputs == [] and cell.execution_count is None for cell in notebook.cells if "outputs" in cell)


@pytest.mark.slow
@needs_procgen
def test_it_runs_on_other_levels(notebook, tmp_path):
    small = {
        "num_trajectories=64, num_steps=192": "num_trajectories=8, seed=5, num_steps=160",
        "observations=(64, 8, 16)": "observations=(32, 4, 8)",
        "num_branches=8, num_steps=20": "num_branches=2, num_steps=6",
    }
    for cell in notebook.cells:
        for old, new in small.items():
            cell.source = cell.source.replace(old, new)
    assert all(sum(new in cell.source for cell in notebook.cells) == 1 for new in small.values())
    where = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", store_widget_state=False, resources=where).execute()
    texts = [output.text for cell in notebook.cells for output in cell.get("outputs", ()) if "text" in output]
    assert any("Killed by the saw" in text for text in texts)
    assert (tmp_path / "counterfactual.html").stat().st_size > 100_000
