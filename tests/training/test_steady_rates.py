"""Rates that one cosine reaches or leaves alone, in a step and in a whole training."""

from dataclasses import replace

import pytest
import torch
from toys import TRAINING

from cirkit.losses.contrastive import batch_softmax
from cirkit.training.clipping import clip_gradients
from cirkit.training.loop import fit
from cirkit.training.objectives import ranking
from cirkit.training.optimisers import adamw, lr_multiplier
from cirkit.training.schedules import constant
from cirkit.training.steady_rates import cosine_to, steady_below
from cirkit.training.steps import Stepper, descend


def test_groups_at_the_least_rate_keep_it_under_the_schedule():
    slow = lr_multiplier(optimiser=adamw(lr=1e-4), parts=("image",), factor=0.01)
    model = TRAINING.model(["a"])
    stepper = steady_below()(model, ranking(batch_softmax), slow)
    assert isinstance(stepper, Stepper)
    rates = sorted({group["lr"] for group in stepper.optimiser.param_groups})
    assert rates == pytest.approx([1e-6, 1e-4])
    for group in stepper.groups():
        assert group["lr"] == pytest.approx(1e-4)
        group["lr"] *= cosine_to()(1.0)
    assert {round(group["lr"], 12) for group in stepper.optimiser.param_groups} == {1e-6}


def test_the_cosine_ends_at_its_share():
    schedule = cosine_to(0.01)
    assert schedule(0.0) == 1.0 and schedule(1.0) == pytest.approx(0.01) and schedule(0.5) == pytest.approx(0.505)


def test_the_slow_part_moves_as_without_a_schedule_and_the_rest_does_not():
    slow = lr_multiplier(optimiser=adamw(lr=1e-2), parts=("image",), factor=1e-4)
    whole = replace(TRAINING, steps=1, optimiser=clip_gradients(optimiser=slow, length=5.0))

    def half(done: float) -> float:
        return 0.5

    steady = fit(replace(whole, step=steady_below(), schedule=half), seed=0).model.state_dict()
    free = fit(replace(whole, step=descend, schedule=constant), seed=0).model.state_dict()
    assert torch.equal(steady["image.weight"], free["image.weight"])
    assert not torch.equal(steady["table.weight"], free["table.weight"])
