"""Intervals: a two-level paired bootstrap over seeds, then queries, the same queries for both models.

Efron and Tibshirani (1993); the correction for few seeds is Student's, with Welch's degrees of freedom.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

from cirkit.evaluators.evidence import Evidence
from cirkit.evaluators.measures import Measure, PerItem
from cirkit.experiments.records import Record

RESAMPLES = 10_000
CHUNK = 500  # resamples at a time
OFTEN = 32  # an item drawn so often, on average, has its count drawn at once


@dataclass(frozen=True)
class Interval:
    """An estimate, its 95 % interval, and how many seeds stand behind it (the smaller number, for a difference)."""

    mean: float
    low: float
    high: float
    seeds: int

    def __str__(self) -> str:
        return f"{self.mean:.1f} [{self.low:.1f}, {self.high:.1f}]"


@dataclass(frozen=True)
class Measured:
    """A measure that is no mean over items, under several seeds."""

    measure: Measure
    evidence: Sequence[Evidence]

    def __len__(self) -> int:
        return len(self.evidence)

    def __call__(self, weight: Float[np.ndarray, "b u"]) -> Float[np.ndarray, "b s"]:
        return np.stack([self.measure(one, weight) for one in self.evidence], axis=1)


Part = tuple[float, Float[np.ndarray, "_ _"] | Measured]  # a factor, and the values of items (columns) by seed


def estimate(records: Sequence[Record], test: str, measure: Measure) -> Interval:
    """A measure's mean over seeds and queries, in its unit; the interval stays within its bounds."""
    free = _bootstrapped((tuple(records),), test, measure)
    least, most = measure.bounds
    return Interval(free.mean, max(free.low, least), min(free.high, most), free.seeds)


def gain(a: Sequence[Record], b: Sequence[Record], test: str, measure: Measure) -> Interval:
    """The mean of a measure under `a` minus under `b`, on the same queries."""
    return _bootstrapped((tuple(a), tuple(b)), test, measure)


@lru_cache(maxsize=512)
def _bootstrapped(sides: tuple[tuple[Record, ...], ...], test: str, measure: Measure) -> Interval:
    """The first side, less the second if there is one; kept, since pages ask for the same intervals again."""
    return combined([(sign, side) for sign, side in zip((1.0, -1.0), sides, strict=False)], test, measure)


def combined(sides: Sequence[tuple[float, Sequence[Record]]], test: str, measure: Measure) -> Interval:
    """Σ factor · mean of a measure over the seeds of a side. Raises ValueError where sides had other queries."""
    evidence = [[record.evidence[test] for record in side] for _, side in sides]
    first = evidence[0][0]
    if any((len(one), one.group) != (len(first), first.group) for side in evidence for one in side):
        names = ", ".join(dict.fromkeys(side[0].name for _, side in sides))
        raise ValueError(f"{names} were tested on different queries of {test}; run them again.")
    parts = [(factor, under(measure, mine)) for (factor, _), mine in zip(sides, evidence, strict=True)]
    return bootstrap(parts, first.group, items=len(first))


def under(measure: Measure, evidence: Sequence[Evidence]) -> Float[np.ndarray, "s u"] | Measured:
    """A measure under several seeds, as a part of a bootstrap takes it."""
    if isinstance(measure, PerItem):
        return np.stack([measure.values(one) for one in evidence])
    return Measured(measure, evidence)


def overall(evidence: Evidence, measure: Measure) -> float:
    """A measure of all items; groups count alike."""
    return float(measure(evidence, _weights(len(evidence), evidence.group)[None])[0])


def bootstrap(
    parts: Sequence[Part], group: Sequence[str] | None = None, items: int | None = None, resamples: int = RESAMPLES
) -> Interval:
    """Σ factor · mean(part), with its percentile interval; `items` is needed where no part is an array.

    Each part's seeds are resampled on their own; items are resampled together, within their group, and groups
    count alike. Few seeds would give too narrow an interval, so their deviation is stretched by
    sqrt(s / (s - 1)) · t(f) / z, which makes the interval Student's when seeds are all that varies. f is s - 1 for one
    part and Welch's and Satterthwaite's number for several: more runs say more of how runs vary.
    """
    u = next((part.shape[1] for _, part in parts if isinstance(part, np.ndarray)), items)
    factors, sizes = [factor for factor, _ in parts], [len(part) for _, part in parts]
    weight, labels, count = _weights(u, group), _labels(u, group), np.ones(u, int)
    if all(isinstance(part, np.ndarray) for _, part in parts):
        values = np.concatenate([part for _, part in parts], dtype=float)  # (seeds of all parts, u)
        first, count = _distinct(values, labels)
        values, labels, weight = values[:, first].T.copy(), labels[first], weight[first] * count
        parts = [(1.0, values.T)]  # one product for all
    ends = np.cumsum(sizes)[:-1]
    levels = np.split(_under(weight[None], parts)[0], ends)  # of every seed, by part
    freedom = _freedom(list(zip(factors, levels, strict=True)))
    rng = np.random.default_rng(zlib.crc32(repr([(len(one), f"{one.mean():.6g}") for one in levels]).encode()))
    totals = []
    for start in range(0, resamples, CHUNK):
        b = min(CHUNK, resamples - start)
        drawn = np.split(_under(_resampled(rng, b, labels, count, weight), parts), ends, axis=1)
        chosen = [_seed_weights(rng, b, size, freedom) for size in sizes]
        totals.append(sum(f * (v * w).sum(1) for f, v, w in zip(factors, drawn, chosen, strict=True)))
    low, high = np.percentile(np.concatenate(totals), [2.5, 97.5])
    mean = sum(factor * float(one.mean()) for factor, one in zip(factors, levels, strict=True))
    return Interval(mean, float(low), float(high), min(sizes))


def _under(weight: Float[np.ndarray, "b u"], parts: Sequence[Part]) -> Float[np.ndarray, "b _"]:
    """The measure of every seed of all parts, one after the other."""
    return np.concatenate([part(weight) if isinstance(part, Measured) else weight @ part.T for _, part in parts], 1)


def _labels(u: int, group: Sequence[str] | None) -> Int[np.ndarray, " u"]:
    return np.zeros(u, int) if group is None else np.unique(np.asarray(group), return_inverse=True)[1]


def _weights(u: int, group: Sequence[str] | None) -> Float[np.ndarray, " u"]:
    """The weight of each item in a mean for which groups count alike."""
    labels = _labels(u, group)
    sizes = np.bincount(labels)
    return 1 / (sizes[labels] * len(sizes))


def _distinct(
    values: Float[np.ndarray, "_ u"], labels: Int[np.ndarray, " u"]
) -> tuple[Int[np.ndarray, " c"], Int[np.ndarray, " c"]]:
    """One of each kind of items that share group and values under all seeds, and how many there are."""
    columns = np.concatenate([values, labels[None]]).T.copy()
    whole = columns.view(np.dtype((np.void, columns.dtype.itemsize * columns.shape[1])))[:, 0]
    _, first, count = np.unique(whole, return_index=True, return_counts=True)
    return first, count


def _resampled(
    rng: np.random.Generator,
    b: int,
    labels: Int[np.ndarray, " c"],
    count: Int[np.ndarray, " c"],
    weight: Float[np.ndarray, " c"],
) -> Float[np.ndarray, "b c"]:
    """Weights of b resamples, each of as many items as a group has; common items are drawn by their counts."""
    out = np.zeros((b, len(labels)))
    for label in range(labels.max() + 1):
        mine = np.flatnonzero(labels == label)
        often, seldom = mine[count[mine] >= OFTEN], mine[count[mine] < OFTEN]
        n, rest = count[mine].sum(), count[seldom].sum()
        drawn = rng.multinomial(n, np.append(count[often], rest) / n, size=b)
        out[:, often] = drawn[:, :-1]
        if rest:
            copies = np.repeat(np.arange(len(seldom)), count[seldom])
            picks = copies[rng.integers(0, rest, drawn[:, -1].sum())]
            picks += np.repeat(np.arange(b) * len(seldom), drawn[:, -1])
            out[:, seldom] = np.bincount(picks, minlength=b * len(seldom)).reshape(b, -1)
    out *= weight / count
    return out


def _freedom(parts: list[tuple[float, Float[np.ndarray, " _"]]]) -> float:
    """(Σ v)² / Σ v² / (s - 1), where v is the variance of a part's mean over its seeds; one seed says nothing."""
    several = [(factor, seeds) for factor, seeds in parts if len(seeds) > 1]
    variances = np.array([factor**2 * seeds.var(ddof=1) / len(seeds) for factor, seeds in several])
    each = np.array([len(seeds) - 1 for _, seeds in several])
    if not variances.sum() > 0:
        return float(each.sum())
    return float(variances.sum() ** 2 / (variances**2 / each).sum())


def _seed_weights(rng: np.random.Generator, b: int, s: int, freedom: float) -> Float[np.ndarray, "b s"]:
    return 1 / s + _stretch(s, freedom) * (rng.multinomial(s, np.full(s, 1 / s), size=b) - 1) / s


@lru_cache(maxsize=512)
def _stretch(s: int, freedom: float) -> float:
    """What makes the spread of few seeds Student's; a single one does not spread."""
    if s == 1:
        return 0.0
    from scipy.stats import norm, t

    return float(np.sqrt(s / (s - 1)) * t.ppf(0.975, freedom) / norm.ppf(0.975))
