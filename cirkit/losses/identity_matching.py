"""Losses that match a batch's similarities with who is who: IRRA's SDM, and the three of TBPS-CLIP.

Jiang and Ye (IRRA, CVPR 2023), eq. 3 to 6; Cao et al. (TBPS-CLIP, AAAI 2024), eq. 2 to 8, without its image views.
"""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor


def shares(identity: Int[Tensor, " b"], like: Tensor) -> Float[Tensor, "b b"]:
    """One over the number of items of an identity where two items share it, else zero: rows sum to one."""
    same = (identity[:, None] == identity).to(like)
    return same / same.sum(1, keepdim=True)


@dataclass(frozen=True, kw_only=True)
class sdm:
    """Similarity distribution matching: KL of the softmax of cosines from who is who, both ways, a mean over items."""

    temperature: float = 0.02
    epsilon: float = 1e-8

    def __call__(self, scores: Float[Tensor, "b b"], identity: Int[Tensor, " b"]) -> Float[Tensor, ""]:
        target = (shares(identity, scores) + self.epsilon).log()
        logs = [(each / self.temperature).log_softmax(1) for each in (scores, scores.mT)]
        return sum((log.exp() * (log - target)).sum(1).mean() for log in logs)


@dataclass(frozen=True, kw_only=True)
class tbps_clip:
    """Of logits texts by images, and of both among themselves: N-ITC, plus R-ITC, plus a tenth of C-ITC.

    N-ITC is cross-entropy with who is who, mixed with the model's own softmax by `soft`; R-ITC the KL the other way
    round; C-ITC keeps texts as far apart as their images. `scale` is the factor between cosines and logits.
    """

    soft: float = 0.5  # released code: rises to it over the first epoch
    epsilon: float = 1e-2
    cyclic: float = 0.1
    within: float = 0.25
    across: float = 0.25

    def __call__(
        self,
        scores: Float[Tensor, "b b"],
        images: Float[Tensor, "b b"],
        texts: Float[Tensor, "b b"],
        identity: Int[Tensor, " b"],
        scale: Float[Tensor, ""],
    ) -> Float[Tensor, ""]:
        """Cosines of texts with images, of images, and of texts."""
        target = shares(identity, scores)
        logs = [(scale * each).log_softmax(1) for each in (scores, scores.mT)]
        mixed = [self.soft * log.detach().exp() + (1 - self.soft) * target for log in logs]
        normalised = -sum((log * goal).sum(1).mean() for log, goal in zip(logs, mixed, strict=True)) / 2
        goal = (target + self.epsilon).log()
        reverse = sum((log.exp() * (log - goal)).sum(1).mean() for log in logs) / 2
        cycle = self.within * (images - texts).square().mean() + self.across * (scores - scores.mT).square().mean()
        return normalised + reverse + self.cyclic * cycle
