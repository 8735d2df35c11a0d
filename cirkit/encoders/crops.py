"""Region vectors from boxes: each region is cut out of its image, resized, and averaged by an image encoder.

Stands in for the bottom-up features of SCAN and M4C (Anderson et al., 2018) where boxes are known.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample

from cirkit.encoders.image import SmallResNet, pooled
from cirkit.regions import Regions


def crops(images: UInt8[Tensor, "b 3 h w"], boxes: Float[Tensor, "b r 4"], side: int) -> UInt8[Tensor, "b r 3 s s"]:
    """What each box holds (left, top, right, bottom in parts of the sides), bilinear, `side` pixels each way."""
    low, high = boxes[..., :2], boxes[..., 2:]
    scale, shift = high - low, high + low - 1  # of coordinates from -1 to 1
    transform = torch.cat([torch.diag_embed(scale), shift[..., None]], dim=3).flatten(0, 1)  # (b r, 2, 3)
    grid = affine_grid(transform, [len(transform), 3, side, side], align_corners=False)
    each = images.to(boxes.dtype).repeat_interleave(boxes.shape[1], 0)  # (b r, 3, h, w)
    cut = grid_sample(each, grid, padding_mode="border", align_corners=False)
    return cut.round().to(torch.uint8).unflatten(0, boxes.shape[:2])


class CropEncoder(nn.Module):
    """Images and boxes to `Regions`, one vector of the encoder's width per box."""

    def __init__(self, *, encoder: Callable[[], nn.Module] = SmallResNet, side: int = 32):
        super().__init__()
        self.encoder, self.side = encoder(), side
        self.width = self.encoder.width

    def forward(
        self, images: UInt8[Tensor, "b 3 h w"], boxes: Float[Tensor, "b r 4"], mask: Bool[Tensor, "b r"]
    ) -> Regions:
        cut = crops(images, boxes, self.side)
        vectors = pooled(self.encoder(cut.flatten(0, 1))).unflatten(0, cut.shape[:2])
        return Regions(vectors=vectors * mask[..., None], boxes=boxes, mask=mask)
