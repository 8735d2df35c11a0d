"""Synthetic MIT-States: garments in folders "adjective noun", the nouns of the test apart from those of training.

Isola et al. 2015. The test nouns are some of those that TIRG, MAAF and GeneCIS list in their code, so that their
loaders find a test split; a noun names a cut of garment and is never said, since queries say the adjective alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from cirkit.benchmarks.mit_states import FOLDER, LIST, SPLITS, Entry, queries, training_pairs
from cirkit.errors import Problem
from cirkit.files import write_atomically
from cirkit.worlds.image_files import save
from cirkit.worlds.publish import World
from cirkit.worlds.states import NOUNS, TESTED, Thing, adjectives, sample
from cirkit.worlds.wardrobe import Drawing, draw


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides an MIT-States world."""

    nouns: int = len(NOUNS)
    test: int = 6  # of the nouns
    test_nouns: Literal["tirg", "drawn"] = "tirg"  # the first of those in TIRG's list, or nouns like those of training
    adjectives: int = 11  # per noun, at most
    per_state: int = 20  # images per adjective and noun
    image: int = 64  # pixels
    seed: int = 0
    mixed: float = 0.05  # chance that an attribute that the folder does not name is in some state, too


SIZES = {
    "smoke": Size(nouns=12, test=3, adjectives=3, per_state=2, image=32),
    "cpu": Size(),
    "gpu": Size(adjectives=14, per_state=60, image=96),
}


@dataclass(frozen=True)
class Rack:
    """One split of a world: row i is the image `names[i]` below `images`, in the order that readers have."""

    names: list[str]
    things: list[Thing]


@lru_cache(maxsize=4)
def world(size: Size) -> dict[str, Rack]:
    """Both splits, from the size alone; no noun is in both.

    Raises Problem for a size of which no world can be made.
    """
    if not 0 < size.test < size.nouns <= len(NOUNS) or size.adjectives < 2 or size.per_state < 1:
        raise Problem(f"{size} asks for more nouns than the {len(NOUNS)}, or too little of something. Change it.")
    if size.test_nouns == "tirg" and size.test > len(TESTED):
        raise Problem(f"{size} asks for more test nouns than the {len(TESTED)} there are. Change it.")
    nouns = [[*NOUNS][i] for i in np.random.default_rng(size.seed).permutation(len(NOUNS))[: size.nouns]]
    tested = [*TESTED][: size.test] if size.test_nouns == "tirg" else nouns[: size.test]
    halves = {"train": sorted(nouns[size.test :]), "test": sorted(tested)}
    return {split: _rack(size, halves[split]) for split in SPLITS}


def _rack(size: Size, nouns: Sequence[str]) -> Rack:
    """All images of these nouns; each has its own random numbers."""
    filed: dict[str, Thing] = {}
    for noun in nouns:
        rng = np.random.default_rng([size.seed, *noun.encode()])
        able = adjectives(noun)
        for chosen in rng.permutation(len(able))[: size.adjectives].tolist():
            for number in range(size.per_state):
                thing = sample(rng, able[chosen], noun, size.mixed)
                filed[f"{thing.folder}/{number:04d}.jpg"] = thing
    names = sorted(filed, key=lambda name: name.split("/"))
    return Rack(names, [filed[name] for name in names])


def drawing(size: Size, split: str, rows: Sequence[int]) -> Drawing:
    """Images and masks of a split, from the size alone."""
    things = world(size)[split].things
    return draw([things[row].garment for row in rows], size.image)


def images(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given images of a split: the same bytes as those published."""
    return drawing(size, split, rows).images


def write(folder: Path, size: Size) -> dict[str, dict[str, int]]:
    """The list of test nouns and the images (as PNG, whatever their names end on)."""
    tested = {thing.noun for thing in world(size)["test"].things}
    write_atomically(folder / LIST, "".join(f"{noun}\n" for noun in sorted(tested)))
    counts = {}
    for split, rack in world(size).items():
        for start in range(0, len(rack.names), 256):
            here = rack.things[start : start + 256]
            pixels = draw([thing.garment for thing in here], size.image).images
            save(folder / FOLDER, rack.names[start : start + 256], pixels)
        entries = [
            Entry(name, thing.adjective, thing.noun) for name, thing in zip(rack.names, rack.things, strict=True)
        ]
        count = len(queries(entries) if split == "test" else training_pairs(entries))
        nouns = len({entry.noun for entry in entries})
        counts[split] = {"nouns": nouns, "images": len(entries), "queries": count}
    return counts


MIT_STATES = World(name="mit-states", version=1, sizes=SIZES, write=write, images=images)
