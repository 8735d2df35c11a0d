"""Pairs of garments that differ in one keyword: what SynthTriplets18M has of clothes, beside scenes.

CompoDiff §4.2: a keyword of a caption is exchanged for another; Prompt-to-Prompt keeps the rest of the image.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from cirkit.worlds.fashion_words import (
    COLOUR_WORDS,
    LOGO_WORDS,
    NECK_WORDS,
    NOUNS,
    PATTERN_WORDS,
    SLEEVE_WORDS,
    TRIM_NOUNS,
)
from cirkit.worlds.garments import KINDS, Garment, change, differences, sample


def _bare(words: str) -> str:
    return words.removeprefix("a ")


def _has(table: Mapping[str, tuple[tuple[str, str], ...]], value: str) -> str:
    """What a garment of this value has, without an article."""
    return _bare(next(words for verb, words in table[value] if verb == "has"))


def _pattern(garment: Garment) -> str:
    return f"{'plain' if garment.pattern == 'solid' else PATTERN_WORDS[garment.pattern][0][0]} {NOUNS[garment.kind][0]}"


KEYWORDS: dict[str, Callable[[Garment], str | None]] = {  # by attribute; None where there is nothing to name
    "colour": lambda garment: f"{COLOUR_WORDS[garment.colour][0]} {NOUNS[garment.kind][0]}",
    "pattern": _pattern,
    "sleeves": lambda garment: _has(SLEEVE_WORDS, garment.sleeves) if garment.sleeves in SLEEVE_WORDS else None,
    "neckline": lambda garment: _has(NECK_WORDS, garment.neckline) if garment.neckline in NECK_WORDS else None,
    "trim": lambda garment: TRIM_NOUNS.get(garment.trim),
    "logo": lambda garment: _bare(LOGO_WORDS[garment.logo][0]) if garment.logo in LOGO_WORDS else None,
}


def pair(rng: np.random.Generator) -> tuple[tuple[Garment, Garment], str, str]:
    """Two garments in one photograph's style that differ in one attribute, and its keywords before and after."""
    while True:
        before = sample(rng, KINDS[rng.integers(len(KINDS))])
        after = replace(change(rng, before, 1), seed=before.seed)
        differ = differences(before, after)
        if len(differ) == 1 and (keyword := KEYWORDS.get(differ[0])) is not None:
            source, target = keyword(before), keyword(after)
            if source is not None and target is not None and source != target:
                return (before, after), source, target
