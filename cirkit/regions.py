"""Region features: vectors of the regions of images, with their boxes; an image collection to models that read them.

Anderson et al. (2018), "bottom-up attention": 36 vectors of 2048 numbers per image, the input of SCAN and of M4C.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from cirkit.errors import Problem


@dataclass(frozen=True, kw_only=True)
class Regions:
    """Row i is image i: what stands where a gallery, a target or a query image may stand; `regions[rows]` is a batch.

    An image's own regions come first, at least one; `mask` says which they are (None: all). Boxes are left, top, right
    and bottom in parts of the image's sides. Raises Problem where padding comes first or an image has no region.
    """

    vectors: Float[Tensor, "n r c"]
    boxes: Float[Tensor, "n r 4"] | None = None
    mask: Bool[Tensor, "n r"] | None = None

    def __post_init__(self) -> None:
        if self.mask is None:
            object.__setattr__(self, "mask", torch.ones_like(self.vectors[..., 0], dtype=torch.bool))
        own_first = (self.mask[:, 1:] <= self.mask[:, :-1]).all()
        if not own_first or not self.mask.any(1).all():
            raise Problem("An image's own regions come first, and there is one at least. Put the padding behind them.")

    def __len__(self) -> int:
        return len(self.vectors)

    def __getitem__(self, index: Int[Tensor, " b"]) -> "Regions":
        boxes = None if self.boxes is None else self.boxes[index]
        return Regions(vectors=self.vectors[index], boxes=boxes, mask=self.mask[index])

    def to(self, device: torch.device) -> "Regions":
        """The same on `device`."""
        boxes = None if self.boxes is None else self.boxes.to(device)
        return Regions(vectors=self.vectors.to(device), boxes=boxes, mask=self.mask.to(device))
