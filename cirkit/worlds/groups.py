"""Groups of similar scenes: things of two materials at free places; two large ones stay, small ones come and go.

Stands in for the sets of six similar photos of CIRR (Liu et al. 2021) and for CIRCO's concepts that many photos share:
what a group has in common is its core, the two large things.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations, product

import numpy as np

from cirkit.worlds.scene import COLOURS, MATERIALS, SHAPES, SIZES, Scene, Thing

Things = tuple[Thing, ...]
Kind = tuple[str, str, str]  # shape, colour, material of a large thing
Core = frozenset[Kind]  # the two kinds that a group's large things have
FIELD = ((-3.1, 3.1), (-2.5, 3.3))  # where things may stand: x, y in world units
GAP = 0.12  # world units between things
SIDE = 0.45  # world units by which a thing must be further left or nearer for a sentence to say so
WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")
SHARES = {"train": 0.5, "val": 0.15, "test1": 0.15, "unlabeled": 0.2}  # of all cores; no core is in two splits


@dataclass(frozen=True, slots=True)
class What:
    """What words say of a thing; a part left out is None, and a shape left out is called `thing`."""

    size: str | None = None
    colour: str | None = None
    material: str | None = None
    shape: str | None = None

    def fits(self, thing: Thing) -> bool:
        """Whether everything said is true of the thing."""
        return (
            (self.size is None or self.size == thing.size)
            and (self.colour is None or self.colour == thing.colour)
            and (self.material is None or self.material == thing.material)
            and (self.shape is None or self.shape == thing.shape)
        )

    def count(self, things: Things) -> int:
        """How many things fit."""
        return sum(self.fits(thing) for thing in things)

    def several(self, number: int) -> str:
        """With its number in words: `two small cubes`, `no sphere`, `a thing`."""
        if number == 1:
            return f"a {self}"
        return f"{WORDS[number]} {self}{'s' if number else ''}"

    def __str__(self) -> str:
        return " ".join(word for word in (self.size, self.colour, self.material, self.shape or "thing") if word)


def all_of(thing: Thing) -> What:
    """Everything words can say of a thing but where it stands."""
    return What(thing.size, thing.colour, thing.material, thing.shape)


def core(things: Things) -> Core:
    """The kinds of the large things."""
    return frozenset((thing.shape, thing.colour, thing.material) for thing in things if thing.size == "large")


@lru_cache(maxsize=1)
def cores() -> dict[str, tuple[Core, ...]]:
    """All pairs of different kinds, dealt to the splits once and for all: the seed of a world does not move them."""
    pairs = [frozenset(pair) for pair in combinations(product(SHAPES, COLOURS, MATERIALS), 2)]
    order = np.random.default_rng(0).permutation(len(pairs)).tolist()
    edges = np.round(np.cumsum([0.0, *SHARES.values()]) * len(pairs)).astype(int).tolist()
    return {split: tuple(pairs[i] for i in order[edges[k] : edges[k + 1]]) for k, split in enumerate(SHARES)}


def neighbours(rng: np.random.Generator, chosen: Sequence[Core], count: int) -> list[Core]:
    """`count` cores of those given, in such an order that each differs from an earlier one by one word if it can.

    So that a sentence which changes a large thing finds scenes that show the change.
    """
    left = [chosen[i] for i in rng.permutation(len(chosen)).tolist()]
    taken: list[Core] = []
    near: list[Core] = []
    while left and len(taken) < count:
        one = near[0] if near and len(taken) % 2 else left[0]
        taken.append(one)
        left.remove(one)
        near = [other for other in left if apart(one, other) == 1] or [other for other in near if other != one]
    return taken


def apart(one: Core, other: Core) -> int:
    """How many words differ between the things in which two cores differ; 9 where both things do."""
    mine, yours = one - other, other - one
    if len(mine) != 1 or len(yours) != 1:
        return 0 if one == other else 9
    return sum(a != b for a, b in zip(*mine, *yours, strict=True))


def put(rng: np.random.Generator, standing: Things, kind: Thing, tries: int = 60) -> Thing | None:
    """The thing at a free place, turned at random; None where none was found."""
    for _ in range(tries):
        (x, y), turn = (rng.uniform(*span) for span in FIELD), rng.uniform(0, np.pi / 2)
        moved = replace(kind, x=float(x), y=float(y), rotation=float(turn))
        if free(standing, moved):
            return moved
    return None


def free(standing: Things, thing: Thing) -> bool:
    """Whether the thing stands inside the field and clear of the others: more so in depth, where things hide others."""
    (left, right), (near, far) = FIELD
    if not (left <= thing.x <= right and near <= thing.y <= far):
        return False
    return all(
        np.hypot(thing.x - other.x, 0.72 * (thing.y - other.y)) > SIZES[thing.size] + SIZES[other.size] + GAP
        for other in standing
    )


def small(rng: np.random.Generator) -> Thing:
    """A small thing of any shape, colour and material, not yet placed."""
    pick = [names[rng.integers(len(names))] for names in (SHAPES, tuple(COLOURS), MATERIALS)]
    return Thing(pick[0], pick[1], "small", 0.0, 0.0, 0.0, pick[2])


def sample(rng: np.random.Generator, wanted: Core, extras: tuple[int, int]) -> Things:
    """A scene of the given core with from `extras[0]` to `extras[1]` small things; now and then two are alike."""
    while True:
        things: Things = ()
        kinds = [Thing(shape, colour, "large", 0.0, 0.0, 0.0, material) for shape, colour, material in sorted(wanted)]
        for _ in range(int(rng.integers(extras[0], extras[1] + 1))):
            again = len(kinds) > 2 and rng.random() < 0.35
            kinds.append(kinds[rng.integers(2, len(kinds))] if again else small(rng))
        for kind in kinds:
            placed = put(rng, things, kind)
            if placed is None:
                break
            things = (*things, placed)
        else:
            return things


def nudge(rng: np.random.Generator, things: Things, by: float) -> Things:
    """Every thing moved a little, up to `by` along each axis, as between two photos of one place."""
    for index, thing in enumerate(things):
        right, away = rng.uniform(-by, by, 2).tolist()
        moved = replace(thing, x=thing.x + right, y=thing.y + away)
        others = (*things[:index], *things[index + 1 :])
        if free(others, moved):
            things = (*things[:index], moved, *things[index + 1 :])
    return things


def alter(rng: np.random.Generator, things: Things, allowed: frozenset[Core]) -> Things:
    """The scene after one change: a small thing more, less, moved or other, or a large one of other colour or material.

    A change of a large thing is made only where the new core is one of `allowed`.
    """
    large = [i for i, thing in enumerate(things) if thing.size == "large"]
    extras = [i for i, thing in enumerate(things) if thing.size == "small"]
    for _ in range(40):
        way = rng.choice(5, p=(0.3, 0.2, 0.15, 0.2, 0.15))
        made: Things | None = None
        if way == 0 and len(extras) < 5:
            copied = bool(extras) and rng.random() < 0.35
            kind = things[extras[rng.integers(len(extras))]] if copied else small(rng)
            placed = put(rng, things, kind)
            made = None if placed is None else (*things, placed)
        elif way == 1 and len(extras) > 1:
            index = extras[rng.integers(len(extras))]
            made = (*things[:index], *things[index + 1 :])
        elif way == 2 and extras:
            index = extras[rng.integers(len(extras))]
            rest = (*things[:index], *things[index + 1 :])
            placed = put(rng, rest, things[index])
            made = None if placed is None else (*things[:index], placed, *things[index + 1 :])
        elif way == 3 and extras:
            made = _other(rng, things, extras[rng.integers(len(extras))], ("colour", "material", "shape"))
        elif way == 4:
            made = _other(rng, things, large[rng.integers(len(large))], ("colour", "material"))
            made = made if core(made) in allowed and len(core(made)) == 2 else None
        if made is not None:
            return made
    return things


def _other(rng: np.random.Generator, things: Things, index: int, aspects: Sequence[str]) -> Things:
    """The scene with one aspect of one thing drawn anew."""
    aspect = aspects[rng.integers(len(aspects))]
    names = {"colour": tuple(COLOURS), "material": MATERIALS, "shape": SHAPES}[aspect]
    now = getattr(things[index], aspect)
    word = [name for name in names if name != now][rng.integers(len(names) - 1)]
    return (*things[:index], replace(things[index], **{aspect: word}), *things[index + 1 :])


def look(things: Things) -> frozenset:
    """What can be seen of a scene, places rounded: two scenes that look alike have it in common."""
    return frozenset((all_of(thing), round(thing.x / SIDE), round(thing.y / SIDE)) for thing in things)


def group(
    rng: np.random.Generator, wanted: Core, allowed: frozenset[Core], extras: tuple[int, int], members: int = 6
) -> list[Things]:
    """`members` scenes that look different and yet alike: a first one, and others one to three changes away."""
    first = sample(rng, wanted, extras)
    found = [first]
    while len(found) < members:
        things = found[rng.integers(len(found))] if rng.random() < 0.4 else first
        for _ in range(int(rng.integers(1, 4))):
            things = alter(rng, things, allowed)
        things = nudge(rng, things, 0.12)
        if all(look(things) != look(other) for other in found):
            found.append(things)
    return found


def dress(rng: np.random.Generator, things: Things, camera: float, light: float) -> Scene:
    """Things as a scene with its own seed, by which camera and light stray."""
    return Scene(things, int(rng.integers(1 << 62)), camera, light)
