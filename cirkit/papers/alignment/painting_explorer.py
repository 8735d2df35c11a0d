"""An explorer of AttnGAN's paintings, from the exhibits; with the generators behind it where their weights are here.

Cao et al. (2022), Figures 16 to 19.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from cirkit.encoders.text import unknown_words, words
from cirkit.errors import Problem
from cirkit.experiments import artifacts
from cirkit.experiments.experiment import Experiment
from cirkit.experiments.page import Page
from cirkit.experiments.trainings import load
from cirkit.explorers.painter import Found, Paint, PainterExplorer
from cirkit.explorers.retrieval import Nothing
from cirkit.figures.first_seed import content_of
from cirkit.papers.alignment.explorers import EMPTY
from cirkit.papers.alignment.painting_exhibits import line_of
from cirkit.papers.alignment.painting_figures import best_and_worst
from cirkit.papers.alignment.painting_rows import APART, TABLE

SIDE = 32  # of a map on the page, at most: larger ones are averaged over squares


def painting_explorer(page: Page) -> PainterExplorer | Nothing:
    """Captions under every score, and with the mask and the sigmoid of the released code; the lowest FID comes first.

    Rows whose exhibit is of other captions are left out.
    """
    rows = page.rows(TABLE)
    names = {row.name for row in rows.values()}
    rows |= {label: row for label, row in page.rows(APART).items() if row.name not in names}
    kept = {label: content["captions"] for label, row in rows.items() if (content := content_of(row, "painted"))}
    if not kept:
        return Nothing(EMPTY)
    captions = next(iter(kept.values()))
    said = [one["text"] for one in captions]
    found = {label: lines for label, lines in kept.items() if [one["text"] for one in lines] == said}
    best = best_and_worst([rows[label] for label in found])[0]
    seed = rows[next(iter(found))].seeds[0]
    trained = [label for label in found if (rows[label].weights(seed) / "model.safetensors").is_file()]
    return PainterExplorer(
        captions=captions,
        models={label: [_found(one) for one in lines] for label, lines in found.items()},
        model=next(label for label in found if rows[label] is best),
        behind={label: functools.partial(_behind, rows[label]) for label in trained},
    )


def _found(one: Mapping[str, Any]) -> Found:
    """A line of the exhibit as the explorer reads it."""
    stages = [
        {name: stage[name] for name in ("weights", "first")} | {"maps": small(stage["maps"])}
        for stage in one["attention"]
    ]
    return {"images": [f"data:image/jpeg;base64,{image}" for image in one["images"]], "stages": stages}


def small(maps: Mapping[str, Any]) -> Mapping[str, Any]:
    """Packed maps of at most `SIDE` places a side."""
    count, height, width = maps["shape"]
    if height <= SIDE or height % SIDE or width % SIDE:
        return maps
    squares = artifacts.unpack(maps).reshape(count, SIDE, height // SIDE, SIDE, width // SIDE)
    return artifacts.pack(squares.mean((2, 4)))


def _behind(row: Experiment) -> Paint:
    """The generator of the first seed, for a reader's own caption."""
    model = load(row.weights(row.seeds[0]), row.training)

    @torch.no_grad()
    def paint(text: str, noise: int) -> tuple[Sequence[str], Found, str]:
        if not words(text):
            raise Problem("The caption has no word of plain letters. Write what the image should show.")
        painting = model([text], model.draw(1, torch.Generator().manual_seed(noise)))
        one = line_of(text, painting)
        unknown = ", ".join(f"“{word}”" for word in unknown_words(model, text))
        return (
            one["words"],
            _found(one),
            f"it has never read {unknown}" if unknown else "it has read every word of this",
        )

    return paint
