"""Computing what a study lacks, with the connected agent."""

from rlvision_widgets.schema import CHUNK, Output, Selection
from rlvision_widgets.widgets.jobs import Cancelled
from rlvision_widgets.widgets.requests import Answer, Work, request
from rlvision_widgets.widgets.source import StudySource


@request(writes=True, needs_agent=True)
def compute(source: StudySource, work: Work, *, trajectory: int, layer: str, output: str, step: int) -> Answer:
    """Compute a trajectory's attribution chunk by chunk: from the chunk of `step` to the end, then from the start."""
    name = Output.parse(output, source.action_names).name
    for offset in range(source.num_chunks):
        chunk = (step // CHUNK + offset) % source.num_chunks
        _stop_if_cancelled(work)
        if source.is_computed(trajectory, layer, name, chunk):
            continue
        steps = slice(chunk * CHUNK, min((chunk + 1) * CHUNK, source.num_steps))
        selection = Selection(trajectory, steps, layer, name)
        work.connection.attribute(selection, progress=work.progress, cancelled=work.cancelled)
        _stop_if_cancelled(work)
        if offset == 0:  # the layer's features may be new
            work.refresh()
        work.report("chunk", chunk, source.num_chunks)
    return {}, {}


def _stop_if_cancelled(work: Work) -> None:
    if work.cancelled():
        raise Cancelled("cancelled")
