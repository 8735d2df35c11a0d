"""Plots: every seed a dot, curves of loss and of validation as small multiples; one house style."""

import textwrap
from collections.abc import Sequence

import seaborn
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from cirkit.experiments import records, registry
from cirkit.experiments.bootstrap import estimate, overall
from cirkit.experiments.curves import course
from cirkit.experiments.page import Page
from cirkit.figures.display import Display, stamp, waiting
from cirkit.figures.phrases import NOT_RUN, provenance
from cirkit.figures.reported import rows_of
from cirkit.figures.tables import chance

COLOURS = seaborn.color_palette("colorblind").as_hex()
ACROSS = 4  # small multiples side by side
RISING = 2.0  # points that the second half of a training that was long enough adds at most


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


def dots(page: Page, table: str, number: str) -> Display:
    """Every seed a dot, the 95 % interval a line; one row per experiment, the table's headline column.

    Nothing that the paper reports is drawn.
    """
    rows, column = rows_of(page, table), registry.columns(page.paper, table)[0]
    if not any(records.done(each) for each in rows.values()):
        return waiting(page, number)
    with rc_context(STYLE):
        figure = Figure(figsize=(7, 0.9 + 0.42 * len(rows)), layout="constrained")
        axes = figure.subplots()
        for y, experiment in enumerate(rows.values()):
            runs = records.done(experiment)
            if not runs:
                axes.annotate(NOT_RUN, (0.02, y), xycoords=("axes fraction", "data"), va="center", color="0.35")
                continue
            seeds = [overall(run.evidence[column.test], column.measure) for run in runs]
            interval = estimate(runs, column.test, column.measure)
            axes.plot([interval.low, interval.high], [y, y], color=COLOURS[0], lw=3, alpha=0.45)
            axes.plot(seeds, [y] * len(seeds), "o", color=COLOURS[0], ms=5, mec="white", mew=0.6)
            axes.plot([interval.mean], [y], "|", color="black", ms=13, mew=1.6)
        if (floor := chance(rows, column)) is not None:
            axes.axvline(floor, color="0.4", ls=":", lw=1.2)
            axes.annotate(" chance", (floor, -0.42), fontsize=8, color="0.3", va="center")
        axes.set_yticks(range(len(rows)), list(rows))
        axes.set_ylim(len(rows) - 0.5, -0.65)
        axes.set_xlabel(f"{column}, {column.measure.unit}")
    caption = f"{column} of every seed (dots), their mean (bar) and its 95 % interval (line), dotted: chance."
    alt = f"{column} of the rows of {table}: for each a dot per seed and a line for the interval."
    return Display(figure, number, f"{caption} {stamp(list(rows.values()))}.", list(rows.values()), alt)


def loss_curves(page: Page, table: str, number: str) -> Display:
    """The training loss of every seed, a panel per experiment, on a logarithmic axis that all panels share.

    Rows without training have none.
    """
    trained = {label: each for label, each in rows_of(page, table).items() if each.training.steps}
    rows = {label: each for label, each in trained.items() if records.done(each)}
    if not rows:
        return waiting(page, number)
    every = 0.0
    with rc_context(STYLE | {"axes.grid.axis": "both"}):
        figure, panels = small_multiples(list(rows), "training loss")
        for axes, experiment in zip(panels, rows.values(), strict=True):
            for run in records.done(experiment):
                steps, values = zip(*run.loss, strict=True)
                every = max(every, steps[-1] - steps[-2] if len(steps) > 1 else steps[-1])
                axes.plot(steps, values, color=COLOURS[0], alpha=0.7, lw=1)
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_formatter(NullFormatter())
    caption = (
        f"Training loss (mean over {every:g} steps) of every seed, on a logarithmic axis. {stamp(list(rows.values()))}."
    )
    alt = f"Small multiples for {table}: training loss against steps, a panel per row, a line per seed."
    return Display(figure, number, caption, list(rows.values()), alt)


def validation_curves(page: Page, table: str, number: str) -> Display | None:
    """The table's headline measure on validation queries at each tenth of the first seed's training, a panel per row.

    None, which shows nothing, where no row kept its curve. A row to which the second half of its training still added
    more than `RISING` points is called so.
    """
    column = registry.columns(page.paper, table)[0]
    rows = {label: each for label, each in rows_of(page, table).items() if records.done(each)}
    courses = {label: found for label, each in rows.items() if (found := course(each, column.test)) is not None}
    if not courses:
        return None
    rising = [label for label, each in courses.items() if each.last_doubling(column.measure) > RISING]
    with rc_context(STYLE | {"axes.grid.axis": "both"}):
        titles = [f"{label}\nstill rising" if label in rising else label for label in courses]
        figure, panels = small_multiples(titles, f"validation {column}, {column.measure.unit}")
        for axes, each in zip(panels, courses.values(), strict=True):
            axes.plot(each.steps, each.means(column.measure), "o-", color=COLOURS[0], ms=3, lw=1)
    panels[0].set_ylim(bottom=0)
    seeds = ", ".join(str(seed) for seed in sorted({each.seed for each in courses.values()}))
    caption = f"{column} on validation queries, no query of the test, at each tenth of the training of seed {seeds}. "
    caption += f"Still rising: the second half of the training added more than {RISING:g} points. "
    if missing := len(rows) - len(courses):
        caption += f"{missing} of {len(rows)} rows kept no curve. "
    shown = [rows[label] for label in courses]
    alt = f"Small multiples for {table}: validation {column} against steps, a panel per row."
    return Display(figure, number, f"{caption}{provenance(shown[0].basis, shown[0].scale, 1)}.", shown, alt)


def small_multiples(titles: Sequence[str], label: str) -> tuple[Figure, list[Axes]]:
    """A figure of small panels over training steps that share both axes, a title each; `label` of the upright axis."""
    across = min(ACROSS, len(titles))
    lines = -(-len(titles) // across)
    figure = Figure(figsize=(7.4, 0.5 + 1.5 * lines), layout="constrained")
    panels = figure.subplots(lines, across, sharex=True, sharey=True, squeeze=False)
    for axes, title in zip(panels.flat, titles, strict=False):
        axes.set_title("\n".join(textwrap.fill(line, 22) for line in title.splitlines()), fontsize=8)
        axes.tick_params(labelsize=7)
    for column in range(len(titles) - across * (lines - 1), across):  # the last line may be shorter
        panels[-1, column].set_visible(False)
        panels[-2, column].tick_params(labelbottom=True)
    figure.supxlabel("training step", fontsize=9)
    figure.supylabel(label, fontsize=9)
    return figure, list(panels.flat)[: len(titles)]


def loss_curve(loss: Sequence[tuple[int, float]]) -> Figure:
    """The training loss of one run."""
    with rc_context(STYLE | {"axes.grid.axis": "both"}):
        figure = Figure(figsize=(7, 3), layout="constrained")
        axes = figure.subplots()
        axes.plot(*zip(*loss, strict=True), color=COLOURS[0])
        axes.set_xlabel("training step")
        axes.set_ylabel("training loss")
    return figure


def sharp_figures() -> None:
    """Ask a notebook, if we are in one, to draw figures as SVG."""
    from IPython import get_ipython

    if get_ipython() is not None:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg")


sharp_figures()
