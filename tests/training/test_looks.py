"""Looks at a training: at which steps, in which mode, and that the training does not notice."""

import io
from dataclasses import dataclass, replace
from functools import partial

import pytest
import torch
from torch import nn
from toys import TRAINING, Mean

from cirkit.declare import fingerprint
from cirkit.training.augment import flips_and_shifts
from cirkit.training.looks import Looks, steps_of
from cirkit.training.loop import fit
from cirkit.training.resume import DIGEST, sealed


class Noisy(Mean):
    """Normalises over the batch and drops out features, so that training has buffers and draws random numbers."""

    def __init__(self, texts, *, width: int = 3):
        super().__init__(texts, width=width)
        self.norm = nn.BatchNorm1d(width)

    def encode(self, images):
        return nn.functional.dropout(self.norm(super().encode(images)), 0.5, self.training)


NOISY = replace(TRAINING, model=partial(Noisy, width=8), augment=flips_and_shifts(), steps=30)
IMAGES = torch.arange(3 * 3 * 4 * 4, dtype=torch.uint8).reshape(3, 3, 4, 4)


def features(model):
    """Features of three images, and what a careless look may do: draw random numbers."""
    torch.rand(7)
    return {"training": model.training, "grad": torch.is_grad_enabled(), "features": model.encode(IMAGES).tolist()}


@dataclass(frozen=True)
class Other:
    """Another look than `features`."""

    def __call__(self, model):
        return "other"


@pytest.fixture(scope="module")
def unseen():
    """The outcome of a training at which nobody looks."""
    return fit(NOISY, seed=1)


def assert_same(one, other):
    assert one.loss == other.loss
    for (name, a), b in zip(one.model.state_dict().items(), other.model.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


def test_the_points_are_tenths_and_the_last_is_the_finished_model():
    assert steps_of(800) == [*range(80, 801, 80)]
    assert steps_of(25) == [3, 5, 8, 10, 13, 15, 18, 20, 23, 25]
    assert steps_of(4) == [1, 2, 3, 4]


def test_a_training_that_is_looked_at_is_the_same_to_the_last_bit(unseen):
    looks = Looks(features)
    outcome = fit(NOISY, seed=1, looks=looks)
    assert_same(outcome, unseen)
    assert list(looks.seen) == steps_of(30)
    with torch.no_grad():
        assert looks.seen[30]["features"] == outcome.model.encode(IMAGES).tolist()
    assert looks.seen[27]["features"] != looks.seen[30]["features"]


def test_the_model_is_seen_as_it_is_evaluated_and_trains_on():
    looks, modes = Looks(features), []
    fit(replace(NOISY, objective=partial(noting, modes=modes)), seed=1, looks=looks)
    assert {(seen["training"], seen["grad"]) for seen in looks.seen.values()} == {(False, False)}
    assert modes == [True] * 30


def noting(model, batch, modes):
    modes.append(model.training)
    return NOISY.objective(model, batch)


class Cut(Exception):
    """Stands for a power failure."""


def cut_at(step):
    def watch(now, loss):
        if now == step:
            raise Cut

    return watch


def state_after_16(path, looks):
    with pytest.raises(Cut):
        fit(NOISY, seed=1, watch=cut_at(17), resume=path, every_seconds=0.0, looks=looks)
    return path


def test_what_was_seen_before_an_interruption_is_not_lost(tmp_path, unseen):
    whole, first, second = Looks(features), Looks(features), Looks(features)
    fit(NOISY, seed=1, looks=whole)
    path = state_after_16(tmp_path / "run.partial", first)
    assert list(first.seen) == [3, 6, 9, 12, 15]
    steps = []
    outcome = fit(NOISY, seed=1, resume=path, looks=second, watch=lambda step, loss: steps.append(step))
    assert steps[0] == 17 and second.seen == whole.seen and list(second.seen) == steps_of(30)
    assert_same(outcome, unseen)


@pytest.mark.parametrize("first", [None, Looks(Other())])
def test_what_others_saw_or_nobody_counts_as_not_seen_and_costs_no_training(tmp_path, unseen, first):
    second, steps = Looks(features), []
    path = state_after_16(tmp_path / "run.partial", first)
    outcome = fit(NOISY, seed=1, resume=path, looks=second, watch=lambda step, loss: steps.append(step))
    assert steps[0] == 17 and list(second.seen) == [18, 21, 24, 27, 30]
    assert_same(outcome, unseen)


@pytest.mark.parametrize("damage", [[], {"see": fingerprint(features), "seen": 5}])
def test_a_state_whose_looks_are_damaged_is_set_aside_and_no_point_is_lost(tmp_path, unseen, damage):
    path, looks, buffer, lines = state_after_16(tmp_path / "run.partial", None), Looks(features), io.BytesIO(), []
    state = torch.load(io.BytesIO(path.read_bytes()[DIGEST:]), weights_only=True)
    torch.save(state | {"looks": damage}, buffer)
    path.write_bytes(sealed(buffer.getvalue()))
    outcome = fit(NOISY, seed=1, resume=path, looks=looks, tell=lines.append)
    assert len(lines) == 1 and "the training starts over" in lines[0] and list(looks.seen) == steps_of(30)
    assert_same(outcome, unseen)
