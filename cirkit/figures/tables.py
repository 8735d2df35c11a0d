"""Tables: reported numbers and ours side by side, claims, and what is known of the records.

A number of a paper and a number of ours never share a column, and ours always say data source, scale and seeds.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler

from cirkit.errors import Problem
from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.measures import Mean, Measure, Recall, chance_recall
from cirkit.experiments import records, registry
from cirkit.figures.phrases import NOT_RUN, measured, measured_row, percent, provenance, row_provenance
from cirkit.figures.reported import reported

VERDICTS = ("holds", "fails", "open", "untested")


PRINTED = "printed in the paper (original data)"


def table(paper: str, table: str, scale: str, measure: Measure) -> Styler:
    """One table of a paper: each row as the paper prints it, and as our records say, side by side.

    Rows without an experiment and experiments without a printed number stay, marked so. Numbers are percentages.
    """
    rows = [
        {
            "method": row,
            PRINTED: printed,
            f"ours: {measure}, %": ours,
            "ours: basis · scale · seeds": stamp,
        }
        for row, printed, ours, stamp in _rows(paper, table, scale, measure)
    ]
    if (floor := chance(paper, table, scale, measure)) is not None:
        rows.append(dict.fromkeys(rows[0], "") | {"method": "a random order", f"ours: {measure}, %": f"{floor:.1f}"})
    frame = pd.DataFrame(rows)
    return styled(frame if reported(paper, table, measure) else frame.drop(columns=PRINTED))


def chance(paper: str, table: str, scale: str, measure: Measure) -> float | None:
    """The percentage that a random order of the gallery would score; None without a record, or for another measure."""
    if not isinstance(measure, Recall | Mean):
        return None
    for experiment in registry.rows(paper, table, scale).values():
        if runs := records.done(experiment):
            return 100 * _chance(runs[0].ranks[next(iter(experiment.tests))], measure)
    return None


def _chance(ranks: Ranks, measure: Measure) -> float:
    if isinstance(measure, Mean):
        return float(np.mean([_chance(ranks, each) for each in measure.measures]))
    return chance_recall(ranks, measure.k)


def _rows(paper: str, table: str, scale: str, measure: Measure) -> list[tuple[str, str, str, str]]:
    ours = registry.rows(paper, table, scale)
    printed = {}
    for line in reported(paper, table, measure):
        name = line["ours"] or line["row"]
        printed[name] = line["as_printed"] if name == line["row"] else f"{line['as_printed']} (as “{line['row']}”)"
    if not printed and not ours:
        raise Problem(f"There is no {table} of {paper!r} with {measure}. See data/reported/{paper}.csv.")
    out = []
    for row in dict.fromkeys([*printed, *ours]):
        shown, stamp = "no experiment", ""
        if row in ours:
            experiment = ours[row]
            interval = measured(experiment, measure)
            shown = NOT_RUN if interval is None else percent(interval)
            stamp = provenance(experiment.basis, experiment.scale, interval.seeds if interval else 0)
        out.append((row, printed.get(row, "not in the table"), shown, stamp))
    return out


def ledger_table(paper: str | None = None, where: Sequence[str] = ()) -> Styler:
    """Every claim with its verdict, the number behind it, and the basis, scale and seeds it rests on.

    `where` keeps the claims of some places of the paper, such as ("Table 2",).
    """
    rows = [
        {
            "claim": row["id"],
            "where": row["where"],
            "says (our words)": row["says"],
            PRINTED: row["reported"],
            "verdict": row["verdict"],
            "our number": "" if row["mean"] is None else measured_row(row),
            "basis · scale · seeds": "no record" if row["mean"] is None else row_provenance(row),
        }
        for row in registry.ledger(paper)
        if not where or row["where"] in where
    ]
    return styled(pd.DataFrame(rows or [{"claim": "none declared"}]))


def verdicts(paper: str | None = None) -> dict[str, int]:
    """How many claims hold, fail, are open, are untested."""
    found = [row["verdict"] for row in registry.ledger(paper)]
    return {verdict: found.count(verdict) for verdict in VERDICTS}


def record_states() -> list[dict[str, str]]:
    """One row per experiment with records: how many seeds, how long, where, and whether today's code is theirs."""
    rows = []
    for experiment in registry.experiments():
        runs = records.done(experiment)
        if not runs:
            continue
        old = sum(run.code != experiment.code for run in runs)
        rows.append(
            {
                "experiment": experiment.name,
                "basis · scale": f"{experiment.basis} · {experiment.scale}",
                "seeds": f"{len(runs)} of {len(experiment.seeds)}",
                "minutes a seed": f"{np.mean([sum(run.seconds.values()) for run in runs]) / 60:.1f}",
                "ran on": ", ".join(sorted({run.where["device"] for run in runs})),
                "commit": ", ".join(sorted({str(run.where.get("commit"))[:7] for run in runs})),
                "code since then": "unchanged" if not old else f"changed for {old} of {len(runs)}",
            }
        )
    return rows


def styled(frame: pd.DataFrame) -> Styler:
    """A table that stays readable on a dark page (its class does that) and escapes what it holds."""
    look = frame.style.hide(axis="index").format(escape="html", na_rep="")
    look = look.set_table_attributes('class="dataframe cirkit-table"')
    return look.set_table_styles([], overwrite=True).set_properties(**{"text-align": "left"})
