"""An aviary: pictures of birds in pairs, with paragraphs on how the second differs from the first.

Stands in for Birds-to-Words (MAAF §3.3): from each base picture branch others, of the same species, genus or class,
as the original's sampling has it. The splits share no genus.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from cirkit.worlds.birds import Look, Picture, Species, draw, genera, look
from cirkit.worlds.birds_language import compare

SPLITS = ("train", "val", "test")
KIN = 4  # species per genus
LATIN = {
    "blue": "caerule", "brown": "brunne", "grey": "cane", "yellow": "flav", "green": "viride", "orange": "auranti",
    "black": "nigr", "red": "rubr", "white": "alb", "buff": "fulv",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a Birds-to-Words world: base pictures per split, and what is asked of each."""

    train: int
    val: int
    test: int
    branches: int = 3  # pictures that a base picture is compared with
    most: int = 5  # paragraphs per pair, from four up
    same: float = 0.08  # share of branches of the same species, as `sameSpecies`
    kin: float = 0.6  # share of branches of the same genus
    image: int = 64
    seed: int = 0


@dataclass(frozen=True)
class Aviary:
    """One split of a world: row i of `species` and `looks` is picture i; pairs with how picture 2 was chosen."""

    species: list[Species]
    looks: list[Look]
    pairs: list[tuple[int, int, str]]
    text: list[list[str]]  # per pair


@lru_cache(maxsize=4)
def world(size: Size) -> dict[str, Aviary]:
    """All splits, from the size alone. They share no genus, so no species and no picture."""
    made, at = {}, 0
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
        made[split], at = part, at + count
    return made


def _add(part: Aviary, species: Species, rng: np.random.Generator) -> int:
    """Another picture; its row."""
    part.species.append(species)
    part.looks.append(look(rng))
    return len(part.species) - 1


def drawn(size: Size, split: str, chosen: Sequence[int]) -> Picture:
    """The given pictures of a split with the part of each pixel."""
    part = world(size)[split]
    return draw([part.species[i] for i in chosen], [part.looks[i] for i in chosen], (size.image, size.image))


def pictures(size: Size, split: str, chosen: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given pictures of a split, drawn again from the size alone: the same bytes as those published."""
    return drawn(size, split, chosen).images


def latin(species: Species) -> str:
    """A scientific name: the genus by number, the epithet by crown and breast."""
    return f"Avis{species.genus} {LATIN[species.crown]}iceps-{LATIN[species.breast]}iventris"
