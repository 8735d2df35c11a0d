"""What stands between an image and a CLIP: how it becomes a square, of which side, and its mean and deviation.

CLIP (Radford et al. 2021) crops the middle; CLIP4Cir, SEARLE and TransAgg pad long images first.
"""

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import interpolate, pad

from cirkit.errors import Problem

Fit = Callable[[Tensor, int, str], Tensor]  # images (b, 3, h, w), side, resampling -> pixels (b, 3, side, side)


def direct_resize(images: UInt8[Tensor, "b 3 h w"], size: int, resample: str) -> Float[Tensor, "b 3 {size} {size}"]:
    """All of the image, whatever that does to its proportions: SigLIP's."""
    return _resize(images, (size, size), resample)


def shortest_side(images: UInt8[Tensor, "b 3 h w"], size: int, resample: str) -> Float[Tensor, "b 3 {size} {size}"]:
    """The shorter side scaled to `size` pixels, then the middle square: CLIP's."""
    short = min(images.shape[2:])
    pixels = _resize(images, tuple(int(size * side / short) for side in images.shape[2:]), resample)
    top, left = (round((side - size) / 2) for side in pixels.shape[2:])
    return pixels[:, :, top : top + size, left : left + size]


@dataclass(frozen=True)
class TargetPad:
    """Black beside the shorter sides until the longer ones are `ratio` times as long, then `shortest_side`: CLIP4Cir's.

    The number of black pixels is cut to a whole one, as in the released code.
    """

    ratio: float = 1.25

    def __call__(
        self, images: UInt8[Tensor, "b 3 h w"], size: int, resample: str
    ) -> Float[Tensor, "b 3 {size} {size}"]:
        least = max(images.shape[2:]) / self.ratio
        down, across = (max(0, int((least - side) / 2)) for side in images.shape[2:])
        return shortest_side(pad(images, (across, across, down, down)), size, resample)


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """Images (b, 3, h, w) to what a network of side `size` reads; mean and deviation are OpenAI's unless given.

    Raises Problem for a side, a deviation or a resampling that there cannot be.
    """

    size: int
    mean: tuple[float, float, float] = (0.48145466, 0.4578275, 0.40821073)
    std: tuple[float, float, float] = (0.26862954, 0.26130258, 0.27577711)
    fit: Fit = shortest_side
    resample: str = "bicubic"

    def __post_init__(self) -> None:
        if self.size < 1 or len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise Problem(f"No image is prepared by {self}. Give a side, three means and three positive deviations.")
        if self.resample not in ("bicubic", "bilinear"):
            raise Problem(f"Images are not resampled by {self.resample!r}. Give 'bicubic' or 'bilinear'.")

    def __call__(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 s s"]:
        pixels = self.fit(images, self.size, self.resample) / 255
        return (pixels - pixels.new_tensor(self.mean).view(3, 1, 1)) / pixels.new_tensor(self.std).view(3, 1, 1)


def _resize(images: Tensor, shape: tuple[int, int], resample: str) -> Tensor:
    """Antialiased, in whole levels of brightness, as image libraries do it."""
    pixels = images.float()
    if pixels.shape[2:] == shape:
        return pixels
    return interpolate(pixels, shape, mode=resample, antialias=True, align_corners=False).round().clamp(0, 255)
