"""Counterfactuals that a study keeps: what was computed once, a view shows again without an agent, and so does a page.

Each is a node ``/counterfactuals/<key>`` (`schema.COUNTERFACTUAL`); the key is a digest of what was asked, and of the
features that the answer is said in, so that an answer goes out of sight when its layer's features are fitted anew.
"""

import hashlib
import json
import math
import threading
import weakref
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import xarray as xr

from rlvision_widgets.schema import COUNTERFACTUAL, check

__all__ = [
    "Asked",
    "Kept",
    "as_json",
    "features_mark",
    "features_stayed",
    "find",
    "find_played",
    "has_presses",
    "keep",
    "keep_played",
    "key_of",
    "listed",
    "plain",
    "played_with",
]

MOST = 24  # the oldest go
MOST_PLAYED = 2**22  # bytes: 170 steps of two worlds
NODE = "counterfactuals"
OF_EACH = ("objects", "unlisted", "class_attributed", "camera", "ended")  # what is told of each version


_LOCK = threading.RLock()  # one view computes in a thread of its own while another asks what is kept


class Asked(NamedTuple):
    """A question, in the words in which a view asks it: see the request `imagine`."""

    trajectory: int
    step: int
    edits: str
    actions: str
    layer: str
    output: str

    @property
    def unedited(self) -> "Asked":
        """The same of the world as it was recorded."""
        return self._replace(edits="[]", actions="")

    @property
    def is_unedited(self) -> bool:
        """Whether nothing was edited or pressed."""
        return not self.actions.strip() and not json.loads(self.edits)


class Kept(NamedTuple):
    """An answer: its arrays, what else it tells, and the arrays of playing on (None: not computed)."""

    data: xr.Dataset
    told: dict[str, Any]
    played: xr.Dataset | None = None


def plain(edits: Any) -> str:
    """Return edits, JSON text or a list, as the text that stands for all equal ones: 12 and 12.0, whatever order."""
    parsed = json.loads(edits) if isinstance(edits, str) else edits
    return json.dumps(_plain(parsed), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def key_of(study: xr.DataTree, asked: Asked) -> str:
    """Return the name under which the answer is kept."""
    place = [asked.trajectory, asked.step, plain(asked.edits), asked.actions.split(), asked.layer, asked.output]
    digest = hashlib.sha256(json.dumps(place).encode())
    digest.update(features_mark(study, asked.layer).encode())
    return digest.hexdigest()[:16]


def find(study: xr.DataTree, asked: Asked) -> Kept | None:
    """Return the answer to a question, if the study keeps it.

    What was recorded is the first half of any answer about the same frame, so that serves for the question of nothing.
    """
    nodes = _nodes(study)
    node = nodes.get(key_of(study, asked))
    if node is not None:
        return _read(node)
    if asked.is_unedited:
        for one in nodes.values():
            if _question(one).unedited == asked and not has_presses(_question(one)):
                return _unedited(_read(one))
    return None


def keep(study: xr.DataTree, asked: Asked, answer: Kept) -> None:
    """Keep an answer in the study, in memory, and let the oldest go; a better answer takes the place of the same."""
    with _LOCK:
        if NODE not in study.children:
            study[NODE] = xr.DataTree()
        home = study.children[NODE]
        home[key_of(study, asked)] = _node(study, asked, answer, _newest(home) + 1)
        while len(home.children) > MOST:
            del home[min(home.children, key=lambda name: _number(home.children[name]))]


def _node(study: xr.DataTree, asked: Asked, answer: Kept, number: int) -> xr.DataTree:
    """Return what keeps an answer."""
    data = answer.data.assign_attrs(
        **asked._asdict(),
        told=json.dumps(answer.told),
        label="; ".join(answer.told["edits"]) or "unedited",
        has_effects=int("effects" in answer.told),
        features=features_mark(study, asked.layer),
        number=number,
    )
    check(data, COUNTERFACTUAL)
    node = xr.DataTree(data)
    if answer.played is not None:
        node["played"] = xr.DataTree(answer.played)
    return node


def find_played(study: xr.DataTree, asked: Asked, num_steps: int, seed: int) -> xr.Dataset | None:
    """Return how it went on from a situation, if the study keeps it; the layer and output asked about do not matter."""
    for node in _nodes(study).values():
        if _question(node)[:4] == asked[:4] and "played" in node.children:
            played = node.children["played"]
            if (int(played.attrs["num_steps"]), int(played.attrs["seed"])) == (num_steps, seed):
                return played.to_dataset(inherit=False).load()
    return None


def keep_played(study: xr.DataTree, asked: Asked, played: xr.Dataset) -> None:
    """Keep how it went on beside the answers about a situation, if there are some, and it is not too long."""
    if played.nbytes > MOST_PLAYED:
        return
    for node in _nodes(study).values():
        if _question(node)[:4] == asked[:4]:
            node["played"] = xr.DataTree(played)


def played_with(study: xr.DataTree, asked: Asked) -> dict[str, int]:
    """Return num_steps and seed of the playing on that is kept beside an answer."""
    attrs = _nodes(study)[key_of(study, asked)].children["played"].attrs
    return {name: int(attrs[name]) for name in ("num_steps", "seed")}


def listed(study: xr.DataTree) -> list[tuple[Asked, str, tuple[str, ...]]]:
    """Return each question that the study keeps an answer to, the newest first, in words, and its requests."""
    found = []
    for node in sorted(_nodes(study).values(), key=_number, reverse=True):
        extra = {"effects": bool(node.attrs["has_effects"]), "play_on": "played" in node.children}
        requests = ("imagine", *(name for name, there in extra.items() if there))
        found.append((_question(node), str(node.attrs["label"]), requests))
    return found


_marks: dict[int, str] = {}


def features_mark(study: xr.DataTree, layer: str) -> str:
    """Return a digest of a layer's features; read once, because new ones come with a new node."""
    layers = study.children["layers"].children if "layers" in study.children else {}
    if layer not in layers:
        return ""
    node = layers[layer]
    if id(node) not in _marks:
        _marks[id(node)] = hashlib.sha256(node.dataset["direction"].values.tobytes()).hexdigest()[:16]
        weakref.finalize(node, _marks.pop, id(node), None)
    return _marks[id(node)]


def features_stayed(before: str, now: str) -> bool:
    """Tell whether an answer may be kept: its features, by their mark, are those of before it was computed, or its own.

    A layer without features gets them on the way. An answer that was under way while others took their place is in
    neither.
    """
    return before in ("", now)


def _nodes(study: xr.DataTree) -> dict[str, xr.DataTree]:
    """Return the nodes whose features are still the study's."""
    with _LOCK:
        nodes = dict(study.children[NODE].children) if NODE in study.children else {}
    marks = {name: features_mark(study, str(node.attrs["layer"])) for name, node in nodes.items()}
    return {name: node for name, node in nodes.items() if node.attrs.get("features") == marks[name]}


def _question(node: xr.DataTree) -> Asked:
    attrs = node.attrs
    texts = (str(attrs[name]) for name in ("edits", "actions", "layer", "output"))
    return Asked(int(attrs["trajectory"]), int(attrs["step"]), *texts)


def _read(node: xr.DataTree) -> Kept:
    played = node.children["played"].to_dataset(inherit=False).load() if "played" in node.children else None
    return Kept(node.to_dataset(inherit=False).load(), json.loads(node.attrs["told"]), played)


def _unedited(kept: Kept) -> Kept:
    """Return the answer about the same frame without edits: twice what was before them."""
    told = {name: [value[0]] * 2 if name in OF_EACH else value for name, value in kept.told.items()}
    told.pop("effects", None)
    recorded = dict(kept.told["recorded"])
    return Kept(kept.data.isel(version=[0, 0]), {**told, **recorded, "edits": [], "changed": False})


def has_presses(asked: Asked) -> bool:
    """Tell whether somebody pressed an action."""
    return bool(asked.actions.strip()) or any(edit.get("kind") == "play" for edit in json.loads(asked.edits))


def _newest(home: xr.DataTree) -> int:
    return max(map(_number, home.children.values()), default=0)


def _number(node: xr.DataTree) -> int:
    return int(node.attrs["number"])


def as_json(value: Any) -> Any:
    """Return what JSON can hold: None for numbers that are not finite."""
    if isinstance(value, Mapping):
        return {str(name): as_json(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items() if one is not None}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_plain(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
