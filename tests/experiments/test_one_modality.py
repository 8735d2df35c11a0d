import numpy as np
import pytest
from toys import EACH_SEED, record

from cirkit.evaluators.evidence import Ranks
from cirkit.experiments.one_modality import solved


def runs(*hits, **facts):
    return [record(np.array(each, bool), seed, **facts) for seed, each in enumerate(hits)]


def test_a_query_is_solved_by_the_image_by_the_text_by_either_or_by_both():
    image, text = runs([1, 1, 0, 0, 0]), runs([1, 0, 1, 0, 0])
    found = solved(image, text, "t")
    assert (found.image.mean, found.text.mean) == (40, 40)
    assert (found.either.mean, found.both.mean) == (pytest.approx(60), pytest.approx(20))
    assert 0 <= found.either.low < 60 < found.either.high <= 100
    assert solved(image, text, "t", k=9).both.mean == 100  # ranks are first or ninth


def test_seeds_are_paired_and_those_of_one_row_alone_do_not_count():
    image, text = runs([1, 0], [0, 0], declared=EACH_SEED), runs([0, 1], [0, 1], [1, 1], declared=EACH_SEED)
    assert solved(image, text, "t").either.mean == pytest.approx(75)
    assert solved(image, text[::-1], "t").either.seeds == 2


def test_a_tie_is_solved_with_the_probability_of_a_random_order():
    tied = record(np.array([True]))
    tied.evidence["t"] = Ranks(np.array([1]), np.array([4]), np.array([0, 1]), 10)
    found = solved([tied], [tied], "t")
    assert found.image.mean == pytest.approx(25) and found.either.mean == pytest.approx(43.75)


def test_rows_of_other_seeds_or_queries_are_refused():
    with pytest.raises(ValueError, match="no seed in common"):
        solved(runs([1]), runs([1], [1])[1:], "t")
    with pytest.raises(ValueError, match="different queries"):
        solved(runs([1]), runs([1, 0]), "t")
