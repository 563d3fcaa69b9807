"""What looking into the world costs: `python tests/benchmarks/world.py`.

Processor time, which other work on the machine changes least. States are of random play, mostly to the right; frames of
sampled play of the bundled agent. Last, not a cost: how faithful attribution is, object by object. Needs Procgen.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch

import rlvision_widgets as rlv
from rlvision_widgets.analysis.reentry import world_of
from rlvision_widgets.environments.applying import apply_edits
from rlvision_widgets.environments.endings import explain_end
from rlvision_widgets.environments.masks import Seer
from rlvision_widgets.environments.objects import object_columns
from rlvision_widgets.environments.states import parse_state, serialise_state

WORLDS = {"coinrun, easy": "easy", "coinrun, hard": "hard", "maze, easy": "easy", "maze, hard": "hard"}


def played_states(game: str, mode: str, count: int) -> list[bytes]:
    """States four steps apart, of 16 worlds in which the buttons right and right + up are pressed most."""
    rng = np.random.default_rng(0)
    states: list[bytes] = []
    with rlv.make_environment(game, num_trajectories=16, seed=0, distribution_mode=mode) as worlds:
        while len(states) < count:
            for _ in range(4):
                worlds.step(np.where(rng.random(16) < 0.8, rng.choice([7, 8], 16), rng.integers(0, 9, 16)))
            states += [worlds.get_state(index) for index in range(16)]
    return states[:count]


def cost(function: Callable[[bytes], object], states: Sequence[bytes], repeats: int = 5) -> float:
    """Microseconds of processor time a call: the median over repeats of the mean over states."""
    function(states[0])
    times = []
    for _ in range(repeats):
        start = time.process_time()
        for state in states:
            function(state)
        times.append((time.process_time() - start) / len(states))
    return 1e6 * statistics.median(times)


def measure_states(count: int) -> None:
    """Print what states, masks and object tables cost."""
    columns = ["decode", "encode", "get_state", "set_state", "class masks, 64 px", "objects with pixels", "an edit"]
    print(f"| processor µs | {' | '.join(columns)} |\n|{'---|' * (len(columns) + 1)}")
    for name, mode in WORLDS.items():
        game = name.partition(",")[0]
        with rlv.make_environment(game, num_trajectories=1, distribution_mode=mode) as world:
            costs = costs_of(world, played_states(game, mode, count))
        print(f"| {name} | {' | '.join(f'{number:,.0f}' for number in costs)} |", flush=True)


def costs_of(world, states: Sequence[bytes]) -> list[float]:
    """Microseconds for each column of the table."""
    parsed = {state: parse_state(state) for state in states}
    edits = [rlv.Hide("saw")] if world.name == "coinrun" else [rlv.Remove("cheese")]
    with Seer(world) as seer:
        labels = {state: seer.labels(parsed[state]) for state in states}
        return [
            cost(parse_state, states),
            cost(lambda state: serialise_state(parsed[state]), states),
            cost(lambda _: world.get_state(0), states),
            cost(lambda state: world.set_state(0, state), states),
            cost(lambda state: seer.labels(parsed[state]), states),
            cost(lambda state: object_columns(parsed[state], labels[state]), states),
            cost(lambda state: apply_edits(parsed[state], edits), [s for s in states if can(parsed[s], edits)]),
        ]


def can(state, edits) -> bool:
    """Whether the edits can be made in this world."""
    try:
        apply_edits(state, edits)
    except ValueError:
        return False
    return True


def measure_study() -> None:
    """Print what re-entering, branching and causes cost in a study of the bundled agent."""
    agent = rlv.load_agent("coinrun")
    study = rlv.build_study(agent, layers=[], observations=(8, 1, 1), world=False, progress=False)
    world = world_of(study)
    print("\n| what | processor | wall |\n|---|---|---|")
    timed("enter a frame for the first time (chunks of 64 steps)", lambda k: world.state(k % 8, 64 * (k // 8) + 40), 32)
    timed("enter a frame near one that was entered", lambda k: world.state(7, 448 + k), 32)
    timed(
        "32 branches x 50 steps",
        lambda k: rlv.branch(agent, study, k, 64 * k + 9, num_branches=32, num_steps=50, progress=False),
        6,
    )
    ends = [(t, s - 1) for t, s in zip(*np.nonzero(study["first"].values), strict=True) if s > 0][:40]
    with world.environment() as spare:

        def explain(k: int) -> object:
            trajectory, step = ends[k % len(ends)]
            return explain_end(spare, world.state(trajectory, step), int(study["action"].values[trajectory, step]))

        timed("the cause of an episode's end, proven", explain, len(ends))
    start, wall = time.process_time(), time.perf_counter()
    rlv.add_world(study, progress=False)
    print(
        f"| objects and masks of 8 x 512 steps | {time.process_time() - start:.1f} s | "
        f"{time.perf_counter() - wall:.1f} s |"
    )
    connection = rlv.connect(agent, study)
    connection.attribute(rlv.Selection(layer="2b", output="value", trajectory=0, steps=slice(0, 1)))
    objects = rlv.objects(study)
    saws = objects[(objects["object_class"] == "saw") & (objects["visible_pixels"] > 0)].drop_duplicates(
        ["trajectory", "step"]
    )
    chosen = saws.sample(min(40, len(saws)), random_state=0)
    removed = [rlv.Remove("saw", at=(row.x, row.y)) for row in chosen.itertuples()]

    def imagine(k: int) -> object:
        row = chosen.iloc[k]
        return connection.imagine(int(row["trajectory"]), int(row["step"]), "2b", "value", [removed[k]])

    timed("remove a saw: new frame, value, policy, attribution at 2b", imagine, len(chosen))


def measure_faithfulness(num_frames: int) -> None:
    """Print how what objects are attributed goes with what is lost when they go (value, layer 2b), by class."""
    agent = rlv.load_agent("coinrun")
    study = rlv.build_study(agent, layers=[], seed=1, progress=False)
    rng = np.random.default_rng(0)
    places = rng.integers(0, (study.sizes["trajectory"], study.sizes["step"]), (num_frames, 2))
    found = pd.concat([rlv.object_effects(agent, study, int(t), int(s), layer="2b") for t, s in places])
    found = found[found["lost"].notna() & (found["visible_pixels"] > 0)]
    print("\n| objects | n | attributed, mean | lost, mean | Pearson r | Spearman |\n|---|---|---|---|---|---|")
    for name, rows in [("all", found), *found.groupby("object_class")]:
        if len(rows) < 10:
            continue
        means = rows[["attributed", "lost"]].mean()
        r, rank = (rows["attributed"].corr(rows["lost"], method=kind) for kind in ("pearson", "spearman"))
        print(f"| {name} | {len(rows)} | {means.iloc[0]:+.3f} | {means.iloc[1]:+.3f} | {r:.2f} | {rank:.2f} |")


def timed(what: str, function: Callable[[int], object], count: int) -> None:
    """Print medians and 95th percentiles over calls."""
    processor, wall = [], []
    for k in range(count):
        begun, start = time.process_time(), time.perf_counter()
        function(k)
        processor.append(1000 * (time.process_time() - begun))
        wall.append(1000 * (time.perf_counter() - start))
    shown = [f"{np.percentile(times, 50):.1f} / {np.percentile(times, 95):.1f} ms" for times in (processor, wall)]
    print(f"| {what} | {' | '.join(shown)} |", flush=True)


def main() -> None:
    """Measure everything and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--states", type=int, default=200)
    parser.add_argument("--frames", type=int, default=200, help="in which objects are taken away one by one")
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    measure_states(arguments.states)
    measure_study()
    measure_faithfulness(arguments.frames)


if __name__ == "__main__":
    main()
