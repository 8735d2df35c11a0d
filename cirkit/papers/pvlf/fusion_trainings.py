"""Trainings of TransAgg and PVLF over the towers of a scale, from tokens computed once where the towers are frozen.

PVLF §3.2.3 and §4.1.4; what the paper leaves open follows TransAgg (see `cirkit.models.pvlf`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from cirkit.encoders.prompts import PromptedClip
from cirkit.encoders.word_vectors import Tuning, frozen, tuned
from cirkit.losses.contrastive import batch_softmax
from cirkit.losses.focal import focal
from cirkit.models.pvlf import Prompts, pvlf
from cirkit.models.transagg import Fusion, TransAgg, triplet_tokens
from cirkit.papers.clip_family.shared_clip import features
from cirkit.papers.pvlf.fusion_encoders import towers
from cirkit.papers.pvlf.fusion_settings import SOURCES, FusionSetting, triplets
from cirkit.training.loop import Training
from cirkit.training.objectives import Loss, ranking
from cirkit.training.samplers import shuffled
from cirkit.training.tokens import ranking_tokens


@dataclass(frozen=True, kw_only=True)
class Fusions:
    """Trainings that share their towers, which of these learn, and who wrote the texts of their triplets."""

    setting: FusionSetting
    scale: str
    root: str
    encoder: str
    tuning: Tuning
    source: str = "combined"

    def transagg(self, *, layers: int | None = None) -> Training:
        """The baseline, under cross entropy."""
        return self._over_towers(partial(TransAgg, fusion=self._fusion(layers=layers or self.setting.layers)))

    def pvlf(
        self,
        *,
        loss: Loss | None = None,
        length: int | None = None,
        layers: int | None = None,
        depth: int | None = None,
        prompts: Callable[..., nn.Module] = Prompts,
        **fusion: Any,
    ) -> Training:
        """PVLF-Deep as in the paper, under the focal loss, or another choice; with a length of 0 it is TransAgg."""
        model = partial(
            pvlf,
            length=self.setting.prompt_length if length is None else length,
            layers=layers or self.setting.layers,
            depth=depth,
            prompts=prompts,
            fusion=self._fusion(**fusion),
        )
        return self._over_towers(model, loss or focal())

    def inside(self, prompts: Callable[..., nn.Module]) -> Training:
        """Frozen towers with prompts in them, which learn with TransAgg's fusion; their tokens change at each step."""
        base = towers(self.encoder, self.scale)
        clip = partial(PromptedClip, clip=base.clip, prompts=prompts)
        model = partial(TransAgg, clip=clip, tuning=tuned, fusion=self._fusion(layers=self.setting.layers))
        start = {f"clip.{part}": weights for part, weights in base.start.items()}
        return self._training(model, self._triplets(), ranking(batch_softmax), start)

    def _over_towers(self, model: Callable[..., nn.Module], loss: Loss = batch_softmax) -> Training:
        base = towers(self.encoder, self.scale)
        whole = partial(model, clip=base.clip, tuning=self.tuning)
        if self.tuning is not frozen or self.scale == "paper":  # whose tokens would take tens of gigabytes
            return self._training(whole, self._triplets(), ranking(loss), base.start)
        read = features(data=self._triplets(), model=base.whole, encode=triplet_tokens)
        return self._training(whole, read, ranking_tokens(loss), base.start)

    def _fusion(self, **parts: Any) -> Callable[..., nn.Module]:
        return partial(Fusion, hidden=self.setting.hidden, dropout=self.setting.dropout, **parts)

    def _triplets(self) -> Callable[[], Any]:
        return triplets(self.scale, self.root, SOURCES[self.source])

    def _training(self, model: Callable[..., nn.Module], data: Any, objective: Any, start: Any) -> Training:
        return Training(
            model=model,
            data=data,
            objective=objective,
            optimiser=self.setting.optimiser,
            steps=self.setting.steps,
            batch=self.setting.batch,
            schedule=self.setting.schedule,
            sampler=shuffled,
            start=start,
            step=self.setting.step,
        )
