"""A crowd: which families walk past which cameras, in three splits that share nobody.

The requirements are those under which picking out tokens can matter (ITSELF §3): twins in one outfit, small evidence,
litter that looks like it, several views and captions each, and test outfits that no training family wears.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Int64, UInt8
from torch import Tensor

from cirkit.errors import Problem
from cirkit.worlds.people import COLOURS, Person, Street, View, family, view
from cirkit.worlds.people_language import STYLES, Writer, caption
from cirkit.worlds.street import Picture, draw, seen

SPLITS = ("train", "val", "test")


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a crowd: how many, how seen (see `Street`), how described (see `Writer`)."""

    train: int  # families
    val: int
    test: int
    twins: int = 4  # people per family
    views: int = 4  # pictures per person
    captions: int = 2  # per picture
    height: int = 96
    width: int = 32
    seed: int = 0
    cameras: int = 6
    first: int = 0
    litter: int = 6
    occlusion: float = 0.2
    light: float = 0.2
    shift: float = 0.04
    crop: float = 0.1
    noise: float = 0.03
    styles: str = "sentences sentences long list"
    drop: float = 0.1
    filler: float = 0.4

    @property
    def street(self) -> Street:
        """How people are seen."""
        return Street(
            self.cameras, self.first, self.litter, self.occlusion, self.light, self.shift, self.crop, self.noise
        )

    @property
    def writer(self) -> Writer:
        """How they are described."""
        return Writer(tuple(self.styles.split()), self.drop, self.filler)


@dataclass(frozen=True)
class Crowd:
    """One split. Row i of `person`, `views` and `identity` is picture i; family f has the identities f*twins and on."""

    identity: list[int]  # 0 .. the split's number of people - 1
    person: list[Person]
    views: list[View]


@lru_cache(maxsize=8)
def crowds(size: Size) -> dict[str, Crowd]:
    """All splits, from the size alone. Raises Problem where there are not enough outfits."""
    if not size.writer.styles or not set(size.writer.styles) <= set(STYLES):
        raise Problem(f"No captions of the styles {size.styles!r}. Use words among {', '.join(STYLES)}.")
    counts = [getattr(size, split) for split in SPLITS]
    names = tuple(COLOURS)
    every = [(a, b, c) for a in names for b in names for c in names if a != b]
    if sum(counts) > len(every):
        raise Problem(f"{sum(counts)} families need as many outfits; there are {len(every)}. Ask for fewer families.")
    outfits = np.random.default_rng([size.seed, 9]).permutation(len(every)).tolist()
    made, at = {}, 0
    for number, (split, count) in enumerate(zip(SPLITS, counts, strict=True)):
        rng = np.random.default_rng([size.seed, number])
        crowd = Crowd([], [], [])
        for row, outfit in enumerate(outfits[at : at + count]):
            for twin, person in enumerate(family(rng, every[outfit], size.twins)):
                for _ in range(size.views):
                    crowd.identity.append(row * size.twins + twin)
                    crowd.person.append(person)
                    crowd.views.append(view(rng, size.street))
        made[split], at = crowd, at + count
    return made


def drawn(size: Size, split: str, rows: Sequence[int]) -> Picture:
    """The given pictures of a split with the part of each pixel; a picture alone equals the picture in a batch."""
    crowd = crowds(size)[split]
    chosen = [crowd.person[row] for row in rows], [crowd.views[row] for row in rows]
    return draw(*chosen, size.street, (size.height, size.width))


def pictures(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given pictures of a split, drawn again from the size alone: the same bytes as those published."""
    return drawn(size, split, rows).images


def captions(size: Size, split: str, rows: Sequence[int], owner: Int64[Tensor, "b h w"]) -> list[list[str]]:
    """What is written of the given pictures, whose parts are `owner`: nothing that does not show."""
    crowd, number = crowds(size)[split], SPLITS.index(split)
    said = []
    for row, parts in zip(rows, seen(owner), strict=True):
        rng = np.random.default_rng([size.seed, number, 7, row])
        who, look = crowd.person[row], crowd.views[row]
        said.append([caption(rng, who, look, parts, size.writer) for _ in range(size.captions)])
    return said
