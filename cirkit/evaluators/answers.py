"""Answers to every question of a test, and the credit that each gets.

CLEVR gives one answer or none of the credit (Cao et al., 2022, §5.2.3); TextVQA gives credit in parts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from cirkit.errors import Problem
from cirkit.evaluators.evidence import Answers
from cirkit.examples import Questions

Credit = Callable[[Sequence[str], Sequence[Sequence[str]]], Float[np.ndarray, " q"]]


def exact(given: Sequence[str], stated: Sequence[Sequence[str]]) -> Float[np.ndarray, " q"]:
    """1 where an answer is one of those stated, else 0."""
    return np.array([one in answers for one, answers in zip(given, stated, strict=True)], float)


@dataclass(frozen=True, kw_only=True)
class answers:
    """The evaluator of models that answer: all questions, `chunk` at a time, and what `credit` gives for each.

    Raises Problem for questions whose answers are not published.
    """

    credit: Credit = exact
    chunk: int = 256

    @torch.no_grad()
    def __call__(self, model: nn.Module, questions: Questions) -> Answers:
        if questions.answers is None:
            raise Problem("These questions come without answers. Test on a split whose answers are published.")
        first = next(model.eval().parameters(), None)
        device = torch.device("cpu") if first is None else first.device
        given: list[str] = []
        for rows in torch.arange(len(questions)).split(self.chunk):
            batch = questions[rows].to(device)
            given += model.answer(batch.images, batch.text)
        group = None if questions.group is None else tuple(questions.group)
        return Answers(tuple(given), self.credit(given, questions.answers), group)
