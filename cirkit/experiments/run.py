"""Run an experiment: its training, its tests, and what they leave; or all runs that are missing.

The record is written before the exhibits, so nothing that fails after the tests costs a finished run.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cirkit.errors import Problem
from cirkit.evaluators.evidence import Evidence
from cirkit.examples import at_seed
from cirkit.experiments import artifacts, curves
from cirkit.experiments.artifacts import Exhibit
from cirkit.experiments.curves import Curve
from cirkit.experiments.environment import environment
from cirkit.experiments.experiment import Experiment, Test, code_of
from cirkit.experiments.locks import lock
from cirkit.experiments.records import Record, done, of_seed, write
from cirkit.experiments.trainings import Busy, Outcome, Trainer
from cirkit.files import write_atomically
from cirkit.training import distributed

FAILURES = (Problem, ValueError, ArithmeticError, OSError, torch.OutOfMemoryError)  # of one row, not of the program


@dataclass(frozen=True)
class RunResult:
    """What a run computes before anything is written: the record, the model, and the data of its tests."""

    record: Record
    model: nn.Module
    data: dict[str, Any]


def run(experiment: Experiment, seed: int, trainer: Trainer | None = None) -> Record | None:
    """Train what is missing, test, and write the record, then the exhibits.

    Of several processes that train together (`torchrun`) the first alone tests and writes; the others return None. A
    validation curve is written where this run trained the weights; where they were there already, that is told.
    """
    trainer, looks = trainer or Trainer(local=experiment.local), curves.looks_of(experiment, seed)
    with distributed.joined(trainer.device):
        outcome = trainer(experiment.training, seed, looks)
        if distributed.rank():
            return None
    result = test(experiment, seed, outcome, trainer.device)
    write(result.record, experiment.path(seed))
    for path, (name, exhibit) in experiment.keeps(seed).items():
        if not isinstance(exhibit, Curve):
            evidence = partial(result.record.evidence.get, name)
            write_exhibit(experiment, seed, path, exhibit, result.model, name, result.data[name], evidence)
    if looks is not None:
        curves.write(experiment, seed, looks, trainer.tell)
    return result.record


def run_named(experiment: Experiment, seed: int, trainer: Trainer, again: bool = False) -> Record | None:
    """Run one seed that was asked for by name; a record of today's configuration is replaced only `again`.

    Raises Problem for a seed that is not declared, a finished one, and one that another process runs.
    """
    where = f"{experiment.name} {experiment.scale} seed {seed}"
    if seed not in experiment.seeds:
        wanted = ", ".join(map(str, experiment.seeds))
        raise Problem(f"{experiment.name} has no seed {seed} at scale {experiment.scale}. Use one of {wanted}.")
    if not again and experiment.path(seed).exists() and not lacks(experiment, seed):
        raise Problem(f"{where} has a record, {experiment.path(seed)}. Add --again to run it anew and replace that.")
    with (
        distributed.joined(trainer.device),
        nullcontext(True) if distributed.rank() else record_lock(experiment, seed) as mine,
    ):
        if not mine:
            raise Problem(f"{where} is being run by another process. Wait for it to end.")
        return run(experiment, seed, trainer)


def test(experiment: Experiment, seed: int, outcome: Outcome, device: str = "cpu") -> RunResult:
    """Test trained weights; nothing is written."""
    started, facts = time.perf_counter(), outcome.facts
    data = {name: at_seed(each.data, seed)() for name, each in experiment.tests.items()}
    evidence = {name: evaluate(each, outcome.model, data[name]) for name, each in experiment.tests.items()}
    here = environment(device)
    record = Record(
        name=experiment.name,
        paper=experiment.paper,
        scale=experiment.scale,
        basis=experiment.basis,
        local=experiment.local,
        seed=seed,
        fingerprint=experiment.fingerprint,
        code=code_of(facts.code, experiment.tests),
        declared=experiment.declared(),
        start={part: dict(origin) for part, origin in facts.start.items()},
        where={**facts.where, "peak_mb": max(here["peak_mb"], facts.where["peak_mb"]), "finished": here["finished"]},
        seconds={"train": facts.seconds, "test": round(time.perf_counter() - started, 2)},
        parameters=facts.parameters,
        trainable=facts.trainable,
        loss=facts.loss,
        evidence=evidence,
    )
    return RunResult(record, outcome.model, data)


def evaluate(test: Test, model: nn.Module, data: Any) -> Evidence:
    """What a test gives for a trained model on its data."""
    return test.evaluate(test.use(model), data)


def write_exhibit(
    experiment: Experiment,
    seed: int,
    path: Path,
    exhibit: Exhibit,
    model: nn.Module,
    test: str,
    data: Any,
    evidence: Callable[[], Evidence],
) -> None:
    """Make one exhibit of a trained model and write it, with whose it is. Raises Problem where it is too large."""
    content = exhibit(experiment.tests[test].use(model), data, evidence)
    write_atomically(path, artifacts.to_text(experiment.whose(seed, test, exhibit) | content))


def record_lock(experiment: Experiment, seed: int) -> Any:
    """The lock of one record, which also a run that is given by name takes."""
    kind = f"local/{experiment.fingerprint}" if experiment.local else "records"
    return lock(f"{kind}/{experiment.name}/{experiment.scale}-s{seed}")


@dataclass(frozen=True)
class Progress:
    """What `run_missing` did: records written, and rows that failed (a row that the budget left out did not)."""

    written: int = 0
    failed: int = 0


def run_missing(
    experiments: Sequence[Experiment],
    *,
    device: str = "cpu",
    budget: float | None = None,
    watch: Callable[[Experiment], Callable[[int, float], None]] | None = None,
    tell: Callable[[str], None] = print,
) -> Progress:
    """Write every record that is missing, seed by seed over all rows.

    A row that fails is told and the next goes on. Work that another process does is left to it; a row that needs
    weights which another process is training comes back at the end. `budget` in seconds: no run is started that,
    judged by its finished seeds, would end after it. `watch(experiment)` gives what is called at each training step.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise Problem("Several processes train one run together. Name it: `torchrun … -m cirkit run NAME`.")
    started, written, failed = time.monotonic(), 0, 0
    waiting: list[tuple[Experiment, int]] = []
    for experiment, seed, wait in _rounds(experiments, waiting):
        where = f"{experiment.name} {experiment.scale} seed {seed}"
        with record_lock(experiment, seed) as mine:
            try:
                if not mine or not lacks(experiment, seed):
                    continue
                if budget is not None and time.monotonic() - started + expected(experiment) > budget:
                    tell(f"{where}: left out, the budget is spent")
                    continue
                steps = None if watch is None else watch(experiment)
                trainer = Trainer(device=device, local=experiment.local, wait=wait, watch=steps, tell=tell)
                record = run(experiment, seed, trainer)
            except Busy:
                waiting.append((experiment, seed))
            except FAILURES as error:
                failed += 1
                tell(f"{where}: failed. {' '.join(str(error).split())}")
            else:
                written += 1
                tell(f"{where}: {sum(record.seconds.values()):.0f} s")
    return Progress(written, failed)


def _rounds(
    experiments: Sequence[Experiment], waiting: list[tuple[Experiment, int]]
) -> Iterator[tuple[Experiment, int, bool]]:
    """Every run, then those that were put off meanwhile, which then wait for whoever trains their weights."""
    for seed in sorted({seed for experiment in experiments for seed in experiment.seeds}):
        for experiment in experiments:
            if seed in experiment.seeds:
                yield experiment, seed, False
    for experiment, seed in tuple(waiting):
        yield experiment, seed, True


def lacks(experiment: Experiment, seed: int) -> bool:
    """Whether a seed has no record of today's configuration. Raises Problem where it has a damaged one."""
    record = of_seed(experiment, seed)
    return record is None or record.fingerprint != experiment.fingerprint


def expected(experiment: Experiment) -> float:
    """The seconds a run takes, judged by its finished seeds; 0 where there is none."""
    return max((sum(record.seconds.values()) for record in done(experiment)), default=0.0)
