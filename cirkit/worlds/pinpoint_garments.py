"""Synthetic PinPoint, garments: two attributes of a product are to change, in any of six wordings.

Mahadev et al. 2026; the words are those of the wardrobe world (`cirkit.worlds.fashion_words`), used only where they
single one value out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from cirkit.worlds.fashion_words import COLOUR_WORDS, LOGO_WORDS, PATTERN_WORDS, SLEEVE_WORDS, TRIM_WORDS
from cirkit.worlds.garments import COLOURS, COVER, OPTIONS, Garment, apart, settle, worn
from cirkit.worlds.judging import PARAPHRASES, Fit, Judged, askable, judge

FRAMES = (
    "{a} and {b}",
    "{b} and {a}",
    "{a}, {b}",
    "the same cut but {a} and {b}",
    "is there one that {b} and {a}?",
    "i like the cut of this one and am looking for one that {a} and also {b}",
)
KINDS = ("dress", "shirt", "toptee")
CUT = ("kind", "silhouette", "length", "neckline")  # what a text leaves alone
SLEEVES = ("sleeveless", "short", "half", "long")  # go with every neckline below
NECKLINES = ("high", "collar", "round", "square", "scoop", "v")
PATTERNS = ("striped", "dotted", "floral", "plaid", "zigzag", "ombre", "blocked")  # none is a kind of another
BLUNT = ("is geometric", "has a geometric pattern")  # true of several patterns
OPEN = ("colour", "pattern", "sleeves", "trim", "logo", "finish")  # what a text may ask for


def _words() -> dict[tuple[str, str], tuple[str, ...]]:
    """By attribute and value, what says that a garment has it, and is said of no other value."""
    said = {("colour", name): [f"is {word}" for word in words] for name, words in COLOUR_WORDS.items()}
    said |= {
        ("pattern", name): [*(f"is {word}" for word in is_), *(f"has {word}" for word in has)]
        for name, (is_, has) in PATTERN_WORDS.items()
        if name in PATTERNS
    }
    said[("pattern", "solid")] = ["is plain", "is solid colored", "has no pattern", "has no print"]
    said |= {("sleeves", name): [" ".join(words) for words in SLEEVE_WORDS[name]] for name in SLEEVES}
    said |= {("trim", name): [" ".join(words) for words in words_] for name, words_ in TRIM_WORDS.items()}
    said |= {("logo", name): [f"has {word}" for word in words] for name, words in LOGO_WORDS.items()}
    said[("logo", "none")] = ["has no logo", "has no graphic", "has no picture on it"]
    said[("finish", "shiny")] = ["is shiny", "is glossy", "has a shiny material"]
    said[("finish", "matt")] = ["is matte", "is not shiny", "has no shine"]
    spoken = [*BLUNT, *BLUNT, *(word for words in said.values() for word in words)]
    return {key: tuple(word for word in words if spoken.count(word) == 1) for key, words in said.items()}


WORDS = _words()


@dataclass(frozen=True, slots=True)
class Wish:
    """One attribute that a garment should have."""

    attribute: str
    value: str

    def holds(self, garment: Garment) -> bool | None:
        """Whether it has; None where people could disagree: of the colour of a broad pattern, of one pocket and two."""
        has = getattr(garment, self.attribute)
        if self.attribute == "colour":
            both = self.value in (has, garment.accent) and (has != self.value or COVER[garment.pattern] > 0.4)
            return None if both else has == self.value
        return None if {has, self.value} == {"pocket", "pockets"} else has == self.value


@dataclass(frozen=True)
class Request:
    """Two things that are to be other than in the reference."""

    first: Wish
    second: Wish

    def fit(self, before: Garment, after: Garment) -> Fit:
        """How a garment meets it: it keeps the reference's cut."""
        keeps = all(getattr(before, name) == getattr(after, name) for name in CUT)
        return Fit(keeps, (self.first.holds(after), self.second.holds(after)))

    def texts(self, rng: np.random.Generator) -> list[str]:
        """The same in six wordings."""
        words = [WORDS[one.attribute, one.value] for one in (self.first, self.second)]
        picks = [[each[i] for i in rng.integers(len(each), size=PARAPHRASES)] for each in words]
        return [frame.format(a=a, b=b) for frame, a, b in zip(FRAMES, *picks, strict=True)]


def gallery(rng: np.random.Generator, pairs: int, members: int) -> list[Garment]:
    """`members` garments of each of two cuts in `pairs` pairs: one palette, and cuts that differ in one part."""
    garments: list[Garment] = []
    cuts: set[tuple] = set()
    while len(garments) < 2 * pairs * members:
        kind = KINDS[rng.integers(len(KINDS))]
        one = {name: _pick(rng, _cuts(kind)[name]) for name in CUT[1:]}
        name = CUT[1 + rng.integers(len(CUT) - 1)]
        two = one | {name: _pick(rng, [value for value in _cuts(kind)[name] if value != one[name]])}
        keys = {(kind, *cut.values()) for cut in (one, two)}
        if keys & cuts:
            continue
        cuts |= keys
        palette = _palette(rng, kind)
        for cut in (one, two):
            garments += [_garment(rng, kind, cut, palette) for _ in range(members)]
    return garments


def _cuts(kind: str) -> dict[str, Sequence]:
    """The values that each part of a cut takes in garments of this kind."""
    options = OPTIONS[kind]
    necklines = [name for name in NECKLINES if name in options["neckline"]]
    return {"silhouette": options["silhouette"], "length": options["length"], "neckline": necklines}


def _palette(rng: np.random.Generator, kind: str) -> dict[str, list[str]]:
    """A few values of each attribute, so that many garments of a cut have two given ones; accents are no main colours.

    Whatever the colour, every accent can be told from it.
    """
    while True:
        names = [list(COLOURS)[i] for i in rng.permutation(len(COLOURS))]
        accents = [name for name in names[3:] if all(apart(name, other) for other in names[:3])]
        if len(accents) >= 2:
            break
    options = OPTIONS[kind]
    trims = [name for name in options["trim"] if name != "none"]
    logos = [name for name in options["logo"] if name != "none"]
    return {
        "colour": names[:3],
        "accent": accents[:2],
        "pattern": ["solid", *_some(rng, PATTERNS, 2)],
        "sleeves": _some(rng, [name for name in SLEEVES if name in options["sleeves"]], 3),
        "trim": ["none", *_some(rng, trims, 1)],
        "logo": ["none", *_some(rng, logos, 1)],
        "finish": ["matt", "shiny"],
    }


def _garment(rng: np.random.Generator, kind: str, cut: Mapping[str, Any], palette: Mapping[str, list[str]]) -> Garment:
    """A garment of this cut that can be made."""
    while True:
        picks = {name: _pick(rng, values) for name, values in palette.items()}
        garment = settle(Garment(kind=kind, **cut, **picks, seed=int(rng.integers(1 << 62))))
        if worn(garment):
            return garment


def query(
    rng: np.random.Generator, garments: Sequence[Garment], pair: range, source: int, least: int, most: int
) -> Judged | None:
    """A query on the garment `source`, judged over all garments; None where its pair of cuts has none by this draw."""
    before, after = garments[source], garments[pair[rng.integers(len(pair))]]
    wishes = [Wish(name, getattr(after, name)) for name in OPEN]
    wishes = [one for one in wishes if (one.attribute, one.value) in WORDS]
    wishes = [one for one in wishes if one.holds(after) is True and one.holds(before) is False]
    options = list(combinations(wishes, 2))
    if not options:
        return None
    request = Request(*options[rng.integers(len(options))])
    if not askable([request.fit(before, garments[row]) for row in pair], least, most):
        return None
    return judge(rng, source, request.texts(rng), [request.fit(before, garment) for garment in garments])


def _pick(rng: np.random.Generator, values: Sequence) -> Any:
    return values[rng.integers(len(values))]


def _some(rng: np.random.Generator, values: Sequence[str], count: int) -> list[str]:
    return [values[i] for i in rng.permutation(len(values))[:count].tolist()]
