"""Rank by the mean of the scores of queries that mean the same: both orders of two captions, or paraphrases.

SEARLE (Baldrati et al. 2023) averages unit vectors of the two orders; by cosine, the mean of the scores ranks alike.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.ranking import compose, encode, rank_features
from cirkit.models.base import Features, Retriever
from cirkit.query import Benchmark


class _MeanScore:
    """A retriever whose queries have `count` wordings: their features one behind the other, their scores averaged."""

    def __init__(self, model: Retriever, count: int, single: bool):
        self.model, self.count, self.single = model, count, single
        self.encode, self.compose = model.encode, model.compose

    def score(self, composed: tuple[Tensor, ...], gallery: Features) -> Float[Tensor, "q n"]:
        size = len(composed) // self.count
        parts = [composed[start : start + size] for start in range(0, len(composed), size)]
        return sum(self.model.score(part[0] if self.single else part, gallery) for part in parts) / self.count


def rank_mean(model: Retriever, wordings: Sequence[Benchmark]) -> Ranks:
    """The ranks of the first benchmark's queries under the mean score of all wordings of each.

    The benchmarks differ in their queries' texts alone, row by row. Raises ValueError where they do not.
    """
    first = wordings[0]
    if any((len(one), one.relevant) != (len(first), first.relevant) for one in wordings):
        raise ValueError("Wordings must be of the same queries, row by row; read them from the same files.")
    if isinstance(model, torch.nn.Module):
        model.eval()
    gallery, composed = encode(model, first.gallery), [compose(model, one) for one in wordings]
    single = isinstance(composed[0], Tensor)
    flat = tuple(composed) if single else tuple(part for one in composed for part in one)
    return rank_features(_MeanScore(model, len(wordings), single), flat, gallery, first)
