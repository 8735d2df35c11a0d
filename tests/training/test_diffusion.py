"""CompoDiff's training: noise by a loop, what each task tells, conditions that are dropped, a toy space it learns."""

from collections import Counter
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn
from toys import TinyClip, numbered

from cirkit.declare import describe
from cirkit.examples import Captions, Features
from cirkit.models.compodiff import CompoDiff, Encoders, Sampling, sampled
from cirkit.models.denoiser import Denoiser
from cirkit.models.diffusion import DDIM, DPMSolver, cosine, released_ddim
from cirkit.models.eclipse import OneShot, Regressor, Student
from cirkit.models.guidance import as_meant
from cirkit.query import Batch, Query
from cirkit.training.averages import averaged
from cirkit.training.diffusion import (
    Both,
    add_noise,
    caption_features,
    conversion,
    edit,
    embedded,
    guided_distillation,
    masked_caption_features,
    masked_conversion,
    projection,
    side_by_side,
    stage_2,
    triplet_features,
    whole,
)
from cirkit.training.loop import Training, fit
from cirkit.training.optimisers import adamw
from cirkit.training.samplers import shuffled
from cirkit.training.schedules import cosine_with_warmup

SHAPES = 4  # and as many colours: image 4 s + c has shape s and colour c


class OneHots(nn.Module):
    """A joint space of eight channels: image 4 s + c is one at s and at 4 + c; a text is the channel of its colour."""

    width, word_width, channels = 8, 8, 8

    def __init__(self):
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def image(self, images):
        number = images[:, 0, 0, 0].long() % 16
        return torch.eye(8)[number // SHAPES] + torch.eye(8)[4 + number % SHAPES]

    def text_tokens(self, texts):
        colours = [torch.eye(8)[4 + int(text)] if text else torch.zeros(8) for text in texts]
        return torch.stack(colours)[:, None], torch.ones(len(texts), 1, dtype=torch.bool)


TINY = partial(Denoiser, blocks=2, heads=2, cross_heads=2, head_width=8, widening=2)
MODEL = partial(CompoDiff, clip=OneHots, denoiser=TINY)


PAIRS = [(image, colour) for image in range(16) for colour in range(4) if image % 4 != colour]
QUERY = Query(image=numbered(16)[[image for image, _ in PAIRS]], text=[str(colour) for _, colour in PAIRS])
TARGET = [image - image % 4 + colour for image, colour in PAIRS]


def edits() -> Features:
    """Every image in every other colour."""
    batch = Batch(query=QUERY, target=numbered(16)[TARGET])
    return Features(tensors=triplet_features(Encoders(clip=OneHots), batch))


TRAINING = Training(
    model=MODEL,
    data=edits,
    objective=edit(),
    optimiser=adamw(lr=5e-3, weight_decay=0.0),
    steps=350,
    batch=48,
    schedule=cosine_with_warmup(),
    sampler=shuffled,
    step=averaged(decay=0.95),
)


def hits(model) -> float:
    """The share of edits whose target is first among the 16 images; chance is one in 16."""
    with torch.no_grad():
        best = model.score(model.compose(QUERY), model.encode(numbered(16))).argmax(1)
    return (best == torch.tensor(TARGET)).float().mean().item()


@pytest.fixture(scope="module")
def trained() -> CompoDiff:
    return fit(TRAINING, seed=0).model


@pytest.mark.parametrize("sampler", [DDIM(calls=5), DPMSolver(calls=5), DDIM(calls=1), released_ddim(5)])
def test_on_a_toy_space_it_finds_the_edited_image(trained, sampler):
    how = Sampling(sampler=sampler, guidance=as_meant(image=1.0, text=1.5), samples=2)
    assert hits(sampled(how)(trained)) > 0.8


def test_on_a_toy_space_a_negative_text_drives_its_colour_away(trained):
    model = sampled(Sampling(sampler=DDIM(calls=5), guidance=as_meant(image=1.0, text=3.0)))(trained)
    one = model.compose(Query(image=numbered(16), text=["" for _ in range(16)], avoid=["2"] * 16))
    other = model.compose(Query(image=numbered(16), text=["" for _ in range(16)]))
    assert (one[:, 6] - other[:, 6]).mean() < -0.3


@pytest.fixture(scope="module")
def student(trained) -> Student:
    """A student of the trained model, whose weights are given as a training's start."""
    regressor = partial(Regressor, denoiser=TINY)
    torch.manual_seed(0)
    model = Student([], teacher=MODEL, regressor=regressor)
    model.teacher.load_state_dict(trained.state_dict())
    model.teacher.sampling = Sampling(sampler=DDIM(calls=1), guidance=as_meant(image=1.0, text=1.5))
    optimiser, data = torch.optim.Adam(model.regressor.parameters(), 5e-3), edits()
    for _ in range(150):
        loss = guided_distillation()(model.train(), data)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.eval()


def test_a_student_finds_what_its_teacher_finds_in_one_call(student):
    assert hits(student) > 0.8


def test_a_one_shot_regressor_learns_the_toy_space_too():
    model = partial(OneShot, clip=OneHots, regressor=partial(Regressor, denoiser=TINY))
    trained = fit(replace(TRAINING, model=model, objective=projection(), steps=250), seed=0).model
    assert hits(trained) > 0.8


def test_noise_is_added_as_its_formula_says():
    alphas, clean, time = cosine(), torch.randn(3, 5), torch.tensor([0, 400, 999])
    torch.manual_seed(1)
    noisy = add_noise(clean, time, alphas)
    torch.manual_seed(1)
    noise = torch.randn(3, 5)
    for row in range(3):
        alpha = alphas[time[row]]
        torch.testing.assert_close(noisy[row], alpha**0.5 * clean[row] + (1 - alpha) ** 0.5 * noise[row])


class Listener(nn.Module):
    """A denoiser that notes what it is given; without noise in the schedule that is the embedding itself."""

    def __init__(self, width, texts):
        super().__init__()
        self.heard = []

    def context(self, conditions):
        return conditions

    def forward(self, noisy, time, context):
        self.heard.append((noisy[:, 0], context))
        return noisy * 0


def listening() -> CompoDiff:
    return CompoDiff([], clip=TinyClip, denoiser=Listener, schedule=lambda: (1.0,))


def captions() -> Captions:
    return Captions(image=30 * numbered(4) + 5, text=["a b", "c d", "e f", "g h"])


def test_each_task_tells_what_its_equation_says():
    model = listening()
    features = masked_caption_features()(model.encoders, captions())
    batch, image = Features(tensors=features), model.encoders.image(captions().image)
    torch.testing.assert_close(features["target"], image)
    assert features["mask"].any() and (features["image"] - image).abs().max() > 1e-6
    none = torch.zeros(4, 64, 64, dtype=torch.bool)
    for objective, told, mask, noised in (
        (conversion(drop=0.0), torch.zeros(4, 8), none, image),
        (masked_conversion(drop=0.0), features["image"], features["mask"], features["image"]),
        (masked_conversion(drop=0.0, noised=whole), features["image"], features["mask"], image),
    ):
        loss = objective(model, batch)
        heard, conditions = model.denoiser.heard[-1]
        torch.testing.assert_close(loss, image.pow(2).mean())
        for found, expected in ((heard, noised), (conditions.image, told), (conditions.mask, mask)):
            assert torch.equal(found, expected)
        (text,) = conditions.texts
        expected, words = model.encoders.read(captions().text)[0]
        assert torch.equal(text.tokens[text.row], expected) and torch.equal(text.words[text.row], words)
        assert conditions.present.all()


def test_texts_and_images_are_dropped_apart_and_masks_never():
    model, n = listening(), 400
    rows = torch.arange(4).repeat(n // 4)
    features = {name: part[rows] for name, part in masked_caption_features()(model.encoders, captions()).items()}
    query = embedded(model.encoders, features, drop=0.1)
    lost_text, lost_image = query.text == n, (query.image == 0).all(1)
    assert torch.equal(query.text[~lost_text], torch.arange(n)[~lost_text]) and torch.equal(
        query.mask, features["mask"]
    )
    assert 20 <= lost_text.sum() <= 60 and 20 <= lost_image.sum() <= 60 and 0 < (lost_text & lost_image).sum() < 20
    tokens, words = query.texts[0]
    empty, alone = model.encoders.read([""])[0]
    assert words[n].sum() == alone.sum() and torch.equal(tokens[n][words[n]], empty[alone])
    assert (query.avoid == n).all()
    sure = embedded(model.encoders, features)
    assert torch.equal(sure.text, torch.arange(n)) and torch.equal(sure.image, features["image"])


def test_stage_two_draws_one_task_for_each_update_by_its_share():
    drawn, zero, model, batch = Counter(), torch.zeros(()), listening(), Both(captions=pictures(), triplets=edits())

    def task(name):
        def note(model, part):
            drawn.update([f"{name} of {'captions' if part is batch.captions else 'triplets'}"])
            return zero

        return note

    objective = stage_2(**{name: task(name) for name in ("conversion", "masked_conversion", "edit")})
    for _ in range(1000):
        objective(model, batch)
    shares = {"conversion of captions": 300, "masked_conversion of captions": 300, "edit of triplets": 400}
    assert drawn.keys() == shares.keys() and all(abs(drawn[name] - share) < 60 for name, share in shares.items())
    drawn.clear()
    replace(objective, shares=(0.0, 0.0, 1.0))(model, batch)
    assert drawn == {"edit of triplets": 1}
    assert describe(stage_2())["conversion"] == {"make": "diffusion.conversion", "drop": 0.1}


def pictures() -> Features:
    """Every image with its colour for a caption."""
    texts = Captions(image=numbered(16), text=[str(i % 4) for i in range(16)])
    return Features(tensors=masked_caption_features()(Encoders(clip=OneHots), texts))


def test_stage_two_trains_on_both_data_side_by_side():
    source = side_by_side(captions=pictures, triplets=edits)
    data = source.of_seed(3)()
    batch = data[torch.tensor([0, 17, 47])].to(torch.device("cpu"))
    assert len(data) == 48
    assert torch.equal(batch.captions.tensors["target"], data.captions.tensors["target"][[0, 1, 15]])
    assert torch.equal(batch.triplets.tensors["image"], data.triplets.tensors["image"][[0, 17, 47]])
    losses = [loss for _, loss in fit(replace(TRAINING, data=source, objective=stage_2(), steps=60), seed=0).loss]
    assert sum(losses[-20:]) / 20 < 0.7 * sum(losses[:3]) / 3


def test_stage_one_reads_captions_alone():
    model = listening()
    features = Features(tensors=caption_features(model.encoders, captions()))
    conversion()(model, features)
    assert torch.equal(model.denoiser.heard[0][0], features.tensors["target"])
    assert not model.denoiser.heard[0][1].image.any() and not model.denoiser.heard[0][1].mask.any()
