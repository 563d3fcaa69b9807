"""See what a trained vision agent sees, in a notebook.

The public names are loaded when first used, so that ``import rlvision_widgets`` needs neither torch nor procgen
nor scikit-learn, and a saved study opens on machines that have none of them.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from rlvision_widgets.names import unknown

if TYPE_CHECKING:  # for editors and type checkers
    from rlvision_widgets.agents import Agent as Agent
    from rlvision_widgets.agents import bundled_agents as bundled_agents
    from rlvision_widgets.agents import edit_changes as edit_changes
    from rlvision_widgets.agents import edited_agent as edited_agent
    from rlvision_widgets.agents import export_weights as export_weights
    from rlvision_widgets.agents import load_agent as load_agent
    from rlvision_widgets.agents import published_agents as published_agents
    from rlvision_widgets.agents import save_agent as save_agent
    from rlvision_widgets.agents import wrap_agent as wrap_agent
    from rlvision_widgets.agents.edits import Ablate as Ablate
    from rlvision_widgets.agents.edits import AblateChannels as AblateChannels
    from rlvision_widgets.agents.edits import EraseConcept as EraseConcept
    from rlvision_widgets.agents.edits import Steer as Steer
    from rlvision_widgets.agents.edits import describe_network_edit as describe_network_edit
    from rlvision_widgets.agents.edits import network_edits_from as network_edits_from
    from rlvision_widgets.agents.edits import network_edits_to_json as network_edits_to_json
    from rlvision_widgets.analysis.attribution import attribute as attribute
    from rlvision_widgets.analysis.branches import branch as branch
    from rlvision_widgets.analysis.branches import branch_names as branch_names
    from rlvision_widgets.analysis.branches import remove_branch as remove_branch
    from rlvision_widgets.analysis.branches import survival as survival
    from rlvision_widgets.analysis.checking import check_agent as check_agent
    from rlvision_widgets.analysis.concepts import difference_vector as difference_vector
    from rlvision_widgets.analysis.concepts import erase_concept as erase_concept
    from rlvision_widgets.analysis.edit_card import edit_card as edit_card
    from rlvision_widgets.analysis.edit_internals import edit_internals as edit_internals
    from rlvision_widgets.analysis.endings import add_endings as add_endings
    from rlvision_widgets.analysis.endings import endings as endings
    from rlvision_widgets.analysis.erasing import erase_object as erase_object
    from rlvision_widgets.analysis.evaluation import evaluate as evaluate
    from rlvision_widgets.analysis.examples import top_examples as top_examples
    from rlvision_widgets.analysis.features import fit_nmf as fit_nmf
    from rlvision_widgets.analysis.features import reduce_attribution as reduce_attribution
    from rlvision_widgets.analysis.grids import spatial_grid as spatial_grid
    from rlvision_widgets.analysis.kept_edits import keep_edits as keep_edits
    from rlvision_widgets.analysis.kept_edits import kept_edits as kept_edits
    from rlvision_widgets.analysis.kept_edits import remove_edits as remove_edits
    from rlvision_widgets.analysis.measuring import measure_edit as measure_edit
    from rlvision_widgets.analysis.moments import advantages as advantages
    from rlvision_widgets.analysis.moments import bookmarks as bookmarks
    from rlvision_widgets.analysis.object_effects import object_effects as object_effects
    from rlvision_widgets.analysis.outcome_table import read_outcomes as read_outcomes
    from rlvision_widgets.analysis.redundancy import hunt_redundancy as hunt_redundancy
    from rlvision_widgets.analysis.reentry import resume as resume
    from rlvision_widgets.analysis.remembering import remember as remember
    from rlvision_widgets.analysis.repair import search_repair as search_repair
    from rlvision_widgets.analysis.reprobe import reprobe as reprobe
    from rlvision_widgets.analysis.rollout import collect_observations as collect_observations
    from rlvision_widgets.analysis.rollout import collect_rollout as collect_rollout
    from rlvision_widgets.analysis.selectivity import object_selectivity as object_selectivity
    from rlvision_widgets.analysis.shares import attribution_shares as attribution_shares
    from rlvision_widgets.analysis.tracing import attribute_layer as attribute_layer
    from rlvision_widgets.analysis.world import add_world as add_world
    from rlvision_widgets.analysis.world import masks as masks
    from rlvision_widgets.analysis.world import objects as objects
    from rlvision_widgets.environments import make_environment as make_environment
    from rlvision_widgets.environments.edited import edited_environment as edited_environment
    from rlvision_widgets.environments.edits import Add as Add
    from rlvision_widgets.environments.edits import Background as Background
    from rlvision_widgets.environments.edits import Carve as Carve
    from rlvision_widgets.environments.edits import Decoy as Decoy
    from rlvision_widgets.environments.edits import Fill as Fill
    from rlvision_widgets.environments.edits import Ghost as Ghost
    from rlvision_widgets.environments.edits import Hide as Hide
    from rlvision_widgets.environments.edits import Move as Move
    from rlvision_widgets.environments.edits import Place as Place
    from rlvision_widgets.environments.edits import Remove as Remove
    from rlvision_widgets.environments.edits import Teleport as Teleport
    from rlvision_widgets.environments.edits import Theme as Theme
    from rlvision_widgets.environments.edits import VelocityBox as VelocityBox
    from rlvision_widgets.environments.edits import edits_from as edits_from
    from rlvision_widgets.environments.edits import edits_to_json as edits_to_json
    from rlvision_widgets.model_card.writing import write_model_card as write_model_card
    from rlvision_widgets.namefile import apply_names as apply_names
    from rlvision_widgets.namefile import feature_names as feature_names
    from rlvision_widgets.namefile import save_names as save_names
    from rlvision_widgets.naming import rename as rename
    from rlvision_widgets.notes import Note as Note
    from rlvision_widgets.schema import Selection as Selection
    from rlvision_widgets.snapshot import save_snapshot as save_snapshot
    from rlvision_widgets.snapshot import show_snapshot as show_snapshot
    from rlvision_widgets.storage import open_study as open_study
    from rlvision_widgets.storage import save_study as save_study
    from rlvision_widgets.stories import read_story as read_story
    from rlvision_widgets.stories import remove_story as remove_story
    from rlvision_widgets.stories import story_names as story_names
    from rlvision_widgets.stories import write_story as write_story
    from rlvision_widgets.study import build_study as build_study
    from rlvision_widgets.study import connect as connect
    from rlvision_widgets.study import refit as refit
    from rlvision_widgets.training.series import checkpoint_series as checkpoint_series
    from rlvision_widgets.widgets import Compare as Compare
    from rlvision_widgets.widgets import Counterfactual as Counterfactual
    from rlvision_widgets.widgets import EditCard as EditCard
    from rlvision_widgets.widgets import Editor as Editor
    from rlvision_widgets.widgets import Explorer as Explorer
    from rlvision_widgets.widgets import FeatureGrid as FeatureGrid
    from rlvision_widgets.widgets import Story as Story
    from rlvision_widgets.widgets.charts import plot_curves as plot_curves
    from rlvision_widgets.widgets.charts import plot_policy as plot_policy
    from rlvision_widgets.widgets.charts import plot_totals as plot_totals
    from rlvision_widgets.widgets.histogram import plot_histogram as plot_histogram

_HOME = {  # public name → module
    "Ablate": "agents.edits",
    "AblateChannels": "agents.edits",
    "Add": "environments.edits",
    "Agent": "agents",
    "Background": "environments.edits",
    "Carve": "environments.edits",
    "Compare": "widgets",
    "Counterfactual": "widgets",
    "Decoy": "environments.edits",
    "Editor": "widgets",
    "EraseConcept": "agents.edits",
    "EditCard": "widgets",
    "Explorer": "widgets",
    "FeatureGrid": "widgets",
    "Fill": "environments.edits",
    "Ghost": "environments.edits",
    "Hide": "environments.edits",
    "Move": "environments.edits",
    "Note": "notes",
    "Place": "environments.edits",
    "Remove": "environments.edits",
    "Selection": "schema",
    "Steer": "agents.edits",
    "Story": "widgets",
    "Teleport": "environments.edits",
    "Theme": "environments.edits",
    "VelocityBox": "environments.edits",
    "add_endings": "analysis.endings",
    "add_world": "analysis.world",
    "advantages": "analysis.moments",
    "apply_names": "namefile",
    "attribute": "analysis.attribution",
    "attribution_shares": "analysis.shares",
    "attribute_layer": "analysis.tracing",
    "bookmarks": "analysis.moments",
    "branch": "analysis.branches",
    "branch_names": "analysis.branches",
    "build_study": "study",
    "check_agent": "analysis.checking",
    "bundled_agents": "agents",
    "checkpoint_series": "training.series",
    "collect_observations": "analysis.rollout",
    "collect_rollout": "analysis.rollout",
    "remember": "analysis.remembering",
    "connect": "study",
    "edit_card": "analysis.edit_card",
    "describe_network_edit": "agents.edits",
    "difference_vector": "analysis.concepts",
    "edit_changes": "agents",
    "edited_agent": "agents",
    "edit_internals": "analysis.edit_internals",
    "edited_environment": "environments.edited",
    "edits_from": "environments.edits",
    "edits_to_json": "environments.edits",
    "endings": "analysis.endings",
    "erase_concept": "analysis.concepts",
    "erase_object": "analysis.erasing",
    "evaluate": "analysis.evaluation",
    "export_weights": "agents",
    "feature_names": "namefile",
    "fit_nmf": "analysis.features",
    "keep_edits": "analysis.kept_edits",
    "kept_edits": "analysis.kept_edits",
    "hunt_redundancy": "analysis.redundancy",
    "load_agent": "agents",
    "make_environment": "environments",
    "measure_edit": "analysis.measuring",
    "network_edits_from": "agents.edits",
    "network_edits_to_json": "agents.edits",
    "object_effects": "analysis.object_effects",
    "object_selectivity": "analysis.selectivity",
    "masks": "analysis.world",
    "objects": "analysis.world",
    "open_study": "storage",
    "read_outcomes": "analysis.outcome_table",
    "reduce_attribution": "analysis.features",
    "read_story": "stories",
    "refit": "study",
    "remove_edits": "analysis.kept_edits",
    "remove_branch": "analysis.branches",
    "remove_story": "stories",
    "plot_curves": "widgets.charts",
    "plot_histogram": "widgets.histogram",
    "plot_policy": "widgets.charts",
    "plot_totals": "widgets.charts",
    "published_agents": "agents",
    "rename": "naming",
    "reprobe": "analysis.reprobe",
    "resume": "analysis.reentry",
    "save_agent": "agents",
    "save_names": "namefile",
    "save_snapshot": "snapshot",
    "save_study": "storage",
    "search_repair": "analysis.repair",
    "show_snapshot": "snapshot",
    "spatial_grid": "analysis.grids",
    "story_names": "stories",
    "survival": "analysis.branches",
    "top_examples": "analysis.examples",
    "wrap_agent": "agents",
    "write_model_card": "model_card.writing",
    "write_story": "stories",
}
__all__ = sorted(_HOME)  # noqa: PLE0605 - the names stand once, above

try:
    __version__ = version("rlvision-widgets")
except PackageNotFoundError:  # run from a source tree that is not installed
    __version__ = "0+unknown"


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"rlvision_widgets: {unknown('name', name, __all__)}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
