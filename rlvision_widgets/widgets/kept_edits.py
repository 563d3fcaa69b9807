"""What a study keeps of edited agents: frames, races and measurements that were computed once.

Views show them again without an agent, and so do pages. Each is a node ``/edited/<kind>/<key>`` (`schema.NODES`). The
key is a digest of what was asked and of what the words in it stand for, the features and the kept edits: an answer
about features that are gone is not found.
"""

import hashlib
import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

import xarray as xr

from rlvision_widgets.schema import EDITED_FRAME, MEASURED, RACE, check
from rlvision_widgets.widgets.edit_list import kept_names
from rlvision_widgets.widgets.kept import as_json, features_mark
from rlvision_widgets.widgets.wire import StoredEdit

__all__ = ["Answered", "Kind", "find", "keep", "key_of", "marks", "stored_edits"]

Kind = Literal["frames", "races", "measured"]
SPECS = {"frames": EDITED_FRAME, "races": RACE, "measured": MEASURED}
MOST = {"frames": 24, "races": 8, "measured": 24}  # the oldest go; a race of 100 steps has 2.5 MB
NODE = "edited"
PLACE = ("trajectory", "step", "edits")

_LOCK = threading.RLock()  # one view computes in a thread of its own while another asks what is kept

Question = Mapping[str, Any]  # the parameters of a request, the edits as `edit_list.text_of` has them


class Answered(NamedTuple):
    """An answer: its arrays, and what else it tells."""

    data: xr.Dataset
    told: dict[str, Any]


def find(study: xr.DataTree, kind: Kind, question: Question) -> Answered | None:
    """Return the answer to a question, if the study keeps it.

    The original agent is the first half of every answer about a frame, so that serves for the question without edits.
    """
    node = _home(study, kind).get(key_of(study, kind, question))
    if node is not None:
        return _read(node)
    if kind == "frames" and question["edits"] == "[]":
        for asked, one in _listed(study, kind):
            if {**asked, "edits": "[]"} == question:
                return _unedited(_read(one))
    return None


def keep(study: xr.DataTree, kind: Kind, question: Question, answer: Answered) -> None:
    """Keep an answer in the study, in memory, and let the oldest of its kind go."""
    told, asked = json.dumps(as_json(answer.told)), json.dumps(dict(question))
    with _LOCK:
        number = max((_number(node) for node in _home(study, kind).values()), default=0) + 1
        data = answer.data.assign_attrs(question=asked, told=told, number=number)
        check(data, SPECS[kind])
        home = study
        for name in (NODE, kind):
            if name not in home.children:
                home[name] = xr.DataTree()
            home = home.children[name]
        home[key_of(study, kind, question)] = xr.DataTree(data)
        while len(home.children) > MOST[kind]:
            del home[min(home.children, key=lambda name: _number(home.children[name]))]


def stored_edits(study: xr.DataTree) -> list[StoredEdit]:
    """Return what the study keeps, the newest first: each frame with the race and the measurement of its edits."""
    races = {_at(asked): [asked["num_steps"], asked["seed"]] for asked, _ in _listed(study, "races")}
    measured = {asked["edits"]: [asked["levels"], asked["seed"]] for asked, _ in _listed(study, "measured")}
    frames = [(asked, _label(node)) for asked, node in reversed(_listed(study, "frames"))]
    known = {_at(asked) for asked, _ in frames}
    alone = [(asked, _label(node)) for asked, node in reversed(_listed(study, "races")) if _at(asked) not in known]
    return [
        _entry(asked, label, races.get(_at(asked), []), measured.get(asked["edits"], []))
        for asked, label in (*frames, *alone)
    ]


def _entry(asked: Question, label: str, race: list[int], measure: list[int]) -> StoredEdit:
    place = {name: asked.get(name, "") for name in (*PLACE, "layer", "output")}
    has = {"edited": "layer" in asked, "race": bool(race), "measure": bool(measure)}
    answered = [name for name, there in has.items() if there]
    return {**place, "label": label, "has": answered, "race": race, "measure": measure}  # type: ignore[typeddict-item]


def _label(node: xr.DataTree) -> str:
    return "; ".join(json.loads(node.attrs["told"])["texts"]) or "unedited"


def _at(asked: Question) -> tuple[Any, ...]:
    return tuple(asked[name] for name in PLACE)


def _home(study: xr.DataTree, kind: Kind) -> dict[str, xr.DataTree]:
    with _LOCK:
        home = study.children[NODE].children if NODE in study.children else {}
        return dict(home[kind].children) if kind in home else {}


def _listed(study: xr.DataTree, kind: Kind) -> list[tuple[dict[str, Any], xr.DataTree]]:
    """Return the questions whose words still stand for the same, the oldest first, and their nodes."""
    nodes = sorted(_home(study, kind).items(), key=lambda item: _number(item[1]))
    asked = [(name, json.loads(node.attrs["question"]), node) for name, node in nodes]
    return [(question, node) for name, question, node in asked if name == key_of(study, kind, question)]


def key_of(study: xr.DataTree, kind: Kind, question: Question) -> str:
    """Return the name under which the answer to a question is kept."""
    digest = hashlib.sha256(json.dumps([kind, sorted(question.items())]).encode())
    for mark in marks(study, question):
        digest.update(mark.encode())
    return digest.hexdigest()[:16]


def marks(study: xr.DataTree, question: Question) -> tuple[str, ...]:
    """Return what the words of a question stand for now: features, and edits that are kept."""
    return tuple(_marks(study, question))


def _marks(study: xr.DataTree, question: Question) -> Iterator[str]:
    if "layer" in question:
        yield features_mark(study, str(question["layer"]))
    names = kept_names(study)
    for entry in _entries(question["edits"]):
        if entry.get("kind") == "feature":
            yield features_mark(study, str(entry.get("layer")))
        elif entry.get("kind") == "stored":
            key = names.get(str(entry.get("name")))
            yield "" if key is None else str(study["edits"].children[key].attrs.get("edits"))


def _entries(edits: str) -> Iterable[Mapping[str, Any]]:
    return [entry for entry in json.loads(edits) if isinstance(entry, Mapping)]


def _read(node: xr.DataTree) -> Answered:
    return Answered(node.to_dataset(inherit=False).load(), json.loads(node.attrs["told"]))


def _unedited(answer: Answered) -> Answered:
    """Return the answer about the same frame without edits: twice the original agent."""
    told = {**answer.told, "changes": [], "texts": [], "identical": True, "kl": 0.0}
    return Answered(answer.data.isel(version=[0, 0]), told)


def _number(node: xr.DataTree) -> int:
    return int(node.attrs["number"])
