"""The grid of the sampling explorer: weights of guidance, steps, and whether a condition is told; and boxes as masks.

CompoDiff (Gu et al., 2024), §3.3, §5.7: all are chosen when a query is answered, none needs another training.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from cirkit.models.compodiff import Sampling
from cirkit.models.diffusion import DDIM
from cirkit.models.guidance import as_meant

Box = tuple[float, float, float, float]  # left, top, right, bottom in parts of the image's sides


@dataclass(frozen=True, kw_only=True)
class Axes:
    """The values of a grid; a cell is (image, text, calls, told), the last whether the condition is told.

    `first` are the weights of image and text, and the calls, that a reader sees first.
    """

    image: tuple[float, ...] = (1.0, 1.5, 2.0, 4.0)
    text: tuple[float, ...] = (1.0, 2.5, 4.0, 7.5)
    calls: tuple[int, ...] = (1, 3, 10)
    first: tuple[float, float, int] = (1.5, 7.5, 10)

    def cells(self) -> list[tuple[int, int, int, int]]:
        """All of them, in the order in which a grid lies flat."""
        return [
            (i, t, c, told)
            for told in range(2)
            for i in range(len(self.image))
            for t in range(len(self.text))
            for c in range(len(self.calls))
        ]

    def sampling(self, cell: Sequence[int]) -> Sampling:
        """What the sliders say."""
        guidance = as_meant(image=self.image[cell[0]], text=self.text[cell[1]])
        return Sampling(sampler=DDIM(calls=self.calls[cell[2]]), guidance=guidance)

    def usual(self, told: bool) -> tuple[int, int, int, int]:
        """The cell nearest to the first view's values."""
        image, text, calls = (
            min(range(len(values)), key=lambda at, values=values, aim=aim: abs(values[at] - aim))
            for values, aim in zip((self.image, self.text, self.calls), self.first, strict=True)
        )
        return image, text, calls, int(told)


def median_gap(axes: Axes, rank: Sequence[Sequence[float]]) -> int:
    """The query for which telling the condition moves the best target's log rank as in the median query."""
    without, told = (axes.cells().index(axes.usual(each)) for each in (False, True))
    gaps = [math.log(each[without]) - math.log(each[told]) for each in rank]
    return sorted(range(len(gaps)), key=gaps.__getitem__)[len(gaps) // 2]


def mask_of(box: Box, side: int) -> Bool[Tensor, "h w"]:
    """A square mask that is one inside the box; at least one pixel is."""
    left, top, right, bottom = (min(side, max(0, round(side * each))) for each in box)
    mask = torch.zeros(side, side, dtype=torch.bool)
    left, top = min(left, side - 1), min(top, side - 1)
    mask[top : max(bottom, top + 1), left : max(right, left + 1)] = True
    return mask


def box_of(mask: Bool[Tensor, "h w"]) -> Box | None:
    """The smallest box around a mask; None around an empty one."""
    rows, columns = (mask.any(1 - axis).nonzero()[:, 0] for axis in range(2))
    if not len(rows):
        return None
    height, width = mask.shape
    left, right = columns[0].item() / width, (columns[-1].item() + 1) / width
    return left, rows[0].item() / height, right, (rows[-1].item() + 1) / height
