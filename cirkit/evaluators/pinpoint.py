"""PinPoint's measures beside mAP@10: precision, explicit negatives among the first k, and the range over paraphrases.

Mahadev et al. 2026 (arXiv 2603.04598), §4 and the released evaluation; `cirkit.benchmarks.pinpoint` has the protocols.
"""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.measures import PerItem, within


def among_first(ranks: Ranks, k: int) -> Float[np.ndarray, " q"]:
    """The expected number of a query's relevant items among the first k."""
    tie = ranks.blocks
    return np.bincount(tie.query, tie.relevant / tie.size * within(tie, k), len(ranks))


@dataclass(frozen=True)
class Precision(PerItem):
    """The share of the first k that is relevant."""

    k: int

    def values(self, ranks: Ranks) -> Float[np.ndarray, " q"]:
        """Over k, however few relevant items there are."""
        return 100 * among_first(ranks, self.k) / self.k

    def __str__(self) -> str:
        return f"P@{self.k}"


@dataclass(frozen=True)
class NegativeRecall(PerItem):
    """The share of explicit negatives that is among the first k, at most k counted; of ranks of the negatives."""

    k: int
    higher_is_better = False

    def values(self, ranks: Ranks) -> Float[np.ndarray, " q"]:
        """Over min(k, negatives), the release's NegRecall@k; its mean times k is how many there are, where all have k.

        Released code: a negative that is listed twice, or is not in the index, counts in the denominator.
        """
        return 100 * among_first(ranks, self.k) / np.minimum(self.k, np.diff(ranks.offsets))

    def __str__(self) -> str:
        return f"negatives@{self.k}"


@dataclass(frozen=True)
class _OverParaphrases(PerItem):
    """One value for each query from those of its paraphrases, so that a bootstrap draws whole queries.

    A query's paraphrases stand next to each other; `runs` says how many each has, one number for all or one each.
    """

    measure: PerItem
    runs: int | tuple[int, ...] = 6

    @abstractmethod
    def _fold(self, values: Float[np.ndarray, " p"], start: Int[np.ndarray, " q"]) -> Float[np.ndarray, " q"]:
        """From paraphrases to queries, of which each begins at its `start`."""

    def values(self, ranks: Ranks) -> Float[np.ndarray, " q"]:
        """Of every query. Raises ValueError where the evidence is not of so many paraphrases."""
        return self._fold(self.measure.values(ranks), self._start(len(ranks)))

    def __call__(self, ranks: Ranks, weight: Float[np.ndarray, "b p"]) -> Float[np.ndarray, " b"]:
        """A query weighs as much as its paraphrases do on average."""
        start = self._start(len(ranks))
        folded = np.add.reduceat(weight, start, axis=1) / np.diff([*start, len(ranks)])  # (b, q)
        return folded @ self.values(ranks) / folded.sum(1)

    def _start(self, paraphrases: int) -> Int[np.ndarray, " q"]:
        runs = self.runs if isinstance(self.runs, tuple) else (self.runs,) * (paraphrases // self.runs)
        if sum(runs) != paraphrases or min(runs, default=0) < 1:
            raise ValueError(f"{paraphrases} rankings are not those of queries with {self.runs} paraphrases each.")
        return np.cumsum([0, *runs[:-1]])


@dataclass(frozen=True)
class ParaphraseMean(_OverParaphrases):
    """A measure's mean over the paraphrases of a query."""

    def _fold(self, values: Float[np.ndarray, " p"], start: Int[np.ndarray, " q"]) -> Float[np.ndarray, " q"]:
        return np.add.reduceat(values, start) / np.diff([*start, len(values)])

    def __str__(self) -> str:
        return str(self.measure)


@dataclass(frozen=True)
class ParaphraseRange(_OverParaphrases):
    """A measure's largest value over the paraphrases of a query, minus its smallest; of one paraphrase it is zero.

    Of `Precision(10)` it is the release's ling_sens_range, which leaves queries of a single paraphrase out.
    """

    higher_is_better = False

    def _fold(self, values: Float[np.ndarray, " p"], start: Int[np.ndarray, " q"]) -> Float[np.ndarray, " q"]:
        return np.maximum.reduceat(values, start) - np.minimum.reduceat(values, start)

    def __str__(self) -> str:
        return f"range of {self.measure}"
