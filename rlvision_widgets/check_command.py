"""``rlvision check``: whether an agent is what it should be."""

import argparse
from collections.abc import Callable

from rlvision_widgets.evaluate_command import environment_from

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser, positive: Callable[[str], int]) -> None:
    """Add the command's arguments to a parser."""
    parser.add_argument("agent", help="a bundled agent's name, one of the published index (openai:…), or a file")
    parser.add_argument(
        "--levels", type=positive, default=64, metavar="N", help="levels that it plays, and others beside (default 64)"
    )
    parser.add_argument("--seed", type=int, default=0, help="draws the levels and the action noise (default 0)")
    parser.add_argument("--no-play", action="store_true", help="look at outputs and layers only, which takes a moment")
    parser.add_argument(
        "--environment",
        metavar="OPTIONS",
        help='change options of the agent\'s world, as JSON: \'{"distribution_mode": "hard"}\'',
    )


def run(options: argparse.Namespace) -> int:
    """Check, print the table, and return 1 where something is wrong."""
    from rlvision_widgets.agents import load_agent
    from rlvision_widgets.analysis.checking import check_agent

    found = check_agent(
        load_agent(options.agent),
        levels=options.levels,
        seed=options.seed,
        play=not options.no_play,
        environment=environment_from(options.environment) or None,
    )
    print(found)
    return 0 if found.ok else 1
