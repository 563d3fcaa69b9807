"""Batches side by side against operations split among threads, alone and beside two busy processes.

Run: python tests/benchmarks/batches.py
"""

import copy
import dataclasses
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from rlvision_widgets.agents import load_agent
from rlvision_widgets.analysis.attribution import attribute
from rlvision_widgets.environments import make_environment

BUSY = "while True: pass"
REPEATS = 3


@contextmanager
def company(busy: bool) -> Iterator[None]:
    """Run two processes beside, which never rest."""
    processes = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(2 if busy else 0)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def main() -> None:
    """Attribute the same frames both ways in turn, and print medians of wall time."""
    torch.set_num_threads(2)
    agent = load_agent("coinrun")
    split = dataclasses.replace(agent, network=copy.deepcopy(agent.network))
    split.network.concurrent = False
    options = {name: option for name, option in agent.environment.items() if name != "name"}
    with make_environment("coinrun", num_trajectories=128, seed=0, **options) as environment:
        rng = np.random.default_rng(0)
        for _ in range(40):
            frames = environment.observe().observation
            logits, _ = agent(frames)
            environment.act((logits + rng.gumbel(size=logits.shape)).argmax(1))
        frames = environment.observe().observation
    print("| two cores, 2b, value, ms a frame | side by side | split | ratio |")
    print("|---|---|---|---|")
    for busy in (False, True):
        times: dict[str, list[float]] = {"side by side": [], "split": []}
        with company(busy):
            for _ in range(REPEATS):
                for way, one in (("side by side", agent), ("split", split)):
                    start = time.perf_counter()
                    attribute(one, frames, layer="2b")
                    times[way].append((time.perf_counter() - start) / len(frames) * 1000)
        ours, theirs = (statistics.median(found) for found in times.values())
        where = "beside two busy processes" if busy else "alone"
        print(f"| {where} | {ours:.1f} | {theirs:.1f} | {theirs / ours:.1f} x |", flush=True)


if __name__ == "__main__":
    main()
