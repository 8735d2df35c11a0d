"""Three checkpoints of a training: the last, the one that validation chooses, and the best on the test itself.

ITSELF and IRRA report the best of some sixty epochs on the test split; what that adds is measured here, not reported.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from cirkit.errors import Problem
from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.measures import Recall
from cirkit.experiments import curves, records
from cirkit.experiments.bootstrap import overall
from cirkit.experiments.curves import Curve
from cirkit.experiments.experiment import Test
from cirkit.experiments.records import Record

LAST, BY_VALIDATION, BEST_ON_TEST = "last", "by validation", "best on test"
TESTED, VALIDATED = "course_of_test", "course_of_validation"  # the exhibits that hold the ranks
FIRST = Recall(1)  # what a checkpoint is chosen by


@dataclass(frozen=True, kw_only=True)
class ThreeCheckpoints:
    """Of a row with a test and a test of validation data: ranks on both at each tenth of the training, of every seed.

    A course of the test's own data is kept with the validation test and none other: it chooses nothing that is
    reported as `LAST` or `BY_VALIDATION`.
    """

    test: str
    validation: str
    queries: int = 10_000

    def exhibits(self, tests: Mapping[str, Test]) -> dict[str, tuple[Curve, ...]]:
        """What a row declares as its exhibits. Raises Problem where it lacks one of the two tests."""
        for name in (self.test, self.validation):
            if name not in tests:
                raise Problem(f"The row has no test {name!r}, so no checkpoint can be chosen. Declare it.")
        return {
            self.test: (self._course(tests[self.validation], VALIDATED),),
            self.validation: (self._course(tests[self.test], TESTED),),
        }

    def _course(self, test: Test, name: str) -> Curve:
        return Curve(data=test.data, measures=(FIRST,), queries=self.queries, name=name, every_seed=True)


@lru_cache(maxsize=1024)
def with_columns(record: Record, test: str = "test") -> Record | None:
    """The record with each column as a test beside its own, drawn as `test` is; None where a course is missing."""
    tested, validated = (_course(record, name) for name in (TESTED, VALIDATED))
    if tested is None or validated is None:
        return None
    steps = {LAST: max(tested), BY_VALIDATION: _best(validated), BEST_ON_TEST: _best(tested)}
    tests = record.declared.get("tests", {})
    declared = {**record.declared, "tests": {**tests, **{column: tests.get(test, {}) for column in steps}}}
    evidence = {**record.evidence, **{column: tested[step] for column, step in steps.items()}}
    return replace(record, declared=declared, evidence=evidence)


def with_all_columns(runs: Sequence[Record]) -> list[Record]:
    """Those of the runs that kept their courses, with the columns."""
    return [found for run in runs if (found := with_columns(run)) is not None]


def _course(record: Record, name: str) -> dict[int, Ranks] | None:
    """Ranks by step."""
    content: dict[str, Any] | None = records.exhibited(record, name)
    if content is None:
        return None
    return {
        int(point["step"]): curves.from_plain(content["queries"] | {"twice_rank": point["twice_rank"]})
        for point in content["points"]
    }


def _best(course: Mapping[int, Ranks]) -> int:
    """The first of the best steps."""
    return max(course, key=lambda step: overall(course[step], FIRST))
