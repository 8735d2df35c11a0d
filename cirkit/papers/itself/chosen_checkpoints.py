"""Every row in three columns: the best epoch on the test, the one that validation chooses, and the last.

ITSELF and IRRA report the first of these. One training leaves all three, as courses of ranks beside each record.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from cirkit.evaluators.measures import Measure, Recall
from cirkit.experiments.bootstrap import RESAMPLES, Interval, Resamples, combined, overall
from cirkit.experiments.checkpoint_choice import BEST_ON_TEST, BY_VALIDATION, LAST, with_all_columns
from cirkit.experiments.records import Record

FIRST = Recall(1)
COLUMNS = (BEST_ON_TEST, BY_VALIDATION, LAST)
COMPARED = "compared"  # what a test is called where several are set against each other
Side = tuple[float, str, str]  # factor, experiment, one of its tests or of COLUMNS


@lru_cache(maxsize=4096)
def compared(run: Record, test: str) -> Record:
    """The run with one of its tests alone, under a name that tests of other names can be set against."""
    declared = {**run.declared, "tests": {COMPARED: run.declared.get("tests", {}).get(test, {})}}
    return replace(run, declared=declared, evidence={COMPARED: run.evidence[test]})


@dataclass(frozen=True)
class Across:
    """Σ factor · level of experiments, each on a test of its own or with its checkpoint chosen in one way, in points.

    All tests are of the same queries. None where no seed of a side kept what a column needs.
    """

    sides: tuple[Side, ...]
    measure: Measure = FIRST

    @property
    def needs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for _, name, _ in self.sides))

    def __call__(self, records: dict[str, list[Record]]) -> Interval | None:
        found = []
        for factor, name, test in self.sides:
            runs = with_all_columns(records[name]) if test in COLUMNS else records[name]
            if not runs:
                return None
            found.append((factor, [compared(run, test) for run in runs]))
        return combined(found, COMPARED, self.measure)


def between(names: Sequence[str], a: str, b: str, measure: Measure = FIRST) -> Across:
    """What test or column `a` of experiments has over `b`, averaged over these, which share their queries."""
    share = 1 / len(names)
    return Across(tuple(side for name in names for side in ((share, name, a), (-share, name, b))), measure)


@dataclass(frozen=True)
class SpreadOfSeeds:
    """How far the seeds of a difference of two experiments lie apart: its standard deviation over seeds, in points.

    The interval is that of a normal's deviation, by the chi-squared distribution; None of one seed.
    """

    a: str
    b: str
    test: str
    measure: Measure = FIRST

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.a, self.b)

    def __call__(self, records: dict[str, list[Record]]) -> Interval | None:
        one, other = ({run.seed: run.evidence[self.test] for run in records[name]} for name in (self.a, self.b))
        seeds = sorted(one.keys() & other.keys())
        levels = [overall(one[seed], self.measure) - overall(other[seed], self.measure) for seed in seeds]
        return deviation(np.array(levels)) if len(seeds) > 1 else None


def deviation(levels: Float[np.ndarray, " s"]) -> Interval:
    """The standard deviation of draws of a normal distribution, with the 95 % interval of its variance."""
    from scipy.special import chdtri

    s, level = len(levels), float(levels.std(ddof=1))
    upper = (np.arange(RESAMPLES) + 0.5) / RESAMPLES
    drawn = level * np.sqrt((s - 1) / chdtri(s - 1, upper))  # from the smallest deviation that would fit to the largest
    low, high = np.percentile(drawn, 2.5, method="lower"), np.percentile(drawn, 97.5, method="higher")
    return Interval(level, float(low), float(high), s, Resamples(drawn, np.zeros(RESAMPLES), 0.0))
