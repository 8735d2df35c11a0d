"""Measures turn evidence into numbers; of ranks, each is its expected value under a random order of ties.

Recall in composed retrieval asks whether any relevant item is among the first k (IR calls that Success@k); mAP@k
divides by min(k, relevant items), CIRCO's convention, where TREC divides by all relevant items.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from cirkit.evaluators.evidence import Answers, Blocks, Ranks


@runtime_checkable
class Measure(Protocol):
    """A number that evidence gives under each of b weightings of its items, in `unit`; `str` is how papers print it.

    The weights of a line sum to one. A measure need not be a mean over items: a Fréchet distance is none.
    """

    unit: str
    bounds: tuple[float, float]
    higher_is_better: bool

    def __call__(self, evidence: Any, weight: Float[np.ndarray, "b u"]) -> Float[np.ndarray, " b"]: ...


class PerItem(ABC):
    """A measure that is a mean over items of `values`, percentages."""

    unit = "%"
    bounds = (0.0, 100.0)
    higher_is_better = True

    @abstractmethod
    def values(self, evidence: Any) -> Float[np.ndarray, " u"]:
        """The measure of every item."""

    def __call__(self, evidence: Any, weight: Float[np.ndarray, "b u"]) -> Float[np.ndarray, " b"]:
        return weight @ self.values(evidence)


@dataclass(frozen=True)
class Recall(PerItem):
    """Whether a relevant item is among the first k."""

    k: int

    def values(self, ranks: Ranks) -> Float[np.ndarray, " q"]:
        """How probable it is that one is."""
        best = _of(ranks.blocks, ranks.blocks.before == 0)
        return 100 * (1 - none_of(best.size, best.relevant, within(best, self.k)))

    def __str__(self) -> str:
        return f"R@{self.k}"


@dataclass(frozen=True)
class AveragePrecision(PerItem):
    """Σ over relevant items in the first k of (relevant items so far / rank), over min(k, relevant items).

    Without k over the whole ranking, person retrieval's mAP.
    """

    k: int | None = None

    def values(self, ranks: Ranks) -> Float[np.ndarray, " q"]:
        """A place in a tie is relevant with probability r / m; so are (i - 1) (r - 1) / (m - 1) of those before it."""
        tie = ranks.blocks
        among = within(tie, self.k)
        share = (tie.relevant - 1) / np.maximum(tie.size - 1, 1)
        inverse = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, ranks.gallery.max() + 1))])  # Σ 1 / rank
        inverse = inverse[tie.first - 1 + among] - inverse[tie.first - 1]
        gain = tie.relevant / tie.size * ((tie.before + 1 - tie.first * share) * inverse + share * among)
        return 100 * _sum(ranks, gain) / _ideal(ranks, self.k)

    def __str__(self) -> str:
        return "mAP" if self.k is None else f"mAP@{self.k}"


@dataclass(frozen=True)
class NDCG(PerItem):
    """Σ over relevant items in the first k of 1 / log2(rank + 1), over that of the best ranking; binary."""

    k: int = 10

    def values(self, ranks: Ranks) -> Float[np.ndarray, " q"]:
        """A place in a tie is relevant with probability r / m."""
        tie = ranks.blocks
        discount = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, self.k + 2)))])
        start = np.minimum(tie.first - 1, self.k)
        gain = tie.relevant / tie.size * (discount[start + within(tie, self.k)] - discount[start])
        return 100 * _sum(ranks, gain) / discount[_ideal(ranks, self.k)]

    def __str__(self) -> str:
        return f"nDCG@{self.k}"


@dataclass(frozen=True)
class InverseNegativePenalty(PerItem):
    """Relevant items over the rank of the last of them (Ye et al. 2021): how far one must look to see them all."""

    def values(self, ranks: Ranks) -> Float[np.ndarray, " q"]:
        """The last of r relevant items in a tie of m is at place l in C(l - 1, r - 1) of C(m, r) orders."""
        tie, count = ranks.blocks, np.diff(ranks.offsets)
        last = np.flatnonzero(tie.before + tie.relevant == count[tie.query])
        kinds = np.stack([tie.first[last], tie.size[last], tie.relevant[last]])
        kinds, which = np.unique(kinds, axis=1, return_inverse=True)
        inverse = np.array([_inverse_of_last(*map(int, kind)) for kind in kinds.T])
        return 100 * count * inverse[which.reshape(-1)]

    def __str__(self) -> str:
        return "mINP"


@dataclass(frozen=True)
class Accuracy(PerItem):
    """The credit that answers get."""

    def values(self, answers: Answers) -> Float[np.ndarray, " u"]:
        """The credit of each."""
        return 100 * answers.credit

    def __str__(self) -> str:
        return "accuracy"


@dataclass(frozen=True)
class Mean(PerItem):
    """The average of several measures: FashionIQ's score is that of R@10 and R@50."""

    measures: tuple[PerItem, ...]

    def values(self, evidence: Any) -> Float[np.ndarray, " u"]:
        """The average of theirs."""
        return np.mean([measure.values(evidence) for measure in self.measures], axis=0)

    def __str__(self) -> str:
        return f"({' + '.join(map(str, self.measures))}) / {len(self.measures)}"


def within(tie: Blocks, k: int | None) -> Int[np.ndarray, " blocks"]:
    """How many places of each tie are among the first k."""
    return tie.size if k is None else np.clip(k + 1 - tie.first, 0, tie.size)


def none_of(
    size: Int[np.ndarray, " n"], relevant: Int[np.ndarray, " n"], draws: Int[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """The probability that so many draws from a tie, without replacement, meet none of its relevant items."""
    none = (draws == 0).astype(float)
    unsure = np.flatnonzero((draws > 0) & (draws + relevant <= size))
    size, relevant, draws = size[unsure], relevant[unsure], draws[unsure]
    product = np.ones(len(unsure))
    for j in range(relevant.max(initial=0)):
        product *= np.where(j < relevant, (size - draws - j) / (size - j), 1.0)
    none[unsure] = product
    return none


def _of(tie: Blocks, rows: np.ndarray) -> Blocks:
    return Blocks(*(column[rows] for column in vars(tie).values()))


def _sum(ranks: Ranks, gain: Float[np.ndarray, " blocks"]) -> Float[np.ndarray, " q"]:
    """By query."""
    return np.bincount(ranks.blocks.query, gain, len(ranks))


def _ideal(ranks: Ranks, k: int | None) -> Int[np.ndarray, " q"]:
    """How many relevant items the best ranking has in the first k."""
    count = np.diff(ranks.offsets)
    return count if k is None else np.minimum(k, count)


def _inverse_of_last(first: int, size: int, relevant: int) -> float:
    """The expected 1 / rank of the last of the relevant items of a tie."""
    place = np.arange(size, relevant - 1, -1)
    fewer = np.concatenate([[1.0], np.cumprod((place[1:] - relevant + 1) / place[1:])])  # P(place) / P(size)
    return float(relevant / size * (fewer / (first - 1 + place)).sum())
