"""How long and with what the rows of the CLIP family learn: each paper's own at `paper` scale, else by one rule.

Pic2Word §4, SEARLE §4, LinCIR §4, CLIP4Cir §4 and ARTEMIS §4, or their released code where the paper is silent.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from cirkit.training.loop import Training
from cirkit.training.objectives import Objective
from cirkit.training.optimisers import adamw, lr_multiplier
from cirkit.training.samplers import shuffled
from cirkit.training.schedules import Schedule, constant, cosine_with_warmup


def halve_each_fifth(done: float) -> float:
    """Half of the rate after each fifth of a training: ARTEMIS's, each 10 of 50 epochs."""
    return 0.5 ** int(5 * done)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Steps, batch, optimiser and schedule of one training."""

    optimiser: Callable[[nn.Module], Any]
    steps: int
    batch: int
    schedule: Schedule = constant

    def training(
        self, *, model: Callable[..., nn.Module], data: Callable[[], Any], objective: Objective, **others: Any
    ) -> Training:
        """Of a model by this recipe, in shuffled batches; `others` are more fields of `Training`, as `start`."""
        return Training(
            model=model,
            data=data,
            objective=objective,
            optimiser=self.optimiser,
            steps=self.steps,
            batch=self.batch,
            schedule=self.schedule,
            **{"sampler": shuffled, **others},
        )


@dataclass(frozen=True, kw_only=True)
class FamilySetting:
    """What a scale decides: a recipe for each method, and the sizes of what methods know or optimise beforehand."""

    seeds: tuple[int, ...]
    pic2word: Recipe
    searle: Recipe
    lincir: Recipe
    tune: Recipe  # the text tower, before the Combiner
    combiner: Recipe
    artemis: Recipe
    artemis_first: Recipe  # with the image encoder as it is, where it is ARTEMIS's own
    images: int  # that φ learns from
    sample: int  # images and captions that BASIC centres by
    context: int  # subjects around BASIC's text
    near: int = 150  # concepts of an image that SEARLE's phrases are drawn from
    word_steps: int = 350  # of each optimised word
    word_lr: float = 2e-2
    word_decay: float = 0.99  # of the mean over its path
    width: int = 512  # that ARTEMIS compares in


def small(
    *, steps: int, batch: int, seeds: tuple[int, ...], images: int, sample: int, word_steps: int
) -> FamilySetting:
    """Scales that train on a world.

    Changed from the papers, for all rows alike: AdamW at 1e-3 with warm-up and cosine decay, one number of steps
    (but see `lasting`) and one batch; where CLIP itself learns, a tenth of the rate and a smaller batch. An optimised
    word takes fewer and larger steps, and the mean over its path is as much shorter; BASIC puts three subjects around a
    text, not a hundred.
    """
    recipe = Recipe(optimiser=adamw(lr=1e-3), steps=steps, batch=batch, schedule=cosine_with_warmup())
    tune = Recipe(
        optimiser=lr_multiplier(optimiser=adamw(lr=1e-3), parts=("clip",)),
        steps=steps,
        batch=min(batch, 32),
        schedule=cosine_with_warmup(),
    )
    return FamilySetting(
        seeds=seeds,
        pic2word=recipe,
        searle=recipe,
        lincir=recipe,
        tune=tune,
        combiner=recipe,
        artemis=recipe,
        artemis_first=recipe,
        images=images,
        sample=sample,
        context=3,
        word_steps=word_steps,
        word_lr=1e-1,
        word_decay=0.95,
        width=128,
    )


def lasting(family: FamilySetting, **steps: int) -> FamilySetting:
    """A family whose methods of these names take so many steps.

    A method's number is doubled until another doubling moves nothing that a claim is about (data/pilots.csv). No one
    number serves all: what suffices for Pic2Word makes ARTEMIS and PALAVRA worse, and would cost the others hours.
    """
    return replace(family, **{name: replace(getattr(family, name), steps=each) for name, each in steps.items()})


SETTINGS = {
    "smoke": small(steps=2, batch=8, seeds=(0,), images=12, sample=12, word_steps=2),
    "cpu": lasting(
        small(steps=600, batch=64, seeds=(0, 1, 2, 3, 4), images=2000, sample=600, word_steps=70),
        pic2word=4800,
        lincir=1200,
        tune=1200,
        combiner=1200,
    ),
    "gpu": small(steps=5000, batch=256, seeds=(0, 1, 2, 3, 4), images=20_000, sample=2000, word_steps=350),
    "paper": FamilySetting(
        seeds=(0, 1, 2),
        pic2word=Recipe(  # 30 epochs of CC3M, the first 10,000 steps a warm-up
            optimiser=adamw(lr=1e-4, weight_decay=0.1),
            steps=80_000,
            batch=1024,
            schedule=cosine_with_warmup(warmup=1 / 8),
        ),
        searle=Recipe(optimiser=adamw(lr=1e-4), steps=39_000, batch=256),  # 100 epochs of 100,000 images
        lincir=Recipe(optimiser=adamw(lr=1e-4), steps=20_000, batch=512),
        tune=Recipe(optimiser=adamw(lr=2e-6), steps=14_000, batch=128),  # released code: an epsilon of 1e-7, 100 epochs
        combiner=Recipe(optimiser=adamw(lr=2e-5, weight_decay=0.0), steps=1300, batch=4096),  # Adam, 300 epochs
        # 8 and 50 epochs of both orders of FashionIQ's captions; released code: half the rate after each 10
        artemis_first=Recipe(optimiser=adamw(lr=5e-4), steps=9000, batch=32),
        artemis=Recipe(optimiser=adamw(lr=2.5e-4), steps=56_250, batch=32, schedule=halve_each_fifth),
        images=100_000,
        sample=100_000,
        context=100,
    ),
}
