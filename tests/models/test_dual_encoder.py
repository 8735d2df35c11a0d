"""A CLIP as a retriever of images by texts and of texts by images."""

import pytest
import torch
from toys import TinyClip

from cirkit.errors import Problem
from cirkit.evaluators.ranking import rank
from cirkit.models.dual_encoder import DualEncoder
from cirkit.query import Benchmark, Query

TEXTS = ["a red cube", "two things", "a bird"]


def test_images_and_texts_are_queries_and_gallery_items_alike():
    model = DualEncoder([], clip=TinyClip)
    images = torch.randint(256, (3, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(model.compose(Query(text=TEXTS)), model.encode(TEXTS))
    assert torch.equal(model.compose(Query(image=images)), model.encode(images))
    one = {"name": "pairs", "relevant": [[0], [1], [2]]}
    there = rank(model, Benchmark(query=Query(text=TEXTS), gallery=images, **one))
    back = rank(model, Benchmark(query=Query(image=images), gallery=TEXTS, **one))
    scores = model.score(model.encode(TEXTS), model.encode(images)).detach()
    assert there.first.tolist() == [1 + int((scores[i] > scores[i, i]).sum()) for i in range(3)]
    assert back.first.tolist() == [1 + int((scores[:, i] > scores[i, i]).sum()) for i in range(3)]


def test_the_temperature_begins_at_a_fourteenth_and_is_learned():
    model = DualEncoder([], clip=TinyClip)
    unit = model.encode(TEXTS).detach()
    assert torch.allclose(model.score(unit, unit).diagonal(), torch.full((3,), 1 / 0.07))
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_query_is_an_image_or_a_text():
    model = DualEncoder([], clip=TinyClip)
    with pytest.raises(Problem, match="not both"):
        model.compose(Query(text=["red"], image=torch.zeros(1, 3, 8, 8, dtype=torch.uint8)))
