"""How people say what sets one garment apart from another: short, in lower case, with slips of the pen.

The register of FashionIQ's relative captions (MAAF §3.2) and of Fashion200k's product titles. A caption says only what
is true of the pair: every phrase below comes with the condition under which it may be said.
"""

from collections.abc import Iterator

import numpy as np

from cirkit.worlds.fashion_words import (
    COLOUR_WORDS,
    LOGO_WORDS,
    NECK_WORDS,
    NOUNS,
    PATTERN_WORDS,
    SLEEVE_WORDS,
    TRIM_NOUNS,
    TRIM_WORDS,
)
from cirkit.worlds.garments import DEPTHS, GREYS, SILHOUETTES, SLEEVES, Garment, colours, coverage, tone
from cirkit.worlds.writing import HAND, Remark, Writer, an, write

CLEAR = 22.0  # of 255: the difference in tone from which one garment is called darker than another

MORE, LESS = ("more", "much more", "a bit more", "slightly more"), ("less", "much less", "a bit less", "not as")


def remarks(reference: Garment, target: Garment) -> list[Remark]:
    """Everything that may be said of `target` to somebody who sees `reference`; of one kind both."""
    return [
        Remark(about, verb, words)
        for speak in (_colour, _tone, _pattern, _sleeves, _length, _fit, _neck, _trim, _logo, _finish, _impression)
        for about, verb, words in speak(reference, target)
    ]


Said = Iterator[tuple[str, str, str]]


def _colour(reference: Garment, target: Garment) -> Said:
    """The colours of the cloth: new ones by name, gone ones by denial."""
    now, before = colours(target), colours(reference)
    noun = NOUNS[target.kind][0]
    if now == before:
        return
    for word in COLOUR_WORDS[target.colour]:
        if target.colour != reference.colour or len(now) == 1 or len(before) == 1:
            if len(now) == 2:
                for other in COLOUR_WORDS[target.accent][:2]:
                    yield "colour", "is", f"{word} and {other}"
                    yield "colour", "is", f"{word} with {other}"
            else:
                yield "colour", "is", word
                yield "colour", "is", f"all {word}"
                yield "colour", "is", f"{an(_short(word))} {noun}"
                yield "colour", "has", f"{an(_short(word))} color"
    for name in before:
        if name not in now and name != target.accent:
            yield "colour", "is", f"not {COLOUR_WORDS[name][0]}"
            yield "colour", "has", f"no {COLOUR_WORDS[name][0]}"
    if not set(now) & set(before):
        yield from (("colour", "is", words) for words in ("a different color", "in another color"))
    lively, dull = (sum(name not in GREYS for name in names) for names in (now, before))
    if lively > dull:
        yield from (
            ("colour", "is", w) for w in ("more colorful", "more colourful", "more vibrant", "livelier in color")
        )
        yield "colour", "has", "more color"
    if lively < dull:
        yield from (("colour", "is", w) for w in ("less colorful", "more neutral", "more subdued", "not as colorful"))
        yield "colour", "has", "less color"


def _tone(reference: Garment, target: Garment) -> Said:
    """Darker or lighter on the whole."""
    step = tone(target) - tone(reference)
    if abs(step) < CLEAR:
        return
    word = "lighter" if step > 0 else "darker"
    for words in (word, f"{word} in color", f"a {word} color", f"{word} colored", f"a {word} shade", f"{word} toned"):
        yield "tone", "is", words
    yield "tone", "has", f"a {word} color"
    if abs(step) > 3 * CLEAR:
        yield from (("tone", "is", words) for words in (f"much {word}", f"a lot {word}", f"way {word}"))
    if step > 2 * CLEAR and target.colour not in GREYS:
        yield from (("tone", "is", words) for words in ("brighter", "brighter in color", "much brighter"))


def _pattern(reference: Garment, target: Garment) -> Said:
    """Printed with what, or with nothing."""
    if target.pattern == reference.pattern:
        return
    if target.pattern == "solid":
        solid = ("solid", "plain", "solid colored", "one color", "a solid color", "a single color", "unpatterned")
        yield from (("pattern", "is", words) for words in solid)
        yield from (
            ("pattern", "has", words) for words in ("no pattern", "no print", "a plain design", "a solid color")
        )
        yield "pattern", "has", f"no {_noun(PATTERN_WORDS[reference.pattern][1][0])}"
        yield from (("pattern", "is", words) for words in ("simpler", "less patterned", "less busy"))
        return
    adjectives, nouns = PATTERN_WORDS[target.pattern]
    yield from (("pattern", "is", words) for words in adjectives)
    yield from (("pattern", "has", words) for words in nouns)
    if target.pattern not in ("ombre", "blocked"):
        for word in COLOUR_WORDS[target.accent][:2]:
            yield "pattern", "has", f"{_short(word)} {_noun(nouns[0])}"
    if reference.pattern == "solid":
        yield from (("pattern", "has", words) for words in ("a pattern", "more pattern", "a print", "more of a design"))
        yield from (("pattern", "is", words) for words in ("patterned", "printed", "more patterned", "busier"))
    else:
        yield from (
            ("pattern", "has", words) for words in ("a different pattern", "another print", "a different design")
        )


def _sleeves(reference: Garment, target: Garment) -> Said:
    """The sleeves by name, and by comparison."""
    if target.sleeves == reference.sleeves:
        return
    yield from (("sleeves", *words) for words in SLEEVE_WORDS[target.sleeves])
    step, sleeved = SLEEVES.index(target.sleeves) - SLEEVES.index(reference.sleeves), SLEEVES.index("cap")
    if min(SLEEVES.index(target.sleeves), SLEEVES.index(reference.sleeves)) >= sleeved:
        word = "longer" if step > 0 else "shorter"
        yield "sleeves", "has", f"{word} sleeves"
        yield "sleeves", "has", f"much {word} sleeves" if abs(step) > 1 else f"slightly {word} sleeves"
        yield "sleeves", "is", f"{word} sleeved"
    elif step > 0 and SLEEVES.index(target.sleeves) >= sleeved:
        yield from (("sleeves", "has", words) for words in ("sleeves", "longer sleeves", "more sleeve"))
    elif reference.sleeves == "strapless":
        yield from (("sleeves", "has", words) for words in ("straps", "shoulder straps") if target.sleeves == "straps")


def _length(reference: Garment, target: Garment) -> Said:
    """The length from top to hem."""
    step = target.length - reference.length
    if step == 0:
        return
    word = "longer" if step > 0 else "shorter"
    yield from (("length", "is", words) for words in (word, f"{word} in length", f"a {word} length", f"a bit {word}"))
    yield "length", "has", f"a {word} length"
    yield "length", "is", f"much {word}" if abs(step) > 1 else f"slightly {word}"
    if target.kind in ("dress", "skirt"):
        yield "length", "has", f"a {word} skirt" if target.kind == "dress" else f"a {word} hem"
        names = (
            ("mini", "above the knee", "thigh length", "very short"), ("knee length", "just to the knee"),
            ("midi", "mid calf length", "below the knee"), ("maxi", "floor length", "ankle length", "full length"),
        )[target.length]  # fmt: skip
        yield from (("length", "is", words) for words in names)
    elif target.kind in ("toptee", "jacket", "shirt") and target.length in (0, 2):
        names = (
            ("cropped", "a crop top", "waist length")
            if target.length == 0
            else ("hip length", "a tunic", "thigh length")
        )
        yield from (("length", "is", words) for words in names)


def _fit(reference: Garment, target: Garment) -> Said:
    """Tight or wide."""
    step = SILHOUETTES.index(target.silhouette) - SILHOUETTES.index(reference.silhouette)
    if step < 0:
        yield from (
            ("silhouette", "is", w) for w in ("tighter", "more fitted", "more form fitting", "less flowy", "slimmer")
        )
        yield "silhouette", "has", "a tighter fit"
    if step > 0:
        yield from (("silhouette", "is", w) for w in ("looser", "looser fitting", "wider", "less fitted", "less tight"))
        yield "silhouette", "has", "a looser fit"
    if step > 0 and target.silhouette == "flared":
        yield from (("silhouette", "is", w) for w in ("flared", "more flowing", "a-line", "fit and flare", "flowy"))
        yield from (("silhouette", "has", w) for w in ("a fuller bottom", "a wider hem", "more volume"))


def _neck(reference: Garment, target: Garment) -> Said:
    """The neckline by name, and how deep it is."""
    if target.neckline == reference.neckline or target.sleeves == "strapless":
        return
    yield from (("neckline", *words) for words in NECK_WORDS[target.neckline])
    if reference.neckline == "collar":
        yield "neckline", "has", "no collar"
    step = DEPTHS[target.neckline] - DEPTHS[reference.neckline]
    if abs(step) > 1:
        word = "lower" if step > 0 else "higher"
        yield from (("neckline", "has", words) for words in (f"a {word} neckline", f"a {word} neck"))
        if step > 0:
            yield from (("neckline", "has", words) for words in ("a deeper neckline", "a more open neck"))


def _trim(reference: Garment, target: Garment) -> Said:
    """What is sewn on, or missing."""
    if target.trim != "none" and (target.trim, target.accent) != (reference.trim, reference.accent):
        word, noun = COLOUR_WORDS[target.accent][0], TRIM_NOUNS[target.trim]
        yield "trim", "has", f"{word} {noun}" if noun.endswith("s") or noun == "lace" else f"{an(word)} {noun}"
    if target.trim == reference.trim:
        return
    if target.trim != "none":
        yield from (("trim", *words) for words in TRIM_WORDS[target.trim])
    if reference.trim != "none" and {reference.trim, target.trim} != {"pocket", "pockets"}:
        noun = TRIM_NOUNS[reference.trim]
        yield from (("trim", "has", words) for words in (f"no {noun}", f"no more {noun}"))
        yield from (("trim", "is", words) for words in (f"without {noun}", f"missing the {noun}"))


def _logo(reference: Garment, target: Garment) -> Said:
    """The picture on the front."""
    if target.logo != "none" and (target.logo, target.accent) != (reference.logo, reference.accent):
        word = COLOUR_WORDS[target.accent][0]
        colour = (f"{an(word)} logo", f"{word} art on the front", f"{an(word)} graphic")
        yield from (("logo", "has", words) for words in colour)
    if target.logo == reference.logo:
        return
    if target.logo == "none":
        nothing = ("no logo", "no graphic", "no image", "no design on the front", "no picture")
        yield from (("logo", "has", words) for words in nothing)
        if reference.logo == "text":
            yield "logo", "has", "no text"
        return
    yield from (("logo", "has", words) for words in LOGO_WORDS[target.logo])
    if reference.logo == "none":
        yield from (
            ("logo", "has", words) for words in ("a logo", "a graphic", "a design on it", "an image on the chest")
        )
        yield "logo", "is", "more graphic"
    else:
        different = ("a different logo", "a different graphic", "another image", "a different design")
        yield from (("logo", "has", words) for words in different)


def _finish(reference: Garment, target: Garment) -> Said:
    """Shiny or matt."""
    if target.finish == reference.finish:
        return
    if target.finish == "shiny":
        shiny = ("shiny", "shinier", "more satin", "silky", "metallic", "glossy", "more shiny")
        yield from (("finish", "is", words) for words in shiny)
        yield from (("finish", "has", words) for words in ("a shiny material", "a satin look", "more shine"))
    else:
        yield from (
            ("finish", "is", words) for words in ("less shiny", "not shiny", "more matte", "duller", "cotton like")
        )
        yield "finish", "has", "less shine"


def _impression(reference: Garment, target: Garment) -> Said:
    """Words for several attributes at once, said only where none of them speaks against it."""
    steps = [now - before for now, before in zip(coverage(target), coverage(reference), strict=True)]
    if min(steps) < 0 <= -max(steps):
        yield from (("cover", "is", f"{more} revealing") for more in MORE)
        yield from (("cover", "is", words) for words in ("sexier", "more sexy", "skimpier"))
    if max(steps) > 0 <= min(steps):
        yield from (("cover", "is", f"{less} revealing") for less in LESS)
        yield from (("cover", "is", words) for words in ("more modest", "more conservative", "more covered up"))
    tidy = [
        (g.neckline == "collar") - (g.logo != "none") + (g.trim == "buttons") - (g.pattern in ("leopard", "zigzag"))
        for g in (reference, target)
    ]
    if tidy[1] > tidy[0] and min(steps) >= 0:
        yield from (
            ("style", "is", w) for w in ("more formal", "dressier", "more professional", "less casual", "more elegant")
        )
    if tidy[1] < tidy[0] and max(steps) <= 0:
        yield from (("style", "is", w) for w in ("more casual", "less formal", "more playful", "more fun", "sportier"))


def captions(rng: np.random.Generator, reference: Garment, target: Garment, writer: Writer = HAND) -> list[str]:
    """Two captions of a pair, as two people write them who do not know of one another.

    Raises ValueError for a pair that looks the same.
    """
    said = remarks(reference, target)
    if not said:
        raise ValueError(f"There is nothing to say of {target} next to {reference}.")
    return [write(rng, said, NOUNS[target.kind], writer) for _ in range(2)]


def _short(word: str) -> str:
    """A colour's name without what tells that it is one."""
    return word.removesuffix(" colored").removesuffix(" in color")


def _noun(words: str) -> str:
    """A noun without its article."""
    return words.removeprefix("a ").removeprefix("an ")
