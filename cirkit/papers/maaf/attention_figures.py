"""Attention, drawn: mean maps of words, a whole matrix, what words ignore, heads, and measured differences.

MAAF §4, Figures 3 to 6, from the exhibits of `word_attention` and `part_attention`; None stands for one not made yet.
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
from cirkit.experiments.artifacts import unpacked
from cirkit.experiments.bootstrap import Interval
from cirkit.experiments.claims import Attention
from cirkit.experiments.experiment import Experiment
from cirkit.experiments.records import Record
from cirkit.figures.images import images_row
from cirkit.figures.phrases import NOT_RUN, provenance
from cirkit.figures.plots import COLOURS, STYLE
from cirkit.papers.maaf.part_attention import pairs
from cirkit.papers.maaf.word_attention import questions, standing
from cirkit.worlds import css, fashioniq
from cirkit.worlds.render import render
from cirkit.worlds.scene import PLACES, Scene

PLAIN = STYLE | {"axes.grid": False, "axes.spines.left": False, "axes.spines.bottom": False}
FEW, MANY = 10, 200  # paper (Figure 6, S3, S1): pictures that a mean is taken over
EDGES = (0, 1, 1, 0)  # left, right, bottom, top: maps and pictures cover one square, whatever their resolutions
CONTROLS = {  # what a word's weight on what it speaks of is compared with
    "elsewhere": "its weight elsewhere in the picture",
    "mask": "its weight on another thing",
    "word": "another word's weight there",
    "stranger": "weight there of a like word that is wrong",
}
MARKS = "osD^"
Found = Mapping[tuple[str, str], Interval]  # by class of word and control


def middles(size: css.Size) -> dict[str, tuple[float, float]]:
    """Where each place is seen, across and down as shares of the picture: the middle of a large cube there."""
    seen = render([standing(Scene(()), place) for place in PLACES], size.image).owner == 0  # (9, h, w)
    points = [((mask.nonzero().double().mean(0) + 0.5) / size.image).tolist() for mask in seen]
    return {place: (across, down) for place, (down, across) in zip(PLACES, points, strict=True)}


def kept(experiment: Experiment, exhibit: str) -> dict[str, Any] | None:
    """What the first seed of an experiment keeps under a name, or None where today's declaration has left none."""
    found = (records.exhibited(run, exhibit) for run in records.done(experiment) if run.seed == experiment.seeds[0])
    return next(found, None)


def place_maps(content: Mapping[str, Any] | None, size: css.Size | None) -> Figure:
    """Figure 3: each place word's mean map, white for larger weights, and a ring at the place it names.

    Greys span each map's own range, given below it in multiples of an even spread. `size` is the world's.
    """
    if content is None or size is None:
        return _nothing()
    where = middles(size)
    with rc_context(PLAIN):
        figure = Figure(figsize=(6, 6.6), layout="constrained")
        for axes, word in zip(figure.subplots(3, 3).flat, PLACES, strict=True):
            entry = content["places"].get(word)
            _bare(axes, f"{word}\nnever said" if entry is None else word)
            if entry is not None:
                map = np.reshape(entry["map"], content["grid"])  # (rows, columns)
                map = map / map.mean()
                axes.imshow(map, cmap="gray", extent=EDGES, interpolation="nearest")
                axes.plot(*where[word], "o", ms=17, mfc="none", mec="white", mew=4)  # seen on black and on white
                axes.plot(*where[word], "o", ms=17, mfc="none", mec=COLOURS[3], mew=2)
                _bare(axes, f"{word}\n{map.min():.2f} to {map.max():.2f}")
    return figure


def matrix(content: Mapping[str, Any] | None, size: css.Size | None) -> Figure:
    """Figure 4: who gathers from whom in one query; below, its words' rows laid over the reference picture.

    Of a row, the last resolution is shown, in multiples of an even spread.
    """
    if content is None or size is None:
        return _nothing()
    one = content["matrix"]
    (picture,) = css.images(size, "test", [questions(size)[one["query"]].row])
    weights, words, grids = unpacked(one["weights"]), one["words"], one["grids"]  # weights: (i, i)
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
        axes.set_ylabel("this token gathers …")
        axes.set_xlabel("… so much from this token")
        first, *rest = below.subplots(1, 1 + len(words), squeeze=False)[0]
        first.imshow(picture.permute(1, 2, 0).numpy(), extent=EDGES)  # (h, w, 3)
        _bare(first, "reference")
        for axes, word, row in zip(rest, words, weights[ends[-1] :], strict=True):
            map = np.reshape(row[ends[-2] : ends[-1]], grids[-1])  # (rows, columns)
            _over(axes, picture, map / map.mean())
            _bare(axes, word)
    return figure


def ignored_pictures(content: Mapping[str, Any] | None, words: Sequence[str]) -> Figure:
    """Figure 5: what each colour word ignores and, below, the mean of the same pictures as they are.

    Both less the like mean over all colour words, so grey is nothing special; one contrast for each row.
    """
    if content is None:
        return _nothing()
    rows = {"ignored": "times one minus\nattention", "present": "as they are,\nno attention"}
    with rc_context(PLAIN):
        figure = Figure(figsize=(1.05 * len(words) + 1.2, 2.9), layout="constrained")
        panels = figure.subplots(len(rows), len(words), squeeze=False)
        for line, (key, label) in zip(panels, rows.items(), strict=True):
            shown = {word: unpacked(each[key]) for word, each in content["colours"].items()}  # (3, h, w) each
            most = max((float(np.abs(each).max()) for each in shown.values()), default=1.0) or 1.0
            for axes, word in zip(line, words, strict=True):
                if word in shown:
                    axes.imshow(0.5 + np.moveaxis(shown[word], 0, -1) / (2 * most), interpolation="nearest")
                _bare(axes, word if key == "present" else "")
            line[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9)
    return figure


def head_maps(content: Mapping[str, Any] | None, size: fashioniq.Size | None, words: Sequence[str]) -> Figure:
    """Figure 6: each head's mean map (rows) for each class of words (columns), over the mean of its first references.

    The number below a map is the mean weight on the part less that elsewhere.
    """
    if content is None or size is None:
        return _nothing()
    pictures = {}
    for about in words:
        rows = [pairs(size)[query].row for query in content["values"][about]["query"][:MANY]]
        pictures[about] = fashioniq.images(size, "val", rows).double().mean(0)  # (3, h, w)
    heads = len(next(iter(content["heads"].values())))
    with rc_context(PLAIN):
        figure = Figure(figsize=(1.7 * len(pictures) + 1.2, 1.9 * heads + 0.2), layout="constrained")
        panels = figure.subplots(heads, len(pictures), squeeze=False)
        for column, (about, picture) in zip(panels.T, pictures.items(), strict=True):
            column[0].set_title(f"“{about}”", fontsize=10)
            for axes, map, own in zip(column, content["maps"][about], content["heads"][about], strict=True):
                drawn = _over(axes, picture, np.reshape(map, content["grid"]))
                _bare(axes, f"{own:+.2f}")
        for head, axes in enumerate(panels[:, 0], 1):
            axes.set_ylabel(f"head {head}", fontsize=9)
        figure.colorbar(drawn, ax=panels, shrink=0.5, extend="max", label="weight, in multiples of an even spread")
    return figure


def category_means(size: fashioniq.Size | None) -> Figure:
    """Figure S1: the mean of the first ten and of the first 200 pictures of each category."""
    if size is None:
        return _nothing()
    means, captions, start = [], [], 0
    for category in CATEGORIES:
        count = len(fashioniq.world(size)[category, "val"].garments)
        for most in (FEW, MANY):
            rows = range(start, start + min(most, count))
            means.append(fashioniq.images(size, "val", rows).double().mean(0).round().byte())
            captions.append(f"{category},\nfirst {len(rows)}")
        start += count
    return images_row(torch.stack(means), captions, width=1.2)


def measured(runs: Sequence[Record], exhibit: str, words: Sequence[str]) -> Found:
    """How much more each class of words weighs what it speaks of than each control has it, where both were kept.

    `runs` are seeds of one experiment; nothing is measured unless each has its exhibit.
    """
    contents = [records.exhibited(run, exhibit) for run in runs]
    if not contents or not all(contents):
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


def differences(experiments: Mapping[str, Experiment], exhibit: str, words: Sequence[str]) -> Figure:
    """A panel per experiment, by its title: each class of words against each control, seeds as dots, 95 % intervals.

    Left of zero, words look less at what they speak of than the control has it.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(7.4, (0.5 + 0.42 * len(words)) * len(experiments) + 0.6), layout="constrained")
        panels = figure.subplots(len(experiments), 1, squeeze=False)[:, 0]
        for axes, (title, experiment) in zip(panels, experiments.items(), strict=True):
            runs = records.done(experiment)
            found, alone = measured(runs, exhibit, words), [measured([run], exhibit, words) for run in runs]
            seeds = max((interval.seeds for interval in found.values()), default=0)
            axes.set_title(
                f"{title} ({provenance(experiment.basis, experiment.scale, seeds)})", fontsize=10, loc="left"
            )
            axes.axvline(0, color="black", lw=1)
            for number, (than, colour, mark) in enumerate(zip(CONTROLS, COLOURS, MARKS, strict=False)):
                for line, word in enumerate(words):
                    if (interval := found.get((word, than))) is not None:
                        y = line + (number - 1.5) * 0.18
                        axes.plot([interval.low, interval.high], [y, y], color=colour, lw=2, alpha=0.45)
                        axes.plot([each[word, than].mean for each in alone], [y] * len(alone), ".", color=colour, ms=4)
                        look = {"color": colour, "ms": 5, "mec": "white", "mew": 0.5}
                        axes.plot(interval.mean, y, mark, **look, label=f"less {CONTROLS[than]}")
            axes.set_yticks(range(len(words)), words)
            axes.set_ylim(len(words) - 0.5, -0.5)
            axes.set_xlabel("difference, in multiples of an even spread", fontsize=9)
            if not found:
                axes.set_xticks([])
                axes.annotate(NOT_RUN, (0.5, 0.5), xycoords="axes fraction", ha="center", color="0.35")
        told = [zip(*axes.get_legend_handles_labels(), strict=True) for axes in panels]
        if handles := {label: handle for each in told for handle, label in each}:
            look = {"loc": "outside lower center", "ncols": 2, "frameon": False, "fontsize": 9}
            figure.legend(handles.values(), handles.keys(), **look)
    return figure


def _nothing() -> Figure:
    """In place of a figure whose exhibit no run has left yet."""
    with rc_context(PLAIN):
        figure = Figure(figsize=(6, 1))
        figure.text(0.5, 0.5, NOT_RUN, ha="center", va="center", color="0.35")
    return figure


def _bare(axes: Axes, caption: str) -> None:
    axes.set_xticks([], [])
    axes.set_yticks([], [])
    axes.set_xlabel(caption, fontsize=9)


def _over(axes: Axes, picture: Tensor, map: Float[np.ndarray, "rows columns"]) -> Any:
    """The map, in multiples of an even spread, over the picture in grey; both fill the square."""
    axes.imshow(picture.float().mean(0).numpy(), cmap="gray", vmin=0, vmax=255, extent=EDGES)  # (h, w)
    return axes.imshow(map, cmap="RdBu_r", vmin=0, vmax=2, alpha=0.6, extent=EDGES, interpolation="nearest")
