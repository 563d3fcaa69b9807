"""Small training runs, and what they leave behind."""

import importlib.util
import json
import os
import signal
from contextlib import contextmanager

import pytest
import torch
import toy

from rlvision_widgets.training import TrainingOptions
from rlvision_widgets.training.collecting import Collector

SMALL = {"channels": [4, 8, 8, 8, 8], "dense": [16, 16], "observation_shape": [16, 16, 3]}

needs_procgen = pytest.mark.skipif(
    importlib.util.find_spec("procgen") is None and "RLVISION_PROCGEN" not in os.environ,
    reason="Procgen's wheels exist for Python 3.11 and 3.12 on Linux x86-64 only",
)


def make_toy(name, *, num_trajectories, seed, **options):
    assert name == "toy"
    return toy.ToyEnvironment(num_trajectories, seed, **options)


def toy_options(folder, **changes):
    chosen = {
        "environment": "toy",
        "environment_options": {},
        "num_actions": 3,
        "network_options": SMALL,
        "steps": 256,
        "num_trajectories": 8,
        "num_steps": 16,
        "batch_size": 32,
        "compile": False,
        "precision": "float32",
        "threads": 1,
        "evaluation_levels": 0,
    }
    return TrainingOptions(folder=folder, **(chosen | changes))


def checkpoint(folder):
    return torch.load(folder / "checkpoint.pt", weights_only=True)


def assert_same(one, other, where="checkpoint"):
    assert type(one) is type(other), where
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same(one[key], other[key], f"{where}[{key!r}]")
    elif isinstance(one, list):
        assert len(one) == len(other), where
        for index, pair in enumerate(zip(one, other, strict=True)):
            assert_same(*pair, f"{where}[{index}]")
    else:
        assert one == other, where


def without_history(folder):
    return {key: value for key, value in checkpoint(folder).items() if key != "history"}


def lines(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@contextmanager
def interrupted_at(steps, monkeypatch):
    """Let Ctrl-C be pressed when a run has come to `steps`, while the next rollout is played."""
    collect = Collector.collect

    def interrupted(self):
        if self.run.steps == steps:
            signal.raise_signal(signal.SIGINT)
        return collect(self)

    with monkeypatch.context() as patch:
        patch.setattr(Collector, "collect", interrupted)
        yield
