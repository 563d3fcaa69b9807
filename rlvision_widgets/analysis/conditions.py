"""What is compared in an evaluation: the agent as it is, edited copies of it, and edited worlds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rlvision_widgets.analysis.cause_table import ORIGINAL
from rlvision_widgets.analysis.playing import Act
from rlvision_widgets.environments.edits import Edit, edits_from, edits_to_json

__all__ = ["ORIGINAL", "Condition", "conditions_of"]


@dataclass(frozen=True, eq=False)
class Condition:
    """One thing that is measured.

    Attributes
    ----------
    name : str
    act : callable
        Who plays: the agent, or an edited copy.
    edits : list of dict or None
        The network's, where it is them that make the condition.
    world_edits : tuple of Edit or None
        Made in every level that opens, where it is them.
    """

    name: str
    act: Act
    edits: list[dict[str, Any]] | None = None
    world_edits: tuple[Edit, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return its edits for JSON."""
        return {"edits": self.edits or [], "world_edits": json.loads(edits_to_json(self.world_edits or ()))}


def conditions_of(
    agent: Act, edits: Mapping[str, Any] | None = None, world: Mapping[str, Any] | None = None
) -> list[Condition]:
    """Return the conditions of an evaluation, the original first, then edited agents, then edited worlds.

    Raises
    ------
    TypeError, ValueError
        When what is given are no edits by their names, or two conditions have the same name.
    """
    network = {name: _edited(agent, name, given) for name, given in _named("edits", edits).items()}
    worlds = {
        name: Condition(name, agent, world_edits=_world(name, given)) for name, given in _named("world", world).items()
    }
    if twice := network.keys() & worlds.keys():
        raise ValueError(
            f"{', '.join(map(repr, twice))}: a name of edits of the agent and of the world; give each its own"
        )
    return [Condition(ORIGINAL, agent), *network.values(), *worlds.values()]


def _named(what: str, given: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise TypeError(
            f"{what} must be a dict of lists by name, such as {{'saw-blind': [edit, ...]}}; {given!r} came."
        )
    for name in given:
        if not isinstance(name, str) or not name.strip() or not name.isprintable() or name == ORIGINAL:
            raise ValueError(
                f"{what}: a condition's name is a line of text other than {ORIGINAL!r}, and {name!r} came."
            )
    return given


def _edited(agent: Act, name: str, given: Any) -> Condition:
    from rlvision_widgets.agents import Agent
    from rlvision_widgets.agents.editing import edited_agent
    from rlvision_widgets.agents.edits import network_edits_from, network_edits_to_json

    if not isinstance(agent, Agent):
        raise TypeError(f"edits are made in an Agent's network; {agent!r} is none. wrap_agent makes one of any module.")
    try:
        edits = network_edits_from(given)
        return Condition(name, edited_agent(agent, edits), json.loads(network_edits_to_json(edits)))
    except (TypeError, ValueError) as error:
        raise type(error)(f"edits[{name!r}]: {error}") from error


def _world(name: str, given: Any) -> tuple[Edit, ...]:
    try:
        return edits_from(given)
    except (TypeError, ValueError) as error:
        raise type(error)(f"world[{name!r}]: {error}") from error
