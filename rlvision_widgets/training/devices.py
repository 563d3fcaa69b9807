"""Where the network runs, and how bytes come there."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

__all__ = ["Ferry", "check_device"]


def check_device(name: str) -> torch.device:
    """Return the device of that name.

    Raises
    ------
    ValueError
        When it is none, or one that this machine or this torch does not have.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device {name!r} is none; cpu and cuda are, and cuda:1 the second of several.") from error
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"agents are trained on cpu or cuda, and the device {name!r} came.")
    if device.type == "cuda" and not torch.cuda.is_available():
        built = "was built without CUDA" if torch.version.cuda is None else "finds no CUDA device"
        raise ValueError(
            f"device {name!r}: torch {torch.__version__} {built}. Train on the cpu (--device cpu), or on a machine "
            "with an NVIDIA GPU and a torch for it (pytorch.org says how to install one)."
        )
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"device {name!r}: there are {torch.cuda.device_count()}, counted from cuda:0.")
    return device


class Ferry:
    """Carries arrays to a device: through memory that the GPU can read by itself, so that nobody waits.

    An array must not be sent before the one sent last has arrived; waiting for anything computed from that one says so.
    """

    def __init__(self, device: torch.device) -> None:
        self._pinned = device.type == "cuda"
        self._buffer: Tensor | None = None

    def send(self, array: npt.NDArray[np.generic], target: Tensor) -> None:
        """Copy `array` into `target`; on a GPU it may still be on its way when this returns."""
        source = torch.from_numpy(array)
        if self._pinned:
            if self._buffer is None:
                self._buffer = torch.empty(source.shape, dtype=source.dtype, pin_memory=True)
            source = self._buffer.copy_(source)
        target.copy_(source, non_blocking=True)
