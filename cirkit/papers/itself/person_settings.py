"""How long, with what and on which people person retrieval learns: ITSELF's recipe at `paper` scale, one for all else.

ITSELF's supplement, §1; where it is silent, the released code: 60 epochs, 128 people with two pairs each in a batch.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from cirkit.benchmarks.pedes import OFFICIAL
from cirkit.models.retention import t_small
from cirkit.training.optimisers import adamw, lr_multiplier
from cirkit.training.person_augment import padded_crop, person_views, random_erasing, random_flip, token_noise
from cirkit.training.person_recipe import cosine_by_epoch, person_adam
from cirkit.training.schedules import Schedule, cosine_with_warmup
from cirkit.worlds.pedes import SIZES as WORLDS
from cirkit.worlds.pedes import Size

EPOCHS, BEST = 60, 10  # of training, and that at which the baseline is best (the meaning of t_small)
NEW_IN_IRRA = ("one", "cross", "blocks", "dense", "word")  # what no CLIP has
DELETION = token_noise(share=0.05, masked=0.0, replaced=0.0)  # TBPS-CLIP's, which hides and replaces nothing
FEW = 3  # seeds of rows that stand outside the main ablation


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Steps, batch, optimiser, schedule and augmentation of a training; `t_small` is ATS's, in steps."""

    steps: int
    batch: int
    optimiser: Callable[[nn.Module], Any]
    schedule: Schedule
    augment: person_views
    t_small: int = 1

    @property
    def epoch(self) -> int:
        """The steps of an epoch, of which there are ten until t_small."""
        return max(2, self.t_small // BEST)


@dataclass(frozen=True, kw_only=True)
class PersonSetting:
    """What a scale decides; a recipe for each data set. `held_out` are people that ICFG-PEDES lacks for validation.

    `width` is that of the local vectors, `rde_width` that of RDE's, `irra_blocks` the depth of IRRA's reader of words.
    """

    seeds: tuple[int, ...]
    shape: tuple[int, int]  # of images: height and width
    cuhk: Recipe
    icfg: Recipe
    rstp: Recipe
    width: int
    rde_width: int
    held_out: int
    rde: Callable[[Recipe], Recipe]
    irra: Callable[[Recipe], Recipe]
    tbps: Callable[[Recipe], Recipe]
    irra_blocks: int = 4


def unchanged(recipe: Recipe) -> Recipe:
    """ITSELF's own."""
    return recipe


def in_batches_of_64(recipe: Recipe) -> Recipe:
    """As many epochs in smaller batches: RDE's and IRRA's."""
    return replace(recipe, batch=64, steps=recipe.steps * recipe.batch // 64)


def irra_alike(recipe: Recipe) -> Recipe:
    """IRRA's: what is new learns five times as fast, and captions are masked by its own loss alone."""
    optimiser = lr_multiplier(optimiser=recipe.optimiser, parts=NEW_IN_IRRA, factor=5.0)
    return replace(recipe, optimiser=optimiser, augment=replace(recipe.augment, noise=None))


def tbps_alike(recipe: Recipe) -> Recipe:
    """TBPS-CLIP's: of captions a twentieth of the pieces is left out."""
    return replace(recipe, augment=replace(recipe.augment, noise=DELETION))


def irra_released(recipe: Recipe) -> Recipe:
    """IRRA's, in batches of 64."""
    return in_batches_of_64(irra_alike(recipe))


def tbps_released(recipe: Recipe) -> Recipe:
    """TBPS-CLIP's: five epochs in batches of 320, AdamW at 1e-4."""
    steps = recipe.steps * recipe.batch * 5 // (EPOCHS * 320)
    optimiser = adamw(lr=1e-4, weight_decay=0.02)
    return replace(tbps_alike(recipe), batch=320, steps=steps, optimiser=optimiser, schedule=cosine_with_warmup())


def small(
    *, steps: int, batch: int, seeds: tuple[int, ...], shape: tuple[int, int], width: int, held_out: int, blocks: int
) -> PersonSetting:
    """Scales that train on a world.

    Changed from the paper, for all rows alike: steps are fewer by a factor of thirty, and CLIP's rate is twenty times
    as high (2e-4; that of GRAB is the paper's); Adam's epsilon is its usual 1e-8, since weights are in
    single precision; images, their padding, batches and the local vectors are smaller. Schedule, augmentation, losses
    and their weights are the paper's; t_small is a sixth of the training, as 10 of 60 epochs are.
    """
    recipe = Recipe(
        steps=steps,
        batch=batch,
        optimiser=person_adam(lr=2e-4, eps=1e-8),
        schedule=cosine_by_epoch(epochs=EPOCHS),
        augment=person_views(
            changes=(random_flip(), padded_crop(pixels=max(1, round(10 * shape[0] / 384))), random_erasing())
        ),
        t_small=max(1, steps * BEST // EPOCHS),
    )
    return PersonSetting(
        seeds=seeds,
        shape=shape,
        cuhk=recipe,
        icfg=recipe,
        rstp=recipe,
        width=width,
        rde_width=max(16, width // 4),
        held_out=held_out,
        rde=unchanged,
        irra=irra_alike,
        tbps=tbps_alike,
        irra_blocks=blocks,
    )


def _paper() -> PersonSetting:
    """Batches of 256 pairs; the released code keeps RSTPReid's t_small on all three data sets."""

    def recipe(data: str) -> Recipe:
        pairs = OFFICIAL[data]["train"]["captions"]
        return Recipe(
            steps=t_small(EPOCHS, pairs, 256),
            batch=256,
            optimiser=person_adam(),
            schedule=cosine_by_epoch(epochs=EPOCHS),
            augment=person_views(),
            t_small=t_small(BEST, pairs, 256),
        )

    return PersonSetting(
        seeds=(0, 1, 2, 3, 4),
        shape=(384, 128),
        cuhk=recipe("cuhk-pedes"),
        icfg=recipe("icfg-pedes"),
        rstp=recipe("rstpreid"),
        width=4096,
        rde_width=1024,
        held_out=200,
        rde=in_batches_of_64,
        irra=irra_released,
        tbps=tbps_released,
    )


SETTINGS = {
    "smoke": small(steps=2, batch=8, seeds=(0,), shape=(48, 16), width=16, held_out=4, blocks=1),
    "cpu": small(steps=300, batch=48, seeds=(0, 1, 2, 3, 4), shape=(96, 32), width=512, held_out=40, blocks=1),
    "gpu": small(steps=3000, batch=128, seeds=(0, 1, 2, 3, 4), shape=(192, 64), width=2048, held_out=240, blocks=4),
    "paper": _paper(),
}


def _sizes(scale: str) -> dict[str, Size]:
    """The worlds of a scale, in captions about as long as the originals', since the world CLIP reads 40 pieces."""
    short = {"styles": "list list list sentences", "filler": 0.0}
    height, width = SETTINGS[scale].shape
    return {name: replace(sizes[scale], height=height, width=width, **short) for name, sizes in WORLDS.items()}


SIZES = {scale: _sizes(scale) for scale in ("smoke", "cpu", "gpu")}
