import io
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from toys import TRAINING

from cirkit.declare import describe
from cirkit.examples import Features
from cirkit.training.loop import fit
from cirkit.training.optimisers import adamw, sgd
from cirkit.training.resume import DIGEST
from cirkit.training.steps import adversarial


class Duel(nn.Module):
    """A generator that shifts noise, and a critic that tells numbers apart by their size."""

    def __init__(self, texts):
        super().__init__()
        self.generator = nn.Linear(1, 1)
        self.critic = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))


@dataclass
class Painted:
    """What the players see of a batch."""

    real: Tensor
    fake: Tensor

    def detach(self):
        return Painted(self.real, self.fake.detach())


def numbers():
    return Features(tensors={"x": 3 + 0.1 * torch.randn(64, 1, generator=torch.Generator().manual_seed(0))})


def paint(model, batch):
    real = batch.tensors["x"]
    return Painted(real, model.generator(torch.randn_like(real)))


def criticise(model, painted):
    return softplus(model.critic(painted.fake)).mean() + softplus(-model.critic(painted.real)).mean()


def deceive(model, painted):
    return softplus(-model.critic(painted.fake)).mean()


DUEL = replace(
    TRAINING,
    model=Duel,
    data=numbers,
    objective=deceive,
    optimiser=adamw(lr=0.03, weight_decay=0.0),
    step=adversarial(generate=paint, adversaries={"critic": criticise}, optimiser=adamw(lr=0.02, weight_decay=0.0)),
    steps=150,
    batch=32,
)


def test_two_players_take_turns_and_the_generator_comes_near_the_data():
    trained = fit(DUEL, seed=0)
    assert trained.losses.keys() == {"critic"} and len(trained.losses["critic"]) == len(trained.loss) == 75
    begun, ended = (model.generator.bias.item() for model in (fit(replace(DUEL, steps=0), seed=0).model, trained.model))
    assert abs(ended - 3) < 0.5 * abs(begun - 3)


def test_adversarial_steps_are_those_of_a_plain_loop():
    trained = fit(replace(DUEL, steps=4), seed=5).model
    torch.manual_seed(5)
    model, data = Duel(()), numbers()
    ours = torch.optim.AdamW(model.generator.parameters(), lr=0.03, weight_decay=0.0)
    theirs = torch.optim.AdamW(model.critic.parameters(), lr=0.02, weight_decay=0.0)
    rows = TRAINING.sampler(data, 32, torch.Generator().manual_seed(5))
    for _ in range(4):
        painted = paint(model, data[next(rows)])
        theirs.zero_grad()
        criticise(model, Painted(painted.real, painted.fake.detach())).backward()
        theirs.step()
        ours.zero_grad()
        deceive(model, painted).backward()
        ours.step()
    for name, tensor in trained.state_dict().items():
        torch.testing.assert_close(tensor, model.state_dict()[name], rtol=1e-5, atol=1e-6)


def test_the_optimiser_of_the_training_serves_all_where_no_other_is_given():
    step = adversarial(generate=paint, adversaries={"critic": criticise})
    stepper = step(Duel(()), deceive, sgd(lr=0.5))
    assert [group["lr"] for group in stepper.groups()] == [0.5, 0.5]
    assert describe(step)["adversaries"]["critic"]["name"].endswith("criticise")


class Cut(Exception):
    """Stands for a power failure."""


def cut(step, loss):
    if step == 60:
        raise Cut


def test_a_duel_that_was_cut_off_goes_on_exactly(tmp_path):
    path = tmp_path / "duel.partial"
    with pytest.raises(Cut):
        fit(DUEL, seed=0, watch=cut, resume=path, every_seconds=0.0)
    state = torch.load(io.BytesIO(path.read_bytes()[DIGEST:]), weights_only=True)
    assert state["stepper"].keys() == {"critic", "generator"} and len(state["losses"]["critic"]) == 59
    steps = []
    resumed = fit(DUEL, seed=0, resume=path, watch=lambda step, loss: steps.append(step))
    whole = fit(DUEL, seed=0)
    assert steps[0] == 60 and resumed.loss == whole.loss and resumed.losses == whole.losses
    for name, tensor in resumed.model.state_dict().items():
        assert torch.equal(tensor, whole.model.state_dict()[name])


def test_the_schedule_reaches_every_player():
    still = fit(replace(DUEL, schedule=nothing, steps=5), seed=0).model
    begun = fit(replace(DUEL, steps=0), seed=0).model
    for name, tensor in still.state_dict().items():
        assert torch.equal(tensor, begun.state_dict()[name])


def nothing(share):
    return 0.0
