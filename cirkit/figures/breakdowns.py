"""Subsets: a table taken apart, by the category of a question and by the kinds of words it is asked in.

MAAF, Tables 2, 5 and S1 to S3 (three categories) and Table S4 (kinds of modifier, supplement S2).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler

from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.measures import Measure, Recall
from cirkit.experiments import records
from cirkit.experiments.bootstrap import Interval, estimate, of_run
from cirkit.figures.phrases import NOT_RUN, percent, provenance
from cirkit.figures.reported import lines_of, rows_of
from cirkit.figures.tables import styled

AT = " R@10 (R@50)"  # how the paper heads a column of a category


def by_category(paper: str, table: str, scale: str) -> Styler:
    """R@10 and, in brackets, R@50 of each category, as printed and as our seeds' mean; one line per row of a table.

    Table 5's mean over categories is left out: it follows from the others.
    """
    rows = {label: (e, records.done(e)) for label, e in rows_of(paper, table, scale).items()}
    printed = {(line["measure"], line["ours"]): line["as_printed"] for line in lines_of(paper, table)}
    names = [measure for measure, _ in printed if measure.endswith(AT) and measure != f"mean{AT}"]
    names += [f"{one}{AT}" for e, runs in rows.values() if runs for one in _ranks(e, runs[0]).group or ()]
    out = []
    for label, (experiment, runs) in rows.items():
        line = {"method": label}
        for name in dict.fromkeys(names):
            if any(name == measure for measure, _ in printed):
                line[f"{name}, printed"] = printed.get((name, label), "")
            line[f"{name}, ours"] = _pair(experiment, runs, name.removesuffix(AT)) if runs else NOT_RUN
        out.append(line | {"ours: basis · scale · seeds": provenance(experiment.basis, experiment.scale, len(runs))})
    return styled(pd.DataFrame(out or [{"method": "no experiment"}]))


def _pair(experiment: Any, runs: Sequence[records.Record], category: str) -> str:
    group = _ranks(experiment, runs[0]).group or ()
    mine = only(experiment, runs, [row for row, one in enumerate(group) if one == category])
    if not mine:
        return "no such queries"
    test = next(iter(experiment.tests))
    means = [100 * float(np.mean([of_run(run, test, Recall(k)) for run in mine])) for k in (10, 50)]
    return "{:.1f} ({:.1f})".format(*means)


def by_kind(
    paper: str, table: str, scale: str, measure: Measure, kinds: Callable[[str], Sequence[str]], of: Sequence[str]
) -> Styler:
    """A measure over all queries, then over those of each kind in `of`: as printed, and ours with 95 % intervals.

    `kinds` names the kinds of a query's text, of which there may be several. Records do not keep texts: they come from
    the test, whose world is drawn if need be. The lead is that of the first row over the last, in percent of the
    first row's own score, as the paper's Table S4 counts it.
    """
    ours = {label: (e, records.done(e)) for label, e in rows_of(paper, table, scale).items()}
    texts = next((next(iter(e.tests.values())).data().query.text for e, runs in ours.values() if runs), [])
    titles = {
        label: f"{label}, ours, % ({provenance(e.basis, e.scale, len(runs))})" for label, (e, runs) in ours.items()
    }
    said = [("all", *kinds(text)) for text in texts]
    out = []
    for kind in ("all", *of):
        rows = [number for number, mine in enumerate(said) if kind in mine]
        found = {label: _level(e, only(e, runs, rows), measure) for label, (e, runs) in ours.items()}
        printed = [line for line in lines_of(paper, table) if line["measure"] == kind]
        out.append(
            {"kind of word": kind}
            | {f"{line['row']}, printed": line["as_printed"] for line in printed}
            | {"N, ours": str(len(rows)) if said else NOT_RUN}
            | {titles[label]: percent(one) if one else NOT_RUN for label, one in found.items()}
            | {"lead, ours, %": _lead(list(found.values()))}
        )
    return styled(pd.DataFrame(out))


def only(experiment: Any, runs: Sequence[records.Record], rows: Sequence[int]) -> list[records.Record]:
    """The runs as if their first test had asked these queries alone; none if there are no such queries."""
    if not rows:
        return []
    test = next(iter(experiment.tests))
    return [replace(run, ranks={test: run.ranks[test].take(rows)}) for run in runs]


def _ranks(experiment: Any, run: records.Record) -> Ranks:
    return run.ranks[next(iter(experiment.tests))]


def _level(experiment: Any, runs: Sequence[records.Record], measure: Measure) -> Interval | None:
    return estimate(runs, next(iter(experiment.tests)), measure) if runs else None


def _lead(levels: Sequence[Interval | None]) -> str:
    if len(levels) < 2 or levels[0] is None or levels[-1] is None or not levels[0].mean:
        return NOT_RUN
    return f"{100 * (levels[0].mean - levels[-1].mean) / levels[0].mean:+.1f}"
