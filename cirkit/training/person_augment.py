"""Images of people flipped, cropped and erased; their captions with pieces masked, replaced and removed.

ITSELF's supplement, §1, gives the kinds; how often and how much is its released code's, which is IRRA's.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn.functional import pad

from cirkit.encoders.open_clip_towers import open_clip_library
from cirkit.encoders.tall_clip import spell
from cirkit.examples import Captions

MASK = 49405  # released code: the last piece before start and end gives its place, and its vector, to the mask
TRIES = 10
Change = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class random_flip:
    """Each image mirrored half of the time, a fourth channel with it."""

    share: float = 0.5

    def __call__(self, images: UInt8[Tensor, "b c h w"], generator: torch.Generator) -> UInt8[Tensor, "b c h w"]:
        flip = torch.rand(len(images), generator=generator) < self.share
        return torch.where(flip[:, None, None, None], images.flip(3), images)


@dataclass(frozen=True)
class padded_crop:
    """A crop of the old size from each image with so many black pixels around it."""

    pixels: int = 10  # of 384 by 128

    def __call__(self, images: UInt8[Tensor, "b c h w"], generator: torch.Generator) -> UInt8[Tensor, "b c h w"]:
        b, _, h, w = images.shape
        wide = pad(images, (self.pixels,) * 4)
        top, left = torch.randint(0, 2 * self.pixels + 1, (2, b), generator=generator).tolist()
        return torch.stack([each[:, y : y + h, x : x + w] for each, y, x in zip(wide, top, left, strict=True)])


@dataclass(frozen=True, kw_only=True)
class random_erasing:
    """A rectangle of half of the images painted over; of a fourth channel, a mask, nothing is left there.

    `area` is the rectangle's share of the image and `aspect` its height over its width, even in the logarithm; of ten
    rectangles the first that fits is taken.
    """

    share: float = 0.5
    area: tuple[float, float] = (0.02, 0.4)
    aspect: tuple[float, float] = (0.3, 3.3)
    # released code: CLIP's mean in place of a normalised pixel, which is neither grey nor the mean
    fill: tuple[int, int, int] = (156, 147, 133)

    def __call__(self, images: UInt8[Tensor, "b c h w"], generator: torch.Generator) -> UInt8[Tensor, "b c h w"]:
        changed = images.clone()
        paint = torch.tensor([*self.fill, *[0] * (images.shape[1] - 3)], dtype=torch.uint8, device=images.device)
        some = torch.rand(len(images), generator=generator) < self.share
        draws = torch.rand(len(images), TRIES, 4, generator=generator)
        for row in some.nonzero().flatten().tolist():
            tries = (self._rectangle(draw, *images.shape[2:]) for draw in draws[row].tolist())
            for top, left, height, width in filter(None, tries):
                changed[row, :, top : top + height, left : left + width] = paint[:, None, None]
                break
        return changed

    def _rectangle(self, draw: Sequence[float], h: int, w: int) -> tuple[int, int, int, int] | None:
        """Top, left, height and width, or None where the rectangle is no smaller than the image."""
        area, aspect, down, right = draw
        area = h * w * (self.area[0] + area * (self.area[1] - self.area[0]))
        low, high = (math.log(each) for each in self.aspect)
        aspect = math.exp(low + aspect * (high - low))
        height, width = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if height >= h or width >= w:
            return None
        return int(down * (h - height + 1)), int(right * (w - width + 1)), height, width


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    return open_clip_library().tokenizer.SimpleTokenizer()


def clip_pieces(text: str) -> list[int]:
    """The pieces of a text as every CLIP reads it, without start and end."""
    return _tokenizer().encode(text)


@dataclass(frozen=True, kw_only=True)
class token_noise:
    """Some pieces of a caption change: a part `masked` becomes the mask, `replaced` other pieces, the rest is removed.

    A caption that would lose all of its pieces stays as it was.
    """

    # released code: counts pieces behind the 77th, which are cut off, too; an emptied caption gives nan
    encode: Callable[[str], list[int]] = clip_pieces
    share: float = 0.2
    masked: float = 0.6
    replaced: float = 0.2
    mask: int = MASK

    def __call__(self, texts: Sequence[str], generator: torch.Generator) -> list[str]:
        return [spell(self._change(self.encode(text), generator)) for text in texts]

    def _change(self, pieces: list[int], generator: torch.Generator) -> list[int]:
        kept = []
        draws = torch.rand(len(pieces), generator=generator).tolist()
        others = torch.randint(1, self.mask, (len(pieces),), generator=generator).tolist()
        for piece, draw, other in zip(pieces, draws, others, strict=True):
            if draw >= self.share:
                kept.append(piece)
            elif draw < self.share * self.masked:
                kept.append(self.mask)
            elif draw < self.share * (self.masked + self.replaced):
                kept.append(other)
        return kept or pieces


NOISE = token_noise()
CHANGES = (random_flip(), padded_crop(), random_erasing())


@dataclass(frozen=True, kw_only=True)
class person_views:
    """A batch of images and captions under `changes` of the images, one after the other, and `noise` in the texts.

    Noisy texts are spelt in pieces, as a `TallClip` reads them; without `noise` they stay as they are.
    """

    changes: tuple[Change, ...] = CHANGES
    noise: Callable[[Sequence[str], torch.Generator], Sequence[str]] | None = NOISE

    def __call__(self, batch: Captions, generator: torch.Generator) -> Captions:
        images = batch.image
        for change in self.changes:
            images = change(images, generator)
        return replace(
            batch, image=images, text=batch.text if self.noise is None else self.noise(batch.text, generator)
        )
