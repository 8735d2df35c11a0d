"""CompoDiff's trainings as rows share them: stage 1, stage 2 with its mix, the student, and the one-shot rival.

CompoDiff §3.2, §5.1 and Table A.1; everything learns from features that the world CLIP computed once.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import torch
from torch import nn

from cirkit.benchmarks import synth_triplets
from cirkit.benchmarks.synth_triplets import retold
from cirkit.examples import Captions
from cirkit.experiments.experiment import Experiment
from cirkit.models.compodiff import CompoDiff, Encoders, Sampling
from cirkit.models.denoiser import Denoiser, DenoiserFactory
from cirkit.models.eclipse import OneShot, Regressor, Student
from cirkit.models.masking import gaussian_noise
from cirkit.models.prior import PriorLayers, PriorLike
from cirkit.papers.clip_family.recipes import Recipe
from cirkit.papers.clip_family.shared_clip import Backbone, backbone, captions_of, features, image_texts
from cirkit.papers.compodiff.diffusion_settings import TRIPLETS, CompoDiffSetting
from cirkit.training.averages import averaged
from cirkit.training.diffusion import (
    conversion,
    guided_distillation,
    masked_caption_features,
    projection,
    side_by_side,
    stage_2,
    triplet_features,
)
from cirkit.training.loop import Training, Weights
from cirkit.training.objectives import Objective
from cirkit.worlds.publish import drawn_each_seed
from cirkit.worlds.synth_triplets import SYNTH_TRIPLETS

TextFactory = Callable[[], nn.Module] | None
MIX, EDITS_ALONE = (0.3, 0.3, 0.4), (0.0, 0.0, 1.0)  # of eq. 1, 2 and 3 in stage 2; Table 8


@dataclass(frozen=True, kw_only=True)
class spread:
    """`most` of the captions with their images, evenly spread over all of them."""

    data: Callable[[], Captions]
    most: int

    def __call__(self) -> Captions:
        """Decoded."""
        held = self.data()
        return held[torch.linspace(0, len(held) - 1, min(self.most, len(held))).long()]


def triplets(scale: str, root: str, count: int, keyless: float | None = None) -> Callable[[], Any]:
    """So many synthetic triplets, each seed's own; `keyless` is the share that has an instruction and no keywords.

    At `paper` scale those that lie in the folder, all of them.
    """
    if scale == "paper":
        return partial(synth_triplets.train, root=f"{root}/synth_triplets", words=retold)
    size = replace(TRIPLETS[scale], triplets=count)
    size = size if keyless is None else replace(size, keyless=keyless)
    return drawn_each_seed(synth_triplets.train, SYNTH_TRIPLETS, size, {"words": retold})


@dataclass(frozen=True, kw_only=True)
class Family:
    """The trainings of one scale under one choice of text encoders; None is CLIP's own."""

    setting: CompoDiffSetting
    scale: str
    root: str
    text: tuple[TextFactory, ...] = (None,)

    @cached_property
    def clip(self) -> Backbone:
        """The frozen CLIP that all read."""
        return backbone(self.scale)

    @property
    def _encoders(self) -> Callable[[], nn.Module]:
        return partial(Encoders, clip=self.clip.whole, text=self.text, erase=gaussian_noise())

    @property
    def _captions(self) -> Callable[[], Any]:
        data = spread(data=captions_of(image_texts(self.scale, self.root)), most=self.setting.images)
        return features(data=data, model=self._encoders, encode=masked_caption_features())

    def _edits(self, data: Callable[[], Any]) -> Callable[[], Any]:
        return features(data=data, model=self._encoders, encode=triplet_features)

    @property
    def all_triplets(self) -> Callable[[], Any]:
        """The most triplets of the scale."""
        return triplets(self.scale, self.root, self.setting.triplets[-1])

    @property
    def _layout(self) -> dict[str, int]:
        return {"blocks": self.setting.blocks, "heads": self.setting.heads, "head_width": self.setting.head_width}

    @property
    def _denoiser(self) -> DenoiserFactory:
        return partial(Denoiser, **self._layout, cross_heads=self.setting.cross_heads)

    @property
    def model(self) -> Callable[..., nn.Module]:
        """CompoDiff at this scale."""
        return partial(CompoDiff, clip=self.clip.clip, text=self.text, denoiser=self._denoiser)

    @property
    def sampling(self) -> Sampling:
        """What is chosen at test time, where a table does not vary it."""
        return Sampling(guidance=self.setting.guidance)

    def _training(
        self, recipe: Recipe, model: Callable[..., nn.Module], data: Callable[[], Any], objective: Objective, start: Any
    ) -> Training:
        step = averaged(decay=self.setting.decay)
        return recipe.training(model=model, data=data, objective=objective, start=start, step=step)

    @property
    def _from_clip(self) -> dict[str, Weights]:
        return {f"encoders.{part}": weights for part, weights in self.clip.start.items()}

    def stage_1(self) -> Training:
        """Eq. 1 on captions and images of the world at large."""
        return self._training(self.setting.stage_1, self.model, self._captions, conversion(), self._from_clip)

    def prior_like(self) -> Training:
        """Stage 1 of a denoiser whose conditions are tokens of its input."""
        model = partial(self.model, denoiser=partial(PriorLike, layers=partial(PriorLayers, **self._layout)))
        return self._training(self.setting.stage_1, model, self._captions, conversion(), self._from_clip)

    def stage_2(self, data: Callable[[], Any] | None = None, shares: tuple[float, float, float] = MIX) -> Training:
        """From stage 1 on: captions, masked captions and triplets (all of them, by default) in these shares."""
        both = side_by_side(captions=self._captions, triplets=self._edits(data or self.all_triplets))
        begun = {"": Weights(of=self.stage_1())}
        return self._training(self.setting.stage_2, self.model, both, stage_2(shares=shares), begun)

    def student(self) -> Training:
        """One call that imitates the guided samples of the two stages' outcome."""
        teacher = partial(self.model, sampling=self.sampling)
        model = partial(Student, teacher=teacher, regressor=partial(Regressor, denoiser=self._denoiser))
        begun = {"teacher": Weights(of=self.stage_2())}
        edits = self._edits(self.all_triplets)
        return self._training(self.setting.student, model, edits, guided_distillation(), begun)

    def eclipse(self) -> Training:
        """One call that regresses the target's vector of triplets: no noise, no guidance."""
        regressor = partial(Regressor, denoiser=self._denoiser)
        model = partial(OneShot, clip=self.clip.clip, text=self.text, regressor=regressor)
        edits = self._edits(self.all_triplets)
        return self._training(self.setting.eclipse, model, edits, projection(), self._from_clip)

    def experiment(
        self, name: str, label: str, training: Training, *, table: str, seeds: int | None = None, **others: Any
    ) -> Experiment:
        """A row of this paper; `seeds` is how many of the setting's it has, None all. `others` are more fields."""
        return Experiment(
            name=f"compodiff/{name}",
            paper="compodiff",
            table=table,
            row=label,
            scale=self.scale,
            basis="original" if self.scale == "paper" else "world",
            seeds=self.setting.seeds[:seeds],
            training=training,
            **others,
        )
