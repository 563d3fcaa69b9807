"""Trained agents: their networks, how they are opened and saved, and how any torch module becomes one."""

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.checkpoints import bundled_agents, load_agent, save_agent
from rlvision_widgets.agents.editing import edit_changes, edited_agent
from rlvision_widgets.agents.exporting import export_weights
from rlvision_widgets.agents.index import published_agents
from rlvision_widgets.agents.layered import NetworkOutput
from rlvision_widgets.agents.networks import ClearNetwork, ImpalaNetwork, NatureNetwork
from rlvision_widgets.agents.weights import load_state
from rlvision_widgets.agents.wrapping import wrap_agent

__all__ = [
    "Agent",
    "ClearNetwork",
    "ImpalaNetwork",
    "NatureNetwork",
    "NetworkOutput",
    "bundled_agents",
    "edit_changes",
    "edited_agent",
    "export_weights",
    "load_agent",
    "load_state",
    "published_agents",
    "save_agent",
    "wrap_agent",
]
