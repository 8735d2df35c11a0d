import numpy as np
import pytest

from cirkit.claims import (
    FIELDS,
    Claim,
    Gain,
    Interval,
    OverChance,
    above,
    below,
    bootstrap,
    gain,
    judge,
    level,
    to_csv,
    within,
)
from cirkit.measures import Ranks, Recall
from cirkit.records import Record


def record(hits, seed=0, name="x", group=None):
    ranks = Ranks(np.where(hits, 1.0, 9.0), np.arange(len(hits) + 1), gallery=10, group=group)
    return Record(
        name=name, paper="maaf", scale="cpu", basis="world", seed=seed, fingerprint="", code="", declared={}, where={},
        seconds={}, parameters=0, loss=[], ranks={"t": ranks},
    )  # fmt: skip


def records(share, seeds=5, q=400, spread=0.0, start=0):
    rng = np.random.default_rng(start)
    return [record(rng.random(q) < share + spread * rng.standard_normal(), seed) for seed in range(seeds)]


def test_level_and_gain_are_means_over_seeds_and_queries():
    a, b = records(0.7, start=1), records(0.5, start=2)
    hits = np.mean([r.ranks["t"].best() <= 1 for r in a])
    assert level(a, "t", Recall(1)).middle == pytest.approx(hits)
    difference = hits - np.mean([r.ranks["t"].best() <= 1 for r in b])
    assert gain(a, b, "t", Recall(1)).middle == pytest.approx(difference)


def test_groups_count_alike_however_many_queries_they_hold():
    hits = np.array([True] * 30 + [False] * 10)
    grouped = record(hits, group=("a",) * 30 + ("b",) * 10)
    assert level([grouped], "t", Recall(1)).middle == pytest.approx(0.5)


def test_one_seed_gives_the_interval_of_scipys_bootstrap_over_queries():
    from scipy.stats import bootstrap as scipys

    values = (np.random.default_rng(0).random(300) < 0.4).astype(float)
    ours = bootstrap([(1.0, values[None])])
    theirs = scipys((values,), np.mean, method="percentile", random_state=0).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.01)


def test_the_same_queries_for_both_models_make_the_interval_narrower():
    rng = np.random.default_rng(0)
    hard = rng.random(500)
    a, b = (hard < 0.55)[None].astype(float), (hard < 0.5)[None].astype(float)
    paired = bootstrap([(1.0, a), (-1.0, b)])
    alone = bootstrap([(1.0, a), (-1.0, b[:, rng.permutation(500)])])
    assert paired.high - paired.low < 0.6 * (alone.high - alone.low)


@pytest.mark.parametrize("spread", [0.0, 0.05])
def test_the_interval_covers_the_truth_about_as_often_as_it_says(spread):
    rng = np.random.default_rng(7)
    trials, covered = 200, 0
    for _ in range(trials):
        shares = np.clip(0.5 + spread * rng.standard_normal(5), 0, 1)
        interval = bootstrap([(1.0, (rng.random((5, 300)) < shares[:, None]).astype(float))], resamples=400)
        covered += interval.low <= 0.5 <= interval.high
    assert 0.91 <= covered / trials <= 1.0


def test_verdicts():
    beyond, under, across = Interval(2.0, 1.0, 3.0, 5), Interval(-2.0, -3.0, -1.0, 5), Interval(0.0, -1.0, 1.0, 5)
    assert [above()(i) for i in (beyond, under, across)] == ["holds", "fails", "open"]
    assert [below()(i) for i in (beyond, under, across)] == ["fails", "holds", "open"]
    assert [within(1.5)(i) for i in (across, Interval(2.0, 1.6, 3.0, 5), beyond)] == ["holds", "fails", "open"]


ABOVE = above()


def claim(expect=ABOVE):
    quantity = Gain("maaf/a", "maaf/b", "t", Recall(1))
    return Claim(id="c", paper="maaf", where="Table 1", says="a beats b", reported="", quantity=quantity, expect=expect)


def test_a_claim_is_judged_at_the_best_scale_that_has_every_record():
    found = {("maaf/a", "cpu"): records(0.8), ("maaf/b", "cpu"): records(0.5, start=3), ("maaf/a", "gpu"): records(0.1)}
    row = judge(claim(), lambda name, scale: found.get((name, scale), []))
    assert (row["verdict"], row["scale"], row["basis"], row["seeds"]) == ("holds", "cpu", "world", 5)
    assert judge(claim(below()), lambda n, s: found.get((n, s), []))["verdict"] == "fails"
    assert list(row) == list(FIELDS)


def test_no_record_is_untested_and_one_seed_never_decides():
    assert judge(claim(), lambda name, scale: [])["verdict"] == "untested"
    single = {"maaf/a": records(1.0, seeds=1), "maaf/b": records(0.0, seeds=1)}
    assert judge(claim(), lambda name, scale: single[name] if scale == "cpu" else [])["verdict"] == "open"


def test_different_queries_are_not_compared():
    with pytest.raises(ValueError, match="different queries"):
        gain(records(0.5), records(0.5, q=300), "t", Recall(1))


def test_the_same_records_give_the_same_line():
    found = {"maaf/a": records(0.8), "maaf/b": records(0.7, start=5)}
    rows = [judge(claim(), lambda name, scale: found[name] if scale == "cpu" else []) for _ in range(2)]
    assert to_csv(rows[:1]) == to_csv(rows[1:]) and to_csv(rows[:1]).startswith("id,paper,where")


def test_over_chance_is_the_level_less_a_random_order():
    found = records(0.7)
    interval = OverChance("maaf/a", "t", 1)({"maaf/a": found})
    assert interval.middle == pytest.approx(level(found, "t", Recall(1)).middle - 0.1)
    assert interval.low < interval.middle < interval.high
