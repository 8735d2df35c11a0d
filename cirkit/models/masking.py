"""The region of an image that a query may change: erased before the encoder sees it, and small for the denoiser.

CompoDiff (Gu et al., 2024), §3.2: training adds Gaussian noise inside; the released code paints the mean colour.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, UInt8
from torch import Tensor
from torch.nn.functional import interpolate

Erase = Callable[[Tensor, Tensor], Tensor]  # images (b, 3, h, w) and masks (b, h, w) -> images, other in the masks only
Segment = Callable[[Tensor, Sequence[str]], Tensor]  # images and their captions -> masks (b, h, w)
MEAN = (123, 117, 104)  # of 255: the mean colour that CLIP's preprocessing subtracts


def resize(mask: Bool[Tensor, "b h w"], height: int, width: int) -> Bool[Tensor, "b y x"]:
    """Masks at another size: smoothed where they shrink, then one where more than half is."""
    size = (height, width)
    return interpolate(mask[:, None].float(), size=size, mode="bilinear", antialias=True)[:, 0] > 0.5


def mean_colour(images: UInt8[Tensor, "b 3 h w"], mask: Bool[Tensor, "b h w"]) -> UInt8[Tensor, "b 3 h w"]:
    """Released code, where queries are answered: zeros after CLIP's normalisation, here rounded to whole colours."""
    colour = torch.tensor(MEAN, dtype=torch.uint8, device=images.device)[:, None, None]
    return torch.where(mask[:, None], colour, images)


@dataclass(frozen=True)
class gaussian_noise:
    """Paper, in training: normal noise is added inside the mask; the same for equal images.

    `std` is in parts of the range of colours; the paper does not say how much.
    """

    std: float = 0.5

    def __call__(self, images: UInt8[Tensor, "b 3 h w"], mask: Bool[Tensor, "b h w"]) -> UInt8[Tensor, "b 3 h w"]:
        noise = torch.stack([torch.randn(image.shape, generator=_generator(image)) for image in images.cpu()])
        noisy = (images + 255 * self.std * noise.to(images.device)).round().clamp(0, 255).to(torch.uint8)
        return torch.where(mask[:, None], noisy, images)


@dataclass(frozen=True)
class random_boxes:
    """A box for each image, its sides from `least` to `most` of the image's; the same for equal images.

    It stands in for the paper's masks of a caption's nouns, which take a segmentation network (CLIPSeg).
    """

    least: float = 0.2
    most: float = 0.6

    def __call__(self, images: UInt8[Tensor, "b 3 h w"], texts: Sequence[str]) -> Bool[Tensor, "b h w"]:
        height, width = images.shape[2:]
        masks = torch.zeros(len(images), height, width, dtype=torch.bool)
        for mask, image in zip(masks, images.cpu(), strict=True):
            tall, wide, down, right = torch.rand(4, generator=_generator(image)).tolist()
            rows, columns = (
                max(1, round(side * (self.least + share * (self.most - self.least))))
                for side, share in ((height, tall), (width, wide))
            )
            top, left = round(down * (height - rows)), round(right * (width - columns))
            mask[top : top + rows, left : left + columns] = True
        return masks.to(images.device)


def _generator(image: UInt8[Tensor, "3 h w"]) -> torch.Generator:
    """Random numbers that follow from an image's colours."""
    place = torch.arange(1, image.numel() + 1)
    return torch.Generator().manual_seed(int((image.flatten().long() * place).sum()) % 2**31)
