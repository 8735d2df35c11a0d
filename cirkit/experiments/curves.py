"""Validation curves: how validation queries are ranked at each tenth of a training, beside the record of its run.

No paper shows them; they say whether a row was trained long enough, and whether a difference turns on the way.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from cirkit.declare import describe
from cirkit.errors import Problem
from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.measures import Measure
from cirkit.examples import at_seed
from cirkit.experiments import artifacts
from cirkit.experiments.bootstrap import overall
from cirkit.experiments.experiment import Experiment, Test
from cirkit.files import write_atomically
from cirkit.query import Benchmark
from cirkit.training.looks import Looks, steps_of


@dataclass(frozen=True)
class Curve:
    """An exhibit of the first seed: the test it belongs to, on validation `data`, at each tenth of the training.

    `data` are of a world of their own, never those of the test; of their queries, `queries` are taken, evenly spread,
    against the whole gallery. The file lists the means of `measures`; its ranks give any other measure.
    """

    data: Callable[[], Benchmark]
    measures: tuple[Measure, ...]
    queries: int = 500
    name: str = "curve"
    every_seed: bool = False

    def __call__(self, model: Any, data: Any, evidence: Callable[[], Ranks]) -> dict[str, Any]:
        """Raises Problem: final weights do not say how they came to be."""
        raise Problem("A validation curve is seen only while its model trains.")


@dataclass(frozen=True)
class Sample:
    """Some queries of a benchmark, evenly spread: all, where it has no more."""

    data: Callable[[], Benchmark]
    queries: int

    def __call__(self) -> Benchmark:
        """The queries, against the whole gallery."""
        benchmark = self.data()
        rows = np.linspace(0, len(benchmark) - 1, min(self.queries, len(benchmark))).astype(int)
        return benchmark.take(rows.tolist())

    def of_seed(self, seed: int) -> "Sample":
        """The queries that a run of `seed` reads."""
        return replace(self, data=at_seed(self.data, seed))


@dataclass(frozen=True)
class Validation:
    """What a look at a model keeps: the ranks in each of `tests`, by the name of their exhibit, as plain data."""

    tests: Mapping[str, Test]
    seed: int

    def __call__(self, model: nn.Module) -> dict[str, Any]:
        """The queries, alike at every look, and their ranks."""
        return {name: to_plain(test.evaluate(test.use(model), self._data[name])) for name, test in self.tests.items()}

    @functools.cached_property
    def _data(self) -> dict[str, Any]:
        return {name: at_seed(test.data, self.seed)() for name, test in self.tests.items()}


@dataclass(frozen=True, eq=False)
class Course:
    """A curve that was kept: the ranks of the same queries after each of `steps`; `data` describes the queries."""

    seed: int
    steps: tuple[int, ...]
    ranks: tuple[Ranks, ...]
    data: Any

    def means(self, measure: Measure) -> list[float]:
        """The measure after each step, in its unit; groups count alike."""
        return [overall(each, measure) for each in self.ranks]

    def last_doubling(self, measure: Measure) -> float:
        """What the second half of the training added to the measure, in its unit; better is positive."""
        means = self.means(measure)
        added = means[-1] - float(np.interp(self.steps[-1] / 2, self.steps, means))
        return added if measure.higher_is_better else -added


def declared(experiment: Experiment, seed: int) -> dict[Path, tuple[str, Curve]]:
    """The curves that a seed keeps, each with its test, by where they lie."""
    return {path: kept for path, kept in experiment.keeps(seed).items() if isinstance(kept[1], Curve)}


def looks_of(experiment: Experiment, seed: int) -> Looks | None:
    """What looks at the training of a seed, or None where it keeps no curve.

    Raises ValueError where a curve would be of the test's own data.
    """
    tests = {}
    for test, curve in declared(experiment, seed).values():
        tested = experiment.tests[test]
        if describe(at_seed(curve.data, seed)) == describe(at_seed(tested.data, seed)):
            raise ValueError(f"{experiment.name}: the curve {curve.name!r} is of the data of its test {test}.")
        tests[curve.name] = replace(tested, data=Sample(curve.data, curve.queries))
    return Looks(Validation(tests, seed)) if tests else None


def write(experiment: Experiment, seed: int, looks: Looks, tell: Callable[[str], None]) -> None:
    """Write what was seen of a training that has ended; where a point is missing, say so once, and why.

    Raises Problem where a file is too large.
    """
    kept = declared(experiment, seed)
    if list(looks.seen) != steps_of(experiment.training.steps):
        if not all(artifacts.current(path, experiment.fingerprint, curve) for path, (_, curve) in kept.items()):
            what = "its weights were there already" if not looks.seen else "it went on from a state that lacks points"
            advice = again(experiment.name, experiment.scale, seed)
            tell(f"{experiment.name} seed {seed} leaves no validation curve: {what}. {advice}")
        return
    for path, (test, curve) in kept.items():
        seen = {step: each[curve.name] for step, each in looks.seen.items()}
        points = [
            {"step": step}
            | {str(measure): round(overall(ranks, measure), 4) for measure in curve.measures}
            | {"twice_rank": seen[step]["twice_rank"]}
            for step, ranks in ((step, from_plain(each)) for step, each in seen.items())
        ]
        queries = {key: value for key, value in next(iter(seen.values())).items() if key != "twice_rank"}
        content = experiment.whose(seed, test, curve) | {"queries": queries, "points": points}
        write_atomically(path, artifacts.to_text(content))


def course(experiment: Experiment, test: str) -> Course | None:
    """The curve of a test that the first seed kept, or None. Raises Problem where its file is damaged."""
    seed = experiment.seeds[0]
    for path, (name, curve) in declared(experiment, seed).items():
        if name == test and artifacts.current(path, experiment.fingerprint, curve):
            return _read(path, seed)
    return None


def _read(path: Path, seed: int) -> Course:
    content = artifacts.read(path)
    try:
        ranks = tuple(from_plain(content["queries"] | {"twice_rank": p["twice_rank"]}) for p in content["points"])
        return Course(seed, tuple(int(p["step"]) for p in content["points"]), ranks, content["exhibit"]["data"])
    except (KeyError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        advice = again(content["experiment"], content["scale"], seed)
        raise Problem(f"The curve {path} cannot be read ({reason}). {advice}") from error


def again(name: str, scale: str, seed: int) -> str:
    """What gives a curve that is missing."""
    return f"Run `cirkit run {name} --scale {scale} --seed {seed} --again`, which trains it anew."


def to_plain(ranks: Ranks) -> dict[str, Any]:
    """Ranks in 16 bits a number. Raises Problem where they need more."""
    names = list(dict.fromkeys(ranks.group or ()))
    return {
        "relevant": artifacts.pack_whole(np.diff(ranks.offsets)),
        "gallery": artifacts.pack_whole(ranks.gallery),
        "groups": names,
        "group": artifacts.pack_whole(np.array([names.index(each) for each in ranks.group or ()], int)),
        "twice_rank": artifacts.pack_whole(np.rint(2 * ranks.mid).astype(int)),  # the middle of a tie may be a half
    }


def from_plain(plain: Mapping[str, Any]) -> Ranks:
    """The ranks again, each tie as narrow as its middle allows. Raises KeyError, TypeError or ValueError."""
    whole = {name: artifacts.unpack_whole(plain[name]) for name in ("relevant", "gallery", "group", "twice_rank")}
    group = tuple(plain["groups"][code] for code in whole["group"])
    offsets = np.cumsum([0, *whole["relevant"]])
    return Ranks.from_mid(whole["twice_rank"] / 2, offsets, whole["gallery"], group or None)
