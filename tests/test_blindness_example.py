"""The example notebook that blinds agents to saws: it has to run whole, on other levels and fewer of them."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from test_environments import needs_procgen

NOTEBOOK = Path(__file__).parents[1] / "examples" / "blindness.ipynb"


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_is_committed_without_outputs(notebook):
    assert "widgets" not in notebook.metadata
    assert all(cell.outputs == [] and cell.execution_count is None for cell in notebook.cells if "outputs" in cell)


@pytest.mark.slow
@needs_procgen
def test_it_runs_with_few_levels(notebook, tmp_path):
    small = {
        "LEVELS = 300": "LEVELS = 8",
        "rlv.build_study(agent, num_trajectories=16, num_steps=256)": "rlv.build_study("
        "agent, num_trajectories=6, num_steps=160, seed=5, observations=(16, 2, 8))",
        "dose_levels=100": "dose_levels=2",
        "null_levels=60": "null_levels=2",
        'for up in ("..", "../..", "../../..")': "for up in ()",
    }
    for cell in notebook.cells:
        for old, new in small.items():
            cell.source = cell.source.replace(old, new)
    assert all(sum(new in cell.source for cell in notebook.cells) == 1 for new in small.values())
    where = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", store_widget_state=False, resources=where).execute()
    assert (tmp_path / "saw-erased.html").stat().st_size > 20_000
