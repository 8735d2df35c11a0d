"""FashionIQ: "is shiny and silver with shorter sleeves". The official files, read and written; a wardrobe of its kind.

Wu et al. 2021, MAAF §3.2 and Table 3: three categories, two captions to a pair, R@10 and R@50 averaged over categories.
Systems differ in how they join the captions, in the gallery and in whether the reference stays: each is a Protocol.
"""

import dataclasses
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from cirkit.benchmarks import pictured
from cirkit.benchmarks.annotations import image_path, need, read_json, record_error, write_json
from cirkit.benchmarks.fashioniq_protocols import CATEGORIES, MAAF, PROTOCOLS, Protocol
from cirkit.errors import Problem
from cirkit.query import Benchmark, Query, Select, Triplets
from cirkit.worlds import image_files
from cirkit.worlds import publish as publishing
from cirkit.worlds.stock import Shelf, Stock
from cirkit.worlds.wardrobe import Picture, draw
from cirkit.worlds.writing import Writer

SPLITS = ("train", "val", "test")
IDENTITY = re.compile(r"[A-Z0-9]{10}")  # an Amazon number; some are all digits, and 0 may come first
OFFICIAL = {  # counted in the published files: queries, pictures
    "dress": {"train": (5985, 11452), "val": (2017, 3817), "test": (2024, 3818)},
    "shirt": {"train": (5988, 19036), "val": (2038, 6346), "test": (2038, 6346)},
    "toptee": {"train": (6027, 16121), "val": (1961, 5373), "test": (2056, 5374)},
}
VERSION = 1  # of the world: raise it when the same Size would give other bytes


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a FashionIQ world; counts are per category: queries and pictures of each split."""

    train: Sequence[int]
    val: Sequence[int]
    test: Sequence[int]
    image: int = 64  # pixels
    seed: int = 0
    changes: Sequence[int] = (1, 2, 2, 3)  # attributes that a target changes, drawn from these
    targets: int = 2  # most queries per reference
    slip: float = 0.012  # chance of a typing error in a word
    second: float = 0.45  # chance that a caption makes a second remark

    def __post_init__(self) -> None:
        for name in ("train", "val", "test", "changes"):  # a manifest has lists
            object.__setattr__(self, name, tuple(getattr(self, name)))


SIZES = {
    "smoke": Size(train=(10, 24), val=(6, 14), test=(4, 10), image=32),
    "cpu": Size(train=(2000, 3600), val=(500, 1000), test=(100, 200)),
    "gpu": Size(train=(6000, 11000), val=(2000, 4000), test=(500, 1000), image=96),
}


@dataclass(frozen=True)
class Record:
    """One annotation; the targets of the test split were never released."""

    candidate: str
    target: str | None
    captions: tuple[str, ...]


@dataclass(frozen=True)
class Annotations:
    """The files of one category and split: what is asked, and which pictures there are."""

    category: str
    split: str
    records: list[Record]
    names: list[str]


def caption_file(root: Path, category: str, split: str) -> Path:
    """Where the queries of a category and split lie."""
    return root / "captions" / f"cap.{category}.{split}.json"


def split_file(root: Path, category: str, split: str) -> Path:
    """Where the picture numbers of a category and split lie."""
    return root / "image_splits" / f"split.{category}.{split}.json"


def annotations(root: Path | str, category: str, split: str) -> Annotations:
    """Read and check the files of one category and split. Raises Problem that names file and record."""
    root = Path(root)
    if category not in CATEGORIES or split not in SPLITS:
        raise Problem(f"FashionIQ has no {category!r} {split!r}. Use {', '.join(CATEGORIES)}; {', '.join(SPLITS)}.")
    names = _names(split_file(root, category, split))
    listed = set(names)
    path, records = caption_file(root, category, split), []
    for number, record in enumerate(read_json(path, list)):
        candidate, said = need(record, "candidate", str, path, number), need(record, "captions", list, path, number)
        target = None if split == "test" else need(record, "target", str, path, number)
        for name in (candidate, target):
            if name is not None and name not in listed:
                raise record_error(
                    path, number, f"names {name!r}, which {path.name} does not share with its split file"
                )
        if candidate == target:
            raise record_error(path, number, f"leads from {candidate!r} to itself")
        if not said or not all(isinstance(caption, str) for caption in said):
            raise record_error(path, number, "needs captions, a list of strings")
        records.append(Record(candidate, target, tuple(said)))
    if not records:
        raise Problem(f"{path} holds no queries. Download it again.")
    return Annotations(category, split, records, names)


def _names(path: Path) -> list[str]:
    """The picture numbers in a split file, checked."""
    names = read_json(path, list)
    for number, name in enumerate(names):
        if not isinstance(name, str) or not IDENTITY.fullmatch(name):
            raise record_error(path, number, f"is {name!r}, not ten capital letters and digits")
    if len(set(names)) != len(names):
        raise Problem(f"{path} lists {len(names) - len(set(names))} pictures twice. Mend the file.")
    return names


def leaks(root: Path | str) -> dict[tuple[str, str], int]:
    """How many train pictures of a category are val pictures of another: joint training sees them."""
    names = {(c, s): set(_names(split_file(Path(root), c, s))) for c in CATEGORIES for s in ("train", "val")}
    shared = {(a, b): len(names[a, "train"] & names[b, "val"]) for a in CATEGORIES for b in CATEGORIES}
    return {pair: count for pair, count in shared.items() if count}


def places(root: Path, category: str, names: Sequence[str]) -> dict[str, Path]:
    """Where each picture lies: all in one folder, or by category as MAAF and others keep them; .jpg or .png."""
    folders = ("images", f"resized_images/{category}", f"img/{category}", category)
    found: dict[str, str] = {}
    for folder in reversed([folder for folder in folders if (root / folder).is_dir()]):
        found |= {file: f"{folder}/{file}" for file in os.listdir(root / folder)}
    made = {}
    for name in names:
        file = next((found[name + end] for end in (".png", ".jpg", ".jpeg") if name + end in found), None)
        made[name] = root / "images" / f"{name}.jpg" if file is None else image_path(root, file)
    return made


def _pictures(root: Path, read: Sequence[Annotations], needed: Callable[[Annotations], list[str]]) -> pictured.Pictured:
    """The pictures that the annotations need, each once however many categories name it."""
    paths: dict[str, Path] = {}
    for part in read:
        for name, path in places(root, part.category, needed(part)).items():
            if name not in paths or path.is_file():  # it may lie in the folder of either category
                paths[name] = path
    return pictured.find(root, paths)


def train(root: Path | str, protocol: Protocol = MAAF) -> Triplets:
    """The training queries of the protocol's categories, captions joined as it joins them.

    Queries whose pictures are missing are left out with a warning that counts them.
    """
    root = Path(root)
    read = [annotations(root, category, "train") for category in protocol.categories]
    images = _pictures(root, read, lambda part: part.names)
    records = [record for part in read for record in part.records]
    kept = images.complete(root, [(record.candidate, record.target or "") for record in records])
    of = [part.category for part in read for _ in part.records]
    asked = [(records[i], of[i], text) for i in kept for text in protocol.texts(records[i].captions)]
    source = images.rows([record.candidate for record, _, _ in asked])
    target = images.rows([record.target or "" for record, _, _ in asked])
    query = Query(image=Select(images.images, source), text=[text for _, _, text in asked])
    group = [category for _, category, _ in asked]
    return Triplets(query=query, target=Select(images.images, target), reference=source, group=group)


def test(root: Path | str, protocol: Protocol = MAAF, split: str = "val") -> Benchmark:
    """The queries of a split, as all of the literature evaluates: on val, each category against its own gallery.

    The galleries lie one behind the other; each query is ranked among the rows of its category, without the reference
    where the protocol excludes it. Queries and gallery items whose pictures are missing are left out with a warning.
    """
    root = Path(root)
    if split == "test":
        raise Problem("The targets of FashionIQ's test split were never released. Use the val split.")
    read = [annotations(root, category, split) for category in protocol.categories]
    images = _pictures(root, read, protocol.gallery)
    text, source, relevant, excluded, among, group, rows = [], [], [], [], [], [], []
    spans, offsets = [], []
    for part in read:
        mine = [name for name in protocol.gallery(part) if name in images.row]
        offsets.append({name: len(rows) + i for i, name in enumerate(mine)})
        spans.append(range(len(rows), len(rows) + len(mine)))
        rows.extend(images.row[name] for name in mine)
    all_ = [(i, record) for i, part in enumerate(read) for record in part.records]
    for number in images.complete(root, [(record.candidate, record.target or "") for _, record in all_]):
        i, record = all_[number]
        here = offsets[i]
        for asked in protocol.texts(record.captions):
            text.append(asked)
            source.append(images.row[record.candidate])
            relevant.append([here[record.target or ""]])
            excluded.append(protocol.reference(here[record.candidate]))
            among.append(spans[i])
            group.append(read[i].category)
    return Benchmark(
        name=f"fashioniq/{protocol.name}",
        query=Query(image=Select(images.images, torch.tensor(source)), text=text),
        gallery=Select(images.images, torch.tensor(rows)),
        relevant=relevant,
        excluded=excluded if any(excluded) else None,
        candidates=among if len(read) > 1 else None,
        group=group,
    )


@lru_cache(maxsize=4)
def world(size: Size) -> dict[tuple[str, str], Shelf]:
    """All shelves, from the size alone; no garment is on two of them."""
    writer = Writer(slip=size.slip, second=size.second)
    stock = Stock(np.random.default_rng([size.seed, len(CATEGORIES)]), size.changes, size.targets, writer)
    return {
        (category, split): stock.shelf(np.random.default_rng([size.seed, i, j]), category, *getattr(size, split))
        for i, category in enumerate(CATEGORIES)
        for j, split in enumerate(SPLITS)
    }


def drawn(size: Size, split: str, rows: Sequence[int]) -> Picture:
    """Pictures and masks of a split, drawn from the size alone; rows run over the categories one behind the other."""
    garments = [garment for category in CATEGORIES for garment in world(size)[category, split].garments]
    return draw([garments[row] for row in rows], size.image)


def pictures(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given pictures of a split: the same bytes as those published."""
    return drawn(size, split, rows).images


def manifest(size: Size) -> dict[str, Any]:
    """What `world.json` says of a world of this size."""
    fields = {
        name: list(value) if isinstance(value, tuple) else value for name, value in dataclasses.asdict(size).items()
    }
    return {"world": "fashioniq", "version": VERSION, "size": fields}


def publish(root: Path, size: Size) -> None:
    """Write the world of this size to `root` in the official format; at once if it is there already."""
    publishing.once(root, manifest(size), lambda folder: _write(folder, size))


def published(size: Size, home: Path | None = None) -> Path:
    """The folder of this world in the data folder `home`; drawn now if it is not there yet."""
    root = publishing.folder_of(manifest(size), home)
    publish(root, size)
    return root


def _write(folder: Path, size: Size) -> None:
    """The annotation files and the pictures."""
    for (category, split), shelf in world(size).items():
        write_json(split_file(folder, category, split), shelf.names)
        listed = []
        for (source, target), said in zip(shelf.pairs, shelf.captions, strict=True):
            answer = {} if split == "test" else {"target": shelf.names[target]}
            listed.append({**answer, "candidate": shelf.names[source], "captions": said})
        write_json(caption_file(folder, category, split), listed)
        for start in range(0, len(shelf.names), 256):
            names = [f"images/{name}.png" for name in shelf.names[start : start + 256]]
            image_files.save(folder, names, draw(shelf.garments[start : start + 256], size.image).images)


@lru_cache(maxsize=4)
def world_train(size: Size, protocol: Protocol = MAAF) -> Triplets:
    """`train` of the world of this size, drawn first if need be; kept, since many runs ask for the same."""
    return train(published(size), protocol)


@lru_cache(maxsize=4)
def world_test(size: Size, protocol: Protocol = MAAF) -> Benchmark:
    """`test` of the world of this size; kept likewise."""
    return test(published(size), protocol)


def _asked(read: Annotations) -> list[pictured.Requirements]:
    """What each protocol needs of the pictures: only val is ranked, and the targets of test are not known."""
    source = [record.candidate for record in read.records]
    target = [() if record.target is None else (record.target,) for record in read.records]
    return [
        pictured.Requirements(
            protocol=protocol.name,
            reference=source,
            others=target,
            gallery=protocol.gallery(read) if read.split == "val" else (),
        )
        for protocol in PROTOCOLS.values()
    ]


def check(root: Path) -> list[dict[str, Any]]:
    """Per category, split and part, how many there should be, how many there are, and how many are missing."""
    size, lines = pictured.size_of(root, "fashioniq", Size, manifest), []
    for category in CATEGORIES:
        for split in SPLITS:
            read = annotations(root, category, split)
            queries, count = OFFICIAL[category][split] if size is None else getattr(size, split)
            there = {name: path.is_file() for name, path in places(root, category, read.names).items()}
            lines.append(pictured.line(f"{category} {split}", "queries", queries, len(read.records)))
            lines.append(pictured.line(f"{category} {split}", "listed", count, len(read.names)))
            lines.append(pictured.line(f"{category} {split}", "pictures", count, sum(there.values())))
            lines[-1].gone = pictured.gone(there, _asked(read))
    return lines
