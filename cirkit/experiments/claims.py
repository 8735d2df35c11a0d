"""Claims: a sentence of a paper becomes a quantity, an interval and a verdict that nobody typed."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from cirkit.errors import Problem
from cirkit.evaluators.evidence import chance
from cirkit.evaluators.measures import Measure
from cirkit.experiments.bootstrap import Interval, bootstrap, combined, gain, over_seeds, overall
from cirkit.experiments.many import P_DIGITS
from cirkit.experiments.records import Record, exhibited

FIELDS = (
    "id", "paper", "where", "says", "reported", "headline", "verdict", "mean", "low", "high", "p", "holm", "bh", "unit",
    "margin", "basis", "scale", "seeds",
)  # fmt: skip
DIGITS = 3  # of the numbers in a row


@runtime_checkable
class Quantity(Protocol):
    """Something a claim is about: the experiments it needs, and an interval once their records exist."""

    @property
    def needs(self) -> tuple[str, ...]: ...
    def __call__(self, records: dict[str, list[Record]]) -> Interval | None: ...  # None: an exhibit is missing


@dataclass(frozen=True)
class Gain:
    """How much better experiment `a` is than `b`, in points of a measure."""

    a: str
    b: str
    test: str
    measure: Measure

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.a, self.b)

    def __call__(self, records: dict[str, list[Record]]) -> Interval:
        return gain(records[self.a], records[self.b], self.test, self.measure)


@dataclass(frozen=True)
class GainOverBest:
    """How much better experiment `a` is than the best of `others` by our records, in points of a measure."""

    a: str
    others: tuple[str, ...]
    test: str
    measure: Measure

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.a, *self.others)

    def __call__(self, records: dict[str, list[Record]]) -> Interval:
        sign = 1 if self.measure.higher_is_better else -1
        best = max(self.others, key=lambda name: sign * self._mean(records, name))
        return gain(records[self.a], records[best], self.test, self.measure)

    def _mean(self, records: dict[str, list[Record]], name: str) -> float:
        """Over the seeds that all experiments have, so that none is the best for its worlds."""
        seeds = set.intersection(*({run.seed for run in records[each]} for each in self.others))
        runs = [run for run in records[name] if run.seed in seeds or not run.drawn_each_seed(self.test)]
        return float(np.mean([overall(run.evidence[self.test], self.measure) for run in runs]))


@dataclass(frozen=True)
class Gains:
    """The average of `a` minus `b` over several pairs of experiments: what a choice gives, whatever else is chosen."""

    pairs: tuple[tuple[str, str], ...]
    test: str
    measure: Measure

    @property
    def needs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for pair in self.pairs for name in pair))

    def __call__(self, records: dict[str, list[Record]]) -> Interval:
        share = 1 / len(self.pairs)
        sides = [side for a, b in self.pairs for side in ((share, records[a]), (-share, records[b]))]
        return combined(sides, self.test, self.measure)


@dataclass(frozen=True)
class GainBeyondShare:
    """How much better `a` is than `b`, in points, less a share of its own level: zero where the lead is that share."""

    a: str
    b: str
    test: str
    measure: Measure
    share: float

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.a, self.b)

    def __call__(self, records: dict[str, list[Record]]) -> Interval:
        return combined([(1 - self.share, records[self.a]), (-1.0, records[self.b])], self.test, self.measure)


@dataclass(frozen=True)
class OverChance:
    """How far an experiment is above what a model that scores everything alike would get, in points of a measure."""

    name: str
    test: str
    measure: Measure

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.name,)

    def __call__(self, records: dict[str, list[Record]]) -> Interval:
        ours = records[self.name]
        alike = [replace(run, evidence={self.test: chance(run.evidence[self.test])}) for run in ours]
        return gain(ours, alike, self.test, self.measure)


@dataclass(frozen=True)
class Among:
    """A difference over some of the queries alone; `rows` gives their numbers for a record, or None if unknown."""

    quantity: Gain
    rows: Callable[[Record], Sequence[int] | None]

    @property
    def needs(self) -> tuple[str, ...]:
        return self.quantity.needs

    def __call__(self, records: dict[str, list[Record]]) -> Interval | None:
        test = self.quantity.test
        rows = {each: self.rows(each) for runs in records.values() for each in runs}
        if None in rows.values():
            return None
        some = {each: replace(each, evidence={test: each.evidence[test].take(mine)}) for each, mine in rows.items()}
        return self.quantity({name: [some[each] for each in runs] for name, runs in records.items()})


@dataclass(frozen=True)
class Attention:
    """How much more words of a class attend to what they speak of, from the exhibits beside the records.

    Minus `than`: `elsewhere` in the image, or a control of the exhibit: `mask`, `word` or `mismatched_word`.
    With `minus`, the words of that class are taken off, other queries. Negative: words avoid what they refer to.
    `of` is the column measured. Seeds without the exhibit do not count; None where none has it. Where each seed draws
    its data, its mean over its own queries counts as one number.
    """

    name: str
    word: str
    than: str = "elsewhere"
    minus: str | None = None
    exhibit: str = "words"
    of: str = "own"

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.name,)

    def __call__(self, records: dict[str, list[Record]]) -> Interval | None:
        runs = records[self.name]
        found = [kept for run in runs if (kept := exhibited(run, self.exhibit))]
        if not found:
            return None
        if len(found) > 1 and any(run.drawn_each_seed(test) for run in runs for test in run.evidence):
            return over_seeds(np.array([self._mean(content) for content in found]))
        values, query = self._values(found, self.word)
        if self.minus is None:
            return bootstrap([(1.0, values)])
        less, other = self._values(found, self.minus)
        # groups count alike, half each, so twice the values of one and minus twice those of the other differ by means
        both = np.concatenate([2 * values, -2 * less], axis=1)
        return bootstrap([(1.0, both)], ["word"] * len(query) + ["minus"] * len(other))

    def _mean(self, content: dict[str, Any]) -> float:
        """Of one seed."""
        less = 0.0 if self.minus is None else self._values([content], self.minus)[0].mean()
        return float(self._values([content], self.word)[0].mean() - less)

    def _values(self, found: Sequence[dict[str, Any]], word: str) -> tuple[Float[np.ndarray, "s q"], list[int]]:
        """The value of every query (columns) under every seed (rows), queries without a control left out."""
        columns = [content["values"].get(word) for content in found]
        if not all(columns) or {self.of, self.than} - {"elsewhere", *columns[0]}:
            raise ValueError(f"The exhibits {self.exhibit!r} of {self.name} have no {self.of} {self.than} of {word!r}.")
        if len({tuple(column["query"]) for column in columns}) > 1:
            raise Problem(f"The seeds of {self.name} kept different queries. Run `cirkit exhibits --missing`.")
        own = np.array([column[self.of] for column in columns], float)  # (s, q); None becomes NaN
        if self.than != "elsewhere":
            own = own - np.array([column[self.than] for column in columns], float)
        there = ~np.isnan(own).any(0)
        if not there.any():
            raise ValueError(f"No query of {self.name} has a value for {word!r} less {self.than}.")
        return own[:, there], [row for row, kept in zip(columns[0]["query"], there, strict=True) if kept]


@runtime_checkable
class Expectation(Protocol):
    """What an interval must show: holds, fails or open. `margin` is what it is compared with, fixed before the run.

    `p` is the least level at which the interval that misses so often would decide, either way: twice a one-sided p. It
    is at most .05 exactly where the verdict is holds or fails.
    """

    margin: float

    def __call__(self, interval: Interval) -> str: ...
    def p(self, interval: Interval) -> float: ...


@dataclass(frozen=True)
class above:
    """Holds when the whole interval is above the margin, fails when it is all below."""

    margin: float = 0.0

    def __call__(self, interval: Interval) -> str:
        if interval.low > self.margin:
            return "holds"
        return "fails" if interval.high < self.margin else "open"

    def p(self, interval: Interval) -> float:
        """Of the null that the quantity is the margin."""
        return min(interval.p_above(self.margin), interval.p_below(self.margin))


@dataclass(frozen=True)
class below:
    """Holds when the whole interval is below the margin, fails when it is all above."""

    margin: float = 0.0

    def __call__(self, interval: Interval) -> str:
        if interval.high < self.margin:
            return "holds"
        return "fails" if interval.low > self.margin else "open"

    def p(self, interval: Interval) -> float:
        """Of the null that the quantity is the margin."""
        return min(interval.p_above(self.margin), interval.p_below(self.margin))


@dataclass(frozen=True)
class within:
    """Equal within a margin: holds when the interval lies inside ±margin, fails when it lies outside."""

    margin: float

    def __call__(self, interval: Interval) -> str:
        if -self.margin < interval.low and interval.high < self.margin:
            return "holds"
        return "fails" if interval.low > self.margin or interval.high < -self.margin else "open"

    def p(self, interval: Interval) -> float:
        """The smaller of two: for equal, the larger p of two one-sided tests (TOST); and for beyond."""
        equal = max(interval.p_above(-self.margin), interval.p_below(self.margin))
        return min(equal, interval.p_above(self.margin), interval.p_below(-self.margin))


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One sentence of a paper, in our words, and the quantity that decides it."""

    id: str
    paper: str
    where: str  # "Table 1"
    says: str
    reported: str  # as printed
    quantity: Quantity
    expect: Expectation
    unit: str = "points"  # of what the quantity gives; a point is a hundredth of all queries
    headline: bool = False  # what the abstract or a section concludes


@dataclass(frozen=True)
class claims_of:
    """What makes the claims of a `paper`, their ids `prefix`-name: by default something in points is above zero."""

    paper: str
    prefix: str

    def __call__(
        self,
        name: int | str,
        where: str,
        says: str,
        reported: str,
        quantity: Quantity,
        expect: Expectation = above(0.0),
        unit: str = "points",
        headline: bool = False,
    ) -> Claim:
        """One of them; the arguments are those of `Claim`."""
        return Claim(
            id=f"{self.prefix}-{name}",
            paper=self.paper,
            where=where,
            says=says,
            reported=reported,
            quantity=quantity,
            expect=expect,
            unit=unit,
            headline=headline,
        )


def judge(
    claim: Claim, load: Callable[[str, str], list[Record]], scales: Sequence[str] = ("paper", "gpu", "cpu")
) -> dict[str, Any]:
    """The ledger row of a claim, numbers in its unit: the first scale with records of every experiment decides.

    One seed never does, and so has no p; `adjust` fills those adjusted for many claims.
    """
    row: dict[str, Any] = dict.fromkeys(FIELDS, "") | {
        "id": claim.id, "paper": claim.paper, "where": claim.where, "says": claim.says, "reported": claim.reported,
        "headline": claim.headline, "verdict": "untested", "mean": None, "low": None, "high": None,
        "p": None, "holm": None, "bh": None, "unit": claim.unit, "margin": claim.expect.margin or None, "seeds": 0,
    }  # fmt: skip
    for scale in scales:
        records = {name: load(name, scale) for name in claim.quantity.needs}
        if not all(records.values()):
            continue
        interval = claim.quantity(records)
        if interval is None:
            continue
        bases = {record.basis for found in records.values() for record in found}
        return row | {
            "verdict": claim.expect(interval) if interval.seeds > 1 else "open",
            "mean": round(interval.mean, DIGITS),
            "low": round(interval.low, DIGITS),
            "high": round(interval.high, DIGITS),
            "p": round(claim.expect.p(interval), P_DIGITS) if interval.seeds > 1 else None,
            "basis": "+".join(sorted(bases)),
            "scale": scale,
            "seeds": interval.seeds,
        }
    return row


def to_csv(rows: list[dict[str, Any]]) -> str:
    """The ledger as the text of data/ledger.csv."""
    out = io.StringIO()
    writer = csv.DictWriter(out, FIELDS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        headline = "yes" if row["headline"] else ""
        writer.writerow({key: "" if value is None else value for key, value in row.items()} | {"headline": headline})
    return out.getvalue()
