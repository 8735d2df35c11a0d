import pytest
import torch

from cirkit.training.optimisers import adamw, lr_multiplier, sgd


def test_sgd_moves_as_its_formula_says():
    model = torch.nn.Linear(1, 1, bias=False)
    w = model.weight.item()
    optimiser = sgd(lr=0.1, momentum=0.9, weight_decay=0.01)(model)
    velocity = 0.0
    for _ in range(3):
        optimiser.zero_grad()
        model(torch.ones(1, 1)).sum().backward()
        optimiser.step()
        velocity = 0.9 * velocity + 1 + 0.01 * w
        w -= 0.1 * velocity
    assert model.weight.item() == pytest.approx(w)


@pytest.mark.parametrize("optimiser", [sgd(lr=0.1), adamw(lr=0.1)])
def test_slower_parts_learn_at_a_tenth_and_all_else_stays(optimiser):
    def step(make):
        torch.manual_seed(0)
        model = torch.nn.ModuleDict({"image": torch.nn.Linear(3, 2), "rest": torch.nn.Linear(3, 2)})
        optimiser = make(model)
        before = {name: p.detach().clone() for name, p in model.named_parameters()}
        sum(p.sin().sum() for p in model.parameters()).backward()
        optimiser.step()
        return {name: (p - before[name]).detach() for name, p in model.named_parameters()}

    plain, slow = step(optimiser), step(lr_multiplier(optimiser=optimiser, parts=("image",)))
    for name in plain:
        torch.testing.assert_close(slow[name], plain[name] * (0.1 if name.startswith("image") else 1.0))


@pytest.mark.parametrize("make", [sgd(), adamw(), lr_multiplier(optimiser=adamw(), parts=("0",))])
def test_frozen_parameters_have_no_state(make):
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3))
    model[0].weight.requires_grad_(False)
    optimiser = make(model)
    model(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    inside = {id(p) for group in optimiser.param_groups for p in group["params"]}
    assert inside == {id(p) for p in model.parameters()} - {id(model[0].weight)}
    assert len(optimiser.state_dict()["state"]) == 3
