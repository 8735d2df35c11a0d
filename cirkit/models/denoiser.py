"""CompoDiff's denoiser: a noisy embedding and a time as two tokens, all conditions by cross-attention.

Gu et al. (2024), §3.2 and §5.1. The paper has "the multi-head self-attention blocks as the original Transformer" and
16 heads; the layers here are the released code's: one key and value for all heads of self-attention, 8 heads across.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import normalize, scaled_dot_product_attention, silu

from cirkit.attention.padding import without_padding

SIDE = 64  # of a mask, as the paper has it
TURNING = 32  # channels of a head that positions rotate, at most
BUCKETS, EXACT, FARTHEST = 32, 16, 128  # T5's relative positions
KeysValues = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class TextTokens:
    """What one text encoder makes of `u` texts, which of its tokens count, and which text each of `b` rows reads."""

    tokens: Float[Tensor, "u t c"]
    words: Bool[Tensor, "u t"]
    row: Int[Tensor, " b"]


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What a denoiser is told beside the noisy embedding and the time; row i of every part belongs together.

    `texts` has one entry for each of the denoiser's text widths; the null image is zeros; where `present` is False
    there is no token of an image at all. The mask is one in the region to change, zeros where nothing is asked.
    """

    texts: tuple[TextTokens, ...]
    image: Float[Tensor, "b d"]
    present: Bool[Tensor, " b"]
    mask: Bool[Tensor, "b s s"]


class Inputs(nn.Module):
    """Texts, image, mask and time as tokens of one width; `texts` are the widths of the text encoders' tokens."""

    def __init__(self, width: int, texts: tuple[int, ...]):
        super().__init__()
        self.width = width
        self.texts = nn.ModuleList(nn.Linear(each, width) for each in texts)
        self.mask, self.clock = mlp(SIDE * SIDE, width), mlp(width, width)

    def forward(self, conditions: Conditions) -> tuple[list[tuple[Tensor, Tensor]], Bool[Tensor, "b j"]]:
        """Tokens with the rows that read them, each distinct text once; and which tokens of a row there are."""
        own = torch.stack([conditions.image, self.mask(conditions.mask.flatten(1).to(conditions.image.dtype))], dim=1)
        pairs = [(layer(text.tokens), text.row) for layer, text in zip(self.texts, conditions.texts, strict=True)]
        pairs.append((own, torch.arange(len(own), device=own.device)))
        there = [text.words[text.row] for text in conditions.texts]
        there.append(torch.stack([conditions.present, torch.ones_like(conditions.present)], dim=1))
        return pairs, torch.cat(there, dim=1)

    def time(self, time: Int[Tensor, " b"], dtype: torch.dtype) -> Float[Tensor, "b d"]:
        """Sines and cosines of the time at rates from 1 to 1/10000, through three layers."""
        half = self.width // 2
        rate = torch.exp(-math.log(10000) / (half - 1) * torch.arange(half, device=time.device, dtype=dtype))
        angle = time.to(dtype)[:, None] * rate  # (b, d/2)
        return self.clock(torch.cat([angle.sin(), angle.cos()], dim=-1))


def mlp(before: int, after: int) -> nn.Sequential:
    """Three linear layers, twice as wide inside as at their end."""
    inside = 2 * after
    return nn.Sequential(
        nn.Linear(before, inside), nn.SiLU(), nn.Linear(inside, inside), nn.SiLU(), nn.Linear(inside, after)
    )


class Order(NamedTuple):
    """Where tokens stand: angles for the rotation, and what is added to the score of each token and key."""

    cos: Float[Tensor, "i r"]
    sin: Float[Tensor, "i r"]
    bias: Float[Tensor, "h i j"]

    def rotate(self, vectors: Float[Tensor, "*b i e"]) -> Float[Tensor, "*b i e"]:
        """Turn each pair of neighbouring channels by its angle; the channels behind stay."""
        turning = 2 * self.cos.shape[-1]
        x, y = vectors[..., 0:turning:2], vectors[..., 1:turning:2]
        turned = torch.stack([x * self.cos - y * self.sin, y * self.cos + x * self.sin], dim=-1).flatten(-2)
        return torch.cat([turned, vectors[..., turning:]], dim=-1)


class RelativeOrder(nn.Module):
    """The order of a run of tokens: rotary angles, and T5's learned bias by how far a key lies behind."""

    def __init__(self, heads: int, head_width: int):
        super().__init__()
        self.turning = min(TURNING, head_width)
        self.bias = nn.Embedding(BUCKETS, heads)

    def forward(self, first: int, count: int) -> Order:
        """Of the tokens first .. first + count - 1; the keys are a learned one and all tokens up to the last."""
        weight = self.bias.weight
        place = torch.arange(first, first + count, device=weight.device)  # (i)
        rate = 10000.0 ** (-torch.arange(0, self.turning, 2, device=weight.device, dtype=weight.dtype) / self.turning)
        angle = place[:, None] * rate  # (i, r)
        behind = place[:, None] - torch.arange(first + count + 1, device=weight.device)  # released: the learned is 0
        return Order(angle.cos(), angle.sin(), self.bias(buckets(behind)).permute(2, 0, 1))


def buckets(behind: Int[Tensor, "i j"]) -> Int[Tensor, "i j"]:
    """T5's buckets of how far a key lies behind: exact up to 15, then logarithmic up to 128; 0 for what is ahead."""
    behind = behind.clamp(min=0)
    far = EXACT + (behind.clamp(min=1) / EXACT).log() / math.log(FARTHEST / EXACT) * (BUCKETS - EXACT)
    return torch.where(behind < EXACT, behind, far.long().clamp(max=BUCKETS - 1))


class SelfAttention(nn.Module):
    """16 · cosine of a token's query in each head and the one key all heads share, beside a learned key and value."""

    def __init__(self, width: int, heads: int, head_width: int):
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width, bias=False)
        self.query = nn.Linear(width, heads * head_width, bias=False)
        self.key_value = nn.Linear(width, 2 * head_width, bias=False)
        self.null = nn.Parameter(torch.randn(2, head_width))
        self.output = nn.Sequential(nn.Linear(heads * head_width, width, bias=False), nn.LayerNorm(width, bias=False))

    def forward(
        self,
        tokens: Float[Tensor, "n i d"],
        order: Order,
        mask: Bool[Tensor, "n _ j"] | None = None,
        past: KeysValues | None = None,
    ) -> tuple[Float[Tensor, "n i d"], KeysValues]:
        """What the tokens gather from `past` and themselves, where the mask lets them; and all keys and values.

        The learned key is in sight of every token.
        """
        normed = self.norm(tokens)
        query = order.rotate(self.query(normed).unflatten(-1, (self.heads, -1)).transpose(1, 2))  # (n, h, i, e)
        key, value = self.key_value(normed).chunk(2, dim=-1)  # (n, i, e)
        key = order.rotate(key)
        if past is not None:
            key, value = torch.cat([past[0], key], dim=1), torch.cat([past[1], value], dim=1)  # (n, j, e)
        keys, values = (
            torch.cat([null.expand(len(part), 1, -1), part], dim=1)
            for null, part in zip(self.null, (key, value), strict=True)
        )
        scores = 16 * normalize(query, dim=-1) @ normalize(keys, dim=-1).mT[:, None] + order.bias  # (n, h, i, 1 + j)
        if mask is not None:
            scores = scores.masked_fill(~nn.functional.pad(mask, (1, 0), value=True)[:, None], -torch.inf)
        heads = scores.softmax(-1) @ values[:, None]  # (n, h, i, e)
        return self.output(heads.transpose(1, 2).flatten(-2)), (key, value)


class CrossAttention(nn.Module):
    """What tokens gather from the conditions, in heads of their own, beside a learned key and value."""

    def __init__(self, width: int, heads: int, head_width: int):
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width, bias=False)
        self.query = nn.Linear(width, heads * head_width, bias=False)
        self.key_value = nn.Linear(width, 2 * heads * head_width, bias=False)
        self.null = nn.Parameter(torch.randn(2, head_width))
        self.output = nn.Sequential(nn.Linear(heads * head_width, width, bias=False), nn.LayerNorm(width, bias=False))

    def memory(self, pairs: list[tuple[Tensor, Tensor]]) -> KeysValues:
        """Keys and values (b, heads, 1 + j, e) of the conditions; those of a text are computed once for its rows."""
        null = self.null[:, None].expand(-1, self.heads, -1).flatten()  # (2 · heads · e)
        parts = [null.expand(len(pairs[0][1]), 1, -1), *(self.key_value(tokens)[row] for tokens, row in pairs)]
        both = torch.cat(parts, dim=1).unflatten(-1, (2, self.heads, -1))  # (b, 1 + j, 2, heads, e)
        key, value = both.permute(2, 0, 3, 1, 4)
        return key, value

    def forward(
        self, tokens: Float[Tensor, "b i d"], memory: KeysValues, mask: Bool[Tensor, "b 1 1 j"]
    ) -> Float[Tensor, "b i d"]:
        query = self.query(self.norm(tokens)).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (b, heads, i, e)
        return self.output(scaled_dot_product_attention(query, *memory, mask).transpose(1, 2).flatten(-2))


class FeedForward(nn.Module):
    """Out(a · silu(g)), where In(norm(x)) gives a and g."""

    def __init__(self, width: int, widening: int):
        super().__init__()
        self.norm = nn.LayerNorm(width, bias=False)
        self.inside = nn.Linear(width, 2 * widening * width, bias=False)
        self.outside = nn.Linear(widening * width, width, bias=False)

    def forward(self, tokens: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
        values, gates = self.inside(self.norm(tokens)).chunk(2, dim=-1)
        return self.outside(values * silu(gates))


class Readout(nn.Module):
    """The clean embedding from the token of the noisy one: divided by its largest channel, normed, projected."""

    def __init__(self, width: int):
        super().__init__()
        self.norm, self.project = nn.LayerNorm(width, bias=False), nn.Linear(width, width, bias=False)

    def forward(self, tokens: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
        return self.project(self.norm(tokens / tokens.amax(-1, keepdim=True).detach()))


class DenoiserBlock(nn.Module):
    """Self-attention, cross-attention and feed-forward, each added to what it reads."""

    def __init__(self, width: int, *, heads: int, cross_heads: int, head_width: int, widening: int):
        super().__init__()
        self.attend = SelfAttention(width, heads, head_width)
        self.cross = CrossAttention(width, cross_heads, head_width)
        self.feed_forward = FeedForward(width, widening)

    def forward(
        self,
        tokens: Float[Tensor, "b r i d"],
        order: Order,
        memory: KeysValues,
        mask: Bool[Tensor, "b 1 1 j"],
    ) -> Float[Tensor, "b r i d"]:
        """Of r samples in a row, whose tokens see each other and not the other samples'."""
        tokens = tokens + self.attend(tokens.flatten(0, 1), order)[0].view_as(tokens)
        tokens = tokens + self.cross(tokens.flatten(1, 2), memory, mask).view_as(tokens)
        return tokens + self.feed_forward(tokens)


class Context(NamedTuple):
    """What does not change from call to call: of each block the conditions' keys and values, and which there are."""

    memory: tuple[KeysValues, ...]
    mask: Bool[Tensor, "b 1 1 j"]


class Denoiser(nn.Module):
    """f(z_t, t | text, image, mask): the clean embedding, as wide as the joint space of CLIP.

    `texts` are the widths of the text encoders' tokens, such as (1280,), or (768, 2048) for CLIP's beside T5's.
    """

    def __init__(
        self,
        width: int,
        texts: tuple[int, ...],
        *,
        blocks: int = 12,
        heads: int = 16,
        cross_heads: int = 8,  # paper: 16, as it seems; released code: 8
        head_width: int = 64,
        widening: int = 4,
    ):
        super().__init__()
        self.inputs = Inputs(width, texts)
        self.order = RelativeOrder(heads, head_width)
        sizes = {"heads": heads, "cross_heads": cross_heads, "head_width": head_width, "widening": widening}
        self.blocks = nn.ModuleList(DenoiserBlock(width, **sizes) for _ in range(blocks))
        self.readout = Readout(width)

    def context(self, conditions: Conditions) -> Context:
        """What all calls for these conditions share, whatever the time and however many samples."""
        texts = tuple(TextTokens(*without_padding(text.tokens, text.words), text.row) for text in conditions.texts)
        pairs, there = self.inputs(replace(conditions, texts=texts))
        mask = nn.functional.pad(there, (1, 0), value=True)[:, None, None]  # (b, 1, 1, 1 + j), the learned key first
        return Context(tuple(block.cross.memory(pairs) for block in self.blocks), mask)

    def forward(
        self, noisy: Float[Tensor, "b r d"], time: Int[Tensor, " #b"], context: Context
    ) -> Float[Tensor, "b r d"]:
        """Of r noisy embeddings for each row; the time is one for all rows, or each row's own."""
        clock = self.inputs.time(time, noisy.dtype)[:, None].expand_as(noisy)
        tokens, order = torch.stack([noisy, clock], dim=2), self.order(0, 2)  # (b, r, 2, d)
        for block, memory in zip(self.blocks, context.memory, strict=True):
            tokens = block(tokens, order, memory, context.mask)
        return self.readout(tokens[:, :, 0])


DenoiserFactory = Callable[[int, tuple[int, ...]], nn.Module]  # widths of the joint space and of the texts' tokens
