"""Ranks of several methods on several data sets: Friedman's test, Nemenyi's critical difference, and its groups.

Demšar (2006), "Statistical comparisons of classifiers over multiple data sets", §3.2.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cirkit.experiments.bootstrap import LEVEL


@dataclass(frozen=True)
class Friedman:
    """Whether mean ranks differ at all: the statistic, Iman and Davenport's F of it, and the probability of F."""

    chi_squared: float
    f: float
    p: float


def places(levels: Float[np.ndarray, "*n c k"]) -> Float[np.ndarray, "*n k"]:
    """Ranks from 1, the highest level, ties in the middle; those of several columns are averaged and ranked again."""
    from scipy.stats import rankdata

    return rankdata(rankdata(-levels, axis=-1).mean(-2), axis=-1)


def friedman(ranks: Float[np.ndarray, "n k"]) -> Friedman:
    """The test of three or more methods on two or more data sets, corrected for ties; p is 1 where all are ties."""
    # Demšar (§3.2.2): no correction for ties
    from scipy.stats import f, friedmanchisquare

    n, k = ranks.shape
    if not np.ptp(ranks, axis=1).any():
        return Friedman(0.0, 0.0, 1.0)
    chi_squared = float(friedmanchisquare(*ranks.T).statistic)
    value = iman_davenport(chi_squared, k, n)
    return Friedman(chi_squared, value, float(f.sf(value, k - 1, (k - 1) * (n - 1))))


def iman_davenport(chi_squared: float, methods: int, datasets: int) -> float:
    """F of Friedman's statistic, which is conservative by itself; infinite where all data sets agree."""
    rest = datasets * (methods - 1) - chi_squared
    return (datasets - 1) * chi_squared / rest if rest > 1e-9 * datasets else np.inf


def critical_difference(methods: int, datasets: int, level: float = LEVEL) -> float:
    """How far apart the mean ranks of two methods must lie to be told apart (Nemenyi)."""
    from scipy.stats import studentized_range

    quantile = studentized_range.ppf(1 - level, methods, np.inf) / np.sqrt(2)
    return float(quantile * np.sqrt(methods * (methods + 1) / (6 * datasets)))


def groups(mean_ranks: Float[np.ndarray, " k"], difference: float) -> list[tuple[int, ...]]:
    """The largest sets of two or more methods whose mean ranks lie less than the difference apart, the best first."""
    order = np.argsort(mean_ranks, kind="stable")
    found: list[tuple[int, ...]] = []
    for start, first in enumerate(order):
        mine = tuple(int(one) for one in order[start:] if mean_ranks[one] - mean_ranks[first] < difference)
        if len(mine) > 1 and not (found and set(mine) <= set(found[-1])):
            found.append(mine)
    return found
