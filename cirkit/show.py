"""Show: tables, figures and sentences from records, in one house style.

A number of a paper and a number of ours never share a column, and ours always say basis, scale and seeds.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import seaborn
from matplotlib import rc_context
from matplotlib.figure import Figure
from pandas.io.formats.style import Styler

from cirkit import papers, records
from cirkit.claims import Interval, level, of_run
from cirkit.errors import Problem
from cirkit.measures import AveragePrecision, Mean, Measure, Ranks, Recall, chance_recall

COLOURS = seaborn.color_palette("colorblind").as_hex()
VERDICTS = ("holds", "fails", "open", "untested")
NOT_RUN = "not run"
PRINTED = "printed in the paper (original data)"
STYLE = {
    **seaborn.axes_style("whitegrid"),
    **seaborn.plotting_context("notebook", font_scale=0.9),
    "figure.facecolor": "white",  # a light card on a dark page: every colour keeps its contrast
    "savefig.facecolor": "white",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid.axis": "x",
    "svg.hashsalt": "cirkit",  # the same figure, the same bytes
}


@dataclass(frozen=True)
class Said:
    """A computed phrase and what a reader may ask about it (shown as a tooltip)."""

    text: str
    about: str


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
    for experiment in papers.rows(paper, table, scale).values():
        if runs := records.done(experiment):
            return 100 * _chance(runs[0].ranks[next(iter(experiment.tests))], measure)
    return None


def _chance(ranks: Ranks, measure: Measure) -> float:
    if isinstance(measure, Mean):
        return float(np.mean([_chance(ranks, each) for each in measure.measures]))
    return chance_recall(ranks, measure.k)


def _rows(paper: str, table: str, scale: str, measure: Measure) -> list[tuple[str, str, str, str]]:
    ours = papers.rows(paper, table, scale)
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
            stamp = stamped(experiment.basis, experiment.scale, interval.seeds if interval else 0)
        out.append((row, printed.get(row, "not in the table"), shown, stamp))
    return out


def dots(paper: str, table: str, scale: str, measure: Measure) -> Figure:
    """Every seed a dot, the 95 % interval a line; one row per experiment. Nothing of the paper's is drawn."""
    found = [(label, e, records.done(e)) for label, e in rows_of(paper, table, scale).items()]
    with rc_context(STYLE):
        figure = Figure(figsize=(7, 0.9 + 0.42 * max(1, len(found))), layout="constrained")
        axes = figure.subplots()
        for y, (_, experiment, runs) in enumerate(found):
            if not runs:
                axes.annotate(NOT_RUN, (0.02, y), xycoords=("axes fraction", "data"), va="center", color="0.35")
                continue
            test = next(iter(experiment.tests))
            seeds = [100 * of_run(run, test, measure) for run in runs]
            interval = level(runs, test, measure)
            axes.plot([100 * interval.low, 100 * interval.high], [y, y], color=COLOURS[0], lw=3, alpha=0.45)
            axes.plot(seeds, [y] * len(seeds), "o", color=COLOURS[0], ms=5, mec="white", mew=0.6)
            axes.plot([100 * interval.middle], [y], "|", color="black", ms=13, mew=1.6)
        if (floor := chance(paper, table, scale, measure)) is not None:
            axes.axvline(floor, color="0.4", ls=":", lw=1.2)
            axes.annotate(" chance", (floor, -0.42), fontsize=8, color="0.3", va="center")
        axes.set_yticks(range(len(found)), [label for label, _, _ in found])
        axes.set_ylim(len(found) - 0.5, -0.65)
        axes.set_xlabel(f"{measure}, percent of queries ({', '.join(sorted({e.basis for _, e, _ in found}))}, {scale})")
    return figure


def loss_curves(paper: str, table: str, scale: str) -> Figure:
    """The training loss of every seed, one colour and line style per experiment."""
    found = [(label, records.done(e)) for label, e in rows_of(paper, table, scale).items()]
    dashes = ("-", "--", "-.", ":")
    with rc_context(STYLE | {"axes.grid.axis": "both"}):
        figure = Figure(figsize=(7, 3.6), layout="constrained")
        axes = figure.subplots()
        for number, (label, runs) in enumerate(found):
            for run in runs:
                steps, values = zip(*run.loss, strict=True)
                look = {"color": COLOURS[number % len(COLOURS)], "ls": dashes[number % len(dashes)], "lw": 1.2}
                axes.plot(steps, values, alpha=0.8, label=label if run is runs[0] else None, **look)
        axes.set_xlabel("training step")
        axes.set_ylabel("mean loss since the last point")
        if any(runs for _, runs in found):
            axes.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
        else:
            axes.annotate(NOT_RUN, (0.5, 0.5), xycoords="axes fraction", ha="center", color="0.35")
    return figure


def loss_curve(loss: Sequence[tuple[int, float]]) -> Figure:
    """The training loss of one run."""
    with rc_context(STYLE | {"axes.grid.axis": "both"}):
        figure = Figure(figsize=(7, 3), layout="constrained")
        axes = figure.subplots()
        axes.plot(*zip(*loss, strict=True), color=COLOURS[0])
        axes.set_xlabel("training step")
        axes.set_ylabel("mean loss since the last point")
    return figure


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
            "our number": "" if row["middle"] is None else measured_row(row),
            "basis · scale · seeds": "no record" if row["middle"] is None else stamped_row(row),
        }
        for row in papers.ledger(paper)
        if not where or row["where"] in where
    ]
    return styled(pd.DataFrame(rows or [{"claim": "none declared"}]))


def verdicts(paper: str | None = None) -> dict[str, int]:
    """How many claims hold, fail, are open, are untested."""
    found = [row["verdict"] for row in papers.ledger(paper)]
    return {verdict: found.count(verdict) for verdict in VERDICTS}


def claim(name: str) -> Said:
    """A claim's verdict with the interval, basis, scale and seeds. Raises Problem for an unknown claim."""
    row = next((row for row in papers.ledger() if row["id"] == name), None)
    if row is None:
        known = ", ".join(row["id"] for row in papers.ledger())
        raise Problem(f"There is no claim {name!r}. Choose one of: {known}.")
    about = f"{row['paper']}, {row['where']}: {row['says']} Printed: {row['reported']}."
    if row["middle"] is None:
        return Said("untested (no record yet)", about)
    return Said(f"{row['verdict']} ({measured_row(row)}; {stamped_row(row)})", about)


def result(key: str) -> Said:
    """`maaf/tirg R@1`, or with a scale `maaf/tirg R@1 gpu`: our number with interval, basis, scale and seeds.

    'not run yet' when the experiment is declared but has no record. Raises Problem when it is not declared.
    """
    words = key.split()
    if len(words) not in (2, 3):
        raise Problem(f"{key!r} is no result. Write: experiment measure [scale], such as maaf/tirg R@1 cpu.")
    experiment = papers.experiment(words[0], words[2] if len(words) == 3 else "cpu")
    measure = measure_of(words[1])
    interval = measured(experiment, measure)
    about = f"{experiment.name}: {measure} on {next(iter(experiment.tests))}"
    if interval is None:
        return Said(f"not run yet ({experiment.basis} · {experiment.scale})", about)
    stamp = stamped(experiment.basis, experiment.scale, interval.seeds)
    return Said(f"{percent(interval)} % ({stamp})", f"{about}; 95 % interval over seeds and queries")


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


def measured(experiment: Any, measure: Measure) -> Interval | None:
    """The level of a measure on the experiment's first test, or None without a record of today's declaration."""
    runs = records.done(experiment)
    return level(runs, next(iter(experiment.tests)), measure) if runs else None


def reported(paper: str, table: str, measure: Measure) -> list[dict[str, str]]:
    """The numbers a paper prints in a table, as printed, from data/reported/<paper>.csv."""
    return [line for line in lines_of(paper, table) if line["measure"] == str(measure)]


def lines_of(paper: str, table: str) -> list[dict[str, str]]:
    """All lines of a table, whatever they measure."""
    path = records.ROOT / "data" / "reported" / f"{paper}.csv"
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [line for line in csv.DictReader(file) if line["table"] == table]


def rows_of(paper: str, table: str, scale: str) -> dict[str, Any]:
    """The experiments that a table shows, by label, in the order in which the paper prints them; our own come last."""
    declared = papers.rows(paper, table, scale)
    order = dict.fromkeys(line["ours"] for line in lines_of(paper, table) if line["ours"] in declared)
    return {label: declared[label] for label in (*order, *declared)}


def record_states() -> list[dict[str, str]]:
    """One row per experiment with records: how many seeds, how long, where, and whether today's code is theirs."""
    rows = []
    for experiment in papers.experiments():
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


def percent(interval: Interval) -> str:
    """`61.3 [58.9, 63.5]` from fractions."""
    return f"{100 * interval.middle:.1f} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def measured_row(row: dict[str, Any]) -> str:
    """`+4.2 [+1.0, +7.3] points` from a ledger row; in another unit, `+0.42 [+0.10, +0.73] of an even look`."""
    factor, digits = (100, 1) if row["unit"] == "points" else (1, 2)
    middle, low, high = (f"{factor * row[key]:+.{digits}f}" for key in ("middle", "low", "high"))
    return f"{middle} [{low}, {high}] {row['unit']}"


def stamped(basis: str, scale: str, seeds: int) -> str:
    """`world · cpu · 5 seeds`, what every number of ours carries."""
    return f"{basis} · {scale} · {seeds} seed{'' if seeds == 1 else 's'}"


def stamped_row(row: dict[str, Any]) -> str:
    """The stamp of a ledger row."""
    return stamped(str(row["basis"]), str(row["scale"]), int(row["seeds"]))


def sharp_figures() -> None:
    """Ask a notebook, if we are in one, to draw figures as SVG."""
    from IPython import get_ipython

    if get_ipython() is not None:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg")


sharp_figures()
