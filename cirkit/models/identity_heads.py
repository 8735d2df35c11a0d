"""Heads that name the person of an image, of a text, or of a pair; training alone uses them.

ITSELF §3.4 (cross-modal identity, after CFAM) and its released code; IRRA (Jiang and Ye, CVPR 2023) has the first.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class IdentityHeads(nn.Module):
    """Logits over C + 1 classes, the identities of the training data and nobody, from vectors of width d."""

    def __init__(self, width: int, identities: int):
        super().__init__()
        self.identities = identities
        self.one = nn.Linear(width, identities + 1)
        self.pair = nn.Sequential(nn.Linear(2 * width, width), nn.LayerNorm(width), nn.GELU())
        self.of_pair = nn.Linear(width, identities + 1)
        for head in (self.one, self.of_pair):
            nn.init.normal_(head.weight, std=0.001)
            nn.init.zeros_(head.bias)

    def both_orders(
        self, image: Float[Tensor, "p d"], text: Float[Tensor, "p d"]
    ) -> tuple[Float[Tensor, "p c"], Float[Tensor, "p c"]]:
        """The logits of pairs, image first and text first, through the same head."""
        one, other = torch.cat([image, text], dim=1), torch.cat([text, image], dim=1)
        return self.of_pair(self.pair(one)), self.of_pair(self.pair(other))
