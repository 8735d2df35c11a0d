"""Attention blocks: scores to weights, several heads, the Transformer.

MAAF §2.1, eq. 1 and 2: Attn(Q, K, V) = f(QKᵀ)V, where f is the softmax or, for CSS (§3.1), the identity; QKᵀ over √d
as in Figure 2 ("scaled dot-product attention") and the released code.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from cirkit.attention.alignment import scaled_dot
from cirkit.attention.dropout import Dropout
from cirkit.attention.positions import no_positions

Alignment = Callable[[Tensor, Tensor], Tensor]  # (*b, i, d), (*b, j, d) -> (*b, i, j)


Weights = Callable[[Tensor, Tensor | None], Tensor]  # scores, mask -> weights, the paper's f


def softmax(scores: Float[Tensor, "*b i j"], mask: Bool[Tensor, "..."] | None = None) -> Float[Tensor, "*b i j"]:
    """Weights that sum to one over the keys the mask (broadcast to the scores) allows; zeros where it allows none."""
    if mask is None:
        return scores.softmax(-1)
    forbidden = (~mask).to(scores.dtype) * (torch.finfo(scores.dtype).min / 2)  # finite, should it allow none
    return (scores + forbidden).softmax(-1) * mask.any(-1, keepdim=True).to(scores.dtype)


def identity(scores: Float[Tensor, "*b i j"], mask: Bool[Tensor, "..."] | None = None) -> Float[Tensor, "*b i j"]:
    """The scores themselves, zero where the mask forbids: MAAF §3.1, for CSS."""
    return scores if mask is None else scores * mask


class UnbiasedLayerNorm(nn.Module):
    """gain · (x - mean) / (std + 1e-6) + bias with the unbiased std: MAAF's released code, where we use LayerNorm."""

    def __init__(self, width: int):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, tokens: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
        spread = tokens.std(-1, keepdim=True) + 1e-6
        return self.gain * (tokens - tokens.mean(-1, keepdim=True)) / spread + self.bias


class MultiHeadAttention(nn.Module):
    """Every token gathers from the memory, in several heads: concat over heads of f(s(QW, MW)) MW, then a projection.

    `alignment` is s and `weights` is f; the default pair runs through torch's fused kernel, with equal results, but
    where it would have to drop out weights on a processor, which it does slowly.
    """

    def __init__(
        self,
        width: int,
        *,
        heads: int = 8,
        alignment: Alignment = scaled_dot,  # paper: eq. 1 dot, Figure 2 "scaled"; released code: scaled_dot
        weights: Weights = softmax,
        dropout: float = 0.1,
    ):
        super().__init__()
        if width % heads:
            raise ValueError(f"{heads} heads cannot share a width of {width}; choose heads that divide it.")
        self.heads, self.alignment, self.weights, self.dropout = heads, alignment, weights, Dropout(dropout)
        self.query, self.key, self.value, self.output = (nn.Linear(width, width) for _ in range(4))
        for linear in (self.query, self.key, self.value, self.output):
            nn.init.xavier_uniform_(linear.weight)

    def _split(self, tokens: Float[Tensor, "b i d"]) -> Float[Tensor, "b heads i e"]:
        return tokens.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def _per_head(self, mask: Tensor | None) -> Tensor | None:
        if mask is None:
            return None
        return mask[:, None, None] if mask.ndim == 2 else mask[:, None]  # (b, 1, 1 or i, j)

    def attention(
        self,
        tokens: Float[Tensor, "b i d"],
        memory: Float[Tensor, "b j d"],
        mask: Bool[Tensor, "b j"] | Bool[Tensor, "b i j"] | None = None,
    ) -> Float[Tensor, "b heads i j"]:
        """How much each token takes from each memory token, head by head."""
        scores = self.alignment(self._split(self.query(tokens)), self._split(self.key(memory)))  # (b, heads, i, j)
        return self.weights(scores, self._per_head(mask))

    def forward(
        self,
        tokens: Float[Tensor, "b i d"],
        memory: Float[Tensor, "b j d"],
        mask: Bool[Tensor, "b j"] | Bool[Tensor, "b i j"] | None = None,
    ) -> Float[Tensor, "b i d"]:
        """The mask says which memory tokens exist, for all tokens (b, j) or for each (b, i, j)."""
        value = self._split(self.value(memory))  # (b, heads, j, e)
        rate = self.dropout.rate if self.training else 0.0
        plain = self.weights is softmax and self.alignment is scaled_dot
        if plain and (not rate or self.dropout.native(tokens.device)):
            query, key = self._split(self.query(tokens)), self._split(self.key(memory))
            heads = scaled_dot_product_attention(query, key, value, self._per_head(mask), dropout_p=rate)
        else:
            heads = self.dropout(self.attention(tokens, memory, mask)) @ value  # (b, heads, i, e)
        return self.output(heads.transpose(1, 2).flatten(-2))  # (b, i, d)


class TransformerBlock(nn.Module):
    """x + attention(norm(x)), then x + feed-forward(norm(x)).

    MAAF §2.1 says "added to the original sequence"; that the norm comes first is from the released code.
    """

    def __init__(
        self,
        width: int,
        *,
        heads: int = 8,
        hidden: int = 256,
        alignment: Alignment = scaled_dot,
        weights: Weights = softmax,
        norm: Callable[[int], nn.Module] = nn.LayerNorm,
        dropout: float = 0.1,
    ):
        super().__init__()
        self.attend = MultiHeadAttention(width, heads=heads, alignment=alignment, weights=weights, dropout=dropout)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, hidden), nn.ReLU(), Dropout(dropout), nn.Linear(hidden, width)
        )
        nn.init.xavier_uniform_(self.feed_forward[0].weight)
        nn.init.xavier_uniform_(self.feed_forward[3].weight)
        self.norm_attend, self.norm_feed_forward = norm(width), norm(width)
        self.dropout = Dropout(dropout)

    def attention(
        self, tokens: Float[Tensor, "b i d"], mask: Bool[Tensor, "b i"] | Bool[Tensor, "b i i"] | None = None
    ) -> Float[Tensor, "b heads i i"]:
        """The weights this block uses on these tokens."""
        normed = self.norm_attend(tokens)
        return self.attend.attention(normed, normed, mask)

    def forward(
        self, tokens: Float[Tensor, "b i d"], mask: Bool[Tensor, "b i"] | Bool[Tensor, "b i i"] | None = None
    ) -> Float[Tensor, "b i d"]:
        normed = self.norm_attend(tokens)
        tokens = tokens + self.dropout(self.attend(normed, normed, mask))
        return tokens + self.dropout(self.feed_forward(self.norm_feed_forward(tokens)))


class Transformer(nn.Module):
    """Positions, blocks, and a last norm."""

    def __init__(
        self,
        width: int,
        *,
        blocks: int = 2,
        heads: int = 8,
        hidden: int = 256,
        alignment: Alignment = scaled_dot,
        weights: Weights = softmax,
        norm: Callable[[int], nn.Module] = nn.LayerNorm,
        positions: Callable[[], nn.Module] = no_positions,
        dropout: float = 0.1,
    ):
        super().__init__()
        self.positions = positions()
        self.blocks = nn.ModuleList(
            TransformerBlock(
                width, heads=heads, hidden=hidden, alignment=alignment, weights=weights, norm=norm, dropout=dropout
            )
            for _ in range(blocks)
        )
        self.norm = norm(width)

    def attention(
        self, tokens: Float[Tensor, "b i d"], mask: Bool[Tensor, "b i"] | Bool[Tensor, "b i i"] | None = None
    ) -> tuple[Float[Tensor, "b heads i i"], ...]:
        """The weights of each block, first to last."""
        tokens, maps = self.positions(tokens), []
        for block in self.blocks:
            maps.append(block.attention(tokens, mask))
            tokens = block(tokens, mask)
        return tuple(maps)

    def forward(
        self, tokens: Float[Tensor, "b i d"], mask: Bool[Tensor, "b i"] | Bool[Tensor, "b i i"] | None = None
    ) -> Float[Tensor, "b i d"]:
        tokens = self.positions(tokens)
        for block in self.blocks:
            tokens = block(tokens, mask)
        return self.norm(tokens)
