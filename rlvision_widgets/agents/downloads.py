"""Files of others, fetched once: kept in a cache folder, and the same from then on, which their sha256 shows."""

import hashlib
import os
import re
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tqdm import auto

__all__ = ["CACHE", "cache_folder", "fetched"]

CACHE = "RLVISION_CACHE"
"""The environment variable that names another cache folder."""

SHA256 = re.compile(r"[0-9a-f]{64}")
PATIENCE = 30  # seconds without an answer


def cache_folder() -> Path:
    """Return where fetched files are kept: ``RLVISION_CACHE``, or the platform's folder for that."""
    import pooch

    return Path(os.environ.get(CACHE) or pooch.os_cache("rlvision_widgets"))


def fetched(root: str, name: str, folder: Path, sha256: str | None = None) -> Path:
    """Return the path of a file in `folder`, which is fetched when it is not there.

    Parameters
    ----------
    root : str
        What stands before `name` in its address.
    name : str
        Its path, below `root` and below `folder`.
    folder : Path
        A file that was put there by hand is as good as a fetched one.
    sha256 : str, optional
        Of the file. Without it that of the first file seen is written down beside it (``.sha256``), and any other is
        refused from then on.

    Raises
    ------
    ConnectionError
        When the file cannot be fetched: says why, and where to put it by hand.
    ValueError
        When the file is another than that of the sha256.
    """
    path, record = folder / name, folder / f"{name}.sha256"
    expected = sha256 or _recorded(record)
    if not path.is_file():
        _fetch(root, name, folder, expected)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if expected is None:
        record.write_text(found + "\n")  # cut short, it would be as if there were none
    elif found != expected:
        raise ValueError(
            f"{path} is damaged, or another file than before: its sha256 is {found}, expected {expected}. "
            "Delete it, and it is fetched again."
        )
    return path


def _recorded(record: Path) -> str | None:
    known = record.read_text().strip() if record.is_file() else ""
    return known if SHA256.fullmatch(known) else None


def _fetch(root: str, name: str, folder: Path, sha256: str | None) -> None:
    """Put the file into the folder, whole or not at all."""
    import pooch
    import requests

    store = pooch.create(path=folder, base_url=root, registry={name: sha256 and f"sha256:{sha256}"})
    try:
        with _bar(desc=name, total=1, unit="B", unit_scale=True) as shown:  # pooch sets the total
            store.fetch(name, downloader=pooch.HTTPDownloader(progressbar=shown, chunk_size=2**16, timeout=PATIENCE))
    except requests.RequestException as error:
        raise ConnectionError(
            f"{root}{name} cannot be fetched: {_reason(error)}. Without a network here, fetch it elsewhere and put it "
            f"at {folder / name}; it is then opened from there. ({CACHE} names another folder for such files.)"
        ) from error
    except ValueError as error:  # pooch's, which keeps nothing
        raise ValueError(
            f"{root}{name} is now another file: its sha256 is not {sha256}, as it was. Nothing was kept. To take the "
            f"new one all the same, fetch it yourself and open it by its path."
        ) from error


def _reason(error: Exception) -> str:
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        code = error.response.status_code
        phrase = HTTPStatus(code).phrase if code in set(HTTPStatus) else ""
        return f"the server answers {code} {phrase}".strip()
    if isinstance(error, requests.Timeout):
        return f"no answer within {PATIENCE} seconds"
    if isinstance(error, requests.ConnectionError):
        return "no connection to the server"
    return str(error)


_bar: Any = auto.tqdm  # which class that is depends on where Python runs, so type checkers cannot know
