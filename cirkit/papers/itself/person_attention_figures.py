"""Attention on people: maps over images, the weight on what a caption names with intervals, entropy of each layer.

ITSELF Figures 5 and 7 (left) and its supplement, Figure 5, from the exhibits of `person_attention`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from cirkit.experiments import records
from cirkit.experiments.artifacts import unpack
from cirkit.experiments.claims import Attention
from cirkit.experiments.experiment import Experiment
from cirkit.experiments.page import Page
from cirkit.figures.display import Display, stamp, waiting
from cirkit.figures.first_seed import content_of
from cirkit.figures.plots import COLOURS, STYLE
from cirkit.papers.itself.person_attention import CLASSES, HALF, MAPS
from cirkit.papers.itself.person_figures import images_of

PLAIN = STYLE | {"axes.grid": False}
LABELS = {"last": "last layer", "layer_3": "layer 3", "mars": "MARS", "gradcam": "Grad-CAM, with the caption"}
MARKS = "os^Dvp"
UNIT = "× uniform attention"
EDGES = (0, 1, 1, 0)
NAME = "attention"


def maps(page: Page, shown: Sequence[tuple[str, str, str]], number: str, people: int = 3) -> Display:
    """The same people and captions under several maps; `shown` are a title, an experiment and one of `MAPS` each.

    Red is above uniform attention, blue below.
    """
    rows = {name: page.experiment(name) for _, name, _ in shown}
    found = {name: kept for name, each in rows.items() if (kept := content_of(each, NAME)) is not None}
    columns = [each for each in shown if each[1] in found]
    if not columns:
        return waiting(page, number)
    first = next(iter(found.values()))
    examples = first["examples"][:people]
    seed = next(iter(rows.values())).seeds[0]
    images = images_of(page.scale, "rstp", seed, [each["image"] for each in examples])
    with rc_context(PLAIN):
        figure = Figure(figsize=(1.15 * (1 + len(columns)), 2.6 * len(examples) + 0.4), layout="constrained")
        panels = figure.subplots(len(examples), 1 + len(columns), squeeze=False)
        for line, example, image, place in zip(panels, examples, images, range(len(examples)), strict=True):
            _bare(line[0], f"{place + 1}")
            line[0].imshow(image.permute(1, 2, 0).numpy(), extent=EDGES, aspect="auto")  # (h, w, 3)
            for axes, (title, name, map) in zip(line[1:], columns, strict=True):
                kept = next(each for each in found[name]["examples"] if each["query"] == example["query"])
                drawn = _over(axes, image, unpack(kept["maps"][map]), found[name]["grid"])
                _bare(axes, title if place == 0 else "")
        figure.colorbar(drawn, ax=panels, shrink=0.5, extend="max", label=f"weight, {UNIT}")
    says = " ".join(f"{place + 1}: {example['text']}" for place, example in enumerate(examples))
    caption = (
        "People and captions that name small things, the first of those kept, under each map. Maps of attention have "
        f"not read the caption; Grad-CAM has. First seed; {stamp([rows[name] for name in found])}. {says}"
    )
    alt = f"{len(examples)} people, each as an image and under {len(columns)} maps of attention."
    return Display(figure, number, caption, [rows[name] for name in found], alt)


def shares(page: Page, names: Mapping[str, str], number: str, classes: Sequence[str] = tuple(CLASSES)[:2]) -> Display:
    """For each map and experiment: the weight on named parts, and on litter, less that elsewhere; with intervals."""
    rows = _kept(page, names)
    if not rows:
        return waiting(page, number)
    with rc_context(STYLE):
        figure = Figure(figsize=(7.4, 0.7 + 0.36 * len(MAPS) * len(rows)), layout="constrained")
        panels = figure.subplots(1, len(classes), sharey=True, squeeze=False)[0]
        lines = [(label, each, map) for label, each in rows.items() for map in MAPS]
        for axes, word in zip(panels, classes, strict=True):
            for y, (_, each, map) in enumerate(lines):
                for shift, of, colour in ((-0.14, map, COLOURS[0]), (0.14, f"{map}_litter", COLOURS[1])):
                    _interval(axes, y + shift, each, Attention(each.name, word, exhibit=NAME, of=of), colour)
            axes.axvline(0, color="0.4", ls=":", lw=1.2)
            axes.set_title(f"captions that name {word}", fontsize=9)
            axes.set_xlabel(UNIT, fontsize=8)
        _named(panels[0], lines)
        handles = [axes.plot([], [], "o", color=colour)[0] for colour in COLOURS[:2]]
        figure.legend(
            handles, ["what is named", "litter"], loc="outside lower center", ncols=2, frameon=False, fontsize=8
        )
    caption = (
        "Mean weight of a map on what the caption names, and on litter in the colours and shapes of small things, less "
        f"that elsewhere; dots are seeds, lines 95 % intervals. {stamp(list(rows.values()))}."
    )
    alt = "A line per model and map: the weight on named parts and on litter, with intervals."
    return Display(figure, number, caption, list(rows.values()), alt)


def recalls(page: Page, names: Mapping[str, str], number: str) -> Display:
    """How much of the named small things lies in the better half of the patches, by map and experiment."""
    rows = _kept(page, names)
    if not rows:
        return waiting(page, number)
    with rc_context(STYLE):
        figure = Figure(figsize=(7, 0.8 + 0.3 * len(MAPS) * len(rows)), layout="constrained")
        axes = figure.subplots()
        lines = [(label, each, map) for label, each in rows.items() for map in MAPS]
        for y, (_, each, map) in enumerate(lines):
            quantity = Attention(each.name, "small things", exhibit=NAME, of=f"{map}_recall")
            _interval(axes, float(y), each, quantity, COLOURS[0])
        axes.axvline(HALF, color="0.4", ls=":", lw=1.2)
        _named(axes, lines)
        axes.set_xlabel("share of the named small things' area in the better half of the patches", fontsize=8)
    caption = (
        f"What a selection of half of the patches holds of the small things that a caption names; dotted: any half. "
        f"{stamp(list(rows.values()))}."
    )
    alt = "A line per model and map: the share of small things in the better half of the patches."
    return Display(figure, number, caption, list(rows.values()), alt)


def entropy(page: Page, names: Mapping[str, str], number: str) -> Display:
    """Entropy of the class token's attention among patches in each block, and of all tokens', a line per experiment."""
    rows = _kept(page, names)
    if not rows:
        return waiting(page, number)
    with rc_context(STYLE | {"axes.grid.axis": "y"}):
        figure = Figure(figsize=(7.4, 2.9), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        for axes, who in zip(panels, ("class token", "all tokens"), strict=True):
            for mark, colour, (label, each) in zip(MARKS, COLOURS, rows.items(), strict=False):
                every = [_content(run)["entropy"][who] for run in records.done(each) if _content(run)]
                blocks = range(1, len(every[0]) + 1)
                for one in every:
                    axes.plot(blocks, one, color=colour, lw=0.6, alpha=0.5)
                axes.plot(blocks, np.mean(every, axis=0), f"{mark}-", color=colour, ms=4, lw=1.4, label=label)
            axes.axhline(np.log(_patches(rows)), color="0.4", ls=":", lw=1.2)
            axes.set_title(f"attention of the {who}" if who == "class token" else f"mean over {who}", fontsize=9)
            axes.set_xlabel("block")
            axes.set_xticks(list(blocks))
        panels[0].set_ylabel("entropy, nats")
        panels[0].legend(fontsize=7, frameon=False)
    caption = (
        "Entropy of the attention among patches, averaged over heads first, by block; thin lines are seeds, dotted is "
        f"uniform attention. {stamp(list(rows.values()))}."
    )
    alt = "Two panels: entropy of attention by block, a line for each model."
    return Display(figure, number, caption, list(rows.values()), alt)


def _named(axes: Axes, lines: Sequence[tuple[str, Experiment, str]]) -> None:
    """A line for each model and map, from the top."""
    axes.set_yticks(range(len(lines)), [f"{label}: {LABELS[map]}" for label, _, map in lines], fontsize=8)
    axes.set_ylim(len(lines) - 0.5, -0.5)


def _kept(page: Page, names: Mapping[str, str]) -> dict[str, Experiment]:
    """The experiments of which a seed kept the exhibit."""
    rows = {label: page.experiment(name) for label, name in names.items()}
    return {label: each for label, each in rows.items() if any(_content(run) for run in records.done(each))}


def _content(run: Any) -> dict[str, Any] | None:
    return records.exhibited(run, NAME)


def _patches(rows: Mapping[str, Experiment]) -> int:
    each = next(iter(rows.values()))
    height, width = next(content for run in records.done(each) if (content := _content(run)))["grid"]
    return height * width


def _interval(axes: Axes, y: float, experiment: Experiment, quantity: Attention, colour: str) -> None:
    """The interval over seeds, and each seed; nothing where no caption of a seed names such a part."""
    runs = [run for run in records.done(experiment) if _has(run, quantity)]
    if not runs:
        return
    found = quantity({experiment.name: runs})
    axes.plot([found.low, found.high], [y, y], color=colour, lw=3, alpha=0.45)
    levels = [quantity({experiment.name: [run]}).mean for run in runs]
    axes.plot(levels, [y] * len(levels), "o", color=colour, ms=4, mec="white", mew=0.5)


def _has(run: Any, quantity: Attention) -> bool:
    content = _content(run)
    return content is not None and any(
        v is not None for v in content["values"].get(quantity.word, {}).get(quantity.of, ())
    )


def _over(axes: Axes, image: UInt8[Tensor, "3 h w"], map: np.ndarray, grid: Sequence[int]) -> Any:
    """A map over a grey copy of the image, blended where it is far from uniform."""
    axes.imshow(image.float().mean(0).numpy(), cmap="gray", vmin=0, vmax=255, extent=EDGES, aspect="auto")
    large = torch.from_numpy(np.asarray(map, float)).view(*grid).numpy()
    return axes.imshow(large, cmap="coolwarm", vmin=0, vmax=2, alpha=0.6, extent=EDGES, aspect="auto",
                       interpolation="nearest")  # fmt: skip


def _bare(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=7)
    axes.set_xticks([], [])
    axes.set_yticks([], [])
