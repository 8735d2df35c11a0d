"""Variance components: how much of what a difference varies by comes from queries, and how much from worlds and starts.

No paper: estimates by moments, as in an analysis of variance with queries nested in seeds (Searle, Casella and
McCulloch 1992, chapter 3).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from cirkit.evaluators.measures import Measure
from cirkit.experiments.bootstrap import gain
from cirkit.experiments.records import Record


@dataclass(frozen=True)
class Components:
    """Variances of the difference of two rows at one seed, in the measure's unit squared.

    `seed` is of world and start together: with one start per world the two cannot be told apart. `start` is known where
    the rows were also trained at several starts on one fixed world, whose queries all starts share; it holds what
    starts and queries do together. An estimate below zero is given as zero.
    """

    query: float  # which queries a world has drawn
    seed: float
    start: float | None = None

    @property
    def world(self) -> float | None:
        """Of the world alone, where that of the start is known."""
        return None if self.start is None else max(0.0, self.seed - self.start)


def components(
    rows: Sequence[Sequence[Record]], test: str, measure: Measure, fixed: Sequence[Sequence[Record]] = ()
) -> Components:
    """The components of a difference, the mean over all pairs of `rows`; of each row a record per seed, a world each.

    `fixed` are the same rows on one world. Raises ValueError for fewer than two rows or seeds, or other records.
    """
    if not all(record.drawn_each_seed(test) for row in rows for record in row):
        raise ValueError(f"Some rows do not draw {test} for each seed; give those under `fixed`.")
    if any(record.drawn_each_seed(test) for row in fixed for record in row):
        raise ValueError(f"Some rows under `fixed` draw {test} for each seed; give rows that share one world.")
    found = [_of_pair(*pair, test, measure) for pair in combinations(rows, 2)]
    query, spread = np.mean(found, axis=0) if found else (np.nan, np.nan)
    if not np.isfinite(spread):
        raise ValueError(f"Components of {test} need two rows with two seeds in common; run more of them.")
    start = None
    if fixed:
        start = float(np.mean([_of_pair(*pair, test, measure)[1] for pair in combinations(fixed, 2)]))
    return Components(float(query), max(0.0, float(spread - query)), start)


def _of_pair(a: Sequence[Record], b: Sequence[Record], test: str, measure: Measure) -> tuple[float, float]:
    """The mean variance over resampled queries, and that of the difference between seeds."""
    other = {record.seed: record for record in b}
    each = [gain([record], [other[record.seed]], test, measure) for record in a if record.seed in other]
    if len(each) < 2:
        return np.nan, np.nan
    query = np.mean([one.resamples.queries.var() for one in each])
    return float(query), float(np.var([one.mean for one in each], ddof=1))
