"""Everything that an edit card is made from, measured in one go that may be interrupted."""

import dataclasses
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.edits import NetworkEdit, network_edits_from
from rlvision_widgets.analysis.blindness import hidden_object
from rlvision_widgets.analysis.card_insides import insides
from rlvision_widgets.analysis.cause_table import ORIGINAL
from rlvision_widgets.analysis.cells import at_frames
from rlvision_widgets.analysis.edit_card import check_targets, edit_card
from rlvision_widgets.analysis.evaluation import evaluate
from rlvision_widgets.analysis.frames import read
from rlvision_widgets.analysis.held_out import chosen_by, held_out_levels
from rlvision_widgets.analysis.levels import LevelEnvironment
from rlvision_widgets.analysis.matched_controls import Control, matched_controls
from rlvision_widgets.analysis.outcomes_file import conditions_in
from rlvision_widgets.analysis.playing import make_world
from rlvision_widgets.analysis.precision import check_precision
from rlvision_widgets.analysis.rollout import collect_observations
from rlvision_widgets.environments.edits import Hide
from rlvision_widgets.environments.options import check_count
from rlvision_widgets.names import strict_keywords

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["measure_edit"]

OUTCOMES, INSIDES = "outcomes.jsonl", "insides.jsonl"
FRAMES = 256  # on which the norm of edits is measured
WORLDS, EVERY = 16, 16  # side by side, and steps between two frames, where there is no study
HIDEABLE = ("saw", "enemy", "crate")  # of CoinRun: what fills a cell is always drawn


@strict_keywords
def measure_edit(
    agent: Agent,
    edits: Any,
    *,
    target: str | Mapping[str, str] | None = None,
    study: xr.DataTree | None = None,
    levels: int | Sequence[int] | npt.NDArray[np.integer] = 5000,
    seed: int = 0,
    selection: Sequence[int] | npt.NDArray[np.integer] | None = None,
    null_levels: int = 500,
    num_channels: int = 20,
    num_directions: int = 20,
    dose_levels: int = 1000,
    strengths: Sequence[float] = (0, 0.25, 0.5, 0.75, 1),
    ceiling: bool = True,
    margin: float = 0.005,
    environment: LevelEnvironment | Mapping[str, Any] | None = None,
    num_trajectories: int = 64,
    precision: str = "float32",
    path: str | os.PathLike[str] | None = None,
    client: "Client | None" = None,
    progress: bool = True,
) -> xr.DataTree:
    """Measure what an edit does, with every control that a sceptical reader asks for, and return its card.

    Parameters
    ----------
    agent : Agent
        The original.
    edits : list of network edits, or dict of such lists by name
        What is measured; one list is called "edited". They should be settled: chosen on other levels than these.
    target : str or mapping of str, optional
        The cause of failures that the edits are to bring about, e.g. ``"saw"``, or that of each edit by its name.
    study : DataTree, optional
        Of the agent; frames and what is in them come from it. Its levels chose the edit, so they are left out.
    levels : int or sequence of int
        How many, drawn by `seed` from those that chose nothing; or level seeds.
    seed : int
        Of levels, action noise, controls and bootstrap.
    selection : sequence of int, optional
        More level seeds by which edits or strengths were chosen.
    null_levels, num_channels, num_directions : int
        For each edit, controls that take as much from the activations (see `matched_controls`), on the first so many
        levels. 0: none.
    dose_levels : int
        First so many levels, on which the edit is played at other strengths.
    strengths : sequence of float
        Times the edit's own; 0 is the sham.
    ceiling : bool
        Play the original in worlds in which the target is invisible, on all levels.
    margin : float
        See `edit_card`.
    environment, num_trajectories, precision, client
        As for `evaluate`.
    path : path, optional
        A folder. Each level is written there as it ends (``outcomes.jsonl``, as `evaluate` writes it), so that a call
        with the same question goes on where the last one stopped; more levels, strengths or edits may be added.
    progress : bool
        Show progress bars.

    Returns
    -------
    DataTree
        See `edit_card`, which computes it again with other settings.

    Raises
    ------
    ValueError
        For levels that chose the edit, no edit, an unknown cause; as `evaluate`.

    Notes
    -----
    Methods: paired evaluation on the same levels and action noise; sham and dose; at least 20 random channels and
    directions of matched norm, at least 500 levels each, for percentiles that mean something; the invisible object as
    the ceiling. An interrupt (Ctrl-C) ends it without a card; with `path`, nothing that was finished is lost.
    """
    named = _named(edits)
    targets = {name: target for name in named} if isinstance(target, str) else dict(target or {})
    check_targets(targets, list(named))
    chosen = chosen_by(study, selection)
    seeds = held_out_levels(levels, seed, chosen)
    sizes = {"num_channels": num_channels, "num_directions": num_directions}
    for name, number in {**sizes, "null_levels": null_levels, "dose_levels": dose_levels}.items():
        check_count(name, number, 0)
    check_precision(agent, precision)
    doses = {name: _scaled(name, given, strengths) for name, given in named.items()}
    world = _worlds(targets) if ceiling else {}
    options: dict[str, Any] = {"environment": environment, "num_trajectories": num_trajectories}
    options |= {"precision": precision, "client": client, "progress": progress, "seed": seed}
    controlled = null_levels > 0 and num_channels + num_directions > 0
    nodes: dict[str, Any] = {}
    with _folder(path) as folder:
        options["path"] = folder / OUTCOMES
        frames = _frames(agent, study, environment, seed) if controlled else None
        nodes["outcomes/main"] = evaluate(agent, seeds, edits=named, world=world, **options)
        if dose_levels and any(doses.values()):
            nodes["outcomes/dose"] = _doses(agent, doses, seeds[:dose_levels], options)
        if frames is not None:
            before = _made_before(folder / OUTCOMES, list(named))
            controls = {
                name: matched_controls(agent, given, frames, **sizes, seed=seed, known=before[name])
                for name, given in named.items()
            }
            nodes["outcomes/null"] = _controls(agent, controls, seeds[:null_levels], options)
        missing = _missing(targets, ceiling)
        if study is not None:
            within, why = insides(agent, named, targets, study, seed, path=folder / INSIDES, progress=progress)
            nodes, missing = nodes | within, missing | why
    raw = xr.DataTree.from_dict(nodes)
    raw.attrs = {"missing": json.dumps(missing)}
    return edit_card(raw, target=targets, margin=margin, selection=chosen if len(chosen) else None, seed=seed)


def _named(edits: Any) -> dict[str, tuple[NetworkEdit, ...]]:
    """Return lists of edits by name."""
    by_name = dict(edits) if isinstance(edits, Mapping) and "kind" not in edits else {"edited": edits}
    named = {name: network_edits_from(given) for name, given in by_name.items()}
    empty = [name for name, given in named.items() if not any(edit.strength for edit in given)]
    if empty or not named:
        raise ValueError(
            f"expected lists of edits, of which one at least has a strength other than 0; {empty or 'none'} came. (The "
            "sham, strength 0, is played anyway.)"
        )
    return named


@contextmanager
def _folder(path: str | os.PathLike[str] | None) -> Iterator[Path]:
    """Give the folder in which outcomes are kept: one that goes again, unless another was asked for."""
    if path is None:
        with tempfile.TemporaryDirectory() as name:
            yield Path(name)
        return
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"path is a folder, in which outcomes are kept; {str(folder)!r} is a file.")
    yield folder


def _worlds(targets: Mapping[str, str]) -> dict[str, list[Hide]]:
    """Return the worlds in which a target cannot be seen."""
    objects = dict.fromkeys(hidden_object(cause) for cause in targets.values())
    return {f"{what} hidden": [Hide(what)] for what in objects if what in HIDEABLE}


def _scaled(name: str, edits: Sequence[NetworkEdit], strengths: Sequence[float]) -> dict[str, tuple[float, Any]]:
    """Return a strength and its edits by the name of their condition; strength 1 is the edit's own."""
    scaled = {}
    for factor in sorted(map(float, strengths)):
        others = [dataclasses.replace(edit, strength=factor * edit.strength) for edit in edits]
        scaled[name if factor == 1 else f"{name} × {factor:g}"] = factor, others
    return scaled


def _doses(
    agent: Agent, doses: Mapping[str, Mapping[str, tuple[float, Any]]], seeds: Any, options: Mapping[str, Any]
) -> xr.Dataset:
    """Play edits at several strengths; coordinates dose_of and strength."""
    flat = {condition: (name, *rest) for name, given in doses.items() for condition, rest in given.items()}
    played = evaluate(agent, seeds, edits={condition: edits for condition, (_, _, edits) in flat.items()}, **options)
    told = [flat.get(str(condition), ("", np.nan, ())) for condition in played["condition"].values]
    return played.assign_coords(
        dose_of=("condition", np.array([name for name, _, _ in told], object)),
        strength=("condition", [strength for _, strength, _ in told]),
    )


def _controls(
    agent: Agent, controls: Mapping[str, Sequence[Control]], seeds: Any, options: Mapping[str, Any]
) -> xr.Dataset:
    """Play controls; coordinates kind, null_of, norm, norm_ratio and cosine."""
    flat = {f"{name}: {one.name}": (name, one) for name, given in controls.items() for one in given}
    played = evaluate(agent, seeds, edits={condition: one.edits for condition, (_, one) in flat.items()}, **options)
    told = [flat.get(str(condition)) for condition in played["condition"].values]
    texts = {
        "kind": [ORIGINAL if each is None else each[1].kind for each in told],
        "null_of": ["" if each is None else each[0] for each in told],
    }
    numbers = {
        name: [np.nan if each is None else getattr(each[1], name) for each in told]
        for name in ("norm", "norm_ratio", "cosine")
    }
    columns = {name: np.array(column, object) for name, column in texts.items()} | numbers
    return played.assign_coords({name: ("condition", column) for name, column in columns.items()})


def _made_before(path: Path, names: Sequence[str]) -> dict[str, dict[str, tuple[NetworkEdit, ...]]]:
    """Return the controls of each edit that a file of outcomes knows, by their names."""
    found: dict[str, dict[str, tuple[NetworkEdit, ...]]] = {name: {} for name in names}
    for condition, edits in conditions_in(path).items():
        name, colon, control = condition.rpartition(": ")
        if colon and name in found:
            found[name][control] = network_edits_from(edits)
    return found


def _frames(
    agent: Agent, study: xr.DataTree | None, environment: LevelEnvironment | Mapping[str, Any] | None, seed: int
) -> npt.NDArray[np.uint8]:
    """Return frames that the agent has seen: the study's, or some that it plays now."""
    if study is not None:
        shown = study.to_dataset()["observation"]
        last = shown.sizes["trajectory"] * shown.sizes["step"] - 1
        return at_frames(shown, np.unique(np.linspace(0, last, FRAMES).astype(int)))
    with ExitStack() as stack:
        world: Any = environment
        if environment is None or isinstance(environment, Mapping):
            world = stack.enter_context(make_world(agent, environment, num_trajectories=WORLDS, seed=seed))
        number = max(1, FRAMES // world.num_trajectories)
        played = collect_observations(agent, world, num_samples=number, every=EVERY, seed=seed, progress=False)
    return np.asarray(read(played))


def _missing(targets: Mapping[str, str], ceiling: bool) -> dict[str, str]:
    """Return why a part is absent, where that is another reason than usual."""
    if not targets:
        return {"ceiling": "no target was named, so that there is nothing to hide."}
    unseen = sorted({hidden_object(cause) for cause in targets.values()} - set(HIDEABLE))
    if ceiling and unseen:
        return {"ceiling": f"{', '.join(unseen)} cannot be made invisible here; only {', '.join(HIDEABLE)} can."}
    return {}
