"""The losses of DAMSM: every image of a batch should agree most with its own caption, and the other way round.

Xu et al. (CVPR 2018), "AttnGAN", §3.2, eq. 11 and 12, once for scores of words and once for those of sentences.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from cirkit.losses.contrastive import symmetric_softmax


@dataclass(frozen=True, kw_only=True)
class posterior:
    """Cross-entropy of γ3 · scores over captions plus that over images; row i belongs to column i.

    Other images and captions of the same class, where `same` says so, do not count as wrong.
    """

    sharpness: float = 10.0  # the paper's γ3

    def __call__(self, scores: Float[Tensor, "b b"], same: Bool[Tensor, "b b"] | None = None) -> Float[Tensor, ""]:
        logits = self.sharpness * scores
        if same is not None:
            itself = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
            logits = logits.masked_fill(same & ~itself, -torch.inf)
        return 2 * symmetric_softmax(logits)
