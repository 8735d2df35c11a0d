from dataclasses import dataclass, replace

import pytest
import torch
from toys import TRAINING, colour_triplets

from cirkit.declare import describe, fingerprint
from cirkit.errors import Problem
from cirkit.training.loop import Weights, at_seed, curve, fit
from cirkit.training.optimisers import lr_multiplier, sgd


def test_training_lowers_the_loss_and_the_same_seed_gives_the_same_weights():
    first, second = fit(TRAINING, seed=3), fit(TRAINING, seed=3)
    assert first.loss[-1][1] < 0.8 * first.loss[0][1]
    for a, b in zip(first.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(a, b)
    assert fit(TRAINING, seed=4).loss != first.loss


def test_the_curve_averages_every_step_once():
    pairs = curve([float(i) for i in range(250)], points=100)
    assert len(pairs) == 84 and pairs[0] == (3, 1.0) and pairs[-1] == (250, 249.0)


def test_a_loss_that_blows_up_is_reported():
    blown = replace(TRAINING, objective=blow_up)
    with pytest.raises(Problem, match="step 0"):
        fit(blown, seed=0)


def blow_up(model, batch):
    return model.encode(batch.target).sum() * torch.inf


def part_of(model, part):
    return {name: tensor.clone() for name, tensor in model.get_submodule(part).state_dict().items()}


@pytest.mark.parametrize("part", ["image", ""])
def test_a_part_starts_from_the_weights_of_another_training(part):
    first = fit(TRAINING, seed=0).model
    second = replace(TRAINING, start={part: Weights(of=TRAINING, part=part)}, steps=0)
    model = fit(second, seed=7, start={part: part_of(first, part)}).model
    fresh = fit(replace(TRAINING, steps=0), seed=7).model
    assert torch.equal(model.image.weight, first.image.weight)
    assert torch.equal(model.table.weight, (first if part == "" else fresh).table.weight)


@pytest.mark.parametrize("part", ["image", "no_such_part"])
def test_weights_that_do_not_fit_are_a_problem_that_names_the_part(part):
    second = replace(TRAINING, start={part: Weights(of=TRAINING)})
    with pytest.raises(Problem, match=part):
        fit(second, seed=0, start={part: {"weight": torch.zeros(1)}})
    with pytest.raises(Problem, match=part):
        fit(second, seed=0)
    with pytest.raises(Problem, match=part):
        fit(TRAINING, seed=0, start={part: {}})


def test_what_a_training_starts_from_is_in_its_fingerprint():
    second = replace(TRAINING, start={"image": Weights(of=TRAINING, part="image")})
    assert describe(TRAINING)["start"] == {} and describe(TRAINING)["step"] == {"name": "steps.descend"}
    assert describe(second)["start"]["image"]["of"] == describe(TRAINING)
    assert len({fingerprint(each) for each in (TRAINING, second, replace(second, start={"image": SHARED}))}) == 3


SHARED = Weights(of=TRAINING, seed=0, part="image")


@dataclass(frozen=True)
class Rotated:
    """The colours turned by a seed's number of rows."""

    seed: int = 0

    def __call__(self):
        triplets = colour_triplets(16)
        return replace(triplets, target=triplets.target.roll(self.seed, 0))

    def of_seed(self, seed):
        return Rotated(seed)


def test_data_that_differ_by_seed_are_read_at_the_seed_of_the_run():
    assert at_seed(colour_triplets, 5) is colour_triplets and at_seed(Rotated(), 5) == Rotated(5)
    one, other = (fit(replace(TRAINING, data=data), seed=5) for data in (Rotated(), Rotated(5).__call__))
    assert one.loss == other.loss != fit(replace(TRAINING, data=Rotated().__call__), seed=5).loss


def test_the_seed_decides_the_weights_before_the_first_step():
    for seed in (3, 4):
        begun = fit(replace(TRAINING, steps=0), seed=seed).model
        torch.manual_seed(seed)
        again = TRAINING.model(colour_triplets().texts)
        assert torch.equal(begun.image.weight, again.image.weight)
        assert torch.equal(begun.table.weight, again.table.weight)


def slope(model, batch):
    return model.image.weight.sum() + model.table.weight.sum()  # every gradient is 1


def falling(share):
    return 1 - share


def test_every_group_follows_the_schedule_step_by_step():
    optimiser = lr_multiplier(optimiser=sgd(lr=0.1, momentum=0.0, weight_decay=0.0), parts=("image",), factor=0.5)
    training = replace(TRAINING, objective=slope, optimiser=optimiser, schedule=falling)
    begun, ended = (fit(replace(training, steps=steps), seed=0).model for steps in (0, 9))
    moved = 0.1 * sum(1 - step / 9 for step in range(9))
    torch.testing.assert_close(begun.table.weight - ended.table.weight, torch.full((4, 8), moved))
    torch.testing.assert_close(begun.image.weight - ended.image.weight, torch.full((8, 3), moved / 2))


@dataclass(frozen=True)
class Recorder:
    """An augmentation that keeps the noise it is given, and the brightness of the batch."""

    noise: list
    bright: list

    def __call__(self, batch, generator):
        self.noise.append(torch.rand((), generator=generator).item())
        self.bright.append(batch.target.sum().item())
        return batch


def test_the_seed_decides_the_batches_and_fresh_noise_at_every_step():
    one, again, other = (Recorder([], []) for _ in range(3))
    for seed, recorder in ((0, one), (0, again), (1, other)):
        fit(replace(TRAINING, steps=12, augment=recorder), seed=seed)
    assert one == again and len(set(one.noise)) == 12
    assert not set(one.noise) & set(other.noise) and not set(one.bright) & set(other.bright)


def freeze_image(texts):
    model = TRAINING.model(texts)
    model.image.requires_grad_(False)
    return model


def test_trainable_parameters_are_counted_apart_and_the_rest_stays():
    trained = fit(replace(TRAINING, model=freeze_image), seed=0)
    assert (trained.parameters, trained.trainable) == (4 * 8 + 4 * 8 + 1, 4 * 8 + 1)
    begun = fit(replace(TRAINING, steps=0), seed=0)
    assert begun.parameters == begun.trainable == trained.parameters
    assert torch.equal(trained.model.image.weight, begun.model.image.weight)
    assert not torch.equal(trained.model.table.weight, begun.model.table.weight)


def mode(model, batch):
    return model.image.weight.sum() * 0 + float(model.training)


def test_a_model_trains_in_training_mode_and_comes_back_in_evaluation_mode():
    trained = fit(replace(TRAINING, steps=3, objective=mode), seed=0)
    assert [loss for _, loss in trained.loss] == [1, 1, 1] and not trained.model.training
