"""Images as regions: one small encoder, trained once on crops of drawn scenes, reads those of every row and seed.

Cao et al. (2022), §5.3, keep SCAN's bottom-up features (Anderson et al., 2018), fixed vectors of an encoder that all
rows share; of CLEVR they keep MAC's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from cirkit.encoders.crops import CropEncoder, crops
from cirkit.encoders.image import SmallResNet
from cirkit.evaluators.answers import answers
from cirkit.evaluators.measures import Accuracy
from cirkit.examples import CachedFeatures, Captions, Questions, at_seed
from cirkit.experiments.change import UNCHANGED, Change, apply
from cirkit.experiments.experiment import Column, Experiment, Test
from cirkit.models.region_classifier import RegionClassifier
from cirkit.papers.clip_family.shared_clip import on_accelerator, outcome
from cirkit.query import Benchmark, Images
from cirkit.regions import Regions
from cirkit.training.labels import label_cross_entropy
from cirkit.training.loop import Training, Weights
from cirkit.training.optimisers import adamw
from cirkit.training.samplers import shuffled
from cirkit.training.schedules import cosine_with_warmup
from cirkit.worlds import captions, clevr, clevr_scenes, groups
from cirkit.worlds.publish import drawn
from cirkit.worlds.regions import locate
from cirkit.worlds.render import render
from cirkit.worlds.scene import Scene

TABLE = "Region encoder"
COLUMNS = {TABLE: (Column("regions", Accuracy()),)}
SEED = 4_000_000  # of the scenes that the encoder learns from, far from those of any run
FLOOR = "floor"  # the label of a crop that shows no thing
SIDE = 32  # pixels of a crop
CHUNK = 64  # scenes that are cut at a time
CAMERA, LIGHT = 0.3, 0.15  # by which both stray, as in the worlds
Scenes = Callable[[Any, str], Sequence[Scene]]  # of a world's size and a split


@dataclass(frozen=True, kw_only=True)
class Size:
    """How long the region encoder learns, on the crops of how many scenes of either kind, and its width."""

    steps: int
    scenes: int
    held_out: int
    width: int = 64
    widths: tuple[int, ...] = (16, 32, 64)
    batch: int = 64


SIZES = {
    "smoke": Size(steps=2, scenes=6, held_out=4, width=12, widths=(8, 12, 16), batch=16),
    "cpu": Size(steps=1200, scenes=800, held_out=120),
    "gpu": Size(steps=10_000, scenes=12_000, held_out=1000, width=256, widths=(32, 64, 128)),
}


def flickr30k_scenes(size: captions.Size, split: str) -> Sequence[Scene]:
    """Those of the Flickr30k world."""
    return captions.world(size, split, captions.STREAMS["flickr30k"])[0]


def coco_scenes(size: captions.Size, split: str) -> Sequence[Scene]:
    """Those of the COCO world."""
    return captions.world(size, split, captions.STREAMS["coco"])[0]


def clevr_scenes_of(size: clevr.Size, split: str) -> Sequence[Scene]:
    """Those of the CLEVR world."""
    return clevr.scenes(size, split)


def label(scene: Scene, thing: int) -> str:
    """What a region shows, as one word: `large-red-metal-cube`, or the floor."""
    if thing < 0:
        return FLOOR
    one = scene.things[thing]
    return "-".join((one.size, one.colour, one.material, one.shape))


def labelled_crops(*, scenes: int, seed: int) -> Captions:
    """Crops of things of both kinds of scenes, and of the floor where nothing stands, each with its label."""
    rng = np.random.default_rng([seed])
    cores = groups.cores()["train"]
    few = [
        groups.dress(rng, groups.sample(rng, cores[rng.integers(len(cores))], (0, 3)), CAMERA, LIGHT)
        for _ in range(scenes)
    ]
    many = [clevr_scenes.scatter(rng, 3, 10, CAMERA, LIGHT) for _ in range(scenes // 2)]
    parts, labels = [], []
    for chosen, pixels in ((few, 64), (many, 96)):
        for start in range(0, len(chosen), CHUNK):
            some = chosen[start : start + CHUNK]
            found = locate(some, pixels, 4)
            shown = found.mask & ((found.thing >= 0) | found.empty)
            cut = crops(render(some, pixels).images, found.boxes, SIDE)
            parts.append(cut[shown])
            labels += [label(some[i], int(found.thing[i, j])) for i, j in shown.nonzero().tolist()]
    return Captions(text=labels, image=torch.cat(parts))


def labels_of_crops(*, scenes: int, seed: int) -> Questions:
    """The same as a test: what does each show?"""
    held = labelled_crops(scenes=scenes, seed=seed)
    return Questions(
        images=held.image,
        about=torch.arange(len(held)),
        text=["what is it"] * len(held),
        answers=[(label,) for label in held.text],
    )


def crop_encoder(size: Size) -> Callable[[], CropEncoder]:
    """The region encoder of a scale."""
    return partial(CropEncoder, encoder=partial(SmallResNet, width=size.width, widths=size.widths), side=SIDE)


def training(scale: str) -> Training:
    """The region encoder learns to tell size, colour, material and shape together."""
    size = SIZES[scale]
    return Training(
        model=partial(RegionClassifier, crops=crop_encoder(size)),
        data=partial(labelled_crops, scenes=size.scenes, seed=SEED),
        objective=label_cross_entropy,
        optimiser=adamw(lr=2e-3),
        steps=size.steps,
        batch=size.batch,
        schedule=cosine_with_warmup(),
        sampler=shuffled,
    )


def encoder(scale: str) -> outcome:
    """The one region encoder of a scale, with its weights; trained first where they are missing."""
    return outcome(Weights(of=training(scale), seed=0, part="crops"))


@dataclass(frozen=True)
class Views:
    """Images and the boxes of their regions, by rows."""

    images: Images
    boxes: Float[Tensor, "n r 4"]
    mask: Bool[Tensor, "n r"]
    texts: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, index: Int[Tensor, " b"]) -> "Views":
        return Views(self.images[index], self.boxes[index], self.mask[index])

    def to(self, device: torch.device) -> "Views":
        """The same rows, decoded, on `device`."""
        return Views(self.images.to(device), self.boxes.to(device), self.mask.to(device))


@dataclass(frozen=True, kw_only=True)
class views:
    """The images that a reader gives of a world, and where their regions are."""

    data: drawn[Any]
    scenes: Scenes
    others: int

    def __call__(self) -> Views:
        """Row i is image i of the data."""
        held, size = self.data(), self.data.size
        every = self.scenes(size, self.data.settings["split"])
        found = locate([every[row] for row in rows_of(held)], size.image, self.others)
        return Views(images_of(held), found.boxes, found.mask)


def images_of(held: Benchmark | Questions) -> Images:
    """What a reader gives regions for: a gallery, or the images asked about."""
    return held.gallery if isinstance(held, Benchmark) else held.images


def rows_of(held: Benchmark | Questions) -> Sequence[int]:
    """The number in its split of each image."""
    return range(len(held.gallery)) if isinstance(held, Benchmark) else sorted(set(held.image_index))


def region_features(model: CropEncoder, batch: Views) -> Mapping[str, Tensor]:
    """The parts of `Regions`."""
    found = model(batch.images, batch.boxes, batch.mask)
    return {"vectors": found.vectors, "boxes": found.boxes, "mask": found.mask}


@dataclass(frozen=True, kw_only=True)
class with_regions:
    """What a reader gives of a world's split, in some form, its images as regions that the shared encoder has read."""

    data: drawn[Any]
    scenes: Scenes
    encoder: Callable[[], nn.Module]
    form: Callable[[Any], Any]
    others: int = 0

    def __call__(self) -> Any:
        seen = views(data=self.data, scenes=self.scenes, others=self.others)
        features = CachedFeatures(data=seen, model=on_accelerator(self.encoder), encode=region_features)()
        regions, held = Regions(**features.tensors), self.data()
        part = "gallery" if isinstance(held, Benchmark) else "images"
        return self.form(replace(held, **{part: regions}))

    def of_seed(self, seed: int) -> "with_regions":
        """Of the world that a run of `seed` reads."""
        return replace(self, data=at_seed(self.data, seed))


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """The region encoder as a row of its own; none at the `paper` scale, whose features were published."""
    if scale == "paper":
        return []
    return [
        Experiment(
            name="alignment/regions",
            paper="alignment",
            table=TABLE,
            row="crops of things and of the floor",
            scale=scale,
            basis="world",
            seeds=(0,),
            training=apply(change, training(scale)),
            tests={"regions": Test(partial(labels_of_crops, scenes=SIZES[scale].held_out, seed=SEED + 1), answers())},
        )
    ]
