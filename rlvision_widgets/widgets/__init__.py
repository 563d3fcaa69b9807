"""Views for notebooks. They get data and plain callables, and import neither torch nor procgen."""

from rlvision_widgets.widgets.card import EditCard
from rlvision_widgets.widgets.compare import Compare
from rlvision_widgets.widgets.counterfactual import Counterfactual
from rlvision_widgets.widgets.editor import Editor
from rlvision_widgets.widgets.explorer import Explorer
from rlvision_widgets.widgets.grid import FeatureGrid
from rlvision_widgets.widgets.story import Story

__all__ = ["Compare", "Counterfactual", "EditCard", "Editor", "Explorer", "FeatureGrid", "Story"]
