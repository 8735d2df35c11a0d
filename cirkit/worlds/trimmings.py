"""What is sewn on a garment or printed on its front: belts, bows, ruffles, lace, buttons, pockets, logos.

Part of the product shots that stand in for FashionIQ and Fashion200k (MAAF §3.2). Lengths are in sides of the image.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cirkit.worlds.sheet import Point, Sheet, mirror


@dataclass(frozen=True)
class Frame:
    """Where a garment has what: its unit and top, half widths, and how far down waist and hem are."""

    u: float
    top: float
    shoulder: float
    bust: float
    waist: float
    hem: float
    waist_y: float
    hem_y: float


def _belt(sheet: Sheet, frame: Frame) -> None:
    half, y = frame.waist * 1.04, frame.waist_y
    sheet.shape("trim", mirror([(half, y - 0.02), (half, y + 0.02)]))
    sheet.dot("collar", (0.0, y), 0.014)


def _bow(sheet: Sheet, frame: Frame) -> None:
    y, wide = frame.waist_y, 0.085
    for turn in (-1, 1):
        sheet.shape("trim", [(0.0, y), (turn * wide, y - 0.045), (turn * wide, y + 0.04)])
        sheet.shape("trim", [(0.0, y), (turn * 0.05, y + 0.11), (turn * 0.022, y + 0.12)])
    sheet.dot("trim", (0.0, y), 0.018)


def _hem(sheet: Sheet, frame: Frame, high: float, holes: bool) -> None:
    count, half = 7, frame.hem * 1.02
    sheet.shape("trim", mirror([(half * 0.97, frame.hem_y - high), (half, frame.hem_y)]))
    for i in range(count):
        x = half * (2 * (i + 0.5) / count - 1)
        y = frame.hem_y + 0.016 * (1 - abs(x) / half)
        sheet.dot("trim", (x, y), half / count * 1.05)
        sheet.line([(x, y - high * 0.8), (x, y + 0.01)], 0 if holes else 80)
        if holes:
            sheet.dot("body", (x, y - 0.35 * high), half / count * 0.45)


def _ruffles(sheet: Sheet, frame: Frame) -> None:
    _hem(sheet, frame, 0.055, holes=False)


def _lace(sheet: Sheet, frame: Frame) -> None:
    _hem(sheet, frame, 0.04, holes=True)


def _buttons(sheet: Sheet, frame: Frame) -> None:
    first, last = frame.top + 0.2 * frame.u, frame.hem_y - 0.05
    sheet.line([(0.0, first - 0.06), (0.0, frame.hem_y + 0.015)], 80)
    for y in np.arange(first, last, 0.075).tolist():
        sheet.dot("trim", (0.0, y), 0.0155)


def _zip(sheet: Sheet, frame: Frame) -> None:
    first = frame.top + 0.11 * frame.u
    sheet.strap("trim", [(0.0, first), (0.0, frame.hem_y + 0.01)], 0.024)
    sheet.line([(0.0, first), (0.0, frame.hem_y)], 160)


def _patch(sheet: Sheet, x: float, y: float) -> None:
    sheet.shape(
        "trim", [(x - 0.042, y), (x + 0.042, y), (x + 0.042, y + 0.075), (x, y + 0.095), (x - 0.042, y + 0.075)]
    )


def _pocket(sheet: Sheet, frame: Frame) -> None:
    _patch(sheet, 0.52 * frame.bust, frame.top + 0.24 * frame.u)


def _pockets(sheet: Sheet, frame: Frame) -> None:
    for turn in (-1, 1):
        _patch(sheet, turn * 0.52 * frame.bust, frame.top + 0.24 * frame.u)


def _none(sheet: Sheet, frame: Frame) -> None:
    """No trim: the cloth stays as it is."""


TRIMS: dict[str, Callable[[Sheet, Frame], None]] = {
    "none": _none, "belt": _belt, "bow": _bow, "ruffles": _ruffles, "lace": _lace, "buttons": _buttons, "zip": _zip,
    "pocket": _pocket, "pockets": _pockets,
}  # fmt: skip


def _text(sheet: Sheet, y: float, r: float) -> None:
    for row, words in enumerate(((-1.2, -0.2, 0.0, 1.2), (-0.9, 0.1, 0.3, 0.9), (-1.2, -0.5, -0.3, 1.0))):
        for left, right in (words[:2], words[2:]):
            z = y + r * (0.75 * row - 0.9)
            sheet.shape("logo", [(left * r, z), (right * r, z), (right * r, z + 0.42 * r), (left * r, z + 0.42 * r)], 0)


def _around(y: float, radii: Sequence[float], count: int) -> list[Point]:
    turns = [2 * math.pi * i / count for i in range(count)]
    return [(radii[i % len(radii)] * math.sin(t), y - radii[i % len(radii)] * math.cos(t)) for i, t in enumerate(turns)]


def _star(sheet: Sheet, y: float, r: float) -> None:
    sheet.shape("logo", _around(y, (1.35 * r, 0.55 * r), 10), 0)


def _heart(sheet: Sheet, y: float, r: float) -> None:
    turns = np.linspace(0, 2 * math.pi, 24, endpoint=False).tolist()
    waves = [(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 15 for t in turns]
    sheet.shape("logo", [(1.2 * r * math.sin(t) ** 3, y - 1.2 * r * w) for t, w in zip(turns, waves, strict=True)], 0)


def _circle(sheet: Sheet, y: float, r: float) -> None:
    sheet.dot("logo", (0.0, y), 1.2 * r)
    sheet.dot("body", (0.0, y), 0.7 * r)


def _skull(sheet: Sheet, y: float, r: float) -> None:
    sheet.dot("logo", (0.0, y - 0.25 * r), 1.0 * r)
    sheet.shape(
        "logo", [(-0.55 * r, y + 0.4 * r), (0.55 * r, y + 0.4 * r), (0.5 * r, y + 1.2 * r), (-0.5 * r, y + 1.2 * r)], 0
    )
    for turn in (-1, 1):
        sheet.dot("body", (turn * 0.42 * r, y - 0.15 * r), 0.3 * r)


def _flower(sheet: Sheet, y: float, r: float) -> None:
    for x, z in _around(y, (0.85 * r,), 6):
        sheet.dot("logo", (x, z), 0.5 * r)
    sheet.dot("body", (0.0, y), 0.4 * r)


def _cat(sheet: Sheet, y: float, r: float) -> None:
    sheet.dot("logo", (0.0, y + 0.2 * r), 0.95 * r)
    for turn in (-1, 1):
        sheet.shape(
            "logo", [(turn * 0.95 * r, y + 0.1 * r), (turn * 0.9 * r, y - 1.2 * r), (turn * 0.1 * r, y - 0.5 * r)], 0
        )
        sheet.dot("body", (turn * 0.38 * r, y + 0.1 * r), 0.17 * r)
    sheet.dot("body", (0.0, y + 0.5 * r), 0.14 * r)


LOGOS: dict[str, Callable[[Sheet, float, float], None]] = {
    "text": _text, "star": _star, "heart": _heart, "circle": _circle, "skull": _skull, "flower": _flower, "cat": _cat,
}  # fmt: skip
