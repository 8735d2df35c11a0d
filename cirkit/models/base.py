"""The protocol every retriever speaks: encode, compose, score.

Nothing else is ever required of a retriever. No model subclasses another; all share the cosine below unless they
write their own `score` (ARTEMIS, SCAN).
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import normalize, pad

from cirkit.query import Query

Features = Tensor | tuple[Tensor, ...]  # a tensor, or tensors that share their first axis


@runtime_checkable
class Retriever(Protocol):
    """Images to features once per gallery, queries to features once per query, and a score between them."""

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Features: ...
    def compose(self, query: Query) -> Features: ...
    def score(self, composed: Features, gallery: Features) -> Float[Tensor, "q n"]: ...


class Cosine(nn.Module):
    """scale² · cosine(query, item), the common score.

    MAAF §2.3: both sides are normalised and multiplied by one learned scalar that starts at 4, so the logits of the
    batch softmax start at 16 times the cosine; ranks do not depend on it.
    """

    def __init__(self, scale: float = 4.0):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(float(scale)))

    def forward(self, composed: Float[Tensor, "q d"], gallery: Float[Tensor, "n d"]) -> Float[Tensor, "q n"]:
        # released code (MAAF, TIRG): no epsilon; here torch's 1e-12 keeps a zero vector finite
        return self.scale**2 * normalize(composed, dim=-1) @ normalize(gallery, dim=-1).mT


def take(features: Features, rows: Tensor | slice) -> Features:
    """The given rows of a tensor, or of every tensor of a tuple."""
    return features[rows] if isinstance(features, Tensor) else tuple(part[rows] for part in features)


def join(parts: Sequence[Features]) -> Features:
    """Chunks of features, one after the other; those of fewer tokens are padded with zeros."""
    if isinstance(parts[0], Tensor):
        most = [max(sizes) for sizes in zip(*(part.shape[1:] for part in parts), strict=True)]
        return torch.cat([_padded(part, most) for part in parts])
    return tuple(join(same) for same in zip(*parts, strict=True))


def _padded(part: Tensor, most: Sequence[int]) -> Tensor:
    missing = [size - own for size, own in zip(most, part.shape[1:], strict=True)][::-1]  # last axis first
    return pad(part, [n for amount in missing for n in (0, amount)]) if any(missing) else part
