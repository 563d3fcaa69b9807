"""The loop: collect, learn, note, save, until the steps or the hours are done."""

import json
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TextIO, cast

import torch
from tqdm.auto import tqdm

from rlvision_widgets.analysis.evaluation import evaluate
from rlvision_widgets.aside import write_aside
from rlvision_widgets.names import strict_keywords
from rlvision_widgets.training.collecting import Collector
from rlvision_widgets.training.devices import check_device
from rlvision_widgets.training.exporting import export_agent, write_agent
from rlvision_widgets.training.interrupts import stop_when_interrupted
from rlvision_widgets.training.learning import Learner
from rlvision_widgets.training.legs import begin_leg, forecast, refuse_another_run
from rlvision_widgets.training.losses import act, losses
from rlvision_widgets.training.options import TrainingOptions
from rlvision_widgets.training.run import Run, read_checkpoint
from rlvision_widgets.training.series import keep_agent, start_series
from rlvision_widgets.training.stopwatch import Stopwatch
from rlvision_widgets.training.teachers import make_solver, make_teacher
from rlvision_widgets.training.worlds import Make, evaluation_world, make_worlds

__all__ = ["train"]


@strict_keywords
def train(options: TrainingOptions, *, make: Make | None = None) -> Path:
    """Run until the steps or the hours are done, or Ctrl-C; return the path of the exported agent.

    A folder that holds a checkpoint is resumed: with one thread, on one machine, to the same bits as if it had not
    been interrupted. Options that only steer learning may change between legs; each leg is written into the card.

    Parameters
    ----------
    options : TrainingOptions
        What to do.
    make : callable, optional
        Makes the environment, with the signature of `rlvision_widgets.environments.make_environment` (the default).

    Raises
    ------
    ValueError
        When the folder holds a run of another network or world; names what differs. When there is no such device.
    """
    check_device(options.device)
    if options.threads:
        torch.set_num_threads(options.threads)
    print(forecast(options))
    options.folder.mkdir(parents=True, exist_ok=True)
    checkpoint = options.folder / "checkpoint.pt"
    saved = read_checkpoint(checkpoint) if checkpoint.exists() else None
    if saved is not None:
        refuse_another_run(saved["history"]["legs"], options)
    with make_worlds(options, make) as worlds, stop_when_interrupted() as stopped:
        run = Run(options, worlds)
        if saved is not None:
            run.load(saved)
        leg = Leg(run, options, begin_leg(run, options))
        watch = Stopwatch()
        collector, learner = _pieces(run, options, watch)
        start_series(run, options)
        progress: Any = tqdm  # made at run time, which type checkers cannot follow
        bar = progress(total=options.steps, initial=run.steps, unit="step", unit_scale=True)
        with open_log(options.folder / "log.jsonl", run.steps) as log, bar:
            while run.steps < options.steps and not stopped and not leg.is_over:
                before = run.steps
                row: dict[str, Any] = learner.learn(collector.collect())
                row |= {"steps": run.steps, "episodes": run.episodes, "success": run.success, "scale": run.scale.std}
                keep_agent(run, options, before)
                if _evaluation_is_due(options, before, run.steps):
                    with watch("evaluation"):
                        run.evaluations.append(evaluation(run, options, make))
                    row["evaluation"] = run.evaluations[-1]["success"]
                row["steps_per_second"] = watch.rates(run.steps - before)
                log.write(json.dumps(row) + "\n")
                bar.update(run.steps - before)
                bar.set_postfix(success=run.success, kl=row["kl"])
                if leg.checkpoint_is_due:
                    with watch("saving"):
                        leg.save(checkpoint)
        if run.steps > leg.note["steps"][1]:
            leg.save(checkpoint)
        return write_agent(run, options)


def _pieces(run: Run, options: TrainingOptions, watch: Stopwatch) -> tuple[Collector, Learner]:
    """Return what plays and what learns, compiled if asked for."""
    step, loss, teach = act, losses, make_teacher(run, options)
    if options.compile:
        # CUDA graphs launch a small network's kernels at once; learning's are large enough without.
        mode = "reduce-overhead" if run.device.type == "cuda" else None
        step = torch.compile(act, dynamic=False, mode=mode)
        loss, teach = torch.compile(losses, dynamic=False), teach and torch.compile(teach, dynamic=False)
    collector = Collector(run, options, step, watch, make_solver(run, options))
    return collector, Learner(run, options, loss, watch, teach)


class Leg:
    """One call of `train`: when it is over, when a checkpoint is due, and what it notes of itself."""

    def __init__(self, run: Run, options: TrainingOptions, note: dict[str, Any]) -> None:
        self.run, self.options, self.note = run, options, note
        self.begun = self.saved = time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether the hours are done."""
        return time.monotonic() - self.begun >= 3600 * self.options.hours

    @property
    def checkpoint_is_due(self) -> bool:
        """Whether the last one is as old as it may be."""
        return time.monotonic() - self.saved > 60 * self.options.checkpoint_minutes

    def save(self, checkpoint: Path) -> None:
        """Write the checkpoint, and the agent so far with its card."""
        hours = (time.monotonic() - self.begun) / 3600
        self.note |= {"steps": [self.note["steps"][0], self.run.steps], "hours": round(hours, 3)}
        self.run.curve.append({"steps": self.run.steps, "success": self.run.success})
        self.run.save(checkpoint)
        write_agent(self.run, self.options)
        self.saved = time.monotonic()


def open_log(path: Path, steps: int) -> TextIO:
    """Open the log for appending, without the lines of a leg that was lost after its last checkpoint."""
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    write_aside(path, "".join(line for line in lines if _log_steps(line) <= steps).encode())
    return path.open("a", buffering=1)


def _log_steps(line: str) -> float:
    """Return the steps of a line; infinitely many for one that a crash left half written."""
    try:
        return float(json.loads(line)["steps"])
    except ValueError:
        return float("inf")


def _evaluation_is_due(options: TrainingOptions, before: int, steps: int) -> bool:
    every = options.evaluation_steps
    passed = bool(every) and steps // every > before // every
    return options.evaluation_levels > 0 and (passed or steps >= options.steps)


def evaluation(run: Run, options: TrainingOptions, make: Make | None) -> dict[str, Any]:
    """Return how the agent so far plays levels that it is new to, with the edits that it is trained with."""
    agent, count = export_agent(run, options), options.evaluation_levels
    world = evaluation_world(options, make)
    with world or nullcontext():
        found = evaluate(agent, count, options.seed + 1, environment=cast(Any, world), causes=False, progress=False)
    return {
        "steps": run.steps,
        "levels": count,
        "success": found.attrs["success_rate"],
        "wilson_interval": found.attrs["wilson_interval"],
    }
