"""What features are called and how they are coloured, and how that is carried to features that were fitted anew.

A name belongs to a direction of a layer, not to a number: features that are fitted again come in another order. So
names go to the features whose directions are most alike, one to one. `namefile` keeps them outside of a study.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.changes import announce
from rlvision_widgets.names import strict_keywords, unknown
from rlvision_widgets.schema import LAYER, SchemaError, check

__all__ = [
    "LONGEST_NAME",
    "MIN_SIMILARITY",
    "Match",
    "Named",
    "carry_names",
    "checked_colour",
    "checked_name",
    "give_names",
    "layer_of",
    "layers_of",
    "match_directions",
    "named_features",
    "rename",
]

FloatArray = npt.NDArray[np.floating]

LONGEST_NAME = 60  # characters: two lines of the explorer's legend, and still readable in a tooltip
MIN_SIMILARITY = 0.8


@dataclass(frozen=True)
class Named:
    """A direction, what it is called and how it is coloured.

    Parameters
    ----------
    name : str or None
        None while nobody has named it.
    colour : str or None
        As #RRGGBB.
    direction : ndarray, (channel,)
        Of any length.
    """

    name: str | None
    colour: str | None
    direction: FloatArray


@dataclass(frozen=True)
class Match:
    """Which features of one set are those of another.

    Parameters
    ----------
    target : ndarray, (source feature,)
        The feature that each is matched with, or -1.
    similarity : ndarray, (source feature, target feature)
        All cosines; 0 for a direction of length 0.
    """

    target: npt.NDArray[np.intp]
    similarity: npt.NDArray[np.float64]


@strict_keywords
def rename(study: xr.DataTree, layer: str, feature: int, name: str | None, colour: str | None = None) -> None:
    """Name a feature, in the study and in all views of it.

    Parameters
    ----------
    study : DataTree
        Changed in memory; `save_study` keeps it.
    layer : str
        A layer that has features.
    feature : int
        Which one, from 0.
    name : str or None
        Blanks are collapsed, control characters left out; at most 60 characters. Empty: "feature k" again. None: as it
        is. Two features may have the same name, because two directions may see the same thing.
    colour : str, optional
        As ``#rrggbb``.

    Raises
    ------
    ValueError
        For an unknown layer or feature, a name that is too long, or text that is no colour; nothing is changed then.
    """
    node = layer_of(study, layer)
    features = node.dataset
    if isinstance(feature, bool) or not isinstance(feature, int | np.integer):
        raise TypeError(f"a feature is given by its number, from 0; got {feature!r}")
    count = features.sizes["feature"]
    if not 0 <= feature < count:
        raise ValueError(f"layer {layer!r} has {count} features, from 0; there is no feature {feature}")
    names, colours = _texts(features, "feature_name"), _texts(features, "colour")
    if name is not None:
        names[feature] = checked_name(name, int(feature))
    if colour is not None:
        colours[feature] = checked_colour(colour)
    _write(node, names, colours)
    announce(study)


def carry_names(old: xr.Dataset, new: xr.Dataset, min_similarity: float = MIN_SIMILARITY) -> xr.Dataset:
    """Return a layer's new features with the names and colours of the old ones whose directions are alike.

    Parameters
    ----------
    old, new : Dataset
        See `schema.LAYER`; of the same layer, with any numbers of features.
    min_similarity : float
        As in `apply_names`.
    """
    names, colours, _ = _carried(new, named_features(old), min_similarity)
    texts = {"feature_name": names, "colour": colours}
    return new.assign({key: ("feature", np.array(value, dtype=object)) for key, value in texts.items()})


def give_names(node: xr.DataTree, source: Sequence[Named], min_similarity: float) -> Match:
    """Name the features of a study's layer after those whose directions are alike; return what matched.

    A feature that gets no name keeps its own; if its colour was given away, it takes one that has become free.
    """
    names, colours, match = _carried(node.dataset, source, min_similarity)
    _write(node, names, colours)
    return match


def match_directions(source: FloatArray, target: FloatArray, min_similarity: float = MIN_SIMILARITY) -> Match:
    """Match directions one to one, so that the sum of their cosines is largest (the Hungarian algorithm).

    Parameters
    ----------
    source, target : ndarray, (feature, channel)
        Of any lengths and any numbers of features.
    min_similarity : float
        Pairs below it neither match nor count.
    """
    from scipy.optimize import linear_sum_assignment

    if not 0 < min_similarity <= 1:
        raise ValueError(f"min_similarity is a cosine above 0 and at most 1, got {min_similarity!r}")
    cosine = _unit(source) @ _unit(target).T
    close = cosine >= min_similarity - 1e-9  # a direction is alike to itself at 1, too
    match = np.full(len(source), -1)
    for row, column in zip(*linear_sum_assignment(np.where(close, cosine, 0), maximize=True), strict=True):
        if close[row, column]:
            match[row] = column
    return Match(match, cosine)


def named_features(features: xr.Dataset) -> list[Named]:
    """Return a layer's features as they are named; "feature k" counts as no name."""
    names, colours = _texts(features, "feature_name"), _texts(features, "colour")
    directions = _unit(features["direction"].transpose("feature", "channel").values)
    return [
        Named(None if re.fullmatch(r"(feature \d+)?", name) else name, colour or None, direction)
        for name, colour, direction in zip(names, colours, directions, strict=True)
    ]


def checked_name(name: str, feature: int) -> str:
    """Return a name as it is kept: blanks collapsed, no control characters; "feature k" for an empty one.

    Raises
    ------
    ValueError
        If it is longer than `LONGEST_NAME`.
    """
    if not isinstance(name, str):
        raise TypeError(f"a feature's name is text, got {name!r}")
    # Characters that reorder or hide others (Cf), and halves of a pair (Cs), are no more part of a name than a bell.
    kept = (" " if c.isspace() else "" if unicodedata.category(c) in ("Cc", "Cf", "Cs") else c for c in name)
    text = " ".join("".join(kept).split())
    if len(text) > LONGEST_NAME:
        raise ValueError(f"a feature's name has at most {LONGEST_NAME} characters; this one has {len(text)}: {text!r}")
    return text or f"feature {feature}"


def checked_colour(colour: str) -> str:
    """Return a colour as it is kept, #RRGGBB; raise ValueError if it is none."""
    if not isinstance(colour, str) or not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
        raise ValueError(f"expected a colour as #rrggbb, such as '#E69F00', got {colour!r}")
    return colour.upper()


def layers_of(study: xr.DataTree) -> Mapping[str, xr.DataTree]:
    """Return the layers of a study whose features can be named, by their names.

    The colours of an observation (method ``gradients``) are features that keep their names.
    """
    layers = study.children["layers"].children.items() if "layers" in study.children else ()
    return {str(name): node for name, node in layers if node.attrs.get("method") != "gradients"}


def layer_of(study: xr.DataTree, layer: str) -> xr.DataTree:
    """Return one of them; raise ValueError if there is none, or if it does not follow the schema."""
    layers = layers_of(study)
    if layer not in layers:
        raise ValueError(unknown("layer", layer, layers, "Only features that are computed can be named."))
    try:
        check(layers[layer].to_dataset(), LAYER)
    except SchemaError as error:
        raise ValueError(f"layer {layer!r} cannot be named: {error}") from None
    return layers[layer]


def _carried(
    features: xr.Dataset, source: Sequence[Named], min_similarity: float
) -> tuple[list[str], list[str], Match]:
    """Return the names and colours that a layer's features get, and how they match the source."""
    names, colours = _texts(features, "feature_name"), _texts(features, "colour")
    before = list(colours)
    directions = np.reshape([one.direction for one in source], (len(source), features.sizes["channel"]))
    match = match_directions(directions, features["direction"].transpose("feature", "channel").values, min_similarity)
    for one, k in zip(source, match.target, strict=True):
        if k >= 0:
            names[k] = one.name or names[k]
            colours[k] = one.colour or colours[k]
    matched = {int(k) for k in match.target if k >= 0}
    taken = {colours[k] for k in matched}
    free = [colour for colour in dict.fromkeys(before) if colour not in taken]
    for k in range(len(colours)):
        if k not in matched and colours[k] in taken and free:
            colours[k] = free.pop(0)
    return names, colours, match


def _texts(features: xr.Dataset, variable: str) -> list[str]:
    return [str(text) for text in features[variable].values]


def _unit(directions: FloatArray) -> npt.NDArray[np.float64]:
    directions = np.asarray(directions, np.float64)
    length = np.linalg.norm(directions, axis=-1, keepdims=True)
    return np.asarray(directions / np.where(length > 0, length, 1))


def _write(node: xr.DataTree, names: list[str], colours: list[str]) -> None:
    """Replace a layer's texts: those of a study opened lazily cannot be changed in place, nor grow in a fixed dtype."""
    for variable, texts in (("feature_name", names), ("colour", colours)):
        old = node.dataset.variables[variable]
        node[variable] = xr.DataArray(np.array(texts, dtype=object), dims=old.dims, attrs=old.attrs)
