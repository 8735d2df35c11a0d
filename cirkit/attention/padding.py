"""Positions that pad every text of a batch: attention that masks them gains nothing from computing them.

No paper; CompoDiff's denoiser and TransAgg's fusion read texts that an encoder has padded to its context.
"""

from jaxtyping import Bool, Float
from torch import Tensor


def without_padding(
    tokens: Float[Tensor, "b t d"], mask: Bool[Tensor, "b t"]
) -> tuple[Float[Tensor, "b u d"], Bool[Tensor, "b u"]]:
    """Both without the positions behind the last that the mask allows in any row: no score reaches them."""
    allowed = mask.any(0).nonzero()
    longest = int(allowed[-1]) + 1 if len(allowed) else 0
    return tokens[:, :longest], mask[:, :longest]
