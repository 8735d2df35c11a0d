"""Attention figures: mean maps of words, a whole matrix, what words ignore, heads, and measured differences.

MAAF §4, Figures 3 to 6 and S1, from the exhibits of `word_attention` and `part_attention`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from cirkit.benchmarks.fashioniq_protocols import CATEGORIES
from cirkit.experiments import records
from cirkit.experiments.artifacts import unpack
from cirkit.experiments.bootstrap import Interval
from cirkit.experiments.claims import Attention
from cirkit.experiments.experiment import Experiment
from cirkit.experiments.page import Page
from cirkit.experiments.records import Record
from cirkit.figures.display import Display, stamp, waiting
from cirkit.figures.first_seed import content_of
from cirkit.figures.images import images_row
from cirkit.figures.phrases import provenance
from cirkit.figures.plots import COLOURS, STYLE
from cirkit.papers.maaf.part_attention import pairs
from cirkit.papers.maaf.word_attention import questions, standing
from cirkit.worlds import css, fashioniq
from cirkit.worlds.render import render
from cirkit.worlds.scene import PLACES, Scene

PLAIN = STYLE | {"axes.grid": False, "axes.spines.left": False, "axes.spines.bottom": False}
FEW, MANY = 10, 200  # paper (Figure 6, S3, S1): images that a mean is taken over
EDGES = (0, 1, 1, 0)  # left, right, bottom, top: maps and images cover one square, whatever their resolutions
CONTROLS = {  # what a word's attention to what it refers to is compared with
    "elsewhere": "its attention elsewhere in the image",
    "mask": "its attention to another object",
    "word": "another word's attention there",
    "mismatched_word": "that of a mismatched word of the same class there",
}
LABELS = {"place": "position", "empty place": "empty position"}  # as a page calls a class of words
MARKS = "osD^"
UNIT = "× uniform attention"


def middles(size: css.Size) -> dict[str, tuple[float, float]]:
    """Where each position is seen, across and down as shares of the image: the middle of a large cube there."""
    seen = render([standing(Scene(()), place) for place in PLACES], size.image).owner == 0  # (9, h, w)
    points = [((mask.nonzero().double().mean(0) + 0.5) / size.image).tolist() for mask in seen]
    return {place: (across, down) for place, (down, across) in zip(PLACES, points, strict=True)}


def size_of(experiment: Experiment, exhibit: str) -> Any:
    """The size of the world that an exhibit is drawn from; None where the experiment has no such exhibit."""
    kept = [each for exhibits in experiment.exhibits.values() for each in exhibits if each.name == exhibit]
    return kept[0].size if kept else None


def position_maps(page: Page, name: str, number: str) -> Display:
    """Figure 3: each position word's mean map, white for larger weights, and a ring at the position it names.

    Greys span each map's own range, given below it in multiples of uniform attention.
    """
    experiment = page.experiment(name)
    content = content_of(experiment, "maps")
    if content is None:
        return waiting(page, number)
    where = middles(size_of(experiment, "maps"))
    with rc_context(PLAIN):
        figure = Figure(figsize=(6, 6.6), layout="constrained")
        for axes, word in zip(figure.subplots(3, 3).flat, PLACES, strict=True):
            entry = content["places"].get(word)
            if entry is None:
                axes.set_axis_off()
                axes.text(0.5, 0.5, f"{word}\nin no text", ha="center", va="center", fontsize=9)
            else:
                map = np.reshape(entry["map"], content["grid"])  # (rows, columns)
                map = map / map.mean()
                axes.imshow(map, cmap="gray", extent=EDGES, interpolation="nearest")
                axes.plot(*where[word], "o", ms=17, mfc="none", mec="white", mew=4)  # seen on black and on white
                axes.plot(*where[word], "o", ms=17, mfc="none", mec=COLOURS[3], mew=2)
                _bare(axes, f"{word}\n{map.min():.2f} to {map.max():.2f}")
    caption = "Mean attention of each position word to the reference image, over all test queries whose text has it, "
    caption += "averaged over heads; larger weights are whiter, the ring marks the position that the word names. "
    caption += f"Below each map its smallest and its largest weight ({UNIT}). First seed; {stamp([experiment])}."
    alt = "Nine grey maps, one per position word, each with a ring at the position named."
    return Display(figure, number, caption, [experiment], alt)


def matrix(page: Page, name: str, number: str) -> Display:
    """Figure 4: which token attends to which in one query; below, its words' rows laid over the reference image.

    Of a row, the last resolution is shown, in multiples of uniform attention.
    """
    experiment = page.experiment(name)
    content = content_of(experiment, "maps")
    if content is None:
        return waiting(page, number)
    one, size = content["matrix"], size_of(experiment, "maps")
    (picture,) = css.images(size, "test", [questions(size)[one["query"]].row])
    weights, words, grids = unpack(one["weights"]), one["words"], one["grids"]  # weights: (i, i)
    ends = np.cumsum([0, *(height * width for height, width in grids)])
    names = [f"image tokens,\n{height} × {width}" for height, width in grids]
    with rc_context(PLAIN):
        figure = Figure(figsize=(7, 7.6), layout="constrained")
        above, below = figure.subfigures(2, 1, height_ratios=(3.6, 1))
        axes = above.subplots()
        drawn = axes.imshow(weights, cmap="viridis", vmin=0, interpolation="nearest")
        above.colorbar(drawn, ax=axes, shrink=0.8, label="weight, averaged over heads")
        for end in ends[1:]:
            axes.axhline(end - 0.5, color="white", lw=2.5)
            axes.axvline(end - 0.5, color="white", lw=2.5)
        spots = [*(ends[:-1] + ends[1:]) / 2 - 0.5, *range(ends[-1], ends[-1] + len(words))]
        axes.set_yticks(spots, [*names, *words])
        axes.set_xticks(spots, [*names, *words], rotation=45, ha="right", rotation_mode="anchor")
        axes.set_ylabel("this token attends …")
        axes.set_xlabel("… to this token")
        first, *rest = below.subplots(1, 1 + len(words), squeeze=False)[0]
        first.imshow(picture.permute(1, 2, 0).numpy(), extent=EDGES)  # (h, w, 3)
        _bare(first, "reference")
        for axes, word, row in zip(rest, words, weights[ends[-1] :], strict=True):
            map = np.reshape(row[ends[-2] : ends[-1]], grids[-1])  # (rows, columns)
            _over(axes, picture, map / map.mean())
            _bare(axes, word)
    caption = (
        "Attention among all tokens of one query, averaged over heads. Below, the rows of its words laid over the "
    )
    caption += f"reference image: red is above uniform attention, blue below. First seed; {stamp([experiment])}."
    alt = "A matrix of weights among image and word tokens; below it a reference image and a map per word."
    return Display(figure, number, caption, [experiment], alt)


def ignored_images(page: Page, name: str, words: Sequence[str], number: str) -> Display:
    """Figure 5: what each colour word ignores and, below, the mean of the same images as they are.

    Both minus the same mean over all colour words, so grey is nothing special; one contrast for each row.
    """
    experiment = page.experiment(name)
    content = content_of(experiment, "maps")
    if content is None:
        return waiting(page, number)
    words = [word for word in words if word in content["colours"]]
    rows = {"ignored": "times one minus\nattention", "present": "as they are,\nno attention"}
    with rc_context(PLAIN):
        figure = Figure(figsize=(1.05 * len(words) + 1.2, 2.9), layout="constrained")
        panels = figure.subplots(len(rows), len(words), squeeze=False)
        for line, (key, label) in zip(panels, rows.items(), strict=True):
            shown = {word: unpack(each[key]) for word, each in content["colours"].items()}  # (3, h, w) each
            most = max(float(np.abs(each).max()) for each in shown.values()) or 1.0
            for axes, word in zip(line, words, strict=True):
                axes.imshow(0.5 + np.moveaxis(shown[word], 0, -1) / (2 * most), interpolation="nearest")
                _bare(axes, word if key == "present" else "")
            line[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9)
    caption = (
        "Above, as in the paper: the mean, over queries in which a colour word describes an object, of the reference "
    )
    caption += "image times one minus the word's attention. Below, our control: the same images without attention. "
    caption += f"From both, the mean over all colour words is subtracted. First seed; {stamp([experiment])}."
    alt = "Two rows of mean images, a column per colour word: dimmed by attention, and as they are."
    return Display(figure, number, caption, [experiment], alt)


def head_maps(page: Page, name: str, words: Sequence[str], number: str) -> Display:
    """Figure 6: each head's mean map (rows) for each class of words (columns), over the mean of its first references.

    The number below a map is the mean weight on the part minus that elsewhere.
    """
    experiment = page.experiment(name)
    content = content_of(experiment, "parts")
    if content is None:
        return waiting(page, number)
    size, means = size_of(experiment, "parts"), {}
    for about in words:
        rows = [pairs(size)[query].row for query in content["values"][about]["query"][:MANY]]
        means[about] = fashioniq.images(size, "val", rows).double().mean(0)  # (3, h, w)
    heads = len(next(iter(content["heads"].values())))
    with rc_context(PLAIN):
        figure = Figure(figsize=(1.7 * len(means) + 1.2, 1.9 * heads + 0.2), layout="constrained")
        panels = figure.subplots(heads, len(means), squeeze=False)
        for column, (about, mean) in zip(panels.T, means.items(), strict=True):
            column[0].set_title(f"“{about}”", fontsize=10)
            for axes, map, own in zip(column, content["maps"][about], content["heads"][about], strict=True):
                drawn = _over(axes, mean, np.reshape(map, content["grid"]))
                _bare(axes, f"{own:+.2f}")
        for head, axes in enumerate(panels[:, 0], 1):
            axes.set_ylabel(f"head {head}", fontsize=9)
        figure.colorbar(drawn, ax=panels, shrink=0.5, extend="max", label=f"weight, {UNIT}")
    caption = "Mean attention of each head and word over the mean of the reference images: red is above uniform "
    caption += "attention, blue below. The number is the mean weight on the part that the word is about, minus that "
    caption += f"elsewhere ({UNIT}). First seed; {stamp([experiment])}."
    alt = f"A map per head and word ({', '.join(words)}) over mean images of garments."
    return Display(figure, number, caption, [experiment], alt)


def category_means(page: Page, name: str, number: str) -> Display:
    """Figure S1: the mean of the first ten and of the first 200 images of each category."""
    size = size_of(page.experiment(name), "parts")
    if size is None:
        return waiting(page, number)
    means, captions, start = [], [], 0
    for category in CATEGORIES:
        count = len(fashioniq.world(size)[category, "val"].garments)
        for most in (FEW, MANY):
            rows = range(start, start + min(most, count))
            means.append(fashioniq.images(size, "val", rows).double().mean(0).round().byte())
            captions.append(f"{category},\nfirst {len(rows)}")
        start += count
    caption = "Mean of the first few and of the first many images of each category of the validation split (world)."
    alt = f"Mean images of {', '.join(CATEGORIES)}."
    return Display(images_row(torch.stack(means), captions, width=1.2), number, caption, alt=alt)


def measured(runs: Sequence[Record], exhibit: str, words: Sequence[str]) -> dict[tuple[str, str], Interval]:
    """By class of words and control: how much more a word attends to what it refers to than the control has it.

    `runs` are seeds of one experiment; those that have the exhibit count, and what every one of these has is measured.
    """
    contents = [content for run in runs if (content := records.exhibited(run, exhibit))]
    if not contents:
        return {}
    return {
        (word, than): Attention(runs[0].name, word, than=than, exhibit=exhibit)({runs[0].name: list(runs)})
        for word in words
        for than in CONTROLS
        if all(_has(content["values"], word, than) for content in contents)
    }


def _has(values: Mapping[str, Any], word: str, than: str) -> bool:
    """Whether an exhibit has the control of a class, for one query at least."""
    column = values.get(word, {})
    return bool(column) and (than == "elsewhere" or any(each is not None for each in column.get(than, ())))


def differences(page: Page, names: Mapping[str, str], exhibit: str, words: Sequence[str], number: str) -> Display:
    """A panel per experiment (its name by title): each class of words minus each control, seeds as dots, intervals.

    Left of zero, words attend less to what they refer to than the control has it. A panel says how many of its seeds
    have the exhibit; an experiment of which none has it gets no panel, and the caption says so.
    """
    experiments = {title: page.experiment(name) for title, name in names.items()}
    found = {title: measured(records.done(each), exhibit, words) for title, each in experiments.items()}
    shown = {title: each for title, each in experiments.items() if found[title]}
    if not shown:
        return waiting(page, number)
    with rc_context(STYLE):
        figure = Figure(figsize=(7.4, (0.5 + 0.42 * len(words)) * len(shown) + 0.6), layout="constrained")
        panels = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
        for axes, (title, experiment) in zip(panels, shown.items(), strict=True):
            _panel(axes, experiment, title, found[title], exhibit, words)
        told = [zip(*axes.get_legend_handles_labels(), strict=True) for axes in panels]
        handles = {label: handle for each in told for handle, label in each}
        look = {"loc": "outside lower center", "ncols": 2, "frameon": False, "fontsize": 9}
        figure.legend(handles.values(), handles.keys(), **look)
    caption = "Mean attention of a word to what it refers to minus a control, by class of words; dots are seeds, lines "
    caption += "95 % intervals. Left of zero, words attend less to what they refer to than the control has it."
    if missing := [title for title in experiments if title not in shown]:
        caption += f" No exhibit yet: {', '.join(missing)}."
    alt = f"Differences with intervals by class of words and control; panels: {', '.join(shown)}."
    return Display(figure, number, caption, list(shown.values()), alt)


def _panel(
    axes: Axes,
    experiment: Experiment,
    title: str,
    found: Mapping[tuple[str, str], Interval],
    exhibit: str,
    words: Sequence[str],
) -> None:
    runs = records.done(experiment)
    alone = [one for run in runs if (one := measured([run], exhibit, words))]
    source = provenance(experiment.basis, experiment.scale, len(alone))
    if len(alone) < len(runs):
        source += f" of {len(runs)}"
    axes.set_title(f"{title} ({source})", fontsize=10, loc="left")
    axes.axvline(0, color="black", lw=1)
    for number, (than, colour, mark) in enumerate(zip(CONTROLS, COLOURS, MARKS, strict=False)):
        for line, word in enumerate(words):
            if (interval := found.get((word, than))) is not None:
                y = line + (number - 1.5) * 0.18
                axes.plot([interval.low, interval.high], [y, y], color=colour, lw=2, alpha=0.45)
                axes.plot([each[word, than].mean for each in alone], [y] * len(alone), ".", color=colour, ms=4)
                look = {"color": colour, "ms": 5, "mec": "white", "mew": 0.5}
                axes.plot(interval.mean, y, mark, **look, label=f"minus {CONTROLS[than]}")
    axes.set_yticks(range(len(words)), [LABELS.get(word, word) for word in words])
    axes.set_ylim(len(words) - 0.5, -0.5)
    axes.set_xlabel(f"difference, {UNIT}", fontsize=9)


def _bare(axes: Axes, caption: str) -> None:
    axes.set_xticks([], [])
    axes.set_yticks([], [])
    axes.set_xlabel(caption, fontsize=9)


def _over(axes: Axes, picture: Tensor, map: Float[np.ndarray, "rows columns"]) -> Any:
    """The map, in multiples of uniform attention, over the image in grey; both fill the square."""
    axes.imshow(picture.float().mean(0).numpy(), cmap="gray", vmin=0, vmax=255, extent=EDGES)  # (h, w)
    return axes.imshow(map, cmap="RdBu_r", vmin=0, vmax=2, alpha=0.6, extent=EDGES, interpolation="nearest")
