"""Objectives of person retrieval: the sum of their losses, what they refuse, and that both models learn."""

from functools import partial

import pytest
import torch
from itself_golden import TALL

from cirkit.errors import Problem
from cirkit.examples import Captions
from cirkit.losses import cid
from cirkit.losses.tal import tal
from cirkit.models.itself import ITSELF, GlobalOnly
from cirkit.models.retention import fixed
from cirkit.training.person_objectives import alignment_alone, alignment_and_identity, cosines

TEXTS = ["a red man", "a red man now", "a blue woman", "the blue one", "a green child", "all green"]
MODELS = {
    "ITSELF": partial(ITSELF, clip=TALL, identities=3, width=16, retention=fixed()),
    "baseline": partial(GlobalOnly, clip=TALL, identities=3),
}


def batch(**changes) -> Captions:
    """Three plainly coloured people, two images each."""
    colour = torch.tensor([[200, 30, 30], [30, 30, 200], [30, 200, 30]], dtype=torch.uint8).repeat_interleave(2, 0)
    noise = torch.randint(0, 40, (6, 3, 48, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    settings = {"text": TEXTS, "image": colour[:, :, None, None] + noise, "reference": torch.tensor([0, 0, 1, 1, 2, 2])}
    return Captions(**settings | changes)


@pytest.mark.parametrize("name", MODELS)
def test_the_loss_is_the_sum_over_branches_of_all_parts(name):
    torch.manual_seed(0)
    model = MODELS[name](TEXTS).eval()
    given, own = batch(), tal(temperature=0.05)
    expected = alone = 0.0
    for branch, (image, text) in model.pairs(given.image, given.text).items():
        heads, identity = model.heads[branch], given.reference
        *both, label = cid.pairs(image, text, identity, 3)
        parts = own(cosines(text, image), identity), cid.cid(*heads.both_orders(*both), label)
        expected += sum(parts) + cid.identification(heads.one(image), heads.one(text), identity)
        alone += parts[0]
    torch.testing.assert_close(alignment_and_identity(alignment=own)(model, given), expected)
    torch.testing.assert_close(alignment_alone(alignment=own)(model, given), alone)


@pytest.mark.parametrize("name", MODELS)
def test_twenty_steps_tell_three_people_apart(name):
    torch.manual_seed(0)
    model = MODELS[name](TEXTS).train()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    objective, losses = alignment_and_identity(), []
    for _ in range(20):
        loss = objective(model, batch())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    model.eval()
    vectors = model.pairs(batch().image, TEXTS)["whole"]
    assert (cosines(vectors[1], vectors[0]).argmax(1) // 2).tolist() == [0, 0, 1, 1, 2, 2]


def test_identities_that_are_missing_or_too_many_are_refused_in_a_sentence():
    model = MODELS["baseline"](TEXTS)
    with pytest.raises(Problem, match=r"whose `reference` is the person\.$"):
        alignment_and_identity()(model, batch(reference=None))
    with pytest.raises(Problem, match=r"Give the model the number of people in its training data\.$"):
        alignment_and_identity()(model, batch(reference=torch.tensor([0, 0, 1, 1, 3, 3])))
