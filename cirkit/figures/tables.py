"""Tables: our numbers and, in columns of their own, those that a paper reports; what is known of the records.

A number of a paper and a number of ours never share a column, and the caption says data source, scale and seeds.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler

from cirkit.errors import Problem
from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.evidence import chance as at_chance
from cirkit.evaluators.measures import Measure
from cirkit.experiments import records, registry
from cirkit.experiments.bootstrap import gain, overall
from cirkit.experiments.confirmations import current
from cirkit.experiments.experiment import Column
from cirkit.experiments.page import Page
from cirkit.figures.display import Display, stamp, waiting
from cirkit.figures.phrases import NOT_RUN, aligned, measured, with_interval
from cirkit.figures.reported import lines_of, reported, rows_of
from cirkit.models.baselines import ImageOnly, TextOnly

METHOD = ("", "method")
OURS = "ours"
REPORTED = "reported in the paper (original data)"
NOTHING = "–"
ALIKE, UNFINISHED = "†", "‡"
NOTES = {
    ALIKE: "not told apart from it (the 95 % interval of the paired difference includes zero)",
    UNFINISHED: "not above image only (the interval of the difference includes zero, or lies below it): such a row has "
    "not finished learning",
}


def table(page: Page, table: str, says: str = "") -> Display:
    """A table of a paper: a line for each row, what we measured in each column and, apart from it, what it reports.

    Rows without an experiment and experiments without a reported number stay. In bold the best of each column; marks
    follow the rules in `NOTES`. `says` begins the caption.
    """
    ours, columns = rows_of(page, table), columns_of(page, table)
    theirs = {head: reported(page.paper, table, head) for head in columns}
    labels = list(dict.fromkeys([label for lines in theirs.values() for label in lines] + list(ours)))
    if not labels:
        raise Problem(f"There is no {table} of {page.paper!r}. See data/reported/{page.paper}.csv.")
    if not any(records.done(each) for each in ours.values()):
        return waiting(page, table)
    cells: dict[tuple[str, str], list[str]] = {METHOD: [*labels, "chance"]}
    best: dict[tuple[str, str], list[bool]] = {}
    for head, column in columns.items():
        name = OURS, f"{head}, {column.measure.unit}"
        cells[name], best[name] = _measured(labels, ours, column)
    for head, lines in theirs.items():
        if lines:
            name = REPORTED, f"{head}, {columns[head].measure.unit}"
            cells[name], best[name] = _reported(labels, lines, columns[head].measure)
    caption = f"{says} Mean over seeds and queries, with 95 % interval.".lstrip()
    caption += f" Ours: {stamp(list(ours.values()))}. In bold the best of a column"
    text = "".join(cell for name, column in cells.items() if name[0] == OURS for cell in column)
    caption += "".join(f"; {mark} {meaning}" for mark, meaning in NOTES.items() if mark in text) + "."
    names = {line["ours"]: line["row"] for line in lines_of(page.paper, table) if line["ours"] in ours}
    if renamed := [f"{label}: “{row}”" for label, row in names.items() if label != _plain(row)]:
        caption += f" Rows that the paper calls otherwise: {', '.join(renamed)}."
    return Display(styled(pd.DataFrame(cells), best), table, caption, list(ours.values()))


def _measured(labels: Sequence[str], rows: Mapping[str, Any], column: Column) -> tuple[list[str], list[bool]]:
    """Our cells of a column, chance last, and which of them is the best."""
    found = {label: interval for label, each in rows.items() if (interval := measured(each, column)) is not None}
    first = max(found, key=lambda label: _sign(column.measure) * found[label].mean, default=None)
    late = unfinished(rows, column)
    cells = []
    for label in labels:
        if label in found:
            alike = label != first and not _better(rows[first], rows[label], column)
            cells.append(f"{with_interval(found[label])} {ALIKE * alike}{UNFINISHED * (label in late)}".rstrip())
        else:
            cells.append(NOT_RUN if label in rows and column.test in rows[label].tests else NOTHING)
    floor = chance(rows, column)
    cells.append(NOTHING if floor is None else f"{floor:.1f}" if floor >= 0.05 else f"{floor:.1g}")
    return aligned(cells), [*(label == first for label in labels), False]


def _reported(labels: Sequence[str], lines: Mapping[str, str], measure: Measure) -> tuple[list[str], list[bool]]:
    """A paper's cells of a column, none for chance, and which of them is the best."""
    cells = [lines.get(label, NOTHING) for label in labels]
    levels = [
        _sign(measure) * float(found[0]) if (found := re.findall(r"^[\d.]+", cell)) else -np.inf for cell in cells
    ]
    return [*aligned(cells), ""], [*(level == max(levels) for level in levels), False]


def columns_of(page: Page, table: str) -> dict[str, Column]:
    """What a table shows, by its heading, in the order of the paper; what it does not report comes last.

    A heading is the measure, after the test's name where the table has several tests.
    """
    order = list(dict.fromkeys(line["measure"] for line in lines_of(page.paper, table)))
    columns = registry.columns(page.paper, table)
    several = len({column.test for column in columns}) > 1
    heads = {f"{column.test} {column}" if several else str(column): column for column in columns}
    return {head: heads[head] for head in sorted(heads, key=lambda head: (*order, head).index(head))}


def _plain(row: str) -> str:
    """A reported row's name without what follows it: `FiLM [37]` is FiLM."""
    return re.sub(r"\s*(\[\d+\]|\(ours\))$", "", row, flags=re.IGNORECASE)


def unfinished(rows: Mapping[str, Any], column: Column) -> list[str]:
    """The rows of a table that are not above its image-only row: the difference's interval does not clear zero.

    Baselines of one modality are none of them, nor are rows without a record; empty without an image-only row.
    """
    runs = {label: each for label, each in rows.items() if column.test in each.tests and records.done(each)}
    floor = next((each for each in runs.values() if kind(each) is ImageOnly), None)
    learners = {label: each for label, each in runs.items() if kind(each) not in (ImageOnly, TextOnly)}
    return [] if floor is None else [label for label, each in learners.items() if not _better(each, floor, column)]


def _better(a: Any, b: Any, column: Column) -> bool:
    """Whether the interval of the paired difference says that a is better; where the rows' own do not meet, it does."""
    one, other = measured(a, column), measured(b, column)
    if _sign(column.measure) > 0:
        return one.low > other.high or gain(records.done(a), records.done(b), column.test, column.measure).low > 0
    return one.high < other.low or gain(records.done(a), records.done(b), column.test, column.measure).high < 0


def _sign(measure: Measure) -> int:
    return 1 if measure.higher_is_better else -1


def kind(experiment: Any) -> Any:
    """The class of the model that a row trains."""
    factory = experiment.training.model
    return getattr(factory, "func", factory)


def chance(rows: Mapping[str, Any], column: Column) -> float | None:
    """What a model that scores everything alike would get, in the measure's unit; None without ranks of a record.

    The mean over the seeds of the first row that has records, since seeds may differ in their galleries.
    """
    for experiment in rows.values():
        ranks = [run.evidence.get(column.test) for run in records.done(experiment)]
        if ranks and all(isinstance(one, Ranks) for one in ranks):
            return float(np.mean([overall(at_chance(one), column.measure) for one in ranks]))
    return None


def verdicts(paper: str | None = None) -> dict[str, int]:
    """How many claims hold, fail, are open, are untested."""
    found = [row["verdict"] for row in registry.ledger(paper)]
    return {verdict: found.count(verdict) for verdict in ("holds", "fails", "open", "untested")}


def record_states() -> list[dict[str, str]]:
    """One row per experiment with records: how many seeds, how long, where, and whether today's code is theirs."""
    rows = []
    for experiment in registry.experiments():
        runs = records.done(experiment)
        if not runs:
            continue
        old = sum(not current(experiment.code, run) for run in runs)
        rows.append(
            {
                "experiment": experiment.name,
                "data source · scale": f"{experiment.basis} · {experiment.scale}",
                "seeds": f"{len(runs)} of {len(experiment.seeds)}",
                "minutes a seed": f"{np.mean([sum(run.seconds.values()) for run in runs]) / 60:.1f}",
                "ran on": ", ".join(sorted({run.where["device"] for run in runs})),
                "commit": ", ".join(sorted({str(run.where.get("commit"))[:7] for run in runs})),
                "code since then": "unchanged" if not old else f"changed for {old} of {len(runs)}",
            }
        )
    return rows


def styled(frame: pd.DataFrame, best: Mapping[tuple[str, str], Sequence[bool]] = {}) -> Styler:
    """A table that stays readable on a dark page (its class does that) and escapes what it holds.

    `best` says which cells of a column of numbers are bold.
    """
    frame = frame.copy()
    if all(isinstance(name, tuple) for name in frame.columns):
        frame.columns = pd.MultiIndex.from_tuples(frame.columns)
    classes = pd.DataFrame("", index=frame.index, columns=frame.columns)
    for name in frame.columns:
        kinds = {OURS: "number", REPORTED: "number reported"}.get(name[0], "")
        classes[name] = [f"{kinds} best" if one else kinds for one in best.get(name, [False] * len(frame))]
    look = frame.style.hide(axis="index").format(escape="html", na_rep="").set_td_classes(classes)
    look = look.set_table_attributes('class="dataframe cirkit-table"')
    return look.set_table_styles([], overwrite=True).set_properties(**{"text-align": "left"})
