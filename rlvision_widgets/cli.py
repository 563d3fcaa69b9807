"""The ``rlvision`` command: the package's main jobs from a shell."""

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from rlvision_widgets import check_command, evaluate_command
from rlvision_widgets.model_card import command as card_command
from rlvision_widgets.names import nearest

if TYPE_CHECKING:
    import xarray as xr

    from rlvision_widgets.agents import Agent

__all__ = ["main"]

NOTEBOOK = "coinrun.ipynb"


class _Parser(argparse.ArgumentParser):
    """An argument parser that names the nearest right word beside a wrong one."""

    def error(self, message: str) -> NoReturn:
        wrong = message.rsplit(":", 1)[-1].strip().split(" ")[0].strip("'\"")
        guess = nearest(wrong, self._words()) if wrong else None
        meant = f"; did you mean {guess!r}?" if guess not in (None, wrong) else ""
        super().error(message + meant)

    def _words(self) -> list[str]:
        """Return all that can be written: options and choices, those of the commands too."""
        choices = [choice for action in self._actions for choice in (action.choices or ())]
        commands = [
            command
            for action in self._actions
            if isinstance(action.choices, dict)
            for command in action.choices.values()
        ]
        options = [option for action in self._actions for option in action.option_strings]
        return [*options, *map(str, choices), *(word for command in commands for word in command._words())]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (default: the process's own) and return its exit status."""
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except KeyboardInterrupt:
        print("\nInterrupted; what was finished is kept.", file=sys.stderr)
        return 130
    except (OSError, TypeError, ValueError, KeyError, RuntimeError, ImportError) as error:
        if options.traceback:
            raise
        message = error.args[0] if isinstance(error, KeyError) and error.args else error
        print(f"rlvision {options.command}: {message}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    from rlvision_widgets import __version__

    parser = _Parser(prog="rlvision", description="See what a trained vision agent sees.")
    parser.add_argument("--version", action="version", version=f"rlvision-widgets {__version__}")
    parser.add_argument("--traceback", action="store_true", help="show where in the code an error arose")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command", parser_class=_Parser)

    demo = commands.add_parser("demo", help="build a study of the bundled CoinRun agent and open it in JupyterLab")
    demo.add_argument("--no-lab", action="store_true", help="stop before JupyterLab starts")
    demo.add_argument("--trajectories", type=_positive, default=8, metavar="N", help="trajectories (default 8)")
    demo.add_argument("--steps", type=_positive, default=512, metavar="N", help="steps of each (default 512)")
    demo.set_defaults(run=_demo)

    build = commands.add_parser("build", help="build a study of an agent and save it")
    build.add_argument("agent", help="a bundled agent's name, or a .safetensors or .jd file")
    build.add_argument("study", type=Path, help="where to save it: a folder.zarr, or one file.zarr.zip")
    build.add_argument("--trajectories", type=_positive, default=8, metavar="N", help="trajectories (default 8)")
    build.add_argument("--steps", type=_positive, default=512, metavar="N", help="steps of each (default 512)")
    build.add_argument("--layers", nargs="+", default=None, metavar="LAYER", help="layers to attribute (default 2b)")
    build.add_argument("--outputs", nargs="+", default=None, metavar="OUTPUT", help="outputs (default value)")
    build.add_argument("--features", type=_positive, default=8, metavar="N", help="NMF features a layer (default 8)")
    build.add_argument("--seed", type=int, default=0)
    build.set_defaults(run=_build)

    snapshot = commands.add_parser("snapshot", help="write a saved study as one offline HTML page")
    snapshot.add_argument("study", type=Path)
    snapshot.add_argument("page", type=Path, help="the page to write, e.g. coinrun.html")
    snapshot.add_argument("--title", default=None)
    snapshot.set_defaults(run=_snapshot)

    evaluate = commands.add_parser(
        "evaluate", help="measure how often an agent completes levels, and why not; also edited"
    )
    evaluate_command.add_arguments(evaluate, _positive)
    evaluate.set_defaults(run=evaluate_command.run)

    check = commands.add_parser("check", help="check that an agent sees, can be looked into, and plays above chance")
    check_command.add_arguments(check, _positive)
    check.set_defaults(run=check_command.run)

    card = commands.add_parser("card", help="measure an agent and write its model card")
    card_command.add_arguments(card, _positive)
    card.set_defaults(run=card_command.run)

    train = commands.add_parser("train", help="train an agent with PPO, alone or with a teacher")
    train.set_defaults(run=_train)
    # Building training's options imports no torch.
    from rlvision_widgets.training import add_arguments

    add_arguments(train)
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text}")
    return number


def _demo(options: argparse.Namespace) -> int:
    from rlvision_widgets.agents import load_agent
    from rlvision_widgets.snapshot import save_snapshot

    study = _demo_study(load_agent("coinrun"), Path("coinrun.zarr"), options)
    save_snapshot(study, Path("coinrun.html"))
    notebook = Path(NOTEBOOK)
    if not notebook.exists():
        _copy_notebook(notebook)
    print(f"Written here: coinrun.zarr (the study), coinrun.html (open it in any browser), {notebook}.")
    if options.no_lab:
        return 0
    if shutil.which("jupyter-lab", path=_scripts_path()) is None:
        raise RuntimeError("JupyterLab is not installed: `pip install jupyterlab`, then `jupyter lab coinrun.ipynb`.")
    command = [sys.executable, "-m", "jupyterlab", str(notebook)]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # Jupyter refuses to start as root without it
    sys.stdout.flush()
    os.execv(sys.executable, command)


def _demo_study(agent: "Agent", path: Path, options: argparse.Namespace) -> "xr.DataTree":
    """Return the study at `path` when it is this agent's and of this size; build and save it otherwise."""
    from rlvision_widgets.storage import open_study, save_study
    from rlvision_widgets.study import build_study

    if path.exists():
        study = open_study(path)
        wanted = (agent.checkpoint, options.trajectories, options.steps)
        if (study.attrs["checkpoint"], study.sizes["trajectory"], study.sizes["step"]) == wanted:
            print(f"Using the study in {path}; delete it to build it anew.")
            return study
    study = build_study(agent, num_trajectories=options.trajectories, num_steps=options.steps)
    save_study(study, path)
    return study


def _copy_notebook(target: Path) -> None:
    """Copy the example notebook: from the wheel, or from the source tree that is installed as editable."""
    packaged = files("rlvision_widgets") / "examples" / NOTEBOOK
    in_source_tree = Path(__file__).parent.parent / "examples" / NOTEBOOK
    with as_file(packaged) as path:
        shutil.copyfile(path if path.exists() else in_source_tree, target)


def _scripts_path() -> str:
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


def _build(options: argparse.Namespace) -> int:
    from rlvision_widgets.agents import load_agent
    from rlvision_widgets.storage import save_study
    from rlvision_widgets.study import build_study

    study = build_study(
        load_agent(options.agent),
        num_trajectories=options.trajectories,
        num_steps=options.steps,
        layers=options.layers,
        outputs=options.outputs,
        num_features=options.features,
        seed=options.seed,
    )
    save_study(study, options.study)
    print(f"Saved {options.study}. See it: rlv.Explorer({str(options.study)!r}), or `rlvision snapshot`.")
    return 0


def _snapshot(options: argparse.Namespace) -> int:
    from rlvision_widgets.snapshot import save_snapshot
    from rlvision_widgets.storage import open_study

    save_snapshot(open_study(options.study), options.page, title=options.title)
    print(f"Written: {options.page} ({options.page.stat().st_size / 1e6:.1f} MB). It opens without a network.")
    return 0


def _train(options: argparse.Namespace) -> int:
    from rlvision_widgets.training import options_from_arguments, train

    train(options_from_arguments(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
