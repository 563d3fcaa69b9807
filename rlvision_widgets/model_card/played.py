"""How an agent plays, for its card: which levels it is asked, what came of them, and the command that asks again."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlvision_widgets.agents import Agent
from rlvision_widgets.analysis.conditions import ORIGINAL
from rlvision_widgets.analysis.evaluation import evaluate
from rlvision_widgets.analysis.players import RandomPlayer
from rlvision_widgets.evaluate_summary import rates

__all__ = ["Question", "ask", "best_known", "questions"]

OTHER_MODE = {"easy": "hard", "hard": "easy"}


@dataclass(frozen=True)
class Question:
    """Levels that are played, and by whom.

    Attributes
    ----------
    key : str
        Names the file of its outcomes.
    what : str
        In words.
    levels : int or range
        How many, drawn from all that there are; or their seeds.
    seed : int
        Draws levels and luck.
    environment : mapping
        Options that differ from the agent's own world.
    world : mapping
        Edits of the world by the name of the condition, as JSON data.
    random : bool
        Whether buttons are pressed at random, by nobody.
    precision : str
        "float32" or "bfloat16".
    """

    key: str
    what: str
    levels: int | range
    seed: int
    environment: Mapping[str, Any] = field(default_factory=dict)
    world: Mapping[str, Any] = field(default_factory=dict)
    random: bool = False
    precision: str = "float32"

    def command(self, agent: str) -> str:
        """Return what asks it from a shell, of an agent by its name or path."""
        words = ["rlvision", "evaluate", agent]
        if isinstance(self.levels, range):
            words += ["--level-seeds", f"{self.levels.start}:{self.levels.stop}"]
        else:
            words += ["--levels", str(self.levels)]
        words += ["--seed", str(self.seed)]
        if self.environment:
            words += ["--environment", json.dumps(dict(self.environment))]
        for name, edits in self.world.items():
            words += ["--world", f"{name}={json.dumps(edits)}"]
        words += ["--random"] if self.random else []
        words += ["--precision", self.precision] if self.precision != "float32" else []
        return shlex.join(words)


def questions(
    agent: Agent,
    *,
    levels: int,
    seed: int,
    precision: str,
    world: Mapping[str, Any],
    other_levels: int,
    random_levels: int,
) -> list[Question]:
    """Return what a card asks: unseen levels, those it was trained on if they are few, another mode, nobody at all.

    Parameters
    ----------
    agent : Agent
        Its `environment` says where it was trained.
    levels : int
        Unseen ones, and the most training levels.
    seed : int
        Draws levels and luck; training draws its own.
    precision : str
        Of the network.
    world : mapping
        Edited worlds by name, which the unseen levels are played in as well.
    other_levels, random_levels : int
        Of the other distribution mode, and with random buttons; 0 for none.

    Notes
    -----
    Unseen levels are drawn from all 2^31 - 1. Of 10,000 of them less than one is expected to be among 100,000 training
    levels.
    """
    own = agent.environment
    mode, number, first = own.get("distribution_mode", ""), own.get("num_levels", 0), own.get("start_level", 0)
    asked = [Question("unseen", "unseen levels", levels, seed, world=world, precision=precision)]
    if number:
        training = range(first, first + min(number, levels))
        whole = "its" if len(training) == number else f"{len(training):,} of its"
        asked.append(Question("training", f"{whole} {number:,} training levels", training, seed, precision=precision))
    if other_levels and mode in OTHER_MODE:
        other = OTHER_MODE[mode]
        changed = {"distribution_mode": other}
        asked.append(Question(other, f"unseen {other} levels", other_levels, seed, changed, precision=precision))
    if random_levels:
        asked.append(Question("random", "unseen levels, random buttons", random_levels, seed, random=True))
    return asked


def ask(question: Question, agent: Agent, folder: Path, *, called: str, progress: bool) -> list[dict[str, Any]]:
    """Play a question's levels, or go on with them; return an entry of the card for each condition.

    Parameters
    ----------
    question : Question
    agent : Agent
    folder : Path
        Keeps the outcomes, a file for each question that is asked of these weights.
    called : str
        What the agent is called in the command.
    progress : bool
        Show a progress bar.
    """
    there = {**agent.environment, **question.environment}
    result = evaluate(
        RandomPlayer(agent.action_names) if question.random else agent,
        question.levels,
        question.seed,
        world=question.world,
        environment=there,
        precision=question.precision,
        path=folder / f"{agent.checkpoint[:8]}-{question.key}-{question.seed}-{question.precision}.jsonl",
        progress=progress,
    )
    described = {"seed": question.seed, "precision": question.precision, "levels": result.sizes["level"]}
    return [
        {
            "what": question.what + (f", {name}" if name != ORIGINAL else ""),
            **({} if question.random else {"checkpoint": agent.checkpoint}),
            **described,
            **told,
            "environment": dict(question.environment),
            "command": question.command(called),
        }
        for name, told in rates(result).items()
    ]


def best_known(entries: Sequence[Mapping[str, Any]], checkpoint: str) -> list[Mapping[str, Any]]:
    """Return those of a card's evaluations that are of these weights, or of nobody."""
    return [entry for entry in entries if entry.get("checkpoint", checkpoint) == checkpoint]
