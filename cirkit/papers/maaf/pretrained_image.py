"""MAAF's pretrained image encoder on the synthetic data: every image a class of its own, over all families of worlds.

MAAF §2 starts from ImageNet. Instance discrimination (Dosovitskiy et al. 2014; Wu et al. 2018) reads no label, so no
word of any query either; the worlds are drawn from a seed of their own, so no image of a benchmark is seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from jaxtyping import UInt8
from torch import Tensor

from cirkit.encoders.image import SmallResNet
from cirkit.evaluators.measures import Recall
from cirkit.experiments.change import UNCHANGED, Change, apply
from cirkit.experiments.experiment import Column, Experiment, Test
from cirkit.losses.contrastive import batch_softmax
from cirkit.models.baselines import ImageOnly
from cirkit.query import Benchmark, Query, Triplets
from cirkit.training.augment import flips_and_shifts
from cirkit.training.loop import Training, Weights
from cirkit.training.objectives import ranking
from cirkit.training.optimisers import adamw
from cirkit.training.samplers import shuffled
from cirkit.training.schedules import cosine_with_warmup
from cirkit.worlds.birds_to_words import BIRDS_TO_WORDS
from cirkit.worlds.css import CSS
from cirkit.worlds.fashion200k import FASHION200K
from cirkit.worlds.fashioniq import FASHIONIQ
from cirkit.worlds.pedes import CUHK_PEDES
from cirkit.worlds.publish import World
from cirkit.worlds.shoes import SHOES
from cirkit.worlds.spot_the_diff import SPOT_THE_DIFF
from cirkit.worlds.textvqa import TEXTVQA

TABLE = "Pretraining"
COLUMNS = {TABLE: (Column("views", Recall(1)),)}
PART = "image.trunk"  # what other rows begin from; the projections are their own
WORLD = 1_000_000  # the seed of these worlds, far from those of any run
HELD_OUT = 11  # every eleventh image is kept from training


Worlds = Mapping[str, tuple[World, Any]]  # by the name of a family: a world, and the size it is drawn in


def worlds(scale: str, count: int, pixels: int) -> Worlds:
    """A world of every family, as at a scale but with at least `count` training images."""
    pairs = count // 2 + 1
    sizes = {
        "scenes on a grid": (CSS, {"references": pairs, "mods": pairs}),
        "groups of things": (SPOT_THE_DIFF, {"train": pairs, "least": 1, "most": 5}),
        "garments": (FASHIONIQ, {"train": (count // 6, count // 3 + 1)}),
        "products": (FASHION200K, {"train": count}),
        "shoes": (SHOES, {}),
        "birds": (BIRDS_TO_WORDS, {"train": pairs}),
        "people": (CUHK_PEDES, {"train": count // 8 + 1, "height": pixels, "width": pixels}),
        "signs": (TEXTVQA, {"train": count}),
    }
    found = {}
    for name, (world, change) in sizes.items():
        side = {} if "height" in change else {"image": pixels}
        found[name] = world, replace(world.sizes[scale], seed=WORLD, **side, **change)
    return found


def _images(worlds: Worlds, rows: Sequence[int]) -> tuple[UInt8[Tensor, "n 3 h w"], list[str]]:
    """The given images of every world, and the family of each."""
    parts = [world.images(size, "train", rows) for world, size in worlds.values()]
    return torch.cat(parts), [name for name in worlds for _ in rows]


def triplets(*, worlds: Worlds, count: int) -> Triplets:
    """Images that ask for themselves: a training that changes both sides asks for another view."""
    rows = [row for row in range(count) if row % HELD_OUT]
    images, family = _images(worlds, rows)
    return Triplets(query=Query(image=images), target=images, group=family)


def benchmark(*, worlds: Worlds, count: int) -> Benchmark:
    """A changed view of each image that training did not see asks for the image, among all of them."""
    images, family = _images(worlds, range(0, count, HELD_OUT))
    views = flips_and_shifts().change(images, torch.Generator().manual_seed(0))
    relevant = [[row] for row in range(len(images))]
    return Benchmark(name="views", query=Query(image=views), gallery=images, relevant=relevant, group=family)


@dataclass(frozen=True, kw_only=True)
class Size:
    """How long, and on how many images of each family; `batch` is how many views are told apart at a time."""

    steps: int
    count: int
    pixels: int
    batch: int


SIZES = {
    "smoke": Size(steps=2, count=22, pixels=32, batch=8),
    "cpu": Size(steps=3000, count=1320, pixels=48, batch=128),
    "gpu": Size(steps=20_000, count=5500, pixels=96, batch=256),
}


def training(scale: str) -> Training:
    """The pretraining of the small image encoder: another view of the same image, among those of a batch."""
    size = SIZES[scale]
    return Training(
        model=partial(ImageOnly, image=partial(SmallResNet, width=64)),
        data=partial(triplets, worlds=worlds(scale, size.count, size.pixels), count=size.count),
        objective=ranking(batch_softmax),
        optimiser=adamw(lr=1e-3),
        steps=size.steps,
        batch=size.batch,
        schedule=cosine_with_warmup(),
        sampler=shuffled,
        augment=flips_and_shifts(),
    )


def start(scale: str) -> dict[str, Weights]:
    """What the rows of a scale begin from: one encoder for all of them, without its projection."""
    return {PART: Weights(of=training(scale), seed=0, part=PART)}


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """The pretraining as a row of its own; the `paper` scale has ImageNet's weights instead."""
    if scale == "paper":
        return []
    size = SIZES[scale]
    return [
        Experiment(
            name="maaf/pretraining",
            paper="maaf",
            table=TABLE,
            row="Small residual network",
            scale=scale,
            basis="world",
            seeds=(0,),
            training=apply(change, training(scale)),
            tests={"views": Test(partial(benchmark, worlds=worlds(scale, size.count, size.pixels), count=size.count))},
        )
    ]
