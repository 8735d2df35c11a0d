"""Rules that rank the tokens of an image or a text: by one block, by statistics over blocks, at random, by a mask.

ITSELF's supplement, Table 3 (A to D) and the single layer of the paper's Table 3; `mars` has a file of its own. The
paper has no controls: all tokens (any rule with `fixed(1.0)`), random ones, and those that a true mask names.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from cirkit.encoders.block_attention import Attention
from cirkit.errors import Problem
from cirkit.models.mars import block_of


@runtime_checkable
class Rule(Protocol):
    """Scores of all tokens of each item, larger first; special tokens and padding are left out by who selects.

    `whole` and `rows` name the blocks of a tower whose attention is read, matrix or standing token's row.
    """

    def whole(self, depth: int) -> tuple[int, ...]: ...
    def rows(self, depth: int) -> tuple[int, ...]: ...
    def __call__(self, attention: Attention) -> Float[Tensor, "b n"]: ...


@dataclass(frozen=True)
class single_layer:
    """The attention of one block, of twelve from 0."""

    # paper: layer 3, of the lowest entropy; released code: the last, as RDE
    layer: int = 2

    def whole(self, depth: int) -> tuple[int, ...]:
        """None."""
        return ()

    def rows(self, depth: int) -> tuple[int, ...]:
        """The block that lies there."""
        return (block_of(self.layer, depth),)

    def __call__(self, attention: Attention) -> Float[Tensor, "b n"]:
        return attention.row_of(block_of(self.layer, attention.depth))


def mean_over_layers(rows: Float[Tensor, "l b n"]) -> Float[Tensor, "b n"]:
    """Rule B: the mean attention a token gets."""
    return rows.mean(0)


def std_over_layers(rows: Float[Tensor, "l b n"]) -> Float[Tensor, "b n"]:
    """Rule D: the standard deviation of the attention a token gets, over all layers (not one fewer)."""
    return rows.std(0, unbiased=False)


@dataclass(frozen=True)
class over_layers:
    """A statistic over all blocks of what the standing token attends to: the highest first."""

    statistic: Callable[[Tensor], Tensor] = mean_over_layers

    def whole(self, depth: int) -> tuple[int, ...]:
        """None."""
        return ()

    def rows(self, depth: int) -> tuple[int, ...]:
        """All."""
        return tuple(range(depth))

    def __call__(self, attention: Attention) -> Float[Tensor, "b n"]:
        return self.statistic(torch.stack([attention.row_of(block) for block in range(attention.depth)]))


@dataclass(frozen=True)
class least:
    """The lowest scores first: rule A is `least(over_layers(mean_over_layers))`, C that of the deviation."""

    rule: Rule

    def whole(self, depth: int) -> tuple[int, ...]:
        """The rule's."""
        return self.rule.whole(depth)

    def rows(self, depth: int) -> tuple[int, ...]:
        """The rule's."""
        return self.rule.rows(depth)

    def __call__(self, attention: Attention) -> Float[Tensor, "b n"]:
        return -self.rule(attention)


@dataclass(frozen=True)
class random_tokens:
    """Any tokens: others at each training step, and in evaluation the same positions of every item."""

    def whole(self, depth: int) -> tuple[int, ...]:
        """None."""
        return ()

    def rows(self, depth: int) -> tuple[int, ...]:
        """None."""
        return ()

    def __call__(self, attention: Attention) -> Float[Tensor, "b n"]:
        shape, device = (len(attention.row), attention.tokens), attention.row.device
        if attention.training:
            return torch.rand(shape, device=device)
        fixed = torch.rand(shape[1], generator=torch.Generator().manual_seed(0))
        return fixed.to(device).expand(shape)


@dataclass(frozen=True)
class marked_tokens:
    """The tokens that a mask covers most, as only data with a true mask can say."""

    def whole(self, depth: int) -> tuple[int, ...]:
        """None."""
        return ()

    def rows(self, depth: int) -> tuple[int, ...]:
        """None."""
        return ()

    def __call__(self, attention: Attention) -> Float[Tensor, "b n"]:
        if attention.marks is None:
            raise Problem("No mask says which tokens are marked. Give images with a fourth channel, their mask.")
        return attention.marks
