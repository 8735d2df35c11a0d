"""Contrastive losses: a score matrix in, a scalar out; row i belongs to column i.

MAAF eq. 5 (batch softmax); CLIP (its symmetric form); SimCLR (Chen et al., 2020), eq. 1.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy


def batch_softmax(scores: Float[Tensor, "b b"]) -> Float[Tensor, ""]:
    """Cross-entropy of each query against all targets of the batch: -log softmax_j(s_ij) at j = i."""
    return cross_entropy(scores, torch.arange(len(scores), device=scores.device))


def symmetric_softmax(scores: Float[Tensor, "b b"]) -> Float[Tensor, ""]:
    """The mean of batch softmax from queries to targets and from targets to queries (CLIP's loss)."""
    return (batch_softmax(scores) + batch_softmax(scores.mT)) / 2


@dataclass(frozen=True, kw_only=True)
class nt_xent:
    """SimCLR's loss over two views of each item: cross-entropy of each view's pair against all other views of both.

    Scores are cosines among the views, those of the first kind before those of the second; a view is not compared with
    itself.
    """

    temperature: float = 0.25  # SEARLE's

    def __call__(self, scores: Float[Tensor, "v v"]) -> Float[Tensor, ""]:
        views = len(scores)
        itself = torch.eye(views, dtype=torch.bool, device=scores.device)
        pair = torch.arange(views, device=scores.device).roll(views // 2)
        return cross_entropy((scores / self.temperature).masked_fill(itself, -torch.inf), pair)
