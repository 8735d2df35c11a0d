"""Fashion200k: "replace blue with red". The official label files, read and written; a wardrobe with titles.

Han et al. 2017 with the queries of TIRG (Vo et al. 2019), MAAF §3.2: two titles that differ in one word make a pair. A
hit is any picture with the title of the target; the reference is left out of the ranking. R@1, R@10, R@50.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from cirkit.benchmarks import pictured
from cirkit.benchmarks.annotations import image_path, need, read_json, read_text, record_error
from cirkit.benchmarks.fashion200k_pairs import TIRG, Protocol, as_words, by_word, families, modification, sibling
from cirkit.errors import Problem
from cirkit.files import write_atomically
from cirkit.query import Benchmark, Query, Select, Triplets
from cirkit.worlds import image_files
from cirkit.worlds import publish as publishing
from cirkit.worlds.garments import Garment, change, sample
from cirkit.worlds.titles import title
from cirkit.worlds.wardrobe import Picture, draw

CATEGORIES = ("dress", "jacket", "pants", "skirt", "top")
KINDS = {"top": "toptee"}  # of garments, where they are called something else
FOLDERS = {
    "dress": "dresses/casual_and_day_dresses", "jacket": "jackets/casual_jackets",
    "pants": "pants/capri_and_cropped_pants", "skirt": "skirts/mid_length_skirts", "top": "tops/blouses",
}  # fmt: skip
SPLITS = ("train", "test")
QUERIES = "test_queries.txt"
OFFICIAL = {"train": {"pictures": 172049}, "test": {"pictures": 29789, "queries": 33480}}  # as the literature counts
LONGEST = 200  # bytes of a path: file systems refuse names beyond 255; the public sample has 64 at most
VERSION = 1  # of the world: raise it when the same Size would give other bytes


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a Fashion200k world; counts are over all categories."""

    train: int  # products
    test: int
    queries: int  # of the test
    views: int = 2  # most pictures of one product
    image: int = 64  # pixels
    seed: int = 0
    details: int = 3  # most words between colour and noun


SIZES = {
    "smoke": Size(train=120, test=100, queries=20, image=32),
    "cpu": Size(train=4000, test=1500, queries=2000),
    "gpu": Size(train=40000, test=8000, queries=10000, image=96),
}


@dataclass(frozen=True)
class Product:
    """One line of a label file: where the picture lies, how sure the detector was, and the title in TIRG's words."""

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
                raise record_error(path, number, "needs three columns: picture, detection score, title")
            if parts[0] in seen:
                raise record_error(path, number, f"lists {parts[0]!r} a second time")
            if parts[0].startswith(("/", "\\")) or ".." in parts[0].split("/") or "\0" in parts[0] or not parts[0]:
                raise record_error(path, number, f"names {parts[0]!r}, which is no path below the root")
            if len(parts[0].encode()) > LONGEST:
                raise record_error(path, number, f"names a picture in more than {LONGEST} bytes")
            seen.add(parts[0])
            found.append(Product(parts[0], parts[1], as_words(parts[2])))
    if not found:
        raise Problem(f"The {split} label files below {root} are empty. Download them again.")
    return found


def sampled(path: Path | str) -> list[Product]:
    """The products of a public sample of Fashion200k: `manifest.json` with ids and titles, no pictures, no scores."""
    path = Path(path)
    items = need(read_json(path, dict), "items", list, path, "top")
    return [
        Product(need(item, "id", str, path, i), "", as_words(need(item, "title", str, path, i)))
        for i, item in enumerate(items)
    ]


def _open(root: Path, read: Sequence[Product]) -> pictured.Pictured:
    """The pictures of these products that lie there; paths already start with `women/`."""
    return pictured.find(root, {product.path: image_path(root, product.path) for product in read})


def train(root: Path | str, protocol: Protocol = TIRG) -> Triplets:
    """Pairs of pictures whose titles share a parent, drawn by the protocol's seed; pictures that have none left out."""
    root = Path(root)
    read = products(root, "train")
    images = _open(root, read)
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
    """TIRG's test queries against all test pictures; right are all with the target's title but the reference."""
    root, path = Path(root), Path(root) / QUERIES
    read = products(root, "test")
    captions = {product.path: product.caption for product in read}
    pairs: list[tuple[str, str]] = []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        names = line.split()
        if not names:
            continue
        if len(names) != 2 or not set(names) <= captions.keys():
            raise record_error(path, number, "does not name two pictures of the test label files")
        if captions[names[0]] == captions[names[1]]:
            raise record_error(path, number, "leads from a title to the same title")
        pairs.append((names[0], names[1]))
    if not pairs:
        raise Problem(f"{path} holds no queries. Download it again.")
    images = _open(root, read)
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


@dataclass(frozen=True)
class Rail:
    """One split of a world: row i is the picture at paths[i], of this garment, under this title."""

    paths: list[str]
    garments: list[Garment]
    titles: list[str]


@lru_cache(maxsize=4)
def world(size: Size) -> dict[str, Rail]:
    """Both splits, from the size alone; no garment is in both, though titles are, as in the original."""
    taken: set[tuple] = set()
    return {split: _rail(size, split, taken) for split in SPLITS}


def _rail(size: Size, split: str, taken: set[tuple]) -> Rail:
    """Products, half of them variations of earlier ones, each photographed a few times; category by category."""
    rng = np.random.default_rng([size.seed, SPLITS.index(split)])
    rail = Rail([], [], [])
    number = 1_000_000 * (1 + SPLITS.index(split))
    for i, category in enumerate(CATEGORIES):
        kind, made = KINDS.get(category, category), []
        while len(made) < (getattr(size, split) + i) // len(CATEGORIES):
            known = made and rng.random() < 0.5
            garment = change(rng, made[rng.integers(len(made))], 1) if known else sample(rng, kind)
            if garment.key in taken:
                continue
            taken.add(garment.key)
            made.append(garment)
            said = title(rng, garment, size.details)
            for view in range(int(rng.integers(1, size.views + 1))):
                rail.paths.append(f"women/{FOLDERS[category]}/{number}/{number}_{view}.png")
                rail.garments.append(dataclasses.replace(garment, seed=int(rng.integers(1 << 62))))
                rail.titles.append(said)
            number += 1
    return rail


def _queries(size: Size) -> list[tuple[str, str]]:
    """Test queries: a picture, and one whose title differs in a word."""
    rail, rng = world(size)["test"], np.random.default_rng([size.seed, len(SPLITS)])
    captions = [as_words(said) for said in rail.titles]
    alike, rows = families(captions, by_word), {}
    for row, caption in enumerate(captions):
        rows.setdefault(caption, []).append(row)
    sources = [row for row, caption in enumerate(captions) if caption in alike]
    if not sources:
        raise Problem(f"{size} has no two test titles that differ in one word. Ask for more products.")
    pairs = []
    for _ in range(size.queries):
        source = sources[rng.integers(len(sources))]
        target = rows[sibling(rng, captions[source], alike[captions[source]])]
        pairs.append((rail.paths[source], rail.paths[target[rng.integers(len(target))]]))
    return pairs


def drawn(size: Size, split: str, rows: Sequence[int]) -> Picture:
    """Pictures and masks of a split, drawn from the size alone."""
    garments = world(size)[split].garments
    return draw([garments[row] for row in rows], size.image)


def pictures(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given pictures of a split: the same bytes as those published."""
    return drawn(size, split, rows).images


def manifest(size: Size) -> dict[str, Any]:
    """What `world.json` says of a world of this size."""
    return {"world": "fashion200k", "version": VERSION, "size": dataclasses.asdict(size)}


def publish(root: Path, size: Size) -> None:
    """Write the world of this size to `root` in the official format (pictures as PNG); at once if it is there."""
    publishing.once(root, manifest(size), lambda folder: _write(folder, size))


def published(size: Size, home: Path | None = None) -> Path:
    """The folder of this world in the data folder `home`; drawn now if it is not there yet."""
    root = publishing.folder_of(manifest(size), home)
    publish(root, size)
    return root


def _write(folder: Path, size: Size) -> None:
    """The label files, the test queries and the pictures."""
    for split, rail in world(size).items():
        for category in CATEGORIES:
            start = f"women/{FOLDERS[category]}/"
            lines = [
                f"{path}\t1.000000\t{said}\n"
                for path, said in zip(rail.paths, rail.titles, strict=True)
                if path.startswith(start)
            ]
            write_atomically(folder / "labels" / f"{category}_{split}_detect_all.txt", "".join(lines))
        for row in range(0, len(rail.paths), 256):
            drawing = draw(rail.garments[row : row + 256], size.image)
            image_files.save(folder, rail.paths[row : row + 256], drawing.images)
    write_atomically(folder / QUERIES, "".join(f"{source} {target}\n" for source, target in _queries(size)))


@lru_cache(maxsize=4)
def world_train(size: Size, protocol: Protocol = TIRG) -> Triplets:
    """`train` of the world of this size, drawn first if need be; kept, since many runs ask for the same."""
    return train(published(size), protocol)


@lru_cache(maxsize=2)
def world_test(size: Size) -> Benchmark:
    """`test` of the world of this size; kept likewise."""
    return test(published(size))


def check(root: Path) -> list[dict[str, Any]]:
    """Per split and part, how many there should be, how many there are, and how many are missing."""
    size, lines = pictured.size_of(root, "fashion200k", Size, manifest), []
    pairs = [line.split() for line in read_text(root / QUERIES).split("\n") if line.strip()]
    for split in SPLITS:
        read, due = products(root, split), dict(OFFICIAL[split])
        if size is not None:
            due["pictures"] = len(world(size)[split].paths)
        there = {product.path: image_path(root, product.path).is_file() for product in read}
        lines.append(pictured.line(split, "listed", due["pictures"], len(read)))
        lines.append(pictured.line(split, "pictures", due["pictures"], sum(there.values())))
        first, second = [pair[0] for pair in pairs], [pair[1:] for pair in pairs]
        needs = pictured.Requirements(protocol=TIRG.name, reference=first, others=second, gallery=list(there))
        # train pairs are drawn among the pictures that lie there, so that none is left out
        lines[-1].gone = pictured.gone(there, [needs] if split == "test" else [])
    due = OFFICIAL["test"]["queries"] if size is None else size.queries
    return [*lines, pictured.line("test", "queries", due, len(pairs))]
