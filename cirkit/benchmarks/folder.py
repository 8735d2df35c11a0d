"""A folder of photos, with captions or attributes in an optional CSV file: the reader for a user's own pictures.

No paper: a photo that cannot be used is skipped and reported, a CSV file that cannot be understood is a Problem.
"""

import csv
import hashlib
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from cirkit.errors import Problem
from cirkit.query import Benchmark, Query, all_rows

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})


@dataclass(frozen=True)
class Skipped:
    """A photo, a link or a CSV line that was left out, and why."""

    file: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Photos:
    """The readable photos below `root`, decoded when asked; names are relative to the root, with forward slashes.

    `captions` and every column of `attributes` have one entry per photo, None where the CSV says nothing.
    """

    root: Path
    names: tuple[str, ...]
    size: int
    captions: tuple[str | None, ...]
    attributes: dict[str, tuple[str | None, ...]] = field(default_factory=dict)
    skipped: tuple[Skipped, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: Int[Tensor, " b"]) -> UInt8[Tensor, "b 3 h w"]:
        return torch.stack([decode(self.root / self.names[row], self.size) for row in index.tolist()])


def read(root: Path, size: int = 224, table: Path | None = None) -> Photos:
    """All photos below `root`, subfolders included, in alphabetical order; each is opened once to see that it can be.

    `table` is a CSV file with a column `image` (relative path, file name, or file name without ending) and a column
    `caption` or any attribute columns. Files and folders whose name starts with a dot are passed over.
    """
    if not root.is_dir():
        raise Problem(f"{root} is not a folder. Give the folder that holds the photos.")
    files, skipped = _walk(root)
    names, seen = [], {}
    for name in files:
        reason = _fault(root / name) or _copy_of(root, name, seen)
        if reason is None:
            names.append(name)
        else:
            skipped.append(Skipped(name, reason))
    if not names:
        first = skipped[:1]
        left = "".join(f"; {len(skipped)} files were skipped, the first ({s.file}): {s.reason}" for s in first)
        raise Problem(f"{root} holds no photo that can be read{left}. Put jpg, png, webp or bmp files there.")
    columns = {} if table is None else _columns(table, files, skipped)
    captions = columns.pop("caption", {})
    return Photos(
        root=root,
        names=tuple(names),
        size=size,
        captions=tuple(captions.get(name) for name in names),
        attributes={column: tuple(values.get(name) for name in names) for column, values in columns.items()},
        skipped=tuple(skipped),
    )


def decode(path: Path, size: int) -> UInt8[Tensor, "3 size size"]:
    """The largest central square of a photo, resampled (bicubic) to `size` pixels.

    Turned as its EXIF says; transparent parts are laid on white; of a moving picture, the first frame. Raises a
    Problem when the file cannot be read.
    """
    try:
        return torch.from_numpy(np.array(_square(path, size))).permute(2, 0, 1).contiguous()  # (3, size, size)
    except _faults() as error:
        raise Problem(f"Cannot read the photo {path}: {_reason(error)}. Remove it or save it again.") from error


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
    """Composed questions from two attributes: (reference row, wanted value of `other`, rows that answer).

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
            if (here / name).resolve().is_relative_to(home):
                files.append(relative)
            else:
                skipped.append(Skipped(relative, "a link that leads out of the folder is not followed"))
    return sorted(files, key=lambda name: (name.casefold(), name)), sorted(skipped, key=lambda item: item.file)


def _fault(path: Path) -> str | None:
    """Why the photo cannot be used; None when it can. All of its bytes are decoded, or a cut-off one would pass."""
    try:
        if not path.is_file():  # a pipe would wait for ever
            return "not a file, or a link to nothing"
        _square(path, 8)
    except _faults() as error:
        return _reason(error)
    return None


def _copy_of(root: Path, name: str, seen: dict[tuple[int, bytes], str]) -> str | None:
    """The report for a photo with the same bytes as one before it; else None, and the photo is remembered."""
    path = root / name
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    first = seen.setdefault((path.stat().st_size, digest), name)
    return None if first == name else f"the same picture as {first}"


def _square(path: Path, size: int) -> "Image":
    from PIL import Image, ImageOps

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # large pictures and odd metadata are fine; Pillow refuses true bombs itself
        with Image.open(path) as image:
            image.draft("RGB", (2 * size, 2 * size))  # lets the JPEG decoder shrink by a power of two as it goes
            image.load()
            side = min(image.size)
            left, top = (image.width - side) / 2, (image.height - side) / 2
            box = (left, top, left + side, top + side)
            square = _opaque(image).resize((size, size), Image.Resampling.BICUBIC, box=box)
            turn = _orientation(image)
            if turn is not None:
                square.getexif()[0x0112] = turn
                square = ImageOps.exif_transpose(square)
            return square


def _opaque(image: "Image") -> "Image":
    """RGB; what is transparent lies on white."""
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":  # 16 bits of grey, which a plain conversion would cut off
        values = np.asarray(image, dtype=np.float64)
        return Image.fromarray((values.clip(0, 65535) / 257).round().astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")


def _orientation(image: "Image") -> int | None:
    """The EXIF orientation; None where there is none or the EXIF is broken, which is no reason to lose a photo."""
    try:
        value = image.getexif().get(0x0112)
    except Exception:  # Pillow's EXIF parser raises whatever the broken bytes lead it to
        return None
    return value if value in range(2, 9) else None


def _faults() -> tuple[type[Exception], ...]:
    """What Pillow raises for files that are not sound pictures."""
    import struct

    from PIL import Image

    return (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        IndexError,
        KeyError,
        TypeError,
        struct.error,
        MemoryError,
        Image.DecompressionBombError,
    )


def _reason(error: Exception) -> str:
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "not a picture"
    if isinstance(error, Image.DecompressionBombError):
        return "more than 178 million pixels"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"damaged ({str(error).splitlines()[0] if str(error) else type(error).__name__})"


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
