"""Triplet losses: soft over all negatives (TIRG), the hardest among the semi-hard (VAL), or of all (SCAN, VSE++).

Vo et al. (CVPR 2019) eq. 4; Chen, Gong and Bazzani (2020), with a margin of .2, a row of MAAF's Tables 3 and 7;
Lee et al. (ECCV 2018), eq. 13 and 14.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus


def soft_triplet(scores: Float[Tensor, "b b"]) -> Float[Tensor, ""]:
    """The mean over i ≠ j of log(1 + exp(s_ij - s_ii)).

    Raises ValueError for a batch of one, which has no negative.
    """
    # paper (eq. 4): query anchors, similarities; released TIRG: targets as anchors too, at most three sampled
    # negatives, squared distances (twice this exponent), and half of the true gradient
    b = len(scores)
    if b < 2:
        raise ValueError("The soft-triplet loss needs a batch of at least two; choose a larger batch.")
    wrong = ~torch.eye(b, dtype=torch.bool, device=scores.device)
    return softplus(scores - scores.diagonal()[:, None])[wrong].mean()


def own_positive(scores: Float[Tensor, "b b"]) -> Float[Tensor, "b 1"]:
    """What a negative is compared with to be semi-hard: the target of its own query."""
    return scores.diagonal()[:, None]


def column_positive(scores: Float[Tensor, "b b"]) -> Float[Tensor, "1 b"]:
    """The same in VAL's released code, where broadcasting compares (i, j) with the target of query j."""
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


def hardest(costs: Float[Tensor, "b b"]) -> Float[Tensor, " b"]:
    """What the costliest negative of each row costs: SCAN eq. 14."""
    return costs.amax(1)


def all_negatives(costs: Float[Tensor, "b b"]) -> Float[Tensor, " b"]:
    """What all negatives of each row cost together: SCAN eq. 13."""
    return costs.sum(1)


@dataclass(frozen=True, kw_only=True)
class hinge:
    """Both ways, the sum over i of max(0, margin + s_ij - s_ii) over the negatives j that `over` picks."""

    margin: float = 0.2
    over: Callable[[Tensor], Tensor] = hardest

    def __call__(self, scores: Float[Tensor, "b b"]) -> Float[Tensor, ""]:
        return self._one_way(scores) + self._one_way(scores.mT)

    def _one_way(self, scores: Float[Tensor, "b b"]) -> Float[Tensor, ""]:
        right = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
        costs = (self.margin + scores - scores.diagonal()[:, None]).relu().masked_fill(right, 0)
        return self.over(costs).sum()
