"""Synthetic Fashion200k: products of five categories with titles, and queries between titles that differ in a word.

Han et al. 2017 with the queries of TIRG (Vo et al. 2019), MAAF §3.2: the official label files and test queries.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from cirkit.benchmarks.fashion200k import CATEGORIES, QUERIES, SPLITS
from cirkit.benchmarks.fashion200k_pairs import as_words, by_word, families, sibling
from cirkit.errors import Problem
from cirkit.files import write_atomically
from cirkit.worlds.garments import Garment, change, sample
from cirkit.worlds.image_files import save
from cirkit.worlds.publish import World
from cirkit.worlds.titles import title
from cirkit.worlds.wardrobe import Drawing, draw

KINDS = {"top": "toptee"}  # of garments, where they are called something else
FOLDERS = {
    "dress": "dresses/casual_and_day_dresses", "jacket": "jackets/casual_jackets",
    "pants": "pants/capri_and_cropped_pants", "skirt": "skirts/mid_length_skirts", "top": "tops/blouses",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a Fashion200k world; counts are over all categories."""

    train: int  # products
    test: int
    queries: int  # of the test
    views: int = 2  # most images of one product
    image: int = 64  # pixels
    seed: int = 0
    details: int = 3  # most words between colour and noun


SIZES = {
    "smoke": Size(train=120, test=100, queries=20, image=32),
    "cpu": Size(train=4000, test=1500, queries=2000),
    "gpu": Size(train=40000, test=8000, queries=10000, image=96),
}


@dataclass(frozen=True)
class Rail:
    """One split of a world: row i is the image at paths[i], of this garment, under this title."""

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
        kind, products = KINDS.get(category, category), []
        while len(products) < (getattr(size, split) + i) // len(CATEGORIES):
            known = products and rng.random() < 0.5
            garment = change(rng, products[rng.integers(len(products))], 1) if known else sample(rng, kind)
            if garment.key in taken:
                continue
            taken.add(garment.key)
            products.append(garment)
            words = title(rng, garment, size.details)
            for view in range(int(rng.integers(1, size.views + 1))):
                rail.paths.append(f"women/{FOLDERS[category]}/{number}/{number}_{view}.png")
                rail.garments.append(dataclasses.replace(garment, seed=int(rng.integers(1 << 62))))
                rail.titles.append(words)
            number += 1
    return rail


def _queries(size: Size) -> list[tuple[str, str]]:
    """Test queries: an image, and one whose title differs in a word."""
    rail, rng = world(size)["test"], np.random.default_rng([size.seed, len(SPLITS)])
    captions = [as_words(words) for words in rail.titles]
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


def drawing(size: Size, split: str, rows: Sequence[int]) -> Drawing:
    """Images and masks of a split, from the size alone."""
    garments = world(size)[split].garments
    return draw([garments[row] for row in rows], size.image)


def images(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given images of a split: the same bytes as those published."""
    return drawing(size, split, rows).images


def write(folder: Path, size: Size) -> dict[str, dict[str, int]]:
    """The label files, the test queries and the images (as PNG)."""
    for split, rail in world(size).items():
        for category in CATEGORIES:
            start = f"women/{FOLDERS[category]}/"
            lines = [
                f"{path}\t1.000000\t{words}\n"
                for path, words in zip(rail.paths, rail.titles, strict=True)
                if path.startswith(start)
            ]
            write_atomically(folder / "labels" / f"{category}_{split}_detect_all.txt", "".join(lines))
        for row in range(0, len(rail.paths), 256):
            pixels = draw(rail.garments[row : row + 256], size.image).images
            save(folder, rail.paths[row : row + 256], pixels)
    queries = _queries(size)
    write_atomically(folder / QUERIES, "".join(f"{source} {target}\n" for source, target in queries))
    counts = {split: {"images": len(rail.paths)} for split, rail in world(size).items()}
    return counts | {"test": counts["test"] | {"queries": len(queries)}}


FASHION200K = World(name="fashion200k", version=1, sizes=SIZES, write=write, images=images)
