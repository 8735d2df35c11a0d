"""Answers, drawn: a line per query with its reference, its words and the first pictures found, the right one framed.

MAAF, Figures 1 and S2; from the top tens that runs keep (`exhibits.TopTen`).
"""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jaxtyping import UInt8
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from cirkit.figures.phrases import NOT_RUN
from cirkit.figures.plots import COLOURS, STYLE

JOINED = " inadditiontothat "  # what MAAF's code puts between the two captions of Fashion IQ
PLAIN = STYLE | {"axes.grid": False}
LETTERS = 30  # of a line of the question


def with_plus(text: str) -> str:
    """The captions of a query as the paper prints them: "here joined by +"."""
    return text.replace(JOINED, " + ")


def answers(
    queries: Sequence[Mapping[str, Any]] | None,
    draw: Callable[[Sequence[int]], UInt8[Tensor, "n 3 h w"]],
    first: int = 10,
) -> Figure:
    """Each query's reference, words and first answers; right ones are framed and marked, the best one's rank is told.

    `queries` are a top ten's ("text", "reference", "relevant", "top", "rank"), None where none was kept; `draw` gives
    the pictures of gallery rows.
    """
    if not queries:
        with rc_context(PLAIN):
            figure = Figure(figsize=(6, 1))
            figure.text(0.5, 0.5, NOT_RUN, ha="center", va="center", color="0.35")
        return figure
    with rc_context(PLAIN):
        side, told = 0.78 if first > 5 else 1.1, 2.3  # inches
        figure = Figure(figsize=(told + side * (1 + first), (side + 0.22) * len(queries)), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02)
        widths = (told / side, *[1] * (1 + first))
        panels = figure.subplots(len(queries), 2 + first, squeeze=False, gridspec_kw={"width_ratios": widths})
        for line, query in zip(panels, queries, strict=True):
            text = "\n".join(textwrap.wrap(with_plus(query["text"]), LETTERS))
            line[0].set_axis_off()
            line[0].text(0, 0.5, f"{text}\n(right answer: rank {query['rank']:g})", va="center", fontsize=8)
            rows = [query["reference"], *query["top"][:first]]
            for place, (axes, row, picture) in enumerate(zip(line[1:], rows, draw(rows), strict=True)):
                right = place > 0 and row in query["relevant"]
                _framed(axes, picture, right)
                axes.set_xlabel(f"{'✓ ' * right}{place}" if place else "reference", fontsize=8, labelpad=2)
    return figure


def _framed(axes: Axes, picture: UInt8[Tensor, "3 h w"], right: bool) -> None:
    axes.imshow(
        picture.permute(1, 2, 0).numpy(), interpolation="none"
    )  # (h, w, 3); as it is, not resampled: less to load
    axes.set_xticks([], [])
    axes.set_yticks([], [])
    for spine in axes.spines.values():
        spine.set_visible(right)
        spine.set(linewidth=3, color=COLOURS[2])
