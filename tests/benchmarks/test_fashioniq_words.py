"""Kinds of words: by hand, against the world's own words, and beside the counts the paper prints."""

from collections import Counter
from pathlib import Path

import pytest

from cirkit.benchmarks.fashioniq import CATEGORIES, annotations
from cirkit.benchmarks.fashioniq_protocols import MAAF
from cirkit.benchmarks.fashioniq_words import KINDS, kinds
from cirkit.worlds.fashion_words import COLOUR_WORDS, NECK_WORDS, PATTERN_WORDS, SLEEVE_WORDS, TRIM_WORDS

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "fashioniq"
real = pytest.mark.skipif(not REAL.is_dir(), reason="the official annotations are not here")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("is plaid blue and black", ("color", "texture")),  # the paper's example
        ("Has longer sleeves. inadditiontothat is a T-shirt", ("shape", "parts")),
        ("is a grey polo", ("color", "type")),
        ("v-necked", ("parts",)),
        ("is the same dress", ()),
        ("is bluegrey", ()),  # whole words alone
        ("", ()),
    ],
)
def test_a_text_is_of_every_kind_of_which_it_has_a_word(text, expected):
    assert kinds(text) == expected


def test_every_list_is_in_lower_case_without_punctuation_and_without_the_categories_own_names():
    for words in KINDS.values():
        assert all(word.isalnum() and word == word.lower() for word in words)
        assert not words & {"dress", "shirt", "top", "tee", "tshirt", "inadditiontothat", "is", "has", "and", "a"}
    assert sum(map(len, KINDS.values())) == len(frozenset().union(*KINDS.values()))  # no word in two lists


@pytest.mark.parametrize(
    ("kind", "phrases", "misses"),
    [
        ("color", [word for words in COLOUR_WORDS.values() for word in words], 0),
        ("texture", [word for words in PATTERN_WORDS.values() for form in words for word in form], 7),  # two colours
        ("parts", [word for table in (SLEEVE_WORDS, NECK_WORDS) for said in table.values() for _, word in said], 4),
        ("parts", [word for key, said in TRIM_WORDS.items() if key != "lace" for _, word in said], 0),
    ],
)
def test_the_lists_know_the_words_of_the_world(kind, phrases, misses):
    assert sum(kind not in kinds(phrase) for phrase in phrases) == misses


@real
def test_counts_on_the_public_sentences_are_near_the_papers_and_not_equal():
    """Table S4 prints 6016, 4902, 1496, 3011, 2906, 313; its lists are unpublished, ours are other lists."""
    found = Counter()
    for category in CATEGORIES:
        for record in annotations(REAL, category, "val").records:
            (text,) = MAAF.texts(record.captions)
            found.update(("all", *kinds(text)))
    ours = {"all": 6016, "color": 5212, "texture": 1949, "shape": 3056, "parts": 3381, "type": 315}
    assert found == ours
    printed = {"all": 6016, "color": 4902, "texture": 1496, "shape": 3011, "parts": 2906, "type": 313}
    assert all(1 <= ours[kind] / printed[kind] < 1.31 for kind in printed)
