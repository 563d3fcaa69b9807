"""Puts a model card together: plays, draws, and writes the agent's files side by side."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from rlvision_widgets.agents import Agent, bundled_agents, load_agent, save_agent
from rlvision_widgets.agents.checkpoints import MODELS
from rlvision_widgets.agents.staged import StagedNetwork
from rlvision_widgets.aside import write_aside
from rlvision_widgets.environments.options import check_count
from rlvision_widgets.model_card.curve import draw_curve
from rlvision_widgets.model_card.features import draw_features, features_seen, features_table
from rlvision_widgets.model_card.legs import plain_legs, taught_by
from rlvision_widgets.model_card.played import ask, best_known, questions
from rlvision_widgets.model_card.text import card_text, headline
from rlvision_widgets.names import strict_keywords, unknown
from rlvision_widgets.storage import open_study, save_study
from rlvision_widgets.study import build_study

__all__ = ["write_model_card"]

WRITTEN = ("licence", "teacher", "note", "data", "limits")
"""What people write into a card; it outlives a new measurement."""


@strict_keywords
def write_model_card(
    agent: str | Path,
    folder: str | Path | None = None,
    *,
    name: str | None = None,
    levels: int = 10_000,
    seed: int = 2026,
    precision: str = "float32",
    world: Mapping[str, Any] | None = None,
    other_levels: int = 2048,
    random_levels: int = 2048,
    layer: str | None = None,
    features: bool = True,
    yardstick: str | None = None,
    kept: str | Path | None = None,
    progress: bool = True,
) -> Path:
    """Measure an agent and write its card: figures with their commands, learning curve, features, and a page to read.

    Beside one another stand ``<name>.json`` (all that is known, for programs), ``<name>.md`` (the page),
    ``<name>.curve.svg``, ``<name>.features.png`` and, of an agent of `save_agent`, ``<name>.safetensors``.

    Parameters
    ----------
    agent : str or Path
        Anything that `load_agent` opens. The card that a training run wrote beside it, legs and curve, is taken in.
    folder : str or Path, optional
        Where the files go; made when it is not there. None: beside a ``.safetensors`` file, and here for all others.
    name : str, optional
        Of the agent and of its files. None: the file's.
    levels : int
        Unseen levels, and at most so many of its own training levels if it had few.
    seed : int
        Draws levels and luck.
    precision : str
        "float32" or "bfloat16", as in `evaluate`.
    world : mapping, optional
        Edited worlds by name, as data, in which the unseen levels are played as well.
    other_levels, random_levels : int
        Levels of the other distribution mode, easy or hard; levels with random buttons. 0: none.
    layer : str, optional
        Whose features are shown. None: the middle one, 2b of the article's network.
    features : bool
        Build a small study and draw its features.
    yardstick : str, optional
        File name of another agent's picture of features, which the page names.
    kept : str or Path, optional
        Folder of the outcomes of all levels and of the study: a call that was stopped goes on from there. None:
        ``runs/card-<name>``.
    progress : bool
        Show progress bars.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    ValueError
        As `load_agent` and `evaluate`; when the card in `folder` is no JSON.

    Notes
    -----
    What people wrote into a card that is already there (licence, teacher, note, data, limits) stays.
    """
    for what, number, least in (
        ("levels", levels, 1),
        ("other_levels", other_levels, 0),
        ("random_levels", random_levels, 0),
    ):
        check_count(what, number, least)
    source = Path(agent)
    opened, bundled = load_agent(agent), str(agent) in bundled_agents()
    name = name or (str(agent) if bundled else source.stem if source.suffix else opened.name.replace("/", "-"))
    folder = Path(folder) if folder is not None else source.parent if source.suffix == ".safetensors" else Path()
    layer = layer or opened.layers[len(opened.layers) // 2]
    if layer not in opened.layers:
        raise ValueError(unknown("layer", layer, opened.layers))
    bundled = bundled or folder.resolve() == MODELS.resolve()
    own = bundled or source.suffix == ".safetensors"  # of others the weights stay where they are
    files = _Files(folder, name, opened_as=name if bundled else f"{name}.safetensors" if own else str(agent))
    opened = dataclasses.replace(opened, name=name)
    card = _base(opened, source, files)
    folder.mkdir(parents=True, exist_ok=True)
    kept = Path(kept) if kept is not None else Path("runs") / f"card-{name}"
    trained = {"edited as in training": card["world_edits"]} if "world_edits" in card else {}
    asked = questions(
        opened,
        levels=levels,
        seed=seed,
        precision=precision,
        world={**trained, **(world or {})},
        other_levels=other_levels,
        random_levels=random_levels,
    )
    card["evaluations"] = _merged(
        card["evaluations"],
        [
            entry | {"steps": card["steps"]} if "steps" in card else entry
            for question in asked
            for entry in ask(question, opened, kept, called=files.opened_as, progress=progress)
        ],
    )
    card["summary"] = headline(card)
    table = []
    if features:
        study = _study(opened, layer, kept / f"{opened.checkpoint[:8]}-study.zarr", progress)
        table = _draw_features(card, opened, study, layer, files)
    if own:
        _save(dataclasses.replace(opened, info=_provenance(opened)), files.of("safetensors"))
    _draw_curve(card, files)
    write_aside(files.of("json"), (json.dumps(card, indent=1, ensure_ascii=False) + "\n").encode())
    pictures = files.pictures() | ({"yardstick": yardstick} if yardstick else {})
    write_aside(files.of("md"), card_text(card, features=table, pictures=pictures).encode())
    return files.of("md")


@dataclasses.dataclass(frozen=True)
class _Files:
    """Where a card's files are, and what `load_agent` opens."""

    folder: Path
    name: str
    opened_as: str

    def of(self, kind: str) -> Path:
        return self.folder / f"{self.name}.{kind}"

    def pictures(self) -> dict[str, str]:
        """Return the names of the pictures that are there."""
        kinds = {"curve": "curve.svg", "features": "features.png"}
        return {what: self.of(kind).name for what, kind in kinds.items() if self.of(kind).is_file()}


def _save(agent: Agent, path: Path) -> None:
    """Write an agent, unless it is there: a new card of old weights leaves their file alone."""
    if path.is_file():
        there = load_agent(path)
        if (there.name, there.checkpoint, there.info) == (agent.name, agent.checkpoint, agent.info):
            return
    save_agent(agent, path)


def _provenance(agent: Agent) -> dict[str, Any]:
    """Return what an agent's file says of where it is from; its card stands beside it."""
    return {key: value for key, value in agent.info.items() if key != "card"}


def _base(agent: Agent, source: Path, files: _Files) -> dict[str, Any]:
    """Return what is known before anything is measured: of the run, and of the card that is there."""
    trained = agent.info.get("card") or _read(source.with_suffix(".json"))
    before = _read(files.of("json"))
    legs = trained.get("legs", [])
    card: dict[str, Any] = {"summary": "", "name": files.name, "licence": agent.info.get("licence", "MIT")}
    if (teacher := taught_by(legs)) is not None:
        card["teacher"] = teacher
    elif "source" in agent.info:
        card["source"] = agent.info["source"]
    card["data"] = _data(agent)
    card |= {key: told[key] for told in (trained, before) for key in WRITTEN if key in told}
    if "teacher" in card:
        card.pop("source", None)  # the summary names the teacher
    card |= {"opened_as": files.opened_as, "checkpoint": agent.checkpoint, "environment": dict(agent.environment)}
    card |= {"action_names": list(agent.action_names), "network": _network(agent)}
    card |= {key: trained[key] for key in ("weights", "steps", "episodes", "world_edits", "world") if key in trained}
    card["evaluations"] = [*trained.get("evaluations", []), *before.get("evaluations", [])]
    if legs:
        card["curve"] = trained.get("curve", [])
        card["hours"] = round(sum(leg.get("hours", 0.0) for leg in legs), 2)
        card["legs"] = plain_legs(legs)
    return card


def _read(path: Path) -> dict[str, Any]:
    """Return the card in a file; nothing if there is none."""
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{path} is there and is no card: {error}. Mend it, or give the agent another name."
        ) from error
    if not isinstance(found, dict):
        raise ValueError(f"{path} is there and is no card. Give the agent another name.")
    return found


def _network(agent: Agent) -> dict[str, Any]:
    shape = {"observation_shape": list(agent.observation_shape)}
    if not isinstance(agent.network, StagedNetwork):
        return shape
    return {"architecture": agent.network.architecture, **agent.network.options, **shape}


def _data(agent: Agent) -> str:
    """Return what it was trained on, in words; "" where that is not known."""
    world = agent.environment
    if "num_levels" not in world:
        return f"{world['name']}." if "name" in world else ""
    number, first = world["num_levels"], world.get("start_level", 0)
    drawn = f"the {number:,} levels from seed {first}" if number else "each episode a level drawn from all 2³¹ − 1"
    box = "painted" if world.get("paint_vel_info") else "not painted"
    return f"Procgen {world['name']}, {world['distribution_mode']}: {drawn}; the velocity box is {box}."


def _merged(before: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return evaluations, each question's last answer; older ones that asked something else stay."""
    answered = {(entry["what"], entry["command"]) for entry in new}
    old = [entry for entry in before if (entry.get("what"), entry.get("command")) not in answered]
    unique = {json.dumps(entry, sort_keys=True): entry for entry in old}
    return [*unique.values(), *new]


def _draw_features(card: dict[str, Any], agent: Agent, study: xr.DataTree, layer: str, files: _Files) -> list[str]:
    """Draw the features of a layer; return the table that goes with them."""
    output = next(iter(study[f"layers/{layer}/outputs"].children))
    seen = features_seen(study, agent, layer, output)
    write_aside(files.of("features.png"), draw_features(study, layer, seen))
    card["features"] = {"layer": layer, "output": output, "measured": [one._asdict() for one in seen]}
    return features_table(seen)


def _study(agent: Agent, layer: str, path: Path, progress: bool) -> xr.DataTree:
    """Return the study that is kept if it is of this agent and layer; build and keep one otherwise."""
    if path.exists():
        study = open_study(path)
        if study.attrs["checkpoint"] == agent.checkpoint and layer in study["layers"].children:
            return study
    study = build_study(agent, layers=[layer], progress=progress)
    save_study(study, path)
    return study


def _draw_curve(card: Mapping[str, Any], files: _Files) -> None:
    if not card.get("curve"):
        return
    entries = best_known(card["evaluations"], card["checkpoint"])
    measured = next((entry for entry in entries if entry.get("what") == "unseen levels" and "success" in entry), None)
    write_aside(files.of("curve.svg"), draw_curve(card["curve"], card["legs"], measured))
