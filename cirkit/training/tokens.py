"""Training a fusion of tokens from tokens that a frozen encoder computed once.

TransAgg (Liu et al., 2023) and PVLF (§4.3) with a frozen backbone: only the fusion runs.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from cirkit.examples import Features
from cirkit.training.distributed import gather
from cirkit.training.objectives import Loss


@dataclass(frozen=True)
class ranking_tokens:
    """`ranking` of a model's `fusion` alone, from the tokens of `cirkit.models.transagg.triplet_tokens`.

    The encoder is not run and does not learn.
    """

    loss: Loss

    def __call__(self, model: nn.Module, batch: Features) -> Float[Tensor, ""]:
        query = dict(batch.tensors)
        target = gather(query.pop("target"))
        return self.loss(model.score(gather(model.fusion(**query)), target))
