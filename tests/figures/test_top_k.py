"""Retrieved images: which stand where, and what is framed."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from cirkit.experiments import records
from cirkit.experiments.page import Page
from cirkit.figures.top_k import queries_of, retrievals, with_plus

QUERIES = [
    {"text": "is red inadditiontothat is longer", "reference": 4, "relevant": [2], "top": [1, 2, 3], "rank": 2.0},
    {"text": "is blue", "reference": 0, "relevant": [4, 1], "top": [4, 0, 1], "rank": 1.0},
]


PAGE = Page(paper="maaf")
MODEL = SimpleNamespace(name="maaf/x", basis="world", scale="cpu", seeds=(0, 1))


def images(rows):
    return torch.stack([torch.full((3, 4, 4), 50 * row, dtype=torch.uint8) for row in rows])


@pytest.fixture(autouse=True)
def runs(monkeypatch):
    found = [SimpleNamespace(seed=0), SimpleNamespace(seed=1)]
    monkeypatch.setattr(records, "done", lambda experiment: found)
    monkeypatch.setattr(records, "exhibited", lambda run, name: {"queries": QUERIES} if run.seed == 0 else None)
    return found


def test_targets_are_framed_and_marked_and_the_reference_never_is():
    display = retrievals(PAGE, MODEL, QUERIES, images, "Figure 1", 3)
    lines = [display.content.axes[5 * i : 5 * i + 5] for i in range(2)]
    for (words, *panels), query in zip(lines, QUERIES, strict=True):
        rows = [query["reference"], *query["top"]]
        assert [int(np.asarray(axes.images[0].get_array())[0, 0, 0]) for axes in panels] == [50 * row for row in rows]
        target = [False] + [row in query["relevant"] for row in query["top"]]
        assert [axes.spines["left"].get_visible() for axes in panels] == target
        assert [axes.get_xlabel().startswith("✓") for axes in panels] == target
        assert f"rank {query['rank']:g}" in words.texts[0].get_text()
    assert lines[0][0].texts[0].get_text().startswith("is red + is longer")
    assert "world · cpu · 2 seeds" in display.caption


def test_only_the_first_images_are_shown_and_a_sentence_without_any_query():
    assert len(retrievals(PAGE, MODEL, QUERIES, images, "Figure 1", 1).content.axes) == 2 * 3
    assert "cirkit run --missing" in retrievals(PAGE, MODEL, [], images, "Figure 1")._repr_html_()


def test_queries_are_those_that_the_first_seed_kept(runs):
    assert queries_of(MODEL) == QUERIES
    del runs[0]
    assert queries_of(MODEL) == []


def test_captions_are_joined_as_the_benchmark_joins_them():
    from cirkit.benchmarks.fashioniq_protocols import MAAF

    assert MAAF.texts(["is red", "is longer"])[0] != with_plus(MAAF.texts(["is red", "is longer"])[0])
    assert with_plus(MAAF.texts(["is red", "is longer"])[0]) == "is red + is longer"
