"""Draw scenes of signs: shop fronts, buses, street plates, bottles, boxes and books, their words in DejaVu.

The stand-in for TextVQA's photographs, with exact masks. A scene drawn alone has the same bytes as in any batch.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from cirkit.worlds.render import Picture
from cirkit.worlds.signs import COLOURS, PANELS, Fractions, Lines, Scene, Sign, arrange, corners, panels


def draw(scenes: Sequence[Scene], size: int = 128) -> Picture:
    """Pictures of `size` x `size` pixels, drawn at twice the size, with exact masks and boxes of the things."""
    from PIL import Image

    count = max((len(scene.signs) for scene in scenes), default=0)
    images = np.empty((len(scenes), 3, size, size), np.uint8)
    owner = np.empty((len(scenes), size, size), np.int64)
    for row, scene in enumerate(scenes):
        brush = _Brush(2 * size, scene)
        images[row] = np.asarray(brush.image.resize((size, size), Image.Resampling.BOX)).transpose(2, 0, 1)
        covers = np.asarray(brush.owner).reshape(size, 2, size, 2).transpose(0, 2, 1, 3).reshape(size, size, 4)
        owner[row] = np.sort(covers.astype(np.int64), axis=-1)[..., 2] - 1  # what covers at least half of the pixel
    return Picture(torch.from_numpy(images), torch.from_numpy(owner), _boxes(owner, count))


def _boxes(owner: Int[np.ndarray, "b h w"], count: int) -> Int[Tensor, "b k 4"]:
    """The smallest box around what is seen of each thing, in pixels, ends excluded."""
    boxes = torch.zeros(len(owner), count, 4, dtype=torch.int64)
    for row, column in np.ndindex(len(owner), count):
        down, across = np.nonzero(owner[row] == column)
        if len(down):
            edges = [across.min(), down.min(), across.max() + 1, down.max() + 1]
            boxes[row, column] = torch.tensor([int(edge) for edge in edges])
    return boxes


class _Brush:
    """Draws one scene twice: in colours, and with the number of the thing (plus one) in place of its colour."""

    def __init__(self, side: int, scene: Scene):
        from PIL import Image, ImageDraw

        self.side, self.rng = side, np.random.default_rng(scene.seed)
        self.light = 0.88 + 0.2 * self.rng.random()
        self.image, self.owner = Image.new("RGB", (side, side)), Image.new("L", (side, side))
        self.colours, self.numbers = ImageDraw.Draw(self.image), ImageDraw.Draw(self.owner)
        self.number = 0
        (self._street if scene.place == "street" else self._shelf)()
        for self.number, sign in enumerate(scene.signs, 1):
            thing = {
                "shop": self._shop,
                "bus": self._bus,
                "plate": self._plate,
                "bottle": self._bottle,
                "box": self._carton,
                "book": self._book,
            }[sign.kind]
            thing(sign)
            for panel, lines in panels(sign):
                self._print(sign, panel, lines)

    def _shade(self, colour: tuple[int, ...], by: float = 1.0) -> tuple[int, ...]:
        return tuple(min(255, int(part * by * self.light)) for part in colour)

    def _box(
        self, slot: Fractions, part: Fractions, colour: tuple[int, ...], by: float = 1.0, round_: float = 0.0
    ) -> None:
        """A rectangle over a part of a slot, corners rounded by `round_` of the picture's side."""
        left, top, right, bottom = (round(edge) for edge in corners(slot, part, self.side))
        inner = (left, top, max(left, right - 1), max(top, bottom - 1))
        self.colours.rounded_rectangle(inner, round_ * self.side, fill=self._shade(colour, by))
        self.numbers.rounded_rectangle(inner, round_ * self.side, fill=self.number)

    def _street(self) -> None:
        sky = np.linspace((150, 190, 232), (226, 236, 244), 8)
        for row in range(8):
            self._box((0, 0, 1, 1), (0, row / 12, 1, (row + 1) / 12 + 0.01), tuple(int(part) for part in sky[row]))
        self._box((0, 0, 1, 1), (0, 0.64, 1, 0.72), (176, 172, 166))
        self._box((0, 0, 1, 1), (0, 0.72, 1, 1), (92, 92, 98))
        for at in np.arange(-0.1, 1, 0.3) + self.rng.uniform(0, 0.2):
            self._box((0, 0, 1, 1), (max(0, at), 0.95, min(1, max(0, at) + 0.14), 0.965), (226, 226, 216))

    def _shelf(self) -> None:
        wall = ((214, 202, 184), (196, 206, 208), (206, 198, 206))[self.rng.integers(3)]
        self._box((0, 0, 1, 1), (0, 0, 1, 1), wall)
        for floor in (0.47, 0.94):
            self._box((0, 0, 1, 1), (0, floor, 1, floor + 0.035), (150, 104, 62))
            self._box((0, 0, 1, 1), (0, floor + 0.035, 1, min(1, floor + 0.06)), wall, 0.8)

    def _shop(self, sign: Sign) -> None:
        slot, colour = sign.slot, COLOURS[sign.colour]
        wall = ((178, 120, 96), (200, 186, 160), (150, 150, 158), (188, 150, 130))[self.rng.integers(4)]
        self._box(slot, (0.01, 0, 0.99, 1), wall)
        self._box(slot, (0.03, 0.12, 0.97, 0.45), (250, 248, 240))
        stripes = 8
        for stripe in range(stripes):
            a, b = 0.02 + stripe * 0.96 / stripes, 0.02 + (stripe + 1) * 0.96 / stripes
            self._box(slot, (a, 0.47, b, 0.6), colour, (1.0, 0.82)[stripe % 2], 0.004)
        self._box(slot, (0.08, 0.62, 0.58, 0.9), (170, 206, 222))
        self._box(slot, (0.66, 0.62, 0.9, 1), (96, 70, 52))
        self._box(slot, (0.69, 0.66, 0.87, 0.8), (170, 206, 222))

    def _bus(self, sign: Sign) -> None:
        slot, colour = sign.slot, COLOURS[sign.colour]
        self._box(slot, (0, 0, 1, 0.84), colour, 1.0, 0.02)
        self._box(slot, (0.03, 0.05, 0.97, 0.37), (24, 24, 28))
        for window in range(4):
            self._box(slot, (0.04 + window * 0.24, 0.43, 0.24 + window * 0.24, 0.64), (178, 212, 228))
        for wheel in (0.2, 0.76):
            left, top, right, bottom = corners(slot, (wheel - 0.09, 0.68, wheel + 0.09, 0.98), self.side)
            self.colours.ellipse((left, top, right, bottom), fill=self._shade((30, 30, 32)))
            self.numbers.ellipse((left, top, right, bottom), fill=self.number)
            inner = (right - left) * 0.3
            inside = (left + inner, top + inner, right - inner, bottom - inner)
            self.colours.ellipse(inside, fill=self._shade((160, 160, 164)))

    def _plate(self, sign: Sign) -> None:
        self._box(sign.slot, (0.47, 0.2, 0.53, 1), (120, 122, 126))
        self._box(sign.slot, (0.0, 0.0, 1.0, 0.35), (244, 244, 240), 1.0, 0.01)
        self._box(sign.slot, (0.02, 0.025, 0.98, 0.325), (22, 100, 66), 1.0, 0.01)

    def _bottle(self, sign: Sign) -> None:
        slot, colour = sign.slot, COLOURS[sign.colour]
        self._box(slot, (0.39, 0.04, 0.61, 0.3), colour, 0.9)
        self._box(slot, (0.37, 0.0, 0.63, 0.06), (70, 60, 50))
        self._box(slot, (0.04, 0.26, 0.96, 1), colour, 1.0, 0.035)
        self._box(slot, (0.86, 0.34, 0.92, 0.96), colour, 0.8)
        self._box(slot, (0.05, 0.42, 0.95, 0.86), (250, 246, 232))

    def _book(self, sign: Sign) -> None:
        slot, colour = sign.slot, COLOURS[sign.colour]
        self._box(slot, (0.03, 0, 1, 1), (238, 232, 214))
        self._box(slot, (0, 0, 0.96, 0.985), colour)
        self._box(slot, (0, 0, 0.06, 0.985), colour, 0.75)
        self._box(slot, (0.2, 0.72, 0.8, 0.76), _ink(colour))
        self._box(slot, (0.3, 0.82, 0.7, 0.85), _ink(colour))

    def _carton(self, sign: Sign) -> None:
        self._box(sign.slot, (0, 0, 1, 1), COLOURS[sign.colour])
        self._box(sign.slot, (0, 0, 1, 0.07), COLOURS[sign.colour], 1.12)
        self._box(sign.slot, (0.94, 0.07, 1, 1), COLOURS[sign.colour], 0.8)
        self._box(sign.slot, (0.16, 0.66, 0.84, 0.94), (252, 238, 120), 1.0, 0.006)

    def _print(self, sign: Sign, panel: Fractions, lines: Lines) -> None:
        """The words of a panel, in an ink that can be read, askew by the sign's tilt."""
        from PIL import Image, ImageDraw

        ink = (30, 26, 30)
        if sign.kind == "bus":
            ink = (255, 196, 60)
        elif sign.kind == "plate":
            ink = (246, 246, 240)
        elif panel is PANELS[sign.kind] and sign.kind in ("box", "book"):
            ink = _ink(COLOURS[sign.colour])
        left, top, right, bottom = (round(edge) for edge in corners(sign.slot, panel, self.side))
        mask = Image.new("L", (max(1, right - left), max(1, bottom - top)))
        pen: ImageDraw.ImageDraw = ImageDraw.Draw(mask)
        for word, (x, y, _, _), font in arrange(sign, panel, lines, self.side):
            a, b, _, _ = font.getbbox(word, anchor="ls")
            pen.text((x - a - left, y - b - top), word, fill=255, font=font, anchor="ls")
        if sign.tilt and panel is PANELS[sign.kind]:
            mask = mask.rotate(sign.tilt, Image.Resampling.BICUBIC)
        self.image.paste(self._shade(ink), (left, top), mask)


def _ink(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """Black or white, whichever stands out from a colour."""
    red, green, blue = colour
    return (28, 26, 30) if 0.3 * red + 0.59 * green + 0.11 * blue > 140 else (250, 248, 240)
