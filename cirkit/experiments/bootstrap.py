"""Intervals: seeds, then queries resampled, the same queries for both models; or worlds as wholes, seed by seed.

Efron and Tibshirani (1993); the correction for few seeds is Student's, with Welch's degrees of freedom. Clusters are
resampled and not what is in them: Davison and Hinkley (1997), section 3.8.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

from cirkit.evaluators.evidence import Evidence
from cirkit.evaluators.measures import Measure, PerItem
from cirkit.experiments.records import Record

RESAMPLES = 10_000
CHUNK = 500  # resamples at a time
OFTEN = 32  # an item drawn so often, on average, has its count drawn at once
LEVEL = 0.05  # what an interval may miss: half of it below, half above


@dataclass(frozen=True)
class Resamples:
    """What resampling gives: the query part, and how far resampled seeds lie from it, before Student's stretch."""

    queries: Float[np.ndarray, " b"]
    seeds: Float[np.ndarray, " b"]
    freedom: float  # degrees of freedom of the seeds' spread

    def at(self, level: float) -> Float[np.ndarray, " b"]:
        """The resamples whose percentiles are the interval that may miss `level`; few seeds spread as Student's t.

        Rounded, so that a resample at a margin lies there on every processor, not a last digit beside it.
        """
        return (self.queries + _stretch(self.freedom, level) * self.seeds).round(9)


@dataclass(frozen=True)
class Interval:
    """An estimate, its 95 % interval, and how many seeds stand behind it (the smaller number, for a difference)."""

    mean: float
    low: float
    high: float
    seeds: int
    resamples: Resamples | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.mean:.1f} [{self.low:.1f}, {self.high:.1f}]"

    def minus(self, level: float) -> "Interval":
        """The interval of the difference from a number that is known."""
        moved = replace(self.resamples, queries=self.resamples.queries - level)
        return Interval(self.mean - level, self.low - level, self.high - level, self.seeds, moved)

    def p_above(self, margin: float) -> float:
        """The least level at which the interval lies wholly above `margin`: at most .05 exactly where this one does.

        Twice the share of resamples (and one more) at the margin or below it; never less than 2 / (resamples + 1).
        """
        count = len(self.resamples.queries) + 1

        def excludes(level: float) -> bool:
            return 2 * (1 + int((self.resamples.at(level) <= margin).sum())) <= level * count

        least, most = (2 / count, LEVEL) if excludes(LEVEL) else (LEVEL, 1.0)
        if excludes(least):
            return least
        while most - least > 1e-9 * least:  # finer than is ever written, so that processors agree
            middle = (least + most) / 2
            least, most = (least, middle) if excludes(middle) else (middle, most)
        return most

    def p_below(self, margin: float) -> float:
        """The least level at which the interval lies wholly below `margin`."""
        mirrored = replace(self.resamples, queries=-self.resamples.queries, seeds=-self.resamples.seeds)
        return replace(self, resamples=mirrored).p_above(-margin)


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
    free = combined([(1.0, records)], test, measure)
    least, most = measure.bounds
    return replace(free, low=max(free.low, least), high=min(free.high, most))


def gain(a: Sequence[Record], b: Sequence[Record], test: str, measure: Measure) -> Interval:
    """The mean of a measure under `a` minus under `b`, on the same queries."""
    return combined([(1.0, a), (-1.0, b)], test, measure)


def combined(sides: Sequence[tuple[float, Sequence[Record]]], test: str, measure: Measure) -> Interval:
    """Σ factor · mean of a measure over the seeds of a side. Raises ValueError where sides had other queries.

    Where all seeds answer the same queries, each side's seeds are resampled on their own (seed s of two models shares
    nothing but its number), and queries are resampled for all (`bootstrap`). Where each seed draws its data, seed s of
    all sides shares a world, and so the sum is taken within each seed that all sides have: a further seed of one side
    would add a world that the others have not met. What varies are these sums, worlds as wholes (`over_seeds`); the
    queries of a single seed are resampled.
    """
    return _bootstrapped(tuple((factor, tuple(side)) for factor, side in sides), test, measure)


@lru_cache(maxsize=512)
def _bootstrapped(sides: tuple[tuple[float, tuple[Record, ...]], ...], test: str, measure: Measure) -> Interval:
    """Kept, since pages ask for the same intervals again."""
    names = ", ".join(dict.fromkeys(side[0].name for _, side in sides))
    drawn = {record.drawn_each_seed(test) for _, side in sides for record in side}
    if len(drawn) > 1:
        raise ValueError(f"Some of {names} draw {test} for each seed and some do not; run them again.")
    if drawn == {False}:
        evidence = [[record.evidence[test] for record in side] for _, side in sides]
        first = _shared([one for side in evidence for one in side], names, test)
        parts = [(factor, under(measure, mine)) for (factor, _), mine in zip(sides, evidence, strict=True)]
        return bootstrap(parts, first.group, items=len(first))
    worlds = [{record.seed: record.evidence[test] for record in side} for _, side in sides]
    seeds = sorted(set.intersection(*map(set, worlds)))
    if not seeds:
        raise ValueError(f"{names} have no seed in common on {test}; run them with the same seeds.")
    firsts = [_shared([side[seed] for side in worlds], names, test) for seed in seeds]
    factors = [factor for factor, _ in sides]
    if len(seeds) == 1:
        parts = [(factor, under(measure, [side[seeds[0]]])) for factor, side in zip(factors, worlds, strict=True)]
        return bootstrap(parts, firsts[0].group, items=len(firsts[0]))
    levels = np.array([[overall(side[seed], measure) for side in worlds] for seed in seeds])  # (s, sides)
    return over_seeds(levels @ np.array(factors))


def _shared(evidence: Sequence[Evidence], names: str, test: str) -> Evidence:
    """The first, where all are of the same queries. Raises ValueError otherwise."""
    first = evidence[0]
    if any((len(one), one.group) != (len(first), first.group) for one in evidence):
        raise ValueError(f"{names} were tested on different queries of {test}; run them again.")
    return first


def over_seeds(values: Float[np.ndarray, " s"]) -> Interval:
    """The mean of one number per seed, two seeds or more, with Student's interval: s - 1 degrees of freedom.

    Each number is of a world of its own, so their spread already holds that of queries within a world; resampling
    queries as well would count it twice (in simulation, such intervals cover 97 to 100 % and are up to 1.7 times as
    wide). Three seeds have ten resamples, too few for a tail, so quantiles of the normal stand in for draws.
    """
    from scipy.special import ndtri

    s, mean = len(values), float(values.mean())
    error = values.std(ddof=1) / np.sqrt(s)
    quantiles = ndtri((np.arange(RESAMPLES) + 0.5) / RESAMPLES)
    return _interval(mean, s, Resamples(np.full(RESAMPLES, mean), error * quantiles, float(s - 1)))


def _interval(mean: float, seeds: int, resamples: Resamples) -> Interval:
    """The percentiles, each a resample itself, so that an end lies beyond a margin exactly where p ≤ .05."""
    values, tail = resamples.at(LEVEL), [50 * LEVEL, 100 - 50 * LEVEL]
    low, high = np.percentile(values, tail[0], method="lower"), np.percentile(values, tail[1], method="higher")
    return Interval(mean, float(low), float(high), seeds, resamples)


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
    queries, seeds = [], []
    for start in range(0, resamples, CHUNK):
        b = min(CHUNK, resamples - start)
        drawn = np.split(_under(_resampled(rng, b, labels, count, weight), parts), ends, axis=1)
        chosen = [_seed_deviations(rng, b, size) for size in sizes]
        queries.append(sum(f * v.mean(1) for f, v in zip(factors, drawn, strict=True)))
        seeds.append(sum(f * (v * w).sum(1) for f, v, w in zip(factors, drawn, chosen, strict=True)))
    mean = sum(factor * float(one.mean()) for factor, one in zip(factors, levels, strict=True))
    return _interval(mean, min(sizes), Resamples(np.concatenate(queries), np.concatenate(seeds), freedom))


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


def _seed_deviations(rng: np.random.Generator, b: int, s: int) -> Float[np.ndarray, "b s"]:
    """How far the weights of resampled seeds lie from equal ones; a single seed does not spread."""
    return np.sqrt(s / max(s - 1, 1)) * (rng.multinomial(s, np.full(s, 1 / s), size=b) - 1) / s


@lru_cache(maxsize=512)
def _stretch(freedom: float, level: float) -> float:
    """What makes the spread of few seeds Student's at a level."""
    if not freedom:
        return 1.0
    from scipy.special import ndtri, stdtrit

    return float(stdtrit(freedom, 1 - level / 2) / ndtri(1 - level / 2))
