import csv
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from toys import EACH_SEED, record, records

from cirkit.errors import Problem
from cirkit.evaluators.measures import Recall
from cirkit.experiments import artifacts
from cirkit.experiments.bootstrap import Interval, bootstrap, estimate, gain, over_seeds
from cirkit.experiments.claims import (
    FIELDS,
    Among,
    Attention,
    Claim,
    Gain,
    GainBeyondShare,
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


def test_a_lead_that_is_a_share_of_the_level_leaves_nothing():
    found = {"a": records(0.75), "b": records(0.6)}
    level, lead = Gain("a", "b", "t", Recall(1))(found), GainBeyondShare("a", "b", "t", Recall(1), 0.2)
    both = {name: 100 * np.mean([one.evidence["t"].best() == 1 for one in runs]) for name, runs in found.items()}
    assert lead.needs == ("a", "b") and level.mean == pytest.approx(both["a"] - both["b"])
    assert lead(found).mean == pytest.approx(0.8 * both["a"] - both["b"])
    assert lead(found).low < lead(found).mean < lead(found).high


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


def test_verdicts():
    beyond, under, across = Interval(2.0, 1.0, 3.0, 5), Interval(-2.0, -3.0, -1.0, 5), Interval(0.0, -1.0, 1.0, 5)
    assert [above()(i) for i in (beyond, under, across)] == ["holds", "fails", "open"]
    assert [below()(i) for i in (beyond, under, across)] == ["fails", "holds", "open"]
    assert [within(1.5)(i) for i in (across, Interval(2.0, 1.6, 3.0, 5), beyond)] == ["holds", "fails", "open"]


def test_a_claim_has_the_p_of_what_its_verdict_rests_on():
    interval = over_seeds(np.array([1.0, 3.0, 2.5, 1.5]))
    theirs = {m: stats.ttest_1samp([1.0, 3.0, 2.5, 1.5], m).pvalue for m in (-4.0, 0.0, 2.5, 4.0)}
    assert above().p(interval) == below().p(interval) == pytest.approx(theirs[0.0], rel=0.02)
    assert above(2.5).p(interval) == pytest.approx(theirs[2.5], rel=0.02)
    assert within(4.0).p(interval) == pytest.approx(theirs[4.0], rel=0.02)  # the nearer of the two margins
    assert within(4.0).p(interval) > 2 * theirs[-4.0]
    assert within(0.5).p(interval) == pytest.approx(stats.ttest_1samp([1.0, 3.0, 2.5, 1.5], 0.5).pvalue, rel=0.02)
    mirrored = over_seeds(-np.array([1.0, 3.0, 2.5, 1.5]))
    assert [within(m).p(mirrored) for m in (0.5, 4.0)] == [within(m).p(interval) for m in (0.5, 4.0)]


SHARED = np.random.default_rng(8).normal(0, 1, (3, 60))


@pytest.mark.parametrize("expect", [above, below, within])
def test_p_is_at_most_five_percent_exactly_where_the_verdict_is_decided(expect):
    found = []
    for shift in np.linspace(-4, 4, 23):
        for interval in (over_seeds(np.array([0.4, -0.3, 0.1]) + shift), bootstrap([(1.0, SHARED + shift)])):
            for margin in (0.0, 1.5):
                verdict = expect(margin)(interval)
                assert (verdict != "open") == (expect(margin).p(interval) <= 0.05)
                found.append(verdict)
    assert set(found) == {"holds", "fails", "open"}


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
    row = judge(claim(), lambda name, scale: single[name] if scale == "cpu" else [])
    assert row["verdict"] == "open" and row["p"] is None


def test_the_same_records_give_the_same_line():
    found = {"maaf/a": records(0.8), "maaf/b": records(0.7, start=5)}
    rows = [judge(claim(), lambda name, scale: found[name] if scale == "cpu" else []) for _ in range(2)]
    assert to_csv(rows[:1]) == to_csv(rows[1:]) and to_csv(rows[:1]).startswith("id,paper,where")


def test_over_chance_is_the_level_less_a_random_order():
    found = records(0.7)
    interval = OverChance("maaf/a", "t", Recall(1))({"maaf/a": found})
    assert interval.mean == pytest.approx(estimate(found, "t", Recall(1)).mean - 10)
    assert interval.low < interval.mean < interval.high


def attending(seeds=3, fingerprint="", queries=None, declared=None):
    """Records whose exhibits lie beside them: `place` avoids by 0.5, `verb` by nothing, on different queries.

    With `declared`, each seed has its own queries, three more of them than the one before.
    """
    rng = np.random.default_rng(0)
    for seed in range(seeds):
        more = 3 * seed if declared else 0
        place = (rng.normal(-0.5, 0.1, 40 + more)).round(4).tolist()
        values = {
            "place": {
                "query": queries or list(range(40 + more)),
                "own": place,
                "mask": [None] * 20 + [0.1] * (20 + more),
            },
            "verb": {"query": list(range(0, 60, 2)), "own": rng.normal(0, 0.1, 30).round(4).tolist()},
        }
        path = exhibits_home() / artifacts.exhibit_path("maaf/a", "cpu", "words", seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(artifacts.to_text({"experiment": "maaf/a", "fingerprint": fingerprint, "values": values}))
    return [record([True], seed, "maaf/a", declared=declared) for seed in range(seeds)]


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


def test_attention_over_queries_of_each_seed_is_a_number_per_seed(home):
    found = attending(declared=EACH_SEED)
    contents = [artifacts.read(path)["values"] for path in sorted(exhibits_home().rglob("*.json"))]
    place = np.array([np.mean(each["place"]["own"]) for each in contents])
    verb = np.array([np.mean(each["verb"]["own"]) for each in contents])
    beside = np.array([np.mean(each["place"]["own"][20:]) for each in contents])
    for quantity, values in (
        (Attention("maaf/a", "place"), place),
        (Attention("maaf/a", "place", than="mask"), beside - 0.1),
        (Attention("maaf/a", "place", minus="verb"), place - verb),
    ):
        interval, expected = quantity({"maaf/a": found}), over_seeds(values)
        assert interval.seeds == 3 and interval.mean == pytest.approx(expected.mean)
        assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))
    one = Attention("maaf/a", "place")({"maaf/a": found[:1]})
    assert one.seeds == 1 and one.mean == pytest.approx(place[0]) and one.low < one.mean < one.high


def own(*shares, seeds=(0, 1, 2)):
    """A run per seed on its own queries, more at each seed; hits are the first of them, a share for each seed."""
    sizes = {seed: 100 + 50 * seed for seed in seeds}
    hits = {seed: np.arange(sizes[seed]) < share * sizes[seed] for seed, share in zip(seeds, shares, strict=True)}
    return [record(each, seed, declared=EACH_SEED) for seed, each in hits.items()]


def test_over_chance_and_the_best_of_several_are_taken_within_each_seed():
    a, b, c = own(0.6, 0.7, 0.8), own(0.5, 0.5, 0.5), own(0.1, 0.99, seeds=(0, 1))
    interval, expected = OverChance("a", "t", Recall(1))({"a": a}), over_seeds(np.array([50.0, 60.0, 70.0]))
    assert (interval.mean, interval.low) == pytest.approx((expected.mean, expected.low))
    best = GainOverBest("a", ("b", "c"), "t", Recall(1))
    assert best({"a": a, "b": b, "c": c}) == gain(a, c, "t", Recall(1))  # of the first two seeds, 54.5 against 50
    lone = own(0.5, seeds=(2,))
    assert best({"a": a, "b": own(1.0, 1.0, 0.1), "c": lone}) == gain(a, lone, "t", Recall(1))  # 50 against 10 there


def test_a_claim_over_some_queries_takes_those_of_each_seed():
    a, b = own(0.6, 0.7, 0.8), own(0.5, 0.5, 0.5)
    some = Among(Gain("a", "b", "t", Recall(1)), lambda record: range(len(record.evidence["t"]) // 2, 90 + record.seed))
    values = [100 * (np.arange(50, 90) < 60).mean(), 100 * (np.arange(75, 91) < 105).mean()]
    with pytest.raises(ValueError, match="offsets"):  # the third world has none of them
        some({"a": a, "b": b})
    found = some({"a": a[:2], "b": b[:2]})
    assert found.mean == pytest.approx(np.mean(values))
