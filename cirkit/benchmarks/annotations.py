"""Annotation files are strangers' files: read strictly, and every complaint names the file and the record.

JSON with a size limit, no duplicate keys, and the expected type on top; `name` or `name.gz`, whichever lies there.
"""

import gzip
import json
from pathlib import Path
from typing import Any, TypeVar

from cirkit.errors import Problem
from cirkit.files import inside, write_atomically

LIMIT = 1 << 30  # bytes, unpacked: the largest official annotation file is a few hundred megabytes

Kind = TypeVar("Kind")


def read_text(path: Path) -> str:
    """The text of `path`, or of `path` + ".gz" where that lies there instead."""
    packed = path.with_name(path.name + ".gz")
    try:
        if path.exists() or not packed.exists():
            if path.stat().st_size > LIMIT:
                raise Problem(f"{path} is larger than any annotation file should be. Check where it came from.")
            data = path.read_bytes()
        else:
            with gzip.open(packed) as file:
                data = file.read(LIMIT + 1)
            if len(data) > LIMIT:
                raise Problem(f"{packed} unpacks to more than any annotation file should. Check where it came from.")
        return data.decode("utf-8-sig")
    except FileNotFoundError as error:
        raise Problem(f"There is no {path}. Download it, or check that the root is the right folder.") from error
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise Problem(f"{path} cannot be read ({error}). Download it again.") from error


def read_json(path: Path, kind: type[Kind]) -> Kind:
    """The value in a JSON file, whose top must be a `kind` (list or dict)."""
    try:
        value = json.loads(read_text(path), object_pairs_hook=_unique)
    except _Twice as twice:
        raise Problem(f"{path} has the key {twice.args[0]!r} twice in one record. Mend the file.") from twice
    except (ValueError, RecursionError) as error:
        raise Problem(f"{path} is not whole JSON ({error}). Download it again.") from error
    if not isinstance(value, kind):
        raise Problem(f"{path} holds a {type(value).__name__} where a {kind.__name__} is due. Check its origin.")
    return value


class _Twice(Exception):
    """A key that stands twice in one JSON object."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Twice(key)
        found[key] = value
    return found


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON, atomically, as the official files are: ASCII, no needless space."""
    write_atomically(path, json.dumps(value) + "\n")


def record_error(path: Path, number: int | str, reason: str) -> Problem:
    """The Problem of one record."""
    return Problem(f"{path}: record {number} {reason}. Mend the record.")


def need(record: Any, key: str, kind: type[Kind] | tuple[type, ...], path: Path, number: int | str) -> Kind:
    """`record[key]`, which must be a `kind` (a bool is no int). Raises the Problem of the record."""
    if not isinstance(record, dict):
        raise record_error(path, number, f"is a {type(record).__name__}, not an object")
    if key not in record:
        raise record_error(path, number, f"has no {key!r}")
    value = record[key]
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kind) or (isinstance(value, bool) and bool not in kinds):
        names = " or ".join(each.__name__ for each in kinds)
        raise record_error(path, number, f"has {key!r} of type {type(value).__name__}, not {names}")
    return value


def image_path(root: Path, relative: str, *folders: str) -> Path:
    """Where an image lies below the root; refused when annotation data would lead out of it.

    The root may be a link, and so may each of `folders` below it, which the layout names and not the data: a user has
    linked it. No other link out of the root is followed, since then the data would choose where to read.
    """
    if not relative or relative.startswith(("/", "\\")) or "\0" in relative:
        raise Problem(f"The image name {relative!r} is no path below {root}. Mend the file that names it.")
    for folder in folders:
        if relative.startswith(f"{folder}/"):
            return inside(root / folder, relative.removeprefix(f"{folder}/"))
    return inside(root, relative)
