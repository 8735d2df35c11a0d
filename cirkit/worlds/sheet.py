"""A sheet to draw products on: polygons painted as numbers, then printed, lit and scaled down.

Three samples to a pixel and axis; image and mask come from one pass and cannot disagree. Carries the product shots
that stand in for FashionIQ, Fashion200k and Shoes (MAAF §3.2).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int64, UInt8

from cirkit.worlds.prints import PRINTS

SAMPLES = 3  # per pixel and axis
BAYER = np.array([[0, 5, 2], [7, 3, 6], [4, 1, 8]], np.float32) / 9 + 1 / 18  # thresholds for a blend by samples
WHITE = (255.0, 255.0, 255.0)
Point = tuple[float, float]
Ink = tuple[float, float, float] | tuple[int, int, int] | Float[np.ndarray, " 3"]
Grid = Float[np.ndarray, "y x"]


class Sheet:
    """Painting in units of the image's side, the middle at x = 0; `seed` moves and stretches everything a little.

    `parts` are the names of what can be painted; the first is the background.
    """

    def __init__(self, size: int, parts: Sequence[str], seed: int) -> None:
        from PIL import Image, ImageDraw

        self.size, self.parts = size, {name: number for number, name in enumerate(parts)}
        rng = np.random.default_rng(seed)
        self.scale, self.wide = rng.uniform(0.92, 1.0), rng.uniform(0.95, 1.05)
        self.x, self.y = 0.5 + rng.uniform(-0.025, 0.025), rng.uniform(0.0, 0.03) + (1 - self.scale) / 2
        self.tint = rng.uniform(-7, 7, 3)
        self.phase, self.period = rng.uniform(0, 1, 4), rng.uniform(0.9, 1.12)
        shape = (size * SAMPLES, size * SAMPLES)
        self._numbers, self._ink = Image.new("L", shape), Image.new("L", shape)
        self._fill, self._pen = ImageDraw.Draw(self._numbers), ImageDraw.Draw(self._ink)

    def _at(self, points: Sequence[Point]) -> list[Point]:
        side = self.size * SAMPLES
        return [
            ((self.x + x * self.scale * self.wide) * side, (self.y + y * self.scale) * side) for x, y in points
        ]  # fmt: skip

    def shape(self, part: str, points: Sequence[Point], edge: int = 70) -> None:
        """A filled polygon with an edge as dark as `edge` of 255."""
        placed = self._at(points)
        self._fill.polygon(placed, fill=self.parts[part])
        self._pen.polygon(placed, fill=0)
        if edge:
            self._pen.line([*placed, placed[0]], fill=edge, width=max(1, self.size * SAMPLES // 96))

    def line(self, points: Sequence[Point], dark: int = 90) -> None:
        """A seam."""
        self._pen.line(self._at(points), fill=dark, width=max(1, self.size * SAMPLES // 96))

    def strap(self, part: str, points: Sequence[Point], thickness: float) -> None:
        """A band along the points."""
        width = max(2, round(thickness * self.scale * self.size * SAMPLES))
        self._fill.line(self._at(points), fill=self.parts[part], width=width, joint="curve")

    def dot(self, part: str, centre: Point, radius: float) -> None:
        """A disc."""
        ((x, y),), r = self._at([centre]), radius * self.scale * self.size * SAMPLES
        self._fill.ellipse((x - r, y - r, x + r, y + r), fill=self.parts[part])

    def develop(
        self, inks: Mapping[str, Ink], cloth: Sequence[str] = (), second: Ink = WHITE, pattern: str = "solid",
        shiny: bool = False,
    ) -> tuple[UInt8[np.ndarray, "h w 3"], Int64[np.ndarray, "h w"]]:  # fmt: skip
        """The image and the part of each pixel's middle; `cloth` are the parts that the pattern is printed on."""
        from PIL import Image

        numbers = np.array(self._numbers)
        parts = numbers[SAMPLES // 2 :: SAMPLES, SAMPLES // 2 :: SAMPLES].astype(np.int64)
        if pattern != "solid":
            self._print(numbers, [self.parts[name] for name in cloth], pattern)
        tones = np.array([np.asarray(inks[name], float) for name in self.parts] + [np.asarray(second, float)])
        tones[1:] += self.tint
        sheet = Image.fromarray(numbers)
        sheet.putpalette(np.clip(tones + 0.5, 0, 255).astype(np.uint8).tobytes())
        pixels = np.asarray(sheet.convert("RGB").reduce(SAMPLES), np.float32)
        light, gleam = self._light(shiny)
        edge = np.asarray(self._ink.reduce(SAMPLES), np.float32)[..., None] / 255
        pixels = np.where((parts > 0)[..., None], pixels * light[..., None] + gleam[..., None], pixels)
        dark = pixels.mean(-1, keepdims=True) < 70  # on dark cloth a seam shows light
        pixels = pixels * (1 - edge) + edge * (20 + 60 * dark)
        return np.clip(pixels + 0.5, 0, 255).astype(np.uint8), parts

    def _print(self, numbers: UInt8[np.ndarray, "y x"], cloth: Sequence[int], pattern: str) -> None:
        """Give the samples of the cloth that the pattern covers the number after the last part's."""
        rows, columns = np.nonzero(np.isin(numbers, cloth))
        y = (rows / (self.size * SAMPLES) - self.y) / self.scale
        x = (columns / (self.size * SAMPLES) - self.x) / (self.scale * self.wide)
        printed = PRINTS[pattern](x / self.period, y / self.period, self.phase)
        chosen = printed > BAYER[rows % SAMPLES, columns % SAMPLES]
        numbers[rows[chosen], columns[chosen]] = len(self.parts)

    def _light(self, shiny: bool) -> tuple[Grid, Grid]:
        """How strongly each pixel is lit as one hanging cloth, and what a shiny one adds."""
        y, x = np.mgrid[0 : self.size, 0 : self.size].astype(np.float32) / self.size + np.float32(0.5 / self.size)
        x, y = (x - self.x) / self.scale, (y - self.y) / self.scale
        a, b, c, _ = self.phase
        fold = np.sin(2 * np.pi * (5 * x + a + 0.35 * np.sin(3 * y + 6 * b))) * np.clip(y * 1.2, 0.2, 1)
        light = 1.03 - 1.6 * x * x - 0.05 * y + 0.045 * fold
        if not shiny:
            return light, np.zeros_like(light)
        band = np.sin(2 * np.pi * (2.6 * x + 0.8 * y + c + 0.12 * np.sin(9 * y)))
        return light * (0.9 + 0.1 * fold), 210 * np.clip(band - 0.55, 0, 1) * (0.7 + 0.3 * fold)


def mirror(right: Sequence[Point]) -> list[Point]:
    """The closed outline of which `right` is the right half, from the top down."""
    return [*right, *((-x, y) for x, y in reversed(right))]


def curve(points: Sequence[Point], steps: int = 6) -> list[Point]:
    """A smooth line through the points (Catmull-Rom)."""
    before, after = [points[0], *points[:-1]], [*points[2:], points[-1], points[-1]]
    made = []
    for p, a, b, q in zip(before, points[:-1], points[1:], after[: len(points) - 1], strict=False):
        for step in range(steps):
            t = step / steps
            made.append(
                tuple(
                    0.5 * (2 * m + (n - k) * t + (2 * k - 5 * m + 4 * n - o) * t * t + (3 * m - k - 3 * n + o) * t**3)
                    for k, m, n, o in zip(p, a, b, q, strict=True)
                )
            )
    return [*made, points[-1]]
