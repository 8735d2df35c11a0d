"""Which of the pictures that annotation files name lie there; what needs a missing one is left out and counted.

Published numbers often rest on fewer pictures than the annotations name, since links die; so the count is always said.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from cirkit.benchmarks import photos
from cirkit.errors import Problem
from cirkit.query import Images, Select
from cirkit.worlds import publish as publishing

HOLD = 1 << 30  # bytes of pictures that a benchmark may take in memory; beyond, they are decoded when asked for
CROP = 224  # side of pictures decoded when asked for


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """How many queries and pictures are left out since pictures are missing, and of how many."""

    queries: int
    pictures: int
    of_queries: int
    of_pictures: int

    def __bool__(self) -> bool:
        return self.queries > 0 or self.pictures > 0

    def __str__(self) -> str:
        return (
            f"{self.pictures} of {self.of_pictures} pictures are missing, "
            f"so {self.queries} of {self.of_queries} queries are left out"
        )


@dataclass(frozen=True)
class Pictured:
    """The pictures that lie there, in the order of the names; row[name] is a picture's number."""

    images: Images
    row: dict[str, int]
    missing: int

    def at(self, names: Sequence[str]) -> Select:
        """The pictures of these names, still undecoded where they are."""
        return Select(self.images, self.rows(names))

    def rows(self, names: Sequence[str]) -> Int[Tensor, " b"]:
        """The numbers of these names."""
        return torch.tensor([self.row[name] for name in names], dtype=torch.int64)

    def complete(self, where: Path, needed: Sequence[Sequence[str]]) -> list[int]:
        """Which entries have all pictures they need; warns with the count where some do not.

        Raises Problem where none has.
        """
        kept = [i for i, names in enumerate(needed) if all(name in self.row for name in names)]
        dropped = Dropped(
            queries=len(needed) - len(kept),
            pictures=self.missing,
            of_queries=len(needed),
            of_pictures=self.missing + len(self.row),
        )
        if not kept:
            raise Problem(f"{where}: {dropped}: all of them. Put the pictures where the layout has them.")
        if dropped:
            warnings.warn(f"{where}: {dropped}.", stacklevel=3)
        return kept


def find(where: Path, paths: dict[str, Path]) -> Pictured:
    """The pictures of these names that lie at these places. Raises Problem where there is none at all."""
    try:
        there = {name: path for name, path in paths.items() if path.is_file()}
    except OSError as error:  # a name longer than any file system allows
        raise Problem(
            f"{where}: a picture cannot be looked for ({error.strerror}). Mend the file that names it."
        ) from error
    if not there:
        example = next(iter(paths.values()), where)
        raise Problem(f"{where} has none of its {len(paths)} pictures, such as {example}. Put them there.")
    row = {name: i for i, name in enumerate(there)}
    return Pictured(open_(list(there.values())), row, len(paths) - len(there))


def open_(paths: Sequence[Path]) -> Images:
    """Pictures of one size that fit in memory at once; others are decoded and cropped when asked for."""
    width, height = photos.decode(paths[0]).size
    alike = 3 * width * height * len(paths) <= HOLD and all(side(path) == (width, height) for path in paths)
    return photos.stack(paths) if alike else photos.Files(paths, CROP)


def side(path: Path) -> tuple[int, int] | None:
    """Width and height in pixels as the file says; None where it does not say (decoding it will tell why)."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None


def size_of(root: Path, name: str, kind: type, manifest: Any) -> Any:
    """The Size that made the world at `root`, or None where it is the original.

    Raises Problem where `world.json` describes another world than `name`, or another version of it.
    """
    made = publishing.made_by(root)
    if made is None:
        return None
    try:
        size = kind(**made["size"])
    except (KeyError, TypeError) as error:
        raise Problem(f"{root / publishing.MANIFEST} describes no world of {name}. Publish it again.") from error
    if manifest(size) != made:
        raise Problem(f"{root} was made by another version of this world. Remove it and publish it again.")
    return size


def line(split: str, part: str, expected: int, found: int) -> dict[str, Any]:
    """One line of a `check`."""
    return {
        "split": split, "part": part, "expected": expected, "found": found, "missing": max(0, expected - found),
    }  # fmt: skip


def save(folder: Path, names: Sequence[str], drawn: UInt8[Tensor, "b 3 h w"]) -> None:
    """Write drawn pictures below `folder` under these names, as PNG whatever the name ends on.

    Readers go by content, and so a `.jpg` that an official layout asks for loses nothing.
    """
    from PIL import Image

    for name, pixels in zip(names, drawn.permute(0, 2, 3, 1).numpy(), strict=True):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path, format="PNG", compress_level=1)
