"""How many words of a caption may be selected: counted as in a text of 77 pieces, whatever the tower's own context.

ITSELF §3.3, eq. 4, takes N for it, and its released code the padded length less start and end, 75: half of that is 37
words, and captions of the benchmarks have about as many. RDE (Qin et al., CVPR 2024) counts alike.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, nn

from cirkit.models.itself import ITSELF
from cirkit.models.person_baselines import RDE

Length = Callable[[Tensor, int], Tensor]
CLIPS = 75  # pieces of CLIP's context of 77, less start and end


def as_of_77(words: Int[Tensor, " b"], context: int) -> Int[Tensor, " b"]:
    """Every text counts as one of 77 pieces."""
    return torch.full_like(words, CLIPS)


def without_end(words: Int[Tensor, " b"], context: int) -> Int[Tensor, " b"]:
    """So long that any share of it is more than a text has words: all of them are selected."""
    return torch.full_like(words, 1000 * CLIPS)


def itself(texts: Sequence[str], *, length: Length = as_of_77, **parts: Any) -> ITSELF:
    """ITSELF with its words so counted; `parts` are its own."""
    return _counting(ITSELF(texts, **parts), length)


def rde(texts: Sequence[str], *, length: Length = as_of_77, **parts: Any) -> RDE:
    """RDE with its words so counted; `parts` are its own."""
    return _counting(RDE(texts, **parts), length)


def _counting(model: nn.Module, length: Length) -> nn.Module:
    model.branches.length = length
    return model


@dataclass(frozen=True)
class counted_words:
    """A model of two branches whose captions count by `length`; what it does with images stays."""

    length: Length

    def __call__(self, model: nn.Module) -> nn.Module:
        """The model with another count; it shares its parameters with the one given."""
        branches = copy.copy(model.branches)
        branches.length = self.length
        changed = copy.copy(model)
        changed._modules = model._modules | {"branches": branches}
        return changed
