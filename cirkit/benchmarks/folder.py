"""A folder of photos, with captions or attributes in an optional CSV file: the reader for a user's own photos.

No paper: a photo that cannot be used is skipped and reported, a CSV file that cannot be understood is a Problem.
"""

import csv
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from cirkit.benchmarks.photos import SUFFIXES, fault, square
from cirkit.errors import Problem
from cirkit.query import Benchmark, Query, all_rows


@dataclass(frozen=True)
class Skipped:
    """A photo, a link or a CSV line that was left out, and why."""

    file: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Photos:
    """The readable photos below `root`, decoded when asked; names are relative to the root, with forward slashes.

    `digests` are the sha256 of the files; `captions` and every column of `attributes` have one entry per photo, None
    where the CSV says nothing.
    """

    root: Path
    names: tuple[str, ...]
    digests: tuple[str, ...]
    size: int
    captions: tuple[str | None, ...]
    attributes: dict[str, tuple[str | None, ...]] = field(default_factory=dict)
    skipped: tuple[Skipped, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: Int[Tensor, " b"]) -> UInt8[Tensor, "b 3 h w"]:
        return torch.stack([square(self.root / self.names[row], self.size) for row in index.tolist()])


def read(root: Path, size: int = 224, table: Path | None = None) -> Photos:
    """All photos below `root`, subfolders included, in alphabetical order; each is opened once to see that it can be.

    `table` is a CSV file with a column `image` (relative path, file name, or file name without ending) and a column
    `caption` or any attribute columns. Files and folders whose name starts with a dot are passed over.
    """
    if not root.is_dir():
        raise Problem(f"{root} is not a folder. Give the folder that holds the photos.")
    files, skipped = _walk(root)
    photos: dict[str, str] = {}  # digest -> name
    for name in files:
        reason = fault(root / name) or _copy_of(root, name, photos)
        if reason is not None:
            skipped.append(Skipped(name, reason))
    names = tuple(photos.values())
    if not names:
        first = skipped[:1]
        left = "".join(f"; {len(skipped)} files were skipped, the first ({s.file}): {s.reason}" for s in first)
        raise Problem(f"{root} holds no photo that can be read{left}. Put {', '.join(sorted(SUFFIXES))} files there.")
    columns = {} if table is None else _columns(table, files, skipped)
    captions = columns.pop("caption", {})
    return Photos(
        root=root,
        names=names,
        digests=tuple(photos),
        size=size,
        captions=tuple(captions.get(name) for name in names),
        attributes={column: tuple(values.get(name) for name in names) for column, values in columns.items()},
        skipped=tuple(skipped),
    )


def captioned(photos: Photos, name: str = "captions") -> Benchmark:
    """Each caption should find its photo; photos with the same caption answer each other's."""
    rows = [row for row, caption in enumerate(photos.captions) if caption is not None]
    if not rows:
        raise Problem(f"No photo below {photos.root} has a caption. Give a CSV file with the columns image, caption.")
    texts = [photos.captions[row] for row in rows]
    same: dict[str | None, list[int]] = {}
    for row, text in zip(rows, texts, strict=True):
        same.setdefault(text, []).append(row)
    return Benchmark(name=name, query=Query(text=texts), gallery=photos, relevant=[same[text] for text in texts])


def changes(same: Sequence[str | None], other: Sequence[str | None]) -> list[tuple[int, str, list[int]]]:
    """Composed queries from two attributes: (reference row, wanted value of `other`, target rows).

    An answer agrees with the reference in `same` and has the wanted value, another than the reference's, in `other`.
    Rows without one of the two attributes take no part. The order is by reference, then by value.
    """
    groups: dict[tuple[str, str], list[int]] = {}
    for row, (kept, value) in enumerate(zip(same, other, strict=True)):
        if kept is not None and value is not None:
            groups.setdefault((kept, value), []).append(row)
    return [
        (row, value, groups[kept, value])
        for row, kept in enumerate(same)
        if kept is not None and other[row] is not None
        for value in sorted({value for group, value in groups if group == kept} - {other[row]})
    ]


def stack(photos: Photos) -> UInt8[Tensor, "n 3 h w"]:
    """All photos decoded into memory, for training on a small folder."""
    return photos[all_rows(photos)]


def _walk(root: Path) -> tuple[list[str], list[Skipped]]:
    """Photo files by name, and the links that were not followed."""
    home, files, skipped = root.resolve(), [], []

    def refuse(error: OSError) -> None:
        skipped.append(Skipped(os.path.relpath(error.filename, root), f"cannot be opened: {error.strerror}"))

    for folder, folders, names in os.walk(root, onerror=refuse):
        here = Path(folder)
        for name in [name for name in folders if (here / name).is_symlink() and not name.startswith(".")]:
            skipped.append(Skipped((here / name).relative_to(root).as_posix(), "a link to a folder is not followed"))
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if name.startswith(".") or Path(name).suffix.casefold() not in SUFFIXES:
                continue
            relative = (here / name).relative_to(root).as_posix()
            try:
                out = not (here / name).resolve().is_relative_to(home)
            except (OSError, RuntimeError):  # links in a circle
                out = False  # `fault` says that it is no file
            if out:
                skipped.append(Skipped(relative, "a link that leads out of the folder is not followed"))
            else:
                files.append(relative)
    return sorted(files, key=lambda name: (name.casefold(), name)), sorted(skipped, key=lambda item: item.file)


def digest(path: Path) -> str:
    """sha256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copy_of(root: Path, name: str, photos: dict[str, str]) -> str | None:
    """The report for a photo with the same bytes as one before it; else None, and the photo joins `photos`."""
    try:
        first = photos.setdefault(digest(root / name), name)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None if first == name else f"the same image as {first}"


def _columns(table: Path, files: list[str], skipped: list[Skipped]) -> dict[str, dict[str, str]]:
    """The CSV file as column -> photo -> value. Lines that name no photo and blank values go to `skipped`."""
    lines = _lines(table)
    header = [name.strip() for name in lines[0][1]]
    wanted = "It needs a column image (the file name) and a column caption or attribute columns"
    if "image" not in header or len(header) < 2:
        raise Problem(f"{table} has the columns {', '.join(header)}. {wanted}, separated by commas.")
    if len(set(header)) < len(header) or "" in header:
        raise Problem(f"{table} has two columns of one name, or one without a name. {wanted}, each once.")
    known = _names(files)
    columns: dict[str, dict[str, str]] = {name: {} for name in header if name != "image"}
    rows: dict[str, tuple[int, list[str]]] = {}
    for number, line in lines[1:]:
        if len(line) != len(header):
            raise Problem(
                f"{table}, line {number}: {len(line)} values for {len(header)} columns. Quote values with commas."
            )
        named = line[header.index("image")].strip()
        where = f"{table.name}, line {number}"
        found = known.get(named) or known.get(named.casefold())
        if not found:
            skipped.append(Skipped(where, f"there is no photo {named!r}"))
            continue
        if len(found) > 1:
            raise Problem(f"{table}, line {number}: {named!r} could be {' or '.join(found)}. Give the whole path.")
        before = rows.setdefault(found[0], (number, line))
        if before[1] != line:
            raise Problem(f"{table}, lines {before[0]} and {number}: both describe {found[0]}. Keep one of them.")
        for column, value in zip(header, line, strict=True):
            if column != "image" and value.strip():
                columns[column][found[0]] = value.strip()
            elif column == "caption":
                skipped.append(Skipped(where, "the caption is empty"))
    if not rows:
        raise Problem(f"No line of {table} names a photo of this folder. Write file names into its column image.")
    return columns


def _lines(table: Path) -> list[tuple[int, list[str]]]:
    """Line number and values of every line that is not blank."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            lines = [(reader.line_num, line) for line in reader if any(value.strip() for value in line)]
    except OSError as error:
        raise Problem(f"Cannot read {table}: {error.strerror}. Give the path of a CSV file.") from error
    except UnicodeDecodeError as error:
        raise Problem(f"{table} is not in UTF-8. Save it as CSV in UTF-8.") from error
    except csv.Error as error:
        raise Problem(f"{table} is not a sound CSV file ({error}). Save it as CSV in UTF-8.") from error
    if not lines:
        raise Problem(f"{table} is empty. Give it the columns image and caption.")
    return lines


def _names(files: list[str]) -> dict[str, list[str]]:
    """Every way to name a photo and the photos meant; a more exact way of naming wins over a looser one."""
    paths = [(name, PurePosixPath(name)) for name in files]
    ways = [
        [(name, name) for name, _ in paths],
        [(path.name, name) for name, path in paths],
        [(str(path.with_suffix("")), name) for name, path in paths],
        [(path.stem, name) for name, path in paths],
    ]
    known: dict[str, list[str]] = {}
    for way in ways + [[(spelling.casefold(), name) for spelling, name in way] for way in ways]:
        fresh: dict[str, list[str]] = {}
        for spelling, name in way:
            fresh.setdefault(spelling, []).append(name)
        known = fresh | known
    return known
