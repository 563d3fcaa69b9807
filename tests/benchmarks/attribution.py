"""How fast and how exact attribution is, side by side with captum. Run by hand:

    python tests/benchmarks/attribution.py [--frames 512] [--repeats 3] [--threads 1] [--layers 2b] [--agent PATH]

Frames come from sampled play of the agent (hard CoinRun), or are random blocks of colour with ``--random``. Repeats of
the methods are interleaved, so that other work on the machine hits all of them alike; the table has medians of
processor time, which other work changes least.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from captum.attr import IntegratedGradients, LayerIntegratedGradients

from rlvision_widgets.agents import load_agent
from rlvision_widgets.analysis.attribution import attribute, attribute_batches
from rlvision_widgets.analysis.integration import Quadrature, integrated_gradients

PUBLISHED = Path(__file__).parents[2] / ".." / "shared" / "data" / "published_coinrun.jd"


def played_frames(agent, num_frames, seed=0):
    """Frames of sampled play, eight steps apart, from all trajectories in turn."""
    from rlvision_widgets.environments import make_environment

    rng = np.random.default_rng(seed)
    kept = []
    options = {"distribution_mode": "hard"}
    with make_environment("coinrun", num_trajectories=64, seed=seed, **options) as environment:
        shown = environment.observe().observation
        for step in range(8 * -(-num_frames // 64)):
            if step % 8 == 7:
                kept.append(shown)
            logits, _ = agent(shown)
            shown = environment.step((logits + rng.gumbel(size=logits.shape)).argmax(1)).observation
    return np.concatenate(kept)[:num_frames]


def random_frames(num_frames, seed=0):
    blocks = np.random.default_rng(seed).integers(0, 256, (num_frames, 8, 8, 3), dtype=np.uint8)
    return blocks.repeat(8, 1).repeat(8, 2)


def captum_layer(agent, layer, frames, batch, **options):
    """captum's own: along the line of activations between a black frame and the frame, through the whole network."""
    module = agent.network.trunk.get_submodule(layer)
    method = LayerIntegratedGradients(lambda x: agent.network(x).value, module)
    for start in range(0, len(frames), batch):
        x = agent.inputs(frames[start : start + batch])
        method.attribute(x, n_steps=10, method="riemann_right", **options)


def captum_head(agent, layer, frames, batch, **options):
    """captum on the head alone, from zero activations: the same numbers as ours."""
    head = agent.head(layer)
    method = IntegratedGradients(lambda a: head(a).value)
    for start in range(0, len(frames), batch):
        activations = agent.activations(layer, frames[start : start + batch])
        method.attribute(activations, n_steps=10, method="riemann_right", **options)


def methods(agent, layer, frames) -> dict[str, Callable[[], object]]:
    article = {"layer": layer, "rule": "right", "num_points": 10}
    small = {"internal_batch_size": 64}
    return {
        "rlvision_widgets, 10 points (right)": lambda: attribute(agent, frames, **article),
        "captum LayerIntegratedGradients, defaults": lambda: captum_layer(agent, layer, frames, len(frames)),
        "captum LayerIntegratedGradients, batches of 64": lambda: captum_layer(agent, layer, frames, 64, **small),
        "captum IntegratedGradients on the head, defaults": lambda: captum_head(agent, layer, frames, len(frames)),
        "captum IntegratedGradients on the head, batches of 64": lambda: captum_head(agent, layer, frames, 64, **small),
        "rlvision_widgets, default (adaptive)": lambda: attribute(agent, frames, layer=layer),
    }


def compare(agent, layer, frames, repeats):
    """Print time of each method and its ratio to ours, medians of interleaved repeats."""
    runs = methods(agent, layer, frames)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            start = time.process_time()
            run()
            seconds[name].append(time.process_time() - start)
    ours = seconds[next(iter(runs))]
    print(f"\n### {layer}, {len(frames)} frames, value, median of {repeats} (threads: {torch.get_num_threads()})\n")
    print("| method | processor s | ms a frame | time of ours |\n|---|---|---|---|")
    for name, taken in seconds.items():
        ratio = statistics.median(other / own for other, own in zip(taken, ours, strict=True))
        median = statistics.median(taken)
        print(f"| {name} | {median:.2f} | {1000 * median / len(frames):.2f} | {ratio:.2f} x |")


def quadrature(agent, layer, frames):
    """Print the error of each rule: pooled = sum of |completeness error| / sum of |F(a) - F(0)|."""
    activations, head = agent.activations(layer, frames), agent.head(layer)

    def score(points, _):
        return head(points).value

    def found(**options):
        return integrated_gradients(score, activations, Quadrature(**options))

    change = score(activations, None) - score(torch.zeros_like(activations), None)
    reference = found(tolerance=1e-9, max_points=1024)
    rows = [("right", n, found(rule="right", num_points=n)) for n in (10, 20, 32, 64, 128)]
    rows += [("middle", n, found(num_points=n)) for n in (10, 20, 32, 64, 128)]
    rows += [("dense below .3", n, found(tolerance=1e-9, max_points=n)) for n in (16, 32, 64, 128, 256)]
    rows += [(f"adaptive, tolerance {t}", "as needed", found(tolerance=t)) for t in (0.3, 0.1, 0.03)]
    print(f"\n### {layer}, {len(frames)} frames: error of the integral; mean |V - F(0)| = {change.abs().mean():.3f}\n")
    print("| rule | points | pooled | mean error in V | 95th percentile | cosine to 1,024 points | mean points |")
    print("|---|---|---|---|---|---|---|")
    for name, points, result in rows:
        error = result.completeness_error.abs()
        cosine = torch.nn.functional.cosine_similarity(result.attribution.flatten(1), reference.attribution.flatten(1))
        print(
            f"| {name} | {points} | {error.sum() / change.abs().sum():.3f} | {error.mean():.3f} "
            f"| {error.quantile(0.95):.3f} | {cosine.mean():.4f} | {result.num_points.double().mean():.1f} |"
        )


def adaptive(agent, layer, frames):
    """Print what the default costs in a stream, and the most memory that the process has used."""
    start = time.process_time()
    parts = [(b.completeness_error.values, b.num_points.values) for b in attribute_batches(agent, frames, layer=layer)]
    seconds = time.process_time() - start
    error, points = (np.concatenate(part) for part in zip(*parts, strict=True))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"| {layer} | {1000 * seconds / len(frames):.1f} | {4096 * seconds / len(frames):.0f} | {points.mean():.1f} "
        f"| {np.abs(error).mean():.3f} | {100 * (np.abs(error) > 0.1).mean():.1f} % | {memory:.0f} |",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agent", default=str(PUBLISHED))
    parser.add_argument("--frames", type=int, default=512)
    parser.add_argument("--layers", nargs="+", default=["2b"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--random", action="store_true", help="random blocks instead of play")
    parser.add_argument("--only", choices=["speed", "quadrature", "adaptive"])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    agent = load_agent(options.agent)
    frames = random_frames(options.frames) if options.random else played_frames(agent, options.frames)
    if options.only in (None, "speed"):
        for layer in options.layers:
            compare(agent, layer, frames, options.repeats)
    if options.only in (None, "quadrature"):
        for layer in options.layers:
            quadrature(agent, layer, frames[:: max(1, len(frames) // 64)][:64])
    if options.only in (None, "adaptive"):
        print("\n### The default, streamed\n")
        print("Processor time; the most memory is that of the whole process up to then.\n")
        print("| layer | ms a frame | s for 4,096 frames | points | mean error | above tolerance | most memory, MB |")
        print("|---|---|---|---|---|---|---|")
        for layer in options.layers:
            adaptive(agent, layer, frames)


if __name__ == "__main__":
    main()
