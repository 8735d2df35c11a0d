"""Objectives: a model and a batch in, a loss out.

MAAF §2.4, eq. 5; VAL (Chen et al., 2020) sums its loss over levels.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cirkit.models.base import Retriever
from cirkit.query import Batch


@dataclass(frozen=True)
class by_level:
    """The objective that sums `loss` over the levels of a model that scores level by level, as VAL does."""

    loss: Callable[[Tensor], Tensor]

    def __call__(self, model: nn.Module, batch: Batch) -> Float[Tensor, ""]:
        levels = model.by_level(model.compose(batch.query), model.encode(batch.target))  # (l, b, b)
        return torch.stack([self.loss(each) for each in levels]).sum()


Loss = Callable[[Tensor], Tensor]


Objective = Callable[[nn.Module, Batch], Tensor]


@dataclass(frozen=True)
class ranking:
    """The objective that scores every query of a batch against every target and hands the matrix to `loss`."""

    loss: Loss

    def __call__(self, model: Retriever, batch: Batch) -> Float[Tensor, ""]:
        return self.loss(model.score(model.compose(batch.query), model.encode(batch.target)))
