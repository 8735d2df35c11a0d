"""Figures of PVLF: a measure along prompt length and depth, gains with intervals, and where prompts attend.

PVLF Tables 4 and 5 as curves, Figure 1 (c); what the paper reports stands in a panel of its own, never on our axis.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cirkit.experiments import records
from cirkit.experiments.bootstrap import Interval, gain, overall
from cirkit.experiments.experiment import Column, Experiment
from cirkit.experiments.page import Page
from cirkit.figures.display import Display, stamp, waiting
from cirkit.figures.phrases import measured
from cirkit.figures.plots import COLOURS, STYLE
from cirkit.figures.reported import reported
from cirkit.papers.pvlf.fusion_rows import CIRR

PLAIN = STYLE | {"axes.grid.axis": "y"}
Points = Mapping[int, str]  # where a row stands on the axis, and its label in the table


def size_curves(
    page: Page, table: str, points: Mapping[str, Points], axis: str, number: str, column: Column = CIRR[0]
) -> Display:
    """A measure of rows of a table along a number: a line for each of `points`, by name, with seeds and intervals.

    Beside it, in a panel of its own, what the paper reports of the same rows.
    """
    rows = page.rows(table)
    found = {
        name: {x: rows[label] for x, label in mine.items() if label in rows and records.done(rows[label])}
        for name, mine in points.items()
    }
    if not any(found.values()):
        return waiting(page, number)
    head = str(column) if table == "Table 4" else f"{column.test} {column}"
    theirs = {label: float(value) for label, value in reported(page.paper, table, head).items()}
    with rc_context(PLAIN):
        figure = Figure(figsize=(7.4, 3.2), layout="constrained")
        ours, paper = figure.subplots(1, 2, width_ratios=(3, 2))
        for colour, (name, mine) in zip(COLOURS, found.items(), strict=False):
            _line(ours, mine, column, colour, name)
        for colour, mine in zip(COLOURS, points.values(), strict=False):
            there = {x: theirs[label] for x, label in mine.items() if label in theirs}
            paper.plot(list(there), list(there.values()), "s--", color=colour, ms=4, lw=1)
        for axes, title in ((ours, "ours"), (paper, "reported (original data)")):
            axes.set_title(title, fontsize=9)
            axes.set_xlabel(axis)
            axes.set_ylabel(f"{column}, {column.measure.unit}")
            axes.set_xticks(sorted({x for mine in points.values() for x in mine}))
        if len(points) > 1:
            ours.legend(fontsize=7, frameon=False)
    shown = [row for mine in found.values() for row in mine.values()]
    caption = f"{column} along {axis}: every seed a dot, the mean a line, its 95 % interval a bar; {stamp(shown)}. "
    caption += "On the right what the paper reports, on an axis of its own."
    alt = f"Two panels: {column} against {axis}, ours with intervals, and what the paper reports."
    return Display(figure, number, caption, shown, alt)


def _line(axes: Axes, rows: Mapping[int, Experiment], column: Column, colour: str, name: str) -> None:
    intervals = {x: measured(row, column) for x, row in rows.items()}
    means = [each.mean for each in intervals.values()]
    axes.plot(list(intervals), means, color=colour, lw=1.4, label=name)
    for x, each in intervals.items():
        axes.plot([x, x], [each.low, each.high], color=colour, lw=3, alpha=0.45)
        seeds = [overall(run.evidence[column.test], column.measure) for run in records.done(rows[x])]
        axes.plot([x] * len(seeds), seeds, "o", color=colour, ms=4, mec="white", mew=0.5)


def gains(page: Page, pairs: Mapping[str, tuple[str, str]], columns: Sequence[Column], number: str) -> Display:
    """The difference of two rows for each of `pairs`, by label, with its paired interval; a panel for each measure."""
    found: dict[str, tuple[Experiment, Experiment]] = {}
    for label, pair in pairs.items():
        a, b = (page.experiment(name) for name in pair)
        if records.done(a) and records.done(b):
            found[label] = a, b
    if not found:
        return waiting(page, number)
    with rc_context(STYLE):
        figure = Figure(figsize=(7.4, 0.9 + 0.42 * len(found)), layout="constrained")
        panels = figure.subplots(1, len(columns), sharey=True, squeeze=False)[0]
        for axes, column in zip(panels, columns, strict=True):
            for y, (a, b) in enumerate(found.values()):
                _gain(axes, y, gain(records.done(a), records.done(b), column.test, column.measure))
            axes.axvline(0, color="0.4", ls=":", lw=1.2)
            axes.set_xlabel(f"{column.test}, {column}, points", fontsize=8)
        panels[0].set_yticks(range(len(found)), list(found))
        panels[0].set_ylim(len(found) - 0.5, -0.5)
    shown = [row for pair in found.values() for row in pair]
    caption = f"Differences of two rows on the same queries, with 95 % intervals; dotted: none. {stamp(shown)}."
    return Display(figure, number, caption, shown, "Differences of pairs of rows with their intervals, a line each.")


def _gain(axes: Axes, y: int, interval: Interval) -> None:
    axes.plot([interval.low, interval.high], [y, y], color=COLOURS[0], lw=3, alpha=0.45)
    axes.plot([interval.mean], [y], "o", color=COLOURS[0], ms=6)


def attention(page: Page, experiment: Experiment, number: str) -> Display:
    """How much each kind of token attends to each other, layer by layer, in multiples of uniform attention."""
    kept = [found for run in records.done(experiment) if (found := records.exhibited(run, "prompts"))]
    if not kept:
        return waiting(page, number)
    between = np.mean([each["between"] for each in kept], axis=0)  # (layers, kinds, kinds)
    kinds = kept[0]["kinds"]
    with rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(7.4, 3.4), layout="constrained")
        panels = figure.subplots(1, len(between), sharey=True, squeeze=False)[0]
        for layer, (axes, values) in enumerate(zip(panels, between, strict=True), 1):
            drawn = axes.imshow(values, cmap="viridis", vmin=0, vmax=float(between.max()))
            for (i, j), value in np.ndenumerate(values):
                shade = "black" if value > 0.6 * between.max() else "white"
                axes.text(j, i, f"{value:.1f}", ha="center", va="center", fontsize=7, color=shade)
            axes.set_xticks(range(len(kinds)), kinds, rotation=40, ha="right", fontsize=7)
            axes.set_yticks(range(len(kinds)), kinds, fontsize=7)
            axes.set_title(f"layer {layer}", fontsize=9)
        figure.colorbar(drawn, ax=panels, shrink=0.7, label="× uniform")
    caption = "Attention from the tokens of a kind (lines) to one token of another (columns), in multiples of uniform "
    caption += f"attention; mean over heads, queries and {len(kept)} seeds. {stamp([experiment])}."
    return Display(figure, number, caption, [experiment], "A matrix per layer of attention between kinds of tokens.")


def attention_to_prompts(page: Page, experiment: Experiment, number: str) -> Display:
    """How much the other tokens attend to each prompt, the most attended first, a line for each layer and seed."""
    kept = [found for run in records.done(experiment) if (found := records.exhibited(run, "prompts"))]
    if not kept:
        return waiting(page, number)
    with rc_context(PLAIN):
        figure = Figure(figsize=(7, 2.8), layout="constrained")
        axes = figure.subplots()
        for each in kept:
            for layer, values in enumerate(each["to_prompts"]):
                order = np.arange(1, len(values) + 1)
                label = f"layer {layer + 1}" if each is kept[0] else None
                axes.plot(order, sorted(values, reverse=True), color=COLOURS[layer], lw=1, alpha=0.8, label=label)
        axes.axhline(1, color="0.4", ls=":", lw=1.2)
        axes.set_xlabel("prompt, the most attended first")
        axes.set_ylabel("attention, × uniform")
        axes.legend(fontsize=8, frameon=False)
    caption = (
        f"What the other tokens attend to each prompt with, {len(kept)} seeds; dotted: uniform. {stamp([experiment])}."
    )
    return Display(
        figure, number, caption, [experiment], "Attention to each prompt in falling order, by layer and seed."
    )
