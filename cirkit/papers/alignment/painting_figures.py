"""Painted birds under two scores, stage by stage, with the five words that their places attend to most.

Cao et al. (2022), Figures 16 to 19, from the exhibits of `painting_exhibits`.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cirkit.experiments import records
from cirkit.experiments.artifacts import unpack
from cirkit.experiments.bootstrap import overall
from cirkit.experiments.experiment import Experiment
from cirkit.experiments.page import Page
from cirkit.figures.display import Display, stamp, waiting
from cirkit.figures.first_seed import content_of
from cirkit.papers.alignment.alignment_figures import PLAIN
from cirkit.papers.alignment.painting_exhibits import FIVE
from cirkit.papers.alignment.painting_rows import FID, PAINTED

SHADE = 0.75  # of what no place attends to


def best_and_worst(rows: Sequence[Experiment]) -> list[Experiment]:
    """The rows of the lowest and of the highest FID by our records, among those that left examples."""
    levels = {
        each.name: np.mean([overall(run.evidence[FID.test], FID.measure) for run in records.done(each)])
        for each in rows
        if records.done(each) and content_of(each, "painted")
    }
    order = sorted((each for each in rows if each.name in levels), key=lambda each: levels[each.name])
    return [order[0], order[-1]] if len(order) > 1 else order


def painted_birds(page: Page, number: str, example: int = 0) -> Display:
    """One caption: what the best and the worst row paint at every stage, and which words their places attend to."""
    every = [page.experiment(f"alignment/cub/{name}") for name in PAINTED]
    rows = best_and_worst(every)
    if not rows:
        return waiting(page, number)
    lines = {each.row: content_of(each, "painted")["captions"] for each in rows}
    first = next(iter(lines.values()))
    found = {label: captions[example % len(first)] for label, captions in lines.items()}
    figure = _figure(found)
    text = next(iter(found.values()))["text"]
    caption = f"“{text}” Left: images of every stage; right: the {FIVE} words that places attend to most, and where; "
    caption += "dark is little. The word's number in the caption stands before it. Rows: lowest and highest FID. "
    caption += f"First seed; {stamp(rows)}."
    alt = "Painted birds of two scores, and maps of what the places of the last stage attend to."
    return Display(figure, number, caption, rows, alt)


def _figure(found: Mapping[str, dict[str, Any]]) -> Figure:
    """A line for each score and finer stage."""
    stages = len(next(iter(found.values()))["attention"])
    pictures = len(next(iter(found.values()))["images"])
    with rc_context(PLAIN):
        size = (1.25 * (pictures + FIVE) + 1.4, 1.45 * len(found) * stages)
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(len(found) * stages, pictures + FIVE, squeeze=False)
        for place, (label, one) in enumerate(found.items()):
            for stage, held in enumerate(one["attention"]):
                line = panels[place * stages + stage]
                for axes, image in zip(line, one["images"] if stage == 0 else (), strict=False):
                    axes.imshow(pixels(image))
                    axes.set_title(f"{pixels(image).shape[0]} pixels", fontsize=8)
                painted = pixels(one["images"][stage + 1])
                for axes, map, word in zip(line[pictures:], unpack(held["maps"]), held["first"], strict=False):
                    _attended(axes, painted, map)
                    axes.set_title(f"{word}:{one['words'][word]}", fontsize=8)
                line[0].set_ylabel(label if stage == 0 else "", rotation=0, ha="right", va="center", fontsize=9)
        for axes in panels.flat:
            axes.set_xticks([], [])
            axes.set_yticks([], [])
    return figure


def _attended(axes: Axes, image: np.ndarray, map: np.ndarray) -> None:
    """The image, dark where few places of the map attend to the word; the map spreads from its least to its most."""
    spread = (map - map.min()) / max(float(map.max() - map.min()), 1e-9)
    times = image.shape[0] // spread.shape[0]
    light = 1 - SHADE + SHADE * np.kron(spread, np.ones((times, times)))
    axes.imshow((image * light[..., None]).astype(np.uint8))


def pixels(image: str) -> np.ndarray:
    """An image in base64 as height, width and colours."""
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(base64.b64decode(image))).convert("RGB"))
