"""A study on disk: one zarr store, as a folder or as one .zip file.

Nothing of torch or of the environment is needed to open one. Arrays are read when they are used, a chunk at a time.
"""

import json
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from zarr.codecs import ZstdCodec
from zarr.storage import ZipStore

from rlvision_widgets import schema
from rlvision_widgets.names import strict_keywords

__all__ = ["open_study", "save_study"]

# One chunk is what a view asks for at a time. Arrays below WHOLE bytes are one chunk: curves are read as a whole.
CHUNKS = {"trajectory": 1, "step": schema.CHUNK, "sample": 64}
WHOLE = 2**20
# Frames repeat from step to step, which zstd sees across a whole chunk and Blosc's small blocks hide: 48 MiB of CoinRun
# take 3.8 MiB at level 5; level 9 gains a tenth at twice the time.
COMPRESSOR = ZstdCodec(level=5)


@strict_keywords
def save_study(study: xr.DataTree, path: str | os.PathLike[str]) -> None:
    """Write a study to disk, whole.

    The new store is written aside and takes the place of an earlier one when it is complete: whatever goes wrong
    before, the earlier study stays as it was. A process that is killed may leave a hidden folder ``.<name>.*`` behind.

    Parameters
    ----------
    study : DataTree
        Follows `rlvision_widgets.schema`; may be one that `open_study` opened from the same path.
    path : path
        A folder such as ``coinrun.zarr``, or a file if it ends in ``.zip``, such as ``coinrun.zarr.zip``. A study
        that is already there is replaced.

    Raises
    ------
    ValueError
        If the study is empty or does not follow the schema.
    FileExistsError
        If there is something at the path that is no study.
    OSError
        If it cannot be written, for instance because the disk is full.
    """
    if not isinstance(study, xr.DataTree):
        raise TypeError(
            f"save_study writes an xarray.DataTree, as build_study returns, not {type(study).__name__}; "
            "a rollout becomes one by xarray.DataTree(rollout)"
        )
    if study.sizes.get("trajectory", 0) == 0 or study.sizes.get("step", 0) == 0:
        raise ValueError("this study is empty: it has no steps. Fill it with build_study before saving it.")
    schema.check(study)
    target = Path(path).absolute()
    _recover(target)
    if target.exists():
        _refuse_other(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _aside(target) as folder:
        new = folder / "study.zarr"
        _write(study, new)
        _swap(_packed(new) if target.suffix == ".zip" else new, target)


@strict_keywords
def open_study(path: str | os.PathLike[str]) -> xr.DataTree:
    """Open a study lazily: arrays are read from disk when they are used.

    Parameters
    ----------
    path : path
        What `save_study` wrote.

    Returns
    -------
    DataTree
        Follows `rlvision_widgets.schema`. Changing it changes nothing on disk. What is read is not kept: ``load()``
        keeps an array, a node or all of it in memory. ``close()`` frees the file.

    Raises
    ------
    FileNotFoundError
        If there is nothing at the path.
    ValueError
        If it is no study, or one that only a newer rlvision_widgets can read.
    """
    target = Path(path).absolute()
    _recover(target)
    if not target.exists():
        raise FileNotFoundError(f"no study at {str(path)!r}; save_study(study, path) writes one")
    version = _root_attributes(target).get("schema_version")
    if not isinstance(version, int):
        raise ValueError(
            f"{str(path)!r} is no study: expected a zarr store (folder or .zip) that save_study wrote, "
            "with its zarr.json at the top"
        )
    if version > schema.SCHEMA_VERSION:
        raise ValueError(
            f"{str(path)!r} was written by a newer rlvision_widgets (schema {version}; this one reads up to "
            f"{schema.SCHEMA_VERSION}): upgrade it, for instance with `pip install -U rlvision-widgets`"
        )
    store: Any = ZipStore(target, mode="r") if target.is_file() else target  # xarray's stubs do not know zarr's stores
    # chunks=None: xarray's own lazy arrays, so that dask is not needed. No cache: what a view has shown, or
    # save_study has copied, would stay in memory for good.
    study = xr.open_datatree(store, engine="zarr", chunks=None, cache=False, consolidated=False)
    if isinstance(store, ZipStore):
        study.set_close(store.close)
    schema.check(study)
    return study


def _write(study: xr.DataTree, folder: Path) -> None:
    """Write a tree as a new zarr store."""
    nodes = {node.path: node.to_dataset(inherit=False).drop_encoding() for node in study.subtree}
    encoding = {
        path: {name: _encoding(array) for name, array in node.variables.items()} for path, node in nodes.items()
    }
    tree = xr.DataTree.from_dict(nodes)
    tree.to_zarr(folder, mode="w-", encoding=encoding, zarr_format=3, consolidated=False)


def _encoding(array: xr.Variable) -> dict[str, Any]:
    size = np.prod(array.shape, dtype=np.int64) * array.dtype.itemsize
    lengths = CHUNKS if size > WHOLE else {}
    chunks = tuple(max(1, min(n, lengths.get(str(dim), n))) for dim, n in array.sizes.items())
    return {"chunks": chunks, "compressors": [COMPRESSOR]}


@contextmanager
def _aside(target: Path) -> Iterator[Path]:
    """Make a folder beside the target, thus on the same disk; in the end the target is whole and no litter is left."""
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent))
    try:
        yield folder
    except BaseException:
        _remove_when_quiet(folder)
        raise
    finally:
        _recover(target)
        _remove(folder)


def _remove_when_quiet(folder: Path) -> None:
    """Remove a folder that zarr's threads may go on writing to for a while after an interrupt or a full disk."""
    quiet, patience = 0, 500
    while quiet < 5 and patience > 0:
        quiet, patience = (0 if folder.exists() else quiet + 1), patience - 1
        _remove(folder)
        time.sleep(0.02)


def _packed(folder: Path) -> Path:
    """Put a store into one file; stored, not deflated, since its chunks are compressed already."""
    packed = folder.with_suffix(".zip")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            archive.write(file, file.relative_to(folder).as_posix())
    return packed


def _swap(new: Path, target: Path) -> None:
    """Put a finished store in the target's place."""
    if new.is_file() and not target.is_dir():
        os.replace(new, target)
        return
    previous = _previous(target)  # a folder cannot be replaced in one go: `_recover` undoes what stops in between
    if target.exists():
        os.rename(target, previous)
    os.rename(new, target)
    _remove(previous)


def _recover(target: Path) -> None:
    """Undo or finish a swap that ended half-way."""
    previous = _previous(target)
    if previous.exists():
        if target.exists():
            _remove(previous)
        else:
            os.rename(previous, target)


def _remove(path: Path) -> None:
    if path.is_file():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


def _previous(target: Path) -> Path:
    return target.with_name(f".{target.name}.previous")


def _refuse_other(target: Path) -> None:
    if "schema_version" not in _root_attributes(target) and not (target.is_dir() and not any(target.iterdir())):
        raise FileExistsError(f"{str(target)!r} exists and is no study: choose another path, or remove it yourself")


def _root_attributes(target: Path) -> dict[str, Any]:
    """Return the attributes of the store's root; none if it is no zarr store."""
    try:
        if target.is_dir():
            text = (target / "zarr.json").read_bytes()
        else:
            with zipfile.ZipFile(target) as archive:
                text = archive.read("zarr.json")
        attributes = json.loads(text)["attributes"]
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile):
        return {}
    return attributes if isinstance(attributes, dict) else {}
