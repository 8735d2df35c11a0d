"""Three checkpoints: what each column takes, whose data choose it, and what is refused."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from toys import EXPERIMENT, TRAINING, colour_benchmark, record

from cirkit.errors import Problem
from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.measures import Recall
from cirkit.experiments import curves
from cirkit.experiments.checkpoint_choice import BEST_ON_TEST, BY_VALIDATION, LAST, ThreeCheckpoints
from cirkit.experiments.experiment import Test
from cirkit.training.looks import steps_of

TESTS = {"test": Test(colour_benchmark), "held out": Test(partial(colour_benchmark, seed=2))}
CHOICE = ThreeCheckpoints(test="test", validation="held out")
ROW = replace(
    EXPERIMENT,
    name="toy/three",
    tests=TESTS,
    training=replace(TRAINING, steps=20),
    exhibits=CHOICE.exhibits(TESTS),
)


def hits(count: int) -> dict:
    rank = np.where(np.arange(10) < count, 1, 5)
    return curves.to_plain(Ranks(rank, rank, np.arange(11), 8))


def keep(seed: int, tested: list[int], validated: list[int]) -> None:
    looks = curves.looks_of(ROW, seed)
    for step, test, held in zip(steps_of(20), tested, validated, strict=True):
        looks.seen[step] = {"course_of_test": hits(test), "course_of_validation": hits(held)}
    curves.write(ROW, seed, looks, print)


def test_columns_take_the_last_the_chosen_and_the_best(home):
    keep(0, tested=[1, 2, 9, 3, 4, 5, 5, 6, 6, 7], validated=[1, 2, 3, 4, 8, 5, 8, 5, 5, 5])
    found = CHOICE.choose(ROW, 0)
    assert {column: step for column, (step, _) in found.items()} == {LAST: 20, BY_VALIDATION: 10, BEST_ON_TEST: 6}
    first = {column: Recall(1).values(ranks).mean() for column, (_, ranks) in found.items()}
    assert first == pytest.approx({LAST: 70.0, BY_VALIDATION: 40.0, BEST_ON_TEST: 90.0})


def test_every_seed_has_its_own_and_a_record_shows_them_beside_its_tests(home):
    keep(1, tested=[5] * 9 + [2], validated=[3] * 10)
    given = record(np.ones(10, bool), seed=1, name=ROW.name)
    found = CHOICE.evidence(ROW, given)
    assert set(found.evidence) == {"t", LAST, BY_VALIDATION, BEST_ON_TEST} and set(given.evidence) == {"t"}
    assert Recall(1).values(found.evidence[LAST]).mean() == pytest.approx(20.0)
    with pytest.raises(Problem, match=r"is missing\. Run `cirkit run toy/three .* --again`"):
        CHOICE.choose(ROW, 0)


def test_a_training_leaves_both_courses(home):
    from cirkit.experiments.run import run

    result = run(ROW, 0)
    found = CHOICE.choose(ROW, 0)
    last = result.evidence["test"]
    assert np.array_equal(found[LAST][1].mid, last.mid) and found[LAST][0] == 20
    best = max(Recall(1).values(found[column][1]).mean() for column in found)
    assert Recall(1).values(found[BEST_ON_TEST][1]).mean() == best


def test_what_chooses_is_no_part_of_the_fingerprint():
    assert ROW.fingerprint == replace(ROW, exhibits={}).fingerprint


def test_a_row_without_validation_is_refused_in_a_sentence():
    with pytest.raises(Problem, match=r"has no test 'held out', so no checkpoint can be chosen\. Declare it\.$"):
        CHOICE.exhibits({"test": TESTS["test"]})
