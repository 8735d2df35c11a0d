"""Intervals: a two-level paired bootstrap over seeds, then queries, the same queries for both models.

Efron and Tibshirani (1993); the correction for few seeds is Student's, with Welch's degrees of freedom.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from cirkit.evaluators.measures import Measure
from cirkit.experiments.records import Record

RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """An estimate, its 95 % interval, and how many seeds stand behind it (the smaller number, for a difference)."""

    mean: float
    low: float
    high: float
    seeds: int

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def estimate(records: Sequence[Record], test: str, measure: Measure) -> Interval:
    """A measure's mean over seeds and queries; the interval stays in 0..1, where every measure lies."""
    found = _bootstrapped((tuple(records),), test, measure)
    return Interval(found.mean, max(found.low, 0.0), min(found.high, 1.0), found.seeds)


def gain(a: Sequence[Record], b: Sequence[Record], test: str, measure: Measure) -> Interval:
    """The mean of a measure under `a` minus under `b`, on the same queries."""
    if len({len(record.evidence[test]) for record in (*a, *b)}) > 1:
        raise ValueError(f"{a[0].name} and {b[0].name} were tested on different queries of {test}; run them again.")
    return _bootstrapped((tuple(a), tuple(b)), test, measure)


@lru_cache(maxsize=512)
def _bootstrapped(sides: tuple[tuple[Record, ...], ...], test: str, measure: Measure) -> Interval:
    """The first side, less the second if there is one; kept, since pages ask for the same intervals again."""
    parts = [(sign, per_query(side, test, measure)) for sign, side in zip((1.0, -1.0), sides, strict=False)]
    return bootstrap(parts, sides[0][0].evidence[test].group)


def of_run(record: Record, test: str, measure: Measure) -> float:
    """The mean of a measure in one run; groups count alike."""
    ranks = record.evidence[test]
    return float(measure(ranks) @ _groups(len(ranks), ranks.group)[1])


def per_query(records: Sequence[Record], test: str, measure: Measure) -> Float[np.ndarray, "s q"]:
    """The measure of every query (columns) under every seed (rows)."""
    return np.stack([measure(record.evidence[test]) for record in records])


def bootstrap(
    parts: list[tuple[float, Float[np.ndarray, "_ q"]]],
    group: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    chunk: int = 200,
) -> Interval:
    """Σ sign · mean(part), with its percentile interval.

    Each part's seeds are resampled on their own; queries are resampled together, within their group, and groups
    count alike. Few seeds would give too narrow an interval, so their deviation is stretched by
    sqrt(s / (s - 1)) · t(f) / z, which makes the interval Student's when seeds are all that varies. f is s - 1 for one
    part and Welch's and Satterthwaite's number for several: more runs say more of how runs vary.
    """
    rng = np.random.default_rng(zlib.crc32(repr([(sign, v.shape, v.sum()) for sign, v in parts]).encode()))
    q = parts[0][1].shape[1]
    groups, weight = _groups(q, group)
    middle = sum(sign * float((v @ weight).mean()) for sign, v in parts)
    freedom = _freedom(parts, weight)
    means = []
    for start in range(0, resamples, chunk):
        b = min(chunk, resamples - start)
        drawn = np.zeros((b, q))  # how often each query was drawn, as a share
        for rows in groups:
            picks = rng.integers(0, len(rows), (b, len(rows)))
            for line, pick in zip(drawn, picks, strict=True):
                line[rows] = np.bincount(pick, minlength=len(rows)) / (len(rows) * len(groups))
        total = np.zeros(b)
        for sign, v in parts:
            total += sign * ((drawn @ v.T) * _seed_weights(rng, b, len(v), freedom)).sum(1)
        means.append(total)
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return Interval(middle, float(low), float(high), min(len(v) for _, v in parts))


def _groups(q: int, group: Sequence[str] | None) -> tuple[list[np.ndarray], Float[np.ndarray, " q"]]:
    """The rows of each group, and the weight of each query in a mean for which groups count alike."""
    labels = np.zeros(q, int) if group is None else np.unique(np.asarray(group), return_inverse=True)[1]
    groups = [np.flatnonzero(labels == g) for g in range(labels.max() + 1)]
    weight = np.zeros(q)
    for rows in groups:
        weight[rows] = 1 / (len(rows) * len(groups))
    return groups, weight


def _freedom(parts: list[tuple[float, Float[np.ndarray, "_ q"]]], weight: Float[np.ndarray, " q"]) -> float:
    """(Σ v)² / Σ v² / (s - 1), where v is the variance of a part's mean over its seeds; one seed says nothing."""
    several = [(sign, values @ weight) for sign, values in parts if len(values) > 1]
    variances = np.array([sign**2 * means.var(ddof=1) / len(means) for sign, means in several])
    each = np.array([len(means) - 1 for _, means in several])
    if not variances.sum() > 0:
        return float(each.sum())
    return float(variances.sum() ** 2 / (variances**2 / each).sum())


def _seed_weights(rng: np.random.Generator, b: int, s: int, freedom: float) -> Float[np.ndarray, "b s"]:
    if s == 1:
        return np.ones((b, 1))
    from scipy.stats import norm, t

    drawn = rng.multinomial(s, np.full(s, 1 / s), size=b) / s
    stretch = np.sqrt(s / (s - 1)) * t.ppf(0.975, freedom) / norm.ppf(0.975)
    return 1 / s + stretch * (drawn - 1 / s)
