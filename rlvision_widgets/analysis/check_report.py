"""What a check of an agent found, as a short table and a few sentences."""

import html
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pandas as pd

__all__ = ["AgentCheck", "Finding", "percent"]

WIDTH = 100  # characters of the table in a terminal


class Finding(NamedTuple):
    """One row: what was looked at, what was found, and what to think of it."""

    check: str
    found: str
    verdict: str
    """``"ok"``, ``"look"``: unusual, ``"wrong"``, or ``"open"``: not looked at."""


@dataclass(frozen=True, eq=False)
class AgentCheck:
    """The result of `rlv.check_agent`; a notebook and a terminal show it as a table.

    Attributes
    ----------
    agent : str
        Its name.
    table : DataFrame
        check, found and verdict: "ok", "look" (unusual: look at it), "wrong", or "open" (not looked at).
    layers : DataFrame
        By layer: channel, y and x of its activations; law_error, the largest error of the outputs computed again from
        the layer, as a share of the largest output; gradient, whether the outputs' gradient reaches it.
    levels : DataFrame
        player, level_seed, success, return, length; empty without play. Players are "sampled", the agent itself;
        "greedy", which takes its likeliest action, and of Q-learning is the agent itself; "blind", which presses as the
        agent does on average, whatever it is shown; "random", which presses all alike. Who comes to no end is missing.
    sentences : tuple of str
        What to conclude.
    """

    agent: str
    table: pd.DataFrame
    layers: pd.DataFrame = field(repr=False)
    levels: pd.DataFrame = field(repr=False)
    sentences: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong. What was not looked at counts as right."""
        return not (self.table["verdict"] == "wrong").any()

    def __repr__(self) -> str:
        """Return the table as text, for a terminal."""
        rows = [Finding(*row) for row in self.table.itertuples(index=False)]
        left = max(len(row.check) for row in rows)
        lines = [line for row in rows for line in _wrapped(row, left)]
        return "\n".join([f"Check of agent {self.agent!r}", *lines, "", *self.sentences])

    def _repr_html_(self) -> str:
        style = "text-align:left;vertical-align:top"
        rows = "".join(
            "<tr>" + "".join(f'<td style="{style}">{html.escape(cell)}</td>' for cell in row) + "</tr>"
            for row in self.table.itertuples(index=False)
        )
        said = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in self.sentences)
        head = "".join(f'<th scope="col" style="{style}">{name}</th>' for name in self.table.columns)
        title = f"Check of agent “{html.escape(self.agent)}”"
        return f"<table><caption>{title}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{said}"


def percent(share: float) -> str:
    """Return a share in words, such as "31 %"; "0 %" is nothing at all."""
    return "under 1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"


def _wrapped(row: Finding, left: int) -> Sequence[str]:
    parts = textwrap.wrap(row.found, WIDTH - left - 10) or [""]
    first = f"  {row.check:<{left}}  {row.verdict:<5}  {parts[0]}"
    return [first, *(" " * (left + 11) + part for part in parts[1:])]
