"""Changes to a batch's images that leave its target right.

MAAF's released code flips and crops the photos of Fashion IQ and leaves the scenes of CSS alone, where places matter.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn.functional import pad

from cirkit.query import Batch


@dataclass(frozen=True)
class flips_and_shifts:
    """Each image mirrored half of the time, and shifted by up to `share` of its side, its border repeated."""

    share: float = 0.125

    def __call__(self, batch: Batch, generator: torch.Generator) -> Batch:
        query = batch.query
        if isinstance(query.image, Tensor):
            query = replace(query, image=self.change(query.image, generator))
        return Batch(query=query, target=self.change(batch.target, generator))

    def change(self, images: UInt8[Tensor, "b 3 h w"], generator: torch.Generator) -> UInt8[Tensor, "b 3 h w"]:
        """The images, each changed in its own way."""
        b, _, h, w = images.shape
        mirrored = torch.rand(b, generator=generator) < 0.5
        images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
        down, right = round(self.share * h), round(self.share * w)
        wide = pad(images.float(), (right, right, down, down), mode="replicate").to(torch.uint8)
        top = torch.randint(0, 2 * down + 1, (b,), generator=generator).tolist()
        left = torch.randint(0, 2 * right + 1, (b,), generator=generator).tolist()
        return torch.stack([p[:, y : y + h, x : x + w] for p, y, x in zip(wide, top, left, strict=True)])
