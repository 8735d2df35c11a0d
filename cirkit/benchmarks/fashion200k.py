"""Fashion200k: "replace blue with red". The official label files, read.

Han et al. 2017 with the queries of TIRG (Vo et al. 2019), MAAF §3.2: two titles that differ in one word make a pair. A
hit is any image with the title of the target; the reference is left out of the ranking. R@1, R@10, R@50.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cirkit.benchmarks import pictured
from cirkit.benchmarks.annotations import image_path, need, read_json, read_text, record_error
from cirkit.benchmarks.fashion200k_pairs import TIRG, Protocol, as_words, families, modification, sibling
from cirkit.errors import Problem
from cirkit.query import Benchmark, Query, Select, Triplets

CATEGORIES = ("dress", "jacket", "pants", "skirt", "top")
SPLITS = ("train", "test")
QUERIES = "test_queries.txt"
OFFICIAL = {"train": {"images": 172049}, "test": {"images": 29789, "queries": 33480}}  # as the literature counts
LONGEST = 200  # bytes of a path: file systems refuse names beyond 255; the public sample has 64 at most


@dataclass(frozen=True)
class Product:
    """One line of a label file: where the image lies, how sure the detector was, and the title in TIRG's words."""

    path: str
    score: str
    caption: str


def label_files(root: Path, split: str) -> list[Path]:
    """The label files of a split, in the order of their names; the official rule is that the split is in the name."""
    folder = root / "labels"
    names = {path.name.removesuffix(".gz") for path in folder.glob("*.txt*") if split in path.name}
    if not names:
        raise Problem(f"There is no {split} file in {folder}. Download the labels, or check the root.")
    return [folder / name for name in sorted(names)]


def products(root: Path | str, split: str) -> list[Product]:
    """Every line of the label files of a split. Raises Problem that names file and line."""
    root, found, seen = Path(root), [], set()
    for path in label_files(root, split):
        for number, line in enumerate(read_text(path).split("\n"), 1):
            if not line.strip():
                continue
            parts = line.split("\t")
            if len(parts) != 3 or not parts[2].strip():
                raise record_error(path, number, "needs three columns: image, detection score, title")
            if parts[0] in seen:
                raise record_error(path, number, f"lists {parts[0]!r} a second time")
            if parts[0].startswith(("/", "\\")) or ".." in parts[0].split("/") or "\0" in parts[0] or not parts[0]:
                raise record_error(path, number, f"names {parts[0]!r}, which is no path below the root")
            if len(parts[0].encode()) > LONGEST:
                raise record_error(path, number, f"names an image in more than {LONGEST} bytes")
            seen.add(parts[0])
            found.append(Product(parts[0], parts[1], as_words(parts[2])))
    if not found:
        raise Problem(f"The {split} label files below {root} are empty. Download them again.")
    return found


def sampled(path: Path | str) -> list[Product]:
    """The products of a public sample of Fashion200k: `manifest.json` with ids and titles, no images, no scores."""
    path = Path(path)
    items = need(read_json(path, dict), "items", list, path, "top")
    return [
        Product(need(item, "id", str, path, i), "", as_words(need(item, "title", str, path, i)))
        for i, item in enumerate(items)
    ]


def _images(root: Path, read: Sequence[Product]) -> pictured.Pictured:
    """The images of these products that lie there; paths already start with `women/`."""
    return pictured.find(root, {product.path: image_path(root, product.path, "women") for product in read})


def train(root: Path | str, protocol: Protocol = TIRG) -> Triplets:
    """Pairs of images whose titles share a parent, drawn by the protocol's seed; images that have none left out."""
    root = Path(root)
    read = products(root, "train")
    images = _images(root, read)
    read = [read[i] for i in images.complete(root, [(product.path,) for product in read])]
    rows: dict[str, list[int]] = {}
    for product in read:
        rows.setdefault(product.caption, []).append(images.row[product.path])
    alike, rng = families([product.caption for product in read], protocol.parents), np.random.default_rng(protocol.seed)
    source, target, text = [], [], []
    for product in read:
        for _ in range(protocol.pairs if product.caption in alike else 0):
            other = sibling(rng, product.caption, alike[product.caption])
            source.append(images.row[product.path])
            target.append(rows[other][rng.integers(len(rows[other]))])
            text.append(modification(product.caption, other))
    if not text:
        raise Problem(f"No two train titles of {root} differ in one word. Check the label files.")
    reference = torch.tensor(source)
    query = Query(image=Select(images.images, reference), text=text)
    return Triplets(query=query, target=Select(images.images, torch.tensor(target)), reference=reference)


def test(root: Path | str) -> Benchmark:
    """TIRG's test queries against all test images; relevant are all with the target's title but the reference."""
    root, path = Path(root), Path(root) / QUERIES
    read = products(root, "test")
    captions = {product.path: product.caption for product in read}
    pairs: list[tuple[str, str]] = []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        names = line.split()
        if not names:
            continue
        if len(names) != 2 or not set(names) <= captions.keys():
            raise record_error(path, number, "does not name two images of the test label files")
        if captions[names[0]] == captions[names[1]]:
            raise record_error(path, number, "leads from a title to the same title")
        pairs.append((names[0], names[1]))
    if not pairs:
        raise Problem(f"{path} holds no queries. Download it again.")
    images = _images(root, read)
    pairs = [pairs[i] for i in images.complete(path, pairs)]
    alike: dict[str, list[int]] = {}
    for product in read:
        if product.path in images.row:
            alike.setdefault(product.caption, []).append(images.row[product.path])
    return Benchmark(
        name="fashion200k",
        query=Query(
            image=images.at([source for source, _ in pairs]),
            text=[modification(captions[source], captions[target]) for source, target in pairs],
        ),
        gallery=images.images,
        relevant=[alike[captions[target]] for _, target in pairs],
        excluded=[[images.row[source]] for source, _ in pairs],
    )


def check(root: Path) -> list[dict[str, Any]]:
    """Per split and part, how many there should be, how many there are, and how many are missing."""
    expected, lines = pictured.expected_counts(root, OFFICIAL), []
    pairs = [line.split() for line in read_text(root / QUERIES).split("\n") if line.strip()]
    for split in SPLITS:
        there = {product.path: image_path(root, product.path, "women").is_file() for product in products(root, split)}
        lines.append(pictured.line(split, "listed", expected[split]["images"], len(there)))
        lines.append(pictured.line(split, "images", expected[split]["images"], sum(there.values())))
        first, second = [pair[0] for pair in pairs], [pair[1:] for pair in pairs]
        needs = pictured.Requirements(protocol=TIRG.name, reference=first, others=second, gallery=list(there))
        # train pairs are drawn among the images that lie there, so that none is left out
        lines[-1].gone = pictured.gone(there, [needs] if split == "test" else [])
    return [*lines, pictured.line("test", "queries", expected["test"]["queries"], len(pairs))]
