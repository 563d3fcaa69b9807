"""``rlvision card``: measure an agent and write its card, from a shell."""

import argparse
from collections.abc import Callable
from pathlib import Path

from rlvision_widgets.edit_data import read_edits
from rlvision_widgets.evaluate_command import PRECISIONS, named

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser, positive: Callable[[str], int]) -> None:
    """Add the command's arguments to a parser."""
    parser.add_argument("agent", help="a bundled agent's name, or a file such as runs/coinrun/agent.safetensors")
    parser.add_argument("--folder", type=Path, help="where the files go (default: beside the agent's file)")
    parser.add_argument("--name", help="of the agent and of its files (default: the file's)")
    parser.add_argument("--levels", type=positive, default=10_000, metavar="N", help="unseen levels (default 10000)")
    parser.add_argument("--seed", type=int, default=2026, help="draws levels and luck (default 2026)")
    parser.add_argument(
        "--precision", choices=PRECISIONS, default="float32", help="bfloat16 is faster (default float32)"
    )
    parser.add_argument(
        "--world",
        action="append",
        default=[],
        metavar="NAME=EDITS",
        help="play the unseen levels in worlds with these edits too: a .json file, or JSON",
    )
    parser.add_argument(
        "--other-levels",
        type=int,
        default=2048,
        metavar="N",
        help="levels of the other mode, easy or hard (default 2048)",
    )
    parser.add_argument(
        "--random-levels", type=int, default=2048, metavar="N", help="levels with random buttons (default 2048)"
    )
    parser.add_argument("--layer", help="whose features are drawn (default: the middle one)")
    parser.add_argument(
        "--features", action=argparse.BooleanOptionalAction, default=True, help="draw features (default yes)"
    )
    parser.add_argument("--yardstick", metavar="FILE", help="another agent's picture of features, named in the page")
    parser.add_argument(
        "--kept", type=Path, metavar="FOLDER", help="outcomes and study, to go on from (default runs/card-NAME)"
    )


def run(options: argparse.Namespace) -> int:
    """Write the card."""
    from rlvision_widgets.model_card.writing import write_model_card

    world = {name: read_edits(text) for name, text in named("--world", options.world).items()}
    asked = {key: value for key, value in vars(options).items() if key not in ("command", "run", "traceback", "world")}
    page = write_model_card(**asked, world=world)
    print(page.read_text(encoding="utf-8").split("---\n", 2)[-1].split("\n## ")[0].strip())
    print(f"\nWritten: {page}, and what it shows beside it.")
    return 0
