"""Validation curves: what a run keeps of them, what is read again, and what is said where none can be had."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from toys import CURVE, CURVED, colour_benchmark

from cirkit.errors import Problem
from cirkit.evaluators import ranking
from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.measures import AveragePrecision, Recall
from cirkit.experiments import artifacts, curves, regenerate, run
from cirkit.experiments.bootstrap import overall
from cirkit.experiments.records import done
from cirkit.experiments.trainings import Trainer, never
from cirkit.training.loop import Weights, fit

QUIET = {"tell": lambda line: None}


def path_of(experiment):
    (path,) = curves.declared(experiment, 0)
    return path


def test_a_run_of_the_first_seed_keeps_its_curve(home):
    record = run.run(CURVED, 0, Trainer(**QUIET))
    content = json.loads(path_of(CURVED).read_text())
    assert path_of(CURVED) == home / "exhibits" / "toy" / "curved-smoke-curve-s0.json"
    assert (content["fingerprint"], content["seed"], content["test"]) == (record.fingerprint, 0, "colours")
    assert [point["step"] for point in content["points"]] == [*range(2, 21, 2)]
    course = curves.course(CURVED, "colours")
    assert course.seed == 0 and course.means(Recall(5)) == pytest.approx([p["R@5"] for p in content["points"]])
    model = fit(CURVED.training, 0).model
    assert np.array_equal(course.ranks[-1].mid, ranking.rank(model, CURVE.data()).mid)
    assert not np.array_equal(course.ranks[-1].mid, record.evidence["colours"].mid)
    halfway = fit(replace(CURVED.training, steps=10), 0).model  # the schedule is constant
    assert np.array_equal(course.ranks[4].mid, ranking.rank(halfway, CURVE.data()).mid)


def test_a_curve_changes_no_fingerprint_no_record_and_no_other_seed(home):
    plain = replace(CURVED, name="toy/plain", exhibits={})
    one, other = (run.run(each, 0, Trainer(keep=False, **QUIET)) for each in (CURVED, plain))
    assert one.fingerprint == other.fingerprint and one.code == other.code and one.loss == other.loss
    assert np.array_equal(one.evidence["colours"].mid, other.evidence["colours"].mid)
    assert curves.declared(CURVED, 1) == {} and curves.looks_of(CURVED, 1) is None
    assert curves.looks_of(plain, 0) is None and curves.course(plain, "colours") is None


def test_what_is_packed_comes_back_with_groups_several_targets_and_ties():
    rng = np.random.default_rng(0)
    first = np.sort(rng.choice(30_000, 6, replace=False)) + 1
    offsets, group = np.array([0, 2, 3, 6]), ("dress", "shirt", "dress")
    ranks = Ranks(first, first + np.array([0, 0, 1, 0, 0, 0]), offsets, np.array([31_000, 32_000, 32_767]), group)
    again = curves.from_plain(json.loads(json.dumps(curves.to_plain(ranks))))
    assert np.array_equal(again.first, ranks.first) and np.array_equal(again.last, ranks.last)
    assert np.array_equal(again.offsets, offsets) and np.array_equal(again.gallery, ranks.gallery)
    assert again.group == group
    assert overall(again, AveragePrecision(10)) == overall(ranks, AveragePrecision(10))
    with pytest.raises(Problem, match="at most 32,767 items"):
        curves.to_plain(Ranks(np.array([32_768]), np.array([32_768]), np.array([0, 1]), 40_000))


def test_five_hundred_queries_fit():
    ranks = Ranks(np.full(500, 30_000), np.full(500, 30_000), np.arange(501), 32_000, ("dress", "shirt") * 250)
    plain = curves.to_plain(ranks)
    size = len(json.dumps(plain)) + 9 * len(json.dumps(plain["twice_rank"]))
    assert size < artifacts.LIMIT / 10


def test_a_sample_of_queries_is_spread_over_the_benchmark(home):
    few = replace(CURVED, exhibits={"colours": (replace(CURVE, queries=4),)})
    run.run(few, 0, Trainer(**QUIET))
    course, whole = curves.course(few, "colours"), CURVE.data()
    whole_ranks = ranking.rank(fit(few.training, 0).model, whole).take([0, 5, 10, 15])
    assert np.array_equal(course.ranks[-1].mid, whole_ranks.mid) and len(course.ranks[0]) == 4


def test_the_tests_own_data_are_refused(home):
    same = replace(CURVED, exhibits={"colours": (replace(CURVE, data=colour_benchmark),)})
    with pytest.raises(ValueError, match="data of its test colours"):
        run.run(same, 0, Trainer(**QUIET))


def test_weights_that_are_there_give_no_curve_which_is_said_once_and_fails_nothing(home):
    lines = []
    run.run(replace(CURVED, name="toy/first", exhibits={}), 0, Trainer(**QUIET))
    run.run(CURVED, 0, Trainer(tell=lines.append))
    assert len(done(CURVED)) == 1 and not path_of(CURVED).exists() and not run.lacks(CURVED, 0)
    (line,) = lines
    assert "weights were there already" in line
    assert "`cirkit run toy/curved --scale smoke --seed 0 --again`" in line
    run.run_named(CURVED, 0, Trainer(accept=never, tell=lines.append), again=True)
    assert len(lines) == 1 and curves.course(CURVED, "colours").steps == tuple(range(2, 21, 2))
    run.run_named(CURVED, 0, Trainer(tell=lines.append), again=True)  # from weights; the curve is there
    assert len(lines) == 1


def test_a_training_that_went_on_without_its_first_points_leaves_no_curve_and_says_so(home):
    looks, lines = curves.looks_of(CURVED, 0), []
    looks.seen = {20: {}}
    curves.write(CURVED, 0, looks, lines.append)
    assert not path_of(CURVED).exists() and "lacks points" in lines[0]


def test_a_training_that_another_starts_from_is_trained_unseen(home):
    second = replace(CURVED.training, start={"image": Weights(of=replace(CURVED.training, steps=3), part="image")})
    row = replace(CURVED, name="toy/second", training=second)
    run.run(row, 0, Trainer(**QUIET))
    assert curves.course(row, "colours").steps == tuple(range(2, 21, 2))


def test_final_weights_give_no_curve_but_all_else(home):
    run.run_missing([CURVED], **QUIET)
    for path in CURVED.keeps(0):
        path.unlink()
    states = {(row["seed"], row["exhibit"]): row["state"] for row in regenerate.rows([CURVED])}
    assert states == {(0, "top ten"): "missing", (0, "curve"): "missing, train again"}
    lines = []
    assert regenerate.missing([CURVED], tell=lines.append) == 1
    assert "only in training" in lines[0] and "cirkit run toy/curved --scale smoke --seed 0 --again" in lines[0]
    lines.clear()
    assert regenerate.missing([CURVED], tell=lines.append) == 0 and len(lines) == 1
    with pytest.raises(Problem, match="only while its model trains"):
        CURVE(None, None, lambda: None)


def test_a_curve_of_another_run_or_declaration_is_not_read(home):
    run.run(CURVED, 0, Trainer(**QUIET))
    longer = replace(CURVED, training=replace(CURVED.training, steps=30))
    others = (replace(CURVE, data=partial(colour_benchmark, seed=3)), replace(CURVE, measures=(Recall(2),)))
    assert curves.course(CURVED, "colours") is not None and curves.course(longer, "colours") is None
    assert [curves.course(replace(CURVED, exhibits={"colours": (e,)}), "colours") for e in others] == [None, None]
    assert curves.course(CURVED, "shapes") is None


@pytest.mark.parametrize("damage", ["points", "queries"])
def test_a_damaged_curve_says_what_gives_it_again(home, damage):
    run.run(CURVED, 0, Trainer(**QUIET))
    content = json.loads(path_of(CURVED).read_text())
    del content[damage]
    path_of(CURVED).write_text(json.dumps(content))
    with pytest.raises(Problem, match="--seed 0 --again"):
        curves.course(CURVED, "colours")
