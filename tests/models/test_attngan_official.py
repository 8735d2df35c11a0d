"""AttnGAN and DAMSM: numbers that the official code gave with weights and inputs by the written rule."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn
from written_weights import drawn, fill

from cirkit.attention.alignment import alignment, sigmoid
from cirkit.losses.damsm import posterior
from cirkit.models.attngan import AttnGAN, Generator, WordAttention, own_words, released_rows
from cirkit.models.damsm import DAMSM, WordEncoder, word_scores
from cirkit.models.discriminators import Discriminator
from cirkit.training.adversarial import Played, agreement, deceive, discriminate, divergence

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "attngan.json").read_text())
LENGTHS = torch.tensor([6, 5, 3, 2])
MASK = torch.arange(6) < LENGTHS[:, None]
WORDS = (2 * drawn((4, 6, 8), 1001) - 1) * MASK[..., None]
SENTENCE = 2 * drawn((4, 8), 1002) - 1
SIDES = (64, 128, 256)
REAL, PAINTED = ([2 * drawn((4, 3, side, side), first + side) - 1 for side in SIDES] for first in (1100, 1200))


def near(values: torch.Tensor, golden: list | float) -> None:
    torch.testing.assert_close(values, torch.tensor(golden, dtype=torch.double), rtol=1e-5, atol=1e-8)


@torch.no_grad()
@pytest.mark.parametrize("kind", ["batch", "alone"])
@pytest.mark.parametrize("name", GOLDEN["attention"])
def test_the_released_attention_gives_these_contexts_and_weights(name, kind):
    """Of several captions at once in the released layout of masks, of one at a time as the formula says."""
    activation = {"activation": sigmoid} if name == "activated general" else {}
    score = partial(alignment, name=name, **activation)
    attend = WordAttention(4, 8, score, released_rows if kind == "batch" else own_words).double()
    fill(attend)
    context, weights = attend(2 * drawn((4, 4, 3, 3), 1000) - 1, WORDS, MASK)
    golden = GOLDEN["attention"][name][kind]
    near(context[:2], golden["context"])
    near(weights[3], golden["weights"])


@torch.no_grad()
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_the_released_generator_gives_these_images(mode):
    sizes = {"width": 4, "text_width": 8, "stages": 3, "doublings": 4, "blocks": 2, "noise": 5, "condition": 3}
    generator = Generator(alignment=partial(alignment, name="dot"), allowed=released_rows, **sizes).double()
    fill(generator)
    painting = generator.train(mode == "train")(WORDS, MASK, SENTENCE, 4 * drawn((4, 8), 1003) - 2)
    golden = GOLDEN["generator"][mode]
    for image, few, mean in zip(painting.images, golden["images"], golden["means"], strict=True):
        step = image.shape[2] // 4
        near(image[:2, :, ::step, ::step], few)
        near(image.mean(), mean)
    for maps, few in zip(painting.attention, golden["attention"], strict=True):
        step = maps.shape[2] // 2
        near(maps[:2, :, ::step, ::step], few)
    near(painting.mean, golden["mean"])
    near(painting.log_variance, golden["log_variance"])


class Given(nn.Module):
    """An image encoder that sees the same in all images."""

    def __init__(self, width):
        super().__init__()
        self.regions = (2 * drawn((4, width, 3, 3), 1300) - 1).flatten(2).mT

    def forward(self, pixels):
        return self.regions, 2 * drawn((4, 8), 1301) - 1


def players() -> AttnGAN:
    generator = partial(Generator, width=1, alignment=partial(alignment, name="dot"))
    text = partial(WordEncoder, width=8, word_width=6)
    damsm, discriminator = partial(DAMSM, text=text, image=Given), partial(Discriminator, width=3)
    model = AttnGAN(GOLDEN["texts"], damsm=damsm, generator=generator, discriminator=discriminator).double()
    for each in model.discriminators:
        fill(each)
    return model.train()


def played(mean: torch.Tensor, log_variance: torch.Tensor) -> Played:
    return Played(tuple(REAL), tuple(PAINTED), (WORDS, MASK, SENTENCE), None, mean, log_variance)


@torch.no_grad()
@pytest.mark.parametrize("stage", [0, 1, 2])
def test_the_released_discriminators_give_these_verdicts_and_losses(stage):
    model, golden = players(), GOLDEN["discriminators"][str(SIDES[stage])]
    verdict = model.discriminators[stage](REAL[stage], SENTENCE)
    near(verdict.alone.sigmoid(), golden["alone"])
    near(verdict.beside.sigmoid(), golden["beside"])
    rest = torch.zeros(4, 3, dtype=torch.double)
    near(discriminate(stage)(model, played(rest, rest)), golden["loss"])


@torch.no_grad()
def test_the_released_losses_of_damsm_and_generator_are_these():
    (regions, whole), golden = players().damsm.image(None), GOLDEN["damsm"]
    words, sentences = sum(golden["words"]), sum(golden["sentences"])
    near(posterior()(word_scores(regions, WORDS, MASK)), words)
    near(agreement((regions, whole), (WORDS, MASK, SENTENCE), None, posterior()), words + sentences)
    mean, log_variance = (2 * drawn((4, 3), number) - 1 for number in (1302, 1303))
    near(divergence(mean, log_variance), GOLDEN["divergence"])
    near(deceive()(players(), played(mean, log_variance)), GOLDEN["deceive"]["total"] + GOLDEN["divergence"])


@torch.no_grad()
def test_the_released_text_encoder_gives_these_words_and_sentences():
    encoder = WordEncoder(GOLDEN["texts"], width=8, word_width=6).double().eval()
    fill(encoder)
    words, _, sentence = encoder(GOLDEN["texts"])
    near(words[1], GOLDEN["text"]["words"])
    near(sentence, GOLDEN["text"]["sentence"])
