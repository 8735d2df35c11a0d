"""Phrases: a number or a verdict as words, always with data source, scale and seeds."""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cirkit.errors import Problem
from cirkit.evaluators.measures import AveragePrecision, Mean, Measure, Recall
from cirkit.experiments import records, registry
from cirkit.experiments.bootstrap import LEVEL, Interval, estimate
from cirkit.experiments.experiment import Column
from cirkit.experiments.many import stands_alone

NOT_RUN = "not run"
ALONE = "ᵃ"  # after a verdict: a letter, so that no colour is needed to see it
FIGURE_SPACE = "\u2007"  # as wide as a digit
SOURCES = {
    "world": "synthetic data in the official format (world)",
    "photos": "photos under CC0 (photos)",
    "original": "the original data (original)",
}


@dataclass(frozen=True)
class Phrase:
    """A computed phrase and what a reader may ask about it (shown as a tooltip)."""

    text: str
    about: str


def claim(name: str) -> Phrase:
    """A claim's verdict with the interval, data source, scale and seeds. Raises Problem for an unknown claim."""
    row = next((row for row in registry.ledger() if row["id"] == name), None)
    if row is None:
        known = ", ".join(row["id"] for row in registry.ledger())
        raise Problem(f"There is no claim {name!r}. Choose one of: {known}.")
    return verdict(row)


def verdict(row: dict[str, Any]) -> Phrase:
    """A ledger row's verdict with the interval, data source, scale and seeds."""
    about = f"{row['paper']}, {row['where']}: {row['says']} Reported: {row['reported']}."
    if row["mean"] is None:
        return Phrase("untested (no record yet)", about)
    mark = ALONE if stands_alone(row) else ""
    return Phrase(f"{row['verdict']}{mark} ({measured_row(row)}; {row_provenance(row)})", about)


def alone_meaning(rows: Sequence[Mapping[str, Any]]) -> str:
    """What the letter on a verdict means; empty where none of the rows has one."""
    if not any(stands_alone(row) for row in rows):
        return ""
    level = f"{LEVEL:.0%}".replace("%", " %")
    return f"{ALONE} stands alone: would not survive correction for many claims (Holm-adjusted p above {level})"


def p_values(row: Mapping[str, Any]) -> str:
    """`p 0.002; Holm 0.097; BH 0.009` from a ledger row; empty where it has none."""
    if row["p"] is None:
        return ""
    found = [("p", row["p"]), ("Holm", row["holm"]), ("BH", row["bh"])]
    return "; ".join(f"{name} {'< 0.001' if p < 0.001 else f'{p:.3f}'}" for name, p in found)


def result(key: str) -> Phrase:
    """`maaf/tirg R@1`, or with a scale `maaf/tirg R@1 gpu`: our number with interval, data source, scale and seeds.

    An experiment with several tests takes `test:measure`. 'not run yet' when the experiment is configured but has no
    record. Raises Problem when it is not configured.
    """
    words = key.split()
    if len(words) not in (2, 3):
        raise Problem(f"{key!r} is no result. Write: experiment measure [scale], such as maaf/tirg R@1 cpu.")
    experiment = registry.experiment(words[0], words[2] if len(words) == 3 else "cpu")
    *test, name = words[1].split(":")
    if (not test and len(experiment.tests) > 1) or not set(test) <= set(experiment.tests):
        tests = ", ".join(f"{each}:{name}" for each in experiment.tests)
        raise Problem(f"{words[0]} has several tests. Write one of: {tests}.")
    column = Column(test[0] if test else next(iter(experiment.tests)), measure_of(name))
    interval = measured(experiment, column)
    about = f"{experiment.name}: {column.measure} on {column.test}"
    if interval is None:
        return Phrase(f"not run yet ({experiment.basis} · {experiment.scale})", about)
    stamp = provenance(experiment.basis, experiment.scale, interval.seeds)
    return Phrase(
        f"{with_interval(interval)} {column.measure.unit} ({stamp})", f"{about}; 95 % interval over seeds and queries"
    )


def measure_of(name: str) -> Measure:
    """The measure that prints as `name`: R@10, mAP@5, or their mean: (R@10+R@50)/2."""
    name = name.replace(" ", "")
    if name.startswith("("):
        parts, _, count = name[1:].partition(")/")
        mean = Mean(tuple(measure_of(part) for part in parts.split("+")))
        if count != str(len(mean.measures)):
            raise Problem(f"{name!r} is no mean of its measures. Write (R@10+R@50)/2.")
        return mean
    kind, _, k = name.partition("@")
    kinds = {"R": Recall, "mAP": AveragePrecision}
    if kind not in kinds or not k.isdecimal() or int(k) < 1:
        raise Problem(f"There is no measure {name!r}. Write R@k or mAP@k with a whole k from 1.")
    return kinds[kind](int(k))


def measured(experiment: Any, column: Column) -> Interval | None:
    """The estimate of a column, or None without its test or a record of today's configuration."""
    runs = records.done(experiment) if column.test in experiment.tests else []
    return estimate(runs, column.test, column.measure) if runs else None


def with_interval(interval: Interval) -> str:
    """`61.3 [58.9, 63.5]`."""
    return f"{interval.mean:.1f} [{interval.low:.1f}, {interval.high:.1f}]"


def aligned(cells: Sequence[str]) -> list[str]:
    """Cells of one column, padded so that the decimal points of their first, second, … numbers stand in line."""
    numbers = [[len(number) for number in re.findall(r"(\d+)(?:\.\d+)?", cell)] for cell in cells]
    widths = [max(lengths) for lengths in itertools.zip_longest(*numbers, fillvalue=0)] if any(numbers) else []

    def pad(cell: str) -> str:
        width = iter(widths)
        return re.sub(r"(\d+)(?:\.\d+)?", lambda n: FIGURE_SPACE * (next(width) - len(n[1])) + n[0], cell)

    return [pad(cell) for cell in cells]


def measured_row(row: dict[str, Any]) -> str:
    """`+4.2 [+1.0, +7.3] points` from a ledger row; in another unit, `+0.42 [+0.10, +0.73] × uniform`."""
    digits = 1 if row["unit"] == "points" else 2
    mean, low, high = (f"{row[key]:+.{digits}f}" for key in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}] {row['unit']}"


def provenance(basis: str, scale: str, seeds: int) -> str:
    """`world · cpu · 5 seeds`, what every number of ours carries."""
    return f"{basis} · {scale} · {seeds} seed{'' if seeds == 1 else 's'}"


def row_provenance(row: dict[str, Any]) -> str:
    """The provenance of a ledger row."""
    return provenance(str(row["basis"]), str(row["scale"]), int(row["seeds"]))


def data_source(bases: Sequence[str]) -> str:
    """The data behind records, in words."""
    return "; ".join(SOURCES[basis] for basis in bases)
