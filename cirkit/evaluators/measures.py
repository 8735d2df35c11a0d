"""Measures are functions of ranks, one number per query, and print as the papers print them.

Recall in composed retrieval asks whether any right answer is among the first k (IR calls that Success@k); mAP@k
divides by min(k, right answers), CIRCO's convention, where TREC divides by all right answers.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from cirkit.evaluators.evidence import Ranks


@runtime_checkable
class Measure(Protocol):
    """A named function of ranks; `str(measure)` is how the papers print it."""

    def __call__(self, ranks: Ranks) -> Float[np.ndarray, " q"]: ...


@dataclass(frozen=True)
class Recall:
    """1 where a right answer is among the first k. A rank shared by ties (a half number) counts when it is ≤ k."""

    k: int

    def __call__(self, ranks: Ranks) -> Float[np.ndarray, " q"]:
        return (ranks.best() <= self.k).astype(np.float64)

    def __str__(self) -> str:
        return f"R@{self.k}"


@dataclass(frozen=True)
class AveragePrecision:
    """Σ over right answers in the first k of (right answers so far / rank), over min(k, right answers)."""

    k: int

    def __call__(self, ranks: Ranks) -> Float[np.ndarray, " q"]:
        out = np.zeros(len(ranks))
        for i in range(len(ranks)):
            mine = np.sort(ranks.mid[ranks.offsets[i] : ranks.offsets[i + 1]])
            found = mine[mine <= self.k]
            out[i] = (np.arange(1, len(found) + 1) / found).sum() / min(self.k, len(mine))
        return out

    def __str__(self) -> str:
        return f"mAP@{self.k}"


@dataclass(frozen=True)
class Mean:
    """The average of several measures: FashionIQ's score is that of R@10 and R@50."""

    measures: tuple[Measure, ...]

    def __call__(self, ranks: Ranks) -> Float[np.ndarray, " q"]:
        return np.mean([measure(ranks) for measure in self.measures], axis=0)

    def __str__(self) -> str:
        return f"({' + '.join(map(str, self.measures))}) / {len(self.measures)}"


def chance_recall(ranks: Ranks, k: int) -> float:
    """Recall@k of a random order: 1 - Π_{j<k} (n - a - j) / (n - j), with a answers in n items, mean over queries."""
    answers = np.diff(ranks.offsets).astype(float)
    gallery = int(ranks.gallery.min())
    j = np.arange(min(k, gallery))
    missed = np.clip((gallery - answers[:, None] - j) / (gallery - j), 0, None).prod(axis=1)
    return float(1 - missed.mean())
