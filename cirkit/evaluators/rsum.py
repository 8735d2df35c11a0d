"""Rsum: R@1, R@5 and R@10 of one direction added up, up to 300.

Cao et al. (2022), §5.2.1; SCAN's own (Lee et al., 2018) adds up both directions, up to 600.
"""

from dataclasses import dataclass

from jaxtyping import Float
from numpy import ndarray

from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.measures import PerItem, Recall

CUTS = (1, 5, 10)


@dataclass(frozen=True)
class Rsum(PerItem):
    """The sum of recalls of a query."""

    bounds = (0.0, 300.0)

    def values(self, ranks: Ranks) -> Float[ndarray, " q"]:
        """Up to 300 each."""
        return sum(Recall(k).values(ranks) for k in CUTS)

    def __str__(self) -> str:
        return "Rsum"
