"""ITSELF's tables and figures that no other paper has: three columns of checkpoints, noise floors, retrieval strips.

ITSELF's supplement, Figures 1 to 4 (strips of one query under several models); the paper has no interval and no seeds.
"""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from pandas import DataFrame

from cirkit.experiments import records
from cirkit.experiments.bootstrap import combined, estimate, gain
from cirkit.experiments.checkpoint_choice import with_all_columns
from cirkit.experiments.page import Page
from cirkit.figures.display import Display, stamp, waiting
from cirkit.figures.phrases import aligned, with_interval
from cirkit.figures.plots import COLOURS, STYLE
from cirkit.figures.reported import reported, rows_of
from cirkit.figures.tables import styled
from cirkit.figures.top_k import queries_of
from cirkit.papers.itself.chosen_checkpoints import (
    BEST_ON_TEST,
    COLUMNS,
    COMPARED,
    FIRST,
    SpreadOfSeeds,
    compared,
)
from cirkit.papers.itself.person_data import WHERE, data_of
from cirkit.papers.itself.person_rows import CHOICES, SELECTIONS, TEST
from cirkit.papers.itself.person_settings import SETTINGS

PLAIN = STYLE | {"axes.grid": False}
WIDTH, LETTERS = 2.6, 34  # inches and letters of a line of a caption
CHOSEN = {
    "best_weight": "best of 13 fusion weights on the test data",
    "half": "both branches alike",
    "whole": "global branch alone",
    "local": "local branch alone",
    "released": "last layer, .4 of the tokens (released)",
    "no_discard": "no discard step",
    "all_words": "all words",
    "own_words": "the attended half of a caption's own words",
    "last_words": "the other half of its words",
}


def three_columns(page: Page, table: str, number: str) -> Display:
    """R@1 of each row with its checkpoint chosen in three ways, and what choosing on the test adds to the others."""
    rows = rows_of(page, table)
    found = {label: kept for label, each in rows.items() if (kept := with_all_columns(records.done(each)))}
    if not found:
        return waiting(page, number)
    cells: dict[str, list[str]] = {"row": list(found)}
    for column in COLUMNS:
        cells[f"{column}: {FIRST}, %"] = aligned(
            [with_interval(estimate(runs, column, FIRST)) for runs in found.values()]
        )
    for column in COLUMNS[1:]:
        added = []
        for runs in found.values():
            sides = [
                (1.0, [compared(run, BEST_ON_TEST) for run in runs]),
                (-1.0, [compared(run, column) for run in runs]),
            ]
            added.append(with_interval(combined(sides, COMPARED, FIRST)))
        cells[f"best on test less {column}, points"] = aligned(added)
    shown = [rows[label] for label in found]
    caption = (
        f"{FIRST} with the checkpoint chosen among the tenths of each training in three ways; ITSELF and IRRA report "
        f"the first of them. The last columns are differences within a seed. {stamp(shown)}."
    )
    return Display(styled(DataFrame(cells)), number, caption, shown)


def noise_floor(page: Page, table: str, pairs: Sequence[tuple[str, str]], number: str) -> Display:
    """Differences of rows of a table: ours with its interval, how far a seed strays, and what the paper reports."""
    rows, theirs = page.rows(table), reported(page.paper, table, str(FIRST))
    lines, shown = [], []
    for a, b in pairs:
        one, other = (records.done(rows[label]) for label in (a, b))
        if not one or not other:
            continue
        spread = SpreadOfSeeds("a", "b", TEST)({"a": one, "b": other})
        told = f"{float(theirs[a]) - float(theirs[b]):+.2f}" if {a, b} <= theirs.keys() else "–"
        lines.append(
            {
                "difference": f"{a} − {b}",
                "ours, points": with_interval(gain(one, other, TEST, FIRST)),
                "deviation of one seed, points": "one seed" if spread is None else with_interval(spread),
                "reported (original data, one run), points": told,
            }
        )
        shown += [rows[a], rows[b]]
    if not lines:
        return waiting(page, number)
    frame = DataFrame(lines)
    for name in list(frame)[1:]:
        frame[name] = aligned(frame[name].tolist())
    caption = (
        f"Differences of {FIRST}, their 95 % intervals, and the standard deviation of one seed's difference with its "
        f"own interval: what a single run of each row would show by chance. {stamp(shown)}."
    )
    return Display(styled(frame), number, caption, shown)


def choices(page: Page, number: str) -> Display:
    """What each choice at test time adds to one trained model, with its paired interval."""
    (row,) = page.rows(CHOICES).values()
    runs = records.done(row)
    if not runs:
        return waiting(page, number)
    with rc_context(STYLE):
        figure = Figure(figsize=(7, 0.9 + 0.36 * len(SELECTIONS)), layout="constrained")
        axes = figure.subplots()
        for y, test in enumerate(SELECTIONS):
            sides = [(1.0, [compared(run, test) for run in runs]), (-1.0, [compared(run, TEST) for run in runs])]
            found = combined(sides, COMPARED, FIRST)
            axes.plot([found.low, found.high], [y, y], color=COLOURS[0], lw=3, alpha=0.45)
            axes.plot([found.mean], [y], "o", color=COLOURS[0], ms=6)
        axes.axvline(0, color="0.4", ls=":", lw=1.2)
        axes.set_yticks(range(len(SELECTIONS)), [CHOSEN[test] for test in SELECTIONS])
        axes.set_ylim(len(SELECTIONS) - 0.5, -0.5)
        axes.set_xlabel(f"{FIRST}, points more than as trained, weight chosen on validation", fontsize=8)
    caption = (
        f"One trained ITSELF under other choices when it is tested, each less the model as it was trained with the "
        f"fusion weight that validation chooses; 95 % intervals. {stamp([row])}."
    )
    alt = "A line for each choice at test time: the difference of R@1 with its interval."
    return Display(figure, number, caption, [row], alt)


def strips(page: Page, names: Mapping[str, str], data: str, number: str, queries: int = 3, first: int = 8) -> Display:
    """The same captions under several models, a line each: the first images, the right person framed and marked.

    `names` are experiments by label, all of one data set; those without an exhibit are left out, and that is said.
    """
    rows = {label: page.experiment(name) for label, name in names.items()}
    found = {label: kept for label, each in rows.items() if (kept := queries_of(each))}
    if not found:
        return waiting(page, number)
    seed = next(iter(rows.values())).seeds[0]
    same = list(zip(*found.values(), strict=True))
    step = max(1, len(same) // queries)
    lines = [(label, query) for each in same[::step][:queries] for label, query in zip(found, each, strict=True)]
    with rc_context(PLAIN):
        figure = Figure(figsize=(WIDTH + 0.52 * first, 1.35 * len(lines)), layout="constrained")
        ratios = (WIDTH / 0.52, *[1] * first)
        panels = figure.subplots(len(lines), 1 + first, squeeze=False, gridspec_kw={"width_ratios": ratios})
        for line, (label, query) in zip(panels, lines, strict=True):
            words = "\n".join(textwrap.wrap(query["text"], LETTERS)) if label == next(iter(found)) else ""
            line[0].set_axis_off()
            line[0].text(0, 0.5, f"{words}\n{label}: right person at rank {query['rank']:g}", va="center", fontsize=7)
            images = images_of(page.scale, data, seed, query["top"][:first])
            for rank, (axes, row, image) in enumerate(zip(line[1:], query["top"], images, strict=False), 1):
                _show(axes, image, rank, row in query["relevant"])
    shown = [rows[label] for label in found]
    caption = (
        f"{queries} captions, evenly spread over those kept, under each model: the first {first} images, the right "
        f"person framed in green and marked ✓, others in red. First seed; {stamp(shown)}."
    )
    if missing := [label for label in rows if label not in found]:
        caption += f" No exhibit yet: {', '.join(missing)}."
    alt = f"{len(lines)} lines of people retrieved for captions, the right ones framed in green and marked."
    return Display(figure, number, caption, shown, alt)


def images_of(scale: str, data: str, seed: int, rows: Sequence[int]) -> Any:
    """Test images of the world that a seed reads, by gallery row."""
    own = data_of(SETTINGS[scale], scale, "")[data]
    return WHERE[data][2].images(own.size(seed), "test", list(rows))


def _show(axes: Any, image: Any, rank: int, right: bool) -> None:
    axes.imshow(image.permute(1, 2, 0).numpy(), interpolation="nearest")  # (h, w, 3)
    axes.set_xticks([], [])
    axes.set_yticks([], [])
    axes.set_xlabel(f"{'✓ ' * right}{rank}", fontsize=7, labelpad=1)
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set(linewidth=2.5 if right else 1.2, color=COLOURS[2] if right else COLOURS[3])
