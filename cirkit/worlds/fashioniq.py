"""Synthetic FashionIQ: a wardrobe in three categories, and two captions on how each pair of garments differs.

Wu et al. 2021, MAAF §3.2: the files of the official release, and an image wherever a released loader looks for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from cirkit.benchmarks.annotations import write_json
from cirkit.benchmarks.fashioniq import CATEGORIES, SPLITS, caption_file, split_file
from cirkit.benchmarks.fashioniq_layouts import MAAF, PIC2WORD, START_KIT, link
from cirkit.worlds.image_files import as_saved, save
from cirkit.worlds.publish import World
from cirkit.worlds.stock import Shelf, Stock
from cirkit.worlds.wardrobe import Drawing, draw
from cirkit.worlds.writing import Writer


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a FashionIQ world; counts are per category: queries and images of each split."""

    train: Sequence[int]
    val: Sequence[int]
    test: Sequence[int]
    image: int = 64  # pixels
    image_format: Literal["jpg", "png"] = "jpg"
    seed: int = 0
    changes: Sequence[int] = (1, 2, 2, 3)  # attributes that a target changes, drawn from these
    targets: int = 2  # most queries per reference
    typo_rate: float = 0.012  # chance of a typing error in a word
    second: float = 0.45  # chance that a caption makes a second remark

    def __post_init__(self) -> None:
        for name in ("train", "val", "test", "changes"):  # hashable, whatever sequence was given
            object.__setattr__(self, name, tuple(getattr(self, name)))


SIZES = {
    "smoke": Size(train=(10, 24), val=(6, 14), test=(4, 10), image=32),
    "cpu": Size(train=(2000, 3600), val=(500, 1000), test=(100, 200)),
    "gpu": Size(train=(6000, 11000), val=(2000, 4000), test=(500, 1000), image=96),
}


@lru_cache(maxsize=4)
def world(size: Size) -> dict[tuple[str, str], Shelf]:
    """All shelves, from the size alone; no garment is on two of them."""
    writer = Writer(typo_rate=size.typo_rate, second=size.second)
    stock = Stock(np.random.default_rng([size.seed, len(CATEGORIES)]), size.changes, size.targets, writer)
    return {
        (category, split): stock.shelf(np.random.default_rng([size.seed, i, j]), category, *getattr(size, split))
        for i, category in enumerate(CATEGORIES)
        for j, split in enumerate(SPLITS)
    }


def drawing(size: Size, split: str, rows: Sequence[int]) -> Drawing:
    """Images (before compression) and masks of a split; rows run over the categories one behind the other."""
    garments = [garment for category in CATEGORIES for garment in world(size)[category, split].garments]
    return draw([garments[row] for row in rows], size.image)


def images(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given images of a split: what a reader decodes from those published."""
    return as_saved(drawing(size, split, rows).images, size.image_format)


def write(folder: Path, size: Size) -> dict[str, dict[str, int]]:
    """The annotation files and the images, each under the names that the released loaders open."""
    layout = {"jpg": START_KIT, "png": PIC2WORD}[size.image_format]
    counts = {}
    for (category, split), shelf in world(size).items():
        write_json(split_file(folder, category, split), shelf.names)
        records = []
        for (source, target), captions in zip(shelf.pairs, shelf.captions, strict=True):
            end = {} if split == "test" else {"target": shelf.names[target]}
            records.append({**end, "candidate": shelf.names[source], "captions": captions})
        write_json(caption_file(folder, category, split), records)
        for start in range(0, len(shelf.names), 256):
            names = [layout.relative(category, name) for name in shelf.names[start : start + 256]]
            pixels = draw(shelf.garments[start : start + 256], size.image).images
            save(folder, names, pixels, size.image_format)
        link(folder, category, shelf.names, MAAF)
        counts[f"{category} {split}"] = {"queries": len(records), "images": len(shelf.names)}
    return counts


FASHIONIQ = World(name="fashioniq", version=1, sizes=SIZES, write=write, images=images)
