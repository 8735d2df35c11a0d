"""MAAF: pooling against loops, missing parts, the released parameter count, and numbers from the official code."""

from functools import partial

import pytest
import torch
from released_maaf import GOLDEN, released
from written_weights import drawn

from cirkit.attention.blocks import UnbiasedLayerNorm, identity, softmax
from cirkit.attention.positions import Sinusoidal
from cirkit.encoders.image import ResNet, SmallResNet, linear_norm_relu
from cirkit.encoders.text import LSTM, dropout_linear
from cirkit.errors import Problem
from cirkit.models.maaf import (
    MAAF,
    all_tokens,
    by_type,
    half_text,
    image_half_text_half,
    image_tokens,
    resolutions,
)
from cirkit.query import Query

TEXTS = ["make yellow sphere small", "remove cube"]
IMAGES = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def model(levels: int = 1, **keywords) -> MAAF:
    torch.manual_seed(0)
    image = partial(SmallResNet, width=8, widths=(8, 12), strides=(1, 2), levels=levels)
    keywords = {"blocks": 1, "heads": 2, "hidden": 12} | keywords
    return MAAF(TEXTS, image=image, text=partial(LSTM, width=8), **keywords).eval()


def average(vectors: list[torch.Tensor]) -> torch.Tensor:
    return sum(vectors) / len(vectors)


def test_every_pooling_is_its_loop():
    generator = torch.Generator().manual_seed(0)
    fine, coarse, text = (torch.randn(2, count, 3, generator=generator) for count in (4, 2, 3))
    mask = torch.tensor([[True, True, True], [True, False, False]])
    for row in range(2):
        a, b, c = list(fine[row]), list(coarse[row]), [text[row, t] for t in range(3) if mask[row, t]]
        expected = {
            by_type: average([average(a), average(b), average(c)]),
            half_text: average(a) / 4 + average(b) / 4 + average(c) / 2,
            all_tokens: average(a + b + c),
            image_half_text_half: average(a + b) / 2 + average(c) / 2,
            resolutions: average([average(a), average(b)]),
            image_tokens: average(a + b),
        }
        alone = {
            pool: average(a + b)
            if pool in (all_tokens, image_half_text_half, image_tokens)
            else average([average(a), average(b)])
            for pool in expected
        }
        for pool, vector in expected.items():
            torch.testing.assert_close(pool((fine, coarse), (text, mask))[row], vector)
            torch.testing.assert_close(pool((fine, coarse), None)[row], alone[pool])


def test_with_one_resolution_the_paper_and_the_released_code_pool_alike():
    fine, text = torch.randn(2, 4, 3), torch.randn(2, 3, 3)
    words = (text, torch.ones(2, 3, dtype=torch.bool))
    torch.testing.assert_close(by_type((fine,), words), half_text((fine,), words))
    torch.testing.assert_close(by_type((fine,), words), image_half_text_half((fine,), words))


@pytest.mark.parametrize("weights", [softmax, identity])
@pytest.mark.parametrize("levels", [1, 2])
def test_the_embedding_is_the_fused_sequence_pooled(levels, weights):
    maaf = model(levels, weights=weights, blocks=2)
    maps = maaf.image(IMAGES)
    counts = [each.shape[2] * each.shape[3] for each in maps]
    words, mask = maaf.text(TEXTS)
    out = maaf.compose(Query(image=IMAGES, text=TEXTS))
    for row in range(2):
        sequence = torch.cat([*(each[row].flatten(1).T for each in maps), words[row][mask[row]]])
        fused = maaf.fusion(sequence[None])[0]
        parts = fused.split([*counts, int(mask[row].sum())])
        torch.testing.assert_close(out[row], average([part.mean(0) for part in parts]), rtol=1e-4, atol=1e-5)


def test_a_query_without_words_is_a_catalogue_picture_and_one_without_a_picture_is_words_alone():
    maaf = model()
    torch.testing.assert_close(maaf.compose(Query(image=IMAGES)), maaf.encode(IMAGES))
    words, mask = maaf.text(TEXTS)
    expected = [maaf.fusion(words[row][mask[row]][None])[0].mean(0) for row in range(2)]
    torch.testing.assert_close(maaf.compose(Query(text=TEXTS)), torch.stack(expected))


def test_a_query_with_neither_is_a_problem_and_so_is_one_without_what_the_pooling_reads():
    with pytest.raises(Problem, match="needs an image or a text"):
        model().compose(Query(avoid=TEXTS))
    with pytest.raises(Problem, match="reads image tokens only"):
        model(pool=resolutions).compose(Query(text=TEXTS))


def test_catalogue_pictures_can_go_around_the_attention():
    maaf = model(image_through_attention=False)
    torch.testing.assert_close(maaf.encode(IMAGES), maaf.image(IMAGES)[0].mean((2, 3)))
    assert not torch.allclose(maaf.encode(IMAGES), model().encode(IMAGES))


def test_the_weights_for_the_figures_cover_pixels_and_words_and_leave_padding_out():
    maps = model(blocks=2).attention(Query(image=IMAGES, text=TEXTS))
    assert [each.shape for each in maps] == [(2, 2, 16 + 4, 16 + 4)] * 2
    torch.testing.assert_close(maps[0].sum(-1), torch.ones(2, 2, 20))
    assert (maps[0][1, :, :, 18:] == 0).all() and (maps[0][0] > 0).all()


def test_mirrored_tokens_change_nothing_unless_there_are_positions():
    """Image tokens are a set to the attention: only `positions` (or the encoder) tells them apart."""
    for positions, same in ((None, True), (Sinusoidal, False)):
        maaf = model(**({} if positions is None else {"positions": positions}))
        whole = maaf.compose(Query(image=IMAGES, text=TEXTS))
        encode = maaf.image.forward
        maaf.image.forward = lambda images, encode=encode: tuple(each.flip(3) for each in encode(images))
        assert torch.allclose(maaf.compose(Query(image=IMAGES, text=TEXTS)), whole, atol=1e-5) is same


def test_widths_that_differ_are_a_problem():
    with pytest.raises(Problem, match="8 wide and words 6"):
        MAAF(TEXTS, image=partial(SmallResNet, width=8, widths=(4,), strides=(1,)), text=partial(LSTM, width=6))


def test_at_the_released_size_it_has_the_released_number_of_parameters():
    """31,130,177 with a four-word vocabulary, of which 1,049,088 are a linear layer that nothing reads."""
    with torch.device("meta"):
        maaf = MAAF(
            ["one two three"],
            image=partial(ResNet, pretrained=False, project=linear_norm_relu),
            text=partial(LSTM, head=dropout_linear),
            norm=UnbiasedLayerNorm,
        )
    count = {name: sum(each.numel() for each in part.parameters()) for name, part in maaf.named_children()}
    assert count["fusion"] == 2_632_192
    assert count["image"] == 26_132_032 - 1_049_088
    assert count["text"] == 2_363_904 + 4 * 512
    assert sum(count.values()) == 31_130_177 - 1_049_088


RELEASED = {
    "fashion iq": partial(released, pool=half_text),
    "css": partial(released, stages=(4,), blocks=1, weights=identity, pool=half_text),
    "no resolutions": partial(released, pool=image_half_text_half),
    "resolutions, no text": partial(released, pool=resolutions),
    "image not through attention": partial(released, pool=half_text, image_through_attention=False),
    "sinusoidal": partial(released, pool=half_text, positions=Sinusoidal),
}


@pytest.mark.parametrize("case", RELEASED)
def test_the_official_code_gives_these_numbers(case):
    """yahoo/maaf at 49a0df9, double precision, the weights of `fill`, in eval mode."""
    maaf, golden = RELEASED[case](), GOLDEN["cases"][case]
    images = (256 * drawn((4, 3, 224, 224), 1000)).to(torch.uint8)
    with torch.no_grad():
        composed = maaf.compose(Query(image=images[:2], text=GOLDEN["texts"]))
        encoded = maaf.encode(images[2:])
        loss = torch.nn.functional.cross_entropy(maaf.score(composed, encoded), torch.arange(2))
    torch.testing.assert_close(composed, torch.tensor(golden["composed"], dtype=torch.double), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(encoded, torch.tensor(golden["encoded"], dtype=torch.double), rtol=1e-5, atol=1e-6)
    assert loss.item() == pytest.approx(golden["loss"], rel=1e-5)
    assert composed.std(0).min() > 1e-4 and abs(golden["loss"]) > 1e-4


@pytest.mark.parametrize("case", RELEASED)
def test_the_official_code_gives_these_gradients(case):
    """The norms of the loss's gradients, part by part, with ImageNet's constants in double precision on both sides."""
    maaf, golden = RELEASED[case](), GOLDEN["gradients"][case]
    maaf.image.mean = torch.tensor([0.485, 0.456, 0.406], dtype=torch.double)[:, None, None]
    maaf.image.deviation = torch.tensor([0.229, 0.224, 0.225], dtype=torch.double)[:, None, None]
    images = (256 * drawn((4, 3, 224, 224), 1000)).to(torch.uint8)
    composed, encoded = maaf.compose(Query(image=images[:2], text=GOLDEN["texts"])), maaf.encode(images[2:])
    torch.nn.functional.cross_entropy(maaf.score(composed, encoded), torch.arange(2)).backward()
    parts = {"image trunk": "image.trunk", "image projections": "image.project"}
    parts |= {"text": "text", "fusion": "fusion", "scale": "score"}
    for part, start in parts.items():
        gradients = [each.grad for name, each in maaf.named_parameters() if name.startswith(start)]
        norm = sum(gradient.square().sum() for gradient in gradients if gradient is not None).sqrt().item()
        assert norm == pytest.approx(golden[part], rel=1e-6), part  # the official sinusoids are single precision
