"""Pilots: an experiment at other lengths, on seeds that are never reported, to see how long is long enough.

By rule one number of steps serves all rows of a benchmark: a further doubling moves no claimed measure by more than
`MOVE` points and no claimed difference by more than `CLAIM`. Their numbers lie in data/pilots.csv, in no table. Each
line has a hash of what ran but for the steps, so that a line of another setting is not taken for today's.
"""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cirkit.declare import fingerprint
from cirkit.errors import Problem
from cirkit.examples import at_seed
from cirkit.experiments import registry
from cirkit.experiments.bootstrap import overall
from cirkit.experiments.experiment import ROOT, Experiment
from cirkit.experiments.run import evaluate
from cirkit.experiments.trainings import Trainer
from cirkit.files import write_atomically

FIRST = 100  # the first seed of pilots
MOVE, CLAIM = 2.0, 1.0  # points
FIELDS = ("name", "scale", "seed", "setting", "steps", "measure", "value", "loss")
RUN = FIELDS[:6]  # what a line is known by
Line = dict[str, Any]


def setting(experiment: Experiment) -> str:
    """Sixteen hex digits of an experiment's training, but for the steps, and of its tests."""
    return fingerprint([replace(experiment.training, steps=1), dict(experiment.tests)])


def pilot(experiment: Experiment, seed: int, steps: int, trainer: Trainer) -> list[Line]:
    """The measures of an experiment's tables after so many steps; nothing is kept of it but what is returned.

    Raises Problem for a seed below 100, which would be one that is reported, and for steps of a row that takes none.
    """
    if seed < FIRST:
        raise Problem(f"Seed {seed} is for records. Pilot on seeds from {FIRST} on.")
    if steps and not experiment.training.steps:
        raise Problem(f"{experiment.name} learns nothing. Pilot it with --steps 0.")
    training = replace(experiment.training, steps=steps)
    outcome = replace(trainer, keep=False)(training, seed)
    head = {"name": experiment.name, "scale": experiment.scale, "seed": seed}
    head |= {"setting": setting(experiment), "steps": steps}
    loss = round(outcome.facts.loss[-1][1], 3) if steps else math.nan
    lines = []
    found = {name: evaluate(test, outcome.model, at_seed(test.data, seed)()) for name, test in experiment.tests.items()}
    head_test = registry.columns(experiment.paper, experiment.table)[0].test
    for table in (experiment.table, *(table for table, _ in experiment.also)):
        for column in (each for each in registry.columns(experiment.paper, table) if each.test in found):
            value = round(overall(found[column.test], column.measure), 1)
            measure = str(column) if column.test == head_test else f"{column.test}: {column}"
            lines.append(head | {"measure": measure, "value": value, "loss": loss})
    return lines


def path() -> Path:
    """data/pilots.csv of the repository."""
    return ROOT / "data" / "pilots.csv"


def read(file: Path | None = None) -> list[Line]:
    """All lines, numbers as numbers; none where there is no file."""
    file = file or path()
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8") as text:
        lines = list(csv.DictReader(text))
    kinds = {"seed": int, "steps": int, "value": float, "loss": float}
    return [{name: kinds.get(name, str)(line[name]) for name in FIELDS} for line in lines]


def add(lines: Sequence[Line], file: Path | None = None) -> None:
    """Write lines to the file, in place of older ones of the same run."""
    file = file or path()

    def run(line: Line) -> tuple[Any, ...]:
        return tuple(line[name] for name in RUN)

    known = {run(line): line for line in (*read(file), *lines)}
    out = io.StringIO()
    writer = csv.DictWriter(out, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(known[key] for key in sorted(known))
    write_atomically(file, out.getvalue())


def current(lines: Sequence[Line], experiments: Sequence[Experiment]) -> list[Line]:
    """Those lines whose setting is that of the experiment of their name and scale."""
    there = {(line["name"], line["scale"]) for line in lines}
    settings = {(each.name, each.scale): setting(each) for each in experiments if (each.name, each.scale) in there}
    return [line for line in lines if settings.get((line["name"], line["scale"])) == line["setting"]]


def doublings(lines: Sequence[Line]) -> list[Line]:
    """Where a pilot was also run twice as long: both values and by how much the measure moved, in points."""
    values = {tuple(line[name] for name in RUN): line["value"] for line in lines}
    out = []
    for key, value in sorted(values.items()):
        head = dict(zip(RUN, key, strict=True))
        twice = values.get(tuple((head | {"steps": 2 * head["steps"]}).values()))
        if twice is not None:
            out.append(head | {"value": value, "twice": twice, "moved": round(twice - value, 1)})
    return out
