"""CIRR's protocols: what counts as an answer, and among which pictures it is ranked. Objects, passed to the reader.

Liu et al. 2021, 003 §5.4; hard targets are what CLIP4Cir, SEARLE, Pic2Word, LinCIR and the server count.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True)
class Question:
    """One record: what leads from a reference to a target. Of a test1 record the target is None and `soft` empty."""

    pair: int
    reference: str
    caption: str
    target: str | None
    soft: dict[str, float]
    set: int
    members: tuple[str, ...]  # the six of its set, the reference among them


@runtime_checkable
class Targets(Protocol):
    """Which pictures answer a question, and how much each is worth (at most 1)."""

    def __call__(self, question: Question) -> dict[str, float]: ...


@dataclass(frozen=True)
class Hard:
    """The one written target: what CLIP4Cir, SEARLE, Pic2Word, LinCIR and the server count."""

    def __call__(self, question: Question) -> dict[str, float]:
        return {question.target: 1.0} if question.target else {}


@dataclass(frozen=True)
class Soft:
    """Every picture of positive weight: what CIRPLANT and ARTEMIS count; -1 marks known wrong ones.

    37 val records hold the reference in place of the target. The reference is excluded, so it is no target; 3 records
    have no other picture of positive weight, and score 0 whatever the ranking.
    """

    def __call__(self, question: Question) -> dict[str, float]:
        return {name: weight for name, weight in question.soft.items() if weight > 0 and name != question.reference}


@runtime_checkable
class Candidates(Protocol):
    """Among which pictures a question's answers are ranked; None: all but the reference."""

    def __call__(self, question: Question) -> tuple[str, ...] | None: ...


@dataclass(frozen=True)
class Whole:
    """All pictures of the split."""

    def __call__(self, question: Question) -> tuple[str, ...] | None:
        return None


@dataclass(frozen=True)
class Subset:
    """The set of six without the reference: five, so chance is 20 % at R_s@1. `members` are in no telling order."""

    def __call__(self, question: Question) -> tuple[str, ...] | None:
        return tuple(name for name in question.members if name != question.reference)


@dataclass(frozen=True, kw_only=True)
class Asking:
    """A protocol: its name, what counts as an answer, and among what it is ranked; the reference is always hidden."""

    name: str
    targets: Targets = Hard()
    candidates: Candidates = Whole()

    def answers(self, question: Question) -> dict[str, float]:
        """The answers among the candidates and their weights; the written target at 0 where none of weight is there."""
        near = self.candidates(question)
        worth = self.targets(question)
        inside = {name: weight for name, weight in worth.items() if near is None or name in near}
        return inside or dict.fromkeys(Hard()(question), 0.0)


WHOLE = Asking(name="cirr")  # R@1, 5, 10, 50
SUBSET = Asking(name="cirr-subset", candidates=Subset())  # R_s@1, 2, 3
SOFT = Asking(name="cirr-soft", targets=Soft())  # with SoftRecall
SOFT_SUBSET = Asking(name="cirr-soft-subset", targets=Soft(), candidates=Subset())


@runtime_checkable
class Ranked(Protocol):
    """The ranks of all right answers, query after query: `cirkit.evaluators.evidence.Ranks` is one."""

    mid: Float[np.ndarray, " relevant"]
    offsets: Int[np.ndarray, " q_plus_one"]


@dataclass(frozen=True)
class SoftRecall:
    """CIRPLANT's recall: the largest weight among the answers in the first k, 0 where there is none.

    `weights` are those of the benchmark's answers, in the order of its `relevant`: see `weights`.
    """

    k: int
    weights: tuple[tuple[float, ...], ...]

    def __call__(self, ranks: Ranked) -> Float[np.ndarray, " q"]:
        flat = np.array([weight for worth in self.weights for weight in worth])
        return np.maximum.reduceat(np.where(ranks.mid <= self.k, flat, 0.0), ranks.offsets[:-1])

    def __str__(self) -> str:
        return f"soft R@{self.k}"
