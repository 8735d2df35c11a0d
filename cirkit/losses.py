"""Ranking losses: a score matrix in, a scalar out; row i is answered by column i.

MAAF eq. 5 (batch softmax); TIRG (Vo et al., CVPR 2019) eq. 4 (soft triplet).
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy, softplus


def batch_softmax(scores: Float[Tensor, "b b"]) -> Float[Tensor, ""]:
    """Cross-entropy of each query against all targets of the batch: -log softmax_j(s_ij) at j = i."""
    return cross_entropy(scores, torch.arange(len(scores), device=scores.device))


def symmetric_softmax(scores: Float[Tensor, "b b"]) -> Float[Tensor, ""]:
    """The mean of batch softmax from queries to targets and from targets to queries (CLIP's loss)."""
    return (batch_softmax(scores) + batch_softmax(scores.mT)) / 2


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
