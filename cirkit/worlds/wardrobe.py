"""Product shots: a garment on white, drawn from its attributes, and which part of it each pixel shows.

Stands in for the shop images of FashionIQ and Fashion200k (MAAF §3.2). Lengths are in sides of the image, x from
its middle.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from cirkit.worlds.garments import COLOURS, Garment, sample
from cirkit.worlds.sheet import WHITE, Point, Sheet, curve, mirror
from cirkit.worlds.trimmings import LOGOS, TRIMS, Frame

PARTS = ("background", "body", "left sleeve", "right sleeve", "straps", "collar", "inside", "trim", "logo")
CLOTH = ("body", "left sleeve", "right sleeve", "straps")  # what the pattern is printed on


@dataclass(frozen=True)
class Drawing:
    """Images, and the part (an index into PARTS) at the middle of each pixel."""

    images: UInt8[Tensor, "b 3 h w"]
    parts: Int[Tensor, "b h w"]


def draw(garments: Sequence[Garment], size: int = 64) -> Drawing:
    """Product shots of `size` x `size` pixels; each depends on its own garment alone."""
    images = np.empty((len(garments), 3, size, size), np.uint8)
    parts = np.empty((len(garments), size, size), np.int64)
    for row, garment in enumerate(garments):
        sheet = Sheet(size, PARTS, garment.seed)
        _CUTS[garment.kind](sheet, garment)
        colour, accent = (np.array(COLOURS[name], float) for name in (garment.colour, garment.accent))
        rim = colour * 0.85 if colour.mean() > 90 else colour * 0.8 + 45
        inks = {name: colour for name in CLOTH} | {"trim": accent, "logo": accent}
        inks |= {"background": WHITE, "collar": rim, "inside": colour * 0.55}
        pixels, parts[row] = sheet.develop(inks, CLOTH, accent, garment.pattern, garment.finish == "shiny")
        images[row] = pixels.transpose(2, 0, 1)
    return Drawing(torch.from_numpy(images), torch.from_numpy(parts))


def rate(images: int = 256, size: int = 64) -> float:
    """Images drawn per second, on dresses, shirts and tops in turn."""
    rng = np.random.default_rng(0)
    garments = [sample(rng, ("dress", "shirt", "toptee")[i % 3]) for i in range(images)]
    draw(garments[:8], size)
    start = time.perf_counter()
    draw(garments, size)
    return images / (time.perf_counter() - start)


def _dress(sheet: Sheet, garment: Garment) -> None:
    """A dress: narrow above, the skirt as wide as its silhouette and its length make it."""
    u, top, bust = 0.64, 0.05, 0.108
    waist = bust * {"fitted": 0.76, "straight": 1.02, "flared": 0.8}[garment.silhouette]
    hem_y = (0.53, 0.66, 0.79, 0.92)[garment.length]
    hem = {"fitted": 0.115, "straight": 0.15, "flared": 0.2 + 0.2 * (hem_y - 0.4)}[garment.silhouette]
    _torso(sheet, garment, Frame(u, top, 0.122, bust, waist, hem, top + 0.42 * u, hem_y))


def _top(sheet: Sheet, garment: Garment) -> None:
    """A shirt, a top or a jacket."""
    bust = 0.185 if garment.kind == "toptee" else 0.205
    waist = bust * {"fitted": 0.8, "straight": 1.0, "flared": 0.92}[garment.silhouette]
    hem = bust * {"fitted": 0.88, "straight": 1.04, "flared": 1.55}[garment.silhouette]
    hem_y = (0.52, 0.74, 0.92)[garment.length]
    _torso(sheet, garment, Frame(1.0, 0.1, bust + 0.012, bust, waist, hem, 0.1 + 0.38, hem_y))


def _torso(sheet: Sheet, garment: Garment, frame: Frame) -> None:
    """Sleeves, body, neckline, then what is sewn on."""
    u, top, bare = frame.u, frame.top, garment.sleeves in ("strapless", "straps")
    halter = garment.neckline == "halter"
    armpit = top + 0.2 * u
    if garment.sleeves in ("cap", "short", "half", "long"):
        for part, turn in (("left sleeve", -1), ("right sleeve", 1)):
            sheet.shape(part, [(turn * x, y) for x, y in _sleeve(garment.sleeves, frame)])
    neck = {"high": 0.06, "round": 0.07, "scoop": 0.1, "square": 0.1, "v": 0.085, "collar": 0.065}
    half = neck.get(garment.neckline, 0.05) * u
    flanks = [(frame.bust, armpit), (frame.waist, frame.waist_y), (frame.hem, frame.hem_y)]
    if frame.hem_y <= frame.waist_y + 0.06:
        flanks = [(frame.bust, armpit), ((frame.waist + frame.hem) / 2, frame.hem_y)]
    if bare:
        start = [(frame.bust * 0.5, top + 0.14 * u), (frame.bust * 0.93, top + 0.16 * u)]
    elif halter:
        start = [(half, top), (half * 1.3, top + 0.05 * u), (frame.bust * 0.8, top + 0.17 * u)]
    elif garment.sleeves == "sleeveless":
        start = [(half, top), (frame.shoulder * 0.86, top + 0.035 * u), (frame.shoulder * 0.8, top + 0.12 * u)]
    else:
        start = [(half, top), (frame.shoulder, top + 0.035 * u)]
    side = [*start[:2], *curve([*start[2:], *flanks])] if not bare else [*start[:-1], *curve([start[-1], *flanks])]
    bulge = (0.0, frame.hem_y + 0.018)
    if garment.sleeves == "straps":
        for turn in (-1, 1):
            ends = [(turn * frame.bust * 0.72, top + 0.19 * u), (turn * frame.bust * 0.62, top)]
            sheet.strap("straps", ends, 0.016)
    sheet.shape(
        "body", [*side, bulge, *((-x, y) for x, y in reversed(side)), *([(0.0, top + 0.165 * u)] if bare else [])]
    )
    _neckline(sheet, garment, half, frame)
    _sewn(sheet, garment, frame)


def _sleeve(length: str, frame: Frame) -> list[Point]:
    """The right sleeve, hanging at an angle."""
    u, shoulder = frame.u, (frame.shoulder, frame.top + 0.035 * frame.u)
    armpit = (frame.bust * 0.98, frame.top + 0.21 * u)
    if length == "cap":
        return [(shoulder[0] * 0.8, shoulder[1] - 0.01), (shoulder[0] + 0.06 * u, shoulder[1] + 0.085 * u), armpit]
    reach = {"short": 0.23, "half": 0.37, "long": 0.66}[length] * u
    angle = math.radians({"short": 36, "half": 30, "long": 20}[length])
    cuff = {"short": 0.13, "half": 0.115, "long": 0.088}[length] * u
    outer = (shoulder[0] + reach * math.sin(angle) + 0.02 * u, shoulder[1] + reach * math.cos(angle))
    inner = (outer[0] - cuff * math.cos(angle), outer[1] + cuff * math.sin(angle) * 0.6)
    bend = (shoulder[0] + 0.07 * u, shoulder[1] + 0.05 * u)
    return [*curve([shoulder, bend, outer], 4), inner, armpit, (frame.bust * 0.7, armpit[1])]


def _neckline(sheet: Sheet, garment: Garment, half: float, frame: Frame) -> None:
    """The opening with the inside of the back in it, or what closes it."""
    u, top, kind = frame.u, frame.top, garment.neckline
    depth = {"round": 0.07, "scoop": 0.15, "square": 0.12, "v": 0.2, "collar": 0.1, "halter": 0.04}.get(kind, 0.0) * u
    if kind == "high":
        sheet.shape(
            "collar",
            [
                (-half, top + 0.02 * u),
                (-half * 0.9, top - 0.05 * u),
                (half * 0.9, top - 0.05 * u),
                (half, top + 0.02 * u),
            ],
        )
    if depth == 0 or garment.sleeves == "strapless":
        return
    if garment.sleeves == "straps":
        half, top, depth = frame.bust * 0.5, top + 0.14 * u, depth * 0.6
    if kind in ("v", "collar"):
        front = [(-half, top), (0.0, top + depth), (half, top)]
    elif kind == "square":
        front = [(-half, top), (-half * 0.92, top + depth), (half * 0.92, top + depth), (half, top)]
    else:
        turns = np.linspace(0, math.pi, 9).tolist()
        front = [(-half * math.cos(t), top + depth * math.sin(t)) for t in turns]
    sheet.shape("inside", front, edge=110)
    back = [
        (-half, top - 0.02),
        *((-half * math.cos(t), top + 0.3 * depth * math.sin(t)) for t in np.linspace(0, math.pi, 7).tolist()),
    ]
    sheet.shape("background", [*back, (half, top - 0.02)], edge=0)
    if kind == "collar":
        for turn in (-1, 1):
            flap = [
                (half * 0.75, top - 0.03 * u),
                (half * 1.5, top + 0.06 * u),
                (half * 0.85, top + 0.15 * u),
                (0.0, top + depth),
            ]
            sheet.shape("collar", [(turn * x, y) for x, y in flap], edge=110)
        sheet.line([(0.0, top + depth), (0.0, top + depth + 0.12 * u)])


def _sewn(sheet: Sheet, garment: Garment, frame: Frame) -> None:
    """Trim and logo of a torso."""
    u, chest = frame.u, frame.top + 0.3 * frame.u
    if garment.kind == "jacket":
        sheet.line([(0.0, frame.top + 0.1), (0.0, frame.hem_y + 0.015)], 150)
    TRIMS[garment.trim](sheet, frame)
    if garment.logo != "none":
        LOGOS[garment.logo](sheet, chest + 0.03, 0.085 * u)


def _skirt(sheet: Sheet, garment: Garment) -> None:
    """A skirt on its waistband."""
    hem_y = (0.46, 0.6, 0.76, 0.92)[garment.length]
    hem = {"fitted": 0.17, "straight": 0.215, "flared": 0.27 + 0.14 * hem_y}[garment.silhouette]
    frame = Frame(0.8, 0.1, 0.14, 0.14, 0.13, hem, 0.125, hem_y)
    hips = (0.5 * (0.13 + hem) + 0.02, 0.3) if garment.silhouette != "flared" else (0.13 + 0.4 * (hem - 0.13), 0.3)
    side = curve([(0.13, 0.1), hips, (hem, hem_y)])
    sheet.shape("body", [*side, (0.0, hem_y + 0.02), *((-x, y) for x, y in reversed(side))])
    sheet.shape("collar", mirror([(0.128, 0.085), (0.134, 0.125)]))
    TRIMS[garment.trim](sheet, frame)


def _pants(sheet: Sheet, garment: Garment) -> None:
    """Two legs on a waistband."""
    hem_y = (0.46, 0.72, 0.95)[garment.length]
    cuff = {"fitted": 0.062, "straight": 0.088, "flared": 0.13}[garment.silhouette]
    middle = cuff / 2 + 0.07 if hem_y > 0.5 else 0.105
    cuff = max(cuff, 0.095) if hem_y < 0.5 else cuff
    knee = (middle + 0.042, 0.62) if garment.silhouette != "straight" else (middle + 0.05, 0.62)
    outside = curve([(0.125, 0.07), (0.17, 0.28), *([knee] if hem_y > 0.65 else []), (middle + cuff / 2, hem_y)])
    leg = [*outside, (max(middle - cuff / 2, 0.012), hem_y), (0.006, 0.38)]
    sheet.shape("body", mirror(leg))
    sheet.line([(0.0, 0.1), (0.0, 0.38)], 110)
    sheet.shape("collar", mirror([(0.123, 0.05), (0.13, 0.09)]))
    TRIMS[garment.trim](sheet, Frame(0.8, 0.05, 0.13, 0.13, 0.125, cuff, 0.07, hem_y))


_CUTS: dict[str, Callable[[Sheet, Garment], None]] = {
    "dress": _dress, "shirt": _top, "toptee": _top, "jacket": _top, "skirt": _skirt, "pants": _pants,
}  # fmt: skip
