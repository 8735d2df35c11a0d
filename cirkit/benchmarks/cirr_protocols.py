"""CIRR's protocols: what counts as relevant, and among which images it is ranked. Objects, passed to the reader.

Liu et al. 2021, 003 §5.4; hard targets are what CLIP4Cir, SEARLE, Pic2Word, LinCIR and the server count.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Annotation:
    """One record: what leads from a reference to a target. Of a test1 record the target is None and `soft` empty."""

    pair: int
    reference: str
    caption: str
    target: str | None
    soft: dict[str, float]
    set: int
    members: tuple[str, ...]  # the six of its set, the reference among them


def hard(annotation: Annotation) -> dict[str, float]:
    """The one written target: what CLIP4Cir, SEARLE, Pic2Word, LinCIR and the server count."""
    return {annotation.target: 1.0} if annotation.target else {}


def soft(annotation: Annotation) -> dict[str, float]:
    """Every image of positive weight: what CIRPLANT and ARTEMIS count; -1 marks known wrong ones.

    37 val records hold the reference in place of the target. The reference is excluded, so it is no target; 3 records
    have no other image of positive weight, and score 0 whatever the ranking.
    """
    return {name: weight for name, weight in annotation.soft.items() if weight > 0 and name != annotation.reference}


def whole_split(annotation: Annotation) -> tuple[str, ...] | None:
    """All images of the split."""
    return None


def own_set(annotation: Annotation) -> tuple[str, ...] | None:
    """The set of six without the reference: five, so chance is 20 % at R_s@1. `members` are in no telling order."""
    return tuple(name for name in annotation.members if name != annotation.reference)


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """What is relevant, each with its worth (at most 1), and among what it is ranked (None: all but the reference)."""

    name: str
    targets: Callable[[Annotation], dict[str, float]] = hard
    candidates: Callable[[Annotation], tuple[str, ...] | None] = whole_split

    def relevant(self, annotation: Annotation) -> dict[str, float]:
        """The targets among the candidates and their worth; the written target at 0 where none of worth is there."""
        near = self.candidates(annotation)
        worth = self.targets(annotation)
        inside = {name: weight for name, weight in worth.items() if near is None or name in near}
        return inside or dict.fromkeys(hard(annotation), 0.0)


WHOLE = Protocol(name="cirr")  # R@1, 5, 10, 50
SUBSET = Protocol(name="cirr-subset", candidates=own_set)  # R_s@1, 2, 3
SOFT = Protocol(name="cirr-soft", targets=soft)  # with SoftRecall
SOFT_SUBSET = Protocol(name="cirr-soft-subset", targets=soft, candidates=own_set)
