"""Text-based person retrieval: CUHK-PEDES, ICFG-PEDES and RSTPReid; the official files, read.

ITSELF §4 and its supplement: the query is a caption, the gallery all images of the split (the described one too),
and a hit is any image of the same person. Training numbers people 0 .. C-1 anew: CUHK's ids start at 1.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from cirkit.benchmarks import photos, pictured
from cirkit.benchmarks.annotations import image_path, need, read_json, record_error
from cirkit.errors import Problem
from cirkit.query import Benchmark, Images, Query, Select, Triplets


@dataclass(frozen=True)
class Layout:
    """Where one of the three keeps what: a list of records in one file, images below `imgs/`."""

    name: str
    file: str
    key: str  # of the image's path in a record
    splits: tuple[str, ...]
    first: int = 0  # the lowest id in the file
    other: str | None = None  # a second name under which the file goes about

    def check(self, root: Path) -> list[dict[str, Any]]:
        """What should be in the folder, and what is."""
        return check(self, root)


CUHK = Layout("cuhk-pedes", "reid_raw.json", "file_path", ("train", "val", "test"), first=1)
ICFG = Layout("icfg-pedes", "ICFG-PEDES.json", "file_path", ("train", "test"), other="ICFG_PEDES.json")
RSTP = Layout("rstpreid", "data_captions.json", "img_path", ("train", "val", "test"))
LAYOUTS = {layout.name: layout for layout in (CUHK, ICFG, RSTP)}

OFFICIAL: dict[str, dict[str, dict[str, int]]] = {  # captions of CUHK's train and val as the literature counts them
    "cuhk-pedes": {
        "train": {"people": 11003, "images": 34054, "captions": 68126},
        "val": {"people": 1000, "images": 3078, "captions": 6158},
        "test": {"people": 1000, "images": 3074, "captions": 6156},
    },
    "icfg-pedes": {
        "train": {"people": 3102, "images": 34674, "captions": 34674},
        "test": {"people": 1000, "images": 19848, "captions": 19848},
    },
    "rstpreid": {
        "train": {"people": 3701, "images": 18505, "captions": 37010},
        "val": {"people": 200, "images": 1000, "captions": 2000},
        "test": {"people": 200, "images": 1000, "captions": 2000},
    },
}


def as_written(caption: str) -> str:
    """The caption itself."""
    return caption


def cleaned(caption: str) -> str:
    """As TBPS-CLIP reads captions: lower case, without .!"()*#:;~, at most 50 words."""
    return " ".join("".join(letter for letter in caption.lower() if letter not in '.!"()*#:;~').split()[:50])


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How a split is asked about; the default is that of ITSELF and of IRRA before it."""

    name: str = "official"
    split: str = "test"
    shape: tuple[int, int] = (384, 128)  # height and width that images are stretched to
    words: Callable[[str], str] = as_written


STANDARD = Protocol()
TBPS_CLIP = Protocol(name="tbps-clip", words=cleaned)


@dataclass(frozen=True)
class Record:
    """One image: where it lies below `imgs/`, whom it shows, and what was written of it."""

    path: str
    identity: int
    captions: tuple[str, ...]


@dataclass(frozen=True)
class Dropped:
    """What a split lost because images are not there: the images, and the captions that describe them."""

    images: int
    captions: int


def annotations(layout: Layout, root: Path) -> Path:
    """The annotation file in `root`, under either of its names, packed or not."""
    for name in (layout.file, layout.other):
        if name is not None and ((root / name).exists() or (root / f"{name}.gz").exists()):
            return root / name
    return root / layout.file


def records(layout: Layout, root: Path | str) -> dict[str, list[Record]]:
    """Every record by split, checked. Raises Problem that names file and record."""
    root = Path(root)
    path = annotations(layout, root)
    found: dict[str, list[Record]] = {split: [] for split in layout.splits}
    shown: dict[str, tuple[str, int]] = {}
    for number, record in enumerate(read_json(path, list)):
        split, image = need(record, "split", str, path, number), need(record, layout.key, str, path, number)
        identity, said = need(record, "id", int, path, number), need(record, "captions", list, path, number)
        if split not in found:
            raise record_error(path, number, f"is of the split {split!r}, not {' or '.join(layout.splits)}")
        if identity < layout.first:
            raise record_error(path, number, f"has the id {identity}; {layout.name} counts from {layout.first}")
        if not said or not all(isinstance(caption, str) for caption in said):
            raise record_error(path, number, "needs captions, a list of strings")
        if shown.setdefault(image, (split, identity)) != (split, identity):
            raise record_error(path, number, f"shows {image!r} in another split or as another person than before")
        image_path(root / "imgs", image)
        found[split].append(Record(image, identity, tuple(said)))
    return found


def present(layout: Layout, root: Path | str, split: str) -> tuple[list[Record], Dropped]:
    """The records of a split whose images are there, and what was dropped. Raises Problem where none is left."""
    root = Path(root)
    if split not in layout.splits:
        raise Problem(f"{layout.name} has no split {split!r}. Use one of {', '.join(layout.splits)}.")
    every = records(layout, root)[split]
    there = [record for record in every if os.path.isfile(root / "imgs" / record.path)]
    if not there:
        raise Problem(f"No image of the {split} split lies below {root / 'imgs'}. Copy the images there.")
    lost = sum(len(record.captions) for record in every) - sum(len(record.captions) for record in there)
    return there, Dropped(len(every) - len(there), lost)


def _images(root: Path, records: Sequence[Record], shape: tuple[int, int]) -> Images:
    """Stretched to one shape, as the official loaders do."""
    paths = [image_path(root / "imgs", record.path) for record in records]
    return photos.held(photos.Files(paths, shape, photos.stretch))


def _captions(records: Sequence[Record], words: Callable[[str], str]) -> tuple[list[str], list[int]]:
    """Every caption, and the row of the image it describes."""
    pairs = [(words(caption), row) for row, record in enumerate(records) for caption in record.captions]
    return [caption for caption, _ in pairs], [row for _, row in pairs]


def train(layout: Layout, root: Path | str, protocol: Protocol = STANDARD) -> Triplets:
    """The training pairs, one per caption; `reference` is the person, numbered 0 .. C-1 in order of their ids.

    released code of IRRA: subtracts one from CUHK's training ids and asserts that no number is missing.
    """
    found, _ = present(layout, root, "train")
    text, rows = _captions(found, protocol.words)
    numbers = {identity: number for number, identity in enumerate(sorted({record.identity for record in found}))}
    return Triplets(
        query=Query(text=text),
        target=Select(_images(Path(root), found, protocol.shape), torch.tensor(rows)),
        reference=torch.tensor([numbers[found[row].identity] for row in rows]),
    )


def test(layout: Layout, root: Path | str, protocol: Protocol = STANDARD) -> Benchmark:
    """Every caption of the protocol's split against all its images; right are all of the same person."""
    found, _ = present(layout, root, protocol.split)
    text, rows = _captions(found, protocol.words)
    alike: dict[int, list[int]] = {}
    for row, record in enumerate(found):
        alike.setdefault(record.identity, []).append(row)
    return Benchmark(
        name=layout.name,
        query=Query(text=text),
        gallery=_images(Path(root), found, protocol.shape),
        relevant=[alike[found[row].identity] for row in rows],
    )


def check(layout: Layout, root: Path) -> list[dict[str, Any]]:
    """Per split and part, how many there should be, how many there are, how many are missing.

    Expected numbers are the original's, or those counted as a world was published.
    """
    expected = pictured.expected_counts(root, OFFICIAL[layout.name])
    lines = []
    for split, found in records(layout, root).items():
        there = [record for record in found if os.path.isfile(root / "imgs" / record.path)]
        counts = {
            "people": len({record.identity for record in there}),
            "images": len({record.path for record in there}),
            "captions": sum(len(record.captions) for record in there),
        }
        for part, count in counts.items():
            due = expected[split][part]
            lines.append(pictured.line(split, part, due, count))
        here = {record.path for record in there}
        lying = {record.path: record.path in here for record in found}
        needs = pictured.Requirements(
            protocol=STANDARD.name,
            reference=None,
            others=[(record.path,) for record in found for _ in record.captions],
            gallery=() if split == "train" else [record.path for record in found],
        )
        lines[-2].gone = pictured.gone(lying, [needs])
    return lines
