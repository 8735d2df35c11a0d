"""Caption triplets by keywords: terms, the window of similarities, templates, and what a shard follows from."""

import math
import sys
from types import SimpleNamespace

import pytest
import torch
from toys import TinyClip

from cirkit.benchmarks.synth_triplets import TEMPLATES
from cirkit.declare import fingerprint
from cirkit.errors import Problem
from cirkit.synthesis.keywords import CELLS, after_articles, by_spacy, exchange, keyword_swaps

ANGLES = {"apple": 0, "pear": 50, "plum": 55, "train": 90, "tram": 100}  # degrees: 0.64 and 0.57 of apple lie inside
CAPTIONS = [
    "an apple on the train",
    "a pear",
    "a plum, a pear",
    "an apple, a train",
    "a tram and an owl",
    "a plum and a tram",
]


class Angles(TinyClip):
    """Words are directions in a plane."""

    def text(self, texts):
        return torch.tensor(
            [[math.cos(math.radians(ANGLES[text])), math.sin(math.radians(ANGLES[text]))] for text in texts]
        )


def route(**changes) -> keyword_swaps:
    return keyword_swaps(captions=lambda: CAPTIONS, clip=Angles, **changes)


def test_table_2_has_48_cells_of_which_46_differ():
    assert len(CELLS) == 48 and len(set(CELLS)) == 46
    assert set(CELLS) - set(TEMPLATES) == {"T is introduced as the new option after S", "S is removed"}


def test_terms_stand_after_articles():
    assert after_articles("a small red cube, the large blue sphere and an owl") == [
        "small red cube", "large blue sphere", "owl"
    ]  # fmt: skip
    assert after_articles("two cats sleeping") == []


def test_rare_terms_are_left_out_and_alternatives_lie_in_the_window():
    swaps = route()
    assert list(swaps.vectors[0]) == ["apple", "pear", "plum", "train", "tram"]  # one caption alone has an owl
    assert swaps.alternatives("apple") == ["pear", "plum"] and swaps.alternatives("plum") == ["apple"]
    assert "apple" not in route(window=(0.9, 1.0)).alternatives("pear") and route(least=3).table[1][0] == []


def test_a_triplet_exchanges_one_term_and_says_so():
    for each in route()(0, 20):
        source, target = each.source_keyword, each.target_keyword
        assert each.target == exchange(each.reference, source, target) and source in each.reference
        assert 0.5 <= math.cos(math.radians(ANGLES[source] - ANGLES[target])) <= 0.7
        assert target in each.instruction and target in each.target


def test_a_shard_follows_from_its_number_alone():
    swaps = route()
    swaps(3, 5)
    assert swaps(7, 5) == route()(7, 5) != route()(8, 5)
    assert route()(7, 9)[:5] == swaps(7, 5) and route(seed=1)(7, 5) != swaps(7, 5)


def test_whole_words_are_exchanged_with_their_article():
    assert exchange("a cat in a category", "cat", "owl") == "an owl in a category"
    assert exchange("category: an old cat", "old cat", "red (bird)") == "category: a red (bird)"
    assert exchange("cat, a cat", "cat", "dog") == "dog, a cat"


@pytest.mark.parametrize(
    ("changes", "says"), [({"window": (0.99, 0.995)}, "Widen"), ({"least": 9}, "Give more captions")]
)
def test_captions_without_alternatives_are_a_problem(changes, says):
    with pytest.raises(Problem, match=says):
        route(**changes)(0, 2)


def test_spacy_takes_runs_of_adjectives_and_nouns(monkeypatch):
    kinds = {"the": "DET", "is": "AUX", "old": "ADJ", "tram": "NOUN", "red": "ADJ"}
    tagger = by_spacy()
    vars(tagger)["_read"] = lambda caption: [
        SimpleNamespace(text_with_ws=f"{text} ", pos_=kinds[text]) for text in caption.split()
    ]
    assert tagger("the old tram is red") == ["old tram", "red"]
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(Problem, match="pip install spacy"):
        by_spacy()("a cat")


def test_it_stands_in_a_configuration():
    one, other = (keyword_swaps(captions=list, clip=TinyClip, window=(0.5, high)) for high in (0.7, 0.8))
    assert fingerprint(one) != fingerprint(other)
