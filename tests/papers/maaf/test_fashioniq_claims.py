"""Claims about kinds of words: which queries of which world they are about."""

from dataclasses import replace

from toys import record

from cirkit.benchmarks import fashioniq as reader
from cirkit.benchmarks.fashioniq_words import kinds
from cirkit.experiments.records import DRAWN_EACH_SEED
from cirkit.papers.maaf.fashioniq_claims import SIZES, _speaks_of
from cirkit.worlds import fashioniq

EACH = {"tests": {"fashioniq": {"data": {"make": DRAWN_EACH_SEED}}}}


def texts(seed):
    shelves = fashioniq.world(replace(SIZES["smoke"], seed=seed))
    captions = [each for category in reader.CATEGORIES for each in shelves[category, "val"].captions]
    return [text for each in captions for text in reader.MAAF.texts(each)]


def test_a_kind_of_word_is_sought_in_the_texts_of_the_runs_own_world():
    of_two = [[row for row, text in enumerate(texts(seed)) if "color" in kinds(text)] for seed in (0, 1)]
    run = replace(record([True], seed=1), scale="smoke")
    assert of_two[0] != of_two[1]
    assert _speaks_of(run, "color") == of_two[0]  # all seeds share the queries
    assert _speaks_of(replace(run, declared=EACH), "color") == of_two[1]
    assert _speaks_of(replace(run, basis="original"), "color") is None
