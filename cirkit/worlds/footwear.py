"""Shoes from the side on white: sneakers, boots, clogs and pumps, and which part of them each pixel shows.

Stands in for the images of Shoes (Guo et al. 2018), on which VAL and ARTEMIS are tested. Lengths are in sides of the
image, x from its middle; the toe points to the right.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch

from cirkit.worlds.garments import COLOURS, apart
from cirkit.worlds.sheet import WHITE, Point, Sheet, curve
from cirkit.worlds.wardrobe import Drawing

PARTS = ("background", "upper", "shaft", "sole", "heel", "inside", "strap", "laces", "trim")
CLOTH = ("upper", "shaft")
HEELS = (0.0, 0.05, 0.12, 0.2)  # how much the heel stands above the ball
SHAFTS = (0.15, 0.27, 0.4, 0.54)  # height of the back above the heel: low, ankle, mid calf, knee
KINDS = (
    "athletic_shoes", "boots", "clogs", "flats", "high_heels", "pumps", "rain_boots", "sneakers", "stiletto",
    "wedding_shoes",
)  # fmt: skip
PALE = ("white", "cream", "beige", "pink", "lavender", "mint")


@dataclass(frozen=True)
class Shoe:
    """One shoe; every attribute but the seed can be spoken of. The accent colours pattern, fastening, trim and sole."""

    kind: str
    colour: str
    accent: str
    pattern: str
    heel: int  # an index into HEELS
    shaft: int  # an index into SHAFTS
    toe: str
    closure: str
    trim: str
    finish: str
    seed: int = 0

    @property
    def key(self) -> tuple:
        """What it is, whatever the photograph."""
        return tuple(getattr(self, field.name) for field in fields(self) if field.name != "seed")


ATTRIBUTES = ("colour", "accent", "pattern", "heel", "shaft", "toe", "closure", "trim", "finish")
COMMON = {
    "colour": tuple(COLOURS), "accent": tuple(COLOURS),
    "pattern": ("solid", "dotted", "floral", "plaid", "leopard", "striped"),
    "shaft": (0,), "trim": ("none", "bow", "studs"), "finish": ("matt", "shiny"),
}  # fmt: skip
TOES, SPORT = ("round", "pointed", "open"), ("none", "stripes")
OPTIONS: dict[str, dict[str, tuple]] = {
    "athletic_shoes": {"heel": (0,), "toe": ("round",), "closure": ("laces", "velcro"), "trim": SPORT},
    "boots": {
        "heel": (0, 1, 2, 3), "shaft": (1, 2, 3), "toe": ("round", "pointed"),
        "closure": ("none", "laces", "buckle", "zip"), "trim": ("none", "fur", "studs"),
    },
    "clogs": {
        "heel": (0, 1), "toe": ("round", "open"), "closure": ("none", "strap", "buckle"),
        "trim": ("none", "studs", "fur"),
    },
    "flats": {"heel": (0,), "toe": TOES, "closure": ("none", "strap", "buckle")},
    "high_heels": {"heel": (2, 3), "toe": TOES, "closure": ("none", "strap", "buckle")},
    "pumps": {"heel": (1, 2), "toe": TOES, "closure": ("none", "strap")},
    "rain_boots": {
        "heel": (0, 1), "shaft": (1, 2, 3), "toe": ("round",), "closure": ("none", "buckle"), "trim": ("none", "bow"),
    },
    "sneakers": {
        "heel": (0,), "shaft": (0, 1), "toe": ("round",), "closure": ("laces", "velcro", "none"), "trim": SPORT,
    },
    "stiletto": {"heel": (3,), "toe": ("pointed", "open"), "closure": ("none", "strap", "buckle")},
    "wedding_shoes": {"colour": PALE, "heel": (0, 1, 2, 3), "toe": TOES, "closure": ("none", "strap")},
}  # fmt: skip
PLAIN = {"pattern": 0.6, "trim": 0.5, "finish": 0.6}  # chance of the first option


def options(kind: str, attribute: str) -> tuple:
    """The values that an attribute can take in shoes of this kind."""
    return OPTIONS[kind].get(attribute, COMMON.get(attribute, ()))


def pick(rng: np.random.Generator, kind: str, attribute: str) -> str | int:
    """One of the values, plain ones more often."""
    values = options(kind, attribute)
    plain = attribute in PLAIN and rng.random() < PLAIN[attribute]
    return values[0] if plain else values[rng.integers(len(values))]


def settle(shoe: Shoe) -> Shoe:
    """The shoe with an accent that nothing shows set to its colour, so that equal looks have equal keys."""
    shown = shoe.pattern != "solid" or shoe.closure != "none" or shoe.trim != "none"
    return shoe if shown else replace(shoe, accent=shoe.colour)


def made(shoe: Shoe) -> bool:
    """Whether what is in its accent colour can be seen."""
    shown = shoe.pattern != "solid" or shoe.closure != "none" or shoe.trim != "none"
    return apart(shoe.colour, shoe.accent) if shown else shoe.accent == shoe.colour


def sample(rng: np.random.Generator, kind: str) -> Shoe:
    """A shoe of this kind that can be made."""
    while True:
        chosen = {attribute: pick(rng, kind, attribute) for attribute in ATTRIBUTES}
        shoe = settle(Shoe(kind=kind, **chosen, seed=int(rng.integers(1 << 62))))
        if made(shoe):
            return shoe


def change(rng: np.random.Generator, shoe: Shoe, count: int) -> Shoe:
    """Another shoe of the kind that differs in `count` drawn attributes, and in its accent where that must follow."""
    open_ = [attribute for attribute in ATTRIBUTES if len(options(shoe.kind, attribute)) > 1]
    weights = np.array([3.0 if attribute == "colour" else 1.0 for attribute in open_])
    while True:
        names = rng.choice(len(open_), size=min(count, len(open_)), replace=False, p=weights / weights.sum())
        drawn = {open_[i]: pick(rng, shoe.kind, open_[i]) for i in names}
        other = replace(shoe, **drawn, seed=int(rng.integers(1 << 62)))
        if not apart(other.colour, other.accent):
            other = replace(other, accent=pick(rng, shoe.kind, "accent"))
        other = settle(other)
        moved = all(getattr(shoe, name) != value for name, value in drawn.items() if name != "accent")
        if made(other) and moved and other.key != shoe.key:
            return other


def draw(shoes: Sequence[Shoe], size: int = 64) -> Drawing:
    """Product shots of `size` x `size` pixels, parts numbered as in PARTS; each depends on its own shoe alone."""
    images = np.empty((len(shoes), 3, size, size), np.uint8)
    parts = np.empty((len(shoes), size, size), np.int64)
    for row, shoe in enumerate(shoes):
        sheet = Sheet(size, PARTS, shoe.seed)
        _shoe(sheet, shoe)
        colour, accent = (np.array(COLOURS[name], float) for name in (shoe.colour, shoe.accent))
        sporty = shoe.kind in ("athletic_shoes", "sneakers")
        sole = np.array(COLOURS["white"], float) if sporty and shoe.colour != "white" else colour * 0.45 + 20
        inks = {
            "background": WHITE,
            "upper": colour,
            "shaft": colour,
            "inside": colour * 0.5 + 25,
            "heel": colour * 0.6,
        }
        inks |= {"sole": sole, "strap": accent, "laces": accent, "trim": accent}
        pixels, parts[row] = sheet.develop(inks, CLOTH, accent, shoe.pattern, shoe.finish == "shiny")
        images[row] = pixels.transpose(2, 0, 1)
    return Drawing(torch.from_numpy(images), torch.from_numpy(parts))


def _shoe(sheet: Sheet, shoe: Shoe) -> None:
    """Heel and sole, the upper with its opening, the shaft, then what fastens and adorns it."""
    lift, tall, sporty = HEELS[shoe.heel], SHAFTS[shoe.shaft], shoe.kind in ("athletic_shoes", "sneakers")
    base = 0.86 if tall > 0.35 else 0.74
    thick = 0.055 if sporty or shoe.kind in ("clogs", "rain_boots") else 0.022
    ground, back = base + thick, base - lift
    tip = {"pointed": 0.41, "round": 0.36, "open": 0.34}[shoe.toe]
    blunt = {"pointed": 0.02, "round": 0.085, "open": 0.07}[shoe.toe]
    _heel(sheet, shoe, back, ground)
    under = curve([(-0.3, back), (-0.16, back + 0.03 * (lift > 0)), (0.08, base), (tip - 0.02, base)])
    below = [(x, y + thick) for x, y in reversed(under)]
    if shoe.toe == "open":
        sheet.shape("inside", [(0.2, base - 0.03), (tip + 0.02, base - 0.035), (tip + 0.04, base), (0.2, base)])
    collar = (-0.3, back - tall)
    if tall > 0.2:
        throat = [(-0.3, back - tall), (-0.06, back - tall), (-0.04, min(back - 0.17, base - 0.2)), (0.1, base - 0.16)]
    else:
        dip = 0.06 if shoe.kind in ("flats", "pumps", "high_heels", "stiletto", "wedding_shoes") else 0.02
        waist = base - 0.15 if sporty else (back + base) / 2 - 0.07
        throat = curve(
            [collar, (-0.24, back - tall + dip), (-0.06, waist), (0.1, base - 0.12 if sporty else base - 0.1)]
        )
    if shoe.kind == "clogs":
        throat = [(-0.16, back - 0.02), (-0.12, back - 0.17), (0.02, base - 0.2), (0.12, base - 0.15)]
    end = (0.24, base - 0.01) if shoe.toe == "open" else (tip, base)
    nose = [(0.26, base - blunt - 0.035), (tip - 0.012, base - 0.5 * blunt - 0.008), end]
    if shoe.toe == "open":
        nose = [(0.25, base - 0.1), (0.27, base - 0.05), end]
    top = [*throat, *curve([throat[-1], *nose])[1:]]
    sheet.shape("sole", [*under, *below])
    sheet.shape("upper", [*top, *reversed([point for point in under if point[0] < end[0]])])
    if tall > 0.2:
        edge = back - tall
        sheet.shape("shaft", [(-0.3, edge), (-0.06, edge), (-0.05, back - 0.19), (-0.29, back - 0.19)], edge=40)
        sheet.shape("inside", [(-0.3, edge), (-0.06, edge), (-0.09, edge + 0.014), (-0.27, edge + 0.014)])
    elif shoe.kind != "clogs":
        sheet.shape(
            "inside", [collar, (-0.24, back - tall + 0.01), (-0.06, (back + base) / 2 - 0.1), *reversed(throat)]
        )
    _fasten(sheet, shoe, base, back, tall)
    _adorn(sheet, shoe, base, back, tall, tip)


def _heel(sheet: Sheet, shoe: Shoe, back: float, ground: float) -> None:
    """What the heel stands on: a spike, a block, or nothing."""
    if shoe.heel == 0:
        return
    thin = shoe.kind in ("stiletto", "high_heels") or shoe.heel == 3
    foot = 0.022 if thin else 0.1
    sheet.shape("heel", [(-0.3, back), (-0.15, back + 0.02), (-0.29 + foot, ground), (-0.29, ground)])


def _fasten(sheet: Sheet, shoe: Shoe, base: float, back: float, tall: float) -> None:
    """Laces, straps, buckles, velcro or a zip."""
    if shoe.closure == "laces":
        for i in range(4):
            x, y = 0.12 - 0.052 * i, base - 0.15 - 0.066 * i if tall > 0.2 else base - 0.125 - 0.012 * i
            sheet.strap("laces", [(x - 0.045, y + 0.028), (x + 0.035, y + 0.012)], 0.02)
    elif shoe.closure == "velcro":
        for x, y in ((0.0, base - 0.17), (0.09, base - 0.13)):
            sheet.strap("strap", [(x - 0.05, y + 0.08), (x + 0.05, y)], 0.035)
    elif shoe.closure == "zip":
        sheet.strap("strap", [(-0.17, back - tall + 0.02), (-0.17, back - 0.03)], 0.018)
    elif shoe.closure in ("strap", "buckle"):
        if shoe.kind == "clogs":
            ends: tuple[Point, Point] = (-0.3, back - 0.13), (-0.08, back - 0.15)
        elif tall > 0.2:
            ends = (-0.3, back - 0.16), (0.0, back - 0.17)
        else:
            ends = (-0.3, back - tall + 0.01), (-0.02, (back + base) / 2 - 0.14)
        sheet.strap("strap", ends, 0.026)
        if shoe.closure == "buckle":
            x, y = (ends[0][0] + 2 * ends[1][0]) / 3, (ends[0][1] + 2 * ends[1][1]) / 3
            sheet.dot("strap", (x, y), 0.034)
            sheet.dot("inside", (x, y), 0.016)


def _adorn(sheet: Sheet, shoe: Shoe, base: float, back: float, tall: float, tip: float) -> None:
    """Bow, studs, fur or stripes."""
    if shoe.trim == "bow":
        x, y = (0.14, base - 0.12) if tall < 0.2 else (-0.18, back - tall + 0.09)
        for turn in (-1, 1):
            sheet.shape("trim", [(x, y), (x + turn * 0.065, y - 0.045), (x + turn * 0.065, y + 0.035)])
        sheet.dot("trim", (x, y), 0.016)
    elif shoe.trim == "studs":
        for i in range(6):
            sheet.dot("trim", (0.02 + 0.048 * i if shoe.toe != "open" else -0.02 + 0.045 * i, base - 0.035), 0.014)
    elif shoe.trim == "fur":
        x, y = (-0.3, back - tall) if tall > 0.2 else (-0.14, base - 0.2)
        for i in range(6):
            sheet.dot("trim", (x + 0.048 * i, y + 0.008 * (i % 2)), 0.032)
    elif shoe.trim == "stripes":
        for i in range(3):
            sheet.strap("trim", [(-0.1 + 0.06 * i, base - 0.005), (-0.06 + 0.06 * i, base - 0.11)], 0.022)
