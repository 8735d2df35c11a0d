"""One-shot retrievers: one call for each query, every part heard, the student beside its teacher."""

from functools import partial

import pytest
import torch
from toys import TinyClip, numbered

from cirkit.models.base import Retriever
from cirkit.models.compodiff import CompoDiff
from cirkit.models.denoiser import Denoiser
from cirkit.models.eclipse import OneShot, Regressor, Student
from cirkit.query import Query

SMALL = partial(Denoiser, blocks=1, heads=2, cross_heads=2, head_width=4, widening=2)
REGRESSOR = partial(Regressor, denoiser=SMALL)
TEACHER = partial(CompoDiff, clip=TinyClip, denoiser=SMALL)
MODELS = {
    "OneShot": partial(OneShot, clip=TinyClip, regressor=REGRESSOR),
    "Student": partial(Student, teacher=TEACHER, regressor=REGRESSOR),
}
every_model = pytest.mark.parametrize("name", MODELS)


def build(name):
    torch.manual_seed(0)
    return MODELS[name]([]).double().eval()


def query(**changes) -> Query:
    mask = torch.zeros(3, 2, 2, dtype=torch.bool)
    mask[:, 0] = True
    parts = {"image": 40 * numbered(3) + 9, "text": ["a b", "c", ""], "avoid": ["x", "y z", "w"], "mask": mask}
    return Query(**{part: each for part, each in (parts | changes).items() if each is not None})


@every_model
def test_it_speaks_the_protocol_and_a_batch_is_its_rows(name):
    model = build(name)
    composed = model.compose(query())
    assert isinstance(model, Retriever) and model.score(composed, model.encode(numbered(4))).shape == (3, 4)
    for row in range(3):
        torch.testing.assert_close(model.compose(query()[torch.tensor([row])])[0], composed[row])


@every_model
@pytest.mark.parametrize("part", ["image", "text", "avoid", "mask"])
def test_every_part_counts_and_may_be_missing(name, part):
    model = build(name)
    base, missing = model.compose(query()), model.compose(query(**{part: None}))
    assert missing.isfinite().all() and (base - missing).abs().max() > 1e-6


@every_model
def test_a_text_is_not_the_same_as_a_negative_text(name):
    model = build(name)
    one, other = (model.compose(query(text=a, avoid=b)) for a, b in ((["a"] * 3, ["b"] * 3), (["b"] * 3, ["a"] * 3)))
    assert (one - other).abs().amax(1).min() > 1e-6


@every_model
def test_one_call_of_the_network_and_gradients_in_all_of_it(name):
    model, calls = build(name).train(), []
    model.regressor.denoiser.register_forward_hook(lambda *_: calls.append(1))
    model.compose(query()).pow(2).sum().backward()
    learning = {part for part, each in model.named_parameters() if each.requires_grad}
    assert len(calls) == 1 and {part.split(".")[0] for part in learning} == {"regressor"}
    assert all(each.grad is not None and each.grad.isfinite().all() for each in model.regressor.parameters())


def test_the_teacher_stays_in_evaluation_mode():
    model = build("Student").train()
    assert model.regressor.training and not any(part.training for part in model.teacher.modules())
