"""The example notebook about an agent that learned a place: it has to run whole, on fewer levels."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from test_environments import needs_procgen

NOTEBOOK = Path(__file__).parents[1] / "examples" / "maze.ipynb"


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_is_committed_without_outputs(notebook):
    assert "widgets" not in notebook.metadata
    assert all(cell.outputs == [] and cell.execution_count is None for cell in notebook.cells if "outputs" in cell)


@pytest.mark.slow
@needs_procgen
def test_it_runs_with_few_levels_and_follows_the_agent(notebook, tmp_path):
    small = {"LEVELS = 64": "LEVELS = 6", "STEPS = 250": "STEPS = 60"}
    for cell in notebook.cells:
        for old, new in small.items():
            cell.source = cell.source.replace(old, new)
    assert all(sum(new in cell.source for cell in notebook.cells) == 1 for new in small.values())
    where = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", store_widget_state=False, resources=where).execute()
    kept = next(cell for cell in notebook.cells if cell.source.endswith("len(kept)"))
    assert kept.outputs[0]["data"]["text/plain"] == "6"
    pictures = [
        each for cell in notebook.cells if "outputs" in cell for each in cell.outputs if "image/png" in str(each)
    ]
    assert len(pictures) == 3
