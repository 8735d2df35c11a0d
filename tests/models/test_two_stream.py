"""Two streams: eq. 8 written out, missing parts, the order of the steps, and numbers from the official code."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn
from written_weights import drawn, fill

from cirkit.attention.blocks import UnbiasedLayerNorm
from cirkit.declare import describe, rebuild
from cirkit.encoders.image import ResNet, SmallResNet, linear_norm_relu
from cirkit.encoders.text import LSTM, dropout_linear
from cirkit.errors import Problem
from cirkit.models.maaf import half_text, resolutions
from cirkit.models.two_stream import (
    CROSS,
    CROSS_BOTH,
    SELF_BOTH,
    SELF_CROSS,
    SELF_IMAGE_FIRST,
    SELF_TEXT_FIRST,
    Both,
    CrossImage,
    CrossText,
    FeedImage,
    Parts,
    SelfImage,
    TwoStream,
    dummy_word,
)
from cirkit.query import Query

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "two_stream.json").read_text())
ROWS = {
    "Cross(x,t)": CROSS,
    "Self(x), Cross(x,t)": SELF_CROSS,
    "Cross(x,t) || Cross(t,x)": CROSS_BOTH,
    "Self(x) || Self(t), Cross(x,t), Cross(t,x)": SELF_IMAGE_FIRST,
    "Self(x) || Self(t), Cross(t,x), Cross(x,t)": SELF_TEXT_FIRST,
    "Self(x) || Self(t), Cross(x,t) || Cross(t,x)": SELF_BOTH,
}
TEXTS = ["make yellow sphere small", "remove cube"]
IMAGES = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))

every_row = pytest.mark.parametrize("row", ROWS)


def model(row: str = "Self(x), Cross(x,t)", levels: int = 2, **keywords) -> TwoStream:
    torch.manual_seed(0)
    image = partial(SmallResNet, width=8, widths=(8, 12), strides=(1, 2), levels=levels)
    keywords = {"layers": ROWS[row], "heads": 2, "hidden": 12} | keywords
    return TwoStream(TEXTS, image=image, text=partial(LSTM, width=8), **keywords).eval()


def steps(*layers) -> nn.Sequential:
    """Steps of one head, without norms and dropout, as the paper writes its equations."""
    torch.manual_seed(0)
    parts = Parts(width=4, heads=1, hidden=6, norm=lambda width: nn.Identity(), dropout=0.0)
    return nn.Sequential(*(step(parts) for step in layers))


def streams() -> dict:
    generator = torch.Generator().manual_seed(0)
    image, text = torch.randn(1, 3, 4, generator=generator), torch.randn(1, 2, 4, generator=generator)
    return {"image": (image, None), "text": (text, torch.ones(1, 2, dtype=torch.bool))}


def attended(attend: nn.Module, asking: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
    """f(x W_Q W_Kᵀ yᵀ) y W_V of eq. 7, one query and one key at a time."""
    out = torch.zeros_like(asking)
    for i in range(asking.shape[1]):
        keys = range(memory.shape[1])
        scores = [attend.query(asking[0, i]) @ attend.key(memory[0, j]) / asking.shape[2] ** 0.5 for j in keys]
        total = sum(score.exp() for score in scores)
        gathered = sum(score.exp() / total * attend.value(memory[0, j]) for j, score in enumerate(scores))
        out[0, i] = attend.output(gathered)
    return out


def test_self_then_cross_is_equation_8():
    block, start = steps(SelfImage, CrossImage), streams()
    x0, y0 = start["image"][0], start["text"][0]
    x1 = x0 + attended(block[0].attend, x0, x0)
    after = block(start)
    torch.testing.assert_close(after["image"][0], x1 + attended(block[1].attend, x1, y0))
    assert after["text"] is start["text"]


def test_in_sequence_the_second_cross_sees_the_first_and_in_parallel_it_does_not():
    start = streams()
    x0, y0 = start["image"][0], start["text"][0]
    sequence, both = steps(CrossImage, CrossText), steps(Both)
    x1 = x0 + attended(sequence[0].attend, x0, y0)
    torch.testing.assert_close(sequence(start)["text"][0], y0 + attended(sequence[1].attend, y0, x1))
    torch.testing.assert_close(both(start)["image"][0], x0 + attended(both[0].image_attend, x0, y0))
    torch.testing.assert_close(both(start)["text"][0], y0 + attended(both[0].text_attend, y0, x0))


@every_row
def test_the_embedding_is_the_average_of_two_resolutions_and_the_words(row):
    two = model(row)
    maps = two.image(IMAGES)
    words, mask = two.text(TEXTS)
    composed = two.compose(Query(image=IMAGES, text=TEXTS))
    for i in range(2):
        image = torch.cat([each[i].flatten(1).T for each in maps])[None]
        out = two.blocks({"image": (image, None), "text": (words[i][mask[i]][None], None)})
        fine, coarse = two.norm["image"](out["image"][0])[0].split([each[i, 0].numel() for each in maps])
        text = two.norm["text"](out["text"][0])[0]
        average = (fine.mean(0) + coarse.mean(0) + text.mean(0)) / 3
        torch.testing.assert_close(composed[i], average, rtol=1e-4, atol=1e-5)


@every_row
def test_without_words_a_query_is_a_catalogue_picture_and_only_the_pictures_own_steps_act(row):
    two = model(row, blocks=1)
    encoded = two.encode(IMAGES)
    torch.testing.assert_close(two.compose(Query(image=IMAGES)), encoded)
    own = [step for step, kind in zip(two.blocks[0], ROWS[row], strict=True) if kind in (SelfImage, FeedImage)]
    maps = two.image(IMAGES)
    out = nn.Sequential(*own)({"image": (torch.cat([each.flatten(2).mT for each in maps], dim=1), None)})
    fine, coarse = two.norm["image"](out["image"][0]).split([each[0, 0].numel() for each in maps], dim=1)
    torch.testing.assert_close(encoded, (fine.mean(1) + coarse.mean(1)) / 2)


@every_row
def test_a_query_without_a_picture_is_its_words_alone(row):
    two = model(row)
    words, mask = two.text(TEXTS)
    for i, vector in enumerate(two.compose(Query(text=TEXTS))):
        out = two.blocks({"text": (words[i][mask[i]][None], None)})
        assert out.keys() == {"text"}
        torch.testing.assert_close(vector, two.norm["text"](out["text"][0])[0].mean(0), rtol=1e-4, atol=1e-5)


def test_the_rows_of_table_4_are_six_models_that_a_declaration_can_make_again():
    query = Query(image=IMAGES, text=TEXTS)
    composed = [model(row).compose(query) for row in ROWS]
    assert all(not torch.allclose(one, other) for i, one in enumerate(composed) for other in composed[:i])
    for row, vectors in zip(ROWS, composed, strict=True):
        torch.testing.assert_close(model(row, layers=rebuild(describe(ROWS[row]))).compose(query), vectors)


def test_the_dummy_word_gives_every_image_token_the_bias_of_the_values():
    two = model("Cross(x,t)", levels=1, blocks=1, null=dummy_word)
    cross, feed = two.blocks[0]
    with torch.no_grad():
        cross.attend.value.bias.uniform_(-1, 1)
        image = two.image(IMAGES)[0].flatten(2).mT + cross.attend.output(cross.attend.value.bias)
        image = two.norm["image"](feed({"image": (image, None)})["image"][0])
        word = two.norm["text"](torch.zeros(2, 8))
        torch.testing.assert_close(two.encode(IMAGES), (image[:, 1:].sum(1) + word) / image.shape[1])


def test_catalogue_pictures_can_go_around_the_attention():
    two = model(levels=1, image_through_attention=False)
    torch.testing.assert_close(two.encode(IMAGES), two.image(IMAGES)[0].mean((2, 3)))


def test_what_a_user_can_get_wrong_is_a_problem():
    with pytest.raises(Problem, match="needs an image or a text"):
        model().compose(Query(avoid=TEXTS))
    with pytest.raises(Problem, match="reads image tokens only"):
        model(pool=resolutions).compose(Query(text=TEXTS))
    with pytest.raises(Problem, match="8 wide and words 6"):
        TwoStream(TEXTS, image=partial(SmallResNet, width=8), text=partial(LSTM, width=6))


def released(**keywords) -> TwoStream:
    """TwoStream with every behaviour of the released code, and ImageNet's constants in double precision."""
    image = partial(
        ResNet, name="resnet18", width=16, stages=(3, 4), pretrained=False, size=None, project=linear_norm_relu
    )
    text = partial(LSTM, width=16, head=dropout_linear)
    keywords = {"pool": half_text, "null": dummy_word} | keywords
    two = TwoStream(
        GOLDEN["vocabulary"], image=image, text=text, heads=4, hidden=24, norm=UnbiasedLayerNorm, **keywords
    )
    two = two.double().eval()
    fill(two)
    two.image.mean = torch.tensor([0.485, 0.456, 0.406], dtype=torch.double)[:, None, None]
    two.image.deviation = torch.tensor([0.229, 0.224, 0.225], dtype=torch.double)[:, None, None]
    return two


RELEASED = {row: {"layers": layers} for row, layers in ROWS.items()} | {
    "resolutions, no text": {"layers": SELF_BOTH, "pool": resolutions},
    "image not through attention": {"layers": SELF_BOTH, "image_through_attention": False},
}
PARTS = {
    "image trunk": "image.trunk",
    "image projections": "image.project",
    "text": "text",
    "blocks": "blocks",
    "norm": "norm",
    "scale": "score",
}


@pytest.mark.parametrize("case", RELEASED)
def test_the_official_code_gives_these_numbers_and_gradients(case):
    """yahoo/maaf at 49a0df9, double precision, the weights of `fill`, in eval mode."""
    two, golden = released(**RELEASED[case]), GOLDEN["cases"][case]
    images = (256 * drawn((4, 3, 224, 224), 1000)).to(torch.uint8)
    composed, encoded = two.compose(Query(image=images[:2], text=GOLDEN["texts"])), two.encode(images[2:])
    loss = nn.functional.cross_entropy(two.score(composed, encoded), torch.arange(2))
    loss.backward()
    torch.testing.assert_close(composed, torch.tensor(golden["composed"], dtype=torch.double), rtol=1e-8, atol=1e-9)
    torch.testing.assert_close(encoded, torch.tensor(golden["encoded"], dtype=torch.double), rtol=1e-8, atol=1e-9)
    assert loss.item() == pytest.approx(golden["loss"], rel=1e-8)
    for part, start in PARTS.items():
        gradients = [each.grad for name, each in two.named_parameters() if name.startswith(start)]
        norm = sum(gradient.square().sum() for gradient in gradients if gradient is not None).sqrt().item()
        assert norm == pytest.approx(golden["gradients"][part], rel=1e-7) and norm > 1e-3, part
    assert composed.std(0).min() > 1e-4
