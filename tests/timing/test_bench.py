"""Benchmarks: the rows they promise, and that both sides of a race compute the same; times are not tested."""

from functools import partial

import pytest
import torch

from cirkit.attention.blocks import UnbiasedLayerNorm
from cirkit.encoders.image import ResNet, SmallResNet, linear_norm_relu
from cirkit.encoders.text import LSTM, dropout_linear
from cirkit.losses.contrastive import batch_softmax
from cirkit.models.maaf import MAAF, half_text
from cirkit.query import Batch, Query
from cirkit.timing import bench
from cirkit.timing.plain_maaf import GivenResNet, PlainMAAF, ResNetMaps, SmallMaps, given_maps
from cirkit.training.objectives import ranking
from cirkit.training.optimisers import sgd

KEYS = {"name", "ours", "reference", "ratio", "difference", "threads"}
SMALL = partial(SmallResNet, width=8, widths=(8, 12), strides=(1, 2), levels=2, project=linear_norm_relu)
GIVEN = partial(GivenResNet, width=8, pictures=4, channels=(4, 6), sides=(3, 2))
TIMM = partial(ResNet, name="resnet18", width=8, pretrained=False, size=None, project=linear_norm_relu)
SIDES = {"small": (SMALL, SmallMaps, 16), "given": (GIVEN, given_maps, 1), "timm": (TIMM, ResNetMaps, 64)}


def match(side: str, **keywords) -> bench.Match:
    image, maps, pixels = SIDES[side]
    text = partial(LSTM, width=8, head=dropout_linear)
    model = partial(MAAF, image=image, text=text, heads=2, hidden=6, norm=UnbiasedLayerNorm, pool=half_text)
    return bench.Match(name=side, model=model, maps=maps, pixels=pixels, batch=4, times=1, **keywords)


@pytest.mark.parametrize("side", SIDES)
def test_maaf_and_its_plain_twin_agree(side):
    rows = bench.maaf([match(side, optimiser=sgd())])
    assert [row["name"] for row in rows] == [f"{side}: step of 4, seconds", f"{side}: gallery of 4, seconds"]
    for row in rows:
        assert set(row) == KEYS and row["ours"] > 0 and row["reference"] > 0
        assert row["difference"] <= 1e-4


def test_a_size_without_an_optimiser_is_raced_on_its_gallery_alone():
    assert [row["name"] for row in bench.maaf([match("given")])] == ["given: gallery of 4, seconds"]


@pytest.mark.parametrize("side", SIDES)
def test_the_plain_twin_has_the_same_loss_and_gradients(side):
    size = match(side)
    texts = ["make the sleeves longer", "no", "more red", "has two small buttons"]
    ours = size.model(texts).eval()
    plain = PlainMAAF(ours, size.maps).eval()
    images = torch.randint(0, 256, (4, 3, size.pixels, size.pixels), dtype=torch.uint8)
    batch = Batch(query=Query(image=images, text=texts), target=images.flip(0))
    loss, plain_loss = ranking(batch_softmax)(ours, batch), plain.loss(images, texts, batch.target)
    loss.backward(), plain_loss.backward()
    torch.testing.assert_close(loss, plain_loss)
    for mine, twin in (
        (ours.fusion, plain.fusion),
        (ours.text.lstm, plain.lstm),
        (ours.text.head, plain.head),
        (ours.image.project, plain.project),
    ):
        for name, each in mine.named_parameters():
            torch.testing.assert_close(each.grad, twin.get_parameter(name).grad, rtol=1e-3, atol=1e-5)
    assert ours.fusion.blocks[0].attend.query.weight.grad.abs().max() > 1e-5


def test_the_sizes_are_the_declared_rows_and_the_papers_fusion():
    small, fusion, whole = bench.matches()
    assert small.model.func is fusion.model.func is whole.model.func is MAAF
    assert small.model.keywords["norm"] is whole.model.keywords["norm"] is UnbiasedLayerNorm
    assert whole.model.keywords["image"].keywords["pretrained"] is False
    model = fusion.model(["a b"])
    counts = [each.shape[2] * each.shape[3] for each in model.image(torch.zeros(2, 3, 1, 1, dtype=torch.uint8))]
    assert counts == [196, 49] and len(bench.SAID.split()) == 12
    assert sum(p.numel() for p in model.fusion.parameters()) == 2_632_192  # the released composer's


def test_both_sides_are_run_equally_often():
    calls = []
    bench.in_turns(lambda: calls.append("ours"), lambda: calls.append("reference"), times=2)
    assert calls == ["ours", "reference"] * 3
