"""The example notebook about a failure: it has to run whatever episode its rule picks."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from rlvision_widgets.storage import open_study
from rlvision_widgets.stories import check_story, read_story, story_names

NOTEBOOK = Path(__file__).parents[1] / "examples" / "story.ipynb"


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_is_committed_without_outputs(notebook):
    assert "widgets" not in notebook.metadata
    assert all(cell.outputs == [] and cell.execution_count is None for cell in notebook.cells if "outputs" in cell)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_it_runs_on_another_case_than_the_one_that_was_looked_at(notebook, tmp_path, seed):
    small = {
        "num_trajectories=64, seed=0": f"num_trajectories=6, seed={seed}",
        "num_steps=192, seed=0": "num_steps=128",
    }
    for cell in notebook.cells:
        for old, new in small.items():
            cell.source = cell.source.replace(old, new)
    assert sum(new in cell.source for cell in notebook.cells for new in small.values()) == 2
    where = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", store_widget_state=False, resources=where).execute()
    assert (tmp_path / "story.html").stat().st_size > 100_000
    study = open_study(tmp_path / "story.zarr")
    (name,) = story_names(study)
    check_story(study, name)
    notes = read_story(study, name)
    assert notes
    assert "the worst surprise" in name, "words about a picture are for that picture alone"
    assert not any("It comes down" in note.text for note in notes)
