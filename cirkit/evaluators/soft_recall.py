"""CIRPLANT's recall on CIRR: relevant images that are worth less than the written target count for less.

Liu et al. 2021; ARTEMIS reports it, too. With the protocols SOFT and SOFT_SUBSET of `cirkit.benchmarks.cirr_protocols`.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cirkit.evaluators.evidence import Ranks


@dataclass(frozen=True)
class SoftRecall:
    """The largest worth among the relevant images in the first k, 0 where there is none.

    `worth` is that of the benchmark's relevant images, in the order of its `relevant`: see `cirr.worth`.
    """

    k: int
    worth: tuple[tuple[float, ...], ...]

    def __call__(self, ranks: Ranks) -> Float[np.ndarray, " q"]:
        flat = np.array([each for query in self.worth for each in query])
        return np.maximum.reduceat(np.where(ranks.mid <= self.k, flat, 0.0), ranks.offsets[:-1])

    def __str__(self) -> str:
        return f"soft R@{self.k}"
