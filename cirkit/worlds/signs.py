"""Scenes with printed words: shop fronts and buses in a street, bottles, boxes and books on a shelf.

Stands in for the photographs of TextVQA (Singh et al. 2019; the attention paper's M4C experiments). What is printed
where is known exactly; `signboards` draws it, `reading` reads it as an OCR system would and as ten people would.
"""

import importlib.util
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cirkit.errors import Problem

if TYPE_CHECKING:
    from PIL import ImageFont

COLOURS = {
    "red": (196, 44, 40),
    "blue": (38, 84, 190),
    "green": (36, 128, 62),
    "yellow": (242, 200, 40),
    "orange": (236, 124, 30),
    "purple": (122, 60, 160),
    "white": (240, 240, 236),
    "black": (40, 40, 44),
}
WARES = {
    "shop": ("BAKERY", "CAFE", "BOOKS", "SHOES", "TOYS", "HOTEL", "PIZZA", "BANK"),
    "bottle": ("BEER", "MILK", "JUICE", "WATER", "TEA", "SODA"),
    "box": ("RICE", "CEREAL", "PASTA", "SUGAR", "SALT", "SOAP"),
    "book": ("ATLAS", "POEMS", "GARDEN", "OCEAN", "STARS", "TRAINS"),
}
WAYS = {"ST": "street", "AVE": "avenue", "RD": "road"}
KINDS = ("shop", "bus", "plate", "bottle", "box", "book")
PLACES = {"street": ("shop", "bus", "plate"), "shelf": ("bottle", "box", "book")}
FONTS = ("DejaVuSans-Bold", "DejaVuSerif-Bold", "DejaVuSansMono-Bold", "DejaVuSans", "DejaVuSans-BoldOblique")
PANELS = {  # where on a thing its words stand: left, top, right, bottom, as parts of its slot
    "shop": (0.06, 0.15, 0.94, 0.42),
    "bus": (0.04, 0.06, 0.96, 0.36),
    "plate": (0.05, 0.04, 0.95, 0.31),
    "bottle": (0.07, 0.44, 0.93, 0.84),
    "box": (0.04, 0.10, 0.96, 0.62),
    "book": (0.08, 0.12, 0.92, 0.62),
}
TAG = (0.22, 0.68, 0.78, 0.92)  # the price on a box


@dataclass(frozen=True, slots=True)
class Sign:
    """A thing with words on it; `slot` is left, top, right, bottom in parts of the picture's side.

    `lines` are printed on the panel of its kind from top to bottom; `tag` is a box's price, below.
    """

    kind: str
    colour: str
    slot: tuple[float, float, float, float]
    lines: tuple[tuple[str, ...], ...]
    tag: str = ""
    font: int = 0
    tilt: float = 0.0  # degrees, counter-clockwise, by which the words stand askew

    @property
    def words(self) -> tuple[str, ...]:
        """All words in reading order."""
        return tuple(word for line in self.lines for word in line) + ((self.tag,) if self.tag else ())

    @property
    def name(self) -> str:
        """The made-up word: brand, title, destination."""
        return self.lines[0][-1] if self.kind == "bus" else self.lines[0][0]


@dataclass(frozen=True, slots=True)
class Scene:
    """Where we are, what stands there from left to right and far to near, and the seed of what words do not name."""

    place: str
    signs: tuple[Sign, ...]
    seed: int = 0

    @property
    def key(self) -> frozenset[tuple[str, str, tuple[str, ...]]]:
        """What can be asked about, places aside: equal keys are the same scene."""
        return frozenset((sign.kind, sign.colour, sign.words) for sign in self.signs)


@dataclass(frozen=True, slots=True)
class Printed:
    """A word in a picture: left, top, width, height in parts of the picture's side, before it is turned by `tilt`."""

    text: str
    sign: int
    box: tuple[float, float, float, float]
    tilt: float = 0.0


def names(seed: int, count: int) -> list[str]:
    """`count` distinct made-up words of two or three syllables, upper case."""
    rng = np.random.default_rng([seed, 77])
    first, vowels, last = (*"BDFGKLMNPRSTVZ", "TR", "BR", "GL", "ST"), "AEIOU", ["", "", "N", "R", "L", "X", "K"]
    found: dict[str, None] = {}
    real = {word for wares in WARES.values() for word in wares} | set(WAYS)
    while len(found) < count:
        word = "".join(first[rng.integers(len(first))] + vowels[rng.integers(5)] for _ in range(rng.integers(2, 4)))
        word += last[rng.integers(len(last))]
        if 4 <= len(word) <= 7 and word not in real:
            found[word] = None
    return list(found)


def sample(rng: np.random.Generator, pool: Sequence[str], least: int, most: int, tilt: float) -> Scene:
    """From `least` to `most` things in a street or on a shelf, names from `pool`, no name twice, colours distinct."""
    place = ("street", "shelf")[rng.integers(2)]
    count = int(rng.integers(least, most + 1))
    slots = _street(rng, count) if place == "street" else _shelf(rng, count)
    chosen = [pool[i] for i in rng.permutation(len(pool))[: len(slots)].tolist()]
    colours = {kind: rng.permutation(list(COLOURS)).tolist() for kind in KINDS}
    signs = []
    for (kind, slot), name in zip(slots, chosen, strict=True):
        lines, tag = _lines(rng, kind, name)
        askew = float(rng.uniform(-tilt, tilt)) if kind in PLACES["shelf"] else 0.0
        colour = colours[kind].pop() if kind != "plate" else "green"
        signs.append(Sign(kind, colour, slot, lines, tag, int(rng.integers(len(FONTS))), askew))
    return Scene(place, tuple(signs), int(rng.integers(1 << 62)))


def _street(rng: np.random.Generator, count: int) -> list[tuple[str, tuple[float, float, float, float]]]:
    """Two or three shops side by side, then a bus on the road, then a street plate on its pole; `count` of these."""
    count = min(count, 5)
    extra = ["bus", "plate"][: max(0, count - 2)]
    shops = max(1, count - len(extra))
    edges = np.linspace(0.02, 0.98, shops + 1)
    found = [("shop", (a, 0.1, b, 0.64)) for a, b in pairwise(edges.tolist())]
    right = bool(rng.integers(2))
    for kind in extra:
        if kind == "bus":
            at = float(rng.uniform(0.03, 0.1)) + (0.37 if right else 0.0)
            found.append(("bus", (at, 0.63, at + 0.5, 0.93)))
        else:
            at = 0.03 if right else 0.63
            found.append(("plate", (at, 0.56, at + 0.34, 0.9)))
    return found


def _shelf(rng: np.random.Generator, count: int) -> list[tuple[str, tuple[float, float, float, float]]]:
    """Things in rows of up to three on two boards."""
    count = min(count, 6)
    above = (count + 1) // 2 if count > 1 else 1
    found = []
    for row, many in enumerate((above, count - above)):
        for column in range(many):
            kind = PLACES["shelf"][rng.integers(3)]
            wide = {"bottle": 0.24, "box": 0.29, "book": 0.27}[kind]
            tall = {"bottle": 0.42, "box": 0.34, "book": 0.38}[kind]
            middle = (column + 0.5) / many + float(rng.uniform(-0.01, 0.01))
            middle = min(max(middle, wide / 2 + 0.02), 0.98 - wide / 2)
            floor = 0.47 + 0.47 * row
            found.append((kind, (middle - wide / 2, floor - tall, middle + wide / 2, floor)))
    return found


def _lines(rng: np.random.Generator, kind: str, name: str) -> tuple[tuple[tuple[str, ...], ...], str]:
    """What is printed on a thing of a kind, and the price if it has one."""
    if kind == "bus":
        return ((str(rng.integers(2, 99)), name),), ""
    if kind == "plate":
        return ((name, list(WAYS)[rng.integers(3)]),), ""
    ware = WARES[kind][rng.integers(len(WARES[kind]))]
    if kind == "bottle":
        return ((name,), (ware,), (str(50 * rng.integers(4, 21)), "ML")), ""
    price = f"{rng.integers(1, 10)}.{(0, 25, 50, 75)[rng.integers(4)]:02d}" if kind == "box" else ""
    return ((name,), (ware,)), price


def printed(scene: Scene, side: int = 256) -> list[Printed]:
    """Every word with its box, thing by thing in reading order, as laid out for a picture of `side` pixels."""
    found = []
    for number, sign in enumerate(scene.signs):
        for panel, lines in panels(sign):
            for word, (x, y, width, height), _ in arrange(sign, panel, lines, side):
                box = (x / side, y / side, width / side, height / side)
                found.append(Printed(word, number, box, sign.tilt if panel is PANELS[sign.kind] else 0.0))
    return found


@lru_cache(maxsize=1)
def _folder() -> Path:
    """Where matplotlib keeps the DejaVu fonts; found without importing it."""
    spec = importlib.util.find_spec("matplotlib")
    if spec is None or not spec.submodule_search_locations:
        raise Problem("The DejaVu fonts come with matplotlib, which is missing. Run `pip install matplotlib`.")
    return Path(spec.submodule_search_locations[0]) / "mpl-data" / "fonts" / "ttf"


@lru_cache(maxsize=512)
def _font(number: int, points: int) -> "ImageFont.FreeTypeFont":
    """A font in pixels, from its file alone; basic layout, so that no shaping library changes the bytes."""
    from PIL import ImageFont

    path = _folder() / f"{FONTS[number]}.ttf"
    try:
        return ImageFont.truetype(io.BytesIO(path.read_bytes()), points, layout_engine=ImageFont.Layout.BASIC)
    except OSError as error:
        raise Problem(f"The font {path} cannot be read. Install matplotlib again.") from error


Lines = tuple[tuple[str, ...], ...]
Fractions = tuple[float | int, float | int, float | int, float | int]


def panels(sign: Sign) -> list[tuple[Fractions, Lines]]:
    """The parts of a thing that bear words, and their lines."""
    return [(PANELS[sign.kind], sign.lines), *([(TAG, ((sign.tag,),))] if sign.tag else [])]


def corners(slot: Fractions, panel: Fractions, side: int) -> Fractions:
    """A panel's left, top, right, bottom in pixels."""
    left, top, right, bottom = slot
    wide, high = right - left, bottom - top
    a, b, c, d = panel
    return (left + a * wide) * side, (top + b * high) * side, (left + c * wide) * side, (top + d * high) * side


def arrange(
    sign: Sign, panel: Fractions, lines: Lines, side: int
) -> list[tuple[str, Fractions, "ImageFont.FreeTypeFont"]]:
    """Each word with its box in pixels (left, top, width, height) and its font: lines centred, as large as they fit."""
    left, top, right, bottom = corners(sign.slot, panel, side)
    wide, high = (right - left) * 0.94, (bottom - top) / len(lines)
    found = []
    for number, line in enumerate(lines):
        width, height = _extent(sign.font, " ".join(line))
        points = max(4, int(min(wide / width, high * 0.78 / height) * 100))
        font = _font(sign.font, points)
        x = (left + right - font.getlength(" ".join(line))) / 2
        base = top + high * (number + 0.5) + points * height / 200
        for word in line:
            a, b, c, d = font.getbbox(word, anchor="ls")
            found.append((word, (float(x + a), float(base + b), float(c - a), float(d - b)), font))
            x += font.getlength(word + " ")
    return found


@lru_cache(maxsize=4096)
def _extent(number: int, text: str) -> tuple[float, float]:
    """Width of a text and height of its capitals, per 100 pixels of font size, in parts of 100."""
    font = _font(number, 100)
    return float(font.getlength(text)), float(-font.getbbox("H", anchor="ls")[1])
