"""Make exhibits of finished runs from the weights they left, without training again.

For exhibits that are declared after a run, or were lost; data/weights must still hold the checkpoint. A validation
curve is none of them: only a training gives it.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from cirkit.errors import Problem
from cirkit.examples import at_seed
from cirkit.experiments import artifacts, curves
from cirkit.experiments.artifacts import Exhibit
from cirkit.experiments.curves import Curve
from cirkit.experiments.experiment import Experiment
from cirkit.experiments.records import done
from cirkit.experiments.run import evaluate, record_lock, write_exhibit
from cirkit.experiments.trainings import load


def lacking(experiment: Experiment, seed: int) -> dict[Path, tuple[str, Exhibit]]:
    """The exhibits of a seed that are not there, or follow an older configuration of the run or of the exhibit."""
    kept = experiment.keeps(seed).items()
    return {path: (test, e) for path, (test, e) in kept if not artifacts.current(path, experiment.fingerprint, e)}


def exhibit(experiment: Experiment, seed: int, device: str = "cpu") -> list[Path]:
    """Make what a finished run lacks and its weights can give; returns the files written.

    Raises Problem where the run has no record that follows today's configuration, or no weights.
    """
    wanted = {path: kept for path, kept in lacking(experiment, seed).items() if not isinstance(kept[1], Curve)}
    if not wanted:
        return []
    again = f"Run `cirkit run {experiment.name} --scale {experiment.scale} --seed {seed}`."
    if seed not in {record.seed for record in done(experiment)}:
        raise Problem(f"{experiment.name} seed {seed} has no record of today's configuration. {again}")
    folder = experiment.weights(seed)
    if not (folder / "model.json").is_file():
        raise Problem(f"{experiment.name} seed {seed} has a record but no weights in {folder}. {again}")
    model = load(folder, experiment.training).to(device)
    data = functools.cache(lambda test: at_seed(experiment.tests[test].data, seed)())
    evidence = functools.cache(lambda test: evaluate(experiment.tests[test], model, data(test)))
    for path, (test, each) in wanted.items():
        write_exhibit(experiment, seed, path, each, model, test, data(test), functools.partial(evidence, test))
    return list(wanted)


def rows(experiments: Sequence[Experiment]) -> Iterator[dict[str, Any]]:
    """Every exhibit that a finished run should have, and whether it has it."""
    for experiment in experiments:
        for record in done(experiment):
            missing = lacking(experiment, record.seed)
            for path, (_, each) in experiment.keeps(record.seed).items():
                weights = (experiment.weights(record.seed) / "model.json").is_file()
                lost = "missing" if weights else "missing, no weights"
                lost = "missing, train again" if isinstance(each, Curve) else lost
                yield {
                    "name": experiment.name,
                    "scale": experiment.scale,
                    "seed": record.seed,
                    "exhibit": each.name or "top ten",
                    "state": lost if path in missing else "there",
                }


def missing(experiments: Sequence[Experiment], device: str = "cpu", tell: Callable[[str], None] = print) -> int:
    """Make every exhibit that can be made; returns how many. What cannot is said and stops no other."""
    written = 0
    for experiment in experiments:
        for record in done(experiment):
            absent = lacking(experiment, record.seed)
            if any(isinstance(each, Curve) for _, each in absent.values()):
                advice = curves.again(experiment.name, experiment.scale, record.seed)
                tell(f"{experiment.name} seed {record.seed}: a validation curve is seen only in training. {advice}")
            if all(isinstance(each, Curve) for _, each in absent.values()):
                continue
            with record_lock(experiment, record.seed) as mine:
                if not mine:
                    continue
                try:
                    paths = exhibit(experiment, record.seed, device)
                except Problem as problem:
                    tell(f"{experiment.name} seed {record.seed}: left out. {problem}")
                    continue
            written += len(paths)
            tell(f"{experiment.name} {experiment.scale} seed {record.seed}: {', '.join(path.name for path in paths)}")
    return written
