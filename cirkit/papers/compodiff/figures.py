"""CompoDiff's figures: steps against recall and time, the heat map of guidance, and what choices retrieve.

CompoDiff Table 4 and Figures 5, 10 and 11, from records and exhibits.
"""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from pandas import DataFrame
from torch import Tensor

from cirkit.experiments import records
from cirkit.experiments.experiment import Column
from cirkit.experiments.page import Page
from cirkit.figures.display import Display, stamp, waiting
from cirkit.figures.first_seed import content_of
from cirkit.figures.phrases import aligned, measured
from cirkit.figures.plots import COLOURS, STYLE
from cirkit.figures.tables import styled
from cirkit.papers.clip_family.boards import SCORE
from cirkit.papers.clip_family.retrieved import FIRST_OF_CIRR, cirr_images
from cirkit.papers.compodiff import steps, weights
from cirkit.papers.compodiff.diffusion_settings import SETTINGS
from cirkit.worlds.mixed_conditions import MIXED_CONDITIONS

PLAIN = {"font.size": 8, "svg.hashsalt": "cirkit"}


def milliseconds(experiment: Any) -> dict[str, dict[str, float]]:
    """By use and size of a batch, from the first seed's exhibit; empty without one of today's configuration."""
    content = content_of(experiment, "milliseconds")
    return {} if content is None else content["milliseconds"]


def steps_and_time(page: Page, number: str) -> Display:
    """Recall against the calls of the denoiser and against the time of one query: a line for each sampler."""
    rows = page.rows(steps.TABLE)
    done = {label: each for label, each in rows.items() if records.done(each)}
    if not done:
        return waiting(page, number)
    with rc_context(STYLE | {"axes.grid.axis": "both"}):
        figure = Figure(figsize=(7.4, 3.4), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        for colour, (label, each) in zip(COLOURS, done.items(), strict=False):
            calls = [count for count in steps.CALLS if steps.test_of(count) in each.tests]
            found = [measured(each, Column(steps.test_of(count), SCORE)) for count in calls]
            mean = [interval.mean for interval in found]
            below = [max(level - interval.low, 0.0) for level, interval in zip(mean, found, strict=True)]
            beyond = [max(interval.high - level, 0.0) for level, interval in zip(mean, found, strict=True)]
            left.errorbar(calls, mean, [below, beyond], fmt="o-", ms=3, lw=1.2, capsize=2, color=colour, label=label)
            times = milliseconds(each)
            if times:
                taken = [(times.get(steps.test_of(count)) or times["as trained"])["1"] for count in calls]
                right.plot(taken, mean, "o-", ms=3, lw=1.2, color=colour)
        for axes, name in ((left, "calls of the denoiser"), (right, "milliseconds a query, one at a time")):
            axes.set_xscale("log")
            axes.set_xlabel(name)
        if not right.has_data():
            right.text(0.5, 0.5, "no times yet", ha="center", transform=right.transAxes)
        left.set_ylabel(f"{SCORE}, {SCORE.unit}")
        left.legend(fontsize=7, loc="lower right")
    caption = (
        "FashionIQ after so many calls of the denoiser, with 95 % intervals, and against the processor time of one "
        f"query on one thread, encoding included (first seed). Both axes of calls and time are logarithmic. "
        f"{stamp(list(done.values()))}."
    )
    alt = "Two panels: recall against calls and against milliseconds, a line for each sampler, a dot for each rival."
    return Display(figure, number, caption, list(done.values()), alt)


def time_table(page: Page, table: str, number: str) -> Display:
    """Milliseconds of a batch, and queries a second, for each row and use that kept its times."""
    rows = page.rows(table)
    lines = []
    for label, each in rows.items():
        for use, times in milliseconds(each).items():
            line = {"row": label, "use": use}
            for batch, taken in times.items():
                line[f"batch {batch}: ms"] = f"{taken:.1f}"
                line[f"batch {batch}: queries a second"] = f"{1000 * int(batch) / taken:.0f}"
            lines.append(line)
    if not lines:
        return waiting(page, number)
    frame = DataFrame(lines)
    for name in list(frame)[2:]:
        frame[name] = aligned(frame[name].tolist())
    shown = [each for each in rows.values() if milliseconds(each)]
    caption = (
        "Processor time of composing a batch of queries on one thread, images and texts encoded anew: the least of "
        f"three, of the first seed's model. {stamp(shown)}."
    )
    return Display(styled(frame), number, caption, shown)


def heat_map(page: Page, number: str) -> Display:
    """The headline measure of FashionIQ for each pair of weights; the paper's pair and the tables' own are framed."""
    row = page.experiment("compodiff/guidance")
    if not records.done(row):
        return waiting(page, number)
    levels = np.array(
        [[measured(row, Column(weights.test_of(image, text), SCORE)).mean for text in weights.TEXT]
         for image in weights.IMAGE]
    )  # fmt: skip
    with rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(5.4, 3.8), layout="constrained")
        axes = figure.subplots()
        shades = axes.imshow(levels, cmap="viridis", origin="lower")
        middle = (levels.min() + levels.max()) / 2
        for (y, x), level in np.ndenumerate(levels):
            axes.text(x, y, f"{level:.1f}", ha="center", va="center", color="white" if level < middle else "black")
        guidance = SETTINGS[page.scale].guidance
        for (image, text), line in ((weights.USUAL, "-"), ((guidance.image, guidance.text), ":")):
            left, low = weights.TEXT.index(text) - 0.46, weights.IMAGE.index(image) - 0.46
            axes.add_patch(
                Rectangle((left, low), 0.92, 0.92, fill=False, edgecolor="red", linewidth=1.6, linestyle=line)
            )
        axes.set_xticks(range(len(weights.TEXT)), [f"{text:g}" for text in weights.TEXT])
        axes.set_yticks(range(len(weights.IMAGE)), [f"{image:g}" for image in weights.IMAGE])
        axes.set_xlabel("weight of the text, $w_T$")
        axes.set_ylabel("weight of the image, $w_I$")
        figure.colorbar(shades, ax=axes, label=f"{SCORE}, {SCORE.unit}")
    caption = (
        f"{SCORE} on FashionIQ for each pair of guidance weights. Framed: the paper's pair; dotted: that of our other "
        f"tables, the best of this grid in a validation world. One and one are no guidance. {stamp([row])}."
    )
    return Display(figure, number, caption, [row], "A heat map of recall by two weights.")


def compared(
    page: Page,
    variants: Mapping[str, tuple[str, str]],
    images: Callable[[Sequence[int]], UInt8[Tensor, "n 3 h w"]],
    number: str,
    says: str,
    first: int = 6,
) -> Display:
    """The same queries under several choices, a line each: the reference, then the first images, targets framed.

    `variants` names the experiment and its exhibit for each choice; the first seed's are shown.
    """
    found: dict[str, list[Any]] = {}
    rows = {}
    for label, (name, exhibit) in variants.items():
        each = page.experiment(name)
        if (content := content_of(each, exhibit)) is not None:
            found[label], rows[name] = content["queries"], each
    if not found:
        return waiting(page, number)
    lines = [
        (label, query)
        for queries in zip(*found.values(), strict=True)
        for label, query in zip(found, queries, strict=True)
    ]
    with rc_context(PLAIN):
        figure = Figure(figsize=(2.2 + 0.8 * (1 + first), 0.9 * len(lines)), layout="constrained")
        ratios = (2.7, *[1] * (1 + first))
        panels = figure.subplots(len(lines), 2 + first, squeeze=False, gridspec_kw={"width_ratios": ratios})
        for line, (label, query) in zip(panels, lines, strict=True):
            words = "\n".join(textwrap.wrap(query["text"], 34))
            line[0].set_axis_off()
            line[0].text(0, 0.5, f"{label}:\n{words}\n(target: rank {query['rank']:g})", va="center")
            shown = [query["reference"], *query["top"][:first]]
            for axes, row, image in zip(line[1:], shown, images(shown), strict=True):
                axes.imshow(image.permute(1, 2, 0).numpy(), interpolation="none")
                axes.set_xticks([], [])
                axes.set_yticks([], [])
                target = axes is not line[1] and row in query["relevant"]
                for spine in axes.spines.values():
                    spine.set_visible(target)
                    spine.set_linewidth(2)
                if target:
                    axes.set_xlabel("✓", labelpad=1)
    alt = f"{len(lines)} lines: a query under a choice, its reference and its first {first} images."
    caption = f"{says} Reference image, then the first {first} of the gallery; targets framed and marked ✓. First seed"
    return Display(figure, number, f"{caption}; {stamp(list(rows.values()))}.", list(rows.values()), alt)


def weighted(page: Page, number: str) -> Display:
    """The same queries about scenes under some pairs of guidance weights."""
    pairs = weights.SHOWN if page.scale != "paper" else ()
    variants = {
        f"$w_I$ {image:g}, $w_T$ {text:g}": ("compodiff/guidance", weights.shown(image, text)) for image, text in pairs
    }
    return compared(page, variants, _scenes(page.scale, "negative"), number, "Queries under four pairs of weights.")


def told(page: Page, kind: str, number: str) -> Display:
    """The same queries with their condition, with the same in words, and without."""
    names = {"with the condition": "compodiff", "in words": "compodiff_words", "not told": "compodiff_without"}
    variants = {label: (f"compodiff/conditions/{name}", f"top-{kind}") for label, name in names.items()}
    if page.scale == "paper":
        return waiting(page, number)
    return compared(page, variants, _scenes(page.scale, kind), number, "CompoDiff with and without the condition.")


def beside_pic2word(page: Page, number: str) -> Display:
    """The same queries of CIRR to Pic2Word and to CompoDiff; both read the instruction as it is."""
    if page.scale == "paper":
        return waiting(page, number)
    names = {"Pic2Word": "clip_family/pic2word", "CompoDiff": "compodiff/compodiff"}
    variants = {label: (name, FIRST_OF_CIRR.name) for label, name in names.items()}
    return compared(page, variants, cirr_images(page.scale), number, "Five queries of CIRR, every 144th.")


def _scenes(scale: str, kind: str) -> Callable[[Sequence[int]], UInt8[Tensor, "n 3 h w"]]:
    """Images of a kind's gallery by row, of the first seed."""
    return lambda rows: MIXED_CONDITIONS.images(MIXED_CONDITIONS.sizes[scale], kind, rows)
