"""The CLIP that all rows of the family read: the worlds' own, trained once, or a published one at `paper` scale.

Every method here but ARTEMIS stands on a frozen CLIP in its paper, so its trainings read features computed once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cirkit.benchmarks import captions
from cirkit.encoders.clip import open_clip
from cirkit.encoders.preprocessing import Fit, Preprocessing, shortest_side
from cirkit.examples import CachedFeatures, Captions, Examples, Features, at_seed
from cirkit.papers.clip_family import world_clip
from cirkit.query import Triplets
from cirkit.training.loop import Weights

Factory = Callable[[], nn.Module]


@dataclass(frozen=True)
class outcome:
    """The part of a model that `weights` name, frozen; what is not there yet is trained first."""

    weights: Weights

    def __call__(self) -> nn.Module:
        """In evaluation mode; weights of any code will do, as for a training that begins from them."""
        from cirkit.experiments.trainings import Trainer, any_code

        trainer = Trainer(accept=any_code, local=True)  # local: a changed row's own, where no committed row has them
        model = trainer(self.weights.of, self.weights.seed or 0).model
        return model.get_submodule(self.weights.part).requires_grad_(False).eval()

    def of_seed(self, seed: int) -> "outcome":
        """The part as a run of `seed` has it."""
        return self if self.weights.seed is not None else outcome(replace(self.weights, seed=seed))


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A CLIP as rows declare it: `clip` lays it out, and `start` fills it where `clip` leaves its weights random."""

    clip: Factory
    start: Mapping[str, Weights] = field(default_factory=dict)

    @property
    def whole(self) -> Factory:
        """A factory of the CLIP with its weights in it."""
        return outcome(self.start["clip"]) if self.start else self.clip


def backbone(scale: str, arch: str = "ViT-L-14-quickgelu", size: int = 224, fit: Fit = shortest_side) -> Backbone:
    """The CLIP of a scale; which one, and how images are fitted, is a choice at `paper` scale alone, of OpenAI's."""
    if scale != "paper":
        return Backbone(clip=world_clip.clip(scale), start=world_clip.start(scale))
    preprocessing = Preprocessing(size=size, fit=fit)
    return Backbone(clip=partial(open_clip, arch=arch, pretrained="openai", preprocessing=preprocessing))


@dataclass(frozen=True)
class on_accelerator:
    """A factory's module on the GPU, where there is one: features are shared by runs, whatever device those are on."""

    model: Factory

    def __call__(self) -> nn.Module:
        """The module, moved."""
        return self.model().to("cuda" if torch.cuda.is_available() else "cpu")


@dataclass(frozen=True, kw_only=True)
class features:
    """`CachedFeatures` of the data, and by the model, of the run that reads them."""

    data: Callable[[], Examples]
    model: Factory
    encode: Callable[[nn.Module, Any], Mapping[str, Tensor]]

    def __call__(self) -> Features:
        """Those of seed 0."""
        return self.of_seed(0)()

    def of_seed(self, seed: int) -> CachedFeatures:
        """Those of a run of `seed`."""
        model = on_accelerator(at_seed(self.model, seed))
        return CachedFeatures(data=at_seed(self.data, seed), model=model, encode=self.encode)


def image_features(clip: nn.Module, batch: Captions) -> dict[str, Tensor]:
    """A CLIP's vectors of the images, for Pic2Word's φ."""
    return {"image": clip.image(batch.image)}


@dataclass(frozen=True)
class captions_of:
    """Texts that ask for their images, as images and captions of them."""

    data: Callable[[], Triplets]

    def __call__(self) -> Captions:
        """Row i says what image i shows; an image stands once for each of its captions."""
        found = self.data()
        return Captions(text=found.texts, image=found.target, reference=found.reference)


@dataclass(frozen=True)
class texts_alone:
    """The texts of the same, for LinCIR, which sees no image."""

    data: Callable[[], Triplets]

    def __call__(self) -> Captions:
        """Row i is caption i."""
        return Captions(text=self.data().texts)


def no_examples() -> Captions:
    """What a row without training learns from."""
    return Captions(text=())


@dataclass(frozen=True, kw_only=True)
class each_image:
    """`most` of the images, evenly spread over them, each once and with its first caption."""

    data: Callable[[], Captions]
    most: int

    def __call__(self) -> Captions:
        """Decoded."""
        held = self.data()
        first: dict[int, int] = {}
        for row, image in enumerate(held.reference.tolist()):
            first.setdefault(image, row)
        rows = torch.tensor(list(first.values()))
        return held[rows[torch.linspace(0, len(rows) - 1, min(self.most, len(rows))).long()]]


def coco(*, root: str) -> Triplets:
    """COCO's training images and captions, from `dataset_coco.json` and the folders of 2014."""
    return captions.train(Path(root), captions.karpathy(Path(root) / "dataset_coco.json", "train"))


def image_texts(scale: str, root: str) -> Callable[[], Triplets]:
    """Texts and the images that they are of, none of a benchmark: what the zero-shot methods learn from.

    At the small scales those that the world CLIP itself has read; at `paper` COCO's, where the papers take CC3M,
    ImageNet and prompts of users.
    """
    return partial(coco, root=f"{root}/coco") if scale == "paper" else world_clip.training(scale).data
