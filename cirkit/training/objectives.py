"""Objectives: a model and a batch in, a loss out.

MAAF §2.4, eq. 5; VAL (Chen et al., 2020) sums its loss over levels; CLIP4Cir's second stage needs no encoder.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cirkit.examples import Features
from cirkit.models.base import Retriever
from cirkit.query import Batch
from cirkit.training.distributed import gather

Loss = Callable[[Float[Tensor, "b b"]], Float[Tensor, ""]]
Objective = Callable[[nn.Module, Any], Float[Tensor, ""]]


@dataclass(frozen=True)
class ranking:
    """The objective that scores every query of a batch against every target and hands the matrix to `loss`."""

    loss: Loss

    def __call__(self, model: Retriever, batch: Batch) -> Float[Tensor, ""]:
        composed, gallery = gather(model.compose(batch.query)), gather(model.encode(batch.target))
        return self.loss(model.score(composed, gallery))


@dataclass(frozen=True)
class ranking_features:
    """`ranking` of a model's `fusion` alone, from features `image`, `text` and `target` that were computed once.

    The encoders are not run and do not learn; the features are theirs, as `encode` gives them.
    """

    loss: Loss

    def __call__(self, model: nn.Module, batch: Features) -> Float[Tensor, ""]:
        features = batch.tensors
        composed = gather(model.fusion(features["image"], features["text"]))
        return self.loss(model.score(composed, gather(features["target"])))


@dataclass(frozen=True)
class by_level:
    """The objective that sums `loss` over the levels of a model that scores level by level, as VAL does."""

    loss: Loss

    def __call__(self, model: nn.Module, batch: Batch) -> Float[Tensor, ""]:
        composed, gallery = gather(model.compose(batch.query)), gather(model.encode(batch.target))
        levels = model.by_level(composed, gallery)  # (l, b, b)
        return torch.stack([self.loss(each) for each in levels]).sum()
