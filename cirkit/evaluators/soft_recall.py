"""CIRPLANT's recall on CIRR: relevant images that are worth less than the written target count for less.

Liu et al. 2021; ARTEMIS reports it, too. With the protocols SOFT and SOFT_SUBSET of `cirkit.benchmarks.cirr_protocols`.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.measures import PerItem, none_of


@dataclass(frozen=True)
class SoftRecall(PerItem):
    """The largest worth among the relevant images in the first k, 0 where there is none.

    `worth` is that of the benchmark's relevant images, in the order of its `relevant`: see `cirr.worth`.
    """

    k: int
    worth: tuple[tuple[float, ...], ...]

    def values(self, ranks: Ranks) -> Float[np.ndarray, " q"]:
        """Σ over levels of worth: the step to this level · the probability that an image of at least it is there."""
        worth = np.array([each for query in self.worth for each in query])
        out, below = np.zeros(len(ranks)), 0.0
        for level in np.unique(worth[worth > 0]):
            out += (level - below) * self._probability(ranks, worth >= level)
            below = level
        return 100 * out

    def _probability(self, ranks: Ranks, counts: Bool[np.ndarray, " relevant"]) -> Float[np.ndarray, " q"]:
        """How probable it is that one of the images that count is among the first k."""
        nowhere = ranks.gallery.max() + 1
        first = np.minimum.reduceat(np.where(counts, ranks.first, nowhere), ranks.offsets[:-1])
        best = counts & (ranks.first == first[ranks.query])  # the tie of the best of them
        among = np.add.reduceat(best.astype(int), ranks.offsets[:-1])
        size = np.maximum.reduceat(np.where(best, ranks.last - ranks.first + 1, 0), ranks.offsets[:-1])
        return 1 - none_of(size, among, np.clip(self.k + 1 - first, 0, size))

    def __str__(self) -> str:
        return f"soft R@{self.k}"
