"""Images whose words were read: objects as regions, and OCR words with their boxes and looks; what M4C reads.

Hu et al. (2020), M4C, §3.1: up to 100 detected objects and 50 OCR words, each with a vector of an image encoder.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from cirkit.errors import Problem
from cirkit.regions import Regions


@dataclass(frozen=True, kw_only=True)
class ReadImages:
    """Row i is image i; `images[rows]` is a batch. An image's own words come first; it may have none.

    `looks` are an image encoder's vectors of the words' boxes: left, top, right and bottom in parts of the sides.
    Raises Problem where texts, boxes and mask do not belong together.
    """

    objects: Regions
    words: Sequence[tuple[str, ...]]
    looks: Float[Tensor, "n w c"]
    boxes: Float[Tensor, "n w 4"]
    mask: Bool[Tensor, "n w"]

    def __post_init__(self) -> None:
        counts = torch.tensor([len(line) for line in self.words], device=self.mask.device)
        first = torch.arange(self.mask.shape[1], device=self.mask.device) < counts[:, None]
        if not (len(self.objects) == len(self.words) == len(self.mask)) or not torch.equal(first, self.mask):
            raise Problem("An image's words come first, one box and one vector each. Put the padding behind them.")

    def __len__(self) -> int:
        return len(self.words)

    def __getitem__(self, index: Int[Tensor, " b"]) -> "ReadImages":
        words = [self.words[row] for row in index.tolist()]
        most = max(map(len, words), default=0)  # no longer than the batch needs
        looks, boxes, mask = (part[index][:, :most] for part in (self.looks, self.boxes, self.mask))
        return ReadImages(objects=self.objects[index], words=words, looks=looks, boxes=boxes, mask=mask)

    def to(self, device: torch.device) -> "ReadImages":
        """The same on `device`."""
        looks, boxes, mask = (part.to(device) for part in (self.looks, self.boxes, self.mask))
        return ReadImages(objects=self.objects.to(device), words=self.words, looks=looks, boxes=boxes, mask=mask)


def everything(images: ReadImages) -> ReadImages:
    """All that there is to see and to read: M4C."""
    return images


def without_pixels(images: ReadImages) -> ReadImages:
    """The words and where they stand, but nothing of how they or anything else looks: one empty object is left."""
    vectors, count = images.objects.vectors, len(images)
    nothing = Regions(vectors=torch.zeros_like(vectors[:, :1]), boxes=vectors.new_zeros(count, 1, 4))
    return replace(images, objects=nothing, looks=torch.zeros_like(images.looks))


def without_words(images: ReadImages) -> ReadImages:
    """The objects, but no word: neither as an entry nor to be copied."""
    looks, boxes, mask = (part[:, :0] for part in (images.looks, images.boxes, images.mask))
    return replace(images, words=[() for _ in images.words], looks=looks, boxes=boxes, mask=mask)
