"""A street: pictures of pedestrians before a camera's wall, among litter, behind posts; and whose each pixel is.

Stands in for the cameras of CUHK-PEDES and its kin (ITSELF §4). The litter has the colours and shapes of hats,
scarves, logos and bags and comes anew with every view, so that a token of it can win where it should not.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from cirkit.worlds.figure import figure
from cirkit.worlds.people import COLOURS, SMALL, Person, Street, View, family, pick, view
from cirkit.worlds.strokes import Canvas

PARTS = (
    "background", "litter", "obstacle", "skin", "hair", "upper", "lower", "shoes", "hat", "scarf", "logo", "bag",
    "glasses",
)  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """Pictures, and for every pixel the row of PARTS it shows."""

    images: UInt8[Tensor, "b 3 h w"]
    owner: Int64[Tensor, "b h w"]


def draw(people: Sequence[Person], views: Sequence[View], street: Street, shape: tuple[int, int]) -> Picture:
    """Pictures of `shape` (height, width); each depends on its own person and view alone."""
    images = np.empty((len(people), *shape, 3), np.uint8)
    owner = np.empty((len(people), *shape), np.int64)
    for row, (person, look) in enumerate(zip(people, views, strict=True)):
        images[row], owner[row] = _draw(person, look, street, shape)
    return Picture(torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(owner))


def rate(images: int = 200, shape: tuple[int, int] = (128, 48)) -> float:
    """Pictures drawn per second."""
    rng, street = np.random.default_rng(0), Street()
    people = family(rng, ("red", "black", "white"), 4) * (images // 4)
    views = [view(rng, street) for _ in people]
    start = time.perf_counter()
    draw(people, views, street, shape)
    return len(people) / (time.perf_counter() - start)


def seen(owner: Int64[Tensor, "b h w"]) -> list[frozenset[str]]:
    """Per picture, the parts of which enough shows to speak of: a thousandth of the picture, glasses a third of it."""
    h, w = owner.shape[1:]
    counts = torch.stack([(owner == part).sum((1, 2)) for part in range(len(PARTS))], 1)  # (b, parts)
    least = [h * w / (3000 if name == "glasses" else 1000) for name in PARTS]
    return [
        frozenset(name for name, count, need in zip(PARTS, row, least, strict=True) if count >= need)
        for row in counts.tolist()
    ]


def _draw(
    person: Person, look: View, street: Street, shape: tuple[int, int]
) -> tuple[UInt8[np.ndarray, "h w 3"], Int64[np.ndarray, "h w"]]:
    """One picture: the place, the litter, the person, what stands before, then light and noise."""
    rng = np.random.default_rng(look.seed)
    canvas = Canvas(shape, PARTS)
    tint = _place(canvas, look.camera)
    for _ in range(street.litter):
        _litter(canvas, rng)
    h, w = shape
    side = look.facing in ("left", "right")
    flip = -1 if look.facing == "left" or (not side and look.mirror) else 1
    top = (1 - look.scale) / 2 + look.down
    canvas.place(origin=(w / h / 2 + look.right, top), scale=(flip * look.scale, look.scale))
    canvas.oval("background", (52, 52, 54), (0, 1.0), (0.2, 0.018))
    figure(canvas, person, look)
    canvas.place(origin=(0, 0), scale=(1, 1))
    _obstacle(canvas, rng, look.obstacle, w / h)
    return canvas.develop(rng, gain=look.gain * tint, noise=street.noise, raised=range(PARTS.index("skin"), len(PARTS)))


def _place(canvas: Canvas, camera: int) -> np.ndarray:
    """What the camera always sees: wall, ground, some doors and windows. Returns the tint of its light."""
    rng = np.random.default_rng([20, camera])
    wide = canvas.width / canvas.height
    wall, ground = (tuple((rng.uniform(90, 190) + rng.uniform(-14, 14, 3)).astype(int).tolist()) for _ in range(2))
    horizon = rng.uniform(0.3, 0.75)
    canvas.box("background", wall, (0, 0), (wide, 1))
    for _ in range(3):
        left, up = rng.uniform(0, wide), rng.uniform(0, horizon)
        shade = tuple((np.array(wall) * rng.uniform(0.65, 1.2)).clip(0, 255).astype(int).tolist())
        canvas.box("background", shade, (left, up), (left + rng.uniform(0.04, 0.12), rng.uniform(up, horizon)))
    canvas.box("background", ground, (0, horizon), (wide, 1))
    line = tuple((np.array(ground) * 0.86).astype(int).tolist())
    for depth in rng.uniform(horizon, 1, 3):
        canvas.box("background", line, (0, depth), (wide, depth + 0.008))
    return rng.uniform(0.92, 1.08, 3)


def _litter(canvas: Canvas, rng: np.random.Generator) -> None:
    """A box, a disc, a band or a bag somewhere, in a small thing's colour and size."""
    colour = COLOURS[pick(rng, SMALL)]
    x, y = rng.uniform(0, canvas.width / canvas.height), rng.uniform(0, 1)
    wide, high = rng.uniform(0.03, 0.075, 2)
    kind = int(rng.integers(4))
    if kind == 0:
        canvas.box("litter", colour, (x, y), (x + wide, y + high))
    elif kind == 1:
        canvas.oval("litter", colour, (x, y), (wide * 0.6, high * 0.6))
    elif kind == 2:
        canvas.limb("litter", colour, [(x, y), (x + wide, y + high)], 0.02)
    else:
        canvas.limb("litter", (60, 52, 48), [(x, y), (x + wide / 2, y - high), (x + wide, y)], 0.008)
        canvas.box("litter", colour, (x, y), (x + wide, y + high))


def _obstacle(canvas: Canvas, rng: np.random.Generator, kind: str | None, wide: float) -> None:
    """Something grey or brown in the way: over the feet, or a post at one side."""
    shade = rng.uniform(55, 140) * np.array([1, rng.uniform(0.86, 1), rng.uniform(0.75, 1)])
    colour = tuple(shade.astype(int).tolist())
    reach = rng.uniform(0.0, 0.1)
    if kind == "low":
        canvas.box("obstacle", colour, (0, 0.74 + reach), (wide, 1))
        canvas.box("obstacle", tuple((shade * 0.8).astype(int).tolist()), (0, 0.74 + reach), (wide, 0.755 + reach))
    elif kind == "left":
        canvas.box("obstacle", colour, (0, 0), (0.06 + reach * 0.6, 1))
    elif kind == "right":
        canvas.box("obstacle", colour, (wide - 0.06 - reach * 0.6, 0), (wide, 1))
