"""Figures 16 to 19: which rows are shown, and what a panel shows of a map."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from cirkit.attention.alignment import alignment
from cirkit.evaluators.painting import Prompts
from cirkit.models.attngan import AttnGAN, Generator
from cirkit.models.damsm import DAMSM, SmallViews, WordEncoder, to_images
from cirkit.models.discriminators import Discriminator
from cirkit.papers.alignment import painting_figures, painting_rows
from cirkit.papers.alignment.painting_exhibits import PaintedExamples, jpeg
from cirkit.papers.alignment.painting_figures import best_and_worst, pixels

TEXTS = ["a red bird with a long blue tail", "white wings"]


@pytest.fixture(scope="module")
def content() -> dict:
    torch.manual_seed(0)
    model = AttnGAN(
        TEXTS,
        damsm=partial(DAMSM, text=partial(WordEncoder, width=8), image=partial(SmallViews, widths=(8, 12, 16))),
        generator=partial(
            Generator, width=3, alignment=partial(alignment, name="dot"), stages=3, doublings=2, blocks=1
        ),
        discriminator=partial(Discriminator, width=3),
    )
    prompts = Prompts(text=TEXTS, image=torch.zeros(2, 3, 8, 8, dtype=torch.uint8), group=["a", "b"])
    return PaintedExamples(captions=2)(model, prompts, lambda: None)


def test_what_is_kept_of_an_image_is_the_image_to_a_few_levels():
    ramp = torch.linspace(-1, 1, 16)
    image = to_images(torch.stack([ramp[:, None].expand(16, 16), ramp.expand(16, 16), torch.zeros(16, 16)])[None])[0]
    gap = pixels(jpeg(image)).astype(int) - image.permute(1, 2, 0).numpy()
    assert np.abs(gap).max() <= 12 and np.abs(gap).mean() < 3


def test_the_lowest_and_the_highest_distance_are_shown(monkeypatch):
    rows = painting_rows.experiments("cpu")[2:6]
    a, b, c, d = (each.name for each in rows)
    levels = {a: 3.0, b: 1.0, c: 2.0}
    runs = {name: SimpleNamespace(evidence={painting_figures.FID.test: level}) for name, level in levels.items()}
    monkeypatch.setattr(painting_figures.records, "done", lambda each: [runs[each.name]] if each.name != d else [])
    monkeypatch.setattr(painting_figures, "content_of", lambda each, exhibit: {"captions": []})
    monkeypatch.setattr(painting_figures, "overall", lambda evidence, measure: evidence)
    assert [each.name for each in best_and_worst(rows)] == [b, a]
    assert best_and_worst(rows[3:]) == []
    assert [each.name for each in best_and_worst(rows[:1])] == [a]


def test_a_figure_has_a_line_for_each_score_and_finer_stage(content):
    figure = painting_figures._figure({"dot": content["captions"][0], "scaled": content["captions"][0]})
    assert isinstance(figure, Figure) and len(figure.axes) == 2 * 2 * (3 + 5)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[:3] == ["16 pixels", "32 pixels", "64 pixels"]
    words = TEXTS[0].split()
    assert all(title == f"{title.partition(':')[0]}:{words[int(title.partition(':')[0])]}" for title in titles[3:8])


def test_a_caption_of_few_words_leaves_panels_empty(content):
    figure = painting_figures._figure({"dot": content["captions"][1]})
    assert [bool(axes.images) for axes in figure.axes[:8]] == [True] * 5 + [False] * 3
