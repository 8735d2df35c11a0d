"""The verdict over all hosts drawn: critical differences of mean ranks, and distances in noise floors.

Cao et al. (2022), §6.1 and §7; Demšar (2006), Figure 1. What the paper reports has a drawing of its own.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cirkit.experiments.experiment import Column
from cirkit.experiments.page import Page
from cirkit.figures.display import Display, stamp, waiting
from cirkit.figures.plots import COLOURS, STYLE
from cirkit.papers.alignment.alignment_figures import PLAIN
from cirkit.papers.alignment.rank_test import critical_difference, friedman, groups, places
from cirkit.papers.alignment.verdict import (
    BEST,
    SCORES,
    TASKS,
    Layout,
    Records,
    Task,
    as_formula,
    common_seeds,
    complete,
    floor,
    interval,
    levels,
    names_of,
    standing,
)
from cirkit.papers.alignment.verdict_tables import (
    LABELS,
    head,
    lacking,
    named,
    reported_levels,
    rows_and_records,
    seeds_of,
)

ACROSS = 3  # panels side by side
BAR, NAME = 0.24, 0.42  # heights between two bars, and two names
Ranks = Float[np.ndarray, "n k"]
Lead = tuple[float, float, float]  # mean, low, high


def critical_differences(page: Page, number: str, layout: Layout = as_formula) -> Display:
    """Mean ranks on an axis, scores that are not told apart joined: over data sets, and over all seeds' worlds."""
    rows, runs = rows_and_records(page)
    found = standing(runs, complete(runs, TASKS, layout), layout)
    if found is None:
        return _nothing(page, number, runs)
    kinds = {"data sets": found.datasets, "worlds": found.worlds.reshape(-1, len(SCORES))}
    panels = {f"over {len(each)} {kind}": each for kind, each in kinds.items() if len(each) > 1}
    shown = [rows[name] for name in names_of(found.tasks, layout)]
    if not panels:
        says = f"<p>{named(found.tasks)}: one world, and ranks of one world have no test.</p>"
        return Display(says, number, f"{lacking(found)}{stamp(shown)}.", shown)
    caption = "Mean ranks, the best on the left. A bar joins scores whose mean ranks lie less than the critical "
    caption += "difference apart (Nemenyi, 5 %): they are not told apart. Over data sets, each counts once, by its "
    caption += f"means over seeds. Over worlds, each seed's draw of a data set counts ({seeds_of(found)}): that asks "
    caption += "what another draw of the same data sets would give, not what another data set would. "
    caption += f"{named(found.tasks)}. {lacking(found)}{_tests(panels)} {stamp(shown)}."
    return Display(_diagrams(panels), number, caption, shown, _in_words(panels))


def reported_differences(page: Page, number: str) -> Display:
    """The same of the numbers that the paper reports, on an axis of their own."""
    panels = {
        f"reported, over {len(TASKS)} data sets": np.stack([places(reported_levels(page, task)) for task in TASKS])
    }
    caption = "The same of the numbers that the paper reports for the original data, one run each, SCAN's in the "
    caption += f"layout of the released code. {named(TASKS)}. {_tests(panels)}"
    return Display(_diagrams(panels), number, caption, (), _in_words(panels))


def _nothing(page: Page, number: str, runs: Records) -> Display:
    """In place of a drawing: that nothing has run, or what is lacking."""
    if not any(runs.values()):
        return waiting(page, number)
    return Display(f"<p>No host has the records that this needs. {lacking(None)}</p>", number, "Not drawn.")


def _tests(panels: Mapping[str, Ranks]) -> str:
    """Friedman's test of each panel, as a sentence."""
    found = {title: friedman(ranks).p for title, ranks in panels.items()}
    said = [f"p {'< .001' if p < 0.001 else f'{p:.3f}'.lstrip('0')} {title}" for title, p in found.items()]
    return f"Friedman's test that all seven are alike: {', '.join(said)}."


def _in_words(panels: Mapping[str, Ranks]) -> str:
    """What the drawing shows to those who do not see it."""
    orders = {title: np.argsort(ranks.mean(0), kind="stable") for title, ranks in panels.items()}
    said = [
        f"{title}: {', '.join(f'{LABELS[i]} {panels[title].mean(0)[i]:.2f}' for i in order)}"
        for title, order in orders.items()
    ]
    return f"Scores on an axis of mean ranks, bars joining those that are not told apart; {'; '.join(said)}."


def _diagrams(panels: Mapping[str, Ranks]) -> Figure:
    """A line of the page for each."""
    with rc_context(PLAIN):
        figure = Figure(figsize=(7.4, 2.7 * len(panels)), layout="constrained")
        grid = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
        for axes, (title, ranks) in zip(grid, panels.items(), strict=True):
            axes.set_title(title, fontsize=10, loc="left")
            _diagram(axes, ranks.mean(0), critical_difference(ranks.shape[1], len(ranks)))
    return figure


def _diagram(axes: Axes, means: Float[np.ndarray, " k"], difference: float) -> None:
    """An axis of ranks, bars of groups below it, then names at both sides; above it the critical difference."""
    k, order, joined = len(means), np.argsort(means, kind="stable"), groups(means, difference)
    axes.plot([1, k], [0, 0], color="black", lw=1)
    for rank in range(1, k + 1):
        axes.plot([rank, rank], [0, 0.16], color="black", lw=1)
        axes.text(rank, 0.22, str(rank), ha="center", va="bottom", fontsize=8)
    for level, mine in enumerate(joined):
        ends, y = [means[mine[0]] - 0.05, means[mine[-1]] + 0.05], -0.3 - BAR * level
        axes.plot(ends, [y, y], color=COLOURS[0], lw=4, solid_capstyle="butt", zorder=3)
    half, top = -(-k // 2), -0.45 - BAR * len(joined)
    for place, one in enumerate(order):
        y = top - NAME * min(place, k - 1 - place)
        x, side, other = (0.7, "right", -0.1) if place < half else (k + 0.3, "left", 0.1)
        axes.plot([means[one], means[one], x], [0, y, y], color="0.35", lw=0.8)
        axes.plot(means[one], 0, "o", color="black", ms=4)
        look = {"ha": side, "va": "center", "fontsize": 8.5, "weight": "bold" if SCORES[one] == BEST else "normal"}
        axes.text(x + other, y, f"{LABELS[one]} {means[one]:.2f}", **look)
    shown = min(difference, k - 1)
    axes.plot([1, 1, 1, 1 + shown, 1 + shown, 1 + shown], [0.8, 1, 0.9, 0.9, 1, 0.8], color="black", lw=1.2)
    longer = ", longer than the axis" if difference > shown else ""
    axes.text(1, 1.05, f"critical difference {difference:.2f}{longer}", ha="left", va="bottom", fontsize=8)
    axes.set_xlim(-2.2, k + 3.2)
    axes.set_ylim(top - NAME * half + 0.2, 1.5)
    axes.set_xticks([], [])
    axes.set_yticks([], [])


def beyond_the_floor(page: Page, number: str) -> Display:
    """How far each score is from the host's own, in noise floors: a panel for each measure that a host is judged by."""
    rows, runs = rows_and_records(page)
    every = [(task, column, _leads(task, column, runs)) for task in TASKS for column in task.columns]
    panels = [(task, column, leads) for task, column, leads in every if leads]
    if not panels:
        return _nothing(page, number, runs)
    across, down = min(ACROSS, len(panels)), -(-len(panels) // ACROSS)
    with rc_context(STYLE):
        figure = Figure(figsize=(2 * across + 1.5, 2.2 * down + 0.3), layout="constrained")
        grid = figure.subplots(down, across, sharey=True, squeeze=False)
        for axes, (task, column, leads) in zip(grid.flat, panels, strict=False):
            axes.set_title(f"{task}\n{head(task, column)}", fontsize=8)
            _distances(axes, task, leads)
        for axes in grid.flat[len(panels) :]:
            axes.set_visible(False)
        figure.supxlabel("better than the host's own score by so many noise floors", fontsize=9)
    tasks = tuple(dict.fromkeys(task for task, *_ in panels))
    means = [mean for *_, leads in panels for mean, _, _ in leads.values()]
    caption = "How much better than the host's own score each score is, divided by the noise floor, with the 95 % "
    caption += (
        "interval of the paired difference. A diamond is the host's own; SCAN's, cosine similarity, has no line. "
    )
    caption += "Grey: what two equal rows differ by. Axes differ. "
    caption += f"Beyond the floor: {sum(abs(mean) > 1 for mean in means)} of {len(means)}. "
    if absent := [task for task in TASKS if task not in tasks]:
        caption += f"Without the records that it needs: {named(absent)}. "
    behind = [rows[task.name(row)] for task in tasks for row in dict.fromkeys((*SCORES, task.own, *task.equal))]
    alt = "Panels of points with intervals: each score's distance from the host's own, a grey band from -1 to 1."
    return Display(figure, number, f"{caption}{stamp(behind)}.", behind, alt)


def _leads(task: Task, column: Column, runs: Records) -> dict[str, Lead]:
    """Of each score that can be compared: mean and ends of its lead over the host's own, in noise floors."""
    found, own = floor(runs, task, column), task.name(task.own)
    if found is None or not found.apart:
        return {}
    out = {}
    for score in (each for each in SCORES if each != task.own):
        if seeds := common_seeds(runs, [task.name(score), own]):
            mine, other = levels(runs, [task.name(score), own], [column], seeds)[:, 0].T / found.apart
            mean, spread = float((mine - other).mean()), interval(mine - other)
            out[score] = (mean, mean, mean) if spread is None else (mean, spread.low, spread.high)
    return out


def _distances(axes: Axes, task: Task, leads: Mapping[str, Lead]) -> None:
    """A line for each score."""
    axes.axvspan(-1, 1, color="0.88", lw=0)
    axes.axvline(0, color="black", lw=0.8)
    for score, (mean, low, high) in leads.items():
        axes.plot([low, high], [SCORES.index(score)] * 2, color=COLOURS[0], lw=2, alpha=0.45)
        axes.plot(mean, SCORES.index(score), "o", color=COLOURS[0], ms=4)
    if task.own in SCORES:
        axes.plot(0, SCORES.index(task.own), "D", color="0.2", ms=4)
    axes.set_yticks(range(len(SCORES)), LABELS, fontsize=8)
    axes.set_ylim(len(SCORES) - 0.5, -0.5)
    axes.tick_params(axis="x", labelsize=7)
