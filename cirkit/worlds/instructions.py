"""Sentences about two scenes read back: the text of a CIRR or CIRCO world becomes the statement that it says.

The inverse of `cirkit.worlds.statements`, whose wordings are all that is read; CIRR's and CIRCO's own texts are not.
"""

import re
from collections.abc import Callable

from cirkit.errors import Problem
from cirkit.worlds.groups import WORDS, What
from cirkit.worlds.scene import COLOURS, MATERIALS, SHAPES, SIZES
from cirkit.worlds.statements import SIDES, Added, Beside, Both, Compared, Count, Gone, Show, Single, Statement, Swap

ASPECTS = {"size": tuple(SIZES), "colour": tuple(COLOURS), "material": MATERIALS, "shape": SHAPES}
_SIDES = "|".join(SIDES)
_NUMBERS = "|".join(("a", *WORDS[2:]))


def what(words: str) -> What:
    """`small red cube`: what is said of a thing. Raises Problem for a word that no thing has."""
    found: dict[str, str] = {}
    for word in words.removesuffix("thing").split():
        aspect = next((name for name, values in ASPECTS.items() if word in values and name not in found), None)
        if aspect is None:
            raise Problem(f"{words!r} describes nothing that a scene has. Name size, colour, material or shape.")
        found[aspect] = word
    return What(**found)


def _show(number: str, words: str) -> Show:
    return Show(what(words), 1) if number == "a" else Count(what(words), WORDS.index(number))


WORDINGS: tuple[tuple[str, Callable[..., Single]], ...] = (
    (r"add a (.+)|a (.+) is added|has a (.+) as well", lambda words: Added(what(words))),
    (r"has no (.+)s|without any (.+)|remove the (.+)s", lambda words: Gone(what(words))),
    (r"(?:has |there are )?(more|fewer) (.+)s", lambda word, words: Compared(what(words), word == "more")),
    (
        rf"(?:has |with )?a (.+?) (?:is )?({_SIDES}) the (.+)",
        lambda words, side, other: Beside(what(words), side, what(other)),
    ),
    (
        r"the (.+) is (\w+) instead|make the (.+) (\w+)|the (.+) is of (\w+)|change the (.+) to (\w+)",
        lambda words, word: Swap(what(words), word),
    ),
    (rf"(?:show|has|there is|there are) ({_NUMBERS}) (.+?)s?", _show),
)


def statement(text: str) -> Statement:
    """What a text says. Raises Problem for one that no scene of these worlds is described by."""
    first, *others = text.split(" and ")
    said: Statement = _single(first)
    for other in others:
        said = Both(said, _single(other))
    return said


def _single(text: str) -> Single:
    for pattern, says in WORDINGS:
        if found := re.fullmatch(pattern, text):
            return says(*(part for part in found.groups() if part is not None))
    raise Problem(f"{text!r} is no sentence of these worlds. Paint only what a world of CIRR or CIRCO asks for.")
