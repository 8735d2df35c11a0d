"""SCAN on the counterparts of Flickr30k and COCO: Table 2, each affected row in both layouts.

Cao et al. (2022), §5.3: text to image, average pooling, hardest negatives at a margin of .2, gradients clipped at 2.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from cirkit.attention.cross_attention import CrossAttention, clipped_l2, released_layout
from cirkit.benchmarks import captions
from cirkit.benchmarks.bottom_up import caption_search, image_search, precomputed, training_pairs
from cirkit.evaluators.measures import Recall
from cirkit.evaluators.rsum import Rsum
from cirkit.experiments.artifacts import Exhibit
from cirkit.experiments.change import UNCHANGED, Change, apply
from cirkit.experiments.curves import Curve
from cirkit.experiments.experiment import Column, Experiment, Test
from cirkit.losses.triplet import all_negatives, hinge
from cirkit.models.scan import SCAN, CaptionEncoder
from cirkit.papers.alignment import region_data
from cirkit.papers.alignment.attention_exhibits import CaptionExamples, ImageExamples, NamedRegions
from cirkit.papers.alignment.region_data import Scenes, with_regions
from cirkit.papers.alignment.scores import ROWS, SCRAMBLED, score
from cirkit.query import Benchmark
from cirkit.training.clipping import clip_gradients
from cirkit.training.loop import Training, Weights
from cirkit.training.objectives import ranking
from cirkit.training.optimisers import adamw
from cirkit.training.samplers import shuffled
from cirkit.training.schedules import Schedule, cosine_with_warmup, step_decay
from cirkit.training.steps import Optimiser
from cirkit.worlds.captions import COCO, FLICKR30K
from cirkit.worlds.publish import World, drawn, drawn_each_seed

VALIDATION = 4_100_001  # the seed of worlds for validation curves
MEASURES = (Recall(1), Recall(10), Rsum())
FORMS = {"text_to_image": image_search, "image_to_text": caption_search}  # image and sentence retrieval


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One of the two: its world with a size by scale, and where SCAN's files of the original lie below the root."""

    table: str
    world: World
    sizes: Mapping[str, Any]
    read: Callable[..., Benchmark]
    scenes: Scenes
    folder: str


@dataclass(frozen=True, kw_only=True)
class MatchingSetting:
    """What a scale decides for all rows alike; `others` are the regions of an image beside its things'.

    A row first takes `first` steps with a loss over all negatives: with the hardest alone it may never leave the
    plateau on which all pairs score alike, as one row of one seed did.
    """

    first: int
    steps: int
    batch: int
    width: int
    word_width: int
    channels: int
    seeds: tuple[int, ...]
    others: int
    optimiser: Optimiser
    schedule: Schedule


def flickr30k_split(*, root: Path | str, split: str) -> Benchmark:
    """The images of a split and their captions, from the files of Multi30k."""
    return captions.text_to_image(Path(root) / captions.FOLDER, captions.multi30k(Path(root), split))


def coco_split(*, root: Path | str, split: str) -> Benchmark:
    """The same of COCO, from Karpathy's file."""
    return captions.text_to_image(Path(root), captions.karpathy(Path(root) / "dataset_coco.json", split))


DATASETS = {
    "flickr30k": Dataset(
        table="Table 2, Flickr30k",
        world=FLICKR30K,
        sizes={
            "smoke": FLICKR30K.sizes["smoke"],
            "cpu": replace(FLICKR30K.sizes["cpu"], train=2500, val=10, test=800),
            "gpu": replace(FLICKR30K.sizes["gpu"], train=20_000),
        },
        read=flickr30k_split,
        scenes=region_data.flickr30k_scenes,
        folder="f30k_precomp",
    ),
    "coco": Dataset(  # more things to an image, so that more captions are needed to tell them apart
        table="Table 2, COCO",
        world=COCO,
        sizes={
            "smoke": replace(COCO.sizes["smoke"], least=1, most=4),
            "cpu": replace(COCO.sizes["cpu"], train=2500, val=10, test=800, least=1, most=4),
            "gpu": replace(COCO.sizes["gpu"], train=20_000, test=1000, least=1, most=6),
        },
        read=coco_split,
        scenes=region_data.coco_scenes,
        folder="coco_precomp",
    ),
}
COLUMNS = {each.table: tuple(Column(test, m) for test in FORMS for m in MEASURES) for each in DATASETS.values()}


def _small(*, first: int, steps: int, seeds: tuple[int, ...], scale: str, **changes: Any) -> MatchingSetting:
    """Scales that train on a world: narrower vectors, AdamW at 1e-3 with warm-up and cosine decay, shorter training."""
    usual = MatchingSetting(
        first=first,
        steps=steps,
        batch=32,
        width=128,
        word_width=64,
        channels=region_data.SIZES[scale].width,
        seeds=seeds,
        others=3,
        optimiser=clip_gradients(optimiser=adamw(lr=1e-3, weight_decay=0.0), length=2.0),
        schedule=cosine_with_warmup(),
    )
    return replace(usual, **changes)


SETTINGS = {
    "smoke": _small(first=2, steps=3, seeds=(0,), scale="smoke", batch=8, width=8, word_width=6, others=2),
    "cpu": _small(first=400, steps=4000, seeds=(0, 1, 2, 3, 4), scale="cpu"),  # once through all captions
    "gpu": _small(
        first=800, steps=15_000, seeds=(0, 1, 2, 3, 4), scale="gpu", batch=128, width=512, word_width=300, others=10
    ),
    # 30 epochs of Flickr30k's 145,000 captions, the rate a tenth after half of them
    "paper": MatchingSetting(
        first=0,
        steps=34_000,
        batch=128,
        width=1024,
        word_width=300,
        channels=2048,
        seeds=(0, 1, 2, 3, 4),
        others=0,
        optimiser=clip_gradients(optimiser=adamw(lr=2e-4, weight_decay=0.0), length=2.0),
        schedule=step_decay(at=(1 / 2,)),
    ),
}


# 20 epochs of COCO's 566,435 captions in SCAN's files, the rate a tenth after half of them
COCO_PAPER = replace(
    SETTINGS["paper"],
    steps=88_500,
    optimiser=clip_gradients(optimiser=adamw(lr=5e-4, weight_decay=0.0), length=2.0),
)


@dataclass(frozen=True, kw_only=True)
class published:
    """SCAN's own features and captions of a split, in some form."""

    root: str
    folder: str
    split: str
    form: Callable[[Benchmark], Any]

    def __call__(self) -> Any:
        return self.form(precomputed(Path(self.root) / self.folder, self.split))


def data(dataset: str, scale: str, root: str, split: str, form: Callable[[Benchmark], Any]) -> Callable[[], Any]:
    """A split in some form: of the world of each seed, or of the published features."""
    each = DATASETS[dataset]
    if scale == "paper":
        return published(root=root, folder=each.folder, split=split, form=form)
    return _regions(dataset, scale, drawn_each_seed(each.read, each.world, each.sizes[scale], {"split": split}), form)


def _regions(dataset: str, scale: str, held: drawn[Benchmark], form: Callable[[Benchmark], Any]) -> with_regions:
    return with_regions(
        data=held,
        scenes=DATASETS[dataset].scenes,
        encoder=region_data.encoder(scale),
        form=form,
        others=SETTINGS[scale].others,
    )


def curve(dataset: str, scale: str, test: str) -> Curve:
    """The validation curve of a test, in a world of no run."""
    each = DATASETS[dataset]
    size = replace(each.sizes[scale], seed=VALIDATION)
    return Curve(_regions(dataset, scale, drawn(each.read, each.world, size, {"split": "test"}), FORMS[test]), MEASURES)


def models(setting: MatchingSetting) -> dict[str, tuple[str, Callable[..., Any]]]:
    """Every row by name: its label and its model. Those that the released layout affects stand in both layouts."""

    def model(name: str, norm: Callable[..., Any]) -> Callable[..., Any]:
        attention = partial(CrossAttention, alignment=score(name), norm=norm)
        text = partial(CaptionEncoder, width=setting.width, word_width=setting.word_width)
        return partial(SCAN, channels=setting.channels, text=text, attention=attention)

    rows = {name: (label, model(name, clipped_l2)) for name, label in ROWS.items()}
    return rows | {
        f"{name}_released": (f"{ROWS[name]}, released layout", model(name, released_layout)) for name in SCRAMBLED
    }


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """Table 2 at a scale; `root` holds SCAN's files, one folder per data set, for the `paper` scale."""
    return [
        found
        for dataset in DATASETS
        for found in _experiments(dataset, scale, root, apply(change, _setting(dataset, scale)))
    ]


def _setting(dataset: str, scale: str) -> MatchingSetting:
    return COCO_PAPER if (dataset, scale) == ("coco", "paper") else SETTINGS[scale]


def _experiments(dataset: str, scale: str, root: str, setting: MatchingSetting) -> list[Experiment]:
    return [
        Experiment(
            name=f"alignment/{dataset}/{name}",
            paper="alignment",
            table=DATASETS[dataset].table,
            row=label,
            scale=scale,
            basis="original" if scale == "paper" else "world",
            seeds=setting.seeds,
            training=_training(setting, model, data(dataset, scale, root, "train", training_pairs)),
            tests={test: Test(data(dataset, scale, root, "test", form)) for test, form in FORMS.items()},
            exhibits=_exhibits(dataset, scale),
        )
        for name, (label, model) in models(setting).items()
    ]


def _training(setting: MatchingSetting, model: Callable[..., Any], pairs: Callable[[], Any]) -> Training:
    """With the hardest negatives, after the first steps with all of them."""
    hardest = Training(
        model=model,
        data=pairs,
        objective=ranking(hinge()),
        optimiser=setting.optimiser,
        steps=setting.steps,
        batch=setting.batch,
        schedule=setting.schedule,
        sampler=shuffled,
    )
    if not setting.first:
        return hardest
    every = replace(hardest, objective=ranking(hinge(over=all_negatives)), steps=setting.first)
    return replace(hardest, start={"": Weights(of=every)})


def _exhibits(dataset: str, scale: str) -> dict[str, tuple[Exhibit, ...]]:
    """Validation curves, what nouns attend to, and a few captions and images."""
    if scale not in ("cpu", "gpu"):
        return {}
    each = DATASETS[dataset]
    named = NamedRegions(size=each.sizes[scale], scenes=each.scenes, others=SETTINGS[scale].others)
    return {
        "text_to_image": (curve(dataset, scale, "text_to_image"), named, CaptionExamples()),
        "image_to_text": (ImageExamples(),),
    }
