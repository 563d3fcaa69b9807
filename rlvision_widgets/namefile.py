"""The names of a study's features as a small JSON file: to be committed, and applied to another study."""

import json
import os
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from rlvision_widgets import naming
from rlvision_widgets.changes import announce
from rlvision_widgets.names import strict_keywords, unknown
from rlvision_widgets.naming import MIN_SIMILARITY, Named

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["apply_names", "feature_names", "save_names"]

FORMAT, VERSION = "rlvision feature names", 1
DIGITS = 4  # of a direction in a file: moves a cosine by less than 1e-3


@strict_keywords
def feature_names(study: xr.DataTree) -> dict[str, Any]:
    """Return the names, colours and directions of a study's features, as a small dict that JSON can hold.

    Returns
    -------
    dict
        ``format``, ``version``; ``agent`` and ``checkpoint``, whose features they are; ``layers``: for each layer a
        list over features of ``name`` (None while it is "feature k"), ``colour`` and ``direction``, a unit vector over
        channels rounded to four decimals.
    """
    layers = {
        layer: [
            {"name": one.name, "colour": one.colour, "direction": one.direction.round(DIGITS).tolist()}
            for one in naming.named_features(node.dataset)
        ]
        for layer, node in naming.layers_of(study).items()
    }
    origin = {key: str(study.attrs[key]) for key in ("agent", "checkpoint")}
    return {"format": FORMAT, "version": VERSION, **origin, "layers": layers}


@strict_keywords
def save_names(study: xr.DataTree, path: str | os.PathLike[str]) -> None:
    """Write `feature_names` to a JSON file: one line a feature, the same bytes for the same names.

    Parameters
    ----------
    study : DataTree
        Whose names are written.
    path : path
        A file; an earlier one is replaced when the new one is complete.
    """
    text = _text(feature_names(study))
    target = Path(path).absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(aside, target)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise


@strict_keywords
def apply_names(
    study: xr.DataTree,
    names: Mapping[str, Any] | str | os.PathLike[str],
    *,
    layers: Iterable[str] | None = None,
    min_similarity: float = MIN_SIMILARITY,
) -> "pd.DataFrame":
    """Give a study's features the names and colours of those whose directions are alike.

    Parameters
    ----------
    study : DataTree
        Changed in memory; `save_study` keeps it.
    names : dict or path
        What `feature_names` returned, or a file of `save_names`.
    layers : iterable of str, optional
        Layers to name. None: all that are in `names`.
    min_similarity : float
        Smallest cosine of two directions that count as the same feature, above 0 and at most 1.

    Returns
    -------
    DataFrame
        One row a name: ``layer``, ``name``, the ``feature`` that has it now (missing: none was alike enough), and
        ``similarity``, the cosine to that feature or else to the nearest one.

    Raises
    ------
    ValueError
        If `names` are none, or a layer is absent or has another number of channels: all that is wrong, and nothing has
        been changed.

    Warns
    -----
    UserWarning
        If the names are of an agent with other weights, whose channels may mean other things.

    Notes
    -----
    Pairs are chosen one to one, so that the sum of similarities of those that count is largest. A feature that gets no
    name keeps its own; if its colour was given away, it takes one that has become free.
    """
    import pandas as pd

    given, origin = _read(names)
    wanted = list(given) if layers is None else [layers] if isinstance(layers, str) else list(layers)
    problems = [line for layer in wanted for line in _mismatch(study, given, layer)]
    if problems:
        raise ValueError("these names do not fit the study; nothing was changed:\n" + "\n".join(problems))
    if origin.get("checkpoint") != study.attrs["checkpoint"]:
        warnings.warn(
            f"these names are of {origin.get('agent')!r} with other weights than {study.attrs['agent']!r} has here: "
            "a channel may mean another thing",
            stacklevel=3,
        )
    nodes = {layer: naming.layer_of(study, layer) for layer in wanted}
    rows = [
        {"layer": layer, **row} for layer, node in nodes.items() for row in _apply(node, given[layer], min_similarity)
    ]
    announce(study)
    table = pd.DataFrame(rows, columns=["layer", "name", "feature", "similarity"])
    return table.astype({"feature": "Int64", "similarity": float})


def _apply(node: xr.DataTree, source: list[Named], min_similarity: float) -> Iterator[dict[str, Any]]:
    """Name a layer's features, and yield a row of the report for each name."""
    match = naming.give_names(node, source, min_similarity)
    for one, k, similarity in zip(source, match.target, match.similarity, strict=True):
        if one.name is not None:
            best = similarity[k] if k >= 0 else similarity.max(initial=0)
            yield {"name": one.name, "feature": int(k) if k >= 0 else None, "similarity": round(float(best), DIGITS)}


def _mismatch(study: xr.DataTree, given: Mapping[str, list[Named]], layer: str) -> Iterator[str]:
    """Yield why a layer cannot be named."""
    here = naming.layers_of(study)
    if layer not in given:
        yield "- " + unknown("layer", layer, given, "There are no names of it.")
    elif layer not in here:
        yield f"- layer {layer!r} has no features in the study, only {list(here)}: compute them, or pass layers=[…]"
    else:
        channels = here[layer].sizes["channel"]
        for one in given[layer][:1]:
            if len(one.direction) != channels:
                yield f"- layer {layer!r}: names of {len(one.direction)} channels, the study has {channels}"


def _text(names: Mapping[str, Any]) -> str:
    def line(value: object) -> str:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)

    layers = [
        f"  {line(layer)}: [\n" + ",\n".join(f"   {line(feature)}" for feature in features) + "\n  ]"
        for layer, features in names["layers"].items()
    ]
    head = [f" {line(key)}: {line(value)}" for key, value in names.items() if key != "layers"]
    return "{\n" + ",\n".join([*head, ' "layers": {\n' + ",\n".join(layers) + "\n }"]) + "\n}\n"


def _read(names: Mapping[str, Any] | str | os.PathLike[str]) -> tuple[dict[str, list[Named]], Mapping[str, Any]]:
    """Read and check names; return the features of each layer, their texts cleaned, and what stands beside them."""
    what = "these names"
    if not isinstance(names, Mapping):
        what = repr(str(names))
        try:
            names = json.loads(Path(names).read_text(encoding="utf-8"))
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ValueError(f"{what} is no JSON file of names, as save_names writes it: {error}") from None
    if not isinstance(names, Mapping) or names.get("format") != FORMAT or not isinstance(names.get("layers"), Mapping):
        raise ValueError(f"{what}: expected feature names, as feature_names returns and save_names writes them")
    if names.get("version") != VERSION:
        raise ValueError(
            f"{what}: version {names.get('version')!r} of the format, and this rlvision_widgets reads {VERSION}: "
            "upgrade it, or write the names anew"
        )
    layers = {str(layer): _read_layer(f"{what}, layer {layer!r}", value) for layer, value in names["layers"].items()}
    return layers, names


def _read_layer(what: str, features: object) -> list[Named]:
    if not isinstance(features, list):
        raise ValueError(f"{what}: expected a list of features, got {type(features).__name__}")
    read = [_read_feature(f"{what}, feature {k}", k, feature) for k, feature in enumerate(features)]
    lengths = {len(feature.direction) for feature in read}
    if len(lengths) > 1:
        raise ValueError(f"{what}: directions of different lengths, {sorted(lengths)}")
    return read


def _read_feature(what: str, k: int, feature: object) -> Named:
    if not isinstance(feature, Mapping) or not {"name", "colour", "direction"} <= set(feature):
        raise ValueError(f"{what}: expected name, colour and direction, got {feature!r}")
    try:
        direction = np.array(feature["direction"], dtype=np.float64)
        name = None if feature["name"] is None else naming.checked_name(feature["name"], k)
        colour = None if feature["colour"] is None else naming.checked_colour(feature["colour"])
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what}: {error}") from None
    if direction.ndim != 1 or not np.isfinite(direction).all():
        raise ValueError(f"{what}: expected a direction as a list of finite numbers")
    return Named(name, colour, direction)
