"""Birds: species by the colours of their parts, and pictures of them on a perch, with the part of every pixel.

Stands in for Birds-to-Words (MAAF §3.3) and CUB-200-2011 (attention §4.4). Species come in genera that share beak and
build and most of their plumage, so that telling two apart takes the part and the colour that a sentence names.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from cirkit.worlds.strokes import Canvas, Colour, Point

COLOURS: dict[str, Colour] = {  # names as in CUB's attributes
    "blue": (48, 92, 190),
    "brown": (112, 74, 44),
    "grey": (128, 132, 138),
    "yellow": (236, 206, 54),
    "green": (60, 130, 62),
    "orange": (232, 128, 38),
    "black": (34, 34, 38),
    "red": (192, 40, 38),
    "white": (240, 240, 236),
    "buff": (214, 184, 138),
}
BEAKS = ("cone", "needle", "dagger", "hooked", "all-purpose")
BEAK_COLOURS = ("black", "yellow", "orange", "grey")
SIZES = {"small": 0.62, "medium": 0.82, "large": 1.0}
PATTERNS = ("plain", "spotted", "striped")
EYES = ("plain", "ring", "line")
AREAS = ("back", "wing", "crown", "head", "breast", "belly", "tail")  # the coloured ones
PARTS = (
    "background", "perch", "tail", "legs", "belly", "breast", "back", "wing", "bars", "head", "crown", "beak", "eye",
)  # fmt: skip
GROUNDS = ("sky", "leaves", "grass", "water")


@dataclass(frozen=True, slots=True)
class Species:
    """What all birds of a species have."""

    genus: int
    size: str
    beak: str
    beak_colour: str
    long_tail: bool
    crest: bool
    back: str
    wing: str
    crown: str
    head: str
    breast: str
    belly: str
    tail: str
    legs: str
    bars: bool = False  # pale bars on the wing
    pattern: str = "plain"  # of the breast
    eye: str = "plain"


@dataclass(frozen=True, slots=True)
class Look:
    """How one bird of a species is met."""

    facing: str  # left, right
    tilt: float  # radians; positive: head up
    nod: float  # -1 to 1: head down or up
    scale: float
    right: float  # of the picture's height
    down: float
    gain: float
    ground: str
    seed: int  # of the place, the noise and this bird's shade


@dataclass(frozen=True)
class Picture:
    """Pictures, and for every pixel the row of PARTS it shows."""

    images: UInt8[Tensor, "b 3 h w"]
    owner: Int64[Tensor, "b h w"]


def pick(rng: np.random.Generator, names: Sequence[Any]) -> Any:
    """One of the names, all alike."""
    return names[int(rng.integers(len(names)))]


def genera(rng: np.random.Generator, count: int, each: int) -> list[Species]:
    """`count` genera of `each` distinct species; those of one genus differ in two to four things of their plumage."""
    found: dict[Species, None] = {}
    for genus in range(count):
        colours = {area: pick(rng, tuple(COLOURS)) for area in AREAS}
        if rng.random() < 0.5:
            colours["wing"] = colours["back"]
        first = Species(
            genus=genus,
            size=pick(rng, tuple(SIZES)),
            beak=pick(rng, BEAKS),
            beak_colour=pick(rng, BEAK_COLOURS),
            long_tail=bool(rng.random() < 0.4),
            crest=bool(rng.random() < 0.25),
            legs=pick(rng, ("black", "orange", "grey")),
            bars=bool(rng.random() < 0.3),
            pattern=PATTERNS[rng.choice(3, p=(0.6, 0.2, 0.2))],
            eye=EYES[rng.choice(3, p=(0.6, 0.2, 0.2))],
            **colours,
        )
        while first in found:
            first = replace(first, crown=pick(rng, tuple(COLOURS)), breast=pick(rng, tuple(COLOURS)))
        found[first] = None
        made = 1
        while made < each:
            other = _relative(rng, first)
            if other not in found:
                found[other] = None
                made += 1
    return list(found)


def _relative(rng: np.random.Generator, first: Species) -> Species:
    """Another species of the genus."""
    change: dict[str, Any] = {}
    for name in rng.permutation([*AREAS, "bars", "pattern", "eye", "crest"])[: int(rng.integers(2, 5))].tolist():
        if name in ("bars", "crest"):
            change[name] = not getattr(first, name)
        else:
            names = {"pattern": PATTERNS, "eye": EYES}.get(name, tuple(COLOURS))
            change[name] = pick(rng, [other for other in names if other != getattr(first, name)])
    return replace(first, **change)


def look(rng: np.random.Generator) -> Look:
    """A chance meeting."""
    stray = rng.uniform(-1, 1, 6)
    return Look(
        facing=pick(rng, ("left", "right")),
        tilt=float(0.2 + 0.25 * stray[0]),
        nod=float(stray[1]),
        scale=float(1 + 0.08 * stray[2]),
        right=float(0.04 * stray[3]),
        down=float(0.03 * stray[4]),
        gain=float(1 + 0.15 * stray[5]),
        ground=pick(rng, GROUNDS),
        seed=int(rng.integers(1 << 62)),
    )


def draw(species: Sequence[Species], looks: Sequence[Look], shape: tuple[int, int]) -> Picture:
    """Pictures of `shape` (height, width); each depends on its own species and look alone."""
    images = np.empty((len(species), *shape, 3), np.uint8)
    owner = np.empty((len(species), *shape), np.int64)
    for row, (kind, met) in enumerate(zip(species, looks, strict=True)):
        images[row], owner[row] = _draw(kind, met, shape)
    return Picture(torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(owner))


def rate(images: int = 200, size: int = 64) -> float:
    """Pictures drawn per second."""
    rng = np.random.default_rng(0)
    species = genera(rng, images // 4, 4)
    looks = [look(rng) for _ in species]
    start = time.perf_counter()
    draw(species, looks, (size, size))
    return len(species) / (time.perf_counter() - start)


def boxes(owner: Int64[Tensor, "b h w"]) -> Int64[Tensor, "b 4"]:
    """The smallest box around each bird: left, top, width, height in pixels."""
    bird = owner >= PARTS.index("tail")  # (b, h, w)
    across, along = bird.any(1).int(), bird.any(2).int()  # (b, w), (b, h)
    left, top = across.argmax(1), along.argmax(1)
    right, bottom = across.shape[1] - across.flip(1).argmax(1), along.shape[1] - along.flip(1).argmax(1)
    return torch.stack([left, top, right - left, bottom - top], 1)


def _draw(
    kind: Species, met: Look, shape: tuple[int, int]
) -> tuple[UInt8[np.ndarray, "h w 3"], Int64[np.ndarray, "h w"]]:
    """One picture: the place, the perch, the bird from tail to beak, then light and noise."""
    rng = np.random.default_rng(met.seed)
    canvas = Canvas(shape, PARTS)
    wide = shape[1] / shape[0]
    _place(canvas, rng, met.ground, wide)
    unit = 0.88 * SIZES[kind.size] * met.scale
    origin = (wide / 2 + met.right, 0.5 + met.down)
    canvas.place(origin, (1.0, 1.0))
    brown = (92, 70, 52)
    canvas.limb("perch", brown, [(-wide, 0.33 * unit + 0.03), (wide, 0.33 * unit + rng.uniform(-0.05, 0.05))], 0.035)
    canvas.place(origin, (-unit if met.facing == "left" else unit, unit))
    shade = rng.uniform(0.9, 1.1)  # no two birds of a species have quite the same tone
    _bird(canvas, kind, met, {name: _tone(colour, shade) for name, colour in COLOURS.items()})
    return canvas.develop(rng, gain=met.gain, noise=0.02, raised=range(PARTS.index("tail"), len(PARTS)))


def _tone(colour: Colour, factor: float) -> Colour:
    """The colour made darker or lighter."""
    red, green, blue = (min(255, int(channel * factor)) for channel in colour)
    return red, green, blue


def _place(canvas: Canvas, rng: np.random.Generator, ground: str, wide: float) -> None:
    """A simple background out of focus: two bands of colour and some blots."""
    upper, lower, blot = {
        "sky": ((158, 196, 228), (186, 212, 232), (212, 226, 238)),
        "leaves": ((112, 142, 92), (96, 126, 82), (134, 160, 104)),
        "grass": ((176, 186, 132), (140, 158, 92), (158, 172, 110)),
        "water": ((150, 178, 186), (112, 146, 160), (132, 164, 176)),
    }[ground]
    canvas.box("background", _tone(upper, rng.uniform(0.85, 1.1)), (0, 0), (wide, 1))
    canvas.box("background", _tone(lower, rng.uniform(0.85, 1.1)), (0, rng.uniform(0.5, 0.8)), (wide, 1))
    for x, y, r in rng.uniform((0, 0, 0.03), (wide, 1, 0.12), (7, 3)).tolist():
        canvas.oval("background", _tone(blot, rng.uniform(0.85, 1.1)), (x, y), (r, r * 0.7))


def _turned(points: Sequence[Point], angle: float) -> list[Point]:
    """Points turned about the origin; a positive angle lifts what is on the right."""
    c, s = np.cos(angle), np.sin(angle)
    return [(float(c * x + s * y), float(c * y - s * x)) for x, y in points]


def _egg(centre: Point, radii: Point, start: float = 0.0, stop: float = 2 * np.pi) -> list[Point]:
    """Points of an ellipse, or of the part between two angles (clockwise from the right)."""
    angles = np.linspace(start, stop, 24)
    return [(float(centre[0] + radii[0] * np.cos(a)), float(centre[1] + radii[1] * np.sin(a))) for a in angles]


def _bird(canvas: Canvas, kind: Species, met: Look, tones: dict[str, Colour]) -> None:
    """The bird seen from its right side, beak to the right; lengths in body units, the legs end at 0.36."""
    for x in (-0.05, 0.05):
        canvas.limb("legs", tones[kind.legs], [(x, 0.14), (x - 0.015, 0.27), (x + 0.01, 0.35)], 0.02)

    def paint(part: str, colour: Colour, points: Sequence[Point], pattern: str = "plain") -> None:
        canvas.shape(part, colour, _turned(points, met.tilt), pattern)

    length = 0.3 if kind.long_tail else 0.14
    paint("tail", tones[kind.tail], [(-0.2, -0.06), (-0.26 - length, 0.0), (-0.25 - length, 0.09), (-0.18, 0.08)])
    paint("belly", tones[kind.belly], _egg((0, 0), (0.3, 0.185)))
    breast = [*_egg((0, 0), (0.301, 0.187), -0.6, 1.25), (0.03, 0.0)]
    paint("breast", tones[kind.breast], breast, kind.pattern)
    paint("back", tones[kind.back], [*_egg((0, 0), (0.302, 0.188), np.pi, 1.83 * np.pi), (0.1, -0.03), (-0.1, 0.02)])
    wing = [(0.13, -0.1), (0.16, -0.02), (0.06, 0.075), (-0.12, 0.08), (-0.42, 0.05), (-0.2, -0.06), (0.0, -0.115)]
    paint("wing", tones[kind.wing], wing)
    edge = _turned([(0.15, 0.0), (0.05, 0.075), (-0.12, 0.08), (-0.4, 0.05)], met.tilt)
    canvas.limb("wing", _tone(tones[kind.wing], 0.72 if kind.wing != "black" else 2.0), edge, 0.014)
    if kind.bars:
        for x in (0.06, -0.04):
            canvas.limb("bars", (244, 242, 232), _turned([(x, -0.085), (x - 0.04, 0.055)], met.tilt), 0.032)
    _head(canvas, kind, met, tones)


def _head(canvas: Canvas, kind: Species, met: Look, tones: dict[str, Colour]) -> None:
    """Beak, face, crown, crest and eye; the head nods about its own middle."""
    ((x, y),) = _turned([(0.265, -0.14)], met.tilt)
    nod = 0.25 * met.nod

    def put(points: Sequence[Point]) -> list[Point]:
        return [(x + right, y + down) for right, down in _turned(points, nod)]

    beaks = {
        "cone": [(0.08, -0.045), (0.205, 0.03), (0.08, 0.06)],
        "needle": [(0.09, -0.014), (0.36, 0.012), (0.09, 0.03)],
        "dagger": [(0.08, -0.035), (0.31, 0.02), (0.08, 0.045)],
        "hooked": [(0.08, -0.045), (0.17, -0.035), (0.21, 0.02), (0.195, 0.085), (0.165, 0.035), (0.08, 0.045)],
        "all-purpose": [(0.09, -0.02), (0.2, 0.012), (0.09, 0.035)],
    }
    canvas.shape("beak", tones[kind.beak_colour], put(beaks[kind.beak]))
    if kind.crest:
        canvas.shape("crown", tones[kind.crown], put([(0.05, -0.1), (-0.15, -0.25), (-0.12, -0.03)]))
    canvas.shape("head", tones[kind.head], put(_egg((0, 0), (0.125, 0.125))))
    canvas.shape(
        "crown", tones[kind.crown], put([*_egg((0, 0), (0.127, 0.127), 0.93 * np.pi, 1.87 * np.pi), (0.0, -0.045)])
    )
    ((right, down),) = put([(0.05, -0.01)])
    dark = (20, 18, 18) if kind.head != "black" else (236, 232, 220)
    if kind.eye == "line":
        canvas.limb("eye", dark, put([(-0.11, 0.005), (0.105, -0.005)]), 0.03)
    if kind.eye == "ring" or kind.head == "black":
        canvas.oval("eye", (248, 246, 240), (right, down), (0.04, 0.04))
    canvas.oval("eye", (12, 12, 14), (right, down), (0.024, 0.024))
