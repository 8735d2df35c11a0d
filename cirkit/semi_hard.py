"""VAL's loss: the hardest negative among those that are no nearer than the right answer, level by level.

Chen, Gong and Bazzani (2020), with a margin of .2; a row of MAAF's Tables 3 and 7.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cirkit.query import Batch


def own_positive(scores: Float[Tensor, "b b"]) -> Float[Tensor, "b 1"]:
    """What a negative is compared with to be semi-hard: the right answer of its own query."""
    return scores.diagonal()[:, None]


def column_positive(scores: Float[Tensor, "b b"]) -> Float[Tensor, "1 b"]:
    """The same in VAL's released code, where broadcasting compares (i, j) with the right answer of query j."""
    return scores.diagonal()[None]


@dataclass(frozen=True, kw_only=True)
class semi_hard_triplet:
    """Both ways, the mean over i of max(0, margin + s_ij - s_ii) at the best j among the wrong that score no higher.

    VAL (Chen et al., 2020) with scores minus squared distances; a row whose every negative scores higher costs
    nothing. `against=column_positive` is the released code.
    """

    margin: float = 0.2
    against: Callable[[Tensor], Tensor] = own_positive

    def __call__(self, scores: Float[Tensor, "b b"]) -> Float[Tensor, ""]:
        return self._one_way(scores) + self._one_way(scores.mT)

    def _one_way(self, scores: Float[Tensor, "b b"]) -> Float[Tensor, ""]:
        right = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
        allowed = (scores <= self.against(scores)) & ~right
        best = scores.masked_fill(~allowed, -torch.inf).amax(1)  # (b)
        return (self.margin + best - scores.diagonal()).relu().mean()


@dataclass(frozen=True)
class by_level:
    """The objective that sums `loss` over the levels of a model that scores level by level, as VAL does."""

    loss: Callable[[Tensor], Tensor]

    def __call__(self, model: nn.Module, batch: Batch) -> Float[Tensor, ""]:
        levels = model.by_level(model.compose(batch.query), model.encode(batch.target))  # (l, b, b)
        return torch.stack([self.loss(each) for each in levels]).sum()
