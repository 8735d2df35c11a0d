"""Dropout whose masks cost a tenth of torch's on a processor: sixteen random bits an entry.

Srivastava et al. (2014). torch draws a number in double precision for every entry, a sixth of a training step of MAAF.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import dropout

LEVELS = 1 << 16


class Dropout(nn.Module):
    """In training each entry becomes zero with probability `rate`, and the others grow so that the mean stays.

    On a processor the rate is rounded to a multiple of 2⁻¹⁶; elsewhere, and where `by_torch` is set, it is torch's own.
    """

    by_torch = False

    def __init__(self, rate: float):
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"A dropout rate lies in [0, 1), not at {rate}.")
        self.rate = rate

    def forward(self, values: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        if not self.training or not self.rate:
            return values
        if self.native(values.device):
            return dropout(values, self.rate)
        return values * mask(values, self.rate)

    def native(self, device: torch.device) -> bool:
        """Whether torch draws the masks on this device."""
        return self.by_torch or device.type != "cpu"

    def extra_repr(self) -> str:
        return f"rate={self.rate}"


def mask(like: Float[Tensor, "..."], rate: float) -> Float[Tensor, "..."]:
    """A factor for each entry: zero at the given rate, else what keeps the mean."""
    lost = round(rate * LEVELS)
    four = torch.empty((like.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)  # 64 bits each
    bits = four.view(torch.int16)[: like.numel()].view(like.shape)
    return (bits >= lost - LEVELS // 2).to(like.dtype).mul_(LEVELS / (LEVELS - lost))
