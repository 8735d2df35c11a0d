"""AttnGAN: identities of its attention, the two masks, what is painted, and the published sizes."""

import json
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d, interpolate

from cirkit.attention.alignment import SCORES, alignment, sigmoid
from cirkit.declare import describe, rebuild
from cirkit.errors import Problem
from cirkit.models.attngan import (
    AttnGAN,
    DoubledConvolution,
    Generator,
    WordAttention,
    own_words,
    released_rows,
    uniform,
)
from cirkit.models.damsm import DAMSM, SmallViews, WordEncoder, to_images, to_pixels
from cirkit.models.discriminators import Discriminator

TEXTS = ["a red bird with a long blue tail", "this is a small yellow bird", "white wings", "a black crown"]
SMALL = {"width": 4, "stages": 2, "doublings": 2, "blocks": 1, "noise": 6, "condition": 4}


def declared(name: str = "dot", allowed=own_words) -> partial:
    damsm = partial(
        DAMSM, text=partial(WordEncoder, width=8, word_width=6), image=partial(SmallViews, widths=(8, 12, 16))
    )
    generator = partial(Generator, alignment=partial(alignment, name=name), allowed=allowed, **SMALL)
    return partial(AttnGAN, damsm=damsm, generator=generator, discriminator=partial(Discriminator, width=3))


def attend(name: str, allowed=own_words, **changes) -> WordAttention:
    torch.manual_seed(0)
    attention = WordAttention(6, 5, partial(alignment, name=name, **changes), allowed).double()
    for each in attention.parameters():
        nn.init.normal_(each)
    return attention


def inputs(lengths=(7, 5, 2)) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    words = torch.randn(len(lengths), max(lengths), 5, dtype=torch.double, generator=generator)
    return torch.randn(len(lengths), 6, 3, 4, dtype=torch.double, generator=generator), words, mask


@torch.no_grad()
@pytest.mark.parametrize("name", [name for name in SCORES if name != "cosine"])
def test_attention_is_its_loop_over_places_and_words(name):
    """softmax over the caption's own words of the score, times the projected words, place by place."""
    attention, (map, words, mask) = attend(name), inputs()
    context, weights = attention(map, words, mask)
    for b in range(3):
        key = [attention.project.weight @ word for word in words[b, : int(mask[b].sum())]]
        for y in range(3):
            for x in range(4):
                place = map[b, :, y, x]
                scores = torch.stack([attention.alignment(place[None], each[None])[0, 0] for each in key])
                alpha = scores.exp() / scores.exp().sum()
                torch.testing.assert_close(weights[b, : len(key), y, x], alpha)
                torch.testing.assert_close(
                    context[b, :, y, x], sum(a * each for a, each in zip(alpha, key, strict=True))
                )


@torch.no_grad()
def test_a_bias_on_the_words_is_none_and_one_on_the_places_is():
    """(K + b) q differs from K q by a number that is equal for all words, so a softmax over words takes it off."""
    map, words, mask = inputs()
    for biased, plain, equal in (("biased general†", "general†", True), ("biased general*", "general*", False)):
        one, other = attend(biased), attend(plain)
        other.load_state_dict({name: each for name, each in one.state_dict().items() if "bias" not in name})
        gap = (one(map, words, mask)[1] - other(map, words, mask)[1]).abs().max()
        assert (gap < 1e-12) if equal else (gap > 1e-2)


@torch.no_grad()
def test_general_star_and_dagger_are_one_class_of_functions():
    map, words, mask = inputs()
    star, dagger = attend("general*"), attend("general†")
    dagger.project.load_state_dict(star.project.state_dict())
    dagger.alignment.key.weight.copy_(star.alignment.query.weight.mT)
    torch.testing.assert_close(star(map, words, mask), dagger(map, words, mask))


@torch.no_grad()
def test_scaled_dot_product_is_a_temperature():
    """The root of the width on both sides of the scores: on places twice as long a dot product is sharper."""
    map, words, mask = inputs()
    scaled, dot = attend("scaled dot"), attend("dot")
    dot.load_state_dict(scaled.state_dict())
    torch.testing.assert_close(scaled(map * 6**0.5, words, mask), dot(map, words, mask))


@torch.no_grad()
def test_a_sigmoid_bounds_what_a_word_can_get():
    map, words, mask = inputs((18,) * 3)
    _, weights = attend("activated general", activation=sigmoid)(100 * map, words, mask)
    _, free = attend("activated general")(100 * map, words, mask)
    assert weights.max() < torch.e / (torch.e + 17) + 1e-12 < 0.138 < free.max()


@torch.no_grad()
@pytest.mark.parametrize("name", ["dot", "biased general*", "activated general"])
def test_padding_reaches_nothing(name):
    attention, (map, words, mask) = attend(name), inputs()
    context, weights = attention(map, words, mask)
    again = attention(map, torch.where(mask[..., None], words, 1e3), mask)
    torch.testing.assert_close(again, (context, weights), rtol=0, atol=0)
    assert not weights[~mask].any()
    for i in range(3):
        t = int(mask[i].sum())
        alone = attention(map[i : i + 1], words[i : i + 1, :t], mask[i : i + 1, :t])
        torch.testing.assert_close(alone[0], context[i : i + 1])


@torch.no_grad()
def test_the_released_mask_is_another_samples_and_equal_for_one():
    map, words, mask = inputs()
    rows = released_rows(mask, 12)
    by_hand = torch.stack([torch.stack([mask[(i * 12 + q) % 3] for q in range(12)]) for i in range(3)])
    assert torch.equal(rows, by_hand)
    (context, weights), (other, shifted) = (
        attend("dot")(map, words, mask),
        attend("dot", released_rows)(map, words, mask),
    )
    assert (context - other).abs().max() > 0.1 and shifted[~mask].sum() > 0.5 and not weights[~mask].any()
    one = tuple(part[:1] for part in (map, words, mask))
    torch.testing.assert_close(attend("dot")(*one), attend("dot", released_rows)(*one), rtol=0, atol=0)


@torch.no_grad()
def test_the_control_takes_the_mean_of_the_words():
    map, words, mask = inputs()
    _, weights = WordAttention(6, 5, uniform).double()(map, words, mask)
    torch.testing.assert_close(
        weights, (mask / mask.sum(1, keepdim=True))[..., None, None].expand(-1, -1, 3, 4).double()
    )


def test_a_convolution_at_twice_the_side_is_that_of_repeated_pixels():
    torch.manual_seed(0)
    layer, map = DoubledConvolution(3, 5).double(), torch.randn(2, 3, 4, 6, dtype=torch.double, requires_grad=True)
    plain = conv2d(interpolate(map, scale_factor=2), layer.weight, padding=1)
    out, toward = layer(map), torch.randn_like(plain)
    torch.testing.assert_close(out, plain)
    inputs = (map, layer.weight)
    for got, wanted in zip(
        torch.autograd.grad(out, inputs, toward), torch.autograd.grad(plain, inputs, toward), strict=True
    ):
        torch.testing.assert_close(got, wanted)


def test_it_paints_what_noise_and_captions_say():
    torch.manual_seed(0)
    painter = declared()(TEXTS).eval()
    noise = painter.draw(4, torch.Generator().manual_seed(3))
    images = painter.paint(TEXTS, noise)
    assert images.shape == (4, 3, 32, 32) and images.dtype == torch.uint8 and images.float().std() > 1
    assert torch.equal(images, painter.paint(TEXTS, noise))
    assert not torch.equal(images, painter.paint(TEXTS, painter.draw(4, torch.Generator().manual_seed(4))))
    (maps,) = painter.attention(TEXTS, noise)
    assert maps.shape == (4, 8, 16, 16)
    torch.testing.assert_close(maps.sum(1), torch.ones(4, 16, 16))
    one = painter.paint(TEXTS[2:3], noise[2:3])
    assert (one.int() - images[2:3].int()).abs().max() <= 1  # evaluation sees no batch
    assert [image.shape[2] for image in painter(TEXTS, noise).images] == [16, 32]
    assert noise.shape == (4, 10)


def test_what_it_learnt_from_does_not_learn():
    painter = declared()(TEXTS).train()
    assert not painter.damsm.training and painter.generator.training
    assert not any(each.requires_grad for each in painter.damsm.parameters())
    painter(TEXTS, painter.draw(4)).images[-1].sum().backward()
    assert all(each.grad is not None for each in painter.generator.further.parameters())


def test_levels_of_brightness_come_back():
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(1, 3, 16, 16)
    assert (to_images(to_pixels(levels)).int() - levels.int()).abs().max() <= 1


def test_a_declaration_in_json_makes_the_same_painter():
    made = declared("activated general", released_rows)
    torch.manual_seed(0)
    first = made(TEXTS).eval()
    torch.manual_seed(0)
    again = rebuild(json.loads(json.dumps(describe(made))))(TEXTS).eval()
    noise = first.draw(4)
    assert torch.equal(first.paint(TEXTS, noise), again.paint(TEXTS, noise))


@pytest.mark.parametrize("side", [16, 32])
def test_every_parameter_of_a_small_discriminator_gets_a_gradient(side):
    judge = Discriminator(side=side, width=4, text_width=5)
    verdict = judge(torch.randn(3, 3, side, side), torch.randn(3, 5))
    assert verdict.alone.shape == verdict.beside.shape == (3,)
    (verdict.alone.sum() + verdict.beside.sum()).backward()
    assert all(each.grad is not None for each in judge.parameters())


@pytest.mark.parametrize("side", [8, 24, 0])
def test_a_side_that_no_discriminator_reads_is_said_so(side):
    with pytest.raises(Problem, match="power of two"):
        Discriminator(side=side, width=4, text_width=5)


def test_the_published_sizes():
    """7,084,592 parameters of the generator on birds; discriminators of 6.3, 19.4 and 71.9 million."""
    with torch.device("meta"):
        judges = [Discriminator(side=side, width=64, text_width=256) for side in (64, 128, 256)]
    assert [sum(each.numel() for each in judge.parameters()) for judge in judges] == [6313730, 19424002, 71858946]
    with torch.device("meta"):
        generator = Generator(width=32, text_width=256, alignment=partial(alignment, name="dot"))
    assert sum(each.numel() for each in generator.parameters()) == 7084592 and generator.sides == (64, 128, 256)
