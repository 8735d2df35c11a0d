"""Plots: every seed a dot, loss curves; one house style."""

from collections.abc import Sequence

import seaborn
from matplotlib import rc_context
from matplotlib.figure import Figure

from cirkit.evaluators.measures import Measure
from cirkit.experiments import records
from cirkit.experiments.bootstrap import estimate, of_run
from cirkit.figures.phrases import NOT_RUN
from cirkit.figures.reported import rows_of
from cirkit.figures.tables import chance

COLOURS = seaborn.color_palette("colorblind").as_hex()


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
            interval = estimate(runs, test, measure)
            axes.plot([100 * interval.low, 100 * interval.high], [y, y], color=COLOURS[0], lw=3, alpha=0.45)
            axes.plot(seeds, [y] * len(seeds), "o", color=COLOURS[0], ms=5, mec="white", mew=0.6)
            axes.plot([100 * interval.mean], [y], "|", color="black", ms=13, mew=1.6)
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


def sharp_figures() -> None:
    """Ask a notebook, if we are in one, to draw figures as SVG."""
    from IPython import get_ipython

    if get_ipython() is not None:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg")


sharp_figures()
