"""The weight between two branches: chosen on validation data, or, as released code does it, on the test data.

ITSELF §3.1, eq. 8, does not state λ; its released evaluation keeps the best R@1 of thirteen weights on the test split.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.measures import PerItem, Recall
from cirkit.evaluators.ranking import compose, encode, rank_features
from cirkit.models.branches import fusion
from cirkit.query import Benchmark

FIRST = Recall(1)
TENTHS = tuple(tenth / 10 for tenth in range(11))
RELEASED = (1.0, 0.0, *TENTHS[1:-1], 0.68, 0.32)


@dataclass(frozen=True, kw_only=True)
class weight_by_validation:
    """The model under the weight that is best on `data`, which are none that it is tested on."""

    data: Callable[[], Benchmark]
    weights: tuple[float, ...] = TENTHS
    measure: PerItem = FIRST

    def __call__(self, model: nn.Module) -> nn.Module:
        """The first of the best weights."""
        by_weight = ranks_by_weight(model, self.data(), self.weights)
        return fusion(best(by_weight, self.measure))(model)


@dataclass(frozen=True, kw_only=True)
class best_weight_on_test:
    """Ranks under the weight that is best on the data that are tested: optimistically biased, for comparison."""

    weights: tuple[float, ...] = RELEASED
    measure: PerItem = FIRST

    def __call__(self, model: nn.Module, benchmark: Benchmark) -> Ranks:
        by_weight = ranks_by_weight(model, benchmark, self.weights)
        return by_weight[best(by_weight, self.measure)]


@torch.no_grad()
def ranks_by_weight(model: nn.Module, benchmark: Benchmark, weights: tuple[float, ...]) -> dict[float, Ranks]:
    """The ranks under each weight; both branches of an image or a text come from one pass of its encoder."""
    model.eval()
    gallery, composed = encode(model, benchmark.gallery), compose(model, benchmark)
    return {weight: rank_features(fusion(weight)(model), composed, gallery, benchmark) for weight in weights}


def best(by_weight: dict[float, Ranks], measure: PerItem) -> float:
    """The first of the best weights by the mean of a measure over queries."""
    return max(by_weight, key=lambda weight: measure.values(by_weight[weight]).mean())
