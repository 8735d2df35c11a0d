"""What the blocks of a CLIP attend to while they run: the weights of every token, or of one, averaged over the heads.

ITSELF §3 ranks tokens by these; no gradient flows through them, so a tower runs its own fused attention beside.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import linear

Maps = tuple[dict[int, Tensor], dict[int, Tensor]]


@dataclass(frozen=True, kw_only=True)
class Attention:
    """The attention of a tower of `depth` blocks, by block from 0: `whole` matrices, and of others `rows` alone.

    `row` is the token of each item that stands for all of it: an image's class token, a text's end token. `marks` says
    how far a mask covers each token, where there is one; `training`, whether this is a training step.
    """

    row: Int[Tensor, " b"]
    depth: int
    tokens: int  # of an item, n
    training: bool = False
    marks: Float[Tensor, "b n"] | None = None
    whole: Mapping[int, Float[Tensor, "b n n"]] = field(default_factory=dict)
    rows: Mapping[int, Float[Tensor, "b n"]] = field(default_factory=dict)

    def row_of(self, block: int) -> Float[Tensor, "b n"]:
        """What the standing token attends to in a block."""
        return self.rows[block] if block in self.rows else at(self.whole[block], self.row)


@contextmanager
def attention_of(
    blocks: nn.ModuleList, row: Int[Tensor, " b"], *, whole: Collection[int], rows: Collection[int]
) -> Iterator[Maps]:
    """Fills what it yields, matrices and rows by block, as an open_clip tower runs inside; it computes what it does."""
    found: Maps = ({}, {})

    def keep(number: int) -> Any:
        def look(block: nn.Module, given: tuple[Tensor, ...], named: Mapping[str, Tensor | None]) -> None:
            one = None if number in whole else row
            seen = head_average(block, given[0], named.get("attn_mask"), one)
            if one is None:
                found[0][number] = seen
            else:
                found[1][number] = seen[:, 0]

        return look

    numbers = sorted({*whole, *rows})
    handles = [blocks[number].register_forward_pre_hook(keep(number), with_kwargs=True) for number in numbers]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def head_average(
    block: nn.Module, tokens: Float[Tensor, "b n c"], mask: Float[Tensor, "n n"] | None, row: Int[Tensor, " b"] | None
) -> Float[Tensor, "b i n"]:
    """The mean over heads of a residual block's attention: of all tokens, or of the one at `row` of each item."""
    attend, width = block.attn, block.attn.embed_dim
    weight, bias = attend.in_proj_weight, attend.in_proj_bias
    normed = block.ln_1(tokens)
    asking = normed if row is None else at(normed, row)[:, None]
    query = linear(asking, weight[:width], bias[:width]).unflatten(2, (attend.num_heads, -1)).unbind(2)
    key = linear(normed, weight[width : 2 * width], bias[width : 2 * width]).unflatten(2, (attend.num_heads, -1))
    forbidden = 0.0 if mask is None else mask if row is None else mask[row][:, None]
    total = 0.0
    for q, k in zip(query, key.unbind(2), strict=True):  # head by head: one (b, i, n) at a time
        total = total + (q @ k.mT / q.shape[-1] ** 0.5 + forbidden).softmax(-1)
    return total / attend.num_heads


def at(items: Float[Tensor, "b n ..."], row: Int[Tensor, " b"]) -> Float[Tensor, "b ..."]:
    """Of each item the entry at its `row`."""
    return items[torch.arange(len(items), device=items.device), row]
