"""Stacked cross attention: the similarity of two sets of tokens, each query token beside what it attends to.

SCAN (Lee et al., ECCV 2018), eq. 1 to 6 and 9 to 12; Cao et al. (2022), §4.2. All pairs of a batch of queries and a
batch of keys at once: what a query token attends to is never formed, since its length and its product with the token
follow from the products of tokens with tokens.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from cirkit.attention.alignment import AlignmentScore, dot

NUMBERS = 1 << 17  # scores at a time: half a MB, so that each pass over them stays near the processor
SMALLEST = 1e-8  # lengths are bounded by it, as in the released code

Tokens = tuple[Tensor, Tensor]  # (b, t, d), a set's own tokens first, and which those are (b, t)
Norm = Callable[[Tensor, Tensor, Tensor], Tensor]  # scores (q, i, n, j), masks (q, i), (n, j) -> logits (q, i, n, j)
Pool = Callable[[Tensor, Tensor], Tensor]  # cosines (q, i, n), mask (q, i) -> (q, n)


def clipped_l2(
    scores: Float[Tensor, "q i n j"], query: Bool[Tensor, "q i"], key: Bool[Tensor, "n j"]
) -> Float[Tensor, "q i n j"]:
    """Leaky ReLU, then each key's scores over their length across the query tokens: which tokens a key speaks for.

    A key whose every score is zero stays so, with a finite gradient (released code: NaN).
    """
    clipped = leaky_relu(scores, 0.1) * query[:, :, None, None]
    return clipped / (clipped.norm(dim=1, keepdim=True) + SMALLEST)


def released_layout(
    scores: Float[Tensor, "q i n j"], query: Bool[Tensor, "q i"], key: Bool[Tensor, "n j"]
) -> Float[Tensor, "q i n j"]:
    """The released code of Cao et al. (2022) for general†, both biased scores and activated general.

    Their scores come out as (token, key) where the code that follows reads (key, token): the length is taken across
    the keys, and the transpose, written key after key, is cut again into one row per query token. Row k then holds
    scores of other tokens, and which ones depends on how many tokens there are.
    """
    clipped = leaky_relu(scores, 0.1) * key
    clipped = clipped / (clipped.square().sum(3, keepdim=True).clamp_min(SMALLEST**4).sqrt() + SMALLEST)
    tokens, keys = query.sum(1)[:, None, None, None], key.sum(1)[None, None, :, None]  # how many there are
    row, column = (torch.arange(size, device=scores.device) for size in (scores.shape[1], scores.shape[3]))
    place = keys * row[:, None, None] + column  # (1, i, n, j)
    source = (place % tokens) * scores.shape[3] + place // tokens  # (q, i, n, j), among (i, j) of one pair
    flat = clipped.transpose(1, 2).flatten(2)  # (q, n, i j)
    source = source.transpose(1, 2).flatten(2).clamp(max=flat.shape[2] - 1)  # beyond the last own token: masked later
    return flat.gather(2, source).unflatten(2, (len(row), len(column))).transpose(1, 2)


def mean(cosines: Float[Tensor, "q i n"], mask: Bool[Tensor, "q i"]) -> Float[Tensor, "q n"]:
    """The average over the query tokens: SCAN's AVG, eq. 7."""
    return (cosines * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)


@dataclass(frozen=True, kw_only=True)
class log_sum_exp:
    """log Σ exp(λ r) / λ over the query tokens, a soft maximum: SCAN's LSE, eq. 6."""

    sharpness: float = 6.0  # the paper's for text to image on Flickr30k

    def __call__(self, cosines: Float[Tensor, "q i n"], mask: Bool[Tensor, "q i"]) -> Float[Tensor, "q n"]:
        return (self.sharpness * cosines).masked_fill(~mask[..., None], -torch.inf).logsumexp(1) / self.sharpness


class CrossAttention(nn.Module):
    """Similarities (q, n) of q sets of query tokens and n sets of key tokens.

    A query token attends to the keys by the softmax of `temperature` times the normalised scores, and is compared with
    what it attends to by the cosine; `pool` joins the cosines of a set's tokens. Scores are computed `numbers` at a
    time, sets of queries sorted by their length. A set has a token at least.
    """

    def __init__(
        self,
        width: int,
        *,
        alignment: Callable[[int], AlignmentScore],
        norm: Norm = clipped_l2,
        temperature: float = 9.0,
        pool: Pool = mean,
        numbers: int = NUMBERS,
    ):
        super().__init__()
        self.alignment = alignment(width)
        self.norm, self.temperature, self.pool, self.numbers = norm, temperature, pool, numbers

    def forward(self, query: Tokens, key: Tokens) -> Float[Tensor, "q n"]:
        keys, key_order = _chunks(key, 2 * math.isqrt(self.numbers))
        keys = [(tokens, mask, self.alignment.key(tokens), tokens @ tokens.mT) for tokens, mask in keys]
        columns = sum(mask.numel() for _, mask, *_ in keys)
        queries, query_order = _chunks(query, max(1, self.numbers * len(keys) // columns))
        rows = []
        for tokens, mask in queries:
            mine = tokens, mask, self.alignment.query(tokens)
            rows.append(torch.cat([self._some(*mine, *others) for others in keys], dim=1))
        return torch.cat(rows)[query_order.argsort()][:, key_order.argsort()]

    def attention(self, query: Tokens, key: Tokens) -> Float[Tensor, "q i n j"]:
        """How much each query token takes from each key token of every set; zeros for padding of either side."""
        scores = self.alignment(query[0].flatten(0, 1), key[0].flatten(0, 1)).T  # (n j, q i)
        weights = self._weights(scores.reshape(*key[1].shape, *query[1].shape), query[1], key[1])
        return weights.permute(2, 3, 0, 1) * query[1][:, :, None, None] * key[1]

    def _some(
        self,
        query: Float[Tensor, "q i d"],
        query_mask: Bool[Tensor, "q i"],
        query_side: Float[Tensor, "q i d"],  # as the score transforms it
        key: Float[Tensor, "n j d"],
        key_mask: Bool[Tensor, "n j"],
        key_side: Float[Tensor, "n j d"],
        gram: Float[Tensor, "n j j"],
    ) -> Float[Tensor, "q n"]:
        shape = *key_mask.shape, *query_mask.shape  # (n, j, q, i)
        scores = products = dot(key.flatten(0, 1), query.flatten(0, 1))  # (n j, q i)
        if not self.alignment.is_dot:
            scores = self.alignment.activation(dot(key_side.flatten(0, 1), query_side.flatten(0, 1)))
        weights = self._weights(scores.view(shape), query_mask, key_mask).flatten(2)  # (n, j, q i)
        along = (weights * products.view(weights.shape)).sum(1)  # (n, q i), token · attended
        square = ((gram @ weights) * weights).sum(1)  # (n, q i), attended · attended
        lengths = query.square().sum(2).flatten() * square
        cosines = along / lengths.clamp_min(SMALLEST**2).sqrt()
        return self.pool(cosines.unflatten(1, query_mask.shape).permute(1, 2, 0), query_mask)

    def _weights(
        self, scores: Float[Tensor, "n j q i"], query: Bool[Tensor, "q i"], key: Bool[Tensor, "n j"]
    ) -> Float[Tensor, "n j q i"]:
        """Key tokens stand before query tokens, so that what is summed over the few keys runs along the many others."""
        normed = self.norm(scores.permute(2, 3, 0, 1), query, key).permute(2, 3, 0, 1)
        padding = (~key).to(scores.dtype) * (torch.finfo(scores.dtype).min / 2)
        return torch.add(padding[:, :, None, None], normed, alpha=self.temperature).softmax(1)


def _chunks(sets: Tokens, tokens: int) -> tuple[list[Tokens], Int[Tensor, " b"]]:
    """Sets of like length, the longest first, at most so many tokens at a time, cut to the longest; and their order."""
    lengths = sets[1].sum(1)
    order = lengths.argsort(descending=True, stable=True)
    chunks, start, longest = [], 0, lengths[order].tolist()
    while start < len(order):
        rows = order[start : start + max(1, tokens // longest[start])]
        chunks.append((sets[0][rows, : longest[start]], sets[1][rows, : longest[start]]))
        start += len(rows)
    return chunks, order
