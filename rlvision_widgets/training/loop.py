"""The loop: collect, learn, note, save, until the steps or the hours are done."""

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TextIO, cast

import torch
from tqdm.auto import tqdm

from rlvision_widgets.analysis.evaluation import evaluate
from rlvision_widgets.environments import Environment, make_environment
from rlvision_widgets.names import strict_keywords
from rlvision_widgets.training.collecting import collect
from rlvision_widgets.training.exporting import export_agent, write_agent
from rlvision_widgets.training.learning import learn
from rlvision_widgets.training.legs import begin_leg, forecast
from rlvision_widgets.training.losses import act, losses
from rlvision_widgets.training.options import TrainingOptions
from rlvision_widgets.training.run import Run
from rlvision_widgets.training.teachers import make_teacher

__all__ = ["train"]


@strict_keywords
def train(options: TrainingOptions, *, make: Callable[..., Environment] | None = None) -> Path:
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
        When the folder holds a run of another network or world; names what differs.
    """
    if options.threads:
        torch.set_num_threads(options.threads)
    print(forecast(options))
    options.folder.mkdir(parents=True, exist_ok=True)
    checkpoint = options.folder / "checkpoint.pt"
    world = dict(num_trajectories=options.num_trajectories, seed=options.seed, **options.environment_options)
    with (make or make_environment)(options.environment, **world) as environment, stop_when_interrupted() as stopped:
        run = Run(options, environment)
        if checkpoint.exists():
            run.load(checkpoint)
        leg, begun, saved = begin_leg(run, options), time.monotonic(), time.monotonic()
        pieces: list[Any] = [torch.no_grad()(act), losses, make_teacher(run, options)]
        if options.compile:
            pieces = [piece and torch.compile(piece, dynamic=False) for piece in pieces]
        step, loss, teach = pieces
        log = open_log(options.folder / "log.jsonl", run.steps)
        progress: Any = tqdm  # made at run time, which type checkers cannot follow
        bar = progress(total=options.steps, initial=run.steps, unit="step", unit_scale=True)
        with log, bar:
            while run.steps < options.steps and not stopped and time.monotonic() - begun < 3600 * options.hours:
                before, start = run.steps, time.monotonic()
                rollout = collect(run, options, step)
                middle = time.monotonic()
                row: dict[str, float | None] = learn(run, rollout, options, loss, teach)
                end = time.monotonic()
                decisions = run.steps - before
                row |= {"steps": run.steps, "episodes": run.episodes, "success": run.success, "scale": run.scale.std}
                row |= {"rollout_per_second": decisions / (middle - start)}
                row |= {"learning_per_second": decisions * options.epochs / (end - middle)}
                done = run.steps >= options.steps
                passed = options.evaluation_steps and run.steps % options.evaluation_steps < decisions
                if options.evaluation_levels and (done or passed):
                    run.evaluations.append(evaluation(run, options, make))
                    row["evaluation"] = run.evaluations[-1]["success"]
                log.write(json.dumps(row) + "\n")
                bar.update(decisions)
                bar.set_postfix(success=run.success, kl=row["kl"])
                if (
                    done
                    or stopped
                    or end - begun >= 3600 * options.hours
                    or end - saved > 60 * options.checkpoint_minutes
                ):
                    leg |= {"steps": [leg["steps"][0], run.steps], "hours": round((end - begun) / 3600, 3)}
                    run.curve.append({"steps": run.steps, "success": run.success})
                    run.save(checkpoint)
                    write_agent(run, options)
                    saved = end
        return write_agent(run, options)


def open_log(path: Path, steps: int) -> TextIO:
    """Open the log for appending, without the lines of a leg that was lost after its last checkpoint."""
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    path.write_text("".join(line for line in lines if json.loads(line)["steps"] <= steps))
    return path.open("a", buffering=1)


def evaluation(run: Run, options: TrainingOptions, make: Callable[..., Environment] | None) -> dict[str, Any]:
    """Return how the agent so far plays levels that it is new to."""
    agent, count = export_agent(run, options), options.evaluation_levels
    world = make(options.environment, num_trajectories=16, seed=0, **options.environment_options) if make else None
    with world or nullcontext():
        found = evaluate(agent, count, options.seed + 1, environment=cast(Any, world), causes=False, progress=False)
    return {
        "steps": run.steps,
        "levels": count,
        "success": found.attrs["success_rate"],
        "wilson_interval": found.attrs["wilson_interval"],
    }


@contextmanager
def stop_when_interrupted() -> Iterator[list[int]]:
    """Yield a list that the first Ctrl-C (or SIGTERM) makes non-empty; the second interrupts as usual."""
    stopped: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # only the main thread may handle signals
        yield stopped
        return

    def note(number: int, _: Any) -> None:
        stopped.append(number)
        signal.signal(number, before[number])

    before = {int(number): signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
