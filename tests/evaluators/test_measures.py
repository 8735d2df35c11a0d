import itertools
import json
from pathlib import Path

import ir_measures
import numpy as np
import pytest
import torch
from toys import Silent, Table, numbered

from cirkit.evaluators import ranking
from cirkit.evaluators.evidence import Answers, Ranks, chance
from cirkit.evaluators.measures import (
    NDCG,
    Accuracy,
    AveragePrecision,
    InverseNegativePenalty,
    Mean,
    Measure,
    PerItem,
    Recall,
    none_of,
)
from cirkit.query import Benchmark, Query

OF_RANKS = [
    Recall(1), Recall(3), Recall(7), AveragePrecision(2), AveragePrecision(5), AveragePrecision(), NDCG(3), NDCG(10),
    InverseNegativePenalty(), Mean((Recall(1), AveragePrecision(4))),
]  # fmt: skip
each = pytest.mark.parametrize("measure", OF_RANKS, ids=str)


def ranks_of(scores, relevant):
    """Ranks by definition, of one query."""
    first = [1 + sum(other > scores[item] for other in scores) for item in relevant]
    last = [sum(other >= scores[item] for other in scores) for item in relevant]
    return Ranks(np.array(first), np.array(last), np.array([0, len(relevant)]), len(scores))


def orders(scores):
    """Every order of the items in which none stands before one of a higher score."""
    levels = [[i for i, s in enumerate(scores) if s == level] for level in sorted(set(scores), reverse=True)]
    for parts in itertools.product(*map(itertools.permutations, levels)):
        yield list(itertools.chain(*parts))


@each
@pytest.mark.parametrize(
    ("scores", "relevant"),
    [
        ([5, 4, 4, 4, 2, 2, 1], [1, 3, 4]),
        ([3, 3, 3, 3, 1, 1], [0, 1, 4, 5]),
        ([1, 1, 1, 1, 1], [2]),
        ([1, 1, 1, 1, 1], [0, 3, 4]),
        ([7, 6, 5, 4, 3, 2, 1], [1, 4, 6]),
        ([2, 2, 1, 1], [0, 1, 2, 3]),
    ],
)
def test_ties_give_the_average_over_all_orders_of_them(measure, scores, relevant):
    strict = [ranks_of([-order.index(i) for i in range(len(scores))], relevant) for order in orders(scores)]
    average = np.mean([measure.values(one)[0] for one in strict])
    assert measure.values(ranks_of(scores, relevant))[0] == pytest.approx(average, abs=1e-9)


@each
def test_a_constant_model_scores_exactly_chance(measure):
    rng = np.random.default_rng(0)
    relevant = [rng.choice(40, size=rng.integers(1, 6), replace=False).tolist() for _ in range(30)]
    query = Query(image=numbered(30), text=["x"] * 30)
    benchmark = Benchmark(name="constant", query=query, gallery=numbered(40), relevant=relevant)
    constant = ranking.rank(Silent(), benchmark)
    skilled = ranking.rank(Table(torch.randn(30, 40)), benchmark)
    assert np.array_equal(measure.values(constant), measure.values(chance(skilled)))
    random = []
    for _ in range(100):
        order = rng.permuted(np.tile(np.arange(1, 41), (30, 1)), axis=1)
        flat = np.concatenate([order[i, mine] for i, mine in enumerate(relevant)])
        random.append(measure.values(Ranks(flat, flat, skilled.offsets, 40)).mean())
    error = np.std(random) / np.sqrt(len(random))
    assert measure.values(constant).mean() == pytest.approx(np.mean(random), abs=4 * error)


@each
def test_measures_are_percentages_between_their_bounds_and_print_as_papers_do(measure):
    assert isinstance(measure, Measure) and isinstance(measure, PerItem)
    assert (measure.unit, measure.bounds, measure.higher_is_better) == ("%", (0.0, 100.0), True)
    best, worst = (Ranks(*[np.arange(start, start + 3)] * 2, np.array([0, 3]), 50) for start in (1, 48))
    assert measure.values(best)[0] == pytest.approx(100) and 0 <= measure.values(worst)[0] < 15


def test_names():
    names = ["R@1", "R@3", "R@7", "mAP@2", "mAP@5", "mAP", "nDCG@3", "nDCG@10", "mINP", "(R@1 + mAP@4) / 2"]
    assert [*map(str, OF_RANKS)] == names


def test_a_measure_takes_weights_of_its_items():
    ranks = Ranks(*[np.array([1, 5, 1])] * 2, np.arange(4), 9)
    weight = np.array([[1.0, 0, 0], [0.5, 0.5, 0], [0, 1, 0]])
    assert Recall(1)(ranks, weight).tolist() == [100, 50, 0]
    answers = Answers(("a", "b"), np.array([1.0, 0.3]))
    assert Accuracy()(answers, np.array([[0.5, 0.5]])).tolist() == [65] and str(Accuracy()) == "accuracy"


def test_measures_agree_with_ir_measures():
    rng = np.random.default_rng(4)
    relevant = [rng.choice(50, size=rng.integers(1, 5), replace=False).tolist() for _ in range(9)]
    benchmark = Benchmark(name="random", query=Query(image=numbered(9)), gallery=numbered(50), relevant=relevant)
    scores = torch.randn(9, 50, generator=torch.Generator().manual_seed(5))
    ranks = ranking.rank(Table(scores), benchmark)
    qrels = {str(i): {str(a): 1 for a in mine} for i, mine in enumerate(relevant)}
    run = {str(i): {str(j): s for j, s in enumerate(row)} for i, row in enumerate(scores.tolist())}
    pairs = [(Recall(k), ir_measures.Success @ k) for k in (1, 5, 10)]
    pairs += [(AveragePrecision(10), ir_measures.AP @ 10), (NDCG(10), ir_measures.nDCG @ 10)]  # all have < 10 relevant
    for ours, theirs in [*pairs, (AveragePrecision(), ir_measures.AP)]:
        known = {m.query_id: 100 * m.value for m in ir_measures.iter_calc([theirs], qrels, run)}
        assert ours.values(ranks) == pytest.approx([known[str(i)] for i in range(9)])


def by_rule() -> Ranks:
    """Forty queries with one to four relevant items among 300; the scores follow from their numbers."""
    i = torch.arange(40 * 300, dtype=torch.float64)
    scores = ((torch.sin((i + 1) * 0.7) * 1e4) % 1).view(40, 300)
    relevant = [[(7 * k + 13 * j) % 300 for j in range(1 + k % 4)] for k in range(40)]
    for k, items in enumerate(relevant):
        for j, item in enumerate(items):
            scores[k, item] = scores[k, item] * 0.2 + (0.8 if (k + j) % 3 else 0.75) + 1e-4 * j
    benchmark = Benchmark(name="rule", query=Query(text=[""] * 40), gallery=[""] * 300, relevant=relevant)
    return ranking.rank_features(Rows(scores), torch.arange(40), torch.arange(300), benchmark)


class Rows(Table):
    """Scores by row numbers."""

    def encode(self, images):
        return torch.arange(len(images))

    compose = encode


@pytest.mark.parametrize("k", [1, 5, 10, 100])
def test_ndcg_is_mteb_s_query_by_query_and_on_the_mean(k):
    golden = json.loads((Path(__file__).parents[1] / "golden" / "ndcg.json").read_text())
    ours = NDCG(k).values(by_rule()) / 100
    assert ours == pytest.approx(golden["ndcg"][str(k)], abs=1e-6)
    assert round(ours.mean(), 5) == golden["mean"][str(k)]


def test_person_retrieval_as_its_released_code_counts():
    # scores, identities and results of the evaluation in IRRA's code, worked out by hand
    scores = [[0.9, 0.8, 0.7, 0.6, 0.5], [0.1, 0.9, 0.3, 0.8, 0.2], [0.2, 0.4, 0.6, 0.8, 0.9]]
    gallery = [1, 0, 0, 1, 2]
    relevant = [[j for j, identity in enumerate(gallery) if identity == i] for i in range(3)]
    benchmark = Benchmark(name="p", query=Query(image=numbered(3)), gallery=numbered(5), relevant=relevant)
    ranks = ranking.rank(Table(torch.tensor(scores)), benchmark)
    assert [Recall(k).values(ranks).mean() for k in (1, 2)] == pytest.approx([100 / 3, 100])
    assert AveragePrecision().values(ranks).mean() == pytest.approx(67.7778, abs=1e-4)
    assert InverseNegativePenalty().values(ranks).mean() == pytest.approx(68.8889, abs=1e-4)


def test_average_precision_divides_by_the_smaller_of_k_and_relevant_items():
    ranks = Ranks(*[np.array([1, 3, 9])] * 2, np.array([0, 3]), 20)
    assert AveragePrecision(2).values(ranks).tolist() == [50]  # one of two found, at rank 1
    assert AveragePrecision(5).values(ranks).tolist() == pytest.approx([100 * (1 / 1 + 2 / 3) / 3])


def test_the_mean_of_measures_is_theirs_query_by_query():
    ranks = Ranks(*[np.array([3, 30, 60])] * 2, np.arange(4), gallery=100)
    assert Mean((Recall(10), Recall(50))).values(ranks).tolist() == [100, 50, 0]


def test_chance_of_one_relevant_item():
    ranks = Ranks(*[np.array([2])] * 2, np.arange(2), gallery=25)
    assert Recall(10).values(chance(ranks)) == pytest.approx(40)
    assert AveragePrecision().values(chance(ranks)) == pytest.approx(4 * sum(1 / np.arange(1, 26)))


def test_draws_that_meet_no_relevant_item():
    from math import comb

    for size, relevant, draws in itertools.product(range(1, 6), range(1, 6), range(6)):
        if relevant <= size and draws <= size:
            found = none_of(*(np.array([n]) for n in (size, relevant, draws)))
            assert found == pytest.approx(comb(size - relevant, draws) / comb(size, draws))
