"""Write a caption: one or two remarks, joined as people join them, with their typing errors.

The register of FashionIQ and Shoes (MAAF §3.2): short, mostly in lower case, hardly ever with a full stop.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Remark:
    """What may be said of a target: the attribute it is about, `is` or `has`, and the words after it."""

    about: str
    verb: str
    words: str


@dataclass(frozen=True, kw_only=True)
class Writer:
    """How captions are written; each a chance."""

    second: float = 0.45  # that a caption makes a second remark
    subject: float = 0.08  # that it names what it speaks of
    bare: float = 0.05  # that it leaves out the verb
    capital: float = 0.2
    stop: float = 0.1  # a full stop in the end
    lead: float = 0.03  # a space in front
    typo_rate: float = 0.012  # of each word: two letters swapped, one left out or doubled
    blank: float = 0.0015  # nothing written


HAND = Writer()


def write(rng: np.random.Generator, said: Sequence[Remark], nouns: Sequence[str], writer: Writer) -> str:
    """One caption from some of the remarks, each attribute as likely however many words there are for it.

    Impressions (cover, style) come up a third as often as what can be pointed at.
    """
    if rng.random() < writer.blank:
        return ""
    topics = sorted({remark.about for remark in said})
    weights = np.array([1.0 if topic in ("cover", "style") else 3.0 for topic in topics])
    count = 2 if len(topics) > 1 and rng.random() < writer.second else 1
    chosen = []
    for topic in rng.choice(len(topics), size=count, replace=False, p=weights / weights.sum()):
        about = [remark for remark in said if remark.about == topics[topic]]
        chosen.append(about[rng.integers(len(about))])
    text = _joined(rng, chosen)
    if rng.random() < writer.subject:
        text = f"{('it', 'the item', f'the {nouns[rng.integers(len(nouns))]}')[rng.integers(3)]} {text}"
    elif rng.random() < writer.bare:
        text = text.split(" ", 1)[1]
    words = [typo(rng, word) if rng.random() < writer.typo_rate else word for word in text.split(" ")]
    text = " ".join(words)
    text = text[0].upper() + text[1:] if rng.random() < writer.capital else text
    return " " * (rng.random() < writer.lead) + text + "." * (rng.random() < writer.stop)


def _joined(rng: np.random.Generator, chosen: Sequence[Remark]) -> str:
    """`is red`, `is red and has stripes`, `is red with stripes`, `is red and longer`."""
    first, *rest = chosen
    text = f"{first.verb} {first.words}"
    for remark in rest:
        if remark.verb == "has" and rng.random() < 0.4 and not remark.words.startswith("no "):
            text += f" with {remark.words}"
        elif remark.verb == first.verb:
            text += f" and {remark.words}"
        else:
            text += f" and {remark.verb} {remark.words}"
    return text


def typo(rng: np.random.Generator, word: str) -> str:
    """The word as a hurried hand types it; short words come out right."""
    if len(word) < 4:
        return word
    at = int(rng.integers(1, len(word) - 1))
    return (
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        word[:at] + word[at + 1 :],
        word[:at] + word[at] + word[at:],
    )[rng.integers(3)]


def an(words: str) -> str:
    """The words with their indefinite article."""
    return f"{'an' if words[0] in 'aeio' else 'a'} {words}"
