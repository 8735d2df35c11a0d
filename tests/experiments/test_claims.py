import csv
from dataclasses import dataclass, replace

import numpy as np
import pytest

from cirkit.errors import Problem
from cirkit.evaluators.evidence import Ranks, Samples
from cirkit.evaluators.measures import Recall
from cirkit.experiments import artifacts
from cirkit.experiments.bootstrap import Interval, Measured, _freedom, bootstrap, estimate, gain, overall
from cirkit.experiments.claims import (
    FIELDS,
    Among,
    Attention,
    Claim,
    Gain,
    GainOverBest,
    Gains,
    OverChance,
    above,
    below,
    judge,
    to_csv,
    within,
)
from cirkit.experiments.experiment import exhibits_home
from cirkit.experiments.records import Record


def record(hits, seed=0, name="x", group=None):
    ranks = Ranks.from_mid(np.where(hits, 1.0, 9.0), np.arange(len(hits) + 1), gallery=10, group=group)
    return Record(
        name=name, paper="maaf", scale="cpu", basis="world", seed=seed, fingerprint="", code="", declared={}, where={},
        seconds={}, parameters=0, trainable=0, loss=[], evidence={"t": ranks},
    )  # fmt: skip


def records(share, seeds=5, q=400, spread=0.0, start=0):
    rng = np.random.default_rng(start)
    return [record(rng.random(q) < share + spread * rng.standard_normal(), seed) for seed in range(seeds)]


def test_level_and_gain_are_means_over_seeds_and_queries():
    a, b = records(0.7, start=1), records(0.5, start=2)
    hits = np.mean([r.evidence["t"].best() <= 1 for r in a])
    assert estimate(a, "t", Recall(1)).mean == pytest.approx(100 * hits)
    difference = hits - np.mean([r.evidence["t"].best() <= 1 for r in b])
    assert gain(a, b, "t", Recall(1)).mean == pytest.approx(100 * difference)


def test_groups_count_alike_however_many_queries_they_hold():
    hits = np.array([True] * 30 + [False] * 10)
    grouped = record(hits, group=("a",) * 30 + ("b",) * 10)
    assert estimate([grouped], "t", Recall(1)).mean == pytest.approx(50)


def test_one_run_has_its_groups_count_alike_too():
    hits = np.array([True] * 30 + [False] * 10)
    assert overall(record(hits, group=("a",) * 30 + ("b",) * 10).evidence["t"], Recall(1)) == pytest.approx(50)
    assert overall(record(hits).evidence["t"], Recall(1)) == pytest.approx(75)


def test_the_mean_of_several_gains_and_its_interval_are_theirs_put_together():
    found = {
        name: records(share, start=i) for i, (name, share) in enumerate(zip("abcd", (0.7, 0.5, 0.6, 0.6), strict=True))
    }
    both = Gains((("a", "b"), ("c", "d")), "t", Recall(1))
    parts = [Gain(*pair, "t", Recall(1))(found) for pair in both.pairs]
    together = both(found)
    assert both.needs == ("a", "b", "c", "d")
    assert together.mean == pytest.approx(np.mean([part.mean for part in parts]))
    widths = [part.high - part.low for part in parts]
    assert together.high - together.low == pytest.approx(np.hypot(*widths) / 2, rel=0.15)  # they vary on their own
    one = Gains((("a", "b"),), "t", Recall(1))(found)
    assert (one.mean, one.low, one.high) == (parts[0].mean, parts[0].low, parts[0].high)
    with pytest.raises(ValueError, match="different queries"):
        both(found | {"d": records(0.6, q=30)})


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


@dataclass(frozen=True)
class Spread:
    """The standard deviation of the features' first column: no mean over items."""

    unit = ""
    bounds = (0.0, float("inf"))
    higher_is_better = False

    def __call__(self, samples, weight):
        x = samples.features[:, 0]
        return np.sqrt(weight @ x**2 - (weight @ x) ** 2)


class Column(Spread):
    """The mean of the features' first column, by weights alone."""

    def __call__(self, samples, weight):
        return weight @ samples.features[:, 0]


def sampled(seed, scale):
    features = scale * np.random.default_rng([seed, 9]).standard_normal((200, 1))
    return replace(record([True], seed), evidence={"t": Samples(features)})


def test_a_measure_that_is_no_mean_has_intervals_too():
    from scipy.stats import bootstrap as scipys

    one = sampled(0, 1.0)
    ours = estimate([one], "t", Spread())
    x = one.evidence["t"].features[:, 0]
    theirs = scipys((x,), np.std, method="percentile", random_state=0).confidence_interval
    assert ours.mean == pytest.approx(x.std()) and (ours.low, ours.high) == pytest.approx(tuple(theirs), abs=0.01)
    wide = gain([sampled(s, 2.0) for s in range(3)], [sampled(s, 1.0) for s in range(3)], "t", Spread())
    assert wide.low > 0.5 and wide.seeds == 3
    best = GainOverBest("maaf/a", ("b", "c"), "t", Spread())
    found = {"maaf/a": [sampled(7, 1.0)], "b": [sampled(8, 3.0)], "c": [sampled(9, 2.0)]}  # the least is the best
    assert best(found) == gain(found["maaf/a"], found["c"], "t", Spread())


def test_drawing_equal_items_by_their_counts_leaves_the_interval_as_it_is():
    rng = np.random.default_rng(5)
    values = [(rng.random((2, 400)) < 0.6).astype(float), (rng.random((3, 400)) < 0.5).astype(float)]
    group = ["a"] * 300 + ["b"] * 100
    values[0][:, 390:] = rng.random((2, 10))  # some that nothing equals
    parts = [(1.0, values[0]), (-1.0, values[1])]
    counted = bootstrap(parts, group, resamples=40_000)
    singly = [(sign, Measured(Column(), [Samples(row[:, None]) for row in v])) for sign, v in parts]
    each = bootstrap(singly, group, items=400, resamples=40_000)
    assert counted.mean == pytest.approx(each.mean)
    assert (counted.low, counted.high) == pytest.approx((each.low, each.high), abs=0.02 * (each.high - each.low))


def test_an_interval_stays_within_the_bounds_of_its_measure():
    rng = np.random.default_rng(2)
    for share, bound in ((0.99, 100.0), (0.01, 0.0)):
        near = [record(rng.random(30) < np.clip(share + 0.05 * s, 0, 1), s) for s in (-1, 0, 1)]
        free = gain(near, [record([False] * 30, s) for s in range(3)], "t", Recall(1))
        held = estimate(near, "t", Recall(1))
        assert free.low < 0 or free.high > 100  # few seeds: the correction reaches beyond what can be
        assert bound in (held.low, held.high) and 0 <= held.low <= held.mean <= held.high <= 100


@pytest.mark.parametrize("spread", [0.0, 0.05])
def test_the_interval_covers_the_truth_about_as_often_as_it_says(spread):
    rng = np.random.default_rng(7)
    trials, covered = 200, 0
    for _ in range(trials):
        shares = np.clip(0.5 + spread * rng.standard_normal(5), 0, 1)
        interval = bootstrap([(1.0, (rng.random((5, 300)) < shares[:, None]).astype(float))], resamples=400)
        covered += interval.low <= 0.5 <= interval.high
    assert 0.91 <= covered / trials <= 1.0


@pytest.mark.parametrize("parts", [2, 8])
@pytest.mark.parametrize("louder", [1, 5])
def test_so_does_that_of_a_difference_however_many_runs_and_however_unlike(parts, louder):
    rng = np.random.default_rng(11)
    trials, covered = 150, 0
    for _ in range(trials):
        queries, made = rng.random(200), []
        for i in range(parts):
            level = 0.5 + 0.03 * (louder if i % 2 else 1) * rng.standard_normal((3, 1))
            hits = queries < level + 0.1 * rng.standard_normal((3, 200))
            made.append((2 * (-1.0) ** i / parts, hits.astype(float)))
        interval = bootstrap(made, resamples=200)
        covered += interval.low <= 0.0 <= interval.high
    assert covered / trials >= 0.91


def test_the_freedom_of_several_runs_is_welchs():
    from scipy.stats import ttest_ind

    rng = np.random.default_rng(3)
    a, b = rng.random((4, 1)), 5 * rng.random((3, 1))  # one query: its means are the values
    found = _freedom([(1.0, a[:, 0]), (-1.0, b[:, 0])])
    assert found == pytest.approx(ttest_ind(a[:, 0], b[:, 0], equal_var=False).df)


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
    interval = OverChance("maaf/a", "t", Recall(1))({"maaf/a": found})
    assert interval.mean == pytest.approx(estimate(found, "t", Recall(1)).mean - 10)
    assert interval.low < interval.mean < interval.high


def attending(seeds=3, fingerprint="", queries=None):
    """Records whose exhibits lie beside them: `place` avoids by 0.5, `verb` by nothing, on different queries."""
    rng = np.random.default_rng(0)
    for seed in range(seeds):
        place = (rng.normal(-0.5, 0.1, 40)).round(4).tolist()
        values = {
            "place": {"query": queries or list(range(40)), "own": place, "mask": [None] * 20 + [0.1] * 20},
            "verb": {"query": list(range(0, 60, 2)), "own": rng.normal(0, 0.1, 30).round(4).tolist()},
        }
        path = exhibits_home() / artifacts.exhibit_path("maaf/a", "cpu", "words", seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(artifacts.to_text({"experiment": "maaf/a", "fingerprint": fingerprint, "values": values}))
    return [record([True], seed, "maaf/a") for seed in range(seeds)]


def test_attention_is_a_mean_over_seeds_and_queries_with_an_interval(home):
    found = attending()
    values = np.array([artifacts.read(p)["values"]["place"]["own"] for p in sorted(exhibits_home().rglob("*.json"))])
    interval = Attention("maaf/a", "place")({"maaf/a": found})
    assert interval.mean == pytest.approx(values.mean()) and interval.seeds == 3
    assert interval.low < interval.mean < interval.high < 0
    beside = Attention("maaf/a", "place", than="mask")({"maaf/a": found})
    assert beside.mean == pytest.approx(values[:, 20:].mean() - 0.1)  # queries without a control are left out
    assert str(bootstrap([(1.0, values)])) == str(interval)


def test_a_claim_over_some_queries_is_that_of_records_that_asked_them_alone():
    a, b = records(0.8), records(0.5, start=3)
    rows = [row for row in range(400) if row % 3 == 0]
    some = Among(Gain("maaf/a", "maaf/b", "t", Recall(1)), lambda record: rows)
    alone = [[record(one.evidence["t"].best()[rows] <= 1, one.seed) for one in side] for side in (a, b)]
    assert some.needs == ("maaf/a", "maaf/b")
    assert some({"maaf/a": a, "maaf/b": b}) == gain(*alone, "t", Recall(1))
    assert replace(some, rows=lambda record: None)({"maaf/a": a, "maaf/b": b}) is None


def test_the_best_of_several_is_chosen_from_the_records():
    found = {"maaf/a": records(0.8), "b": records(0.3, start=1), "c": records(0.6, start=2), "d": records(0.5, start=3)}
    quantity = GainOverBest("maaf/a", ("b", "c", "d"), "t", Recall(1))
    assert quantity.needs == ("maaf/a", "b", "c", "d")
    assert quantity(found) == gain(found["maaf/a"], found["c"], "t", Recall(1))


def test_a_row_is_in_points_and_tells_margin_and_headline():
    found = {"maaf/a": records(0.8), "maaf/b": records(0.5, start=3)}
    row = judge(replace(claim(above(2.0)), headline=True), lambda name, scale: found[name] if scale == "cpu" else [])
    assert 25 < row["mean"] < 35 and row["unit"] == "points" and row["margin"] == 2.0 and row["headline"] is True
    (line,) = csv.DictReader(to_csv([row]).splitlines())
    assert line["headline"] == "yes" and line["margin"] == "2.0" and float(line["mean"]) == row["mean"]
    (line,) = csv.DictReader(to_csv([judge(claim(), lambda name, scale: [])]).splitlines())
    assert line["headline"] == line["margin"] == line["mean"] == ""


def test_two_classes_of_words_are_compared_by_their_means(home):
    found = attending()
    place, verb = (Attention("maaf/a", word)({"maaf/a": found}) for word in ("place", "verb"))
    gap = Attention("maaf/a", "place", minus="verb")({"maaf/a": found})
    assert gap.mean == pytest.approx(place.mean - verb.mean) and gap.low < gap.mean < gap.high < 0
    assert gap.high - gap.low > (place.high - place.low) * 0.9


def test_attention_without_its_exhibits_is_untested(home):
    held = Claim(
        id="c", paper="maaf", where="Figure 3", says="words avoid", reported="", expect=below(),
        quantity=Attention("maaf/a", "place"),
    )  # fmt: skip
    single = [record([True], 0, "maaf/a")]
    assert judge(held, lambda name, scale: single if scale == "cpu" else [])["verdict"] == "untested"
    found = attending()
    assert judge(held, lambda name, scale: found if scale == "cpu" else [])["verdict"] == "holds"
    (exhibits_home() / artifacts.exhibit_path("maaf/a", "cpu", "words", 1)).unlink()
    assert judge(held, lambda name, scale: found if scale == "cpu" else [])["seeds"] == 2  # those that kept it
    attending(fingerprint="older")
    assert judge(held, lambda name, scale: found if scale == "cpu" else [])["verdict"] == "untested"


def test_a_class_or_control_that_no_exhibit_keeps_is_an_error(home):
    found = attending()
    for quantity in (Attention("maaf/a", "smell"), Attention("maaf/a", "verb", than="mask")):
        with pytest.raises(ValueError, match="have no own"):
            quantity({"maaf/a": found})
    other = attending(seeds=1, queries=list(range(1, 41)))
    assert other and len(found) == 3
    with pytest.raises(Problem, match="different queries"):
        Attention("maaf/a", "place")({"maaf/a": found})
