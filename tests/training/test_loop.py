from dataclasses import dataclass, replace

import pytest
import torch
from toys import TRAINING, colour_triplets

from cirkit.declare import describe, fingerprint
from cirkit.errors import Problem
from cirkit.training.loop import Weights, at_seed, curve, fit
from cirkit.training.optimisers import adamw, lr_multiplier, sgd
from cirkit.training.samplers import same_reference_batches, shuffled, single_category
from cirkit.training.schedules import cosine_with_warmup, step_decay


def test_training_lowers_the_loss_and_the_same_seed_gives_the_same_weights():
    first, second = fit(TRAINING, seed=3), fit(TRAINING, seed=3)
    assert first.loss[-1][1] < 0.8 * first.loss[0][1]
    for a, b in zip(first.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(a, b)
    assert fit(TRAINING, seed=4).loss != first.loss


def test_a_run_that_was_cut_off_goes_on_as_if_it_had_not_been(tmp_path):
    class Cut(Exception):
        """Stands for a power failure."""

    def cut(step, loss):
        if step == 37:
            raise Cut

    place = tmp_path / "weights" / "run.partial"
    with pytest.raises(Cut):
        fit(TRAINING, seed=1, watch=cut, resume=place, every_seconds=0.0)
    assert place.exists()
    resumed, whole = fit(TRAINING, seed=1, resume=place), fit(TRAINING, seed=1)
    assert resumed.loss == whole.loss and not place.exists()
    for a, b in zip(resumed.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_every_pass_sees_every_row_once():
    triplets = colour_triplets(10)
    rows = shuffled(triplets, 3, torch.Generator().manual_seed(0))
    seen = torch.cat([next(rows) for _ in range(3)]).tolist()
    assert len(set(seen)) == 9
    with pytest.raises(ValueError, match="smaller batch"):
        next(shuffled(triplets, 11, torch.Generator()))


def test_kin_share_their_reference_and_every_row_comes_up():
    owner = torch.arange(60) % 20  # three questions about each of twenty pictures
    triplets = replace(colour_triplets(60), reference=owner)
    rows = same_reference_batches(2)(triplets, 8, torch.Generator().manual_seed(0))
    seen = set()
    for _ in range(150):
        batch = next(rows)
        assert len(batch) == 8 == len(set(batch.tolist()))
        assert (owner[batch].reshape(4, 2).diff() == 0).all() and len(owner[batch].unique()) == 4
        seen |= set(batch.tolist())
    assert len(seen) == 60
    with pytest.raises(ValueError, match="shuffled"):
        next(same_reference_batches(2)(colour_triplets(60), 8, torch.Generator()))


def test_schedules():
    assert [round(step_decay()(x), 3) for x in (0.0, 0.34, 0.67)] == [1, 0.1, 0.01]
    assert cosine_with_warmup(0.1)(0.05) == pytest.approx(0.5)
    assert cosine_with_warmup(0.1)(0.55) == pytest.approx(0.5)


def test_the_curve_averages_every_step_once():
    pairs = curve([float(i) for i in range(250)], points=100)
    assert len(pairs) == 84 and pairs[0] == (3, 1.0) and pairs[-1] == (250, 249.0)


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


def test_a_loss_that_blows_up_is_reported():
    blown = replace(TRAINING, objective=blow_up)
    with pytest.raises(ValueError, match="step 0"):
        fit(blown, seed=0)


def blow_up(model, batch):
    return model.encode(batch.target).sum() * torch.inf


def test_a_batch_is_of_one_category_and_every_row_comes_up_once_a_pass():
    triplets = replace(colour_triplets(60), group=["b"] * 40 + ["a"] * 20)
    rows = single_category(triplets, 5, torch.Generator().manual_seed(0))
    drawn = [next(rows) for _ in range(600)]
    of_a = [batch for batch in drawn if (batch >= 40).all()]
    of_b = [batch for batch in drawn if (batch < 40).all()]
    assert len(of_a) + len(of_b) == 600 and 150 < len(of_a) < 250  # in proportion: a third
    assert torch.cat(of_a[:4]).sort().values.tolist() == [*range(40, 60)]
    assert torch.cat(of_b[:8]).sort().values.tolist() == [*range(40)]


def test_categories_that_are_unknown_or_too_small_are_refused():
    for group, says in ((None, "which category"), (["a"] * 57 + ["b"] * 3, "smaller batch")):
        with pytest.raises(ValueError, match=says):
            next(single_category(replace(colour_triplets(60), group=group), 5, torch.Generator()))


@pytest.mark.parametrize("optimiser", [sgd(lr=0.1), adamw(lr=0.1)])
def test_slower_parts_learn_at_a_tenth_and_all_else_stays(optimiser):
    def step(make):
        torch.manual_seed(0)
        model = torch.nn.ModuleDict({"image": torch.nn.Linear(3, 2), "rest": torch.nn.Linear(3, 2)})
        made = make(model)
        before = {name: p.detach().clone() for name, p in model.named_parameters()}
        sum(p.sin().sum() for p in model.parameters()).backward()
        made.step()
        return {name: (p - before[name]).detach() for name, p in model.named_parameters()}

    plain, slow = step(optimiser), step(lr_multiplier(optimiser=optimiser, parts=("image",)))
    for name in plain:
        torch.testing.assert_close(slow[name], plain[name] * (0.1 if name.startswith("image") else 1.0))


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
