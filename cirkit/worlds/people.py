"""Pedestrians: who they are, and how a camera may catch them.

Stands in for CUHK-PEDES and its kin (ITSELF §4): identities come in families that share every large garment and differ
in small things alone, and each view brings its own pose, light, crop, occlusion and a litter of look-alike objects.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cirkit.worlds.strokes import Colour

COLOURS: dict[str, Colour] = {
    "black": (34, 34, 38),
    "white": (236, 236, 232),
    "gray": (126, 128, 132),
    "red": (192, 36, 40),
    "blue": (40, 78, 190),
    "green": (38, 128, 62),
    "yellow": (232, 200, 48),
    "brown": (112, 70, 38),
    "pink": (236, 142, 172),
    "purple": (118, 56, 152),
}
SMALL = ("red", "blue", "green", "yellow")  # the colours of hats, scarves, logos, bags, and of the litter
SKIN: tuple[Colour, ...] = ((236, 200, 172), (214, 168, 132), (160, 112, 78), (104, 70, 48))
HAIR: dict[str, Colour] = {
    "black": (28, 24, 24),
    "brown": (86, 56, 34),
    "blonde": (204, 170, 96),
    "gray": (158, 158, 156),
}
UPPERS = ("t-shirt", "shirt", "jacket", "coat")
PATTERNS = ("plain", "striped", "checked")
LOWERS = ("trousers", "shorts", "skirt")
SHOES = ("shoes", "boots")
BAGS = ("backpack", "handbag", "shoulder bag")
FACINGS = ("front", "back", "left", "right")
ACCESSORIES = ("hat", "scarf", "logo", "bag", "glasses")


@dataclass(frozen=True, slots=True)
class Person:
    """An identity: what stays from view to view. None: has no such thing."""

    sex: str  # man or woman
    skin: int  # row of SKIN
    hair: str
    long_hair: bool
    upper: str
    upper_colour: str
    pattern: str
    lower: str
    lower_colour: str
    shoes: str
    shoes_colour: str
    hat: str | None = None  # colours
    scarf: str | None = None
    logo: str | None = None
    bag: tuple[str, str] | None = None  # kind, colour
    glasses: bool = False

    @property
    def outfit(self) -> tuple[str, str, str]:
        """The colours of the three large garments: what a glance tells, and what no two families share."""
        return self.upper_colour, self.lower_colour, self.shoes_colour

    @property
    def small(self) -> tuple:
        """The small things: all that tells the members of a family apart."""
        return tuple(getattr(self, name) for name in ACCESSORIES)


@dataclass(frozen=True, slots=True)
class Street:
    """How hard the views are."""

    cameras: int = 6
    first: int = 0  # the number of the first camera: streets that share none look different
    litter: int = 6  # objects in the background, in the colours and shapes of small things
    occlusion: float = 0.2  # share of views with an obstacle before the legs or to one side
    light: float = 0.2  # by which the gain strays from 1
    shift: float = 0.04  # of the picture's height, by which the person stands off the middle
    crop: float = 0.1  # by which the scale strays: the largest lose their feet
    noise: float = 0.03  # standard deviation, where white is 1


@dataclass(frozen=True, slots=True)
class View:
    """One look at somebody. Lengths in picture heights, angles as -1 to 1."""

    facing: str
    mirror: bool  # front and back: on which side a bag hangs
    stride: float
    swing: float
    scale: float
    right: float
    down: float
    gain: float
    camera: int
    obstacle: str | None  # low, left, right
    seed: int  # of the litter and the noise


def family(rng: np.random.Generator, outfit: tuple[str, str, str], twins: int) -> list[Person]:
    """`twins` people in one outfit who differ in at least two small things, of which one shows from every side."""
    sex = ("man", "woman")[rng.integers(2)]
    lower = LOWERS[rng.choice(3, p=(0.7, 0.3, 0.0) if sex == "man" else (0.5, 0.2, 0.3))]
    base = Person(
        sex=sex,
        skin=int(rng.integers(len(SKIN))),
        hair=pick(rng, tuple(HAIR)),
        long_hair=bool(sex == "woman" and rng.random() < 0.7),
        upper=pick(rng, UPPERS),
        upper_colour=outfit[0],
        pattern=PATTERNS[rng.choice(3, p=(0.7, 0.15, 0.15))],
        lower=lower,
        lower_colour=outfit[1],
        shoes=pick(rng, SHOES),
        shoes_colour=outfit[2],
    )
    members: list[Person] = []
    while len(members) < twins:
        spare = tuple(colour for colour in SMALL if colour != base.upper_colour)
        one = replace(
            base,
            hat=pick(rng, (None, *SMALL)),
            scarf=pick(rng, (None, *spare)),
            logo=pick(rng, (None, *spare)),
            bag=None if rng.random() < 0.25 else (pick(rng, BAGS), pick(rng, spare)),
            glasses=bool(rng.random() < 0.25),
        )
        if all(_apart(one, other) for other in members):
            members.append(one)
    return members


def _apart(one: Person, other: Person) -> bool:
    """Whether they differ in two small things, one of them seen from every side."""
    differs = [a != b for a, b in zip(one.small, other.small, strict=True)]
    return sum(differs) >= 2 and (differs[0] or differs[1] or differs[3])


def view(rng: np.random.Generator, street: Street) -> View:
    """A look that the street allows."""
    stray = rng.uniform(-1, 1, 6)
    return View(
        facing=pick(rng, FACINGS),
        mirror=bool(rng.integers(2)),
        stride=float(stray[0]),
        swing=float(stray[1]),
        scale=float(0.88 * (1 + street.crop * stray[2])),
        right=float(street.shift * stray[3]),
        down=float(street.shift * stray[4]),
        gain=float(1 + street.light * stray[5]),
        camera=street.first + int(rng.integers(street.cameras)),
        obstacle=pick(rng, ("low", "left", "right")) if rng.random() < street.occlusion else None,
        seed=int(rng.integers(1 << 62)),
    )


def pick(rng: np.random.Generator, names: Sequence[Any]) -> Any:
    """One of the names, all alike."""
    return names[int(rng.integers(len(names)))]
