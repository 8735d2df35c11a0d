"""Sentences about two scenes of a group: what one shows that the other does not; and captions of one scene.

The kinds are CIRCO's semantic aspects (Baldrati et al. 2023), which CIRR counted first, but for the viewpoint.
Whether a sentence is true of two scenes is decided, not sampled.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import TypeVar

import numpy as np

from cirkit.worlds.groups import SIDE, WORDS, Core, Things, What, all_of, core
from cirkit.worlds.scene import COLOURS, MATERIALS, Thing

SIDES = {"left of": (-1, 0), "right of": (1, 0), "in front of": (0, -1), "behind": (0, 1)}


@dataclass(frozen=True, slots=True)
class Show:
    """`show three small cubes`: so many, whatever the reference shows."""

    what: What
    number: int
    phrase: int = 0
    aspect = "direct_addressing"

    def holds(self, before: Things, after: Things) -> bool:
        """True where the answer shows exactly so many and the reference does not."""
        return self.what.count(after) == self.number != self.what.count(before)

    def core(self, before: Core) -> Core:
        """What the large things of the answer are."""
        return before

    def __str__(self) -> str:
        kept = self.what.several(self.number)
        return (f"show {kept}", f"has {kept}", f"there {'is' if self.number == 1 else 'are'} {kept}")[self.phrase % 3]


class Count(Show):
    """The same said of two or more: CIRCO calls that cardinality."""

    aspect = "cardinality"


@dataclass(frozen=True, slots=True)
class Added:
    """`add a small green cube`: the reference has none."""

    what: What
    phrase: int = 0
    aspect = "addition"

    def holds(self, before: Things, after: Things) -> bool:
        """True where the answer shows one or more and the reference none."""
        return self.what.count(after) > 0 == self.what.count(before)

    def core(self, before: Core) -> Core:
        """What the large things of the answer are."""
        return before

    def __str__(self) -> str:
        return (f"add a {self.what}", f"a {self.what} is added", f"has a {self.what} as well")[self.phrase % 3]


@dataclass(frozen=True, slots=True)
class Gone:
    """`no small cubes`: the reference has some."""

    what: What
    phrase: int = 0
    aspect = "negation"

    def holds(self, before: Things, after: Things) -> bool:
        """True where the reference shows one or more and the answer none."""
        return self.what.count(before) > 0 == self.what.count(after)

    def core(self, before: Core) -> Core:
        """What the large things of the answer are."""
        return before

    def __str__(self) -> str:
        return (f"has no {self.what}s", f"without any {self.what}", f"remove the {self.what}s")[self.phrase % 3]


@dataclass(frozen=True, slots=True)
class Compared:
    """`more small cubes`, `fewer things`."""

    what: What
    more: bool
    phrase: int = 0
    aspect = "comparative_statement"

    def holds(self, before: Things, after: Things) -> bool:
        """True where the answer shows more (or fewer), and both show one at least."""
        one, two = self.what.count(before), self.what.count(after)
        return min(one, two) > 0 and (two > one if self.more else two < one)

    def core(self, before: Core) -> Core:
        """What the large things of the answer are."""
        return before

    def __str__(self) -> str:
        word = "more" if self.more else "fewer"
        return (f"{word} {self.what}s", f"has {word} {self.what}s", f"there are {word} {self.what}s")[self.phrase % 3]


@dataclass(frozen=True, slots=True)
class Beside:
    """`a small cube is behind the large red sphere`."""

    what: What
    side: str
    other: What
    phrase: int = 0
    aspect = "spatial_relations_background"

    def holds(self, before: Things, after: Things) -> bool:
        """True where the answer shows it so and the reference does not."""
        return self.found(after) and not self.found(before)

    def found(self, things: Things) -> bool:
        """Whether the one other thing there is has such a thing at that side."""
        there = [thing for thing in things if self.other.fits(thing)]
        right, away = SIDES[self.side]
        return len(there) == 1 and any(
            self.what.fits(thing) and right * (thing.x - there[0].x) + away * (thing.y - there[0].y) > SIDE
            for thing in things
            if thing is not there[0]
        )

    def core(self, before: Core) -> Core:
        """What the large things of the answer are."""
        return before

    def __str__(self) -> str:
        place = f"a {self.what} {{}}{self.side} the {self.other}"
        return (place.format("is "), "has " + place.format(""), "with " + place.format(""))[self.phrase % 3]


@dataclass(frozen=True, slots=True)
class Swap:
    """`the large red cube is blue instead`: a large thing of another colour or material, all else being free."""

    what: What
    word: str
    phrase: int = 0
    aspect = "compare_change"

    @property
    def part(self) -> int:
        """Which word of a kind changes: 1 the colour, 2 the material."""
        return 1 if self.word in COLOURS else 2

    def core(self, before: Core) -> Core:
        """What the large things of the answer are."""
        return frozenset(
            (*kind[: self.part], self.word, *kind[self.part + 1 :])
            if self.what.fits(Thing(kind[0], kind[1], "large", 0.0, 0.0, 0.0, kind[2]))
            else kind
            for kind in before
        )

    def holds(self, before: Things, after: Things) -> bool:
        """True where the reference has one such large thing and it changes; what the answer must have, `core` says."""
        return sum(self.what.fits(thing) for thing in before) == 1 and self.core(core(before)) != core(before)

    def __str__(self) -> str:
        if self.part == 1:
            return (f"the {self.what} is {self.word} instead", f"make the {self.what} {self.word}")[self.phrase % 2]
        return (f"the {self.what} is of {self.word}", f"change the {self.what} to {self.word}")[self.phrase % 2]


@dataclass(frozen=True, slots=True)
class Both:
    """Two of these at once: `make the large cube blue and add a small green sphere`."""

    first: "Statement"
    second: "Statement"
    aspect = "statement_with_conjunction"

    def holds(self, before: Things, after: Things) -> bool:
        """True where both are."""
        return self.first.holds(before, after) and self.second.holds(before, after)

    def core(self, before: Core) -> Core:
        """What the large things of the answer are."""
        return self.second.core(self.first.core(before))

    def __str__(self) -> str:
        return f"{self.first} and {self.second}"


Single = TypeVar("Single", Show, Count, Added, Gone, Compared, Beside, Swap)
Statement = Show | Count | Added | Gone | Compared | Beside | Swap | Both


def aspects(statement: Statement) -> list[str]:
    """The kinds of a sentence: a conjunction has its own and those of its parts."""
    if isinstance(statement, Both):
        return sorted({statement.aspect, *aspects(statement.first), *aspects(statement.second)})
    return [statement.aspect]


def answers(statement: Statement, before: Things, after: Things) -> bool:
    """Whether the scene is right: it keeps the large things, but for what the sentence changes, and it holds."""
    return core(after) == statement.core(core(before)) and statement.holds(before, after)


def draw(rng: np.random.Generator, before: Things, after: Things) -> tuple[list[Statement], list[Statement]]:
    """Sentences of which `after` is a right answer: single ones and conjunctions, each kind early, else at random."""
    swaps, extras = _swaps(rng, before, after), _extras(rng, before, after)
    if core(before) == core(after):
        singles = extras
        joined = [Both(one, two) for one, two in combinations(extras[:6], 2) if type(one) is not type(two)]
    else:
        singles = [one for one in swaps if answers(one, before, after)]
        joined = [Both(one, two) for one, two in combinations(swaps, 2) if (one.what, one.part) != (two.what, two.part)]
        joined = [] if singles else joined
        joined += [Both(one, two) for one in singles for two in extras[:6]]
    return singles, [one for one in joined if answers(one, before, after)]


def _swaps(rng: np.random.Generator, before: Things, after: Things) -> list[Swap]:
    """All changes of one large thing into something that the answer has."""
    found: list[Swap] = []
    words = {word for kind in core(after) for word in kind[1:]}
    for thing in before:
        if thing.size == "large":
            now = words - {thing.colour, thing.material}
            found += [Swap(_the(thing, before), word) for word in (*COLOURS, *MATERIALS) if word in now]
    return [_say(rng, found[i]) for i in rng.permutation(len(found)).tolist()]


def _the(thing: Thing, things: Things) -> What:
    """The shortest words that single a large thing out."""
    shape = thing.shape
    short = (What(shape=shape), What(size="large", shape=shape), What("large", thing.colour, None, shape))
    return next((what for what in short if what.count(things) == 1), all_of(thing))


def _extras(rng: np.random.Generator, before: Things, after: Things) -> list[Statement]:
    """What is true of the small things: each kind of sentence once before any twice, since places are many."""
    found: list[Statement] = [Compared(What(), more) for more in (True, False)]
    for kind in {all_of(thing): None for thing in (*before, *after) if thing.size == "small"}:
        what = _part(rng, kind)
        number = what.count(after)
        found += [Added(what), Gone(what), Compared(what, True), Compared(what, False)]
        if 0 < number < len(WORDS):
            found.append(Show(what, 1) if number == 1 else Count(what, number))
        for side, thing in product(SIDES, before):
            if thing.size == "large":
                found.append(Beside(what, side, _the(thing, before)))
    kinds: dict[type, list[Statement]] = {}
    for i in rng.permutation(len(found)).tolist():
        if found[i].holds(before, after):
            kinds.setdefault(type(found[i]), []).append(_say(rng, found[i]))
    firsts = [many.pop(0) for many in kinds.values()]
    rest = [one for many in kinds.values() for one in many]
    return [many[i] for many in (firsts, rest) for i in rng.permutation(len(many)).tolist()]


def _part(rng: np.random.Generator, what: What) -> What:
    """Some of the words: `small` nearly always, so that the large things are not meant."""
    colour, material, shape = rng.random(3) < (0.65, 0.25, 0.8)
    return What(
        "small",
        what.colour if colour or not (material or shape) else None,
        what.material if material else None,
        what.shape if shape else None,
    )


def _say(rng: np.random.Generator, statement: Single) -> Single:
    """The sentence in one of its wordings."""
    return replace(statement, phrase=int(rng.integers(6)))


def captions(rng: np.random.Generator, things: Things) -> tuple[str, str, str, str, str]:
    """Five captions of a scene, from the longest to the shortest; all true, none complete but the first."""
    order = [things[i] for i in rng.permutation(len(things)).tolist()]
    order.sort(key=lambda thing: thing.size)  # large before small, as people do
    full = listed([f"a {all_of(thing)}" for thing in order])
    relation = ""
    if len(order) > 1:
        for i in rng.permutation(len(SIDES)).tolist():
            side, (right, away) = list(SIDES.items())[i]
            if right * (order[1].x - order[0].x) + away * (order[1].y - order[0].y) > SIDE:
                relation = f", with the {_short(order[1])} {side} the {_short(order[0])}"
    middle = listed([f"a {What(colour=thing.colour, shape=thing.shape)}" for thing in order])
    shapes = listed([What(shape=s).several(n) for s, n in _tally([thing.shape for thing in order])])
    pair = listed([f"a {all_of(thing)}" for thing in order[:2]])
    number = len(order)
    colours = listed([What(colour=colour).several(count) for colour, count in _tally([one.colour for one in order])])
    return (
        f"{full} stand on a gray floor{relation}." if number > 1 else f"{full} stands on a gray floor.",
        f"{middle} on the floor.",
        f"{pair}{' among other things' if number > 2 else ''}.",
        f"{shapes} on the floor.",
        f"{What().several(number)}, {colours}.",
    )


def _short(thing: Thing) -> What:
    return What(size=thing.size, colour=thing.colour, shape=thing.shape)


def _tally(names: Sequence[str]) -> list[tuple[str, int]]:
    """Each name once, with how often it stands there."""
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return list(counts.items())


def listed(parts: Sequence[str]) -> str:
    """`a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
