"""Three columns of a row and claims on them: against the ranks they are made of, and pairs within a seed."""

from dataclasses import replace

import numpy as np
import pytest
from toys import EACH_SEED, record

from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.measures import Recall
from cirkit.experiments import curves, records
from cirkit.experiments.checkpoint_choice import (
    BEST_ON_TEST,
    BY_VALIDATION,
    LAST,
    TESTED,
    with_all_columns,
    with_columns,
)
from cirkit.papers.itself.chosen_checkpoints import (
    COLUMNS,
    Across,
    SpreadOfSeeds,
    between,
    compared,
    deviation,
)

HITS = [1, 2, 9, 3, 4, 5, 5, 6, 6, 7]
HELD_OUT = [1, 2, 3, 4, 8, 5, 8, 5, 5, 5]


def course(hits):
    """A course of ten queries of which so many are first at each point."""
    found = []
    for count in hits:
        rank = np.where(np.arange(10) < count, 1, 5)
        found.append(curves.to_plain(Ranks(rank, rank, np.arange(11), 8)))
    queries = {key: value for key, value in found[0].items() if key != "twice_rank"}
    points = [{"step": 2 * n, "twice_rank": each["twice_rank"]} for n, each in enumerate(found, 1)]
    return {"queries": queries, "points": points}


def run(seed, name="a", share=0.5):
    hits = np.random.default_rng(seed).random(10) < share
    made = record(hits, seed=seed, name=name, declared={"tests": {"test": EACH_SEED["tests"]["t"]}})
    return replace(made, evidence={"test": made.evidence["t"]})


@pytest.fixture(autouse=True)
def kept(monkeypatch):
    """What lies beside every record: a course each, shifted by the seed."""
    courses = {}

    def exhibited(each, name):
        hits = HITS if name == TESTED else HELD_OUT
        lost = each.name == "without"
        return None if lost else courses.setdefault((name, each.seed), course([max(0, n - each.seed) for n in hits]))

    monkeypatch.setattr(records, "exhibited", exhibited)
    with_columns.cache_clear()
    return courses


def level(ranks) -> float:
    return float(Recall(1).values(ranks).mean())


def test_a_record_has_the_columns_beside_its_own_test_and_drawn_as_it_is():
    given = run(0)
    found = with_columns(given)
    assert {each: level(found.evidence[each]) for each in COLUMNS} == pytest.approx(
        {LAST: 70.0, BY_VALIDATION: 40.0, BEST_ON_TEST: 90.0}
    )
    assert set(given.evidence) == {"test"} and all(found.drawn_each_seed(each) for each in ("test", *COLUMNS))
    assert with_columns(run(0, "without")) is None and with_all_columns([given, run(0, "without")]) == [found]
    assert with_columns(given) is found and compared(found, LAST) is compared(found, LAST)


def test_what_choosing_on_the_test_adds_is_a_difference_within_each_seed():
    runs = {"a": [run(seed) for seed in (0, 1, 2)], "b": [run(seed, "b") for seed in (0, 1, 2)]}
    found = between(("a", "b"), BEST_ON_TEST, BY_VALIDATION)(runs)
    assert found.mean == pytest.approx(50.0) and found.low == found.high == pytest.approx(50.0) and found.seeds == 3
    assert between(("a", "b"), BEST_ON_TEST, LAST).needs == ("a", "b")


def test_a_test_of_one_row_is_set_against_one_of_another():
    a, b = ([replace(each, evidence={name: each.evidence["test"]}, declared={"tests": {name: EACH_SEED["tests"]["t"]}})
             for each in (run(seed, name, share) for seed in (0, 1))]
            for name, share in (("x", 0.9), ("y", 0.2)))  # fmt: skip
    found = Across(((1.0, "a", "x"), (-1.0, "b", "y")))({"a": a, "b": b})
    expected = [level(one.evidence["x"]) - level(two.evidence["y"]) for one, two in zip(a, b, strict=True)]
    assert found.mean == pytest.approx(np.mean(expected)) and found.seeds == 2
    assert Across(((1.0, "a", LAST), (-1.0, "a", BEST_ON_TEST)))({"a": [run(0, "without")]}) is None


def test_the_spread_of_seeds_is_the_deviation_of_paired_differences():
    runs = {name: [run(seed, name, share) for seed in range(4)] for name, share in (("a", 0.8), ("b", 0.3))}
    levels = [level(a.evidence["test"]) - level(b.evidence["test"]) for a, b in zip(runs["a"], runs["b"], strict=True)]
    found = SpreadOfSeeds("a", "b", "test")(runs)
    assert found.mean == pytest.approx(np.std(levels, ddof=1)) and found.seeds == 4
    assert SpreadOfSeeds("a", "b", "test")({"a": runs["a"][:1], "b": runs["b"]}) is None


def test_the_interval_of_a_deviation_is_the_chi_squared_one_and_its_p_agrees():
    from scipy.stats import chi2

    levels = np.random.default_rng(0).normal(0, 2, 5)
    found, variance = deviation(levels), levels.var(ddof=1)
    assert found.low == pytest.approx(np.sqrt(4 * variance / chi2.ppf(0.975, 4)), rel=2e-3)
    assert found.high == pytest.approx(np.sqrt(4 * variance / chi2.ppf(0.025, 4)), rel=2e-3)
    for margin in (0.9 * found.low, 1.1 * found.low):
        assert (found.p_above(margin) <= 0.05) == (found.low > margin)


def test_the_interval_of_a_deviation_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    covered = [(one := deviation(rng.normal(0, 1, 5))).low < 1 < one.high for _ in range(300)]
    assert 0.91 < np.mean(covered) < 0.985
