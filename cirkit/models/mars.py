"""MARS of ITSELF: attention of a middle and of a late block composed into one score per token.

ITSELF §3.2, eq. 1 to 3; its supplement, §1: middle and late layer, discard ratio .25, L1 normalisation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cirkit.encoders.block_attention import Attention, at

TWELVE = 12  # blocks of the towers that the paper numbers


def block_of(layer: int, depth: int) -> int:
    """The block, from 0, that lies in a tower of `depth` blocks where `layer` lies among twelve."""
    return round(layer / (TWELVE - 1) * (depth - 1))


def blocks_of(layers: Sequence[int], depth: int) -> tuple[int, ...]:
    """`block_of` each layer, in rising order, none twice."""
    return tuple(sorted({block_of(layer, depth) for layer in layers}))


@dataclass(frozen=True, kw_only=True)
class mars:
    """Scores by the standing token's row of Â_late · Â_middle, Â the attention without its smallest entries, plus I.

    `layers` are counted from 0 in a tower of twelve. With `discard` 0 the late block's row is all that is read of it.
    """

    # paper: "middle and late layer"; released code: the fifth and the twelfth of twelve
    layers: tuple[int, ...] = (4, 11)
    discard: float = 0.25

    def whole(self, depth: int) -> tuple[int, ...]:
        """Blocks whose matrix is read: all but the last where nothing is discarded by rank in the whole of it."""
        blocks = blocks_of(self.layers, depth)
        return blocks if self.discard else blocks[:-1]

    def rows(self, depth: int) -> tuple[int, ...]:
        """Blocks of which the standing token's row is enough."""
        return () if self.discard else blocks_of(self.layers, depth)[-1:]

    def __call__(self, attention: Attention) -> Float[Tensor, "b n"]:
        *earlier, late = blocks_of(self.layers, attention.depth)
        if self.discard:
            last = at(without_smallest(attention.whole[late], self.discard), attention.row)
        else:
            last = attention.row_of(late)
        maps = [without_smallest(attention.whole[block], self.discard) for block in earlier]
        return row_of_product(maps, last, attention.row)


def without_smallest(attention: Float[Tensor, "b n n"], ratio: float) -> Float[Tensor, "b n n"]:
    """Zero for the ⌊ratio · n²⌋ smallest entries of each item's matrix; its first entry stays, and ties stay together.

    A causal mask's zeros are the smallest: of a text nothing else goes while the ratio is below (n - 1) / 2n.
    """
    flat = attention.flatten(1)
    count = int(flat.shape[1] * ratio)
    if not count:
        return attention
    least = flat.kthvalue(count + 1).values[:, None]  # the smallest that stays
    remaining = torch.where(flat < least, torch.zeros_like(flat), flat)
    remaining[:, 0] = flat[:, 0]  # released code: class to class alone, the rest of its column may go
    return remaining.view_as(attention)


def row_normalise(attention: Float[Tensor, "b n n"]) -> Float[Tensor, "b n n"]:
    """Â: half of the attention plus I, each row over its sum."""
    whole = (attention + torch.eye(attention.shape[1], dtype=attention.dtype, device=attention.device)) / 2
    return whole / whole.sum(-1, keepdim=True)


def product(maps: Sequence[Float[Tensor, "b n n"]]) -> Float[Tensor, "b n n"]:
    """R = Â_last · ... · Â_first, in full; `row_of_product` gives a row of it without the rest."""
    # paper (eq. 2): a product without direction; released code: later times earlier
    whole = row_normalise(maps[0])
    for each in maps[1:]:
        whole = row_normalise(each) @ whole
    return whole


def row_of_product(
    earlier: Sequence[Float[Tensor, "b n n"]], last: Float[Tensor, "b n"], row: Int[Tensor, " b"]
) -> Float[Tensor, "b n"]:
    """The given row of `product`: the last block's row carried through the `earlier` ones, vector times matrix.

    `last` is that row of the last block's attention; neither I nor any Â is formed.
    """
    here = torch.nn.functional.one_hot(row, last.shape[1]).to(last)
    carried = (last + here) / (1 + last.sum(1, keepdim=True))
    for each in reversed(earlier):
        weight = carried / (1 + each.sum(2))
        carried = (weight[:, None] @ each)[:, 0] + weight
    return carried
