"""The race of evaluations at small sizes: both sides rank alike, and the released loops measure the same."""

import mmap

import numpy as np
import pytest
import torch

from cirkit.evaluators.measures import AveragePrecision, InverseNegativePenalty, Recall
from cirkit.query import Benchmark, Query
from cirkit.timing import bench, evaluate, evaluate_artemis

CASES = {case.benchmark.name: case for case in evaluate.cases(0.006)}


def test_every_case_has_a_line(monkeypatch):
    monkeypatch.setattr(evaluate, "cases", lambda part: list(CASES.values()))
    monkeypatch.setattr(evaluate_artemis, "SIZES", (16, 60))
    monkeypatch.setattr(evaluate_artemis, "LOOPED", 5)
    rows = bench.run("evaluate")
    names = ["FashionIQ", "CIRR subset", "GeneCIS", "person retrieval", "CIRCO", "Fashion200k", "ARTEMIS on FashionIQ"]
    assert [row["name"].split(":")[0] for row in rows] == names
    assert all(row.keys() == rows[0].keys() for row in rows)
    for row in rows:
        assert row["ours"] > 0 and row["argsort"] > 0 and row["released"] > 0
        differ, _, items = row["ranks that differ"].split()
        assert int(differ) <= 0.01 * int(items)


def scored(name):
    benchmark = CASES[name].benchmark
    scores = torch.randn(len(benchmark), len(benchmark.gallery), generator=torch.Generator().manual_seed(1))
    return (
        benchmark,
        scores,
        evaluate.ranking._ranks_in(scores, benchmark, [*range(len(benchmark))], range(scores.shape[1])),
    )


@pytest.mark.parametrize("name", ["CIRR subset", "GeneCIS", "person retrieval", "CIRCO"])
def test_the_released_loops_measure_what_ours_does(name):
    benchmark, scores, (first, last) = scored(name)
    offsets = np.cumsum([0, *map(len, benchmark.relevant)])
    ranks = evaluate.Ranks(first, last, offsets, len(benchmark.gallery))
    theirs = CASES[name].released(benchmark, scores)
    if name == "CIRCO":
        assert 100 * theirs == pytest.approx(AveragePrecision(50).values(ranks).mean())
    elif name == "GeneCIS":
        assert np.multiply(100, theirs) == pytest.approx([Recall(k).values(ranks).mean() for k in (1, 2, 3)])
    elif name == "CIRR subset":
        assert theirs[:3] == pytest.approx([Recall(k).values(ranks).mean() for k in (1, 2, 3)])
    else:
        recall, precision, inp = theirs
        assert 100 * recall.numpy() == pytest.approx([Recall(k).values(ranks).mean() for k in range(1, 11)])
        assert 100 * float(precision) == pytest.approx(AveragePrecision().values(ranks).mean(), rel=1e-5)
        assert 100 * float(inp) == pytest.approx(InverseNegativePenalty().values(ranks).mean(), rel=1e-5)


def test_the_loops_over_one_target_agree_too():
    benchmark, scores, (first, _) = scored("Fashion200k")
    starts = np.cumsum([0, *map(len, benchmark.relevant)])[:-1]
    best = np.minimum.reduceat(first, starts)
    assert evaluate.captions_in_order(benchmark, scores)[:3] == pytest.approx([(best <= k).mean() for k in (1, 5, 10)])
    query = Query(text=["x"] * 4)
    one = Benchmark(name="one", query=query, gallery=["a", "b", "c"], relevant=[[0], [1], [2], [0]])
    table = torch.tensor([[3.0, 2, 1], [3, 2, 1], [3, 2, 1], [1, 2, 3]])
    assert evaluate.sorted_names(one, table)[:3] == [25, 50, 100]


def test_a_peak_of_memory_is_seen():
    with mmap.mmap(-1, 40_000_000) as block:  # fresh pages, where an allocator may hand out freed ones
        with evaluate.Peak() as peak:
            for _ in range(40):
                block.write(bytes(1_000_000))
        assert peak.megabytes is None or 30 <= peak.megabytes <= 80


def test_the_released_loop_of_artemis_scores_and_ranks_as_two_products_do():
    race = evaluate_artemis.Race(24, 60)
    with torch.no_grad():
        products = race.model.score(race.compose(), race.images) / race.model.temperature.exp()
    torch.testing.assert_close(products, torch.stack([*race.loop()]), atol=1e-5, rtol=0)
    ranks = race.ours()
    assert ranks.mid.tolist() == race.released() == race.plain().tolist()
    assert len(set(ranks.mid)) > 12
    assert all(
        reference != target
        for (reference,), (target,) in zip(race.benchmark.excluded, race.benchmark.relevant, strict=True)
    )


def test_the_released_loop_takes_some_queries_and_is_given_the_time_of_all(monkeypatch):
    monkeypatch.setattr(evaluate_artemis, "SIZES", (24, 60))
    monkeypatch.setattr(evaluate_artemis, "LOOPED", 6)
    race = evaluate_artemis.Race(24, 60)
    assert race.released() == race.ours().mid[:6].tolist() and len(race.ours().mid) == len(race.plain()) == 24
    seconds = {"ours": 2.0, "released": 3.0, "plain": 5.0, "product": 1.0}
    monkeypatch.setattr(evaluate, "in_turns", lambda *acts: tuple(seconds[act.__name__] for act in acts[:2]))
    row = evaluate_artemis.row()
    assert (row["ours"], row["released"], row["ratio, released"]) == (2, 12, 6)
    assert (row["argsort"], row["ratio"], row["product"], row["of the product's rate"]) == (5, 2.5, 1, 0.5)
    assert row["ranks that differ"] == "0 of 24"


def test_a_wrong_rank_of_any_query_is_counted(monkeypatch):
    monkeypatch.setattr(evaluate_artemis, "SIZES", (24, 60))
    monkeypatch.setattr(evaluate_artemis, "LOOPED", 6)
    real = evaluate_artemis.Race.ours

    def wrong(self):
        ranks = real(self)
        ranks.first[[0, 23]] += 2
        return ranks

    monkeypatch.setattr(evaluate_artemis.Race, "ours", wrong)
    assert evaluate_artemis.row(times=1)["ranks that differ"] == "2 of 24"
