"""Three checkpoints: what each column takes, whose data choose it, and what is refused."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from toys import EXPERIMENT, TRAINING, colour_benchmark

from cirkit.errors import Problem
from cirkit.evaluators.measures import Recall
from cirkit.experiments.checkpoint_choice import BEST_ON_TEST, BY_VALIDATION, LAST, ThreeCheckpoints, with_columns
from cirkit.experiments.experiment import Test

TESTS = {"test": Test(colour_benchmark), "held out": Test(partial(colour_benchmark, seed=2))}
CHOICE = ThreeCheckpoints(test="test", validation="held out")
ROW = replace(
    EXPERIMENT,
    name="toy/three",
    tests=TESTS,
    training=replace(TRAINING, steps=20),
    exhibits=CHOICE.exhibits(TESTS),
)


def test_a_training_leaves_both_courses(home):
    from cirkit.experiments.run import run

    found = with_columns(run(ROW, 0)).evidence
    assert np.array_equal(found[LAST].mid, found["test"].mid)
    levels = {column: Recall(1).values(found[column]).mean() for column in (LAST, BY_VALIDATION, BEST_ON_TEST)}
    assert levels[BEST_ON_TEST] == max(levels.values())


def test_what_chooses_is_no_part_of_the_fingerprint():
    assert ROW.fingerprint == replace(ROW, exhibits={}).fingerprint


def test_a_row_without_validation_is_refused_in_a_sentence():
    with pytest.raises(Problem, match=r"has no test 'held out', so no checkpoint can be chosen\. Declare it\.$"):
        CHOICE.exhibits({"test": TESTS["test"]})
