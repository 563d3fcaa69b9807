"""What `model.save` of Stable-Baselines3 writes, read without the library and without unpickling anything.

A zip holds the weights, ``policy.pth``, and the settings as JSON, ``data``. Settings that are objects stand there
twice: pickled, which is never read, and as readable text, which tells shapes and numbers of actions.
"""

import dataclasses
import io
import json
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from rlvision_widgets.agents.adapters.convolutions import Size
from rlvision_widgets.agents.adapters.policy import Policy
from rlvision_widgets.agents.adapters.reading import first_line, read_torch
from rlvision_widgets.agents.adapters.stable_baselines3 import ONE_OF, WRAP, Settings, of_state, scale_of

__all__ = ["of_zip"]

MEMBERS = ("data", "policy.pth", "_stable_baselines3_version")
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError)  # also of encryption and odd compression
SHORTENED = "damaged or shortened"


def of_zip(path: Path, *, size: Size | None = None, stack: int | None = None) -> Policy:
    """Return the policy in a file of `model.save`.

    Parameters
    ----------
    path : Path
        The zip.
    size, stack : optional
        Height and width of a frame, and how many the network sees at once, where the file does not say it.

    Raises
    ------
    ValueError
        When the file is damaged, no zip, or not Stable-Baselines3's; when the policy is of another kind than CnnPolicy
        with discrete actions; when names or shapes of weights differ from its network's, with every difference.
    """
    data, state, version = _read(path)
    actions = _type(data, "action_space")
    if actions not in ("", "Discrete"):
        raise ValueError(f"its actions are a {actions} space; {ONE_OF}")
    policy = of_state(state, size=size, stack=stack, settings=_settings(data))
    if policy is None:
        raise ValueError(f"its weights are none of Stable-Baselines3's, but {', '.join(list(state)[:4])}, … {WRAP}")
    return dataclasses.replace(policy, info={**policy.info, "library": f"Stable-Baselines3 {version}".rstrip()})


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor], str]:
    """Return settings, weights and the library's version."""
    members = _members(path)
    try:
        data = json.loads(members["data"])
    except ValueError as error:
        raise ValueError(f"its settings, 'data', are no JSON: {error}") from error
    try:
        state = read_torch(io.BytesIO(members["policy.pth"]))
    except ValueError as error:
        raise ValueError(f"its weights, 'policy.pth', cannot be read: {error}") from error
    if not isinstance(data, dict) or not isinstance(state, Mapping):
        raise ValueError("its settings and weights are no mappings, as Stable-Baselines3 writes them")
    return data, dict(state), members.get("_stable_baselines3_version", b"").decode(errors="replace").strip()


def _members(path: Path) -> dict[str, bytes]:
    """Return what is read of the file."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if names and names[0] != _first_name(path):  # weights are a zip too, which is found when the end is missing
                raise zipfile.BadZipFile("its end is missing")
            if not {"data", "policy.pth"} <= set(names):
                raise ValueError(_no_model(names))
            return {name: archive.read(name) for name in names if name in MEMBERS}
    except DAMAGED as error:
        raise ValueError(f"it is no zip of Stable-Baselines3, or {SHORTENED} ({first_line(error)})") from error


def _first_name(path: Path) -> str:
    """Return the name of the member that a zip begins with."""
    with path.open("rb") as file:
        head = file.read(30)
        return file.read(int.from_bytes(head[26:28], "little")).decode(errors="replace")


def _no_model(names: list[str]) -> str:
    listed = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    if any(name.endswith("data.pkl") for name in names):
        return "it is a file of torch.save, no zip of Stable-Baselines3: rename it so that it ends with .pt"
    return f"it is no zip of Stable-Baselines3: it lacks 'data' or 'policy.pth' and holds {listed or 'nothing'}"


def _type(data: Mapping[str, Any], key: str) -> str:
    """Return the class of one of the settings, or nothing where the file does not say it."""
    kind = data.get(key)
    named = re.search(r"(\w+)'>$", str(kind.get(":type:"))) if isinstance(kind, Mapping) else None
    return named[1] if named else ""


def _settings(data: Mapping[str, Any]) -> Settings:
    images, actions, kwargs = (
        value if isinstance(value := data.get(key), Mapping) else {}
        for key in ("observation_space", "action_space", "policy_kwargs")
    )
    shape = images.get("_shape", images.get("shape"))
    whole = isinstance(shape, list) and all(isinstance(length, int) for length in shape)
    highest = re.search(r"\d+(\.\d*)?", str(images.get("high", "")))
    scale = scale_of(
        str(images.get("dtype", "uint8")),
        float(highest[0]) if highest else 255.0,
        kwargs.get("normalize_images") is not False,
    )
    said = str(kwargs.get("activation_fn", ""))
    activation = re.search(r"(\w+)'>$", said)
    number = str(actions.get("n", ""))
    return Settings(
        tuple(shape) if whole else (),
        None,
        scale,
        activation[1].lower() if activation else said,  # anything but a class is refused there
        int(number) if number.isdigit() else None,
    )
