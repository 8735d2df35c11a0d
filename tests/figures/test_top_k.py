"""Answers, drawn: which pictures stand where, and what is framed."""

import numpy as np
import torch

from cirkit.figures.top_k import answers, with_plus

QUERIES = [
    {"text": "is red inadditiontothat is longer", "reference": 4, "relevant": [2], "top": [1, 2, 3], "rank": 2.0},
    {"text": "is blue", "reference": 0, "relevant": [4, 1], "top": [4, 0, 1], "rank": 1.0},
]


def draw(rows):
    return torch.stack([torch.full((3, 4, 4), 50 * row, dtype=torch.uint8) for row in rows])


def test_right_answers_are_framed_and_marked_and_the_reference_never_is():
    figure = answers(QUERIES, draw, 3)
    lines = [figure.axes[5 * i : 5 * i + 5] for i in range(2)]
    for (words, *pictures), query in zip(lines, QUERIES, strict=True):
        rows = [query["reference"], *query["top"]]
        assert [int(np.asarray(axes.images[0].get_array())[0, 0, 0]) for axes in pictures] == [50 * row for row in rows]
        right = [False] + [row in query["relevant"] for row in query["top"]]
        assert [axes.spines["left"].get_visible() for axes in pictures] == right
        assert [axes.get_xlabel().startswith("✓") for axes in pictures] == right
        assert f"rank {query['rank']:g}" in words.texts[0].get_text()
    assert lines[0][0].texts[0].get_text().startswith("is red + is longer")


def test_only_the_first_answers_are_drawn_and_none_without_any():
    assert len(answers(QUERIES, draw, 1).axes) == 2 * 3
    for queries in (None, []):
        assert [each.get_text() for each in answers(queries, draw).texts] == ["not run"]


def test_captions_are_joined_as_the_benchmark_joins_them():
    from cirkit.benchmarks.fashioniq_protocols import MAAF

    assert MAAF.texts(["is red", "is longer"])[0] != with_plus(MAAF.texts(["is red", "is longer"])[0])
    assert with_plus(MAAF.texts(["is red", "is longer"])[0]) == "is red + is longer"
