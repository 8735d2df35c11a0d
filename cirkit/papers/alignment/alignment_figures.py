"""What words attend to, drawn: shares of attention by score, maps of single captions, marked captions, MAC's steps.

Cao et al. (2022), Figures 3 to 7 (MAC) and 12 to 15 (SCAN), from the exhibits of `attention_exhibits`.
"""

import html
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from jaxtyping import UInt8
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from cirkit.experiments import records
from cirkit.experiments.claims import Attention
from cirkit.experiments.experiment import Experiment
from cirkit.experiments.page import Page
from cirkit.explorers.retrieval import data_url
from cirkit.figures.display import Display, stamp, waiting
from cirkit.figures.first_seed import content_of
from cirkit.figures.plots import COLOURS, STYLE
from cirkit.papers.alignment.alignment_claims import LABELS
from cirkit.papers.alignment.attention_exhibits import FIVE
from cirkit.papers.alignment.matching import DATASETS
from cirkit.papers.alignment.reasoning import SIZES
from cirkit.papers.alignment.scores import ROWS, SCRAMBLED
from cirkit.worlds.clevr import CLEVR
from cirkit.worlds.scene import SHAPES

PLAIN = STYLE | {"axes.grid": False, "axes.spines.left": False, "axes.spines.bottom": False}
BEST, WORST = "scaled", ("biased_star", "biased_star_released")  # as the paper draws them, the worst in both layouts
SHOWN = (BEST, "general_star", *WORST)
EDGES = (0, 1, 1, 0)  # left, right, bottom, top
Kind = tuple[str, str, str, str, str]  # column of the exhibit, what of it, label, colour, mark
KINDS: tuple[Kind, ...] = (
    ("shape", "own", "the thing that is named", COLOURS[0], "o"),
    ("shape", "mask", "another thing", COLOURS[1], "s"),
)


def named_shares(page: Page, number: str) -> Display:
    """By score: the lead of the region that a noun names over the other regions, beside that of another thing."""
    names = [*ROWS, *(f"{name}_released" for name in SCRAMBLED)]
    rows = {each: [page.experiment(f"alignment/{each}/{name}") for name in names] for each in DATASETS}
    kept = {each: [row for row in those if content_of(row, "named")] for each, those in rows.items()}
    shown = {each: those for each, those in kept.items() if those}
    if not shown:
        return waiting(page, number)
    every = [row for those in shown.values() for row in those]
    with rc_context(STYLE):
        height = 0.8 * len(shown) + 0.3 * len(every)
        figure = Figure(figsize=(7.4, height), layout="constrained")
        for axes, (dataset, those) in zip(
            figure.subplots(len(shown), 1, squeeze=False)[:, 0], shown.items(), strict=True
        ):
            shares(axes, those, KINDS, "named")
            axes.set_title(LABELS[dataset], fontsize=10, loc="left")
        axes.set_xlabel("attention minus that of the image's other regions, × uniform", fontsize=9)
        axes.legend(fontsize=8, frameon=False)
    caption = "How much more of a noun's attention falls on the region of the thing that it names than on the other "
    caption += (
        "regions of its image, and the same of another thing's region; nouns of phrases that fit one thing alone. "
    )
    caption += f"Means over seeds with 95 % intervals; zero is uniform attention. {stamp(every)}."
    alt = "Points with intervals by score: attention to the named region, and to that of another thing."
    return Display(figure, number, caption, every, alt)


def shares(axes: Axes, rows: Sequence[Experiment], kinds: Sequence[Kind], exhibit: str) -> None:
    """A line per row: what each kind gets of the attention that an exhibit keeps, with intervals."""
    for kind, of, label, colour, mark in kinds:
        for y, row in enumerate(rows):
            quantity = Attention(row.name, kind, exhibit=exhibit, of=of)
            if (interval := quantity({row.name: records.done(row)})) is not None:
                axes.plot([interval.low, interval.high], [y, y], color=colour, lw=2, alpha=0.45)
                axes.plot(interval.mean, y, mark, color=colour, ms=5, label=label if y == 0 else None)
    axes.axvline(0, color="black", lw=1)
    axes.set_yticks(range(len(rows)), [row.row for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)


def caption_maps(page: Page, dataset: str, number: str, example: int = 0) -> Display:
    """For the nouns of one caption (columns) and four scores (rows): regions, framed by attention."""
    rows = [page.experiment(f"alignment/{dataset}/{name}") for name in SHOWN]
    found = {row.row: content["captions"] for row in rows if (content := content_of(row, "captions"))}
    if not found:
        return waiting(page, number)
    first = next(iter(found.values()))
    several = [i for i, one in enumerate(first) if sum(word in SHAPES for word in one["words"]) > 1]
    at = (several or list(range(len(first))))[example % len(several or first)]
    places = [place for place, word in enumerate(first[at]["words"]) if word in SHAPES] or [0]
    picture = images_of_world(dataset, page.scale, rows[0].seeds[0], [first[at]["image"]])[0]
    with rc_context(PLAIN):
        figure = Figure(figsize=(1.7 * len(places) + 1.8, 1.75 * len(found)), layout="constrained")
        panels = figure.subplots(len(found), len(places), squeeze=False)
        for line, (label, captions) in zip(panels, found.items(), strict=True):
            one = captions[at]
            for axes, place in zip(line, places, strict=True):
                said = one["words"]
                _weighted(axes, picture, one["boxes"], one["weights"][place])
                axes.set_title(" ".join(said[max(0, place - 2) : place + 1]), fontsize=9)
            line[0].set_ylabel(f"{label}\nrank {one['rank']:g}", rotation=0, ha="right", va="center", fontsize=9)
    caption = f"“{' '.join(first[at]['words'])}”: what its nouns attend to among the regions of its image, under "
    caption += (
        "four scores. A frame's width says how much; the rank is that of the image for this caption. First seed; "
    )
    caption += f"{stamp(rows)}."
    return Display(figure, number, caption, rows, "One image per noun and score, with frames around regions.")


def _weighted(axes: Axes, picture: UInt8[Tensor, "3 h w"], boxes: Sequence[Any], weights: Sequence[float]) -> None:
    """The image, and each region framed as thickly as its share of attention."""
    axes.imshow(picture.permute(1, 2, 0).numpy(), extent=EDGES)
    for (left, top, right, bottom), weight in zip(boxes, weights, strict=True):
        look = {"fill": False, "ec": COLOURS[3], "lw": 6 * weight, "alpha": min(1.0, 0.25 + weight)}
        axes.add_patch(Rectangle((left, top), right - left, bottom - top, **look))
    axes.set_xticks([], [])
    axes.set_yticks([], [])


def marked_captions(page: Page, dataset: str, number: str) -> Display:
    """Figures 12 to 15: images with one region framed, the first captions, and in bold the words most drawn to it."""
    rows = [page.experiment(f"alignment/{dataset}/{name}") for name in SHOWN]
    found = {row.row: content["images"] for row in rows if (content := content_of(row, "images"))}
    if not found:
        return waiting(page, number)
    first = next(iter(found.values()))
    pictures = images_of_world(dataset, page.scale, rows[0].seeds[0], [each["image"] for each in first])
    lines = []
    for i, picture in enumerate(pictures):
        cells = "".join(f"<td>{''.join(map(_caption, images[i]['captions']))}</td>" for images in found.values())
        lines.append(f"<tr><td>{_framed(picture, first[i]['box'])}</td>{cells}</tr>")
    heads = "".join(f"<th>{html.escape(label)}</th>" for label in found)
    table = f'<table class="dataframe cirkit-table"><tr><th></th>{heads}</tr>{"".join(lines)}</table>'
    caption = (
        f"The first five captions for an image under four scores; ✓ marks its own. In bold the {FIVE} words whose "
    )
    caption += f"attention falls most on the framed region, its largest. First seed; {stamp(rows)}."
    return Display(table, number, caption, rows)


def _caption(one: Mapping[str, Any]) -> str:
    """A caption with its most attending words in bold."""
    order = sorted(range(len(one["words"])), key=lambda place: -one["weights"][place])[:FIVE]
    said = [f"<b>{html.escape(word)}</b>" if i in order else html.escape(word) for i, word in enumerate(one["words"])]
    return f"<p>{'✓' if one['own'] else '✗'} {' '.join(said)}</p>"


def _framed(picture: UInt8[Tensor, "3 h w"], box: Sequence[float]) -> str:
    """An image with one frame, as SVG around a data URL."""
    left, top, right, bottom = (96 * float(each) for each in box)
    frame = f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}"'
    frame += ' fill="none" stroke="#d55e00" stroke-width="3"/>'
    inner = f'<image href="{html.escape(data_url(picture))}" width="96" height="96"/>'
    return f'<svg width="96" height="96" role="img" aria-label="an image with one region framed">{inner}{frame}</svg>'


def thinking_steps(page: Page, number: str, example: int = 0) -> Display:
    """Figures 3 to 7: one question, two rows of MAC, and what each of the steps attends to in question and image.

    Questions that the two answer differently are the first examples.
    """
    rows = [page.experiment(f"alignment/clevr/{name}") for name in (BEST, WORST[0])]
    found = {row.row: content["questions"] for row in rows if (content := content_of(row, "steps"))}
    if not found or page.scale == "paper":
        return waiting(page, number)
    first = next(iter(found.values()))
    at = chosen(list(found.values()))[example % len(first)]
    one, seed = first[at], rows[0].seeds[0]
    picture = clevr_images(page.scale, seed, [one["image"]])[0]
    steps = len(one["to_words"])
    with rc_context(PLAIN):
        figure = Figure(figsize=(1.75 * steps + 1.4, 2.3 * len(found)), layout="constrained")
        for line, (label, questions) in zip(
            figure.subplots(len(found), steps, squeeze=False), found.items(), strict=True
        ):
            each = questions[at]
            for step, axes in enumerate(line):
                _weighted(axes, picture, each["boxes"], each["to_regions"][step])
                weights = each["to_words"][step]
                most = sorted(range(len(weights)), key=lambda place: -weights[place])[:3]
                axes.set_title(f"step {step + 1}", fontsize=9)
                axes.set_xlabel(" ".join(each["words"][place] for place in sorted(most)), fontsize=8)
            line[0].set_ylabel(f"{label}\n“{each['given']}”", rotation=0, ha="right", va="center", fontsize=9)
    caption = (
        f"“{' '.join(one['words'])}?” Answer: {one['stated']}. Frames are as thick as the read unit's attention to "
    )
    caption += "an object; below each step the three words to which the control unit attends most; left, the answer "
    caption += f"given. Questions on which the two differ come first. First seed; {stamp(rows)}."
    return Display(figure, number, caption, rows, "An image per step and score, with frames around objects.")


def chosen(found: Sequence[Sequence[Mapping[str, Any]]]) -> list[int]:
    """The order in which kept questions are shown: where answers differ and one is right, where they differ, others."""

    def rank(i: int) -> tuple[int, int]:
        given = {each[i]["given"] for each in found}
        right = found[0][i]["stated"] in given
        return -2 * (len(given) > 1) - (len(given) > 1 and right), i

    return sorted(range(len(found[0])), key=rank)


def images_of_world(dataset: str, scale: str, seed: int, rows: Sequence[int]) -> UInt8[Tensor, "n 3 h w"]:
    """Test images of a world, drawn again."""
    each = DATASETS[dataset]
    return each.world.images(replace(each.sizes[scale], seed=seed), "test", rows)


def clevr_images(scale: str, seed: int, rows: Sequence[int]) -> UInt8[Tensor, "n 3 h w"]:
    """Images by their number among those asked about; each of the val split is."""
    return CLEVR.images(replace(SIZES[scale], seed=seed), "val", rows)
