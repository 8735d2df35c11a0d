"""FashionIQ: "is shiny and silver with shorter sleeves". The official files, read.

Wu et al. 2021, MAAF §3.2 and Table 3: three categories, two captions to a pair, R@10 and R@50 averaged over categories.
Systems differ in how they join the captions, in the gallery and in whether the reference stays: each is a Protocol.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from cirkit.benchmarks import pictured
from cirkit.benchmarks.annotations import need, read_json, record_error
from cirkit.benchmarks.fashioniq_layouts import image_paths
from cirkit.benchmarks.fashioniq_protocols import CATEGORIES, MAAF, PROTOCOLS, Protocol
from cirkit.errors import Problem
from cirkit.query import Benchmark, Query, Select, Triplets

SPLITS = ("train", "val", "test")
IDENTITY = re.compile(r"[A-Z0-9]{10}")  # an Amazon number; some are all digits, and 0 may come first
OFFICIAL = {  # counted in the published files
    "dress train": {"queries": 5985, "images": 11452},
    "dress val": {"queries": 2017, "images": 3817},
    "dress test": {"queries": 2024, "images": 3818},
    "shirt train": {"queries": 5988, "images": 19036},
    "shirt val": {"queries": 2038, "images": 6346},
    "shirt test": {"queries": 2038, "images": 6346},
    "toptee train": {"queries": 6027, "images": 16121},
    "toptee val": {"queries": 1961, "images": 5373},
    "toptee test": {"queries": 2056, "images": 5374},
}


@dataclass(frozen=True)
class Record:
    """One annotation; the targets of the test split were never released."""

    candidate: str
    target: str | None
    captions: tuple[str, ...]


@dataclass(frozen=True)
class Annotations:
    """The files of one category and split: the queries, and which images there are."""

    category: str
    split: str
    records: list[Record]
    names: list[str]


def caption_file(root: Path, category: str, split: str) -> Path:
    """Where the queries of a category and split lie."""
    return root / "captions" / f"cap.{category}.{split}.json"


def split_file(root: Path, category: str, split: str) -> Path:
    """Where the item numbers of a category and split lie."""
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
        candidate, captions = need(record, "candidate", str, path, number), need(record, "captions", list, path, number)
        target = None if split == "test" else need(record, "target", str, path, number)
        for name in (candidate, target):
            if name is not None and name not in listed:
                raise record_error(
                    path, number, f"names {name!r}, which {path.name} does not share with its split file"
                )
        if candidate == target:
            raise record_error(path, number, f"leads from {candidate!r} to itself")
        if not captions or not all(isinstance(caption, str) for caption in captions):
            raise record_error(path, number, "needs captions, a list of strings")
        records.append(Record(candidate, target, tuple(captions)))
    if not records:
        raise Problem(f"{path} holds no queries. Download it again.")
    return Annotations(category, split, records, names)


def _names(path: Path) -> list[str]:
    """The item numbers in a split file, checked."""
    names = read_json(path, list)
    for number, name in enumerate(names):
        if not isinstance(name, str) or not IDENTITY.fullmatch(name):
            raise record_error(path, number, f"is {name!r}, not ten capital letters and digits")
    if len(set(names)) != len(names):
        raise Problem(f"{path} lists {len(names) - len(set(names))} images twice. Mend the file.")
    return names


def leaks(root: Path | str) -> dict[tuple[str, str], int]:
    """How many train images of a category are val images of another: joint training sees them."""
    names = {(c, s): set(_names(split_file(Path(root), c, s))) for c in CATEGORIES for s in ("train", "val")}
    shared = {(a, b): len(names[a, "train"] & names[b, "val"]) for a in CATEGORIES for b in CATEGORIES}
    return {pair: count for pair, count in shared.items() if count}


def _images(root: Path, read: Sequence[Annotations], needed: Callable[[Annotations], list[str]]) -> pictured.Pictured:
    """The images that the annotations need, each once however many categories name it."""
    paths: dict[str, Path] = {}
    for part in read:
        for name, path in image_paths(root, part.category, needed(part)).items():
            if name not in paths or path.is_file():  # it may lie in the folder of either category
                paths[name] = path
    return pictured.find(root, paths)


def train(root: Path | str, protocol: Protocol = MAAF) -> Triplets:
    """The training queries of the protocol's categories, captions joined as it joins them.

    Queries whose images are missing are left out with a warning that counts them.
    """
    root = Path(root)
    read = [annotations(root, category, "train") for category in protocol.categories]
    images = _images(root, read, lambda part: part.names)
    records = [record for part in read for record in part.records]
    whole = images.complete(root, [(record.candidate, record.target or "") for record in records])
    of = [part.category for part in read for _ in part.records]
    queries = [(records[i], of[i], text) for i in whole for text in protocol.texts(records[i].captions)]
    source = images.rows([record.candidate for record, _, _ in queries])
    target = images.rows([record.target or "" for record, _, _ in queries])
    query = Query(image=Select(images.images, source), text=[text for _, _, text in queries])
    group = [category for _, category, _ in queries]
    return Triplets(query=query, target=Select(images.images, target), reference=source, group=group)


def test(root: Path | str, protocol: Protocol = MAAF, split: str = "val") -> Benchmark:
    """The queries of a split, as all of the literature evaluates: on val, each category against its own gallery.

    The galleries lie one behind the other; each query is ranked among the rows of its category, without the
    reference where the protocol excludes it. Queries and gallery items whose images are missing are left out with a
    warning.
    """
    root = Path(root)
    if split == "test":
        raise Problem("The targets of FashionIQ's test split were never released. Use the val split.")
    read = [annotations(root, category, split) for category in protocol.categories]
    images = _images(root, read, protocol.gallery)
    text, source, relevant, excluded, candidates, group, rows = [], [], [], [], [], [], []
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
        for each in protocol.texts(record.captions):
            text.append(each)
            source.append(images.row[record.candidate])
            relevant.append([here[record.target or ""]])
            excluded.append(protocol.reference(here[record.candidate]))
            candidates.append(spans[i])
            group.append(read[i].category)
    return Benchmark(
        name=f"fashioniq/{protocol.name}",
        query=Query(image=Select(images.images, torch.tensor(source)), text=text),
        gallery=Select(images.images, torch.tensor(rows)),
        relevant=relevant,
        excluded=excluded if any(excluded) else None,
        candidates=candidates if len(read) > 1 else None,
        group=group,
    )


def _requirements(read: Annotations) -> list[pictured.Requirements]:
    """What each protocol needs of the images: only val is ranked, and the targets of test are not known."""
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
    expected, lines = pictured.expected_counts(root, OFFICIAL), []
    for category in CATEGORIES:
        for split in SPLITS:
            name, read = f"{category} {split}", annotations(root, category, split)
            due = expected[name]
            there = {name: path.is_file() for name, path in image_paths(root, category, read.names).items()}
            lines.append(pictured.line(name, "queries", due["queries"], len(read.records)))
            lines.append(pictured.line(name, "listed", due["images"], len(read.names)))
            lines.append(pictured.line(name, "images", due["images"], sum(there.values())))
            lines[-1].gone = pictured.gone(there, _requirements(read))
    return lines
