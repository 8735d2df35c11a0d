"""Spelling: PHOC of the official code, words that are alike, sentences whose padding reaches nothing; read images."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch
from torch.nn.functional import cosine_similarity

from cirkit.declare import describe, rebuild
from cirkit.encoders.phoc import LETTERS, WIDTH, phoc
from cirkit.encoders.read_images import ReadImages, without_words
from cirkit.encoders.spelling import HashedGrams, SpelledText, Spelling
from cirkit.encoders.thumbnails import Thumbnails
from cirkit.regions import Regions

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "m4c.json").read_text())["phoc"]
TEXTS = ["what says fizko?", "how many", "", "what is the name of the red shop"]


@pytest.mark.parametrize("word", GOLDEN)
def test_the_official_code_gives_this_phoc(word):
    assert phoc([word])[0].nonzero().flatten().tolist() == GOLDEN[word]


def test_a_word_of_one_letter_is_in_every_part_that_holds_half_of_it():
    """By hand: of two halves either holds half of the letter; of three thirds none does."""
    assert phoc(["b"])[0].nonzero().flatten().tolist() == [LETTERS.index("b"), 36 + LETTERS.index("b")]
    assert phoc([]).shape == (0, WIDTH) == (0, 604)


def test_grams_are_the_mean_of_signs_that_depend_on_nothing_but_the_gram():
    grams = HashedGrams(width=64, sizes=(2, 3))
    whole = {word: grams([word])[0] for word in ("ab", "xy")}
    import hashlib

    import numpy as np

    signs = [
        2.0 * np.unpackbits(np.frombuffer(hashlib.blake2b(g.encode(), digest_size=8).digest(), np.uint8)) - 1
        for g in ("<a", "ab", "b>", "<ab", "ab>", "<ab>")
    ]
    torch.testing.assert_close(whole["ab"], torch.from_numpy(np.mean(signs, axis=0)).float())
    assert grams([]).shape == (0, 64)


def test_words_that_are_spelled_alike_lie_close():
    spelled = Spelling()(["mukodak", "mukodok", "bizipun"])
    assert spelled.shape == (3, 700) == (3, Spelling().width)
    torch.testing.assert_close(spelled[:, :96].norm(dim=1), torch.ones(3))
    near, far = (cosine_similarity(spelled[0], spelled[i], dim=0) for i in (1, 2))
    assert near > 0.6 > far + 0.2


def text() -> SpelledText:
    torch.manual_seed(0)
    spelling = partial(Spelling, subwords=HashedGrams(width=16))
    return SpelledText(TEXTS, width=8, spelling=spelling, heads=2, hidden=12, longest=6).eval()


@torch.no_grad()
def test_a_sentence_is_read_the_same_in_any_company_and_cut_where_it_is_too_long():
    encoder = text()
    tokens, mask = encoder(TEXTS)
    assert mask.sum(1).tolist() == [3, 2, 1, 6] and tokens.shape == (4, 6, 8)
    for i, one in enumerate(TEXTS):
        count = int(mask[i].sum())
        torch.testing.assert_close(encoder([one])[0][0, :count], tokens[i, :count])
    torch.testing.assert_close(encoder(["what is the name of the"])[0][0], tokens[3])
    assert not torch.allclose(encoder(["what fizko says"])[0][0], tokens[0, :3])


@torch.no_grad()
def test_a_declaration_in_json_makes_the_same_encoder():
    declared = partial(SpelledText, width=8, spelling=partial(Spelling, subwords=HashedGrams(width=16)), heads=2)
    again = rebuild(json.loads(json.dumps(describe(declared))))
    made = []
    for each in (declared, again):
        torch.manual_seed(0)
        made.append(each(TEXTS).eval()(TEXTS)[0])
    torch.testing.assert_close(*made, rtol=0, atol=0)


def test_a_thumbnail_is_the_mean_colour_of_each_field():
    images = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    (map,) = Thumbnails(side=2)(images)
    assert map.shape == (2, 12, 1, 1) and Thumbnails(side=2).width == 12
    corner = images[1, 2, 4:, :4].float().mean() / 127.5 - 1
    torch.testing.assert_close(map[1, :, 0, 0].view(3, 2, 2)[2, 1, 0], corner)


def test_a_batch_of_read_images_is_no_longer_than_its_words():
    words = [("a", "b", "c"), (), ("d",)]
    mask = torch.arange(3) < torch.tensor([3, 0, 1])[:, None]
    objects = Regions(vectors=torch.randn(3, 2, 4), boxes=torch.rand(3, 2, 4))
    images = ReadImages(objects=objects, words=words, looks=torch.randn(3, 3, 4), boxes=torch.rand(3, 3, 4), mask=mask)
    some = images[torch.tensor([2, 1])].to(torch.device("cpu"))
    assert some.words == [("d",), ()] and some.looks.shape == (2, 1, 4) and len(some) == 2
    torch.testing.assert_close(some.looks[0, 0], images.looks[2, 0])
    assert without_words(images).boxes.shape == (3, 0, 4)
