"""Three checkpoints of a training: the last, the one that validation chooses, and the best on the test itself.

ITSELF and IRRA report the best of some sixty epochs on the test split; what that adds is measured here, not reported.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from cirkit.errors import Problem
from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.measures import Measure, Recall
from cirkit.experiments import artifacts, curves
from cirkit.experiments.bootstrap import overall
from cirkit.experiments.curves import Curve
from cirkit.experiments.experiment import Experiment, Test
from cirkit.experiments.records import Record

LAST, BY_VALIDATION, BEST_ON_TEST = "last", "by validation", "best on test"
FIRST = Recall(1)


@dataclass(frozen=True, kw_only=True)
class ThreeCheckpoints:
    """Of a row with a test and a test of validation data: ranks on both at each tenth of the training, of every seed.

    A course of the test's own data is kept with the validation test and none other: it chooses nothing that is
    reported as `LAST` or `BY_VALIDATION`. `measure` is what a checkpoint is chosen by.
    """

    test: str
    validation: str
    measure: Measure = FIRST
    queries: int = 10_000

    def exhibits(self, tests: Mapping[str, Test]) -> dict[str, tuple[Curve, ...]]:
        """What a row declares as its exhibits. Raises Problem where it lacks one of the two tests."""
        for name in (self.test, self.validation):
            if name not in tests:
                raise Problem(f"The row has no test {name!r}, so no checkpoint can be chosen. Declare it.")
        return {
            self.test: (self._course(tests[self.validation], "course_of_validation"),),
            self.validation: (self._course(tests[self.test], "course_of_test"),),
        }

    def _course(self, test: Test, name: str) -> Curve:
        return Curve(data=test.data, measures=(self.measure,), queries=self.queries, name=name, every_seed=True)

    def choose(self, experiment: Experiment, seed: int) -> dict[str, tuple[int, Ranks]]:
        """By column: the step of the checkpoint and its ranks on the test. Raises Problem where a course is missing."""
        found = {}
        for path, (test, curve) in curves.declared(experiment, seed).items():
            if not artifacts.current(path, experiment.fingerprint, curve):
                raise Problem(f"{path} is missing. {curves.again(experiment.name, experiment.scale, seed)}")
            content = artifacts.read(path)
            found[test] = {
                int(point["step"]): curves.from_plain(content["queries"] | {"twice_rank": point["twice_rank"]})
                for point in content["points"]
            }
        tested, validated = found[self.validation], found[self.test]  # each course lies with the other test
        steps = {LAST: max(tested), BY_VALIDATION: self._best(validated), BEST_ON_TEST: self._best(tested)}
        return {column: (step, tested[step]) for column, step in steps.items()}

    def evidence(self, experiment: Experiment, record: Record) -> Record:
        """The record with the three columns as tests beside its own, for tables and claims."""
        chosen = {column: ranks for column, (_, ranks) in self.choose(experiment, record.seed).items()}
        return replace(record, evidence={**record.evidence, **chosen})

    def _best(self, course: Mapping[int, Ranks]) -> int:
        """The first of the best steps."""
        sign = 1 if self.measure.higher_is_better else -1
        return max(course, key=lambda step: sign * overall(course[step], self.measure))
