"""Whether an agent is what it should be: its outputs, its layers, and whether it plays better than chance.

The commonest mistake with outside weights is silent: observations scaled or ordered otherwise than in training give
an agent that plays like random, and whose pictures still look plausible.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pandas as pd

from rlvision_widgets.agents import Agent
from rlvision_widgets.agents.probing import probe_frames
from rlvision_widgets.analysis.check_report import AgentCheck, Finding
from rlvision_widgets.analysis.levels import LevelEnvironment
from rlvision_widgets.analysis.network_findings import (
    action_findings,
    button_finding,
    layer_finding,
    layer_table,
    network_findings,
)
from rlvision_widgets.analysis.no_effect import actions_without_effect
from rlvision_widgets.analysis.play_findings import COLUMNS, play_levels
from rlvision_widgets.analysis.players import gives_action_values
from rlvision_widgets.analysis.playing import make_world
from rlvision_widgets.analysis.progress import bars
from rlvision_widgets.analysis.short_look import ShortLook, look_at_play
from rlvision_widgets.environments.options import check_count
from rlvision_widgets.names import environment_options, strict_keywords

__all__ = ["AgentCheck", "check_agent"]

WORLDS = 16


@strict_keywords
def check_agent(
    agent: Agent,
    *,
    levels: int = 64,
    seed: int = 0,
    play: bool = True,
    environment: LevelEnvironment | Mapping[str, Any] | str | None = None,
    progress: bool = True,
) -> AgentCheck:
    """Check an agent: that its outputs depend on what it sees, that its layers can be read, that it plays.

    Parameters
    ----------
    agent : Agent
    levels : int
        How many it plays; so do a greedy twin, a blind one that presses as the agent does on average, and a random
        player. 64 tell working from broken: the error is about six points.
    seed : int
        Draws the levels and the action noise.
    play : bool
        False looks at made-up frames only, which takes a moment.
    environment : mapping, str or Environment, optional
        As for `evaluate`: by default the agent's own.
    progress : bool
        Show progress bars.

    Returns
    -------
    AgentCheck
        A notebook shows it as a table; `ok` is False where something is wrong.

    Raises
    ------
    TypeError, ValueError
        When it is no Agent; when levels or seed are none; when the environment does not exist, or has fewer actions
        than the agent or frames of another size.

    Examples
    --------
    >>> rlv.check_agent(rlv.load_agent("coinrun"))
    """
    if not isinstance(agent, Agent):
        kind = f"{type(agent).__module__}.{type(agent).__qualname__}"  # other libraries too have a class Agent
        raise TypeError(f"check_agent takes an rlv.Agent, and a {kind} came; rlv.wrap_agent(module) makes one.")
    check_count("levels", levels, 2)
    check_count("seed", seed, 0)
    played = pd.DataFrame(columns=COLUMNS)
    world = _world_of(agent, environment) if play else None
    if world is None:
        look = _made_up(agent)
        plays = [Finding("play", "not asked for" if not play else "where it was trained is not known", "open")]
        said = ["Whether it plays was not looked at" + ("." if not play else ": pass environment={'name': …}.")]
    else:
        with _opened(agent, world, seed) as worlds:
            look = look_at_play(agent, worlds, seed)
            plays = [button_finding(agent, worlds.action_names)]
            plays += action_findings(agent, look, actions_without_effect(worlds, look.states))
        with bars(progress) as report:
            trial = play_levels(agent, look, levels, seed, environment=world, report=report)
        plays += trial.findings()
        played, said = trial.levels, trial.conclusions()
    layers = layer_table(agent, look.observation)
    findings = [*network_findings(agent, look), layer_finding(agent, layers), *plays]
    return AgentCheck(agent.name, pd.DataFrame(findings), layers, played, (*_warnings(findings), *said))


def _world_of(
    agent: Agent, environment: LevelEnvironment | Mapping[str, Any] | str | None
) -> LevelEnvironment | dict[str, Any] | None:
    """Return an open batch of worlds as it is, the whole description of those to be made, or None."""
    if environment is not None and not isinstance(environment, str | Mapping):
        return environment
    given = environment_options(environment)
    whole = given if "name" in given else {**agent.environment, **given}
    return whole if "name" in whole else None


@contextmanager
def _opened(agent: Agent, world: LevelEnvironment | dict[str, Any], seed: int) -> Iterator[Any]:
    if not isinstance(world, dict):
        yield world
        return
    with make_world(agent, world, num_trajectories=WORLDS, seed=seed) as worlds:
        yield worlds


def _made_up(agent: Agent) -> ShortLook:
    frames = probe_frames(agent.observation_shape)
    logits, value = agent(frames)[:2]
    return ShortLook(frames, logits, value, action_values=gives_action_values(agent))


def _warnings(findings: list[Finding]) -> list[str]:
    """Return a sentence for what is wrong or unusual about the network; of play `conclusions` speaks."""
    words = {"wrong": "Wrong", "look": "Unusual"}
    return [
        f"{words[finding.verdict]}: {finding.check}: {finding.found}{'' if finding.found.endswith('?') else '.'}"
        for finding in findings
        if finding.verdict in words and not finding.check.startswith("play")
    ]
