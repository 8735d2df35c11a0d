"""Intervals: what is resampled, what is paired, and how often they cover the truth."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import stats
from toys import EACH_SEED, EXPERIMENT, record, records

from cirkit.benchmarks import css as css_reader
from cirkit.declare import describe
from cirkit.evaluators.evidence import Samples
from cirkit.evaluators.measures import Recall
from cirkit.examples import CachedFeatures
from cirkit.experiments.bootstrap import (
    Interval,
    Measured,
    Resamples,
    _freedom,
    bootstrap,
    combined,
    estimate,
    gain,
    over_seeds,
    overall,
)
from cirkit.experiments.claims import GainOverBest
from cirkit.experiments.experiment import Test
from cirkit.experiments.records import DRAWN_EACH_SEED
from cirkit.worlds import css
from cirkit.worlds.publish import drawn, drawn_each_seed


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


def test_different_queries_are_not_compared():
    with pytest.raises(ValueError, match="different queries"):
        gain(records(0.5), records(0.5, q=300), "t", Recall(1))


def worlds(share, seeds=(0, 1, 2, 3, 4), start=0, hard=0.0, queries=300):
    """A run per seed on queries of its own, so many more at each further seed; `hard` is how unlike the worlds are."""
    rng, out = np.random.default_rng(start), []
    for seed in seeds:
        latent = np.random.default_rng([seed, 77]).random(queries + 10 * seed)  # the world's, whoever answers
        level = share + hard * np.random.default_rng([seed, 78]).standard_normal()
        hits = latent < level + 0.02 * rng.standard_normal(len(latent))
        out.append(record(hits, seed, declared=EACH_SEED))
    return out


def levels(side):
    return np.array([100 * (one.evidence["t"].best() <= 1).mean() for one in side])


def test_worlds_drawn_for_each_seed_are_paired_by_seed_and_vary_as_students_t():
    a, b = worlds(0.6, hard=0.1, start=1), worlds(0.5, hard=0.1, start=2)
    paired = gain(a, b, "t", Recall(1))
    theirs = stats.ttest_rel(levels(a), levels(b))
    low, high = theirs.confidence_interval(0.95)
    assert (paired.mean, paired.seeds) == (pytest.approx((levels(a) - levels(b)).mean()), 5)
    assert (paired.low, paired.high) == (pytest.approx(low, rel=2e-3), pytest.approx(high, rel=2e-3))
    alone = stats.ttest_ind(levels(a), levels(b), equal_var=False).confidence_interval(0.95)
    assert paired.low > 0 > alone.low  # how unlike the worlds are is no part of a difference
    assert gain(a, b[::-1], "t", Recall(1)) == paired  # by its seed, not by its place in a list
    one = estimate(a, "t", Recall(1))
    low, high = stats.ttest_1samp(levels(a), 0).confidence_interval(0.95)
    assert (one.low, one.high) == (pytest.approx(low, rel=2e-3), pytest.approx(high, rel=2e-3))


def test_seeds_that_one_side_alone_has_say_nothing_of_a_difference():
    a, b = worlds(0.6, hard=0.1), worlds(0.5, seeds=(1, 2, 4, 7), hard=0.1)
    common = [one for one in a if one.seed in (1, 2, 4)]
    paired = gain(a, b, "t", Recall(1))
    assert paired == gain(common, b[:3], "t", Recall(1)) and paired.seeds == 3
    assert paired.mean == pytest.approx((levels(common) - levels(b[:3])).mean())
    with pytest.raises(ValueError, match="no seed in common"):
        gain(a, worlds(0.5, seeds=(8, 9)), "t", Recall(1))


def test_several_differences_are_taken_within_each_seed():
    sides = [worlds(share, hard=0.1, start=i) for i, share in enumerate((0.7, 0.5, 0.6, 0.6))]
    both = combined(list(zip((0.5, -0.5, 0.5, -0.5), sides, strict=True)), "t", Recall(1))
    each = np.stack([levels(side) for side in sides])  # (sides, s)
    expected = over_seeds((each[0] - each[1] + each[2] - each[3]) / 2)
    assert (both.mean, both.low, both.high) == pytest.approx((expected.mean, expected.low, expected.high))


def test_queries_of_each_seed_are_never_mixed_with_queries_that_all_seeds_share():
    own, shared = worlds(0.6), records(0.5, q=300)
    with pytest.raises(ValueError, match="for each seed and some do not"):
        gain(own, shared, "t", Recall(1))
    with pytest.raises(ValueError, match="for each seed and some do not"):
        estimate([own[0], shared[1]], "t", Recall(1))
    with pytest.raises(ValueError, match="different queries"):
        gain(own, worlds(0.6, queries=299), "t", Recall(1))
    with pytest.raises(ValueError, match="different queries"):
        estimate([records(0.5)[0], records(0.5, q=30)[0]], "t", Recall(1))  # other numbers are for worlds of their own


def test_a_single_world_gives_the_interval_of_its_queries():
    a, b = worlds(0.6, seeds=(0, 1), start=1), worlds(0.5, seeds=(1,), start=2)
    paired = gain(a, b, "t", Recall(1))
    same = [[replace(one, declared={})] for one in (a[1], b[0])]
    assert paired.seeds == 1 and paired == gain(*same, "t", Recall(1))
    assert paired.low < paired.mean < paired.high


def test_groups_count_alike_within_each_world():
    hits = [np.array([True] * 30 + [False] * 10), np.array([True] * 10 + [False] * 70)]
    groups = [("a",) * 30 + ("b",) * 10, ("a",) * 10 + ("b",) * 70]
    runs = [record(h, seed, group=g, declared=EACH_SEED) for seed, (h, g) in enumerate(zip(hits, groups, strict=True))]
    interval = estimate(runs, "t", Recall(1))
    assert (interval.mean, interval.low, interval.high) == pytest.approx((50, 50, 50))


def test_a_configuration_says_itself_whether_each_seed_draws_its_data():
    def own(data):
        tests = {"t": Test(data), "other": Test(css_reader.test)}
        return replace(record([True]), declared=replace(EXPERIMENT, tests=tests, exhibits={}).declared())

    once, each = (make(css_reader.test, css.CSS, css.SIZES["smoke"]) for make in (drawn, drawn_each_seed))
    assert describe(each)["make"] == DRAWN_EACH_SEED
    assert own(each).drawn_each_seed("t") and not own(once).drawn_each_seed("t")
    assert not own(each).drawn_each_seed("other") and not record([True]).drawn_each_seed("t")
    features = CachedFeatures(data=each, model=css_reader.test, encode=css_reader.test)
    assert own(features).drawn_each_seed("t") and not own(replace(features, data=once)).drawn_each_seed("t")


def trial(rng, seeds, queries, start, world):
    """A difference of two rows, in truth 10 points; `start` and `world` are deviations of a difference, in shares.

    All worlds are unlike in what both rows find hard, by 10 points.
    """
    sides = [], []
    for seed in range(seeds):
        latent = rng.random(queries + seed)
        hard, apart = 0.1 * rng.standard_normal(), world * rng.standard_normal()
        for sign, side in zip((1, -1), sides, strict=True):
            level = 0.5 + hard + sign * (0.1 + apart) / 2 + start / np.sqrt(2) * rng.standard_normal()
            hits = latent < np.clip(level, 0, 1) + 0.1 * rng.standard_normal(len(latent))
            side.append(record(hits, seed, declared=EACH_SEED))
    return gain(*sides, "t", Recall(1))


@pytest.mark.parametrize(("start", "world"), [(0.0, 0.0), (0.03, 0.06)])
def test_an_interval_over_worlds_covers_the_truth_about_as_often_as_it_says(start, world):
    rng = np.random.default_rng(17)
    found = [trial(rng, 3, 100, start, world) for _ in range(100)]
    assert 0.88 <= np.mean([one.low <= 10 <= one.high for one in found]) <= 0.99


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize(("start", "world"), [(0.0, 0.0), (0.03, 0.0), (0.0, 0.06), (0.03, 0.06)])
def test_coverage_over_worlds_and_how_often_a_true_null_has_a_small_p(seeds, start, world):
    rng = np.random.default_rng(23)
    found = [trial(rng, seeds, 100, start, world) for _ in range(1000)]
    covered = np.mean([one.low <= 10 <= one.high for one in found])
    p = np.array([min(one.p_above(10.0), one.p_below(10.0)) for one in found])
    small = np.mean(p <= 0.005)
    print(f"{seeds} seeds, start {start}, world {world}: coverage {covered:.3f}, p <= .005 in {small:.4f}")
    assert 0.925 <= covered <= 0.97 and small <= 0.013
    assert np.mean(p <= 0.05) == pytest.approx(1 - covered)


def test_a_p_is_at_most_five_percent_exactly_where_the_interval_lies_beyond_the_margin():
    own = gain(worlds(0.6, hard=0.1, start=1), worlds(0.5, hard=0.1, start=2), "t", Recall(1))
    shared = gain(records(0.6, start=1), records(0.5, start=2), "t", Recall(1))
    for interval in (own, shared):
        assert interval.p_above(interval.low) > 0.05 >= interval.p_above(np.nextafter(interval.low, -np.inf))
        assert interval.p_below(interval.high) > 0.05 >= interval.p_below(np.nextafter(interval.high, np.inf))
        assert interval.p_above(interval.mean) > 0.9 and interval.p_below(interval.low - 10) == 1.0
        assert interval.p_above(-1e6) == interval.p_below(1e6) == pytest.approx(2 / 10_001)


@pytest.mark.parametrize("digit", [-1e-14, 0.0, 1e-14])
def test_a_resample_at_the_margin_is_there_whatever_its_last_digit(digit):
    queries = np.where(np.arange(10_000) < 400, 0.3 + digit, 1.0)
    interval = Interval(0.9, 0.3, 1.0, 1, Resamples(queries, np.zeros(10_000), np.inf))
    assert interval.p_above(0.3) == pytest.approx(2 * 401 / 10_001) and interval.p_below(0.3) == 1.0


def test_a_p_over_worlds_is_that_of_students_t_test():
    values = np.array([1.0, 3.0, 2.5])
    for margin in (-4.0, -1.0, 1.0, 2.0):
        expected = stats.ttest_1samp(values, margin).pvalue
        assert over_seeds(values).p_above(margin) == pytest.approx(expected, rel=0.02)
        assert over_seeds(-values).p_below(-margin) == pytest.approx(expected, rel=0.02)


def test_a_p_over_shared_queries_counts_the_resamples_beyond():
    values = (np.random.default_rng(0).random(400) < 0.5)[None].astype(float)
    interval = bootstrap([(1.0, values)])
    for margin in (0.42, 0.46, 0.49):
        beyond = (interval.resamples.queries <= margin).sum()
        assert interval.p_above(margin) == pytest.approx(min(1, 2 * (beyond + 1) / 10_001), rel=2e-3)
    assert interval.minus(0.1).p_above(0.36) == pytest.approx(interval.p_above(0.46), rel=2e-3)


def test_few_seeds_stretch_a_small_p_as_students_t_does():
    values = np.repeat(np.random.default_rng(4).normal(1.0, 1.0, (8, 1)), 5, axis=1)  # seeds are all that varies
    interval = bootstrap([(1.0, values)])
    for margin in (-0.5, 0.0, 0.3):
        expected = stats.ttest_1samp(values[:, 0], margin, alternative="greater").pvalue * 2
        assert 0.4 * expected < interval.p_above(margin) < 2.5 * expected
