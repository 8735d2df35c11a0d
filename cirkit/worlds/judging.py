"""Judge a gallery for a query of two parts: what satisfies both, and the near misses, from what is known of each image.

PinPoint (Mahadev et al. 2026) has people judge relevant images and explicit hard negatives; here nothing is a matter of
opinion: an image on which people could disagree is neither.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

PARAPHRASES = 6
NEGATIVES = ("part", "look", "text")
MOST = 12  # negatives of a kind


@dataclass(frozen=True, slots=True)
class Fit:
    """How an image meets a query: whether it keeps what the text leaves alone, and satisfies either part.

    A part is None where people could disagree.
    """

    keeps: bool
    parts: tuple[bool | None, bool | None]

    @property
    def kind(self) -> str | None:
        """`positive`, or of which kind a negative is; None for what is far off or unclear.

        `part`: one part of the text is satisfied and the other is not; `look`: the reference's look, and none of the
        text; `text`: all of the text, and another look.
        """
        if None in self.parts or (not self.keeps and not all(self.parts)):
            return None
        if not self.keeps:
            return "text"
        return ("look", "part", "positive")[sum(self.parts)]


@dataclass(frozen=True)
class Judged:
    """A query: a row of the gallery, six texts of one meaning, and rows of it by what they are to the query."""

    source: int
    texts: tuple[str, ...]
    positives: tuple[int, ...]
    negatives: Mapping[str, tuple[int, ...]]  # by kind; the reference is the first of `look`

    @property
    def wrong(self) -> tuple[int, ...]:
        """All negatives."""
        return tuple(row for rows in self.negatives.values() for row in rows)


def askable(fits: Sequence[Fit], least: int, most: int) -> bool:
    """Whether there are `least` to `most` positives, and of either part an image that misses it alone.

    Else one part of the text would do.
    """
    halves = {fit.parts for fit in fits if fit.kind == "part"}
    return least <= sum(fit.kind == "positive" for fit in fits) <= most and len(halves) == 2


def judge(rng: np.random.Generator, source: int, texts: Sequence[str], fits: Sequence[Fit]) -> Judged:
    """The query on row `source`, from how each row meets it; at most MOST negatives of each kind."""
    rows: dict[str | None, list[int]] = {}
    for row, fit in enumerate(fits):
        rows.setdefault(fit.kind, []).append(row)
    negatives = {}
    for kind in NEGATIVES:
        first = [source] if kind == "look" else []
        others = [row for row in rows.get(kind, []) if row != source]
        picks = rng.permutation(len(others))[: MOST - len(first)].tolist()
        negatives[kind] = (*first, *sorted(others[i] for i in picks))
    return Judged(source, tuple(texts), tuple(rows["positive"]), negatives)
