"""How long and on how much CompoDiff and its rivals learn: the paper's at `paper` scale, one for all elsewhere.

CompoDiff Table A.1 and §5.1; what it does not say of ECLIPSE and of distillation is ours.
"""

from dataclasses import dataclass, field, replace

from cirkit.models.guidance import as_meant
from cirkit.papers.clip_family import recipes
from cirkit.papers.clip_family.recipes import FamilySetting, Recipe
from cirkit.training.optimisers import adamw
from cirkit.training.schedules import cosine_with_warmup
from cirkit.worlds import synth_triplets

WEIGHT_DECAY = 6e-2  # Table A.1


@dataclass(frozen=True, kw_only=True)
class CompoDiffSetting:
    """What a scale decides: recipes, sizes of data, the denoiser's layout; `fusion` is of the rivals that fuse."""

    seeds: tuple[int, ...]
    choices: int  # so many of the seeds for rows that compare choices of training and sampling
    stage_1: Recipe
    stage_2: Recipe
    student: Recipe
    eclipse: Recipe
    fusion: FamilySetting
    images: int  # with a caption each, of the world at large
    triplets: tuple[int, ...]  # of Table 6, the largest last: that of all other rows
    decay: float = 0.9999  # of the average of the weights
    guidance: as_meant = field(default_factory=as_meant)  # at test time, where a table does not vary it
    blocks: int = 12
    heads: int = 16
    cross_heads: int = 8
    head_width: int = 64
    context: int = 77  # pieces of a text that the second text encoder reads


def small(
    *,
    fusion: FamilySetting,
    seeds: tuple[int, ...],
    steps: int,
    edits: int,
    student: int,
    batch: int,
    images: int,
    triplets: tuple[int, ...],
    blocks: int = 4,
    heads: int = 4,
    head_width: int = 32,
) -> CompoDiffSetting:
    """Scales that train on a world.

    Changed from the paper, for all rows alike: a higher learning rate with warm-up and cosine decay, the same in both
    stages (the paper's stage 2: a tenth), one batch, fewer and narrower blocks, and a stage 2 (`edits` steps) that is
    longer than stage 1, since captions are learned soon here and triplets are not. The student takes fewer steps, since
    each samples from its teacher. The weights of guidance are the best of Figure 10's grid on a validation world, after
    a training of seed 100; the paper chose its own in the same way, and they are a row of that grid.
    """

    def recipe(steps: int) -> Recipe:
        optimiser = adamw(lr=1e-3, weight_decay=WEIGHT_DECAY)
        return Recipe(optimiser=optimiser, steps=steps, batch=batch, schedule=cosine_with_warmup())

    return CompoDiffSetting(
        seeds=seeds,
        choices=3,
        guidance=as_meant(image=2.0, text=2.5),
        stage_1=recipe(steps),
        stage_2=recipe(edits),
        student=recipe(student),
        eclipse=recipe(steps),
        fusion=fusion,
        images=images,
        triplets=triplets,
        blocks=blocks,
        heads=heads,
        cross_heads=heads,
        head_width=head_width,
        context=40,
    )


def _paper() -> CompoDiffSetting:
    """Table A.1; of the fusion rows their own papers' recipes."""

    def recipe(lr: float, steps: int, batch: int) -> Recipe:
        return Recipe(optimiser=adamw(lr=lr, weight_decay=WEIGHT_DECAY), steps=steps, batch=batch)

    return CompoDiffSetting(
        seeds=(0, 1, 2),
        choices=1,
        stage_1=recipe(1e-4, 1_000_000, 4096),
        stage_2=recipe(1e-5, 200_000, 2048),
        student=recipe(1e-5, 50_000, 2048),
        eclipse=recipe(1e-4, 200_000, 2048),
        fusion=recipes.SETTINGS["paper"],
        images=10_000_000,
        triplets=(18_800_000,),
    )


SETTINGS = {
    "smoke": small(
        fusion=recipes.SETTINGS["smoke"], seeds=(0,), steps=2, edits=2, student=1, batch=8, images=12,
        triplets=(8, 10, 12, 30), blocks=1, heads=2, head_width=8,
    ),
    "cpu": small(
        fusion=recipes.lasting(recipes.SETTINGS["cpu"], tune=600, combiner=600), seeds=(0, 1, 2, 3, 4), steps=1500,
        edits=3000, student=500, batch=64, images=8000, triplets=(400, 2000, 4000, 8000),
    ),
    "gpu": small(
        fusion=recipes.SETTINGS["gpu"], seeds=(0, 1, 2, 3, 4), steps=20_000, edits=40_000, student=10_000,
        batch=512, images=100_000, triplets=(3000, 15_000, 30_000, 60_000), blocks=8, heads=8, head_width=64,
    ),
    "paper": _paper(),
}  # fmt: skip

TRIPLETS = {  # the synthetic triplets of a scale, half of them of garments; their number is the setting's
    scale: replace(synth_triplets.SIZES[scale], garments=0.5, image=pixels)
    for scale, pixels in (("smoke", 32), ("cpu", 48), ("gpu", 96))
}
