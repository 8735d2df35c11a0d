"""At `paper` scale: what a plan says of every row, and one step of each training at full size, on random weights."""

import math

import pytest
import torch

from cirkit.benchmarks.catalogue import CATALOGUE
from cirkit.declare import describe
from cirkit.examples import Captions, Features
from cirkit.experiments import cost
from cirkit.papers import clip_family
from cirkit.papers.clip_family.shared_clip import backbone, features
from cirkit.query import Batch, Query
from cirkit.training.loop import Training

ROWS = {each.name.removeprefix("clip_family/"): each for each in clip_family.experiments("paper")}
TEXTS = ["a dog runs over the grass", "a red car stands still"]
WIDTH = 768  # of ViT-L/14's joint space and of its words
# what each training reads: vectors of ViT-L/14 or RN50x4, captions, or triplets
VECTORS = {
    "pic2word": {"image": torch.randn(2, WIDTH)},
    "searle": {
        "image": torch.randn(2, WIDTH),
        "word": torch.randn(2, 1, WIDTH),
        "concepts": torch.tensor([[0, 1], [2, 3]]),
    },
    "palavra": {"image": torch.randn(10, WIDTH), "text": torch.randn(10, WIDTH)},
    "fashioniq/combiner": {part: torch.randn(2, 640) for part in ("image", "text", "target")},
}
WITHOUT_TRAINING = ("image_only", "text_only", "sum", "product", "basic", "oti", "painter")


def batch_of(name: str, side: int):
    if name in VECTORS:
        group = ["dog"] * 5 + ["car"] * 5 if name == "palavra" else None
        return Features(tensors=VECTORS[name], group=group)
    if name == "lincir":
        return Captions(text=TEXTS)
    images = torch.randint(0, 255, (2, 3, side, side), dtype=torch.uint8)
    return Batch(query=Query(image=images, text=TEXTS), target=images.flip(0))


def step(training: Training, batch) -> float:
    """One step with random weights in every part; what it moved."""
    model = cost.untrained(training.model)(TEXTS).train()
    before = {name: each.detach().clone() for name, each in model.named_parameters() if each.requires_grad}
    training.step(model, training.objective, training.optimiser)(batch)
    after = {name: each.detach() for name, each in model.named_parameters() if name in before}
    return max((after[name] - each).abs().max().item() for name, each in before.items())


@pytest.mark.slow
@pytest.mark.parametrize("name", [*VECTORS, "lincir", "fashioniq/clip4cir_sum"])
def test_a_step_runs_at_the_papers_size(name):
    training = ROWS[name].training
    assert 0 < step(training, batch_of(name, 288)) < math.inf


def test_every_row_of_the_paper_is_tried_or_takes_no_step():
    tried = {*VECTORS, "lincir", "fashioniq/clip4cir_sum"}
    alike = {f"cirr/{name.partition('/')[2]}" for name in tried if "/" in name}
    of_their_own = {"fashioniq/artemis", "cirr/artemis"}  # GloVe's file, as MAAF's rows with it
    assert set(ROWS) == tried | alike | of_their_own | set(WITHOUT_TRAINING)
    assert all((ROWS[name].training.steps == 0) == (name in WITHOUT_TRAINING) for name in ROWS)


@pytest.mark.parametrize("name", WITHOUT_TRAINING)
def test_a_plan_says_that_no_step_is_taken_and_what_is_missing(name, tmp_path):
    (row,) = (each for each in clip_family.experiments("paper", str(tmp_path)) if each.name == f"clip_family/{name}")
    found = cost.plan(row)
    assert found["judged by"] == "nothing: no step is taken, only its tests" and found["hours a seed"] is None
    assert found["steps"] == 0 and found["seeds wanted"] == len(row.seeds)


def test_missing_originals_are_named_with_their_source(tmp_path):
    rows = {each.name: each for each in clip_family.experiments("paper", str(tmp_path))}
    said = cost.data(rows["clip_family/cirr/clip4cir_sum"])
    assert said.startswith("missing: ") and CATALOGUE["cirr"].origin in said


def test_the_rows_of_the_paper_share_the_published_clip_that_backbone_names():
    named = describe(backbone("paper").clip)
    for name in ("image_only", "basic", "pic2word", "lincir", "palavra", "painter"):
        training = ROWS[name].training
        assert describe(training.model.keywords["clip"]) == named and not training.start
        if isinstance(training.data, features):
            assert "ViT-L-14-quickgelu" in str(describe(training.data.model))
    assert describe(cost.untrained(backbone("paper").clip)) == {**named, "pretrained": False}
