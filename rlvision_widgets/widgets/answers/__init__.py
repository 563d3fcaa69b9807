"""The requests that views make, a module for each kind. Importing this package registers them all."""

from rlvision_widgets.widgets.answers import (
    attribution,
    branches,
    bundles,
    comparing,
    computing,
    editing,
    endings,
    examples,
    features,
    masks,
    names,
    rollout,
    stories,
    tracing,
    world,
)

__all__ = [
    "attribution",
    "branches",
    "bundles",
    "comparing",
    "computing",
    "editing",
    "endings",
    "examples",
    "features",
    "masks",
    "names",
    "rollout",
    "stories",
    "tracing",
    "world",
]
