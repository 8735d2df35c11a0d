import numpy as np
import pytest
import torch
from toys import Silent, Table, numbered

from cirkit.evaluators import ranking
from cirkit.evaluators.measures import Recall
from cirkit.query import Benchmark, Query


def random_benchmark(q=7, n=40, seed=0):
    rng = np.random.default_rng(seed)
    relevant = [rng.choice(np.arange(1, n), size=rng.integers(1, 5), replace=False).tolist() for _ in range(q)]
    excluded = [[0] for _ in range(q)]
    query = Query(image=numbered(q), text=["x"] * q)
    return Benchmark(name="random", query=query, gallery=numbered(n), relevant=relevant, excluded=excluded)


def test_ranks_equal_sorting_when_no_scores_are_level():
    benchmark = random_benchmark()
    scores = torch.randn(7, 40, generator=torch.Generator().manual_seed(3))
    found = ranking.rank(Table(scores), benchmark)
    for i, answers in enumerate(benchmark.relevant):
        order = [j for j in scores[i].argsort(descending=True).tolist() if j not in benchmark.excluded[i]]
        mine = found.mid[found.offsets[i] : found.offsets[i + 1]]
        assert mine.tolist() == [order.index(a) + 1 for a in answers]


def test_chunks_of_queries_and_gallery_change_no_rank():
    benchmark = random_benchmark(q=11, n=60)
    table = Table(torch.randn(11, 60))
    composed, gallery = ranking.compose(table, benchmark, chunk=4), ranking.encode(table, benchmark.gallery, chunk=7)
    assert torch.equal(
        ranking.score_rows(table, composed, gallery, 60, chunk=13), ranking.score_rows(table, composed, gallery, 60)
    )
    few = ranking.rank_features(table, composed, gallery, benchmark, chunk=3)
    assert np.array_equal(few.mid, ranking.rank(table, benchmark).mid)


def test_a_model_that_says_nothing_scores_at_chance():
    benchmark = random_benchmark()
    found = ranking.rank(Silent(), benchmark)
    assert set(found.mid) == {20.0}  # the middle of 39 items: one is hidden
    assert Recall(1).values(found) == pytest.approx(100 * np.diff(found.offsets) / 39)


def test_a_hidden_item_never_counts():
    scores = torch.zeros(1, 3)
    scores[0] = torch.tensor([9.0, 5.0, 1.0])
    query = Query(image=numbered(1))
    shown = Benchmark(name="a", query=query, gallery=numbered(3), relevant=[[1]])
    hidden = Benchmark(name="a", query=query, gallery=numbered(3), relevant=[[1]], excluded=[[0]])
    assert ranking.rank(Table(scores), shown).mid.tolist() == [2.0]
    assert ranking.rank(Table(scores), hidden).mid.tolist() == [1.0]


def test_a_score_that_is_no_number_is_refused():
    query = Query(image=numbered(1))
    benchmark = Benchmark(name="a", query=query, gallery=numbered(2), relevant=[[1]])
    with pytest.raises(ValueError, match="finite"):
        ranking.rank(Table(torch.tensor([[0.0, torch.nan]])), benchmark)


def test_top_leaves_hidden_items_out_and_breaks_ties_by_row():
    scores = torch.tensor([[1.0, 7.0, 3.0, 3.0]])
    query = Query(image=numbered(1))
    benchmark = Benchmark(name="a", query=query, gallery=numbered(4), relevant=[[2]], excluded=[[1]])
    table = Table(scores)
    composed, gallery = ranking.compose(table, benchmark), ranking.encode(table, benchmark.gallery)
    items, values = ranking.top(table, composed, gallery, benchmark, [0], k=3)
    assert items == [[2, 3, 0]] and values == [[3.0, 3.0, 1.0]]


@pytest.mark.parametrize("chunk", [3, 256])
@pytest.mark.parametrize("own", ["spans", "few rows"])
def test_a_query_with_a_gallery_of_its_own_ranks_as_a_loop_over_it_does(own, chunk):
    rng = np.random.default_rng(0)
    scores = torch.randint(0, 6, (8, 30), generator=torch.Generator().manual_seed(1)).float()  # with ties
    if own == "spans":
        candidates = [range(0, 12)] * 3 + [range(12, 30)] * 5
    else:
        candidates = [sorted(rng.choice(30, size=rng.integers(4, 9), replace=False).tolist()) for _ in range(8)]
    relevant = [rng.choice(np.array(one)[1:], size=2, replace=False).tolist() for one in candidates]
    excluded = [[one[0], 29 if 29 not in right else 28] for one, right in zip(candidates, relevant, strict=True)]
    excluded = [[row for row in out if row not in right] for out, right in zip(excluded, relevant, strict=True)]
    query = Query(image=numbered(8))
    benchmark = Benchmark(
        name="own", query=query, gallery=numbered(30), relevant=relevant, excluded=excluded, candidates=candidates
    )
    table = Table(scores)
    composed, gallery = ranking.compose(table, benchmark), ranking.encode(table, benchmark.gallery)
    found = ranking.rank_features(table, composed, gallery, benchmark, chunk=chunk)
    expected = []
    for i, answers in enumerate(relevant):
        others = [row for row in candidates[i] if row not in excluded[i]]
        assert benchmark.ranked(i) == len(others)
        for answer in answers:
            mine = scores[i, answer]
            higher = sum(bool(scores[i, row] > mine) for row in others)
            level = sum(bool(scores[i, row] == mine) for row in others if row != answer)
            expected.append(1 + higher + level / 2)
    assert found.mid.tolist() == expected and found.gallery.tolist() == [*map(benchmark.ranked, range(8))]
    items, _ = ranking.top(table, composed, gallery, benchmark, [6], k=3)
    assert set(items[0]) <= set(candidates[6]) - set(excluded[6])


class Strings:
    """Encodes texts by their length, and images by their number; what is nearest is best."""

    def encode(self, items):
        assert isinstance(items, torch.Tensor) or (isinstance(items, list) and len(items) <= 256)
        if isinstance(items, torch.Tensor):
            return items[:, 0, 0, 0].float()
        return torch.tensor([float(len(text)) for text in items])

    def compose(self, query):
        return self.encode(query.image)

    def score(self, composed, gallery):
        return -(composed[:, None] - gallery[None]).abs()


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_gallery_may_be_texts(kind):
    texts = kind("x" * n for n in range(300))
    relevant = [[i, i + 2] for i in range(5)]
    benchmark = Benchmark(name="texts", query=Query(image=numbered(5)), gallery=texts, relevant=relevant)
    found = ranking.rank(Strings(), benchmark)
    assert found.first.tolist() == [1, 3, 1, 4, 1, 4, 1, 4, 1, 4] and found.last.tolist() == [1, 3, 1, 4] + 3 * [1, 5]


def test_ranking_puts_a_model_in_evaluation_mode():
    class Loose(torch.nn.Module):
        encode, score = Silent.encode, Silent.score

        def compose(self, query):
            assert not self.training
            return torch.zeros(len(query), 1)

    model = Loose().train()
    ranking.rank(model, random_benchmark())
    assert not model.training


@pytest.mark.parametrize("scores", ["ties", "reals"])
@pytest.mark.parametrize("own", [None, "spans", "few", "half", "mixed"])
@pytest.mark.parametrize("items", [4, 25])
@pytest.mark.parametrize("limit", [1, 2**22])
def test_first_and_last_rank_as_a_loop_counts_them(monkeypatch, scores, own, items, limit):
    monkeypatch.setattr(ranking, "SCORES", 100 * limit)
    monkeypatch.setattr(ranking, "GATHERED", 20 * limit)
    rng = np.random.default_rng(3)
    q, n = 12, 120
    sizes = {"few": [15] * q, "half": [60] * q, "mixed": [15, 60, 3] * 4}
    if own in sizes:
        candidates = [rng.choice(n, size, replace=False).tolist() for size in sizes[own]]
    else:
        candidates = None if own is None else [range(0, 40), range(40, 120)] * 6
    near = candidates or [range(n)] * q
    chosen = [rng.permutation(list(one)).tolist() for one in near]
    relevant = [one[: min(1 + i % items, len(one) - 2)] for i, one in enumerate(chosen)]
    excluded = [[one[-1], int(rng.integers(n))] for one in chosen]
    excluded = [sorted(set(out) - set(right)) for out, right in zip(excluded, relevant, strict=True)]
    table = torch.randn(q, n) if scores == "reals" else torch.randint(0, 9, (q, n)).float()
    benchmark = Benchmark(
        name="own", query=Query(image=numbered(q)), gallery=numbered(n), relevant=relevant, excluded=excluded,
        candidates=candidates,
    )  # fmt: skip
    before = table.clone()
    found = ranking.rank(Table(table), benchmark)
    assert torch.equal(table, before)  # scores that a model holds are left as they are
    for i, mine in enumerate(relevant):
        others = [row for row in near[i] if row not in excluded[i]]
        assert found.gallery[i] == len(others)
        for item, first, last in zip(mine, found.take([i]).first, found.take([i]).last, strict=True):
            assert first == 1 + sum(bool(table[i, row] > table[i, item]) for row in others)
            assert last == sum(bool(table[i, row] >= table[i, item]) for row in others)
    device = ranking._ranks_on_device(table.clone(), benchmark, list(range(q)), range(n))
    assert np.array_equal(device, [found.first, found.last])
