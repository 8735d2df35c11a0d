"""Garments as facts: what a dress, a shirt, a top, a jacket, a skirt or trousers are like, and how two differ.

The attributes that people speak of in FashionIQ (MAAF §3.2, Table 3) and that name the products of Fashion200k.
"""

from dataclasses import dataclass, fields, replace

import numpy as np

RGB = tuple[int, int, int]
COLOURS: dict[str, RGB] = {
    "black": (34, 33, 36),
    "white": (240, 239, 235),
    "grey": (142, 143, 147),
    "cream": (238, 224, 188),
    "beige": (205, 176, 136),
    "brown": (112, 70, 42),
    "red": (206, 34, 41),
    "burgundy": (112, 24, 46),
    "pink": (241, 148, 178),
    "coral": (246, 116, 92),
    "orange": (240, 132, 28),
    "yellow": (246, 212, 62),
    "green": (48, 138, 66),
    "olive": (112, 112, 52),
    "mint": (158, 220, 190),
    "teal": (20, 128, 134),
    "blue": (46, 98, 200),
    "navy": (28, 40, 88),
    "purple": (116, 56, 152),
    "lavender": (188, 168, 222),
}
GREYS = frozenset({"black", "white", "grey", "cream", "beige"})  # not colourful
SILHOUETTES = ("fitted", "straight", "flared")  # from tight to wide
SLEEVES = ("strapless", "straps", "sleeveless", "cap", "short", "half", "long")  # from bare to covered
DEPTHS = {"high": 0, "collar": 1, "round": 2, "halter": 2, "across": 3, "square": 3, "scoop": 4, "v": 4}  # of necklines
PATTERNS = ("solid", "striped", "pinstriped", "dotted", "floral", "plaid", "leopard", "zigzag", "ombre", "blocked")
COVER = {  # share of a garment that a pattern gives to its second colour
    "solid": 0.0, "striped": 0.45, "pinstriped": 0.25, "dotted": 0.25, "floral": 0.35, "plaid": 0.45,
    "leopard": 0.35, "zigzag": 0.45, "ombre": 0.5, "blocked": 0.45,
}  # fmt: skip
LOGOS = ("none", "text", "star", "heart", "circle", "skull", "flower", "cat")
KINDS = ("dress", "shirt", "toptee", "jacket", "skirt", "pants")


@dataclass(frozen=True)
class Garment:
    """One product; every attribute but the seed can be spoken of. The accent colours pattern, trim and logo."""

    kind: str
    silhouette: str
    length: int  # 0 is the shortest of its kind
    sleeves: str
    neckline: str
    colour: str
    pattern: str
    accent: str
    trim: str
    logo: str
    finish: str  # matt or shiny
    seed: int = 0  # of what differs from one photograph to the next

    @property
    def key(self) -> tuple:
        """What it is, whatever the photograph."""
        return tuple(getattr(self, field.name) for field in fields(self) if field.name != "seed")


BARE = ("none",)
OPTIONS: dict[str, dict[str, tuple]] = {
    "dress": {
        "silhouette": SILHOUETTES,
        "length": (0, 1, 2, 3),
        "sleeves": SLEEVES,
        "neckline": tuple(DEPTHS),
        "trim": ("none", "belt", "bow", "ruffles", "lace", "buttons"),
        "logo": BARE,
    },
    "shirt": {
        "silhouette": ("fitted", "straight"),
        "length": (1, 2),
        "sleeves": ("sleeveless", "short", "half", "long"),
        "neckline": ("high", "collar", "round", "v"),
        "trim": ("none", "buttons", "pocket", "pockets", "zip"),
        "logo": LOGOS,
    },
    "toptee": {
        "silhouette": SILHOUETTES,
        "length": (0, 1, 2),
        "sleeves": SLEEVES,
        "neckline": tuple(DEPTHS),
        "trim": ("none", "bow", "ruffles", "lace", "buttons", "pocket"),
        "logo": LOGOS,
    },
    "jacket": {
        "silhouette": ("fitted", "straight"),
        "length": (0, 1, 2),
        "sleeves": ("sleeveless", "half", "long"),
        "neckline": ("high", "collar", "v"),
        "trim": ("buttons", "zip", "belt"),
        "logo": BARE,
    },
    "skirt": {
        "silhouette": SILHOUETTES,
        "length": (0, 1, 2, 3),
        "sleeves": BARE,
        "neckline": BARE,
        "trim": ("none", "belt", "bow", "ruffles", "lace", "buttons"),
        "logo": BARE,
    },
    "pants": {
        "silhouette": SILHOUETTES,
        "length": (0, 1, 2),
        "sleeves": BARE,
        "neckline": BARE,
        "trim": ("none", "belt", "pockets"),
        "logo": BARE,
    },
}
COMMON = {"colour": tuple(COLOURS), "pattern": PATTERNS, "accent": tuple(COLOURS), "finish": ("matt", "shiny")}
PLAIN = {"pattern": 0.45, "trim": 0.4, "logo": 0.4, "finish": 0.8}  # chance of the first option
ATTRIBUTES = tuple(field.name for field in fields(Garment) if field.name not in ("kind", "seed"))


def options(kind: str, attribute: str) -> tuple:
    """The values that an attribute can take in garments of this kind."""
    return COMMON[attribute] if attribute in COMMON else OPTIONS[kind][attribute]


def pick(rng: np.random.Generator, kind: str, attribute: str) -> str | int:
    """One of the values, plain ones more often."""
    values = options(kind, attribute)
    if attribute in PLAIN and len(values) > 1 and rng.random() < PLAIN[attribute]:
        return values[0]
    return values[rng.integers(len(values))]


def brightness(colour: RGB) -> float:
    """How light a colour looks, from 0 to 255."""
    red, green, blue = colour
    return 0.3 * red + 0.59 * green + 0.11 * blue


def apart(one: str, other: str) -> bool:
    """Whether two colours can be told from one another when printed on one another."""
    a, b = COLOURS[one], COLOURS[other]
    return abs(brightness(a) - brightness(b)) > 45 or sum(abs(x - y) for x, y in zip(a, b, strict=True)) > 190


def worn(garment: Garment) -> bool:
    """Whether a garment can be made: its neckline suits its sleeves, and what is in the accent colour shows."""
    sleeves, neckline = garment.sleeves, garment.neckline
    suits = {
        "strapless": ("across",),
        "straps": ("v", "square", "scoop"),
        "sleeveless": ("high", "collar", "round", "halter", "square", "scoop", "v"),
        "none": BARE,
    }.get(sleeves, ("high", "collar", "round", "square", "scoop", "v"))
    accented = garment.pattern != "solid" or garment.trim != "none" or garment.logo != "none"
    return (
        neckline in suits
        and (apart(garment.colour, garment.accent) if accented else garment.accent == garment.colour)
        and (garment.logo == "none" or (garment.pattern == "solid" and garment.trim in ("none", "ruffles")))
    )


def sample(rng: np.random.Generator, kind: str) -> Garment:
    """A garment of this kind that can be made."""
    while True:
        chosen = {attribute: pick(rng, kind, attribute) for attribute in ATTRIBUTES}
        garment = settle(Garment(kind=kind, **chosen, seed=int(rng.integers(1 << 62))))
        if worn(garment):
            return garment


def settle(garment: Garment) -> Garment:
    """The garment with the accent that nothing shows in set to its colour, so that equal looks have equal keys."""
    accented = garment.pattern != "solid" or garment.trim != "none" or garment.logo != "none"
    return garment if accented else replace(garment, accent=garment.colour)


def change(rng: np.random.Generator, garment: Garment, count: int) -> Garment:
    """Another garment of the same kind that differs in `count` drawn attributes, and in what these entail."""
    kind = garment.kind
    open_ = [attribute for attribute in ATTRIBUTES if len(options(kind, attribute)) > 1]
    weights = np.array([3.0 if attribute in ("colour", "sleeves", "pattern") else 1.0 for attribute in open_])
    while True:
        names = rng.choice(len(open_), size=min(count, len(open_)), replace=False, p=weights / weights.sum())
        drawn = {open_[i]: pick(rng, kind, open_[i]) for i in names}
        other = replace(garment, **drawn, seed=int(rng.integers(1 << 62)))
        if "sleeves" in drawn and not worn(settle(other)):  # other sleeves may need another neckline
            other = replace(other, neckline=pick(rng, kind, "neckline"))
        if not apart(other.colour, other.accent):
            other = replace(other, accent=pick(rng, kind, "accent"))
        other = settle(other)
        moved = all(getattr(other, name) != getattr(garment, name) for name in drawn if name != "accent")
        if worn(other) and moved and other.key != garment.key:
            return other


def differences(reference: Garment, target: Garment) -> tuple[str, ...]:
    """The attributes in which two garments of a kind differ."""
    return tuple(name for name in ATTRIBUTES if getattr(reference, name) != getattr(target, name))


def tone(garment: Garment) -> float:
    """How light the garment is on the whole, from 0 to 255."""
    cover = COVER[garment.pattern]
    colour, accent = brightness(COLOURS[garment.colour]), brightness(COLOURS[garment.accent])
    return (1 - cover) * colour + cover * accent


def colours(garment: Garment) -> tuple[str, ...]:
    """The colours that show in its cloth, the main one first; trim and logo apart."""
    return (garment.colour,) if garment.pattern == "solid" else (garment.colour, garment.accent)


def coverage(garment: Garment) -> tuple[int, int, int]:
    """How much skin it covers, by sleeves, neckline and length; each grows with cover."""
    sleeves = SLEEVES.index(garment.sleeves) if garment.sleeves in SLEEVES else 0
    return sleeves, -DEPTHS.get(garment.neckline, 0), garment.length
