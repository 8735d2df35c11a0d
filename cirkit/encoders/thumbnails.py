"""Thumbnails: an image as a few pixels, an image encoder that has nothing to learn.

Stands in for the vectors that a detector gives regions (M4C, §3.1) where colour and rough shape are all there is to
see: the Transformer's own linear layer reads them.
"""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d


class Thumbnails(nn.Module):
    """Images to one place of `width` numbers from -1 to 1: the mean colours of `side` by `side` fields."""

    def __init__(self, *, side: int = 6):
        super().__init__()
        self.side, self.width = side, 3 * side * side

    def forward(self, images: UInt8[Tensor, "b 3 h w"]) -> tuple[Float[Tensor, "b c 1 1"]]:
        fields = adaptive_avg_pool2d(images.to(torch.float32) / 127.5 - 1, self.side)
        return (fields.flatten(1)[:, :, None, None],)
