"""Regions of drawn scenes: a box around what is seen of each thing, and boxes around nothing in particular.

Anderson et al. (2018) propose 36 boxes per image, of which many overlap or show background; here those of things are
exact, and each region knows its thing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from cirkit.worlds.render import render
from cirkit.worlds.scene import Scene, noise

TAKEN = 6  # numbers of a scene's own seed that its camera and light have used
LEAST, SIDES = 0.15, 0.45  # of a further box: the shortest side, and by how much it may be longer; parts of the image
SPECK = 2  # pixels: of what is seen less wide or high there is no region
GROUND = -1  # of a region that is no thing's
CHUNK = 256  # scenes that are drawn at a time


@dataclass(frozen=True)
class Located:
    """The regions of images, each image's own first: where they are, which exist, and the number of their thing."""

    boxes: Float[Tensor, "n r 4"]  # left, top, right, bottom in parts of the sides
    mask: Bool[Tensor, "n r"]
    thing: Int[Tensor, "n r"]  # its number in the scene, or GROUND
    empty: Bool[Tensor, "n r"]  # whether no thing is seen there


def locate(scenes: Sequence[Scene], pixels: int, others: int = 0) -> Located:
    """Boxes of the things that are seen, the largest first, then of `others` places that each scene's seed draws.

    Scenes are drawn for it at `pixels` a side. The first of the others is the whole image.
    """
    parts = [_locate(scenes[start : start + CHUNK], pixels, others) for start in range(0, len(scenes), CHUNK)]
    most = max(part.mask.shape[1] for part in parts)

    def joined(name: str, value: bool | int | float) -> Tensor:
        """One part of all scenes, `value` in the padding."""
        each = [getattr(part, name) for part in parts]
        return torch.cat([
            torch.cat([one, one.new_full((len(one), most - one.shape[1], *one.shape[2:]), value)], 1) for one in each
        ])  # fmt: skip

    return Located(joined("boxes", 0.0), joined("mask", False), joined("thing", GROUND), joined("empty", False))


def _locate(scenes: Sequence[Scene], pixels: int, others: int) -> Located:
    drawn = render(scenes, pixels)
    things = drawn.boxes  # (n, k, 4)
    sides = things[..., 2:] - things[..., :2]
    seen = (sides >= SPECK).all(-1)  # (n, k)
    order = (sides.prod(-1) * seen).argsort(dim=1, descending=True, stable=True)
    counts = seen.sum(1)
    further = _further([scene.seed for scene in scenes], others)  # (n, o, 4)
    n, most = len(scenes), int(counts.max()) + others
    boxes = torch.zeros(n, most, 4)
    thing = torch.full((n, most), GROUND)
    for i, count in enumerate(counts.tolist()):
        mine = order[i, :count]
        boxes[i, :count], thing[i, :count] = things[i, mine] / pixels, mine
        boxes[i, count : count + others] = further[i]
    mask = torch.arange(most) < (counts + others)[:, None]
    return Located(boxes, mask, thing, _empty(boxes, drawn.owner) & mask)


def _further(seeds: Sequence[int], count: int) -> Float[Tensor, "n o 4"]:
    """The whole image, then boxes anywhere, from each seed alone."""
    draws = (noise(seeds, TAKEN + 4 * count)[:, TAKEN:].reshape(len(seeds), count, 4) + 1) / 2  # in [0, 1)
    sides = LEAST + SIDES * draws[..., 2:]
    low = draws[..., :2] * (1 - sides)
    boxes = torch.tensor(np.concatenate([low, low + sides], axis=2), dtype=torch.float32)
    if count:
        boxes[:, 0] = torch.tensor([0.0, 0.0, 1.0, 1.0])
    return boxes


def _empty(boxes: Float[Tensor, "n r 4"], owner: Int[Tensor, "n h w"]) -> Bool[Tensor, "n r"]:
    """Whether every pixel of a box is ground; counted in sums over all pixels above and left of its corners."""
    size = owner.shape[-1]
    table = torch.zeros(len(owner), size + 1, size + 1, dtype=torch.int64)
    table[:, 1:, 1:] = (owner >= 0).long().cumsum(1).cumsum(2)
    low, high = (boxes[..., :2] * size).floor().long(), (boxes[..., 2:] * size).ceil().long()
    image = torch.arange(len(owner))[:, None]
    left, top, right, bottom = low[..., 0], low[..., 1], high[..., 0], high[..., 1]
    total = table[image, bottom, right] - table[image, top, right] - table[image, bottom, left]
    return total + table[image, top, left] == 0
