"""A change of numbers: what it reaches, what it leaves alone, and what it refuses."""

from dataclasses import dataclass
from functools import partial

import pytest

from cirkit.errors import Problem
from cirkit.experiments.change import UNCHANGED, apply, numbers
from cirkit.training.optimisers import adamw, lr_multiplier


@dataclass(frozen=True)
class Setting:
    steps: int
    rate: float
    deep: bool
    image: partial
    optimiser: object
    name: str = "plain"
    seeds: tuple[int, ...] = (0, 1)


SETTING = Setting(
    steps=10,
    rate=0.0,
    deep=False,
    image=partial(dict, width=64, kind="small"),
    optimiser=lr_multiplier(optimiser=adamw(lr=1e-3, weight_decay=0.0), parts=("image",)),
)


def test_numbers_are_known_by_their_dotted_names():
    assert numbers(SETTING) == {
        "steps": 10,
        "rate": 0.0,
        "deep": False,
        "image.width": 64,
        "optimiser.optimiser.lr": 1e-3,
        "optimiser.optimiser.weight_decay": 0.0,
        "optimiser.factor": 0.1,
    }


def test_nothing_changed_is_the_same_object():
    assert apply(UNCHANGED, SETTING) is SETTING


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"steps": 3}, {"steps": 3}),
        ({"width": 32}, {"image.width": 32}),
        ({"lr": 1, "deep": True}, {"optimiser.optimiser.lr": 1.0, "deep": True}),
        ({"optimiser.factor": 0.5, "rate": 2.5}, {"optimiser.factor": 0.5, "rate": 2.5}),
    ],
)
def test_what_is_named_changes_and_nothing_else(change, expected):
    after = apply(change, SETTING)
    assert numbers(after) == numbers(SETTING) | expected
    assert after.image.keywords["kind"] == "small" and after.seeds == (0, 1)
    assert SETTING.steps == 10 and SETTING.image.keywords["width"] == 64


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stpes": 3}, "nothing called 'stpes' to change. Choose from: steps, rate, deep, image.width"),
        ({"name": 3}, "nothing called 'name'"),
        ({"idth": 3}, "nothing called 'idth'"),
        ({"steps": 2.5}, "steps cannot become 2.5. Give a whole number above 0; it is 10"),
        ({"steps": True}, "steps cannot become True"),
        ({"steps": 0}, "steps cannot become 0"),
        ({"width": -1}, "image.width cannot become -1"),
        ({"rate": True}, "rate cannot become True. Give a number, not below 0"),
        ({"rate": float("nan")}, "rate cannot become nan"),
        ({"deep": 1}, "deep cannot become 1. Give True or False"),
    ],
)
def test_what_cannot_be_meant_is_a_problem(change, message):
    with pytest.raises(Problem, match=message):
        apply(change, SETTING)
