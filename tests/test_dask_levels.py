"""Levels on a dask cluster: what comes back is what is played here, also when a worker dies over it."""

import os
import signal

import numpy as np
import pytest
import xarray as xr
from test_environments import needs_procgen
from toy import ToyEnvironment

import rlvision_widgets as rlv
from rlvision_widgets.analysis.evaluation import evaluate, measure_levels
from rlvision_widgets.analysis.outcomes_file import OutcomesFile

distributed = pytest.importorskip("distributed", reason="dask is an extra")
dask = pytest.importorskip("dask")
pytestmark = pytest.mark.filterwarnings("ignore")  # of dask's own making, e.g. a port that is taken
HIDDEN = {"saws hidden": [rlv.Hide("saw")]}
LEVELS = 12


@pytest.fixture(scope="module")
def coinrun():
    return rlv.load_agent("coinrun")


@pytest.fixture(scope="module")
def local(coinrun):
    """What is played without a cluster."""
    return evaluate(coinrun, LEVELS, world=HIDDEN, precision="bfloat16", progress=False)


def cluster(**options):
    return distributed.LocalCluster(threads_per_worker=1, dashboard_address=None, **options)


@needs_procgen
def test_a_cluster_gives_what_is_played_here_and_writes_it_down(coinrun, local, tmp_path):
    path = tmp_path / "o.jsonl"
    options = {"world": HIDDEN, "precision": "bfloat16", "path": path, "progress": False}
    with cluster(n_workers=1, processes=False) as workers, distributed.Client(workers) as client:
        xr.testing.assert_identical(evaluate(coinrun, LEVELS, client=client, **options), local)
        assert not client.futures, "nothing is left on the cluster"
    xr.testing.assert_identical(evaluate(coinrun, LEVELS, **options), local)


@needs_procgen
@pytest.mark.slow
def test_a_worker_that_dies_loses_no_level(coinrun, local):
    class Told:
        """Kills a worker when the first levels are over."""

        killed = None

        def __call__(self, state):
            if state.done and not self.killed:
                self.killed = next(iter(pids.values()))
                os.kill(self.killed, signal.SIGKILL)

    told = Told()
    impatient = {"distributed.comm.timeouts.connect": "3s"}  # with the worker that is no more
    with (
        dask.config.set(impatient),
        cluster(n_workers=2, processes=True) as workers,
        distributed.Client(workers) as client,
    ):
        pids = client.run(os.getpid)
        result = measure_levels(coinrun, LEVELS, 0, precision="bfloat16", client=client, tell=told)
        assert told.killed not in client.run(os.getpid).values()
    for name in ("success", "cause", "length", "return"):
        np.testing.assert_array_equal(result[name], local[name][:1])


@needs_procgen
def test_an_error_on_a_worker_is_raised_here_and_the_file_keeps_the_rest(tmp_path):
    class Broken:
        """Breaks down at once."""

        name = "broken"
        environment = {"name": "coinrun", "distribution_mode": "easy"}  # noqa: RUF012

        def __call__(self, observations):
            raise RuntimeError("the network broke down")

    path = tmp_path / "o.jsonl"
    with cluster(n_workers=1, processes=False) as workers, distributed.Client(workers) as client:
        with pytest.raises(RuntimeError, match="broke down"):
            evaluate(Broken(), 20, client=client, path=path, progress=False)
        assert not client.futures
    with pytest.raises(ValueError, match="another question"):
        OutcomesFile(path, {"seed": 0})  # whole, and let go of


def test_an_open_batch_of_worlds_cannot_be_sent(agent):
    with cluster(n_workers=1, processes=False) as workers, distributed.Client(workers) as client:  # noqa: SIM117
        with ToyEnvironment(2) as environment, pytest.raises(ValueError, match="each worker makes its own"):
            evaluate(agent, 5, environment=environment, client=client, progress=False)
