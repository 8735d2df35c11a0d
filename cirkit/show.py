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
from jaxtyping import Int, UInt8
from matplotlib import rc_context
from matplotlib.figure import Figure
from pandas.io.formats.style import Styler
from torch import Tensor

from cirkit import papers, records
from cirkit.claims import Interval, level
from cirkit.errors import Problem
from cirkit.measures import AveragePrecision, Measure, Recall, chance_recall

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
    if not isinstance(measure, Recall):
        return None
    for experiment in papers.experiments(paper, scale):
        if experiment.table == table and (runs := records.done(experiment)):
            return 100 * chance_recall(runs[0].ranks[next(iter(experiment.tests))], measure.k)
    return None


def _rows(paper: str, table: str, scale: str, measure: Measure) -> list[tuple[str, str, str, str]]:
    ours = {e.row: e for e in papers.experiments(paper, scale) if e.table == table}
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
    found = [(e, records.done(e)) for e in papers.experiments(paper, scale) if e.table == table]
    with rc_context(STYLE):
        figure = Figure(figsize=(7, 0.9 + 0.42 * max(1, len(found))), layout="constrained")
        axes = figure.subplots()
        for y, (experiment, runs) in enumerate(found):
            if not runs:
                axes.annotate(NOT_RUN, (0.02, y), xycoords=("axes fraction", "data"), va="center", color="0.35")
                continue
            test = next(iter(experiment.tests))
            seeds = [100 * float(np.mean(measure(run.ranks[test]))) for run in runs]
            interval = level(runs, test, measure)
            axes.plot([100 * interval.low, 100 * interval.high], [y, y], color=COLOURS[0], lw=3, alpha=0.45)
            axes.plot(seeds, [y] * len(seeds), "o", color=COLOURS[0], ms=5, mec="white", mew=0.6)
            axes.plot([100 * interval.middle], [y], "|", color="black", ms=13, mew=1.6)
        if (floor := chance(paper, table, scale, measure)) is not None:
            axes.axvline(floor, color="0.4", ls=":", lw=1.2)
            axes.annotate(" chance", (floor, -0.42), fontsize=8, color="0.3", va="center")
        axes.set_yticks(range(len(found)), [experiment.row for experiment, _ in found])
        axes.set_ylim(len(found) - 0.5, -0.65)
        axes.set_xlabel(f"{measure}, percent of queries ({', '.join(sorted({e.basis for e, _ in found}))}, {scale})")
    return figure


def loss_curves(paper: str, table: str, scale: str) -> Figure:
    """The training loss of every seed, one colour and line style per experiment."""
    found = [(e, records.done(e)) for e in papers.experiments(paper, scale) if e.table == table]
    dashes = ("-", "--", "-.", ":")
    with rc_context(STYLE | {"axes.grid.axis": "both"}):
        figure = Figure(figsize=(7, 3.6), layout="constrained")
        axes = figure.subplots()
        for number, (experiment, runs) in enumerate(found):
            for run in runs:
                steps, values = zip(*run.loss, strict=True)
                look = {"color": COLOURS[number % len(COLOURS)], "ls": dashes[number % len(dashes)], "lw": 1.2}
                axes.plot(steps, values, alpha=0.8, label=experiment.row if run is runs[0] else None, **look)
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


def images_row(
    pictures: UInt8[Tensor, "n 3 h w"], captions: Sequence[str], framed: Sequence[int] = (), width: float = 1.1
) -> Figure:
    """Pictures side by side with a caption each; those numbered in `framed` get a thick frame and a check mark."""
    if len(pictures) != len(captions):
        raise ValueError(f"{len(pictures)} pictures but {len(captions)} captions; give one caption per picture.")
    with rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(width * len(pictures), width + 0.45), layout="constrained")
        panels = np.atleast_1d(figure.subplots(1, len(pictures)))
        for i, (axes, picture, caption) in enumerate(zip(panels, pictures, captions, strict=True)):
            axes.imshow(picture.permute(1, 2, 0).numpy(), interpolation="nearest")  # (h, w, 3)
            axes.set_xticks([], [])
            axes.set_yticks([], [])
            axes.set_xlabel(f"✓ {caption}" if i in framed else caption, fontsize=8)
            for spine in axes.spines.values():
                spine.set_visible(i in framed)
                spine.set(linewidth=3, color=COLOURS[2])
    return figure


def contact_sheet(pictures: UInt8[Tensor, "n 3 h w"], columns: int, gap: int = 4) -> Figure:
    """Pictures in rows of `columns`, a few white pixels apart; an incomplete last row is filled with white."""
    n, _, h, w = pictures.shape
    rows = -(-n // columns)
    sheet = np.full((rows * (h + gap) - gap, columns * (w + gap) - gap, 3), 255, np.uint8)
    for i, picture in enumerate(pictures):
        top, left = i // columns * (h + gap), i % columns * (w + gap)
        sheet[top : top + h, left : left + w] = picture.permute(1, 2, 0).numpy()  # (h, w, 3)
    with rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(8, 8 * sheet.shape[0] / sheet.shape[1]))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.imshow(sheet, interpolation="nearest")
        axes.set_axis_off()
    return figure


def tinted(owner: Int[Tensor, "n h w"]) -> UInt8[Tensor, "n 3 h w"]:
    """Masks as pictures: one colour per part, white where there is none (negative)."""
    import matplotlib
    import torch

    tints = torch.tensor(matplotlib.colormaps["tab20"].colors).mul(255).byte()
    drawn = torch.where(owner[..., None] < 0, torch.full((3,), 255, dtype=torch.uint8), tints[owner.clamp(0) % 20])
    return drawn.permute(0, 3, 1, 2)  # (n, 3, h, w)


def ledger_table(paper: str | None = None) -> Styler:
    """Every claim with its verdict, the number behind it, and the basis, scale and seeds it rests on."""
    rows = [
        {
            "claim": row["id"],
            "where": row["where"],
            "says (our words)": row["says"],
            PRINTED: row["reported"],
            "verdict": row["verdict"],
            "our number, points": "" if row["middle"] is None else points(row),
            "basis · scale · seeds": "no record" if row["middle"] is None else stamped_row(row),
        }
        for row in papers.ledger(paper)
    ]
    return styled(pd.DataFrame(rows))


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
    return Said(f"{row['verdict']} ({points(row)} points; {stamped_row(row)})", about)


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
    """The measure that prints as `name`: R@10, mAP@5."""
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
    path = records.ROOT / "data" / "reported" / f"{paper}.csv"
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [line for line in csv.DictReader(file) if line["table"] == table and line["measure"] == str(measure)]


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


def points(row: dict[str, Any]) -> str:
    """`+4.2 [+1.0, +7.3]` from a ledger row."""
    return f"{100 * row['middle']:+.1f} [{100 * row['low']:+.1f}, {100 * row['high']:+.1f}]"


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
