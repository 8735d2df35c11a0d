"""Rank with the query expanded by its neighbours in the gallery, for models that know how to expand one.

Psomas et al. 2025 (i-CIR): the 25 images most like the query's own, what a protocol leaves out not among them.
"""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.ranking import SCORES, compose, encode, rank_features
from cirkit.models.base import Features, Retriever, join, take
from cirkit.query import Benchmark, leave_out


@runtime_checkable
class Expands(Retriever, Protocol):
    """A retriever whose queries can take in gallery items; its gallery's features are one tensor."""

    def similarity(self, composed: Features, gallery: Tensor) -> Float[Tensor, "q n"]: ...
    def expand(
        self, composed: Features, neighbours: Float[Tensor, "q k d"], similarity: Float[Tensor, "q k"]
    ) -> Features: ...


@torch.no_grad()
def rank_expanded(model: Expands, benchmark: Benchmark, neighbours: int = 25) -> Ranks:
    """The ranks of every relevant item, each query expanded by `neighbours` items of the gallery it is ranked among."""
    if isinstance(model, torch.nn.Module):
        model.eval()
    gallery, composed = encode(model, benchmark.gallery), compose(model, benchmark)
    k, parts = min(neighbours, len(gallery)), []
    for rows in torch.arange(len(benchmark)).split(max(1, SCORES // len(gallery))):
        mine = take(composed, rows)
        scores = model.similarity(mine, gallery)
        leave_out(scores, rows.tolist(), benchmark.excluded, benchmark.candidates)
        near = scores.topk(k)  # -inf where a query's own gallery is smaller
        parts.append(model.expand(mine, gallery[near.indices], near.values))
    return rank_features(model, join(parts), gallery, benchmark)
