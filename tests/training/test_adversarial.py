"""AttnGAN's turns beside a plain loop, its objectives, what is averaged, and going on after a cut."""

import copy
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy, cross_entropy, normalize

from cirkit.attention.alignment import alignment
from cirkit.examples import Captions
from cirkit.losses.damsm import posterior
from cirkit.models.attngan import AttnGAN, Generator
from cirkit.models.damsm import DAMSM, SmallViews, WordEncoder, to_pixels, word_scores
from cirkit.models.discriminators import Discriminator
from cirkit.training.adversarial import (
    adam,
    agreement,
    at_rest,
    averaged_part,
    deceive,
    discriminate,
    divergence,
    flips_and_shifts_of_captions,
    match,
    paint,
    resized,
    same_class,
)
from cirkit.training.loop import Training, fit
from cirkit.training.samplers import shuffled
from cirkit.training.schedules import constant
from cirkit.training.steps import adversarial

TEXTS = ["a red bird with a long blue tail", "this is a small yellow bird", "white wings", "a black crown"] * 3
SIZES = {"width": 3, "stages": 2, "doublings": 2, "blocks": 1, "noise": 6, "condition": 4}


def damsm(texts) -> DAMSM:
    text, image = partial(WordEncoder, width=8, word_width=6), partial(SmallViews, widths=(8, 12, 16))
    return DAMSM(texts, text=text, image=image)


def painter(texts) -> AttnGAN:
    generator = partial(Generator, alignment=partial(alignment, name="dot"), **SIZES)
    return AttnGAN(texts, damsm=damsm, generator=generator, discriminator=partial(Discriminator, width=3))


def birds() -> Captions:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (12, 3, 32, 32), dtype=torch.uint8, generator=generator)
    return Captions(text=TEXTS, image=images, group=[f"kind {i % 5}" for i in range(12)])


TURNS = adversarial(
    generate=paint, adversaries={"discriminators.0": discriminate(0), "discriminators.1": discriminate(1)}
)
TRAINING = Training(
    model=painter,
    data=birds,
    objective=deceive(),
    optimiser=adam(lr=1e-3),
    steps=6,
    batch=4,
    schedule=constant,
    sampler=shuffled,
    step=averaged_part(step=TURNS),
)


def test_the_turns_and_the_average_are_those_of_a_plain_loop():
    trained = fit(TRAINING, seed=2).model
    torch.manual_seed(2)
    model = painter(TEXTS).train()
    players = [model.generator, *model.discriminators]
    ours = [torch.optim.Adam(player.parameters(), lr=1e-3, betas=(0.5, 0.999)) for player in players]
    average = copy.deepcopy(model.generator)
    data, rows = birds(), shuffled(birds(), 4, torch.Generator().manual_seed(2))
    for n in range(1, 7):
        batch = data[next(rows)]
        words, mask, sentence = model.damsm.text(batch.text)
        painting = model.generator(words, mask, sentence, torch.randn(4, 10))
        for stage, judge in enumerate(model.discriminators):
            ours[stage + 1].zero_grad()
            side = painting.images[stage].shape[2]
            real = torch.nn.functional.interpolate(to_pixels(batch.image), side, mode="bilinear", antialias=True)
            features = judge.features(real)
            one, zero = torch.ones(4), torch.zeros(4)
            true = binary_cross_entropy(judge.alone(features).flatten().sigmoid(), one)
            true = true + binary_cross_entropy(judge.joint(features, sentence).sigmoid(), one)
            painted = judge.features(painting.images[stage].detach())
            wrong = binary_cross_entropy(judge.alone(painted).flatten().sigmoid(), zero)
            wrong = wrong + binary_cross_entropy(judge.joint(painted, sentence).sigmoid(), zero)
            wrong = wrong + binary_cross_entropy(judge.joint(features[:-1], sentence[1:]).sigmoid(), zero[1:])
            (true / 2 + wrong / 3).backward()
            ours[stage + 1].step()
        ours[0].zero_grad()
        loss = divergence(painting.mean, painting.log_variance)
        for stage, judge in enumerate(model.discriminators):
            verdict = judge(painting.images[stage], sentence)
            loss = loss + binary_cross_entropy(verdict.alone.sigmoid(), one)
            loss = loss + binary_cross_entropy(verdict.beside.sigmoid(), one)
        views, same = model.damsm.image(painting.images[-1]), same_class(batch.group, torch.device("cpu"))
        loss = loss + 5 * agreement(views, (words, mask, sentence), same, posterior())
        loss.backward()
        ours[0].step()
        share = min(0.999, (1 + n) / (10 + n))
        for mean, latest in zip(average.parameters(), model.generator.parameters(), strict=True):
            mean.data = share * mean.data + (1 - share) * latest.data
    for mine, theirs in ((trained.generator, average), (trained.discriminators, model.discriminators)):
        for one, other in zip(mine.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)
    for one, other in zip(trained.damsm.parameters(), model.damsm.parameters(), strict=True):
        assert torch.equal(one, other)


class Cut(Exception):
    """Stands for a power failure."""


def cut(step, loss):
    if step == 4:
        raise Cut


def test_a_training_that_was_cut_off_goes_on_exactly(tmp_path):
    path, steps = tmp_path / "painter.partial", []
    with pytest.raises(Cut):
        fit(TRAINING, seed=0, watch=cut, resume=path, every_seconds=0.0)
    resumed = fit(TRAINING, seed=0, resume=path, watch=lambda step, loss: steps.append(step))
    whole = fit(TRAINING, seed=0)
    assert steps[0] == 4 and resumed.loss == whole.loss and resumed.losses == whole.losses
    for name, tensor in resumed.model.state_dict().items():
        assert torch.equal(tensor, whole.model.state_dict()[name])


def test_damsm_finds_the_pairs_of_a_batch():
    training = replace(TRAINING, model=damsm, objective=match(), step=Training.step, optimiser=adam(lr=5e-3), steps=60)
    trained = fit(training, seed=0)
    assert trained.loss[-1][1] < 0.8 * trained.loss[0][1]


def test_the_objective_of_damsm_is_its_four_losses():
    model, batch = damsm(TEXTS).eval(), birds()[torch.arange(4)]
    regions, whole = model.image(to_pixels(batch.image))
    words, mask, sentence = model.text(batch.text)
    target = torch.arange(4)
    scores = [word_scores(regions, words, mask), normalize(whole, dim=1) @ normalize(sentence, dim=1).mT]
    total = sum(cross_entropy(10 * each, target) + cross_entropy(10 * each.mT, target) for each in scores)
    torch.testing.assert_close(match()(model, batch), total)


def test_the_divergence_is_that_of_two_normal_distributions():
    mean, log_variance = torch.randn(2, 3, 4, dtype=torch.double)
    one, other = torch.distributions.Normal(mean, (log_variance / 2).exp()), torch.distributions.Normal(0.0, 1.0)
    theirs = torch.distributions.kl_divergence(one, other).mean()
    torch.testing.assert_close(divergence(mean, log_variance), theirs)


def test_the_generators_turn_asks_no_gradient_of_the_discriminators_and_leaves_them_able_to_learn():
    torch.manual_seed(0)
    model = painter(TEXTS).train()
    played = paint(model, birds()[torch.arange(4)])
    loss = deceive()(model, played)
    loss.backward()
    assert all(each.grad is None and each.requires_grad for each in model.discriminators.parameters())
    assert all(each.grad is not None for each in model.generator.parameters())
    with pytest.raises(ValueError), at_rest(model.discriminators):
        raise ValueError
    assert all(each.requires_grad for each in model.discriminators.parameters())


def test_no_gradient_of_a_discriminator_reaches_the_generator():
    model = painter(TEXTS).train()
    played = paint(model, birds()[torch.arange(4)])
    discriminate(1)(model, played.detach()).backward()
    assert all(each.grad is None for each in model.generator.parameters())
    assert all(each.grad is not None for each in model.discriminators[1].parameters())
    assert [image.shape[2] for image in played.real] == [image.shape[2] for image in played.painted] == [16, 32]


def test_classes_of_a_batch():
    same = same_class(["a", "b", "a"], torch.device("cpu"))
    assert same.tolist() == [[True, False, True], [False, True, False], [True, False, True]]
    assert same_class(None, torch.device("cpu")) is None


def test_images_become_smaller_as_pillow_makes_them():
    import numpy as np
    from PIL import Image

    image = birds().image[0]
    theirs = Image.fromarray(image.permute(1, 2, 0).numpy()).resize((16, 16), Image.BILINEAR)
    ours = resized(image[None].float(), 16)[0].permute(1, 2, 0)
    assert np.abs(ours.numpy() - np.asarray(theirs, float)).max() <= 1.0


def test_only_images_are_flipped():
    batch = birds()[torch.arange(12)]
    changed = flips_and_shifts_of_captions(0.0)(batch, torch.Generator().manual_seed(0))
    kinds = {bool(torch.equal(a, b)) for a, b in zip(changed.image, batch.image, strict=True)}
    assert changed.text == batch.text and kinds == {True, False}
    assert all(torch.equal(a, b) or torch.equal(a.flip(2), b) for a, b in zip(changed.image, batch.image, strict=True))


@pytest.mark.slow
def test_the_published_architecture_takes_a_step():
    """Three stages up to 256 pixels and Inception's layout, with random weights."""
    from cirkit.experiments import registry  # noqa: F401
    from cirkit.models.damsm import InceptionViews
    from cirkit.papers.alignment import painting_rows

    row = next(each for each in painting_rows.experiments("paper") if each.name.endswith("/scaled"))
    model = row.training.model
    encoder = partial(model.keywords["damsm"], image=partial(InceptionViews, pretrained=False))
    torch.manual_seed(0)
    made = model.func(TEXTS, **{**model.keywords, "damsm": encoder}).train()
    images = torch.randint(0, 256, (2, 3, 256, 256), dtype=torch.uint8)
    batch = Captions(text=TEXTS[:2], image=images, group=["a", "b"])
    losses = row.training.step(made, row.training.objective, row.training.optimiser)(batch)
    assert losses.keys() == {"loss", *(f"discriminators.{stage}" for stage in range(3))}
    assert all(each.isfinite() for each in losses.values())
    assert [each.shape[2] for each in made(TEXTS[:2], made.draw(2)).images] == [64, 128, 256]


def test_modules_have_the_parts_that_turns_name():
    assert isinstance(painter(TEXTS).get_submodule("discriminators.1"), nn.Module)
