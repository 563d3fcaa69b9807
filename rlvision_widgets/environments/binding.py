"""Procgen's C library, reached without importing procgen, gym or gym3.

Nothing here checks what it is given, and the library ends the process when that is wrong. So only the modules of this
room that check every option and state in Python (`options`, `states`) may call it.
"""

import functools
import importlib.util
import os
import sys
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Emulator", "Installation", "find_installation"]

VARIABLE = "RLVISION_PROCGEN"
LARGEST_STATE = 2**24  # bytes; one that is larger ends the process, and an edited world may hold thousands of things
FRAME = (64, 64, 3)
LARGE_FRAME = (512, 512, 3)

_HEADER = """
struct libenv_option { char name[128]; int dtype; int count; void *data; };
struct libenv_options { struct libenv_option *items; int count; };
struct libenv_buffers { void **ob; float *rew; uint8_t *first; void **info; void **ac; };
int libenv_version(void);
void *libenv_make(int num_envs, struct libenv_options options);
void libenv_set_buffers(void *handle, struct libenv_buffers *buffers);
void libenv_observe(void *handle);
void libenv_act(void *handle);
void libenv_close(void *handle);
int get_state(void *handle, int env_idx, char *data, int length);
void set_state(void *handle, int env_idx, char *data, int length);
"""
_DTYPE = {np.dtype(np.uint8): 1, np.dtype(np.int32): 2, np.dtype(np.float32): 3}


class Installation(NamedTuple):
    """Where Procgen's library, pictures and version are."""

    library: Path
    assets: Path
    package: str


def find_installation(directory: str | os.PathLike[str] | None = None) -> Installation:
    """Find Procgen.

    Parameters
    ----------
    directory : path or None
        A folder that holds ``data/prebuilt/libenv.so`` and ``data/assets``, or an unpacked wheel. None looks at the
        environment variable ``RLVISION_PROCGEN``, then for the installed package, which is not imported.

    Raises
    ------
    ImportError
        When there is none, or a part of it is missing.
    """
    given = directory if directory is not None else os.environ.get(VARIABLE) or None
    folder = _given_folder(Path(given)) if given is not None else _installed_folder()
    assets = folder / "data" / "assets"
    missing = [name for name in ("kenney", "misc_assets", "space_backgrounds") if not (assets / name).is_dir()]
    if missing:
        raise ImportError(f"Procgen's pictures are incomplete: {assets} lacks {', '.join(missing)}. Install it again.")
    return Installation(_library(folder), assets, _package(folder))


def _library(folder: Path) -> Path:
    return folder / "data" / "prebuilt" / "libenv.so"


def _given_folder(directory: Path) -> Path:
    for folder in (directory, directory / "procgen"):
        if _library(folder).is_file():
            return folder.resolve()
    raise ImportError(
        f"no Procgen in {str(directory)!r}: it should hold data/prebuilt/libenv.so and data/assets. Correct the "
        f"argument or the environment variable {VARIABLE}; `pip download --no-deps --only-binary=:all: "
        "--python-version 3.12 --platform manylinux2014_x86_64 procgen-mirror`, unzipped, makes such a folder."
    )


def _installed_folder() -> Path:
    spec = importlib.util.find_spec("procgen")
    for location in spec.submodule_search_locations or [] if spec else []:
        if _library(Path(location)).is_file():
            return Path(location)
    version = ".".join(map(str, sys.version_info[:2]))
    raise ImportError(
        "this needs Procgen, whose wheels exist for Python 3.11 and 3.12 on Linux x86-64; this is Python "
        f"{version} on {sys.platform} {os.uname().machine if hasattr(os, 'uname') else ''}".rstrip()
        + " and has none. Install the `procgen` extra in such an environment "
        "(pip install 'rlvision-widgets[procgen]'), name a folder that holds an unpacked wheel in the environment "
        f"variable {VARIABLE}, or open a saved study."
    )


def _package(folder: Path) -> str:
    for info in sorted(folder.parent.glob("procgen*.dist-info")):
        name, _, version = info.name.removesuffix(".dist-info").partition("-")
        return f"{name.replace('_', '-')} {version}"
    file = folder / "version.txt"
    return f"procgen {file.read_text().strip() if file.is_file() else '(unknown version)'}"


@functools.cache
def _load(path: Path) -> tuple[Any, Any]:
    """Open the library once; its pictures stay loaded for the life of the process."""
    from cffi import FFI

    ffi = FFI()
    ffi.cdef(_HEADER)
    try:
        # DEEPBIND: its Qt, zlib and the like must not be taken from what the process has loaded already
        library = ffi.dlopen(str(path), ffi.RTLD_NOW | ffi.RTLD_LOCAL | getattr(ffi, "RTLD_DEEPBIND", 0))
    except OSError as error:
        raise ImportError(
            f"Procgen is installed, but a system library that it needs does not load: {error}. "
            "On Debian or Ubuntu: apt install libgl1 libglib2.0-0"
        ) from error
    if (version := library.libenv_version()) != 1:
        raise ImportError(
            f"{path} has libenv interface version {version}; 1 is expected. Install procgen-mirror 0.10.7."
        )
    return ffi, library


class Emulator:
    """A batch of Procgen games behind one C handle. Unchecked, and not safe against a second thread.

    Parameters
    ----------
    installation : Installation
        Which Procgen.
    num : int
        How many games.
    options : mapping of str to str, bool or int
        What ``libenv_make`` gets, under Procgen's own names, without ``render_human`` and ``resource_root``.
    large_frames : bool
        Also draw 512 x 512 frames, at every `observe`: some forty times the time of a step.

    Attributes
    ----------
    observation, reward, first, level_seed, previous_level_seed, previous_level_complete, action : numpy arrays
        Memory that is shared with the library: `observe` and `set_state` write there, `act` reads `action`.
    large_frame : uint8 array, (num, 512, 512, 3), or none of them
    """

    def __init__(
        self,
        installation: Installation,
        num: int,
        options: Mapping[str, str | bool | int],
        *,
        large_frames: bool = False,
    ) -> None:
        self._ffi, self._library = _load(installation.library)
        self.observation = np.zeros((num, *FRAME), np.uint8)
        self.reward = np.zeros(num, np.float32)
        self.first = np.zeros(num, np.bool_)
        self.level_seed = np.zeros(num, np.int32)
        self.previous_level_seed = np.zeros(num, np.int32)
        self.previous_level_complete = np.zeros(num, np.bool_)
        self.action = np.zeros(num, np.int32)
        self.large_frame = np.zeros((num if large_frames else 0, *LARGE_FRAME), np.uint8)
        root = f"{installation.assets}{os.sep}"  # the library joins by appending
        self._keep = self._make(num, {**options, "render_human": large_frames, "resource_root": root})
        self._state = self._ffi.from_buffer(np.empty(LARGEST_STATE, np.int8))  # pages that no state reaches stay free
        self.stepping = False
        self._close = weakref.finalize(self, self._library.libenv_close, self._handle)
        self._set_buffers()

    def _make(self, num: int, options: Mapping[str, str | bool | int]) -> list[Any]:
        ffi = self._ffi
        values = [np.atleast_1d(_as_array(value)) for value in options.values()]
        items = ffi.new("struct libenv_option[]", len(options))
        for item, name, value in zip(items, options, values, strict=True):
            item.name = name.encode()
            item.dtype = _DTYPE[value.dtype]
            item.count = value.size
            item.data = ffi.cast("void *", value.ctypes.data)
        struct = ffi.new("struct libenv_options *", {"items": items, "count": len(options)})
        self._handle = self._library.libenv_make(num, struct[0])
        return [values, items, struct]

    def _set_buffers(self) -> None:
        info: list[np.ndarray[Any, Any]] = [self.previous_level_seed, self.previous_level_complete, self.level_seed]
        if len(self.large_frame):
            info.append(self.large_frame)
        buffers = self._ffi.new("struct libenv_buffers *")
        buffers.ob = observation = self._pointers(self.observation)
        buffers.info = infos = self._pointers(*info)
        buffers.ac = action = self._pointers(self.action)
        buffers.rew = self._ffi.cast("float *", self.reward.ctypes.data)
        buffers.first = self._ffi.cast("uint8_t *", self.first.ctypes.data)
        self._keep += [observation, infos, action, buffers]
        self._library.libenv_set_buffers(self._handle, buffers)

    def _pointers(self, *spaces: np.ndarray[Any, Any]) -> Any:
        return self._ffi.new(
            "void *[]", [self._ffi.cast("void *", row.ctypes.data) for a in spaces for row in _rows(a)]
        )

    def act(self) -> None:
        """Step every game by its `action`; with threads of its own, the library returns before it is done."""
        self.stepping = True
        self._library.libenv_act(self._handle)

    def observe(self) -> None:
        """Wait until the step is done and what it wrote can be read."""
        self._library.libenv_observe(self._handle)
        self.stepping = False

    def get_state(self, index: int) -> bytes:
        """Return the state of one game."""
        self._finish_step()
        size = self._library.get_state(self._handle, index, self._state, LARGEST_STATE)
        return bytes(self._ffi.buffer(self._state, size))

    def set_state(self, index: int, state: bytes | bytearray) -> None:
        """Set the state of one game, which also draws it and writes its reward, first and level seeds."""
        self._finish_step()
        self._library.set_state(self._handle, index, self._ffi.from_buffer(state), len(state))

    def _finish_step(self) -> None:
        if self.stepping:
            self.observe()

    def close(self) -> None:
        """Free the games, once their threads are done. Only `close` may follow."""
        self._close()


def _as_array(value: str | bool | int) -> np.ndarray[Any, Any]:
    if isinstance(value, str):
        return np.frombuffer(value.encode(), np.uint8)
    return np.array(value, np.uint8 if isinstance(value, bool) else np.int32)


def _rows(array: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
    return [array[i : i + 1] for i in range(len(array))]
