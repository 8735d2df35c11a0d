from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cirkit.evaluators.evidence import Ranks, chance
from cirkit.evaluators.measures import AveragePrecision, PerItem, Recall
from cirkit.evaluators.pinpoint import NegativeRecall, ParaphraseMean, ParaphraseRange, Precision
from cirkit.experiments.bootstrap import bootstrap, overall, under


def released(retrieved, relevant, negative, k):
    """The release's precision, AP and NegRecall of one ranking, written down from its definition."""
    hits = [item in relevant for item in retrieved[:k]]
    ap = sum(sum(hits[: i + 1]) / (i + 1) for i, hit in enumerate(hits) if hit) / min(len(relevant), k)
    return sum(hits) / k, ap, sum(item in negative for item in retrieved[:k]) / min(len(negative), k)


def ranks(order, *relevant):
    """One query per list of items, in a ranking without ties."""
    place = np.array([1 + order.index(item) for items in relevant for item in items])
    return Ranks(place, place, np.cumsum([0, *map(len, relevant)]), len(order))


def tie(first, last, offsets, gallery):
    """Ranks from lists."""
    return Ranks(np.array(first), np.array(last), np.array(offsets), gallery)


@given(st.permutations(range(14)), st.integers(1, 5), st.integers(1, 8), st.integers(1, 14))
@settings(max_examples=40, deadline=None)
def test_measures_are_those_of_the_release(order, positives, negatives, k):
    right, wrong = set(range(positives)), set(range(positives, positives + negatives))
    precision, ap, recall = released(order, right, wrong, k)
    evidence, missed = ranks(order, right), ranks(order, wrong)
    assert Precision(k).values(evidence) == pytest.approx([100 * precision])
    assert AveragePrecision(k).values(evidence) == pytest.approx([100 * ap])
    assert NegativeRecall(k).values(missed) == pytest.approx([100 * recall])


def test_numbers_that_the_released_code_gave():
    # calculate_metrics_at_k and calculate_neg_recall_at_k of github.com/pinterest/pinpoint-dataset at e4ebb38, on the
    # ranking i -> (7 i + 3) mod 20 of twenty images: the positives are 0 to 4, the negatives 5 to 16
    order = [(7 * i + 3) % 20 for i in range(20)]
    right, wrong = ranks(order, range(5)), ranks(order, range(5, 17))
    assert Precision(10).values(right)[0] / 100 == pytest.approx(0.2)
    assert AveragePrecision(10).values(right)[0] / 100 == pytest.approx(0.3)
    assert NegativeRecall(10).values(wrong)[0] / 100 == pytest.approx(0.5)


def test_ties_count_as_the_mean_over_their_orders():
    tied = tie([2, 2, 6], [5, 5, 6], [0, 3], 6)  # of a tie of four, two are relevant
    orders = [[1, *order, 6] for order in permutations((2, 3, 4, 5))]
    each = [tie([one[1], one[2], 6], [one[1], one[2], 6], [0, 3], 6) for one in orders]
    for measure in (Precision(3), NegativeRecall(2), NegativeRecall(4)):
        assert measure.values(tied)[0] == pytest.approx(np.mean([measure.values(one)[0] for one in each]))


def test_a_constant_model_has_as_many_negatives_as_chance_puts_there_and_no_range():
    constant = tie([1] * 10, [40] * 10, [0, 4, 10], 40)
    assert NegativeRecall(10).values(constant) == pytest.approx([100 * 4 * 10 / 40 / 4, 100 * 6 * 10 / 40 / 6])
    assert Precision(10).values(constant) == pytest.approx([10.0, 15.0])
    six = ranks(list(range(30)), *([i, i + 7] for i in range(12)))
    flat = chance(six)
    assert ParaphraseRange(AveragePrecision(10)).values(flat) == pytest.approx([0, 0])
    assert ParaphraseMean(AveragePrecision(10)).values(flat) == pytest.approx(AveragePrecision(10).values(flat)[:2])
    assert ParaphraseRange(AveragePrecision(10)).values(six).min() > 0


def test_what_is_worse_is_said_to_be():
    assert not NegativeRecall(10).higher_is_better and not ParaphraseRange(Recall(1)).higher_is_better
    assert Precision(10).higher_is_better and ParaphraseMean(Recall(1)).higher_is_better
    assert [str(one) for one in (Precision(10), NegativeRecall(10), ParaphraseMean(Recall(1)))] == [
        "P@10", "negatives@10", "R@1",
    ]  # fmt: skip
    assert str(ParaphraseRange(AveragePrecision(10))) == "range of mAP@10"


class First(PerItem):
    """The first rank of each row, for sums done by hand."""

    def values(self, evidence):
        return evidence.first.astype(float)


def test_paraphrases_are_folded_by_query():
    rows = ranks(list(range(9)), *([i] for i in (0, 4, 2, 8, 7)))
    assert ParaphraseMean(First(), (3, 2)).values(rows).tolist() == [3.0, 8.5]
    assert ParaphraseRange(First(), (3, 2)).values(rows).tolist() == [4.0, 1.0]
    even = rows.take([0, 1, 3, 4])
    assert ParaphraseRange(First(), 2).values(even).tolist() == [4.0, 1.0]
    assert ParaphraseRange(First(), (1,) * 5).values(rows).tolist() == [0.0] * 5
    assert overall(rows, ParaphraseMean(First(), (3, 2))) == pytest.approx(5.75)  # queries count alike
    weight = np.array([[0.2, 0.2, 0.2, 0.2, 0.2], [1.0, 0, 0, 0, 0]])
    assert ParaphraseMean(First(), (3, 2))(rows, weight) == pytest.approx([5.75, 3.0])


@pytest.mark.parametrize("runs", [4, 6, (3, 3), (5, 0), ()])
def test_evidence_of_other_paraphrases_is_refused(runs):
    with pytest.raises(ValueError, match="not those of queries"):
        ParaphraseMean(Recall(1), runs).values(ranks(list(range(9)), *([i] for i in range(5))))


def test_a_bootstrap_draws_queries_and_not_their_paraphrases():
    rng = np.random.default_rng(0)
    level = rng.integers(1, 400, 50)  # a query's six wordings do alike
    rows = Ranks(np.repeat(level, 6), np.repeat(level, 6), np.arange(301), 400)
    by_query = bootstrap([(1.0, under(ParaphraseMean(First()), [rows]))], items=len(rows), resamples=2000)
    by_row = bootstrap([(1.0, under(First(), [rows]))], items=len(rows), resamples=2000)
    assert by_query.mean == pytest.approx(by_row.mean) == pytest.approx(level.mean())
    expected = 2 * 1.96 * level.std() / np.sqrt(50)
    assert by_query.high - by_query.low == pytest.approx(expected, rel=0.1)
    assert by_row.high - by_row.low < 0.5 * (by_query.high - by_query.low)  # six times the queries that there are
