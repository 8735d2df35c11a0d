"""DAMSM: word scores against a loop over images, captions and words; ranks; the networks behind them."""

import pytest
import torch
from torch.nn.functional import cosine_similarity

from cirkit.errors import Problem
from cirkit.evaluators.ranking import rank
from cirkit.models import damsm
from cirkit.models.base import Retriever
from cirkit.models.damsm import DAMSM, InceptionViews, SmallViews, WordEncoder, word_scores
from cirkit.query import Benchmark, Query
from cirkit.timing.damsm import Size, at_once, inputs, loop

TEXTS = ["a red bird with a long tail", "this is a small yellow bird", "white wings", "a black crown"]


def model() -> DAMSM:
    def text(texts):
        return WordEncoder(texts, width=8, word_width=6)

    def image(width):
        return SmallViews(width, widths=(8, 12, 16))

    torch.manual_seed(0)
    return DAMSM(TEXTS, text=text, image=image).eval()


def given(n: int = 4, c: int = 3) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    regions, words = (torch.randn(*shape, 6, dtype=torch.double, generator=generator) for shape in ((n, 5), (c, 7)))
    return regions, words, torch.arange(7) < torch.tensor([7, 1, 4])[:c, None]


@pytest.mark.parametrize("cache", [1, 1 << 20])
def test_word_scores_are_their_loop(cache, monkeypatch):
    """Eq. 7 to 10, one image, caption and word at a time; in chunks of one image or all at once."""
    monkeypatch.setattr(damsm, "CACHE", cache)
    regions, words, mask = given()
    scores = word_scores(regions, words, mask)
    for i, image in enumerate(regions):
        for j, caption in enumerate(words):
            own = caption[mask[j]]
            by_word = torch.stack([(own @ region).softmax(0) for region in image], 1)  # (t, r)
            total = 0.0
            for word, line in zip(own, by_word, strict=True):
                context = ((4 * line).softmax(0)[:, None] * image).sum(0)
                total += (5 * cosine_similarity(word, context, dim=0)).exp()
            torch.testing.assert_close(scores[i, j], total.log())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_word_scores_and_their_gradients_are_the_plain_loops(dtype):
    maps, words, mask = inputs(Size(batch=9, regions=12, width=8))
    results = []
    for scores in (at_once, loop):
        some = [each.to(dtype).requires_grad_() for each in (maps.clone(), words.clone())]
        found = scores(*some, mask)
        (found * torch.arange(81).view(9, 9)).mean().backward()
        results.append((found.detach(), *(each.grad for each in some)))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_words_that_do_not_exist_reach_nothing_and_get_no_gradient():
    regions, words, mask = given()
    spoiled = torch.where(mask[..., None], words, torch.nan).requires_grad_()
    scores = word_scores(regions, spoiled, mask)
    torch.testing.assert_close(scores, word_scores(regions, words, mask), rtol=0, atol=0)
    scores.sum().backward()
    assert not spoiled.grad[~mask].any() and spoiled.grad[mask].isfinite().all()


@torch.no_grad()
def test_a_sentence_is_what_both_ways_end_with_and_knows_no_padding():
    encoder = model().text
    words, mask, sentence = encoder(TEXTS)
    assert words.shape == (4, 7, 8) and mask.sum(1).tolist() == [7, 6, 2, 3] and not words[~mask].any()
    for i, text in enumerate(TEXTS):
        own, _, alone = encoder([text])
        torch.testing.assert_close(words[i, mask[i]], own[0])
        torch.testing.assert_close(sentence[i], alone[0])
        torch.testing.assert_close(alone[0], torch.cat([own[0, -1, :4], own[0, 0, 4:]]))


@torch.no_grad()
def test_it_is_ranked_as_any_retriever():
    one, images = model(), torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    assert isinstance(one, Retriever)
    own = [[i] for i in range(4)]
    cosines = one.score(one.compose(Query(image=images)), one.encode(TEXTS))
    ranks = rank(one, Benchmark(name="r", query=Query(image=images), gallery=TEXTS, relevant=own))
    assert ranks.mid.tolist() == [1 + int((line > line[i]).sum()) for i, line in enumerate(cosines)]
    torch.testing.assert_close(cosines.mT, one.score(one.compose(Query(text=TEXTS)), one.encode(images)))
    with pytest.raises(Problem, match="one of them"):
        one.compose(Query(text=TEXTS, image=images))


@torch.no_grad()
@pytest.mark.slow
def test_inception_gives_289_regions_and_only_the_projections_learn():
    views = InceptionViews(16, pretrained=False).train()
    regions, whole = views(torch.zeros(1, 3, 64, 64))
    assert regions.shape == (1, 289, 16) and whole.shape == (1, 16) and not views.trunk.training
    learning = {name.partition(".")[0] for name, each in views.named_parameters() if each.requires_grad}
    assert learning == {"regions", "whole"}
    assert sum(each.numel() for each in views.parameters() if each.requires_grad) == 768 * 16 + 2048 * 16 + 16
