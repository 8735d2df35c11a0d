"""Read NumPy files that hold pickled objects, without running what they say.

CSS is published as such a file (np.save of a dictionary). Here a pickle may name arrays, numbers and their types and
nothing else, and even those are rebuilt by the few lines below, never by the code that the file asks for.
"""

import io
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np

from cirkit.errors import Problem

LIMIT = 1 << 30  # bytes
DEPTH = 32  # containers in containers


class _Type:
    """What a pickle says of a number type, such as `i8` little-endian."""

    def __init__(self, code: str, *_: Any):
        if not re.fullmatch(r"[biufSU]\d{1,9}|O8?|\|?O", code):
            raise ValueError(f"number type {code!r}")
        self.code, self.order = code.lstrip("|")[0], "="
        self.size = code.lstrip("|")[1:]

    def __setstate__(self, state: tuple) -> None:
        if state[1] not in ("<", ">", "=", "|") or any(part is not None for part in state[2:5]):
            raise ValueError("a structured number type")
        self.order = state[1]

    def read(self, data: bytes) -> np.ndarray:
        """The numbers in `data`."""
        if self.code == "O":
            raise ValueError("objects given as bytes")
        kind = np.dtype(f"{self.order.replace('|', '=')}{self.code}{self.size}")
        return np.frombuffer(data, kind) if data else np.empty(0, kind)


class _Array:
    """What a pickle says of an array; `plain` makes the array."""

    def __setstate__(self, state: tuple) -> None:
        _, self.shape, self.type, self.fortran, self.data = state
        if not isinstance(self.type, _Type) or not all(isinstance(n, int) and n >= 0 for n in self.shape):
            raise ValueError("an array without type or shape")


class _Ndarray:
    """The name `numpy.ndarray`, which a pickle passes to `_reconstruct` and may not call."""

    def __new__(cls, *_: Any) -> "_Ndarray":
        raise ValueError("a call of numpy.ndarray")


def _bytes(text: str, encoding: str) -> bytes:
    """How old pickles spell bytes."""
    if encoding != "latin1":
        raise ValueError(f"encoding {encoding!r}")
    return text.encode("latin1")


def _array(kind: type, *_: Any) -> _Array:
    if kind is not _Ndarray:
        raise ValueError("an array of a foreign kind")
    return _Array()


def _scalar(kind: _Type, data: bytes | str) -> Any:
    data = data.encode("latin1") if isinstance(data, str) else data
    return kind.read(data)[0].item()


ALLOWED = {
    ("numpy", "ndarray"): _Ndarray,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _bytes,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _array for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
}


class _Unpickler(pickle.Unpickler):
    """Resolves the names in ALLOWED to the stand-ins above and refuses all others."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it names {module}.{name}") from None


def load(path: Path) -> Any:
    """What a .npy file holds: an array, or for an array of one object that object, in plain containers.

    Raises Problem for a file that is missing, broken, larger than LIMIT, or that names anything but arrays and numbers.
    """
    try:
        if path.stat().st_size > LIMIT:
            raise Problem(f"{path} has over {LIMIT >> 20} MiB. Give the annotation file, which is far smaller.")
        file = io.BytesIO(path.read_bytes())
    except OSError as error:
        raise Problem(f"Cannot read {path}: {error.strerror}. Check the folder's layout.") from error
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, kind = read(file, max_header_size=1000)
        if not kind.hasobject:
            file.seek(0)
            return np.load(file, allow_pickle=False)
        if kind != np.dtype(object):
            raise ValueError("a structured number type")
        found = _plain(_Unpickler(file, encoding="latin1").load(), {}, DEPTH)
        if not isinstance(found, np.ndarray) or found.shape != shape:
            raise ValueError("content that differs from its header")
    except Exception as error:  # a broken or hostile pickle can raise anything
        what = str(error) or type(error).__name__
        raise Problem(f"{path} is not a plain NumPy file ({what}). Download it again from its source.") from error
    return found.item() if shape == () else found


def _plain(value: Any, done: dict[int, Any], depth: int) -> Any:
    """The value with stand-ins replaced by arrays; each shared part once, so that repeats cost nothing."""
    if isinstance(value, (str, bytes, bool, int, float, type(None))):
        return value
    if id(value) in done:
        return done[id(value)]
    if depth == 0:
        raise ValueError(f"more than {DEPTH} containers in one another")
    if isinstance(value, dict):
        made = {_plain(key, done, depth - 1): _plain(part, done, depth - 1) for key, part in value.items()}
    elif isinstance(value, (list, tuple)):
        made = type(value)([_plain(part, done, depth - 1) for part in value])
    elif isinstance(value, _Array) and value.type.code == "O":
        parts = [_plain(part, done, depth - 1) for part in value.data]
        made = np.empty(len(parts), object)
        for i, part in enumerate(parts):
            made[i] = part
        made = made.reshape(value.shape, order="F" if value.fortran else "C")
    elif isinstance(value, _Array):
        data = value.data.encode("latin1") if isinstance(value.data, str) else value.data
        made = value.type.read(data).reshape(value.shape, order="F" if value.fortran else "C")
    else:
        raise ValueError(f"a {type(value).__name__.lstrip('_').lower()}")
    done[id(value)] = made
    return made
