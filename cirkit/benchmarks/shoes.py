"""Shoes: "are brown not red". The official files, read and written; a shelf of drawn shoes of their kind.

Guo et al. 2018, the protocol of VAL and ARTEMIS: one target, the gallery is the eval list, the reference is left out
of the ranking; R@1, R@10, R@50. In the annotations `ImageName` is the target, not the reference.
"""

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from cirkit.benchmarks import pictured
from cirkit.benchmarks.annotations import image_path, need, read_json, read_text, record_error, write_json
from cirkit.errors import Problem
from cirkit.files import write_atomically
from cirkit.query import Benchmark, Query, Triplets
from cirkit.worlds import image_files
from cirkit.worlds import publish as publishing
from cirkit.worlds.footwear import KINDS, Shoe, change, draw, sample
from cirkit.worlds.shoe_language import caption, remarks
from cirkit.worlds.wardrobe import Picture
from cirkit.worlds.writing import Writer

FILE = "relative_captions_shoes.json"
LISTS = {"train": "train_im_names.txt", "test": "eval_im_names.txt"}
NAME = re.compile(r"img_(womens_[a-z_]{1,40}?)_\d{1,12}\.(jpg|png)")
OFFICIAL = {  # counted in the published files; 27 of the 10,751 pairs lead from a picture to itself and ask nothing
    "train": {"queries": 8990, "to themselves": 26, "pictures": 10000},
    "test": {"queries": 1761, "to themselves": 1, "pictures": 4658},
}
VERSION = 1  # of the world: raise it when the same Size would give other bytes


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a Shoes world; counts are over all kinds of shoes."""

    train: int  # queries
    test: int
    spare: float = 1.6  # pictures per query
    image: int = 64  # pixels
    seed: int = 0
    changes: int = 3  # most attributes that a target changes
    slip: float = 0.012  # chance of a typing error in a word


SIZES = {
    "smoke": Size(train=20, test=10, image=32),
    "cpu": Size(train=4000, test=1000),
    "gpu": Size(train=9000, test=2000, image=96),
}


@dataclass(frozen=True)
class Record:
    """One annotation: what is said of the target to somebody who sees the reference."""

    reference: str
    target: str
    caption: str


def names(root: Path | str, split: str) -> list[str]:
    """The picture names of a split, in the order of its list. Raises Problem for one that is no name of a picture."""
    if split not in LISTS:
        raise Problem(f"Shoes has no split {split!r}. Use {' or '.join(LISTS)}.")
    path = Path(root) / LISTS[split]
    found = [line.strip() for line in read_text(path).split("\n") if line.strip()]
    for number, name in enumerate(found, 1):
        if not NAME.fullmatch(name):
            raise record_error(path, number, f"is {name!r}, not like img_womens_boots_12.jpg")
    if not found or len(set(found)) != len(found):
        raise Problem(f"{path} is empty or lists a picture twice. Download it again.")
    return found


def records(root: Path | str, split: str) -> list[Record]:
    """The annotations of a split that ask something: those that lead from a picture to itself are left out."""
    found = [record for record in annotated(root, split) if record.reference != record.target]
    if not found:
        raise Problem(f"{Path(root) / FILE} has no {split} queries. Download it again.")
    return found


def annotated(root: Path | str, split: str) -> list[Record]:
    """All annotations whose pictures are in the list of this split. Raises Problem that names file and record."""
    path = Path(root) / FILE
    listed = {part: set(names(root, part)) for part in LISTS}
    if listed["train"] & listed["test"]:
        raise Problem(f"{root}: the lists of train and eval share pictures. Download them again.")
    found = []
    for number, record in enumerate(read_json(path, list)):
        target, reference = (
            need(record, "ImageName", str, path, number),
            need(record, "ReferenceImageName", str, path, number),
        )
        said = need(record, "RelativeCaption", str, path, number)
        ends = [next((part for part, those in listed.items() if name in those), None) for name in (reference, target)]
        if None in ends or ends[0] != ends[1]:
            raise record_error(path, number, f"names {reference!r} and {target!r}, which no one list holds")
        if ends[0] == split:
            found.append(Record(reference, target, said.strip()))
    return found


def places(root: Path, wanted: Sequence[str]) -> dict[str, Path]:
    """Where each picture lies: `womens_boots/0/img_womens_boots_12.jpg`, in the root or in `attributedata`."""
    found: dict[str, str] = {}
    for folder in (root, root / "attributedata", root / "images"):
        for path in sorted(folder.glob("womens_*/*/img_womens_*")):
            found.setdefault(path.name, str(path.relative_to(root)))
    return {name: image_path(root, found.get(name, f"{_folder(name)}/0/{name}")) for name in wanted}


def _folder(name: str) -> str:
    """The folder of a picture's kind."""
    return name.removeprefix("img_").rsplit("_", 1)[0]


def train(root: Path | str) -> Triplets:
    """The train queries; those whose pictures are missing are left out with a warning that counts them."""
    root = Path(root)
    found, images = records(root, "train"), pictured.find(root, places(root, names(root, "train")))
    found = [found[i] for i in images.complete(root, [(record.reference, record.target) for record in found])]
    source = images.at([record.reference for record in found])
    query = Query(image=source, text=[record.caption for record in found])
    return Triplets(query=query, target=images.at([record.target for record in found]), reference=source.index)


def test(root: Path | str) -> Benchmark:
    """The eval queries against all pictures of the eval list, the reference excluded."""
    root = Path(root)
    found, images = records(root, "test"), pictured.find(root, places(root, names(root, "test")))
    found = [found[i] for i in images.complete(root, [(record.reference, record.target) for record in found])]
    return Benchmark(
        name="shoes",
        query=Query(image=images.at([record.reference for record in found]), text=[record.caption for record in found]),
        gallery=images.images,
        relevant=[[images.row[record.target]] for record in found],
        excluded=[[images.row[record.reference]] for record in found],
    )


@dataclass(frozen=True)
class Rack:
    """One split of a world: row i is the picture `names[i]`; queries number rows, from reference to target."""

    names: list[str]
    shoes: list[Shoe]
    queries: list[tuple[int, int, str]]


@lru_cache(maxsize=4)
def world(size: Size) -> dict[str, Rack]:
    """Both splits, from the size alone; no shoe is in both."""
    taken: set[tuple] = set()
    return {split: _rack(size, split, taken) for split in LISTS}


def _rack(size: Size, split: str, taken: set[tuple]) -> Rack:
    """References and what they are changed into, then more shoes, all in an order that tells nothing."""
    rng = np.random.default_rng([size.seed, [*LISTS].index(split)])
    shoes: list[Shoe] = []
    queries: list[tuple[int, int, str]] = []
    writer = Writer(slip=size.slip, blank=0.0)

    def keep(shoe: Shoe) -> bool:
        fresh = shoe.key not in taken
        if fresh:
            taken.add(shoe.key)
            shoes.append(shoe)
        return fresh

    while len(queries) < getattr(size, split):
        kind = KINDS[rng.integers(len(KINDS))]
        source = int(rng.integers(len(shoes))) if shoes and rng.random() < 0.4 else len(shoes)
        if source == len(shoes) and not keep(sample(rng, kind)):
            continue
        other = change(rng, shoes[source], int(rng.integers(1, size.changes + 1)))
        if remarks(shoes[source], other) and keep(other):
            queries.append((source, len(shoes) - 1, caption(rng, shoes[source], other, writer)))
    while len(shoes) < size.spare * len(queries):
        keep(sample(rng, KINDS[rng.integers(len(KINDS))]))
    order = rng.permutation(len(shoes))
    place, start = np.argsort(order).tolist(), 0 if split == "train" else 1_000_000
    shuffled = [shoes[row] for row in order.tolist()]
    called = [f"img_womens_{shoe.kind}_{start + row}.png" for row, shoe in enumerate(shuffled)]
    return Rack(called, shuffled, [(place[s], place[t], said) for s, t, said in queries])


def drawn(size: Size, split: str, rows: Sequence[int]) -> Picture:
    """Pictures and masks of a split, drawn from the size alone."""
    shoes = world(size)[split].shoes
    return draw([shoes[row] for row in rows], size.image)


def pictures(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given pictures of a split: the same bytes as those published."""
    return drawn(size, split, rows).images


def manifest(size: Size) -> dict[str, Any]:
    """What `world.json` says of a world of this size."""
    return {"world": "shoes", "version": VERSION, "size": dataclasses.asdict(size)}


def publish(root: Path, size: Size) -> None:
    """Write the world of this size to `root` in the official format (pictures as PNG); at once if it is there."""
    publishing.once(root, manifest(size), lambda folder: _write(folder, size))


def published(size: Size, home: Path | None = None) -> Path:
    """The folder of this world in the data folder `home`; drawn now if it is not there yet."""
    root = publishing.folder_of(manifest(size), home)
    publish(root, size)
    return root


def _write(folder: Path, size: Size) -> None:
    """The two lists, the annotations and the pictures."""
    listed = []
    for split, rack in world(size).items():
        write_atomically(folder / LISTS[split], "".join(f"{name}\n" for name in rack.names))
        listed += [
            {"ImageName": rack.names[t], "ReferenceImageName": rack.names[s], "RelativeCaption": said}
            for s, t, said in rack.queries
        ]
        for start in range(0, len(rack.names), 256):
            here = [f"{_folder(name)}/0/{name}" for name in rack.names[start : start + 256]]
            image_files.save(folder, here, draw(rack.shoes[start : start + 256], size.image).images)
    write_json(folder / FILE, listed)


@lru_cache(maxsize=2)
def world_train(size: Size) -> Triplets:
    """`train` of the world of this size, drawn first if need be; kept, since many runs ask for the same."""
    return train(published(size))


@lru_cache(maxsize=2)
def world_test(size: Size) -> Benchmark:
    """`test` of the world of this size; kept likewise."""
    return test(published(size))


def check(root: Path) -> list[dict[str, Any]]:
    """Per split and part, how many there should be, how many there are, and how many are missing.

    Pairs that lead from a picture to itself are counted among the queries, as published, and apart: all are left out.
    """
    size, lines = pictured.size_of(root, "shoes", Size, manifest), []
    for split in LISTS:
        due, listed, pairs = dict(OFFICIAL[split]), names(root, split), annotated(root, split)
        if size is not None:
            due = {"queries": getattr(size, split), "to themselves": 0, "pictures": len(world(size)[split].names)}
        there = {name: path.is_file() for name, path in places(root, listed).items()}
        asked = [pair for pair in pairs if pair.reference != pair.target]
        lines.append(pictured.line(split, "queries", due["queries"], len(pairs)))
        lines.append(pictured.line(split, "to themselves, left out", due["to themselves"], len(pairs) - len(asked)))
        lines.append(pictured.line(split, "listed", due["pictures"], len(listed)))
        lines.append(pictured.line(split, "pictures", due["pictures"], sum(there.values())))
        needs = pictured.Requirements(
            protocol="shoes",
            reference=[pair.reference for pair in asked],
            others=[(pair.target,) for pair in asked],
            gallery=() if split == "train" else listed,
        )
        lines[-1].gone = pictured.gone(there, [needs])
    return lines
