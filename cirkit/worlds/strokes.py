"""A canvas of strokes: shapes in a part's name and a colour, painted over one another, then lit and made noisy.

Draws the pedestrians (ITSELF) and the birds (MAAF §3.3, attention §4.4): only numbers of strokes are painted, several
per pixel, so that picture and mask come from one pass and cannot disagree.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float, Int64, UInt8

Colour = tuple[int, int, int]
Point = tuple[float | int, float | int]
SAMPLES = 3  # per pixel and axis


class Canvas:
    """Painting in lengths of the picture's height from its upper left corner; `place` moves what follows."""

    def __init__(self, shape: tuple[int, int], parts: Sequence[str]) -> None:
        from PIL import Image, ImageDraw

        self.height, self.width = shape
        self._parts = {name: row for row, name in enumerate(parts)}
        self._strokes: list[tuple[int, Colour]] = []
        self._patterns: list[tuple[int, str, int]] = []
        self._image = Image.new("L", (self.width * SAMPLES, self.height * SAMPLES))
        self._brush = ImageDraw.Draw(self._image)
        self.place((0.0, 0.0), (1.0, 1.0))

    def place(self, origin: Point, scale: Point) -> None:
        """Where later strokes have their origin, and the length of their units; a negative one mirrors."""
        unit = self.height * SAMPLES
        self._x, self._y = origin[0] * unit, origin[1] * unit
        self._wide, self._high = scale[0] * unit, scale[1] * unit

    def _stroke(self, part: str, colour: Colour) -> int:
        """The number of a new stroke, or of the same one where part and colour are those of the last."""
        if not self._strokes or self._strokes[-1] != (self._parts[part], colour):
            self._strokes.append((self._parts[part], colour))
            if len(self._strokes) > 255:
                raise ValueError("A canvas has room for 255 strokes; draw fewer.")
        return len(self._strokes) - 1

    def _at(self, points: Iterable[Point]) -> list[Point]:
        return [(self._x + x * self._wide, self._y + y * self._high) for x, y in points]

    def shape(self, part: str, colour: Colour, points: Sequence[Point], pattern: str = "plain") -> None:
        """A polygon; its pattern (striped, checked, spotted, barred) is in a lighter or darker shade of its colour."""
        number = self._stroke(part, colour)
        self._brush.polygon(self._at(points), fill=number)
        if pattern != "plain":
            light = sum(colour) < 300
            other = tuple(int(c + (255 - c) * 0.6) if light else int(c * 0.45) for c in colour)
            self._strokes.append((self._parts[part], other))
            self._patterns.append((number, pattern, len(self._strokes) - 1))

    def box(self, part: str, colour: Colour, corner: Point, other: Point) -> None:
        """An upright rectangle between two corners."""
        (a, b), (c, d) = self._at((corner, other))
        left, right = sorted((round(a), round(c)))
        up, down = sorted((round(b), round(d)))
        if right > left and down > up:
            self._brush.rectangle((left, up, right - 1, down - 1), fill=self._stroke(part, colour))

    def oval(self, part: str, colour: Colour, centre: Point, radii: Point) -> None:
        """An upright ellipse."""
        ((x, y),) = self._at((centre,))
        wide, high = abs(radii[0] * self._wide), abs(radii[1] * self._high)
        self._brush.ellipse((x - wide, y - high, x + wide, y + high), fill=self._stroke(part, colour))

    def limb(self, part: str, colour: Colour, joints: Sequence[Point], thickness: float) -> None:
        """A thick line through the joints with round ends."""
        number, points = self._stroke(part, colour), self._at(joints)
        wide = max(1, round(thickness * abs(self._high)))
        self._brush.line(points, fill=number, width=wide)
        if wide > 2:
            for x, y in points:
                self._brush.ellipse((x - wide / 2, y - wide / 2, x + wide / 2, y + wide / 2), fill=number)

    def develop(
        self, rng: np.random.Generator, gain: float | Float[np.ndarray, " 3"], noise: float, raised: Iterable[int]
    ) -> tuple[UInt8[np.ndarray, "h w 3"], Int64[np.ndarray, "h w"]]:
        """The picture and the part of each pixel's middle. The `raised` parts are lit as one rounded body."""
        from PIL import Image, ImageFilter

        numbers = np.array(self._image)
        self._lay_patterns(numbers)
        parts = np.array([part for part, _ in self._strokes], np.int64)
        owner = parts[numbers[SAMPLES // 2 :: SAMPLES, SAMPLES // 2 :: SAMPLES]]
        sheet = Image.fromarray(numbers)
        sheet.putpalette(np.array([colour for _, colour in self._strokes], np.uint8).tobytes())
        pixels = np.asarray(sheet.convert("RGB").reduce(SAMPLES), np.float32)
        body = np.isin(owner, list(raised))
        blurred = Image.fromarray((body * 255).astype(np.uint8)).filter(ImageFilter.BoxBlur(self.height / 40))
        soft = np.asarray(blurred, np.float32) / 255
        slope = np.zeros_like(soft)
        slope[:, 1:-1] = soft[:, 2:] - soft[:, :-2]
        slope[1:-1] += 0.6 * (soft[2:] - soft[:-2])
        reach = self.height / 40
        light = 1 + (slope * reach * 0.28).clip(-0.3, 0.3) * body
        pixels = pixels * light[..., None] * np.asarray(gain, np.float32)
        pixels += rng.standard_normal(pixels.shape, np.float32) * np.float32(255 * noise)
        return (pixels + 0.5).clip(0, 255).astype(np.uint8), owner

    def _lay_patterns(self, numbers: UInt8[np.ndarray, "y x"]) -> None:
        """Give some samples of a patterned stroke the number of its second shade, by where they lie."""
        unit = abs(self._high)
        for number, pattern, other in self._patterns:
            rows, columns = np.nonzero(numbers == number)
            y, x = (rows / unit / 0.022).astype(int), (columns / unit / 0.022).astype(int)
            if pattern == "striped":
                chosen = y % 2 == 0
            elif pattern == "checked":
                chosen = (y + x) % 2 == 0
            elif pattern == "barred":
                chosen = (rows / unit / 0.03).astype(int) % 2 == 0
            else:
                chosen = (y % 2 == 0) & ((x + y // 2) % 2 == 0)
            numbers[rows[chosen], columns[chosen]] = other
