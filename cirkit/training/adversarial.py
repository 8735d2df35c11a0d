"""How AttnGAN and its DAMSM learn: what is painted of a batch, and what each player makes of it.

Xu et al. (CVPR 2018), "AttnGAN", §3.1, eq. 3 to 6, and §3.2; the turns are those of `steps.adversarial`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, interpolate

from cirkit.examples import Captions
from cirkit.losses.damsm import posterior
from cirkit.models.attngan import AttnGAN
from cirkit.models.damsm import DAMSM, Views, Words, to_pixels, word_scores
from cirkit.training.augment import flips_and_shifts
from cirkit.training.averages import Averaging
from cirkit.training.objectives import Objective
from cirkit.training.steps import Optimiser, Step

PAPER = posterior()


@dataclass(frozen=True)
class Played:
    """What all players see of a batch: its real images and the painted ones, by stage, and its captions, read.

    `same` says which images and captions are of one class; `mean` and `log_variance` are the condition's.
    """

    real: tuple[Float[Tensor, "b 3 _ _"], ...]
    painted: tuple[Float[Tensor, "b 3 _ _"], ...]
    text: Words
    same: Bool[Tensor, "b b"] | None
    mean: Float[Tensor, "b c"]
    log_variance: Float[Tensor, "b c"]

    def detach(self) -> "Played":
        """The same, through which no gradient reaches the generator."""
        return replace(self, painted=tuple(each.detach() for each in self.painted))


def paint(model: AttnGAN, batch: Captions) -> Played:
    """The batch's captions painted once, beside its images at the side of every stage."""
    with torch.no_grad():
        text = model.damsm.text(batch.text)
    painting = model.generator(*text, model.draw(len(batch)))
    pixels = to_pixels(batch.image, painting.mean.dtype)
    real = tuple(resized(pixels, side) for side in model.generator.sides)
    same = same_class(batch.group, pixels.device)
    return Played(real, painting.images, text, same, painting.mean, painting.log_variance)


@dataclass(frozen=True)
class discriminate:
    """The objective of the discriminator of a stage: real images with their captions against three wrong ones.

    These are painted images alone, painted images with their captions, and real images with the next one's caption.
    """

    stage: int

    def __call__(self, model: AttnGAN, played: Played) -> Float[Tensor, ""]:
        judge, sentence = model.discriminators[self.stage], played.text[2]
        features = judge.features(played.real[self.stage])
        real = judge.judge(features, sentence)
        painted = judge(played.painted[self.stage], sentence)
        wrong = judge.joint(features[:-1], sentence[1:])
        # paper (eq. 4): a half for each; released code: the two true ones and the three wrong ones, averaged apart
        true = (_bce(real.alone, 1) + _bce(real.beside, 1)) / 2
        return true + (_bce(painted.alone, 0) + _bce(painted.beside, 0) + _bce(wrong, 0)) / 3


@dataclass(frozen=True, kw_only=True)
class deceive:
    """The generator's objective: every discriminator takes its images for real, and DAMSM finds the captions in them.

    `matching` is the paper's λ; the divergence of the condition from a standard normal distribution is added. DAMSM
    sees the last stage.
    """

    matching: float = 5.0
    loss: posterior = PAPER

    def __call__(self, model: AttnGAN, played: Played) -> Float[Tensor, ""]:
        total = divergence(played.mean, played.log_variance)
        with at_rest(model.discriminators):
            for judge, painted in zip(model.discriminators, played.painted, strict=True):
                verdict = judge(painted, played.text[2])
                total = total + _bce(verdict.alone, 1) + _bce(verdict.beside, 1)
        views = model.damsm.image(played.painted[-1])
        return total + self.matching * agreement(views, played.text, played.same, self.loss)


@dataclass(frozen=True, kw_only=True)
class match:
    """DAMSM's own objective on real images: the losses of words and of sentences together."""

    loss: posterior = PAPER

    def __call__(self, model: DAMSM, batch: Captions) -> Float[Tensor, ""]:
        pixels = to_pixels(batch.image, next(model.parameters()).dtype)
        same = same_class(batch.group, pixels.device)
        return agreement(model.image(pixels), model.text(batch.text), same, self.loss)


def agreement(
    views: Views, text: Words, same: Bool[Tensor, "b b"] | None, loss: posterior = PAPER
) -> Float[Tensor, ""]:
    """The loss by the scores of words and sub-regions, plus that by the cosines of sentences and images."""
    regions, whole = views
    words, mask, sentence = text
    cosines = nn.functional.normalize(whole, dim=1) @ nn.functional.normalize(sentence, dim=1).mT
    return loss(word_scores(regions, words, mask), same) + loss(cosines, same)


def divergence(mean: Float[Tensor, "b c"], log_variance: Float[Tensor, "b c"]) -> Float[Tensor, ""]:
    """Kullback-Leibler, of N(mean, variance) from N(0, 1); paper: a sum over dimensions; released code: the mean."""
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).mean()


def same_class(group: Sequence[str] | None, device: torch.device) -> Bool[Tensor, "b b"] | None:
    """Which rows share a category, or None where there are none."""
    if group is None:
        return None
    names = {name: number for number, name in enumerate(dict.fromkeys(group))}
    number = torch.tensor([names[name] for name in group], device=device)
    return number[:, None] == number


def resized(pixels: Float[Tensor, "b 3 h w"], side: int) -> Float[Tensor, "b 3 {side} {side}"]:
    """Of that side, antialiased, as Pillow does it in the released code."""
    if pixels.shape[2:] == (side, side):
        return pixels
    return interpolate(pixels, (side, side), mode="bilinear", antialias=True)


@contextmanager
def at_rest(part: nn.Module) -> Iterator[None]:
    """Without gradients for the weights of `part`, which gradients pass through: a third less of its work."""
    learning = [each for each in part.parameters() if each.requires_grad]
    for each in learning:
        each.requires_grad_(False)
    try:
        yield
    finally:
        for each in learning:
            each.requires_grad_(True)


@dataclass(frozen=True, kw_only=True)
class averaged_part:
    """`step`, between whose updates one part of the model holds the average of its weights: AttnGAN's generator.

    Its discriminators, which nobody uses once it has learnt, stay as they are; `averages.averaged` is of whole models.
    """

    # released code: `decay` from the first update on; here the start is forgotten sooner, see `averaged`
    step: Step
    part: str = "generator"
    decay: float = 0.999

    def __call__(self, model: nn.Module, objective: Objective, optimiser: Optimiser) -> Averaging:
        return Averaging(model.get_submodule(self.part), self.step(model, objective, optimiser), self.decay)


@dataclass(frozen=True)
class flips_and_shifts_of_captions:
    """`flips_and_shifts` of the images of captions; no caption of birds speaks of left or right."""

    share: float = 0.125

    def __call__(self, batch: Captions, generator: torch.Generator) -> Captions:
        return replace(batch, image=flips_and_shifts(self.share).change(batch.image, generator))


@dataclass(frozen=True, kw_only=True)
class adam:
    """Adam as adversaries have it, with a short memory of the gradient."""

    lr: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)

    def __call__(self, model: nn.Module) -> torch.optim.Optimizer:
        learning = [each for each in model.parameters() if each.requires_grad]
        return torch.optim.Adam(learning, lr=self.lr, betas=self.betas, fused=True)


def _bce(logits: Float[Tensor, " b"], label: int) -> Float[Tensor, ""]:
    return binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))
