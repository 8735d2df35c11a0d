"""The world CLIP: a small CLIP trained from scratch on captions of every kind of scene, from which other rows begin.

It stands where the papers have OpenAI's weights (CompoDiff §5.1, PVLF §4.1). Radford et al. (2021) is what is done; the
images are of a seed of their own, so no image of a benchmark is seen.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import torch
from jaxtyping import Int
from torch import Tensor, nn

from cirkit.encoders.clip import open_clip
from cirkit.encoders.preprocessing import Preprocessing
from cirkit.errors import Problem
from cirkit.evaluators.measures import Recall
from cirkit.experiments.change import UNCHANGED, Change, apply
from cirkit.experiments.experiment import Column, Experiment, Test
from cirkit.losses.contrastive import symmetric_softmax
from cirkit.models.dual_encoder import DualEncoder
from cirkit.query import Benchmark, Query, Select, Triplets
from cirkit.training.loop import Training, Weights
from cirkit.training.objectives import ranking
from cirkit.training.optimisers import adamw
from cirkit.training.schedules import cosine_with_warmup
from cirkit.worlds.image_texts import CLASSES, FAMILIES, Album, album
from cirkit.worlds.writing import an

TABLE = "World CLIP"
COLUMNS = {
    TABLE: (
        Column("text_to_image", Recall(1)),
        Column("text_to_image", Recall(10)),
        Column("image_to_text", Recall(1)),
        Column("image_to_text", Recall(10)),
        Column("classification", Recall(1)),
    )
}
PART = "clip"  # what other rows begin from
SEED = 3_000_000  # of these images, far from those of any run


@dataclass(frozen=True, kw_only=True)
class Size:
    """How long, on how many images of each family, and both towers; `context` is in pieces, `pixels` of a side."""

    steps: int
    count: int
    held_out: int  # images of each family that are tested on
    pixels: int
    patch: int
    batch: int
    width: int = 128
    layers: int = 4
    words: int = 128  # width of the text tower
    text_layers: int = 3
    context: int = 40


SIZES = {
    "smoke": Size(
        steps=2, count=24, held_out=12, pixels=32, patch=8, batch=16, width=32, layers=1, words=32, text_layers=1
    ),
    "cpu": Size(steps=3600, count=4400, held_out=250, pixels=48, patch=8, batch=64),
    "gpu": Size(
        steps=20_000, count=20_000, held_out=1000, pixels=96, patch=8, batch=512, width=384, layers=8, words=256,
        text_layers=6,
    ),
}  # fmt: skip


@lru_cache(maxsize=2)
def albums(split: str, count: int, pixels: int, seed: int) -> Mapping[str, Album]:
    """Images of every family and what is written of them."""
    return {name: album(name, split, count, pixels, seed) for name in FAMILIES}


def captions(*, count: int, pixels: int, seed: int = SEED) -> Triplets:
    """Each text asks for the image it is written of; `reference` numbers the images, `group` names the family."""
    found = albums("train", count, pixels, seed)
    every = [(name, texts) for name, each in found.items() for texts in each.texts]
    owner = torch.tensor([row for row, (_, texts) in enumerate(every) for _ in texts])
    return Triplets(
        query=Query(text=[text for _, texts in every for text in texts]),
        target=Select(torch.cat([each.images for each in found.values()]), owner),
        reference=owner,
        group=[name for name, texts in every for _ in texts],
    )


@dataclass(frozen=True)
class few_families:
    """Batches shared by `families` of the families, drawn anew for each batch; an image has one of its captions there.

    Images of one family are the negatives that teach; those of another keep families apart.
    """

    families: int = 2

    def __call__(self, examples: Triplets, batch: int, generator: torch.Generator) -> Iterator[Int[Tensor, " b"]]:
        names = list(dict.fromkeys(examples.group))
        family = torch.tensor([names.index(name) for name in examples.group])
        each = batch // self.families
        texts = examples.reference.bincount()  # of each image
        first = texts.cumsum(0) - texts
        of = [examples.reference[family == number].unique() for number in range(len(names))]
        if min(map(len, of)) < each:
            raise Problem(f"A family has fewer than {each} images; choose a smaller batch.")
        queues: list[Tensor] = [torch.arange(0)] * len(names)
        while True:
            rows = []
            for number in torch.randperm(len(names), generator=generator)[: self.families].tolist():
                if len(queues[number]) < each:
                    queues[number] = of[number][torch.randperm(len(of[number]), generator=generator)]
                image, queues[number] = queues[number][:each], queues[number][each:]
                rows.append(first[image] + (torch.rand(each, generator=generator) * texts[image]).long())
            yield torch.cat(rows)


def text_to_image(*, count: int, pixels: int, seed: int = SEED) -> Benchmark:
    """The longest text of each held-out image, among its family's images; all of which the same is written count."""
    found = albums("test", count, pixels, seed)
    text, relevant, candidates = [], [], []
    for each in found.values():
        family = range(len(text), len(text) + len(each.texts))
        mine = [max(texts, key=len).removeprefix("a photo of ") for texts in each.texts]
        same = {one: [row for row, other in zip(family, mine, strict=True) if other == one] for one in mine}
        text += mine
        relevant += [same[one] for one in mine]
        candidates += [family] * len(mine)
    return Benchmark(
        name="text-to-image",
        query=Query(text=text),
        gallery=torch.cat([each.images for each in found.values()]),
        relevant=relevant,
        candidates=candidates,
        group=[name for name, each in found.items() for _ in each.texts],
    )


def image_to_text(*, count: int, pixels: int, seed: int = SEED) -> Benchmark:
    """Each held-out image, among the longest texts of its family's images."""
    other = text_to_image(count=count, pixels=pixels, seed=seed)
    return replace(other, name="image-to-text", query=Query(image=other.gallery), gallery=list(other.query.text))


def classification(*, count: int, pixels: int, seed: int = SEED) -> Benchmark:
    """Each held-out image of a family with classes, among `a photo of` each of them: zero-shot classification."""
    found = {name: albums("test", count, pixels, seed)[name] for name in CLASSES}
    prompts, relevant, candidates = [], [], []
    for each in found.values():
        names = sorted(set(each.label))
        family = range(len(prompts), len(prompts) + len(names))
        prompts += [f"a photo of {an(name)}" for name in names]
        relevant += [[family[names.index(label)]] for label in each.label]
        candidates += [family] * len(each.label)
    return Benchmark(
        name="classification",
        query=Query(image=torch.cat([each.images for each in found.values()])),
        gallery=prompts,
        relevant=relevant,
        candidates=candidates,
        group=[name for name, each in found.items() for _ in each.label],
    )


TESTS = (text_to_image, image_to_text, classification)


def clip(scale: str) -> Callable[[], nn.Module]:
    """The architecture of a scale, with random weights for `start` to fill; `paper` has none, but OpenAI's CLIP."""
    size = SIZES[scale]
    image = {"image_size": size.pixels, "patch_size": size.patch, "width": size.width, "layers": size.layers}
    text = {"context_length": size.context, "width": size.words, "layers": size.text_layers, "heads": size.words // 32}
    arch = {"embed_dim": size.width, "vision_cfg": image | {"head_width": 32}, "text_cfg": text}
    return partial(open_clip, arch=arch, preprocessing=Preprocessing(size=size.pixels))


def training(scale: str, towers: Callable[[], nn.Module] | None = None) -> Training:
    """The symmetric contrastive loss over a learned temperature, both towers from random weights: a scale's own, or
    another layout's."""
    size = SIZES[scale]
    return Training(
        model=partial(DualEncoder, clip=towers or clip(scale)),
        data=partial(captions, count=size.count, pixels=size.pixels, seed=SEED),
        objective=ranking(symmetric_softmax),
        optimiser=adamw(lr=1e-3, weight_decay=0.1),
        steps=size.steps,
        batch=size.batch,
        schedule=cosine_with_warmup(),
        sampler=few_families(),
    )


def start(scale: str) -> dict[str, Weights]:
    """What the rows of a scale begin from: one CLIP for all of them; that of `paper` rows has its weights already."""
    return {PART: Weights(of=training(scale), seed=0, part=PART)}


def row_of(training: Training, scale: str, *, name: str, paper: str, table: str, row: str) -> Experiment:
    """A CLIP's training as a row of its own, tested on held-out images of every kind."""
    size = SIZES[scale]
    held_out = {"count": size.held_out, "pixels": size.pixels, "seed": SEED}
    return Experiment(
        name=name,
        paper=paper,
        table=table,
        row=row,
        scale=scale,
        basis="world",
        seeds=(0,),
        training=training,
        tests={test.__name__: Test(partial(test, **held_out)) for test in TESTS},
    )


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """The training as a row of its own; none at the `paper` scale, which has OpenAI's weights instead."""
    if scale == "paper":
        return []
    name, row = "clip_family/world_clip", "Both towers from random weights"
    return [row_of(apply(change, training(scale)), scale, name=name, paper="clip_family", table=TABLE, row=row)]
