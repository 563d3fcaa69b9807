"""A reader for uncompressed joblib files of plain numbers, such as the published ``.jd`` checkpoints.

A joblib file is a pickle, and a pickle is a program. Of that program only what builds data is run (`DATA`); the four
operations that import, call and set are replaced (`_Unpickler`): six globals may be named, each has a stand-in, and
a stand-in is called only for what it stands for. Nothing else is imported or called, memory stays within a small
multiple of the file's size, and bytes after the end are an error. Python's unpickler in C is not used, because a few
bytes make its memo take gigabytes.
"""

import math
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["read_joblib"]

DATA = (
    *("PROTO", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINBYTES", "BINBYTES", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST"),
    *("APPEND", "APPENDS", "SETITEM", "SETITEMS", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET", "GLOBAL"),
)
"""Pickle operations that are kept as they are; GLOBAL asks `_Unpickler.find_class`."""

NUMBER = re.compile(r"b1|[iu][1248]|f[248]")
"""Dtypes: booleans, integers and floats. An object dtype would be a pickle of its own."""


def read_joblib(path: str | Path) -> Any:
    """Return what a joblib file holds: dicts, lists, numbers, text and numpy arrays.

    Parameters
    ----------
    path : str or Path
        An uncompressed joblib file (protocol 3, arrays inline). Its tuples come back as lists.

    Raises
    ------
    ValueError
        When the file is no such pickle, is cut short or too long, or asks for anything that is not allowed.
    """
    data = Path(path).read_bytes()
    if data[:1] != pickle.PROTO:
        raise ValueError(f"{path} is not an uncompressed joblib file: it starts with {data[:4]!r}, not with b'\\x80'")
    file = _Bytes(data)
    try:
        loaded = _plain(_Unpickler(file).load(), {})
    except Exception as error:  # a broken program can fail in any way; all mean the same to the caller
        raise ValueError(f"{path} cannot be read as a checkpoint: at byte {file.position}, {error}") from error
    if file.remaining:
        raise ValueError(f"{path} has {file.remaining} bytes after its end; it is damaged, or no checkpoint")
    return loaded


class _Bytes:
    """A file in memory that raises instead of returning less than was asked for."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    @property
    def remaining(self) -> int:
        return len(self.data) - self.position

    def read(self, size: int) -> bytes:
        if not 0 <= size <= self.remaining:
            raise ValueError(f"{size} more bytes are needed and {self.remaining} are left: the file is cut short")
        self.position += size
        return self.data[self.position - size : self.position]

    def readline(self) -> bytes:
        end = self.data.find(b"\n", self.position)
        return self.read(self.remaining if end < 0 else end + 1 - self.position)


class _Named:
    """Stands for a global that the file may name, but not call."""


class _Dict(dict[str, Any]):
    """A dict of names. Other keys are refused: a tuple of tuples of tuples can take for ever to hash."""

    def __init__(self, default_factory: object = None) -> None:
        super().__init__()

    def __setitem__(self, key: str, value: Any) -> None:
        if type(key) is not str:
            raise ValueError(f"a key is {type(key).__name__}, not text")
        super().__setitem__(key, value)


class _Dtype:
    """Stands for `numpy.dtype`."""

    def __init__(self, code: object, *flags: object) -> None:
        if not isinstance(code, str) or not NUMBER.fullmatch(code):
            raise ValueError(f"a dtype is {str(code)[:20]!r}; only numbers are allowed")
        self.dtype = np.dtype(code)

    def build(self, state: Any, file: _Bytes) -> None:
        byte_order = state[1]
        if byte_order not in ("<", ">", "|"):
            raise ValueError("the byte order of a dtype is none")
        self.dtype = self.dtype.newbyteorder(byte_order)


class _Array:
    """Stands for joblib's NumpyArrayWrapper: the array's bytes follow in the file."""

    array: NDArray[Any] | None = None

    def build(self, state: Any, file: _Bytes) -> None:
        shape, order, dtype = (state[key] for key in ("shape", "order", "dtype"))
        sizes = isinstance(shape, tuple) and len(shape) <= 8 and all(type(size) is int and size >= 0 for size in shape)
        if not sizes or order not in ("C", "F") or not isinstance(dtype, _Dtype):
            raise ValueError("the shape, order or dtype of an array is none")
        if state.get("numpy_array_alignment_bytes") is not None:  # newer joblib pads; the first byte says by how much
            file.read(file.read(1)[0])
        data = file.read(math.prod(shape) * dtype.dtype.itemsize)
        self.array = np.frombuffer(data, dtype.dtype).reshape(shape, order=order)


def _scalar(dtype: object, data: object) -> bool | int | float:
    """Stand for `numpy.core.multiarray.scalar`."""
    if not isinstance(dtype, _Dtype) or not isinstance(data, bytes) or len(data) != dtype.dtype.itemsize:
        raise ValueError("the bytes of a number do not fit its dtype")
    number: bool | int | float = np.frombuffer(data, dtype.dtype)[0].item()
    return number


ALLOWED: dict[tuple[str, str], Any] = {
    ("builtins", "float"): _Named,
    ("collections", "defaultdict"): _Dict,
    ("joblib.numpy_pickle", "NumpyArrayWrapper"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): _Named,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,  # the same, as numpy 2 calls it
}
"""The globals that a file may name, and what it gets for them."""


class _Unpickler(pickle._Unpickler):
    """Python's unpickler, in Python, with most of its operations taken out (`dispatch`, below)."""

    stack: list[Any]

    def __init__(self, file: _Bytes) -> None:
        super().__init__(file)
        self.file = file

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise ValueError(f"the file asks for {module}.{name}, which no checkpoint needs; nothing of it was run")
        return ALLOWED[module, name]

    def _dict(self) -> None:
        self.stack.append(_Dict())

    def _call(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if function not in (_Dict, _Dtype, _scalar):
            raise ValueError("the file calls what it may only name")
        self.stack.append(function(*arguments))

    def _new(self) -> None:
        arguments, made = self.stack.pop(), self.stack.pop()
        if made is not _Array or arguments != ():
            raise ValueError("the file makes an object that no checkpoint needs")
        self.stack.append(_Array())

    def _set(self) -> None:
        state, made = self.stack.pop(), self.stack[-1]
        if not isinstance(made, _Array | _Dtype):
            raise ValueError("the file sets the state of an object that has none")
        made.build(state, self.file)


class _Operations(dict[int, Any]):
    def __missing__(self, code: int) -> Any:
        raise ValueError(f"the file asks for pickle operation {bytes([code])!r}, which no checkpoint needs")


_Unpickler.dispatch = _Operations(
    {getattr(pickle, name)[0]: pickle._Unpickler.dispatch[getattr(pickle, name)[0]] for name in DATA}
    | {
        pickle.EMPTY_DICT[0]: _Unpickler._dict,
        pickle.REDUCE[0]: _Unpickler._call,
        pickle.NEWOBJ[0]: _Unpickler._new,
        pickle.BUILD[0]: _Unpickler._set,
    }
)


def _plain(loaded: Any, seen: dict[int, Any]) -> Any:
    """Return `loaded` with arrays in place of their stand-ins; an object that is met twice is converted once."""
    if id(loaded) in seen:
        return seen[id(loaded)]
    if isinstance(loaded, _Array):
        return loaded.array
    if isinstance(loaded, dict):
        named = seen.setdefault(id(loaded), {})
        named.update((key, _plain(value, seen)) for key, value in loaded.items())
        return named
    if isinstance(loaded, list | tuple):
        listed = seen.setdefault(id(loaded), [])
        listed.extend(_plain(value, seen) for value in loaded)
        return listed
    return loaded
