"""How people say what sets one shoe apart from another: one short caption, "are brown not red".

The register of Shoes (Guo et al. 2018), on which VAL and ARTEMIS are tested; only what is true of the pair is said.
"""

from collections.abc import Iterator

import numpy as np

from cirkit.worlds.fashion_words import COLOUR_WORDS, PATTERN_WORDS
from cirkit.worlds.footwear import Shoe
from cirkit.worlds.garments import COLOURS, COVER, GREYS, brightness
from cirkit.worlds.writing import HAND, Remark, Writer, an, write

NOUNS = {
    "athletic_shoes": ("running shoe", "athletic shoe"), "boots": ("boot",), "clogs": ("clog", "slip on"),
    "flats": ("flat", "ballet flat"), "high_heels": ("high heel", "heel"), "pumps": ("pump",),
    "rain_boots": ("rain boot", "rubber boot"), "sneakers": ("sneaker", "tennis shoe"),
    "stiletto": ("stiletto", "heel"), "wedding_shoes": ("dress shoe", "wedding shoe"),
}  # fmt: skip
CLOSURE_WORDS = {
    "laces": (("has", "laces"), ("is", "laced"), ("has", "lace up front"), ("has", "shoelaces")),
    "velcro": (("has", "velcro"), ("has", "velcro straps"), ("has", "two straps")),
    "zip": (("has", "a zipper"), ("has", "a side zip"), ("has", "a zip on the side")),
    "strap": (("has", "a strap"), ("has", "an ankle strap"), ("is", "strapped"), ("has", "one strap")),
    "buckle": (("has", "a buckle"), ("has", "a strap and buckle"), ("is", "buckled")),
}
TRIM_WORDS = {
    "bow": (("has", "a bow"), ("has", "a ribbon"), ("has", "a bow on top")),
    "studs": (("has", "studs"), ("is", "studded"), ("has", "beads"), ("has", "some bling")),
    "fur": (("has", "fur"), ("is", "furry"), ("has", "a fur trim"), ("is", "fluffier")),
    "stripes": (("has", "side stripes"), ("has", "stripes on the side")),
}
TOE_WORDS = {
    "round": (("has", "a round toe"), ("has", "a rounder tip"), ("has", "rounded toes")),
    "pointed": (("has", "a pointed toe"), ("is", "pointy"), ("has", "a pointier tip"), ("has", "pointed toes")),
    "open": (("has", "an open toe"), ("is", "open toed"), ("has", "peep toes"), ("is", "a peep toe")),
}
Said = Iterator[tuple[str, str, str]]


def tone(shoe: Shoe) -> float:
    """How light its upper is, from 0 to 255."""
    cover = COVER[shoe.pattern]
    return (1 - cover) * brightness(COLOURS[shoe.colour]) + cover * brightness(COLOURS[shoe.accent])


def remarks(reference: Shoe, target: Shoe) -> list[Remark]:
    """Everything that may be said of `target` to somebody who sees `reference`."""
    return [
        Remark(about, verb, words)
        for speak in (_colour, _shape, _details)
        for about, verb, words in speak(reference, target)
    ]


def _colour(reference: Shoe, target: Shoe) -> Said:
    """Colours, tone, print and shine."""
    noun = NOUNS[target.kind][0]
    if target.colour != reference.colour:
        for word in COLOUR_WORDS[target.colour]:
            yield "colour", "is", word
            yield "colour", "is", f"{word} not {COLOUR_WORDS[reference.colour][0]}"
            bare = word.removesuffix(" colored").removesuffix(" in color")
            yield "colour", "is", f"{an(bare)} {noun}"
            yield "colour", "is", f"{an(bare)} color"
        if target.pattern != "solid":
            yield "colour", "is", f"{COLOUR_WORDS[target.colour][0]} and {COLOUR_WORDS[target.accent][0]}"
    step = tone(target) - tone(reference)
    if abs(step) > 22:
        word = "lighter" if step > 0 else "darker"
        yield from (("tone", "is", words) for words in (word, f"{word} in color", f"a {word} color", f"a {word} shade"))
        if step > 44 and target.colour not in GREYS:
            yield "tone", "is", "brighter"
    if target.pattern != reference.pattern and target.pattern == "solid":
        yield from (("pattern", "is", words) for words in ("a solid color", "plain", "one color", "plainer"))
        yield from (("pattern", "has", words) for words in ("no pattern", "no print", "no design"))
    elif target.pattern != reference.pattern:
        adjectives, nouns = PATTERN_WORDS[target.pattern]
        yield from (("pattern", "is", words) for words in adjectives)
        yield from (("pattern", "has", words) for words in nouns)
        if reference.pattern == "solid":
            yield from (("pattern", "has", words) for words in ("a pattern", "more of a design", "a print"))
    if target.finish != reference.finish:
        shiny = ("shiny", "shinier", "glossy", "more shiny", "patent leather")
        matt = ("less shiny", "matte", "more matte", "duller", "suede")
        yield from (("finish", "is", words) for words in (shiny if target.finish == "shiny" else matt))


def _shape(reference: Shoe, target: Shoe) -> Said:
    """Heel, shaft and toe."""
    if target.heel != reference.heel:
        word = "higher" if target.heel > reference.heel else "lower"
        yield from (("heel", "has", words) for words in (f"a {word} heel", f"{word} heels"))
        yield "heel", "has", "a taller heel" if word == "higher" else "a shorter heel"
        if target.heel == 0:
            yield from (("heel", *words) for words in (("has", "no heel"), ("is", "flat"), ("has", "a flat sole")))
        elif target.heel == 3:
            yield from (("heel", "has", words) for words in ("a very high heel", "a spike heel", "thin heels"))
    if target.shaft != reference.shaft:
        word = "taller" if target.shaft > reference.shaft else "shorter"
        yield from (("shaft", "is", words) for words in (word, "higher" if word == "taller" else "lower"))
        yield "shaft", "has", f"a {word} shaft"
        names = ("low cut", "ankle high", "mid calf", "knee high")
        yield "shaft", "is", names[target.shaft]
    if target.toe != reference.toe:
        yield from (("toe", *words) for words in TOE_WORDS[target.toe])
        if reference.toe == "open":
            yield from (("toe", *words) for words in (("has", "a closed toe"), ("is", "closed in front")))


def _details(reference: Shoe, target: Shoe) -> Said:
    """What fastens and adorns it, and in which colour."""
    for about, words in (("closure", CLOSURE_WORDS), ("trim", TRIM_WORDS)):
        now, before = getattr(target, about), getattr(reference, about)
        if now != "none" and (now, target.accent) != (before, reference.accent):
            thing = {"strap": "a strap", "buckle": "a buckle", "zip": "a zip", "bow": "a bow"}.get(now, now)
            colour = COLOUR_WORDS[target.accent][0]
            yield about, "has", f"{an(colour)} {thing[2:]}" if thing.startswith("a ") else f"{colour} {thing}"
        if now == before:
            continue
        yield from ((about, *said) for said in words.get(now, ()))
        if before != "none" and {now, before} != {"strap", "buckle"} and {now, before} != {"velcro", "strap"}:
            gone = {"velcro": "velcro", "zip": "zipper"}.get(before, before)
            yield from ((about, *said) for said in (("has", f"no {gone}"), ("is", f"without {gone}")))


def caption(rng: np.random.Generator, reference: Shoe, target: Shoe, writer: Writer = HAND) -> str:
    """One caption of a pair; half of the writers speak of a pair of shoes: `are`, `have`.

    Raises ValueError for a pair that looks the same.
    """
    said = remarks(reference, target)
    if not said:
        raise ValueError(f"There is nothing to say of {target} next to {reference}.")
    text = write(rng, said, NOUNS[target.kind], writer)
    if rng.random() < 0.5:
        plural = {"is": "are", "has": "have", "Is": "Are", "Has": "Have"}
        text = " ".join(plural.get(word, word) for word in text.split(" "))
    return text
