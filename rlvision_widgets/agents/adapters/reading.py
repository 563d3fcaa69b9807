"""What `torch.save` wrote, read without unpickling objects; why it cannot be read, in words."""

import pickle
import re
from pathlib import Path
from typing import IO, Any

import torch

__all__ = ["first_line", "read_torch"]


def read_torch(file: Path | IO[bytes]) -> Any:
    """Return what a file of `torch.save` holds: tensors, numbers, text, and lists and dicts of them.

    Parameters
    ----------
    file : Path or open file
        Tensors come to the CPU, wherever they were.

    Raises
    ------
    ValueError
        When the file is damaged, of another format, or holds any other object, which is then named.
    """
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        foreign = re.search(r"\bGLOBAL ([\w.]+)", str(error))
        if foreign is None:
            raise ValueError(f"it is no file of torch.save ({type(error).__name__}); flax's are not read") from error
        raise ValueError(
            f"it holds objects besides weights ({foreign[1]}), which are not unpickled. Load it with the code that "
            "wrote it and save module.state_dict() with torch.save, or pass the module to rlv.wrap_agent."
        ) from error
    except (RuntimeError, ValueError, EOFError, OSError) as error:
        raise ValueError(f"it is damaged or shortened ({first_line(error)})") from error


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or its kind where it has none."""
    return next(iter(str(error).splitlines()), type(error).__name__)
