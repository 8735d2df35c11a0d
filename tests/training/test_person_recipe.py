"""ITSELF's rates by name, and its schedule by epoch."""

import pytest
import torch
from itself_golden import TALL

from cirkit.models.itself import ITSELF
from cirkit.training.person_recipe import cosine_by_epoch, person_adam


@pytest.mark.parametrize(
    ("name", "lr", "decay"),
    [
        ("branches.clip.towers.network.visual.proj", 1e-5, 4e-5),
        ("branches.clip.towers.network.transformer.resblocks.0.attn.in_proj_bias", 2e-5, 0.0),
        ("heads.local.pair.0.weight", 1e-5, 4e-5),
        ("heads.local.pair.0.bias", 2e-5, 0.0),
        ("heads.whole.one.weight", 5e-5, 4e-5),
        ("heads.whole.of_pair.bias", 5e-5, 0.0),
        ("branches.grab_text.norm.bias", 1e-3, 0.0),
        ("branches.grab_image.out.weight", 1e-3, 4e-5),
    ],
)
def test_rates_are_those_of_the_release(name, lr, decay):
    assert person_adam().rates(name) == (pytest.approx(lr), decay)


def test_every_parameter_that_learns_is_in_one_group():
    model = ITSELF([], clip=TALL, identities=2, width=8)
    model.branches.clip.requires_grad_(False)
    groups = person_adam()(model).param_groups
    held = [id(each) for group in groups for each in group["params"]]
    assert sorted(held) == sorted(id(each) for each in model.parameters() if each.requires_grad)
    assert {group["eps"] for group in groups} == {1e-3} and isinstance(person_adam()(model), torch.optim.Adam)


def test_factors_by_epoch_are_those_of_the_release():
    schedule = cosine_by_epoch()
    found = [schedule(epoch / 60) for epoch in (0, 1, 2, 3, 4, 5, 10, 30, 59)]
    assert found == pytest.approx([0.1, 0.28, 0.46, 0.64, 0.82, 1.0, 0.980, 0.571, 0.0008], abs=5e-4)
    assert schedule(0.999 / 60) == schedule(0.0)
