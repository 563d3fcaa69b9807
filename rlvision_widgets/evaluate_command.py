"""``rlvision evaluate``: an agent, edited agents and edited worlds on the same levels, from a shell."""

import argparse
import json
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlvision_widgets.aside import write_aside
from rlvision_widgets.edit_data import read_edits
from rlvision_widgets.names import unknown

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["PRECISIONS", "add_arguments", "environment_from", "named", "run"]

PRECISIONS = ("float32", "bfloat16")
DATA = (".nc", ".zarr", ".csv")


def add_arguments(parser: argparse.ArgumentParser, positive: Callable[[str], int]) -> None:
    """Add the command's arguments to a parser."""
    parser.add_argument("agent", help="a bundled agent's name, or a .safetensors or .jd file")
    parser.add_argument("--levels", type=positive, default=2048, metavar="N", help="levels (default 2048)")
    parser.add_argument(
        "--level-seeds",
        metavar="FROM:TO",
        help="play these levels, TO left out, such as an agent's training levels 0:100",
    )
    parser.add_argument("--seed", type=int, default=0, help="draws the levels and the action noise (default 0)")
    parser.add_argument(
        "--environment",
        metavar="OPTIONS",
        help='change options of the agent\'s world, as JSON: \'{"distribution_mode": "hard"}\'',
    )
    parser.add_argument("--random", action="store_true", help="play the agent's buttons at random instead")
    parser.add_argument(
        "--edit",
        action="append",
        default=[],
        metavar="NAME=EDITS",
        help="play the agent with these edits too: a .json file, JSON itself, or STUDY#NAME, edits kept in a study",
    )
    parser.add_argument(
        "--world",
        action="append",
        default=[],
        metavar="NAME=EDITS",
        help='play in worlds with these edits too: a .json file, or JSON such as \'[{"kind": "hide", "what": "saw"}]\'',
    )
    parser.add_argument(
        "--precision", choices=PRECISIONS, default="float32", help="bfloat16 is faster (default float32)"
    )
    parser.add_argument(
        "--path", type=Path, metavar="FILE", help="append outcomes as they come; go on from there later"
    )
    parser.add_argument("--scheduler", metavar="ADDRESS", help="spread it over this dask scheduler's workers")
    parser.add_argument("--data", type=Path, metavar="FILE", help="write all outcomes: .nc, .zarr or .csv")
    parser.add_argument("--card", type=Path, metavar="FILE", help="write the edit card as one offline page, .html")
    parser.add_argument("--target", metavar="CAUSE", help="the cause that the edits are meant to change, for the card")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="write the summary here as well")


def run(options: argparse.Namespace) -> int:
    """Evaluate, print a summary, and write what was asked for."""
    from rlvision_widgets.evaluate_summary import summary, told_lines

    edits = {name: _network_edits(text) for name, text in named("--edit", options.edit).items()}
    world = {name: read_edits(text) for name, text in named("--world", options.world).items()}
    _check_outputs(options, comparing=bool(edits or world))
    _check_target(options, edits)
    try:
        result = _evaluated(options, edits, world)
    except KeyboardInterrupt:
        if options.path is not None:
            raise
        print("\nInterrupted; nothing is kept. With --path FILE it would be, and go on from there.", file=sys.stderr)
        return 130
    if options.data is not None:
        _write_data(result, options.data)
    print("\n".join(told_lines(result)))
    if options.json is not None:
        write_aside(options.json, (json.dumps(summary(result), indent=2) + "\n").encode())
    if options.card is not None:
        _write_card(result, options)
    return 0


def _evaluated(options: argparse.Namespace, edits: dict[str, Any], world: dict[str, Any]) -> "xr.Dataset":
    from rlvision_widgets.agents import load_agent
    from rlvision_widgets.analysis.evaluation import evaluate
    from rlvision_widgets.analysis.players import RandomPlayer

    agent = load_agent(options.agent)
    environment = environment_from(options.environment)
    if options.random:
        if edits:
            raise ValueError("--random plays without a network: leave --edit out.")
        environment = {**agent.environment, **environment}
    return evaluate(
        RandomPlayer(agent.action_names) if options.random else agent,
        levels=options.levels if options.level_seeds is None else _level_seeds(options.level_seeds),
        seed=options.seed,
        edits=edits,
        world=world,
        environment=environment or None,
        precision=options.precision,
        path=options.path,
        client=_client(options.scheduler),
    )


def environment_from(text: str | None) -> dict[str, Any]:
    """Return the options that change the agent's world."""
    try:
        options = json.loads(text or "{}")
    except ValueError as error:
        raise ValueError(f"--environment takes options as JSON, and {text!r} is none: {error}.") from error
    if not isinstance(options, dict):
        raise ValueError(
            f'--environment takes options by name, such as {{"distribution_mode": "hard"}}; {text!r} came.'
        )
    return options


def _level_seeds(text: str) -> range:
    first, colon, last = text.partition(":")
    if not (colon and first.isdecimal() and last.isdecimal() and int(first) < int(last)):
        raise ValueError(f"--level-seeds takes FROM:TO with FROM < TO, such as 0:100, and {text!r} came.")
    return range(int(first), int(last))


def named(option: str, given: Sequence[str]) -> dict[str, str]:
    """Return what was given as NAME=…, by name.

    Raises
    ------
    ValueError
        When one has no name or nothing behind it, or a name comes twice.
    """
    named: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name.strip() and equals and value.strip()):
            raise ValueError(f"{option} takes NAME=EDITS, such as 'saws hidden=hidden.json', and {text!r} came.")
        if name in named:
            raise ValueError(f"{option} {name!r} came twice; give each condition its own name.")
        named[name] = value
    return named


def _network_edits(text: str) -> Any:
    """Return edits kept in a study for STUDY#NAME, and JSON otherwise."""
    if text.lstrip().startswith(("[", "{")) or "#" not in text or Path(text).is_file():
        return read_edits(text)
    from rlvision_widgets.analysis.kept_edits import kept_edits
    from rlvision_widgets.storage import open_study

    parts = text.split("#")  # the name may have such signs too, and so may the path
    splits = [("#".join(parts[:at]), "#".join(parts[at:])) for at in range(1, len(parts))]
    path, name = next((split for split in splits if Path(split[0]).exists()), splits[0])
    kept = kept_edits(open_study(Path(path)))
    if name not in kept:
        raise ValueError(unknown(f"edits of {path}", name, kept, "rlv.keep_edits(study, name, edits) keeps some."))
    return kept[name]


def _check_outputs(options: argparse.Namespace, comparing: bool) -> None:
    """Refuse what would fail only after hours of playing."""
    for path, suffixes in ((options.data, DATA), (options.card, (".html",)), (options.json, None)):
        if path is None:
            continue
        if suffixes is not None and path.suffix not in suffixes:
            raise ValueError(f"{path} should end in {' or '.join(suffixes)}.")
        if not path.parent.is_dir():
            raise ValueError(f"there is no folder {path.parent} to write {path.name} into.")
        if path.suffix == ".zarr" and path.exists() and not (path / "success").is_dir():  # it would be replaced whole
            raise ValueError(f"{path} is there and holds no evaluation, perhaps a study; give --data another name.")
    if options.card is not None and not comparing:
        raise ValueError("--card compares conditions: give --edit or --world as well.")


def _check_target(options: argparse.Namespace, edits: Collection[str]) -> None:
    if options.target is None:
        return
    if options.card is None or not edits:
        raise ValueError("--target is what the card asks of edits of the network: give --card and --edit as well.")
    from rlvision_widgets.agents import load_agent
    from rlvision_widgets.analysis.edit_card import check_targets

    if load_agent(options.agent).environment.get("name") == "coinrun":  # other games' causes show when they occur
        check_targets(dict.fromkeys(edits, options.target), list(edits))


def _client(address: str | None) -> Any:
    if address is None:
        return None
    try:
        from distributed import Client
    except ImportError as error:
        raise ImportError("--scheduler needs dask: pip install 'rlvision-widgets[cluster]'.") from error
    return Client(address, timeout="10s")


def _write_data(result: "xr.Dataset", path: Path) -> None:
    if path.suffix == ".csv":
        result.to_dataframe().reset_index().drop(columns="level").to_csv(path, index=False)
    elif path.suffix == ".zarr":
        result.to_zarr(path, mode="w", consolidated=False)
    else:
        result.to_netcdf(path)


def _write_card(result: "xr.Dataset", options: argparse.Namespace) -> None:
    from rlvision_widgets.analysis.edit_card import edit_card
    from rlvision_widgets.snapshot import save_snapshot

    card = edit_card(result, target=options.target)
    save_snapshot(card, options.card)
    print(f"Written: {options.card}. It opens without a network.")
