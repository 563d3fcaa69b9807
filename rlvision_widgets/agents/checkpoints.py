"""Agents on disk: one ``.safetensors`` file with the weights and, as JSON in its header, all the rest."""

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import save

from rlvision_widgets.agents.adapters.files import SUFFIXES, load_file
from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.checks import check_observation_shape
from rlvision_widgets.agents.index import PREFIX, load_from_index
from rlvision_widgets.agents.networks import ARCHITECTURES
from rlvision_widgets.agents.probing import probed
from rlvision_widgets.agents.published import load_published
from rlvision_widgets.agents.recurrent import GruNetwork
from rlvision_widgets.agents.staged import StagedNetwork
from rlvision_widgets.agents.weights import check_shapes, weights_digest
from rlvision_widgets.aside import write_aside
from rlvision_widgets.names import environment_options, nearest, strict_keywords, unknown

__all__ = ["FORMAT", "bundled_agents", "load_agent", "save_agent"]

FORMAT = 1
SAVED: dict[str, type[StagedNetwork]] = {**ARCHITECTURES, GruNetwork.architecture: GruNetwork}
KEY = "rlvision_widgets"  # of the JSON text among the file's metadata
FIELDS = ("name", "action_names", "environment", "value_scale", "info", "checkpoint")
MODELS = Path(__file__).parent.parent / "models"


@strict_keywords
def load_agent(
    name_or_path: str | Path,
    *,
    environment: str | Mapping[str, Any] | None = None,
    value_scale: float | None = None,
    action_names: Sequence[str] | None = None,
    name: str | None = None,
    observation_shape: tuple[int, int, int] | None = None,
    stack: int | None = None,
) -> Agent:
    """Return an agent by its name or from a file. No code in a file is run.

    Parameters
    ----------
    name_or_path : str or Path
        One of

        - the name of a bundled agent (`bundled_agents`), e.g. ``"coinrun"``;
        - the name of a published one (`published_agents`), e.g. ``"openai:procgen/maze"``, fetched the first time;
        - a ``.safetensors`` file as `save_agent` writes it, or a published ``.jd`` checkpoint;
        - a ``.zip`` of Stable-Baselines3 with a CnnPolicy (PPO, A2C, DQN and others with discrete actions);
        - a file of ``torch.save``, ``.pt``, ``.pth`` or ``.cleanrl_model``, with the weights of an agent of CleanRL, of
          train-procgen-pytorch or of pfrl.
    environment : str or mapping, optional
        What it was trained on, instead of what the file says: ``{"name": "coinrun", "distribution_mode": "hard", …}``,
        or the name alone.
    value_scale, action_names, name : optional
        As in `Agent`, instead of what the file says. Other libraries' files say none of them.
    observation_shape : (int, int, int), optional
        Height, width and number of colours of one frame, where the file does not say it: in files of ``torch.save``.
        Without it: the most customary size that fits the weights.
    stack : int, optional
        How many frames the network sees at once, on its colours. Without it, as many as there are colours if they are
        not those of frames of red, green and blue: four colours are four grey frames.

    Returns
    -------
    Agent
        Of action values (Q-learning), ``info["logits"]`` is ``"action values"`` and the value None.

    Raises
    ------
    ValueError
        When no bundled agent has that name, the suffix is of no known format, or the file is damaged or holds
        something else; for weights with every difference of names and shapes.
    FileNotFoundError
        When there is no such file.
    ConnectionError
        When a published agent cannot be fetched.
    """
    if not isinstance(name_or_path, str | os.PathLike):
        raise TypeError(
            f"load_agent takes a name or a path, and a {type(name_or_path).__name__} came; rlv.wrap_agent makes an "
            "agent of a model or a module."
        )
    check_observation_shape(observation_shape)
    given: dict[str, Any] = {
        "environment": None if environment is None else environment_options(environment),
        "value_scale": value_scale,
        "action_names": action_names,
        "name": name,
    }
    shown = {"observation_shape": observation_shape, "stack": stack}
    agent = _opened(name_or_path, {key: value for key, value in shown.items() if value is not None})
    return probed(dataclasses.replace(agent, **{key: value for key, value in given.items() if value is not None}))


def _opened(name_or_path: str | Path, shown: dict[str, Any]) -> Agent:
    """Return the agent of a name or in a file; `shown` is what is said of the frames of another library's file."""
    path = Path(name_or_path)
    if path.suffix in SUFFIXES and path.is_file():
        return load_file(path, **shown)
    if shown:
        raise ValueError(f"{name_or_path} says itself what its agent sees; leave out {' and '.join(shown)}")
    if str(name_or_path).startswith(PREFIX):
        return load_from_index(str(name_or_path))
    if not path.suffix and str(name_or_path) == path.name and not path.exists():
        return _load_bundled(path.name)
    if path.is_dir():
        raise ValueError(f"{path} is a folder; pass the file in it that holds the weights{_weights_in(path)}")
    readers = {".safetensors": _load_safetensors, ".jd": load_published, **dict.fromkeys(SUFFIXES, load_file)}
    if path.suffix not in readers:
        hint = "For another format, build the network, load its weights and pass it to rlv.wrap_agent."
        raise ValueError(f"{path}: " + unknown("suffix", path.suffix, readers, hint))
    if not path.is_file():
        others = [other.name for other in path.parent.glob("*") if other.suffix in readers]
        guess = nearest(path.name, others)
        raise FileNotFoundError(f"no file {path}" + (f"; there is {path.with_name(guess)}" if guess else ""))
    return readers[path.suffix](path)


def _weights_in(folder: Path) -> str:
    found = sorted(path for path in folder.iterdir() if path.suffix in (".safetensors", ".jd", *SUFFIXES))
    return f", e.g. {found[0]}" if found else ""


def bundled_agents() -> dict[str, str]:
    """Return the agents that come with the package: by name, what each is and how it plays.

    `load_agent` takes the names; the card of each is ``load_agent(name).info["card"]``, and as a text to read
    ``models/<name>.md`` of the package.
    """
    cards = {path.stem: path.with_suffix(".json") for path in sorted(MODELS.glob("*.safetensors"))}
    return {
        name: str(json.loads(card.read_text(encoding="utf-8")).get("summary", "")) if card.is_file() else ""
        for name, card in cards.items()
    }


@strict_keywords
def save_agent(agent: Agent, path: str | Path) -> None:
    """Write an agent to a ``.safetensors`` file that `load_agent` opens.

    Parameters
    ----------
    agent : Agent
        With one of the package's own networks; a wrapped module's class cannot be stored.
    path : str or Path
        Ends with ``.safetensors``. A file that is there is replaced once the new one is complete.

    Raises
    ------
    ValueError
        When the suffix is another, the agent is a wrapped module or edited, or a field is not JSON-friendly.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise ValueError(f"{path} has to end with .safetensors")
    if not isinstance(agent.network, StagedNetwork):
        raise ValueError(
            f"agent {agent.name!r} is a wrapped module, whose class a file cannot hold: "
            "save module.state_dict() with torch.save and wrap the module again after loading"
        )
    if agent.edits:
        raise ValueError(
            f"agent {agent.name!r} is edited; rlv.export_weights(agent) makes a plain agent of it, where that can be, "
            "and network_edits_to_json(agent.edits) keeps the edits themselves"
        )
    description = {
        "format": FORMAT,
        "architecture": agent.network.architecture,
        "options": agent.network.options,
        **{field: getattr(agent, field) for field in FIELDS},
        **({"stack": agent.stack} if agent.stack > 1 else {}),
        # of these very weights: an agent that was cast has the hash of the original
        "weights": weights_digest(agent.network),
    }
    try:
        metadata = {KEY: json.dumps(description, allow_nan=False)}
    except (TypeError, ValueError) as error:
        raise ValueError(f"agent {agent.name!r}: environment and info have to be JSON-friendly: {error}") from error
    weights = {name: tensor.cpu().contiguous() for name, tensor in agent.network.state_dict().items()}
    write_aside(path, save(weights, metadata))


def _load_bundled(name: str) -> Agent:
    names = bundled_agents()
    if name not in names:
        hint = "Or pass the path of a .safetensors or .jd file."
        raise ValueError(unknown("bundled agent", name, names, hint))
    agent = _load_safetensors(MODELS / f"{name}.safetensors")
    card = MODELS / f"{name}.json"
    if not card.is_file():
        return agent
    return dataclasses.replace(agent, info={**agent.info, "card": json.loads(card.read_text(encoding="utf-8"))})


def _load_safetensors(path: Path) -> Agent:
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
    except (safetensors.SafetensorError, OSError) as error:
        raise ValueError(f"{path} cannot be read; it is damaged or no safetensors file: {error}") from error
    try:
        description = _description(metadata)
        network = _network(description)
        expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
        found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
        check_shapes(expected, found, f"the {description['architecture']} network that the file describes")
        network.load_state_dict(weights, assign=True)
        if weights_digest(network) != description["weights"]:
            raise ValueError("the weights are not those that were saved: their hash differs from the recorded one")
        return Agent(network, **{field: description[field] for field in FIELDS}, stack=description.get("stack", 1))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _description(metadata: dict[str, str]) -> dict[str, Any]:
    if KEY not in metadata:
        raise ValueError(
            "it holds weights, but not what save_agent writes beside them; load them into a module (wrap_agent)"
        )
    description = json.loads(metadata[KEY])
    if description.get("format") != FORMAT:
        raise ValueError(f"its format is {description.get('format')!r}; this version of the package reads {FORMAT}")
    missing = [key for key in ("architecture", "options", "weights", *FIELDS) if key not in description]
    if missing:
        raise ValueError(f"its description lacks {', '.join(missing)}")
    return description  # type: ignore[no-any-return]


def _network(description: dict[str, Any]) -> StagedNetwork:
    architecture = description["architecture"]
    if architecture not in SAVED:
        raise ValueError(unknown("architecture", architecture, SAVED))
    try:
        with torch.device("meta"):  # shapes without memory, until they are known to be those of the file
            return SAVED[architecture](**description["options"])
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"its options do not fit the {architecture} network: {error}") from error
