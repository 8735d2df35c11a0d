"""Pairs of titles that differ in a word, and "replace A with B": how TIRG makes queries of Fashion200k.

Vo et al. 2019, MAAF §3.2. Where the released code differs from the words of the paper, both ways are objects to pass.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

WORDS = {".": "dotmark", "?": "questionmark", "&": "andmark", "*": "starmark"}  # TIRG's rule


def by_substring(caption: str) -> Iterable[str]:
    """TIRG's parents: each word's letters deleted wherever they occur, inside other words, too.

    paper: "captions that differ in one word"; released code: str.replace, so "red" turns "tired red" into "ti".
    """
    for word in caption.split():
        yield caption.replace(word, "").replace("  ", " ").strip()


def by_word(caption: str) -> Iterable[str]:
    """The parents that the paper describes: one whole word left out."""
    words = caption.split()
    for i in range(len(words)):
        yield " ".join(words[:i] + words[i + 1 :])


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How training pairs are drawn; the default is TIRG's rule. Test queries lie in a file."""

    name: str = "tirg"
    parents: Callable[[str], Iterable[str]] = by_substring
    pairs: int = 1  # per modifiable image; TIRG draws a new one each time an image comes up
    seed: int = 0


TIRG = Protocol()
WHOLE_WORDS = Protocol(name="whole words", parents=by_word)


def as_words(caption: str) -> str:
    """A title with its marks spelt out, since a vocabulary of words would lose them."""
    caption = caption.strip()
    for mark, word in WORDS.items():
        caption = caption.replace(mark, word)
    return caption


def modification(source: str, target: str) -> str:
    """ "replace A with B": the first word of each title that the other lacks, or its last word where there is none."""
    ours, theirs = source.split(), target.split()
    old = next((word for word in ours if word not in theirs), ours[-1])
    new = next((word for word in theirs if word not in ours), theirs[-1])
    return f"replace {old} with {new}"


def families(captions: Sequence[str], parents: Callable[[str], Iterable[str]]) -> dict[str, list[list[str]]]:
    """For each title the lists of titles that share a parent with it, itself included; those alone are left out."""
    children: dict[str, dict[str, None]] = {}
    for caption in dict.fromkeys(captions):
        for parent in parents(caption):
            children.setdefault(parent, {})[caption] = None
    found: dict[str, list[list[str]]] = {}
    for family in ([*each] for each in children.values() if len(each) > 1):
        for caption in family:
            found.setdefault(caption, []).append(family)
    return found


def sibling(rng: np.random.Generator, caption: str, known: list[list[str]]) -> str:
    """Another title: a parent drawn first, then one of its children, as TIRG draws them."""
    family = known[rng.integers(len(known))]
    while True:
        other = family[rng.integers(len(family))]
        if other != caption:
            return other
