"""What M4C attends to as it answers, drawn: marked questions with framed OCR words, and shares of attention by score.

Cao et al. (2022), Figures 8 to 11, from the exhibits of `scene_text_exhibits`.
"""

import html
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from jaxtyping import UInt8
from matplotlib import rc_context
from matplotlib.figure import Figure
from torch import Tensor

from cirkit.experiments import records
from cirkit.experiments.page import Page
from cirkit.explorers.retrieval import data_url
from cirkit.figures.display import Display, stamp, waiting
from cirkit.figures.first_seed import content_of
from cirkit.figures.plots import COLOURS, STYLE
from cirkit.papers.alignment.alignment_figures import Kind, chosen, shares
from cirkit.papers.alignment.scene_text import M4C_ROWS
from cirkit.papers.alignment.scene_text_data import SIZES
from cirkit.worlds.textvqa import TEXTVQA

SHOWN = ("scaled", "dot")  # the best and the worst row of the paper, which its figures show
FRAMED = 3  # OCR words, as in the paper
# paper: question words above .01 in bold; of 182 entries that is 1.82 times uniform attention, the rule here
MARKED = 0.01 * 182
SIDE = 240  # pixels of an image on the page
KINDS: tuple[Kind, ...] = (
    ("answer", "own", "the OCR word to be copied", COLOURS[0], "o"),
    ("answer", "mask", "another OCR word", COLOURS[1], "s"),
    ("question", "own", "a word of the question", COLOURS[2], "^"),
)


def name_of_row(row: str) -> str:
    """Of an experiment."""
    return f"alignment/textvqa/{row}"


def images_of_world(scale: str, seed: int, rows: Sequence[int]) -> UInt8[Tensor, "n 3 h w"]:
    """Images by their number among those asked about; each of the val split is."""
    return TEXTVQA.images(replace(SIZES[scale], seed=seed), "val", rows)


def answered_questions(page: Page, number: str, example: int = 0) -> Display:
    """One of Figures 8 to 11: a question under two scores, the words that the first step of the answer attends to."""
    rows = [page.experiment(name_of_row(name)) for name in SHOWN]
    found = {row.row: content["questions"] for row in rows if (content := content_of(row, "answers"))}
    if not found or page.scale == "paper":
        return waiting(page, number)
    every = next(iter(found.values()))
    at = chosen(list(found.values()))[example % len(every)]
    one, seed = every[at], rows[0].seeds[0]
    picture = images_of_world(page.scale, seed, [one["image"]])[0]
    cells = "".join(f"<td>{_answered(picture, label, questions[at])}</td>" for label, questions in found.items())
    caption = f"Answer: {one['stated']}. In bold the words of the question to which the first step of the answer "
    caption += f"attends with more than {MARKED:.1f} times the weight of uniform attention (the paper's .01 of its 182 "
    caption += f"entries); framed the {FRAMED} OCR words of most weight, the thicker the more; dashed what was copied. "
    caption += "Last block, mean over heads. Of the kept questions those on which the two scores differ and one is "
    caption += f"right come first. First seed; {stamp(rows)}."
    return Display(f'<table class="dataframe cirkit-table"><tr>{cells}</tr></table>', number, caption, rows)


def _answered(picture: UInt8[Tensor, "3 h w"], label: str, one: Mapping[str, Any]) -> str:
    """One score's cell: its name, the image with frames, the marked question, the answer."""
    entries = len(one["words"]) + len(one["objects"]) + len(one["read"]) + 1
    marked = [weight * entries > MARKED for weight in one["to_question"][0]]
    question = " ".join(
        f"<b>{html.escape(word)}</b>" if mark else html.escape(word)
        for word, mark in zip(one["words"], [*marked, *[False] * len(one["words"])], strict=False)
    )
    said = ", ".join(
        f"{html.escape(step)} ({'copied' if place is not None else 'vocabulary'})"
        for step, place in zip(one["steps"], one["copied"], strict=True)
        if step != "(end)"
    )
    sign = "✓" if one["given"] == one["stated"] else "✗"
    svg = _framed(picture, one)
    return f"<p>{html.escape(label)}</p>{svg}<p>{question}?</p><p>{sign} {said or 'no word'}</p>"


def _framed(picture: UInt8[Tensor, "3 h w"], one: Mapping[str, Any]) -> str:
    """The image as SVG: frames around the words of most weight, a dashed one around the first that was copied."""
    weights = one["to_read"][0]
    most = sorted(range(len(weights)), key=lambda place: -weights[place])[:FRAMED]
    frames = "".join(
        _rectangle(one["boxes"][place], f'stroke="#e69f00" stroke-width="{1 + 8 * weights[place]:.1f}"')
        for place in most
    )
    copied = next((place for place in one["copied"] if place is not None), None)
    if copied is not None:
        frames += _rectangle(one["boxes"][copied], 'stroke="#0072b2" stroke-width="1.5" stroke-dasharray="4 3"')
    inner = f'<image href="{html.escape(data_url(picture))}" width="{SIDE}" height="{SIDE}"/>'
    said = "an image with the OCR words framed that the answer attends to"
    return f'<svg width="{SIDE}" height="{SIDE}" role="img" aria-label="{said}">{inner}{frames}</svg>'


def _rectangle(box: Sequence[float], stroke: str) -> str:
    left, top, right, bottom = (SIDE * float(each) for each in box)
    place = f'x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}"'
    return f'<rect {place} fill="none" {stroke}/>'


def read_shares(page: Page, number: str) -> Display:
    """By score: the lead of the OCR word to be copied over the others, of another one, and of question words."""
    rows = [page.experiment(name_of_row(name)) for name in M4C_ROWS]
    rows = [row for row in rows if any(records.exhibited(run, "read") for run in records.done(row))]
    if not rows:
        return waiting(page, number)
    with rc_context(STYLE):
        figure = Figure(figsize=(7.4, 1.0 + 0.34 * len(rows)), layout="constrained")
        axes = figure.subplots()
        shares(axes, rows, KINDS, "read")
        axes.set_xlabel("attention minus that of others, × uniform", fontsize=9)
        axes.legend(fontsize=8, frameon=False)
    caption = "What the first step of an answer attends to: how much more of its attention falls on the OCR word that "
    caption += "it should copy than on the other OCR words, the same of another one, and how much more on a word of "
    caption += "the question than on another entry. Questions whose answer begins with a word that was read once and "
    caption += "that the vocabulary lacks. Means over seeds with 95 % intervals; zero is uniform attention. "
    caption += f"{stamp(rows)}."
    alt = "Points with intervals by score: attention to the right OCR word, to another, and to question words."
    return Display(figure, number, caption, rows, alt)
