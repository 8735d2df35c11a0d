"""Which of the images that annotation files name lie there; what needs a missing one is left out and counted.

Published numbers often rest on fewer images than the annotations name, since links die; so readers always say the
count, and the `check` of a benchmark says which are missing and what each protocol leaves out with them.
"""

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from cirkit.benchmarks import photos
from cirkit.errors import Problem
from cirkit.query import Images, Select

MANIFEST = "world.json"  # in the folder of a published world, and in no original's
Counts = Mapping[str, Mapping[str, int]]  # by split and part
FEW = 5  # missing images that are named; the rest is counted


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """How many queries and images are left out since images are missing, and of how many."""

    queries: int
    images: int
    of_queries: int
    of_images: int

    def __bool__(self) -> bool:
        return self.queries > 0 or self.images > 0

    def __str__(self) -> str:
        return (
            f"{self.images} of {self.of_images} images are missing, "
            f"so {self.queries} of {self.of_queries} queries are left out"
        )


@dataclass(frozen=True, kw_only=True)
class Requirements:
    """What a protocol needs of a split, by the names of images: of each query, and for the gallery.

    `reference` is None where queries are words alone; `others` are a query's targets and what else it cannot be asked
    without, such as a gallery of its own. Training has no gallery.
    """

    protocol: str
    reference: Sequence[str] | None
    others: Sequence[Sequence[str]]
    gallery: Sequence[str] = ()

    def without(self, absent: set[str]) -> dict[str, int]:
        """How many queries and gallery items go with the absent images; a query counts for its reference first."""
        first = [False] * len(self.others) if self.reference is None else [name in absent for name in self.reference]
        then = [any(name in absent for name in names) for names in self.others]
        lost = sum(one or other for one, other in zip(first, then, strict=True))
        return {
            "queries": lost,
            "of_queries": len(then),
            **({} if self.reference is None else {"by_reference": sum(first), "by_target": lost - sum(first)}),
            "gallery": sum(name in absent for name in self.gallery),
            "of_gallery": len(self.gallery),
        }


@dataclass(frozen=True)
class Pictured:
    """The images that lie there, in the order of the names; row[name] is an image's number."""

    images: Images
    row: dict[str, int]
    missing: int

    def at(self, names: Sequence[str]) -> Select:
        """The images of these names, still undecoded where they are."""
        return Select(self.images, self.rows(names))

    def rows(self, names: Sequence[str]) -> Int[Tensor, " b"]:
        """The numbers of these names."""
        return torch.tensor([self.row[name] for name in names], dtype=torch.int64)

    def complete(self, where: Path, needed: Sequence[Sequence[str]]) -> list[int]:
        """Which entries have all images they need; warns with the count where some do not.

        Raises Problem where none has.
        """
        kept = [i for i, names in enumerate(needed) if all(name in self.row for name in names)]
        dropped = Dropped(
            queries=len(needed) - len(kept),
            images=self.missing,
            of_queries=len(needed),
            of_images=self.missing + len(self.row),
        )
        if not kept:
            raise Problem(f"{where}: {dropped}: all of them. Put the images where the layout has them.")
        if dropped:
            warnings.warn(f"{where}: {dropped}.", stacklevel=3)
        return kept


def find(where: Path, paths: dict[str, Path]) -> Pictured:
    """The images of these names that lie at these places. Raises Problem where there is none at all."""
    try:
        there = {name: path for name, path in paths.items() if path.is_file()}
    except OSError as error:  # a name longer than any file system allows
        raise Problem(
            f"{where}: an image cannot be looked for ({error.strerror}). Mend the file that names it."
        ) from error
    if not there:
        example = next(iter(paths.values()), where)
        raise Problem(f"{where} has none of its {len(paths)} images, such as {example}. Put them there.")
    row = {name: i for i, name in enumerate(there)}
    return Pictured(photos.open_images(list(there.values())), row, len(paths) - len(there))


def manifest_of(root: Path) -> dict[str, Any] | None:
    """What `world.json` says of a published world, or None where there is none that can be read."""
    try:
        manifest = json.loads((root / MANIFEST).read_text())
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) else None


def expected_counts(root: Path, official: Counts) -> Counts:
    """What a check should find below `root`: what was counted as the world was published, else the original's counts.

    Raises Problem where `world.json` counts other parts than the original has.
    """
    manifest = manifest_of(root)
    if manifest is None:
        return official
    counts = manifest.get("counts")
    if isinstance(counts, dict) and all(isinstance(counts.get(split), dict) for split in official):
        parts = [(counts[split].get(part), split, part) for split in official for part in official[split]]
        if all(type(count) is int for count, *_ in parts):
            return counts
    raise Problem(f"{root / MANIFEST} does not count what this benchmark has. Remove the folder and publish it again.")


@dataclass(frozen=True)
class Gone:
    """Pictures that are not there, and what each protocol leaves out with them (None: the reader stops instead)."""

    absent: list[str]
    dropped: list[dict[str, Any]] | None


class Line(dict[str, Any]):
    """One line of a `check`: what is counted, and the counts; beside them, of images, which are `gone`."""

    gone: Gone | None = None


def line(split: str, part: str, expected: int, found: int) -> Line:
    """One line of a `check`."""
    return Line(split=split, part=part, expected=expected, found=found, missing=max(0, expected - found))


def gone(there: Mapping[str, bool], requirements: Sequence[Requirements] | None) -> Gone | None:
    """Which images are not there, given whether each is, and what goes with them; None where all are there.

    Protocols that leave out the same are named together. `requirements` is None for a reader that leaves nothing out,
    but stops.
    """
    absent = [name for name, found in there.items() if not found]
    if not absent or requirements is None:
        return Gone(absent, None) if absent else None
    dropped: dict[tuple[tuple[str, int], ...], list[str]] = {}
    for one in requirements:
        dropped.setdefault(tuple(one.without(set(absent)).items()), []).append(one.protocol)
    return Gone(absent, [{"protocol": ", ".join(names), **dict(counts)} for counts, names in dropped.items()])


def whole(row: Mapping[str, Any]) -> dict[str, Any]:
    """A line of a `check` for a machine: its counts, and what is gone with all names, in one."""
    beside = getattr(row, "gone", None)
    return {**row, **({} if beside is None else vars(beside))}


def report(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The lines of a `check` in words: which images are missing, what goes with them, and what that means."""
    lines, stops = [], False
    for row in rows:
        beside = getattr(row, "gone", None)
        if beside is not None:
            names, stops = beside.absent, stops or beside.dropped is None
            more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
            where = " ".join(str(row[key]) for key in ("split", "part") if key in row)
            lines.append(f"{where} not there ({len(names)}): {', '.join(names[:FEW])}{more}.")
            lines += [f"  left out under {_dropped(one)}" for one in beside.dropped or ()]
    if stops:
        lines.append("The reader leaves out nothing: it stops at the first image that is missing.")
    elif lines or any(row["missing"] for row in rows):
        lines.append(
            "Something is missing. The reader leaves out the queries and the gallery items that need it, together, "
            "and says how many; numbers on what is left are not comparable with published ones."
        )
    return lines


def _dropped(counts: Mapping[str, Any]) -> str:
    """A protocol and what it leaves out, in words."""
    if counts["queries"] == counts["of_queries"]:
        return f"{counts['protocol']}: all {counts['queries']} queries, so the reader refuses."
    text = f"{counts['protocol']}: {counts['queries']} of {counts['of_queries']} queries"
    if counts["queries"] and "by_reference" in counts:
        text += f" ({counts['by_reference']} for their reference, {counts['by_target']} for an image to be found)"
    if counts["of_gallery"]:
        text += f", {counts['gallery']} of {counts['of_gallery']} gallery items"
    return f"{text}."
