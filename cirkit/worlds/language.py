"""Edits of scenes and the sentences that say them: make, add, remove.

The grammar and its proportions are those of the real CSS, counted over its 6,004 train sentences; where they
say circle, rectangle, triangle, ours say sphere, cube, cylinder, as MAAF §3.1 does ("make yellow sphere small").
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int8

from cirkit.worlds.scene import COLOURS, PLACES, SHAPES, SIZES, Scene, Thing

ASPECTS = ("size", "colour")  # what `make` can change
_NUMBER = {name: i for names in (SIZES, COLOURS, SHAPES) for i, name in enumerate(names)}

# (verb, aspect changed, says place, says size, says colour, says shape): sentences among the 6,004 of CSS's train split
TEMPLATES: dict[tuple[str, str, bool, bool, bool, bool], int] = {
    (verb, aspect, "p" in said, "s" in said, "c" in said, "h" in said): count
    for verb, aspect, counts in (
        (
            "make",
            "colour",
            "psc 612 pc 442 psh 396 pch 379 psch 372 ph 216 sch 210 ps 144 sc 112 ch 112 p 72 c 56 sh 48 h 24 s 16",
        ),
        (
            "make",
            "size",
            "pch 244 psch 150 pc 144 psc 142 ph 54 psh 54 sch 32 ch 32 p 18 ps 18 c 16 sc 16 h 6 sh 6 s 2",
        ),
        ("add", "", "psch 396 pch 215 psc 144 pc 72 psh 54 sch 48 ph 27 ch 24 ps 18 sc 16 p 9 c 8 sh 6 h 3 s 2"),
        ("remove", "", "psch 266 pch 144 psc 144 pc 72 psh 54 sch 32 ph 27 ps 18 sc 16 ch 16 p 9 c 8 sh 6 h 3 s 2"),
    )
    for said, count in zip(counts.split()[::2], map(int, counts.split()[1::2]), strict=True)
}


@dataclass(frozen=True, slots=True)
class Description:
    """What a sentence says of a thing; a part it leaves out is None, and a shape left out is called `object`."""

    place: str | None = None
    size: str | None = None
    colour: str | None = None
    shape: str | None = None

    def fits(self, thing: Thing) -> bool:
        """Whether everything said is true of the thing."""
        said = (self.place, self.size, self.colour, self.shape)
        return all(word is None or word == fact for word, fact in zip(said, thing.words, strict=True))

    def within(self, table: Int8[np.ndarray, "s 9 3"]) -> Bool[np.ndarray, "s 9"]:
        """`fits` for every cell of every scene at once; an empty cell fits nothing."""
        fits = table[:, :, 0] >= 0
        for axis, word in enumerate((self.size, self.colour, self.shape)):
            if word is not None:
                fits &= table[:, :, axis] == _NUMBER[word]
        if self.place is not None:
            fits &= np.arange(9) == PLACES.index(self.place)
        return fits

    def __str__(self) -> str:
        return " ".join(word for word in (self.place, self.size, self.colour, self.shape or "object") if word)


@dataclass(frozen=True, slots=True)
class Make:
    """The one thing that fits takes another size or colour: `make middle-left large sphere green`."""

    what: Description
    word: str

    @property
    def aspect(self) -> str:
        """What changes: size or colour."""
        return "size" if self.word in SIZES else "colour"

    def __str__(self) -> str:
        return f"make {self.what} {self.word}"

    def apply(self, scene: Scene) -> Scene:
        """The scene after the edit."""
        index = only(self.what, scene)
        changed = replace(scene.things[index], **{self.aspect: self.word})
        return replace(scene, things=(*scene.things[:index], changed, *scene.things[index + 1 :]))


@dataclass(frozen=True, slots=True)
class Add:
    """A thing that fits appears in an empty cell: `add small brown cube to top-center`."""

    what: Description

    def __str__(self) -> str:
        place = f" to {self.what.place}" if self.what.place else ""
        return f"add {replace(self.what, place=None)}{place}"

    def apply(self, scene: Scene, thing: Thing) -> Scene:
        """The scene with `thing`, which must fit and find its cell empty; things stay in the order of their cells."""
        if not self.what.fits(thing) or thing.cell in {other.cell for other in scene.things}:
            raise ValueError(f"{str(self)!r} cannot put {thing.words} here; give a thing that fits and an empty cell.")
        return replace(scene, things=tuple(sorted((*scene.things, thing), key=lambda one: one.cell)))


@dataclass(frozen=True, slots=True)
class Remove:
    """The one thing that fits goes: `remove bottom-right small object`."""

    what: Description

    def __str__(self) -> str:
        return f"remove {self.what}"

    def apply(self, scene: Scene) -> Scene:
        """The scene after the edit."""
        index = only(self.what, scene)
        return replace(scene, things=scene.things[:index] + scene.things[index + 1 :])


Edit = Make | Add | Remove


def only(what: Description, scene: Scene) -> int:
    """The index of the one thing that fits; ValueError where none or several do."""
    fitting = [i for i, thing in enumerate(scene.things) if what.fits(thing)]
    if len(fitting) != 1:
        raise ValueError(f"{len(fitting)} things fit {str(what)!r}; an edit needs exactly one.")
    return fitting[0]


def possible(edit: Edit, table: Int8[np.ndarray, "s 9 3"]) -> Bool[np.ndarray, " s"]:
    """In which scenes the edit says something unambiguous and not yet so."""
    if isinstance(edit, Add):
        empty = table[:, :, 0] < 0
        return empty.any(1) if edit.what.place is None else empty[:, PLACES.index(edit.what.place)]
    fits = edit.what.within(table)  # (s, 9)
    unique = fits.sum(1) == 1
    if isinstance(edit, Remove):
        return unique
    axis = ASPECTS.index(edit.aspect)
    return unique & (fits & (table[:, :, axis] != _NUMBER[edit.word])).any(1)


def draw(rng: np.random.Generator, template: tuple[str, str, bool, bool, bool, bool], near: Thing) -> Edit:
    """A sentence of the given template; what it says of an existing thing is true of `near`, the rest is chance."""
    verb, aspect, *said = template

    def pick(names: tuple[str, ...]) -> str:
        return names[rng.integers(len(names))]

    if verb == "add":
        facts = (pick(PLACES), pick(tuple(SIZES)), pick(tuple(COLOURS)), pick(SHAPES))
    else:
        facts = near.words
    what = Description(*(fact if says else None for fact, says in zip(facts, said, strict=True)))
    if verb == "make":
        now, names = (near.size, SIZES) if aspect == "size" else (near.colour, COLOURS)
        return Make(what, pick(tuple(name for name in names if name != now)))
    return Add(what) if verb == "add" else Remove(what)
