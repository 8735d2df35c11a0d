"""Breakdowns: a table taken apart, by the category or group of a query and by the kinds of words in its text.

MAAF, Tables 2, 5 and S1 to S3 (three categories) and Table S4 (kinds of modifier, supplement S2).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from cirkit.evaluators.evidence import chance as at_chance
from cirkit.evaluators.measures import Recall
from cirkit.examples import at_seed
from cirkit.experiments import records, registry
from cirkit.experiments.bootstrap import Interval, estimate, overall
from cirkit.experiments.experiment import Column
from cirkit.experiments.page import Page
from cirkit.figures.display import Display, stamp, waiting
from cirkit.figures.phrases import NOT_RUN, aligned, with_interval
from cirkit.figures.reported import lines_of, rows_of
from cirkit.figures.tables import METHOD, NOTHING, OURS, REPORTED, columns_of, styled

AT = " R@10 (R@50)"  # how the paper heads a column of a category
KIND = ("", "kind of word")


def by_category(page: Page, table: str, number: str) -> Display:
    """R@10 and, in brackets, R@50 of each category, the mean over our seeds, and as reported; a line per row.

    Table 5's mean over categories is left out: it follows from the others.
    """
    rows, test = rows_of(page, table), registry.columns(page.paper, table)[0].test
    runs = {label: records.done(each) for label, each in rows.items()}
    first = next((found[0] for found in runs.values() if found), None)
    if first is None:
        return waiting(page, number)
    theirs: dict[str, dict[str, str]] = {}
    for line in lines_of(page.paper, table):
        if line["measure"].endswith(AT) and line["measure"] != f"mean{AT}":
            theirs.setdefault(line["measure"].removesuffix(AT), {})[line["ours"]] = line["as_printed"]
    cells = {METHOD: list(rows)}
    for name in dict.fromkeys([*theirs, *(first.evidence[test].group or ())]):
        cells[OURS, name] = aligned([_pair(found, test, name) for found in runs.values()])
    for name, values in theirs.items():
        cells[REPORTED, name] = aligned([values.get(label, NOTHING) for label in rows])
    caption = "R@10 and, in brackets, R@50 by category, in percent; every category has a gallery of its own."
    caption = f"{caption} Ours: {stamp(list(rows.values()))}."
    return Display(styled(pd.DataFrame(cells)), number, caption, list(rows.values()))


def by_group(page: Page, table: str, number: str) -> Display:
    """Every column of a table by the group of a query, with 95 % intervals and what chance gives; of its first row."""
    columns, first = columns_of(page, table), next(iter(rows_of(page, table).values()))
    runs = records.done(first)
    if not runs:
        return waiting(page, number)
    evidence = {head: runs[0].evidence[column.test] for head, column in columns.items()}
    groups = list(dict.fromkeys(name for each in evidence.values() for name in each.group))
    cells: dict[tuple[str, str], list[str]] = {("", "group"): groups}
    for head, column in columns.items():
        rows = {name: [row for row, one in enumerate(evidence[head].group) if one == name] for name in groups}
        mine = {name: only(runs, column.test, [rows[name]] * len(runs)) for name in groups}
        levels = [_level(mine[name], column) for name in groups]
        floors = [
            overall(at_chance(evidence[head].take(rows[name])), column.measure) if rows[name] else None
            for name in groups
        ]
        cells[OURS, f"{head}, {column.measure.unit}"] = aligned(
            [
                NOTHING if level is None else f"{with_interval(level)} ({floor:.1f})"
                for level, floor in zip(levels, floors, strict=True)
            ]
        )
    caption = f"By the group of a query, with 95 % interval; in brackets what chance gives. {stamp([first])}."
    return Display(styled(pd.DataFrame(cells)), number, caption, [first])


def _pair(runs: Sequence[records.Record], test: str, category: str) -> str:
    if not runs:
        return NOT_RUN
    groups = [run.evidence[test].group or () for run in runs]
    mine = only(runs, test, [[row for row, one in enumerate(group) if one == category] for group in groups])
    if not mine:
        return "no such queries"
    means = [float(np.mean([overall(run.evidence[test], Recall(k)) for run in mine])) for k in (10, 50)]
    return "{:.1f} ({:.1f})".format(*means)


def by_kind(page: Page, table: str, kinds: Callable[[str], Sequence[str]], of: Sequence[str]) -> Display:
    """The table's column over all queries, then over those of each kind in `of`, with 95 % intervals; and as reported.

    `kinds` names the kinds of a query's text, of which there may be several. Records do not keep texts: they come from
    the test, whose world is published if need be. The lead is that of the first row over the last, in percent of the
    first row's own score, as the paper's Table S4 counts it.
    """
    rows, column = rows_of(page, table), registry.columns(page.paper, table)[0]
    runs = {label: records.done(each) for label, each in rows.items()}
    tested = next((rows[label].tests[column.test] for label, found in runs.items() if found), None)
    if tested is None:
        return waiting(page, table)
    each_seed = any(run.drawn_each_seed(column.test) for found in runs.values() for run in found)
    seeds = dict.fromkeys(run.seed if each_seed else 0 for found in runs.values() for run in found)
    labelled = {
        seed: [("all", *kinds(text)) for text in at_seed(tested.data, seed)().query.text] for seed in sorted(seeds)
    }
    chosen = {
        kind: {seed: [i for i, mine in enumerate(texts) if kind in mine] for seed, texts in labelled.items()}
        for kind in ("all", *of)
    }
    levels = {
        (kind, label): _level(only(found, column.test, [rows[run.seed if each_seed else 0] for run in found]), column)
        for kind, rows in chosen.items()
        for label, found in runs.items()
    }
    counts = [sum(map(len, rows.values())) for rows in chosen.values()]
    cells = {KIND: list(chosen), (OURS, "N"): [str(count) for count in counts]}
    for label in rows:
        each = [levels[kind, label] for kind in chosen]
        cells[OURS, f"{label}, %"] = aligned([with_interval(one) if one else NOT_RUN for one in each])
    cells[OURS, "lead, %"] = aligned([_lead([levels[kind, label] for label in rows]) for kind in chosen])
    theirs = {(line["row"], line["measure"]): line["as_printed"] for line in lines_of(page.paper, table)}
    for name in dict.fromkeys(row for row, _ in theirs):
        cells[REPORTED, name] = aligned([theirs.get((name, kind), NOTHING) for kind in chosen])
    caption = f"{column} by kind of word in the modification text, in percent, with 95 % interval; a text may be of "
    caption += f"several kinds. N: queries{' of all seeds' * each_seed}. Ours: {stamp(list(rows.values()))}."
    return Display(styled(pd.DataFrame(cells)), table, caption, list(rows.values()))


def only(runs: Sequence[records.Record], test: str, rows: Sequence[Sequence[int]]) -> list[records.Record]:
    """The runs as if their test had these queries alone, given run by run; those without any are left out."""
    some = [(run, mine) for run, mine in zip(runs, rows, strict=True) if mine]
    return [replace(run, evidence={test: run.evidence[test].take(mine)}) for run, mine in some]


def _level(runs: Sequence[records.Record], column: Column) -> Interval | None:
    return estimate(runs, column.test, column.measure) if runs else None


def _lead(levels: Sequence[Interval | None]) -> str:
    if len(levels) < 2 or levels[0] is None or levels[-1] is None or not levels[0].mean:
        return NOT_RUN
    return f"{100 * (levels[0].mean - levels[-1].mean) / levels[0].mean:+.1f}"
