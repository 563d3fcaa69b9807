"""What a check finds out by playing: the same levels with sampled actions, with the likeliest ones, and at random."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import xarray as xr

from rlvision_widgets.agents import Agent
from rlvision_widgets.analysis.check_report import Finding, percent
from rlvision_widgets.analysis.evaluation import Progress, measure_levels
from rlvision_widgets.analysis.levels import LevelEnvironment
from rlvision_widgets.analysis.outcome_table import mean_interval
from rlvision_widgets.analysis.paired import wilson_interval
from rlvision_widgets.analysis.players import GreedyPlayer, RandomPlayer, gives_action_values
from rlvision_widgets.analysis.playing import Act
from rlvision_widgets.analysis.progress import Report

__all__ = ["COLUMNS", "conclusions", "play_findings", "play_levels"]

ENOUGH = 32  # levels that show the difference between an agent and chance
COLUMNS = ["player", "level_seed", "success", "return", "length"]


def play_levels(
    agent: Agent, levels: int, seed: int, environment: LevelEnvironment | Mapping[str, Any], report: Report
) -> tuple[pd.DataFrame, bool]:
    """Let the agent, its greedy twin and a random player play the same levels.

    Returns
    -------
    DataFrame
        See `AgentCheck`. An agent of action values, whose largest it takes, is "greedy" alone.
    bool
        Whether the world knows success; only returns are compared where it does not.
    """

    def played(name: str, player: Act) -> xr.Dataset:
        def tell(state: Progress) -> None:
            report(f"levels, {name}", state.done, state.total)

        return measure_levels(player, levels, seed, environment=environment, causes=False, tell=tell)

    players: dict[str, Act] = {"greedy": GreedyPlayer(agent), "random": RandomPlayer(agent.action_names)}
    if not gives_action_values(agent):
        players = {"sampled": agent, **players}
    results = {name: played(name, player) for name, player in players.items()}
    table = pd.concat([_table(name, result) for name, result in results.items()], ignore_index=True)
    knows = all(result.attrs.get("has_success", True) for result in results.values())
    return table, knows and bool(table["success"].any())


def _table(player: str, result: xr.Dataset) -> pd.DataFrame:
    played = result.isel(condition=0)
    return pd.DataFrame({"player": player, **{name: played[name].values for name in COLUMNS[1:]}})


def play_findings(levels: pd.DataFrame, has_success: bool) -> list[Finding]:
    """Return a row for each player; the agent's own says whether it is above the random one."""
    players = levels["player"].unique().tolist()
    verdicts = {players[0]: _verdict(levels, players[0], has_success)}
    return [
        Finding(f"play, {name}", _told(levels[levels["player"] == name], has_success), verdicts.get(name, "ok"))
        for name in players
    ]


def conclusions(levels: pd.DataFrame, has_success: bool) -> list[str]:
    """Return what follows from playing, in sentences."""
    agent, number = levels["player"].iloc[0], int((levels["player"] == "random").sum())
    means = levels.groupby("player")["success" if has_success else "return"].mean()
    if has_success:
        compared = f"This agent plays at {percent(means[agent])}, random at {percent(means['random'])}"
    else:
        compared = f"This agent earns {means[agent]:.3g} an episode, random play {means['random']:.3g}"
    compared += f", on the same {number} levels"
    verdict = _verdict(levels, agent, has_success)
    if verdict == "open":
        return [f"{compared}: too few to tell whether that is luck; play 64."]
    if verdict == "wrong":
        return [f"{compared}: probably wrong scaling, channel order or environment options."]
    sentences = [f"{compared}. That many levels tell working from broken, and nothing finer."]
    if agent == "greedy":
        return sentences
    if _above(levels, "sampled", "greedy", has_success):
        sentences.append("Greedy, it plays worse: sample its actions, which is the default everywhere here.")
    elif _above(levels, "greedy", "sampled", has_success):
        sentences.append(
            "Greedy, it plays better: perhaps its outputs are no logits (action values of a DQN, say), and the sampled "
            "policy is not the trained one."
        )
    return sentences


def _verdict(levels: pd.DataFrame, agent: str, has_success: bool) -> str:
    """Say whether the agent is above chance; "open" where few levels speak for it and do not prove it."""
    if _above(levels, agent, "random", has_success):
        return "ok"
    score = levels.groupby("player")["success" if has_success else "return"].mean()
    few = (levels["player"] == "random").sum() < ENOUGH
    return "open" if few and score[agent] > score["random"] else "wrong"


def _above(levels: pd.DataFrame, one: str, other: str, has_success: bool) -> bool:
    """Whether one player does better than another on the same levels, beyond chance (95 %)."""
    score = levels.pivot(index="level_seed", columns="player", values="success" if has_success else "return")
    difference = score[one].astype(float) - score[other].astype(float)
    low, _ = mean_interval(difference.to_numpy())
    return low > 0


def _told(played: pd.DataFrame, has_success: bool) -> str:
    steps = f"{played['length'].mean():.0f} steps an episode"
    if has_success:
        successes, number = int(played["success"].sum()), len(played)
        low, high = wilson_interval(successes, number)
        interval = f"95 % interval {percent(low)} to {percent(high)}"
        return f"{percent(successes / number)} of {number} levels completed ({interval}); {steps}"
    low, high = mean_interval(played["return"].to_numpy())
    return f"return {played['return'].mean():.3g} an episode (95 % interval {low:.3g} to {high:.3g}); {steps}"
