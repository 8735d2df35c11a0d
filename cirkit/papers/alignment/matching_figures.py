"""SCAN's rows taken apart: the noise floor beside differences, Rsum by number of nouns and by what an image shows.

Cao et al. (2022), Figures 1 and 2, whose best and worst rows are scaled dot product and biased general*.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cirkit.encoders.text import words
from cirkit.evaluators.rsum import Rsum
from cirkit.experiments import records
from cirkit.experiments.bootstrap import estimate
from cirkit.experiments.experiment import Experiment
from cirkit.experiments.page import Page
from cirkit.experiments.records import Record
from cirkit.figures.breakdowns import only
from cirkit.figures.display import Display, stamp, waiting
from cirkit.figures.phrases import NOT_RUN, measured
from cirkit.figures.plots import COLOURS, STYLE
from cirkit.figures.reported import reported, rows_of
from cirkit.figures.tables import OURS, REPORTED, columns_of, styled
from cirkit.papers.alignment.alignment_claims import DIRECTIONS
from cirkit.papers.alignment.matching import DATASETS
from cirkit.papers.alignment.scores import EQUAL, ROWS
from cirkit.worlds.captions import STREAMS, world
from cirkit.worlds.scene import COLOURS as NAMES
from cirkit.worlds.scene import SHAPES

NOUNS = {form for shape in (*SHAPES, "thing") for form in (shape, f"{shape}s")}  # every noun of the captions but floor
LINES = {"scaled": "o-", "biased_star": "s-", "biased_star_released": "s--"}
LEAST = 20  # queries of all seeds, below which a group is not drawn
Kinds = Callable[[Sequence[str]], Sequence[str]]  # the captions of an image -> the groups that it belongs to


def noise_floor(page: Page, dataset: str, number: str) -> Display:
    """How far apart the three rows lie that are one function, and all eight: ours, and as reported, by column."""
    table = DATASETS[dataset].table
    rows, columns = rows_of(page, table), columns_of(page, table)
    if not any(records.done(each) for each in rows.values()):
        return waiting(page, number)
    kinds = {"three equal rows": [ROWS[name] for name in EQUAL], "all rows": list(rows)}
    cells: dict[tuple[str, str], list[str]] = {("", "column"): list(columns)}
    for kind, labels in kinds.items():
        spreads = []
        for column in columns.values():
            found = [one.mean for label in labels if (one := measured(rows[label], column)) is not None]
            spreads.append(f"{max(found) - min(found):.1f}" if len(found) > 1 else NOT_RUN)
        cells[OURS, kind] = spreads
    for kind, labels in kinds.items():
        printed = [reported(page.paper, table, head) for head in columns]
        levels = [[float(lines[label]) for label in labels if label in lines] for lines in printed]
        cells[REPORTED, kind] = [f"{max(each) - min(each):.1f}" for each in levels]
    caption = (
        "Largest minus smallest mean of a column: over cosine similarity, dot product and scaled dot product, which "
    )
    caption += "are one function in SCAN and differ by chance alone, and over all rows. Ours are means over seeds, the "
    caption += f"reported ones of one run. Ours: {stamp(list(rows.values()))}."
    return Display(styled(pd.DataFrame(cells)), number, caption, list(rows.values()))


@dataclass(frozen=True)
class Group:
    """The queries of a group, seed by seed, and how many there are."""

    name: str
    rows: Mapping[int, Sequence[int]]

    @property
    def count(self) -> int:
        return sum(map(len, self.rows.values()))


def nouns(caption: str) -> int:
    """How many words of a caption are nouns that name things."""
    return sum(word in NOUNS for word in words(caption))


def number_of_nouns(captions: Sequence[str]) -> list[str]:
    """Of a caption its nouns; of several captions, those of the one with the most, as the paper groups images."""
    return [str(max(map(nouns, captions)))]


def colours_shown(captions: Sequence[str]) -> list[str]:
    """The colours that an image's captions name: an image has several, as it has supercategories of COCO."""
    said = {word for caption in captions for word in words(caption)}
    return [name for name in NAMES if name in said]


def captions_of(experiment: Experiment, dataset: str, seed: int) -> list[tuple[str, ...]]:
    """The captions of each test image of a world, which records do not keep."""
    size = replace(next(iter(experiment.tests.values())).data.data.size, seed=seed)
    return world(size, "test", STREAMS[dataset])[1]


def groups(
    experiment: Experiment, dataset: str, test: str, seeds: Sequence[int], kinds: Kinds, by_caption: bool
) -> list[Group]:
    """The queries of a test by group; captions are grouped by themselves, or with their image."""
    found: dict[str, dict[int, list[int]]] = {}
    for seed in seeds:
        query = 0
        for mine in captions_of(experiment, dataset, seed):
            units = [[one] if by_caption else mine for one in mine] if test == "text_to_image" else [mine]
            for unit in units:
                for name in kinds(unit):
                    found.setdefault(name, {}).setdefault(seed, []).append(query)
                query += 1
    order = sorted(found, key=lambda name: (int(name),) if re.fullmatch(r"\d+", name) else (list(NAMES).index(name),))
    return [Group(name, found[name]) for name in order]


def by_nouns(page: Page, dataset: str, number: str) -> Display:
    """Figure 2: Rsum by the number of nouns of a caption, and by the most of an image's captions."""
    what = "nouns in the caption (image retrieval) or, at most, in an image's captions (sentence retrieval)"
    return _breakdown(page, dataset, number, partial(groups, kinds=number_of_nouns, by_caption=True), what)


def by_colour(page: Page, dataset: str, number: str) -> Display:
    """Figure 1: Rsum by what an image shows; colours stand for COCO's supercategories."""
    what = "colours that an image shows, which stand for COCO's supercategories"
    return _breakdown(page, dataset, number, partial(groups, kinds=colours_shown, by_caption=False), what)


def _breakdown(page: Page, dataset: str, number: str, group: Callable[..., list[Group]], what: str) -> Display:
    rows = {name: page.experiment(f"alignment/{dataset}/{name}") for name in LINES}
    runs = {name: records.done(each) for name, each in rows.items()}
    if page.scale == "paper" or not any(runs.values()):
        return waiting(page, number)
    seeds = sorted({run.seed for found in runs.values() for run in found})
    with rc_context(STYLE | {"axes.grid.axis": "y"}):
        figure = Figure(figsize=(7.4, 6.0), layout="constrained")
        for axes, (test, label) in zip(figure.subplots(2, 1), DIRECTIONS.items(), strict=True):
            found = [g for g in group(next(iter(rows.values())), dataset, test, seeds) if g.count >= LEAST]
            for (name, mark), colour in zip(LINES.items(), COLOURS, strict=False):
                _line(axes, runs[name], test, found, rows[name].row, mark, colour)
            axes.set_xticks(range(len(found)), [f"{each.name}\n({each.count})" for each in found])
            axes.set_title(label, fontsize=10, loc="left")
            axes.set_ylabel("Rsum")
            if found:
                axes.legend(fontsize=8, frameon=False)
            else:
                axes.text(0.5, 0.5, f"no group has {LEAST} queries", ha="center", transform=axes.transAxes)
    caption = (
        f"Rsum by {what}, with 95 % intervals; in brackets the queries of all seeds. Groups of fewer than {LEAST} "
    )
    caption += f"are left out. The gallery stays whole. {stamp(list(rows.values()))}."
    alt = "Two panels of lines, sentence and image retrieval: Rsum of three rows over the groups."
    return Display(figure, number, caption, list(rows.values()), alt)


def _line(
    axes: Axes, runs: Sequence[Record], test: str, found: Sequence[Group], label: str, mark: str, colour: str
) -> None:
    """One row's level in each group."""
    places, means, low, high = [], [], [], []
    for place, each in enumerate(found):
        mine = only(runs, test, [each.rows.get(run.seed, ()) for run in runs])
        if mine:
            level = estimate(mine, test, Rsum())
            places.append(place)
            means.append(level.mean)
            low.append(level.mean - level.low)
            high.append(level.high - level.mean)
    if places:
        axes.errorbar(places, means, yerr=np.array([low, high]), fmt=mark, color=colour, label=label, ms=4, capsize=2)
