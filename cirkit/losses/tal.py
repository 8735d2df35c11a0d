"""Triplet alignment loss: the pull of all right pairs against a soft maximum over all wrong ones.

Qin et al. (RDE, CVPR 2024), eq. 8 and 9; ITSELF §3.4, with τ = .015 and a margin of .1.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class tal:
    """Both ways, [m - Σ_j α_ij s_ij + τ log Σ_k exp(s_ik / τ)]₊, j the items of i's identity and k all others, summed.

    α is the softmax of s / τ over the items of the identity, without gradient. Scores are cosines, texts by images.
    """

    # paper: a mean over the batch; released code: the sum, beside which Adam's epsilon of 1e-3 is set
    temperature: float = 0.015
    margin: float = 0.1

    def __call__(self, scores: Float[Tensor, "b b"], identity: Int[Tensor, " b"]) -> Float[Tensor, ""]:
        return self.each(scores, identity).sum()

    def each(self, scores: Float[Tensor, "b b"], identity: Int[Tensor, " b"]) -> Float[Tensor, " b"]:
        """What each pair costs, as a text and as an image: RDE weighs the pairs."""
        same = identity[:, None] == identity
        return self._one_way(scores, same) + self._one_way(scores.mT, same)

    def _one_way(self, scores: Float[Tensor, "b b"], same: Tensor) -> Float[Tensor, " b"]:
        logits = scores / self.temperature
        alpha = logits.detach().masked_fill(~same, -torch.inf).softmax(1)
        # a row of one identity alone has no wrong pair, costs nothing, and must leave no nan in the gradient
        wrong = logits.masked_fill(same, torch.finfo(scores.dtype).min)
        against = self.temperature * wrong.logsumexp(1)  # released code: exp, cut off at 1e36
        return (self.margin - (alpha * scores).sum(1) + against).relu()
