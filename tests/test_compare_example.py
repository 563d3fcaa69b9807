"""The example notebook about comparing: it has to run whatever level its rule picks."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / "examples" / "compare.ipynb"


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_is_committed_without_outputs(notebook):
    assert "widgets" not in notebook.metadata
    assert all(cell.outputs == [] and cell.execution_count is None for cell in notebook.cells if "outputs" in cell)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_it_runs_on_another_case_than_the_one_that_was_looked_at(notebook, tmp_path, seed):
    small = {"num_trajectories=64, seed=0": f"num_trajectories=6, seed={seed}", '"num_levels": 24': '"num_levels": 2'}
    for cell in notebook.cells:
        for old, new in small.items():
            cell.source = cell.source.replace(old, new)
    assert all(any(new in cell.source for cell in notebook.cells) for new in small.values())
    where = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", store_widget_state=False, resources=where).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    shown = [output.data for output in outputs if output.output_type in ("execute_result", "display_data")]
    views = [data for data in shown if "application/vnd.jupyter.widget-view+json" in data and "image/png" in data]
    assert len(views) == 2
    assert (tmp_path / "same_level.html").stat().st_size > 100_000
