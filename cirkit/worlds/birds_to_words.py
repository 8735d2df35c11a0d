"""The Birds-to-Words world: images of birds in pairs, and paragraphs on how the second differs from the first.

Stands in for Birds-to-Words (MAAF §3.3): from each base image branch others, of the same species, genus or class,
as the original's sampling has it. The splits share no genus.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from cirkit.benchmarks.birds_to_words import COLUMNS, FILE, SPLITS
from cirkit.benchmarks.pictured import Counts
from cirkit.files import write_atomically
from cirkit.worlds.birds import Look, Picture, Species, draw, genera, look
from cirkit.worlds.birds_language import compare
from cirkit.worlds.image_files import as_saved, save
from cirkit.worlds.publish import World

KIN = 4  # species per genus
LATIN = {
    "blue": "caerule", "brown": "brunne", "grey": "cane", "yellow": "flav", "green": "viride", "orange": "auranti",
    "black": "nigr", "red": "rubr", "white": "alb", "buff": "fulv",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a Birds-to-Words world: base images per split, and what is asked of each."""

    train: int
    val: int
    test: int
    branches: int = 3  # images that a base image is compared with
    most: int = 5  # paragraphs per pair, from four up
    same: float = 0.08  # share of branches of the same species, as `sameSpecies`
    kin: float = 0.6  # share of branches of the same genus
    image: int = 64
    image_format: str = "jpg"  # as the photos of the original; "png" loses nothing
    seed: int = 0


SIZES = {
    "smoke": Size(train=10, val=4, test=5, image=32),
    "cpu": Size(train=300, val=40, test=80),
    "gpu": Size(train=900, val=100, test=200, image=128),
}


@dataclass(frozen=True)
class Aviary:
    """One split of a world: row i of `species` and `looks` is image i; pairs with how image 2 was chosen."""

    species: list[Species]
    looks: list[Look]
    pairs: list[tuple[int, int, str]]
    text: list[list[str]]  # per pair


@lru_cache(maxsize=4)
def world(size: Size) -> dict[str, Aviary]:
    """All splits, from the size alone. They share no genus, so no species and no image."""
    splits, at = {}, 0
    counts = [getattr(size, split) for split in SPLITS]
    every = genera(np.random.default_rng([size.seed, 9]), sum(counts), KIN)
    for number, (split, count) in enumerate(zip(SPLITS, counts, strict=True)):
        rng = np.random.default_rng([size.seed, number])
        pool, part = every[at * KIN : (at + count) * KIN], Aviary([], [], [], [])
        for base in range(count):
            mine = pool[base * KIN : (base + 1) * KIN]
            first = _add(part, mine[0], rng)
            for branch in range(size.branches):
                chance = rng.random()
                if chance < size.same:
                    other, chosen = mine[0], "sameSpecies"
                elif chance < size.same + size.kin or count == 1:
                    other, chosen = mine[1 + branch % (KIN - 1)], "sameGenus"
                else:
                    far = (base + int(rng.integers(1, count))) % count
                    other, chosen = pool[far * KIN + int(rng.integers(KIN))], "sameClass"
                second = _add(part, other, rng)
                part.pairs.append((first, second, chosen))
                looks = part.looks[first], part.looks[second]
                texts = [
                    compare(rng, mine[0], other, looks)
                    for _ in range(int(rng.integers(min(4, size.most), size.most + 1)))
                ]
                part.text.append(texts)
        splits[split], at = part, at + count
    return splits


def _add(part: Aviary, species: Species, rng: np.random.Generator) -> int:
    """Another image; its row."""
    part.species.append(species)
    part.looks.append(look(rng))
    return len(part.species) - 1


def drawing(size: Size, split: str, rows: Sequence[int]) -> Picture:
    """The given images of a split with the part of each pixel."""
    part = world(size)[split]
    return draw([part.species[i] for i in rows], [part.looks[i] for i in rows], (size.image, size.image))


def images(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given images of a split, drawn again from the size alone: the same pixels as those published."""
    return as_saved(drawing(size, split, rows).images, size.image_format)


def latin(species: Species) -> str:
    """A scientific name: the genus by number, the epithet by crown and breast."""
    return f"Avis{species.genus} {LATIN[species.crown]}iceps-{LATIN[species.breast]}iventris"


def write(folder: Path, size: Size) -> Counts:
    """The TSV and the images, named as MAAF's loader looks for them: the last part of the URL, query string and all."""
    lines, counts = ["\t".join(COLUMNS)], {}
    for split, part in world(size).items():
        names = [f"{split}_{row:06d}.{size.image_format}?{row}" for row in range(len(part.species))]
        for start in range(0, len(names), 256):
            rows = range(start, min(start + 256, len(names)))
            save(folder / "images", [names[row] for row in rows], drawing(size, split, rows).images, size.image_format)
        for (first, second, selection), texts in zip(part.pairs, part.text, strict=True):
            sides = []
            for row, reason in ((first, "base"), (second, selection)):
                url = f"https://birds.example/photos/{names[row]}"
                sides += [f"https://birds.example/observations/{row}", url, latin(part.species[row]), reason]
            lines += ["\t".join([*sides, split, str(number), text]) for number, text in enumerate(texts, 1)]
        texts = sum(len(mine) for mine in part.text)
        counts[split] = {"images": len(part.species), "pairs": len(part.pairs), "paragraphs": texts}
    write_atomically(folder / FILE, "\n".join(lines) + "\n")
    parts = ("pairs", "paragraphs")
    return counts | {"all": {part: sum(mine[part] for mine in counts.values()) for part in parts}}


BIRDS_TO_WORDS = World(name="birds-to-words", version=2, sizes=SIZES, write=write, images=images)
