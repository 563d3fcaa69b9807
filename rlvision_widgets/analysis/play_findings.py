"""What a check finds out by playing: the same levels sampled, greedily, blindly and at random.

Random play is a low floor: where most of a level is running to the right, an agent that sees nothing, and so always
presses its favourite buttons, is far above it. The blind player presses as the agent does on average, whatever it sees.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from rlvision_widgets.agents import Agent
from rlvision_widgets.analysis.check_report import Finding, percent
from rlvision_widgets.analysis.evaluation import Progress, measure_levels
from rlvision_widgets.analysis.levels import LevelEnvironment
from rlvision_widgets.analysis.outcome_table import mean_interval
from rlvision_widgets.analysis.paired import wilson_interval
from rlvision_widgets.analysis.players import GreedyPlayer, HurriedPlayer, RandomPlayer, TooLong
from rlvision_widgets.analysis.playing import Act
from rlvision_widgets.analysis.progress import Report
from rlvision_widgets.analysis.short_look import ShortLook

__all__ = ["COLUMNS", "Trial", "play_levels"]

PATIENCE = {"greedy": 8, "blind": 20, "random": 20}  # times as long as the agent's own play; all but greed is cheap
LEAST = 20_000  # frames that anyone gets
ENOUGH = 32  # levels that show the difference between an agent and chance
COLUMNS = ["player", "level_seed", "success", "return", "length"]
FLOORS = {"random": "random", "blind": "its own mix of buttons pressed blindly"}
SUSPECTS = "probably wrong scaling, channel order or environment options."


@dataclass(frozen=True, eq=False)
class Trial:
    """The same levels, played by an agent and by others; the agent itself is the first of them.

    Attributes
    ----------
    levels : DataFrame
        See `AgentCheck`.
    score : str
        The column that tells: success, or return where nothing is completed.
    endless : tuple of str
        Players that were given up, since they took many times as long as the agent.
    deaf : bool
        The agent's policy hardly changed with the frame.
    """

    levels: pd.DataFrame
    score: str
    endless: tuple[str, ...] = ()
    deaf: bool = False

    @property
    def players(self) -> list[str]:
        """Who played, the agent first."""
        return list(self.levels["player"].unique())

    @property
    def verdict(self) -> str:
        """Say whether the agent is above chance; "open" on too few levels.

        No better than blind is "look": there are games in which one button is right. Not so with a policy that is deaf.
        """
        agent = self.players[0]
        floors = [floor for floor in FLOORS if floor in self.players]
        floor = next((floor for floor in floors if not self.above(agent, floor)), None)
        if floor is None:
            return "ok" if floors else "open"
        if len(self._of(agent)) < ENOUGH and self._mean(agent) >= self._mean(floor):
            return "open"
        return "wrong" if floor == "random" or self.deaf else "look"

    def findings(self) -> list[Finding]:
        """Return a row for each player."""
        verdicts = [self.verdict, *["ok"] * (len(self.players) - 1)]
        told = zip(self.players, verdicts, strict=True)
        played = [Finding(f"play, {player}", self._told(player), verdict) for player, verdict in told]
        given_up = "given up: its episodes take many times as long as the agent's, or never end"
        return [*played, *(Finding(f"play, {player}", given_up, "open") for player in self.endless)]

    def conclusions(self) -> list[str]:
        """Return what follows, in sentences."""
        agent, *others = self.players
        by_success = self.score == "success"
        at, levels = ("at ", "levels") if by_success else ("", "episodes")
        said = [f"{FLOORS[other]} {at}{self._short(other)}" for other in reversed(others) if other in FLOORS]
        compared = ", ".join([f"This agent {'plays' if by_success else 'earns'} {at}{self._short(agent)}", *said])
        compared += f", on the same {len(self._of(agent))} {levels}"
        ends = {
            "open": ": too few to tell whether that is luck; play 64." if said else ", and nobody else came to an end.",
            "wrong": f": {SUSPECTS}",
            "look": f": what it sees makes no difference to how well it plays. In most games that is {SUSPECTS}",
            "ok": ". That many levels tell working from broken, and nothing finer.",
        }
        return [compared + ends[self.verdict], *self._of_greed()]

    def above(self, one: str, other: str) -> bool:
        """Whether one player does better than another on the same levels, beyond chance (95 %)."""
        score = self.levels.pivot(index="level_seed", columns="player", values=self.score).astype(float)
        low, _ = mean_interval((score[one] - score[other]).to_numpy())
        return low > 0

    def _of_greed(self) -> list[str]:
        if not {"sampled", "greedy"} <= set(self.players) or self.verdict in ("wrong", "open"):
            return []
        if self.above("sampled", "greedy"):
            return ["Greedy, it plays worse: sample its actions, which is the default everywhere here."]
        if not self.above("greedy", "sampled"):
            return []
        return [
            "Greedy, it plays better: perhaps its outputs are no logits (action values of a DQN, say), and the sampled "
            "policy is not the trained one."
        ]

    def _of(self, player: str) -> pd.DataFrame:
        return self.levels.query("player == @player")

    def _mean(self, player: str) -> float:
        return float(self._of(player)[self.score].mean())

    def _short(self, player: str) -> str:
        return percent(self._mean(player)) if self.score == "success" else f"{self._mean(player):.3g}"

    def _told(self, player: str) -> str:
        played = self._of(player)
        steps = f"{played['length'].mean():.0f} steps an episode"
        if self.score == "success":
            low, high = (percent(end) for end in wilson_interval(int(played["success"].sum()), len(played)))
            return f"{self._short(player)} of {len(played)} levels completed (95 % interval {low} to {high}); {steps}"
        low, high = (f"{end:.3g}" for end in mean_interval(played["return"].to_numpy()))
        return f"return {self._short(player)} an episode (95 % interval {low} to {high}); {steps}"


def play_levels(
    agent: Agent,
    look: ShortLook,
    levels: int,
    seed: int,
    *,
    environment: LevelEnvironment | Mapping[str, Any],
    report: Report,
) -> Trial:
    """Let an agent, its greedy twin, a blind player and a random one play the same levels.

    An agent of action values, whose largest it takes, is its own greedy twin. The blind player has the agent's mix of
    buttons from a short look at it. Whoever takes many times as long as the agent is given up.
    """

    def played(name: str, player: Act) -> pd.DataFrame:
        def tell(state: Progress) -> None:
            report(f"levels, {name}", state.done, state.total)

        result = measure_levels(player, levels, seed, environment=environment, causes=False, tell=tell)
        columns = {column: result[column].values.ravel() for column in COLUMNS[1:]}  # of one condition
        return pd.DataFrame({"player": name, **columns})

    own, names = "greedy" if look.action_values else "sampled", agent.action_names
    others: dict[str, Act] = {} if look.action_values else {"greedy": GreedyPlayer(agent)}
    others |= {"blind": RandomPlayer(names, look.policy.mean(axis=0)[: len(names)]), "random": RandomPlayer(names)}
    tables, endless = [played(own, GreedyPlayer(agent) if look.action_values else agent)], []
    frames = int(tables[0]["length"].sum())
    for name, player in others.items():
        try:
            tables.append(played(name, HurriedPlayer(player, max(LEAST, PATIENCE[name] * frames))))
        except TooLong:
            endless.append(name)
    table = pd.concat(tables, ignore_index=True)
    by_return = table["return"].any() and not table["success"].any()
    return Trial(table, "return" if by_return else "success", tuple(endless), look.deaf)
