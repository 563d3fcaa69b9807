"""Files that are there whole or not at all."""

import os
import tempfile
from pathlib import Path

__all__ = ["write_aside"]


def write_aside(path: Path, content: bytes) -> None:
    """Write a file beside its place, then put it there: who reads `path` sees the old content or the new one.

    Parameters
    ----------
    path : Path
        In a folder that exists. A file that is there is replaced once the new one is on the disk.
    content : bytes
        All of it.
    """
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(aside).chmod(0o644)  # mkstemp's own mode keeps others from reading
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
