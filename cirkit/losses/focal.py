"""Focal loss of a batch softmax: pairs that are told apart already count little.

Lin et al. (2017); PVLF eq. 14 and 15, with α = 1, γ = 2, and τ = .01 of cosines.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class focal:
    """The mean over queries i of -α · (1 - p_i)^γ · log p_i, p_i the softmax of row i at its own target.

    `gamma=0` is α times `batch_softmax`. Scores are over `temperature`: 1 for a model whose scores are logits (100 ·
    cosine is τ = .01), τ for one whose scores are cosines.
    """

    # paper (eq. 14): the sum of the denominator repeats i; it runs over the targets j of the batch
    alpha: float = 1.0
    gamma: float = 2.0
    temperature: float = 1.0

    def __call__(self, scores: Float[Tensor, "b b"]) -> Float[Tensor, ""]:
        log_p = (scores / self.temperature).log_softmax(1).diagonal()  # (b)
        rest = -torch.expm1(log_p)  # 1 - p, exact for p near one
        rest = rest.clamp(min=torch.finfo(rest.dtype).tiny)  # whose power has a finite slope for any γ
        return (-self.alpha * rest**self.gamma * log_p).mean()
