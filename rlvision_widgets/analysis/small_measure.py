"""A small paired measurement: the original agent and an edited one play the same levels, with the same luck.

For a look while one edits; `rlv.measure_edit` makes the experiment that a reader can trust.
"""

import hashlib
import json
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.edits import NetworkEdit, network_edits_to_json
from rlvision_widgets.analysis.cause_table import ANY, ORIGINAL, changes, failures, rates
from rlvision_widgets.analysis.counterfactual import Imagined
from rlvision_widgets.analysis.evaluation import Progress, measure_levels
from rlvision_widgets.analysis.paired import holm
from rlvision_widgets.analysis.progress import Cancelled, Report
from rlvision_widgets.analysis.reentry import world_of
from rlvision_widgets.environments.games import GAMES

__all__ = ["Meter", "rows_of"]

SIDE_BY_SIDE = 32  # levels; a cancelled measurement plays at most one step of each


class Meter:
    """Measures edits of one agent on levels of a study's world. Its methods may be called from any thread.

    Outcomes are kept in a file while it lives, one a seed: the original plays a level once, and a measurement that was
    cancelled goes on where it stopped.

    Parameters
    ----------
    agent : Agent
        The original.
    study : DataTree
        Says in which world.
    """

    def __init__(self, agent: Agent, study: xr.DataTree) -> None:
        self._agent, self._study = agent, study
        self._folder = Path(tempfile.mkdtemp(prefix="rlvision-measured-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._lock = threading.Lock()

    def measure(
        self,
        edits: Sequence[NetworkEdit],
        levels: int,
        seed: int,
        report: Report,
        cancelled: Callable[[], bool],
    ) -> Imagined:
        """Play levels with and without edits.

        Returns
        -------
        Imagined
            data: empty. told: levels, seed, seconds and rows, as `rows_of`.

        Raises
        ------
        Cancelled
            What was played by then is not played again.
        ValueError
            For edits that cannot be made; where the world has no levels.
        """

        def tell(progress: Progress) -> None:
            if cancelled():
                raise Cancelled
            report("levels", progress.done, progress.total)

        start = time.perf_counter()
        text = network_edits_to_json(edits)
        name = f"edited {hashlib.sha256(text.encode()).hexdigest()[:16]}"
        with self._lock, self._worlds() as environment:
            result = measure_levels(
                self._agent,
                levels,
                seed,
                tell=tell,
                edits={name: list(edits)} if edits else None,
                environment=environment,
                num_trajectories=SIDE_BY_SIDE,
                path=self._folder / f"{seed}.jsonl",
            )
        if not edits:  # the original is what it is compared with
            result = result.isel(condition=[0, 0])
        told = {"levels": levels, "seed": seed, "seconds": time.perf_counter() - start, "rows": rows_of(result)}
        return Imagined(xr.Dataset(), told)

    @contextmanager
    def _worlds(self) -> Iterator[Any]:
        """Give the study's game and its options, or worlds of whoever makes those of this study."""
        attrs = self._study.attrs
        if str(attrs["environment"]) in GAMES:
            yield {**json.loads(str(attrs["environment_options"])), "name": str(attrs["environment"])}
        else:
            with world_of(self._study).environment(SIDE_BY_SIDE) as worlds:
                yield worlds


def rows_of(result: xr.Dataset) -> list[dict[str, Any]]:
    """Compare the second condition of an evaluation with the first, cause by cause.

    Parameters
    ----------
    result : Dataset, (condition, level)
        From `evaluate`, two conditions.

    Returns
    -------
    list of dict
        The first is about all failures together: cause, original and edited (how many levels), rate and interval (of
        each, Wilson's), b and c (levels failed so by the edited agent only, by the original only), p (McNemar's exact
        test) and holm (p corrected for the number of causes; None in the first).
    """
    failed = failures(result.assign_coords(condition=[ORIGINAL, "edited"]))
    counted, compared = rates(failed), changes(failed, failed.isel(condition=0)).isel(condition=1)
    causes = [str(cause) for cause in failed["cause"].values]
    corrected = holm(np.array([float(compared["p"].sel(cause=cause)) for cause in causes if cause != ANY]))
    by_cause = dict(zip((cause for cause in causes if cause != ANY), corrected, strict=True))
    rows = []
    for cause in (ANY, *by_cause):
        own, pair = counted.sel(cause=cause), compared.sel(cause=cause)
        count = own["count"].values.tolist()
        rows.append(
            {
                "cause": "failed" if cause == ANY else cause,
                "original": count[0],
                "edited": count[1],
                "rate": own["rate"].values.tolist(),
                "interval": np.stack([own["rate_low"].values, own["rate_high"].values], axis=1).tolist(),
                "b": int(pair["b"]),
                "c": int(pair["c"]),
                "p": float(pair["p"]),
                "holm": None if cause == ANY else float(by_cause[cause]),
            }
        )
    return rows
