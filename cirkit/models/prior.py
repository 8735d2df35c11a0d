"""Prior-like denoisers: the conditions are tokens of the input, as in DALL·E 2, and there is no cross-attention.

CompoDiff (Gu et al., 2024), §5.7 and Table 5; Ramesh et al. (2022), whose prior is causal. Both denoise for `CompoDiff`
in place of its own network. Positions count padding, so a text encoder must pad all texts to one length.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import pad

from cirkit.models.denoiser import (
    Conditions,
    FeedForward,
    Inputs,
    KeysValues,
    Order,
    Readout,
    RelativeOrder,
    SelfAttention,
)


class PriorBlock(nn.Module):
    """Self-attention and feed-forward, each added to what it reads."""

    def __init__(self, width: int, *, heads: int, head_width: int, widening: int):
        super().__init__()
        self.attend = SelfAttention(width, heads, head_width)
        self.feed_forward = FeedForward(width, widening)

    def forward(
        self, tokens: Float[Tensor, "n i d"], order: Order, mask: Bool[Tensor, "n _ j"], past: KeysValues | None = None
    ) -> tuple[Float[Tensor, "n i d"], KeysValues]:
        gathered, memory = self.attend(tokens, order, mask, past)
        tokens = tokens + gathered
        return tokens + self.feed_forward(tokens), memory


class PriorLayers(nn.Module):
    """Inputs, blocks and readout; `texts` are the widths of the text encoders' tokens."""

    def __init__(
        self,
        width: int,
        texts: tuple[int, ...],
        *,
        blocks: int = 12,
        heads: int = 16,
        head_width: int = 64,
        widening: int = 4,
    ):
        super().__init__()
        self.inputs = Inputs(width, texts)
        self.order = RelativeOrder(heads, head_width)
        sizes = {"heads": heads, "head_width": head_width, "widening": widening}
        self.blocks = nn.ModuleList(PriorBlock(width, **sizes) for _ in range(blocks))
        self.readout = Readout(width)

    def conditions(self, conditions: Conditions) -> tuple[Float[Tensor, "b j d"], Bool[Tensor, "b j"]]:
        """Tokens of the texts, the image and the mask, and which of them there are."""
        pairs, there = self.inputs(conditions)
        return torch.cat([tokens[row] for tokens, row in pairs], dim=1), there

    def two(self, noisy: Float[Tensor, "b r d"], time: Int[Tensor, " #b"]) -> Float[Tensor, "n 2 d"]:
        """The tokens that change from call to call: the time and the noisy embedding, a row for each sample."""
        clock = self.inputs.time(time, noisy.dtype)[:, None].expand_as(noisy)
        return torch.stack([clock, noisy], dim=2).flatten(0, 1)


Layers = Callable[[int, tuple[int, ...]], PriorLayers]


class PriorLike(nn.Module):
    """Every token sees every other, so that each call computes all of them anew."""

    def __init__(self, width: int, texts: tuple[int, ...], *, layers: Layers = PriorLayers):
        super().__init__()
        self.layers = layers(width, texts)

    def context(self, conditions: Conditions) -> tuple[Float[Tensor, "b j d"], Bool[Tensor, "b j"]]:
        """The conditions' tokens, before the first block."""
        return self.layers.conditions(conditions)

    def forward(
        self,
        noisy: Float[Tensor, "b r d"],
        time: Int[Tensor, " #b"],
        context: tuple[Float[Tensor, "b j d"], Bool[Tensor, "b j"]],
    ) -> Float[Tensor, "b r d"]:
        """Of r noisy embeddings for each row; the time is one for all rows, or each row's own."""
        r = noisy.shape[1]
        told, there = (part.repeat_interleave(r, dim=0) for part in context)
        tokens = torch.cat([told, self.layers.two(noisy, time)], dim=1)  # (n, j + 2, d)
        order, mask = self.layers.order(0, tokens.shape[1]), pad(there, (0, 2), value=True)[:, None]
        for block in self.layers.blocks:
            tokens, _ = block(tokens, order, mask)
        return self.layers.readout(tokens[:, -1]).view_as(noisy)


class CausalPrior(nn.Module):
    """A token sees those before it, so that the keys and values of the conditions serve all calls."""

    def __init__(self, width: int, texts: tuple[int, ...], *, layers: Layers = PriorLayers):
        super().__init__()
        self.layers = layers(width, texts)

    def context(self, conditions: Conditions) -> tuple[tuple[KeysValues, ...], Bool[Tensor, "b j"]]:
        """Of each block the keys and values of the conditions' tokens, and which of them there are."""
        tokens, there = self.layers.conditions(conditions)
        j, memory = tokens.shape[1], []
        order, mask = self.layers.order(0, j), there[:, None] & there.new_ones(j, j).tril()
        for block in self.layers.blocks:
            tokens, own = block(tokens, order, mask)
            memory.append(own)
        return tuple(memory), there

    def forward(
        self,
        noisy: Float[Tensor, "b r d"],
        time: Int[Tensor, " #b"],
        context: tuple[tuple[KeysValues, ...], Bool[Tensor, "b j"]],
    ) -> Float[Tensor, "b r d"]:
        """Of r noisy embeddings for each row; the time is one for all rows, or each row's own."""
        r, (memory, there) = noisy.shape[1], context
        tokens, there = self.layers.two(noisy, time), there.repeat_interleave(r, dim=0)
        both = there.new_ones(2, 2).tril().expand(len(tokens), 2, 2)
        order, mask = self.layers.order(there.shape[1], 2), torch.cat([there[:, None].expand(-1, 2, -1), both], dim=2)
        for block, (key, value) in zip(self.layers.blocks, memory, strict=True):
            past = key.repeat_interleave(r, dim=0), value.repeat_interleave(r, dim=0)
            tokens, _ = block(tokens, order, mask, past)
        return self.layers.readout(tokens[:, -1]).view_as(noisy)
