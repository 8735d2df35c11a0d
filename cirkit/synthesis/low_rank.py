"""LoRA: frozen linear layers learn a sum of low rank.

Hu et al. (2021), "LoRA: Low-Rank Adaptation of Large Language Models"; CompoDiff §4.2 tunes OPT-6.7B so.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cirkit.errors import Problem


class LowRank(nn.Module):
    """layer(x) + (α / rank) · up(down(x)); the layer is frozen, `up` begins at zero, so nothing changes at first."""

    def __init__(self, layer: nn.Linear, rank: int, alpha: float):
        super().__init__()
        self.layer, self.scale = layer.requires_grad_(False), alpha / rank
        self.down = nn.Parameter(torch.empty(rank, layer.in_features))
        self.up = nn.Parameter(torch.zeros(layer.out_features, rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, vectors: Float[Tensor, "*b i"]) -> Float[Tensor, "*b o"]:
        return self.layer(vectors) + self.scale * (vectors @ self.down.T @ self.up.T)


def add_low_rank(network: nn.Module, names: Sequence[str], rank: int, alpha: float) -> None:
    """Freeze a network, in place, and give every linear layer with one of these names a sum of low rank.

    Raises Problem where a name belongs to no linear layer.
    """
    network.requires_grad_(False)
    lacking = set(names)
    for module in list(network.modules()):
        for name, layer in list(module.named_children()):
            if name in names and isinstance(layer, nn.Linear):
                setattr(module, name, LowRank(layer, rank, alpha))
                lacking.discard(name)
    if lacking:
        linear = (name for name, layer in network.named_modules() if isinstance(layer, nn.Linear))
        there = ", ".join(sorted({name.rpartition(".")[2] for name in linear}))
        raise Problem(f"The network has no linear layer called {sorted(lacking)[0]!r}. Choose among {there}.")
