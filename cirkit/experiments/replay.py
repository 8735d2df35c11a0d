"""Replay a little of each record: the first hundredth of its training, its benchmark, and a sample of its ranks.

What agrees is confirmed for today's code (`confirmations`); hours of training are not repeated for it.
"""

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from cirkit.declare import describe
from cirkit.evaluators.evidence import Evidence, Ranks
from cirkit.examples import at_seed
from cirkit.experiments.confirmations import confirm, current
from cirkit.experiments.experiment import Experiment, Test
from cirkit.experiments.records import Record, done
from cirkit.experiments.run import FAILURES, evaluate
from cirkit.experiments.trainings import Trainer, load
from cirkit.query import Benchmark
from cirkit.training.loop import Training, fit

CLOSE = 1e-3  # relative difference of a mean loss that another processor's rounding may cause in a few steps
SAMPLE = 32  # queries ranked again where the weights lie here
AGREE = 0.9  # of them have the recorded ranks


class Enough(Exception):
    """As many steps as were asked for."""


@dataclass
class Shelf:
    """The data read last: records of one benchmark follow each other, and each reads its data once."""

    _key: str = ""
    _value: Any = None

    def __call__(self, data: Callable[[], Any], seed: int) -> Any:
        """What `data` gives at a seed."""
        data = at_seed(data, seed)
        key = json.dumps(describe(data), sort_keys=True)
        if key != self._key:
            self._value = None  # two large data sets need not lie in memory together
            self._key, self._value = key, data()
        return self._value


@dataclass
class Replay:
    """Replays records and remembers the data of the last one."""

    examples: Shelf = field(default_factory=Shelf)
    tests: dict[str, Shelf] = field(default_factory=dict)

    def __call__(self, experiment: Experiment, record: Record) -> dict[str, Any]:
        """One row: what was compared and whether it agreed; what agrees in everything is confirmed."""
        started = time.perf_counter()
        found = {"training": "", "tests": "", "ranks": ""}
        try:
            with threads(record.where["threads"]):
                found["training"] = self.training(experiment, record)
                found["tests"] = self.same_tests(experiment, record)
                found["ranks"] = self.ranks(experiment, record)
        except FAILURES as error:
            found = {key: value or f"differs: {' '.join(str(error).split())}" for key, value in found.items()}
        agrees = not any(value.startswith("differs") for value in found.values())
        if agrees:
            confirm(experiment.code, record, "; ".join(value for value in found.values() if value))
        row = {"name": record.name, "scale": record.scale, "seed": record.seed}
        row["state"] = "confirmed" if agrees else "differs"
        return row | found | {"seconds": round(time.perf_counter() - started, 1)}

    def training(self, experiment: Experiment, record: Record) -> str:
        """The mean loss of the first steps beside the first point of the record's curve."""
        training = experiment.training
        if training.steps == 0:
            return "nothing is trained"
        steps, recorded = record.loss[0]
        examples = self.examples(training.data, record.seed)
        mean = math.fsum(first_losses(training, record.seed, steps, lambda: examples)) / steps
        text = f"mean loss of steps 1 to {steps}: {mean:.5f} beside {recorded:.5f}"
        return text if abs(mean - recorded) <= max(2e-5, CLOSE * abs(recorded)) else f"differs: {text}"

    def same_tests(self, experiment: Experiment, record: Record) -> str:
        """Whether today's tests ask what the record's evidence answers."""
        wrong = []
        for name, test in experiment.tests.items():
            data = self.tests.setdefault(name, Shelf())(test.data, record.seed)
            wrong += [f"{name}: {each}" for each in differences(data, record.evidence.get(name))]
        return f"differs: {'; '.join(wrong)}" if wrong else f"same items in {', '.join(experiment.tests)}"

    def ranks(self, experiment: Experiment, record: Record) -> str:
        """A sample of queries ranked by the weights that lie here, if any do, beside the record's ranks."""
        if not (experiment.weights(record.seed) / "model.json").is_file():
            return ""
        model, texts = load(experiment.weights(record.seed), experiment.training), []
        for name, test in experiment.tests.items():
            data, evidence = self.tests[name](test.data, record.seed), record.evidence[name]
            if isinstance(data, Benchmark) and isinstance(evidence, Ranks):
                same, asked = same_ranks(test, model, data, evidence)
                texts.append(f"{same} of {asked} ranks of {name}")
                if same < AGREE * asked:
                    return f"differs: {texts[-1]}"
        return ", ".join(texts)


@contextmanager
def threads(number: int) -> Iterator[None]:
    """As many threads as a record was made with: sums of as many parts, rounded alike."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def replay(experiments: Sequence[Experiment]) -> Iterator[dict[str, Any]]:
    """A row for each record that today's code is not yet known to reproduce, those of one data set together."""
    found = [
        (e, record) for e in experiments if e.scale != "smoke" for record in done(e) if not current(e.code, record)
    ]
    found.sort(key=lambda pair: (json.dumps(describe(pair[0].training.data), sort_keys=True), pair[1].seed))
    each = Replay()
    for experiment, record in found:
        yield each(experiment, record)


def first_losses(training: Training, seed: int, steps: int, data: Callable[[], Any]) -> list[float]:
    """The losses of the first steps of a training, computed as in the whole of it; nothing of it is written.

    Weights that it starts from are trained where they are not here.
    """
    losses: list[float] = []

    def watch(step: int, loss: float) -> None:
        losses.append(loss)
        if step == steps:
            raise Enough

    trainer = Trainer(tell=lambda line: None)
    start = {part: each.tensors for part, each in trainer.start(training, seed).items()}
    with suppress(Enough):
        fit(replace(training, data=data), seed, watch=watch, start=start)
    return losses


def differences(data: Any, evidence: Evidence | None) -> list[str]:
    """In what a test's data and evidence do not belong together."""
    if evidence is None:
        return ["the record has no such test"]
    if len(data) != len(evidence):
        return [f"{len(data)} items, the record has {len(evidence)}"]
    group = getattr(data, "group", None)
    wrong = [] if evidence.group is None or tuple(group or ()) == evidence.group else ["other groups"]
    if isinstance(data, Benchmark) and isinstance(evidence, Ranks):
        relevant = np.array([len(each) for each in data.relevant])
        ranked = np.array([data.ranked(i) for i in range(len(data))])
        # one number stands for all queries where a record keeps the smallest gallery alone
        same = np.array_equal(ranked, evidence.gallery) or set(evidence.gallery.tolist()) == {int(ranked.min())}
        wrong += [] if np.array_equal(relevant, np.diff(evidence.offsets)) else ["other relevant items"]
        wrong += [] if same else ["galleries of other sizes"]
    return wrong


def same_ranks(test: Test, model: torch.nn.Module, data: Benchmark, evidence: Ranks) -> tuple[int, int]:
    """Of a sample of queries, how many have the recorded ranks, and how many were asked."""
    rows = np.unique(np.linspace(0, len(data) - 1, SAMPLE).astype(int)).tolist()
    now, before = evaluate(test, model, data.take(rows)), evidence.take(rows)
    same = [np.array_equal(now.mid[a:b], before.mid[a:b]) for a, b in zip(now.offsets, now.offsets[1:], strict=False)]
    return sum(same), len(rows)
