"""Synthetic Shoes: a shelf of shoes of ten kinds, and a sentence on how each pair differs.

Guo et al. 2018: the two lists, the annotations and the images by class, as in the Attribute Discovery Dataset.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from cirkit.benchmarks.annotations import write_json
from cirkit.benchmarks.shoes import FILE, LISTS, image_file
from cirkit.files import write_atomically
from cirkit.worlds.footwear import KINDS, Shoe, change, draw, sample
from cirkit.worlds.image_files import as_saved, save
from cirkit.worlds.publish import World
from cirkit.worlds.shoe_language import caption, remarks
from cirkit.worlds.wardrobe import Drawing
from cirkit.worlds.writing import Writer


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a Shoes world; counts are over all kinds of shoes."""

    train: int  # queries
    test: int
    spare: float = 1.6  # images per query
    image: int = 64  # pixels
    seed: int = 0
    changes: int = 3  # most attributes that a target changes
    typo_rate: float = 0.012  # chance of a typing error in a word


SIZES = {
    "smoke": Size(train=20, test=10, image=32),
    "cpu": Size(train=4000, test=1000),
    "gpu": Size(train=9000, test=2000, image=96),
}


@dataclass(frozen=True)
class Rack:
    """One split of a world: row i is the image `names[i]`; queries number rows, from reference to target."""

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
    writer = Writer(typo_rate=size.typo_rate, blank=0.0)

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
    row, start = np.argsort(order).tolist(), 0 if split == "train" else 1_000_000
    shuffled = [shoes[old] for old in order.tolist()]
    names = [f"img_womens_{shoe.kind}_{start + number}.jpg" for number, shoe in enumerate(shuffled)]
    return Rack(names, shuffled, [(row[source], row[target], words) for source, target, words in queries])


def drawing(size: Size, split: str, rows: Sequence[int]) -> Drawing:
    """Images and masks of a split, from the size alone."""
    shoes = world(size)[split].shoes
    return draw([shoes[row] for row in rows], size.image)


def images(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given images of a split: what a reader decodes from those published."""
    return as_saved(drawing(size, split, rows).images, "jpg")


def write(folder: Path, size: Size) -> dict[str, dict[str, int]]:
    """The two lists, the annotations and the images (as JPEG)."""
    records, counts = [], {}
    for split, rack in world(size).items():
        write_atomically(folder / LISTS[split], "".join(f"{name}\n" for name in rack.names))
        records += [
            {"ImageName": rack.names[target], "ReferenceImageName": rack.names[source], "RelativeCaption": words}
            for source, target, words in rack.queries
        ]
        for start in range(0, len(rack.names), 256):
            files = [image_file(name) for name in rack.names[start : start + 256]]
            save(folder, files, draw(rack.shoes[start : start + 256], size.image).images, "jpg")
        counts[split] = {"queries": len(rack.queries), "to themselves": 0, "images": len(rack.names)}
    write_json(folder / FILE, records)
    return counts


SHOES = World(name="shoes", version=2, sizes=SIZES, write=write, images=images)
