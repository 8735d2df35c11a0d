"""Averaged weights: a plain loop gives them, the latest go on beside them, and an interruption changes nothing."""

from dataclasses import replace

import pytest
import torch
from toys import TRAINING

from cirkit.training.averages import averaged
from cirkit.training.loop import fit
from cirkit.training.optimisers import adamw
from cirkit.training.steps import descend

SHORT = replace(TRAINING, steps=6)


class Cut(Exception):
    """Stands for a power failure."""


class Watch(descend):
    """`descend` that notes the weights before the first update and after each."""

    def __init__(self, *parts):
        super().__init__(*parts)
        self.states = [self.weights()]

    def weights(self):
        return {name: each.clone() for name, each in self.model.state_dict().items()}

    def __call__(self, batch):
        losses = super().__call__(batch)
        self.states.append(self.weights())
        return losses


def test_the_average_is_that_of_a_plain_loop():
    watches = []
    plain = fit(replace(SHORT, step=lambda *parts: watches.append(Watch(*parts)) or watches[0]), seed=3)
    mean, *states = watches[0].states
    for n, state in enumerate(states, start=1):
        kept = min(0.3, (1 + n) / (10 + n))
        mean = {name: kept * mean[name] + (1 - kept) * each for name, each in state.items()}
    found = fit(replace(SHORT, step=averaged(decay=0.3)), seed=3)
    assert found.loss == plain.loss and len(states) == 6
    for name, each in found.model.state_dict().items():
        torch.testing.assert_close(each, mean[name])
    assert any(not torch.equal(each, plain.model.state_dict()[name]) for name, each in mean.items())


def test_what_does_not_learn_is_left_alone():
    torch.manual_seed(0)
    model = TRAINING.model(["a"])
    model.image.requires_grad_(False)
    stepper = averaged()(model, TRAINING.objective, adamw())
    assert not any(name.startswith("image") for name in stepper.latest)


def test_a_training_that_was_cut_off_goes_on_exactly(tmp_path):
    def cut(step, loss):
        if step == 4:
            raise Cut

    training = replace(SHORT, step=averaged(decay=0.5))
    with pytest.raises(Cut):
        fit(training, seed=0, watch=cut, resume=tmp_path / "a.partial", every_seconds=0.0)
    resumed, whole = fit(training, seed=0, resume=tmp_path / "a.partial"), fit(training, seed=0)
    assert resumed.loss == whole.loss
    for name, each in resumed.model.state_dict().items():
        assert torch.equal(each, whole.model.state_dict()[name])
