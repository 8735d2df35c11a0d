"""The decoder of the world CLIP's vectors: a row of its own, whose images show what CompoDiff generates.

CompoDiff §5.5, Figures 12 and C.2 to C.5: Karlo's decoder of ViT-L/14's vectors; the `paper` scale takes it as it is.
"""

from dataclasses import dataclass, replace
from functools import partial

from cirkit.evaluators.measures import Recall
from cirkit.experiments.change import UNCHANGED, Change, apply
from cirkit.experiments.experiment import Column, Experiment, Test
from cirkit.models.decoder import Decoder
from cirkit.papers.clip_family import world_clip
from cirkit.papers.clip_family.shared_clip import backbone, captions_of, each_image, features, image_texts
from cirkit.query import Benchmark, Query
from cirkit.training.averages import averaged
from cirkit.training.decoding import restoration, vectors_and_images
from cirkit.training.loop import Training
from cirkit.training.optimisers import adamw
from cirkit.training.samplers import shuffled
from cirkit.training.schedules import cosine_with_warmup

TABLE = "Decoder"
COLUMNS = {TABLE: tuple(Column("decoded", Recall(k)) for k in (1, 10))}


@dataclass(frozen=True, kw_only=True)
class DecoderSetting:
    """How long, and on how many images of the world CLIP's own."""

    steps: int
    images: int
    batch: int = 32
    pixels: int = 24  # of a side
    channels: tuple[int, ...] = (24, 48, 64)


SETTINGS = {
    "smoke": DecoderSetting(steps=2, images=24, batch=8, pixels=8, channels=(8, 8)),
    "cpu": DecoderSetting(steps=4000, images=16_000),
    "gpu": DecoderSetting(steps=60_000, images=160_000, batch=128, pixels=48, channels=(64, 128, 192)),
}


def found_again(*, count: int, pixels: int, seed: int) -> Benchmark:
    """Each held-out image of the world CLIP's, as a query for itself among the images of its family."""
    texts = world_clip.text_to_image(count=count, pixels=pixels, seed=seed)
    rows = [[row] for row in range(len(texts.gallery))]
    return replace(texts, name="decoded", query=Query(image=texts.gallery), relevant=rows)


def training(scale: str, change: Change = UNCHANGED) -> Training:
    """From the world CLIP's vectors of images that it has learned from to those images."""
    setting, clip = apply(change, SETTINGS[scale]), backbone(scale)
    data = each_image(data=captions_of(image_texts(scale, "")), most=setting.images)
    return Training(
        model=partial(Decoder, clip=clip.clip, pixels=setting.pixels, channels=setting.channels),
        data=features(data=data, model=clip.whole, encode=vectors_and_images),
        objective=restoration(),
        optimiser=adamw(lr=2e-3, weight_decay=1e-2),
        steps=setting.steps,
        batch=setting.batch,
        schedule=cosine_with_warmup(),
        sampler=shuffled,
        start=clip.start,
        step=averaged(decay=0.999),
    )


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """The decoder as a row; none at the `paper` scale, where Karlo's is taken."""
    if scale == "paper":
        return []
    size = world_clip.SIZES[scale]
    held_out = partial(found_again, count=size.held_out, pixels=size.pixels, seed=world_clip.SEED)
    return [
        Experiment(
            name="compodiff/decoder",
            paper="compodiff",
            table=TABLE,
            row="Decoded images",
            scale=scale,
            basis="world",
            seeds=(0,),
            training=training(scale, change),
            tests={"decoded": Test(held_out)},
        )
    ]
