"""The first items that a model retrieves: a line per query with its reference, its text and the images, targets framed.

MAAF, Figures 1 and S2; from the top tens that runs keep (`artifacts.TopTen`).
"""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jaxtyping import UInt8
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from cirkit.experiments.page import Page
from cirkit.figures.display import Display, stamp, waiting
from cirkit.figures.first_seed import content_of
from cirkit.figures.plots import COLOURS, STYLE

JOINED = " inadditiontothat "  # what MAAF's code puts between the two captions of FashionIQ
PLAIN = STYLE | {"axes.grid": False}
LETTERS = 30  # of a line of the modification text


def with_plus(text: str) -> str:
    """The captions of a query as the paper shows them: "here joined by +"."""
    return text.replace(JOINED, " + ")


def queries_of(experiment: Any) -> list[dict[str, Any]]:
    """The queries whose top ten the first seed keeps; none without an exhibit of today's configuration."""
    content = content_of(experiment, "")
    return [] if content is None else content["queries"]


def retrievals(
    page: Page,
    experiment: Any,
    queries: Sequence[Mapping[str, Any]],
    images: Callable[[Sequence[int]], UInt8[Tensor, "n 3 h w"]],
    number: str,
    first: int = 10,
) -> Display:
    """Each query's reference, text and first items; targets are framed and marked, the best one's rank is given.

    `queries` are of `queries_of(experiment)`; `images` gives the images of gallery rows.
    """
    if not queries:
        return waiting(page, number)
    with rc_context(PLAIN):
        side, words = 0.78 if first > 5 else 1.1, 2.3  # inches
        figure = Figure(figsize=(words + side * (1 + first), (side + 0.22) * len(queries)), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02)
        widths = (words / side, *[1] * (1 + first))
        panels = figure.subplots(len(queries), 2 + first, squeeze=False, gridspec_kw={"width_ratios": widths})
        for line, query in zip(panels, queries, strict=True):
            text = "\n".join(textwrap.wrap(with_plus(query["text"]), LETTERS))
            line[0].set_axis_off()
            line[0].text(0, 0.5, f"{text}\n(target: rank {query['rank']:g})", va="center", fontsize=8)
            rows = [query["reference"], *query["top"][:first]]
            for rank, (axes, row, image) in enumerate(zip(line[1:], rows, images(rows), strict=True)):
                target = rank > 0 and row in query["relevant"]
                _show(axes, image, target)
                axes.set_xlabel(f"{'✓ ' * target}{rank}" if rank else "reference", fontsize=8, labelpad=2)
    caption = (
        f"{len(queries)} queries, evenly spread over the test set: reference and modification text, then the first "
    )
    caption += f"{first} gallery images; targets framed and marked ✓. First seed; {stamp([experiment])}."
    alt = f"{len(queries)} queries, a row each, and the first {first} gallery images, targets framed."
    return Display(figure, number, caption, [experiment], alt)


def _show(axes: Axes, image: UInt8[Tensor, "3 h w"], target: bool) -> None:
    axes.imshow(image.permute(1, 2, 0).numpy(), interpolation="none")  # (h, w, 3); as it is, not resampled
    axes.set_xticks([], [])
    axes.set_yticks([], [])
    for spine in axes.spines.values():
        spine.set_visible(target)
        spine.set(linewidth=3, color=COLOURS[2])
