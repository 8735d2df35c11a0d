"""What people write of birds: a caption of one, and a paragraph that sets two apart as animal1 and animal2.

The registers of CUB's ten captions (attention §4.4) and of Birds-to-Words (MAAF §3.3): lower case, part and colour,
the differences first, some likenesses, and sometimes how the birds sit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cirkit.worlds.birds import AREAS, Look, Species

NOUNS = {
    "back": ("back", "mantle"),
    "wing": ("wing", "wings"),
    "crown": ("crown", "cap"),
    "head": ("face", "cheek patch"),
    "breast": ("breast", "chest"),
    "belly": ("belly", "underside"),
    "tail": ("tail", "rectrices"),
}
BEAKS = {
    "cone": ("short cone shaped", "stubby"),
    "needle": ("long needle like", "very long thin"),
    "dagger": ("long pointed", "dagger like"),
    "hooked": ("hooked", "curved"),
    "all-purpose": ("small thin", "short pointed"),
}
PATTERNS = {"plain": ("plain", "solid"), "spotted": ("spotted", "speckled"), "striped": ("striped", "barred")}
EYES = {"ring": ("white eyering", "pale ring around the eye"), "line": ("dark eye stripe", "dark line through the eye")}
Say = Callable[[Sequence[str]], str]


@dataclass(frozen=True)
class Trait:
    """One thing that can be said of a species: what it is about, and the phrase after `a bird with`."""

    about: str
    phrase: str


def traits(species: Species, say: Say) -> list[Trait]:
    """All that can be said; `say` chooses among synonyms."""
    found = []
    for area in AREAS:
        colour, noun = getattr(species, area), say(NOUNS[area])
        if area == "breast" and species.pattern != "plain":
            colour = f"{say(PATTERNS[species.pattern])} {colour}"
        if area == "tail" and species.long_tail:
            colour = f"long {colour}"
        found.append(Trait(area, _article(f"{colour} {noun}")))
    found.append(Trait("beak", _article(f"{say(BEAKS[species.beak])} {species.beak_colour} {say(('beak', 'bill'))}")))
    found.append(Trait("legs", f"{species.legs} {say(('legs', 'feet'))}"))
    if species.bars:
        found.append(Trait("bars", f"white {say(('wing bars', 'bars on the wings'))}"))
    if species.crest:
        found.append(Trait("crest", _article(f"{species.crown} {say(('crest', 'tuft on the head'))}")))
    if species.eye != "plain":
        found.append(Trait("eye", _article(say(EYES[species.eye]))))
    return found


def _article(phrase: str) -> str:
    """a or an, unless the last word is a plural."""
    if phrase.endswith(("wings", "rectrices")):
        return phrase
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def _sayer(rng: np.random.Generator) -> Say:
    return lambda names: names[int(rng.integers(len(names)))]


def caption(rng: np.random.Generator, species: Species) -> str:
    """One of CUB's ten: two to five traits of one bird, lower case."""
    say = _sayer(rng)
    every = traits(species, say)
    chosen = [every[row] for row in rng.permutation(len(every))[: int(rng.integers(2, 6))]]
    words = _and([trait.phrase for trait in chosen])
    size = f"{species.size} " if rng.random() < 0.5 else ""
    return say(
        (
            f"this {size}bird has {words}.",
            f"a {size}bird with {words}.",
            f"this is a {size}bird with {words}.",
            f"the {size}bird has {words}.",
        )
    )


def compare(rng: np.random.Generator, one: Species, other: Species, looks: tuple[Look, Look]) -> str:
    """A paragraph that sets animal1 apart from animal2: two to four differences, then perhaps a likeness or a pose."""
    say = _sayer(rng)
    differ = differences(one, other)
    chosen = [differ[row] for row in rng.permutation(len(differ))[: int(rng.integers(2, 5))]]
    lines = [_difference(about, one, other, say) for about in chosen]
    if not chosen:
        lines.append(say(("animal1 and animal2 look the same .", "both animals are of one kind .")))
    shared = [name for name in ("back", "wing", "belly", "tail") if getattr(one, name) == getattr(other, name)]
    if shared and rng.random() < 0.35:
        name = say(shared)
        lines.append(f"both animals have {_article(f'{getattr(one, name)} {NOUNS[name][0]}')} .")
    if not chosen or rng.random() < 0.3:
        sides = [_side(name, look) for name, look in zip(("animal1", "animal2"), looks, strict=True)]
        lines.append(f"{sides[0]} and {sides[1]} .")
    return " ".join(lines)


def differences(one: Species, other: Species) -> list[str]:
    """What tells the two apart, by the name of the field or `trait` it shows in."""
    names = ("size", *AREAS, "beak", "beak_colour", "long_tail", "crest", "bars", "pattern", "eye", "legs")
    return [name for name in names if getattr(one, name) != getattr(other, name)]


def _side(name: str, look: Look) -> str:
    return f"{name} is facing {look.facing}"


def _difference(about: str, one: Species, other: Species, say: Say) -> str:
    """One sentence on one difference, in tokens apart, so that the two names can be swapped."""
    if about == "size":
        order = {"small": 0, "medium": 1, "large": 2}
        more = order[one.size] > order[other.size]
        word = say(("larger", "bigger")) if more else say(("smaller", "tinier"))
        return f"animal1 is {word} than animal2 ."
    if about == "legs":
        return f"animal1 has {one.legs} legs while animal2 has {other.legs} legs ."
    if about in ("crest", "bars", "long_tail"):
        thing = {"crest": "a crest", "bars": "white wing bars", "long_tail": "a long tail"}[about]
        has, lacks = ("animal1", "animal2") if getattr(one, about) else ("animal2", "animal1")
        return say(
            (
                f"{has} has {thing} but {lacks} does not .",
                f"only {has} has {thing} .",
                f"unlike {lacks} , {has} has {thing} .",
            )
        )
    if about in AREAS:
        noun = say(NOUNS[about])
        a, b = (_article(f"{getattr(bird, about)} {noun}") for bird in (one, other))
    elif about == "beak":
        a, b = (_article(f"{say(BEAKS[bird.beak])} beak") for bird in (one, other))
    elif about == "beak_colour":
        a, b = (_article(f"{bird.beak_colour} beak") for bird in (one, other))
    elif about == "pattern":
        a, b = (_article(f"{say(PATTERNS[bird.pattern])} breast") for bird in (one, other))
    else:
        a, b = ("no mark at the eye" if bird.eye == "plain" else _article(say(EYES[bird.eye])) for bird in (one, other))
    return say(
        (
            f"animal1 has {a} while animal2 has {b} .",
            f"animal1 has {a} , animal2 has {b} .",
            f"animal2 has {b} , but animal1 has {a} .",
            f"looking at both , animal1 has {a} . animal2 has {b} .",
        )
    )


def _and(words: Sequence[str]) -> str:
    """a, b and c."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
