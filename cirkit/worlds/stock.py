"""A shop's stock: garments, which of them are close to one another, and what people say of the pairs.

Stands in for the images and annotations of FashionIQ (MAAF §3.2): a shelf is one category of one split.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from cirkit.errors import Problem
from cirkit.worlds.fashion_language import captions, remarks
from cirkit.worlds.garments import Garment, change, sample
from cirkit.worlds.writing import Writer

LETTERS = np.array([*"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"])


@dataclass(frozen=True)
class Shelf:
    """Row i of `garments` is image `names[i]`; pairs number rows, from reference to target."""

    names: list[str]
    garments: list[Garment]
    pairs: list[tuple[int, int]]
    captions: list[list[str]]


@dataclass(frozen=True)
class Stock:
    """What is shared by the shelves of one world: no garment and no number is on two of them."""

    numbering: np.random.Generator
    changes: Sequence[int]  # attributes that a target changes, drawn from these
    targets: int  # most queries per reference
    writer: Writer
    taken: set[tuple] = field(default_factory=set)
    numbers: set[str] = field(default_factory=set)

    def shelf(self, rng: np.random.Generator, category: str, queries: int, count: int) -> Shelf:
        """References, what they are changed into, and more of either up to `count`; then all is shuffled.

        Raises Problem where `count` is too few for the queries.
        """
        garments: list[Garment] = []
        pairs: list[tuple[int, int]] = []
        said: list[list[str]] = []

        def hang(garment: Garment) -> bool:
            if garment.key in self.taken or len(garments) >= count:
                return False
            self.taken.add(garment.key)
            garments.append(garment)
            return True

        while len(pairs) < queries:
            if len(garments) + 2 > count:
                raise Problem(f"{count} images are too few for {queries} queries. Ask for twice as many images.")
            if not hang(sample(rng, category)):
                continue
            source = len(garments) - 1
            for _ in range(min(int(rng.integers(1, self.targets + 1)), queries - len(pairs))):
                other = change(rng, garments[source], self.changes[rng.integers(len(self.changes))])
                if remarks(garments[source], other) and hang(other):
                    pairs.append((source, len(garments) - 1))
                    said.append(captions(rng, garments[source], other, self.writer))
        while len(garments) < count:  # a shelf has more than is asked about, some of it much like what is
            hang(change(rng, garments[rng.integers(len(garments))], 2) if rng.random() < 0.5 else sample(rng, category))
        order = rng.permutation(count)
        place = np.argsort(order).tolist()
        shuffled = [garments[row] for row in order.tolist()]
        return Shelf(self._names(count), shuffled, [(place[s], place[t]) for s, t in pairs], said)

    def _names(self, count: int) -> list[str]:
        """New numbers as a large shop has them."""
        names: list[str] = []
        while len(names) < count:
            name = "B0" + "".join(LETTERS[self.numbering.integers(36, size=8)])
            if name not in self.numbers:
                self.numbers.add(name)
                names.append(name)
        return names
