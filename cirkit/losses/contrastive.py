"""Contrastive losses: a score matrix in, a scalar out; row i belongs to column i.

MAAF eq. 5 (batch softmax); CLIP (its symmetric form).
"""

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
