"""TransAgg: a text's tokens, a separator and an image's tokens in one Transformer, then a sum with three weights.

Liu et al. (2023), "Zero-shot Composed Text-Image Retrieval"; PVLF's baseline in Tables 1 to 5, and what PVLF prompts
(`cirkit.models.pvlf`).
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor, nn

from cirkit.attention.blocks import MultiHeadAttention, Weights, softmax
from cirkit.attention.dropout import Dropout
from cirkit.attention.padding import without_padding
from cirkit.encoders.word_vectors import Tuning
from cirkit.errors import Problem
from cirkit.models.base import Cosine
from cirkit.models.combiner import text_tower
from cirkit.query import Batch, Query


@runtime_checkable
class TokenEncoder(Protocol):
    """What is read of a CLIP (`TwoTowers`, `PromptedClip`) or of a `Blip`; an nn.Module."""

    width: int

    def image(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]: ...
    def image_tokens(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b m e"]: ...  # the class token first
    def project(self, tokens: Float[Tensor, "*b e"]) -> Float[Tensor, "*b d"]: ...
    def text(self, texts: Sequence[str]) -> Float[Tensor, "b d"]: ...
    def text_tokens(self, texts: Sequence[str]) -> tuple[Float[Tensor, "b t d"], Bool[Tensor, "b t"]]: ...
    def text_position(self, mask: Bool[Tensor, "b t"]) -> Int[Tensor, " b"]: ...  # the token that is the text's vector


Residual = Callable[[Tensor, nn.Module], tuple[Tensor, Tensor]]  # tokens, norm -> what a branch reads, what it adds to


def pre_norm(tokens: Float[Tensor, "b i d"], norm: nn.Module) -> tuple[Tensor, Tensor]:
    """x + f(norm(x))."""
    return norm(tokens), tokens


def raised_padding(scores: Float[Tensor, "*b i j"], mask: Bool[Tensor, "..."] | None = None) -> Float[Tensor, "*b i j"]:
    """Softmax of scores that are higher by one at padding, which `mask` rules out.

    The released code, whose mask is a float: torch adds it to the scores. The paper's softmax leaves padding out.
    """
    return scores.softmax(-1) if mask is None else (scores + (~mask).to(scores.dtype)).softmax(-1)


class Separator(nn.Module):
    """One learned token between text and image; each further layer reads what the last made of it."""

    length = 1

    def __init__(self, width: int, layers: int):
        super().__init__()
        self.token = nn.Parameter(torch.randn(1, width))

    def forward(self, layer: int, tokens: Float[Tensor, "b 1 d"]) -> Float[Tensor, "b 1 d"]:
        return self.token.expand_as(tokens) if layer == 0 else tokens


class FusionLayer(nn.Module):
    """Attention among all tokens, then a feed-forward network for each, around both of which goes a residual."""

    def __init__(
        self,
        width: int,
        *,
        heads: int,
        hidden: int,
        dropout: float,
        weights: Weights,
        residual: tuple[Residual, Residual],
    ):
        super().__init__()
        self.attend = MultiHeadAttention(width, heads=heads, weights=weights, dropout=dropout)
        for linear in (self.attend.query, self.attend.key, self.attend.value):  # as torch starts the three in one
            nn.init.xavier_uniform_(linear.weight, gain=0.5**0.5)
        self.attend.output.reset_parameters()
        for linear in (self.attend.query, self.attend.key, self.attend.value, self.attend.output):
            nn.init.zeros_(linear.bias)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, hidden), nn.GELU(), Dropout(dropout), nn.Linear(hidden, width), Dropout(dropout)
        )
        self.norm_attend, self.norm_feed_forward = nn.LayerNorm(width), nn.LayerNorm(width)
        self.dropout, self.residual = Dropout(dropout), residual

    def attention(self, tokens: Float[Tensor, "b i d"], mask: Bool[Tensor, "b i"]) -> Float[Tensor, "b heads i i"]:
        """The weights this layer uses on these tokens."""
        read, _ = self.residual[0](tokens, self.norm_attend)
        return self.attend.attention(read, read, mask)

    def forward(
        self, tokens: Float[Tensor, "b i d"], mask: Bool[Tensor, "b i"], rows: Int[Tensor, "b r"] | None = None
    ) -> Float[Tensor, "b r d"]:
        """The tokens at `rows` (None: all of them) after this layer; all are attended to."""
        read, onto = self.residual[0](tokens, self.norm_attend)
        tokens = _at(onto, rows) + self.dropout(self.attend(_at(read, rows), read, mask))
        read, onto = self.residual[1](tokens, self.norm_feed_forward)
        return onto + self.feed_forward(read)


class Fusion(nn.Module):
    """w₀ · text + w₁ · u + w₂ · image: u from both after the Transformer, text and image as they were before it.

    The sequence is [text tokens | `between` | image tokens], with no positions; u is an MLP of the image's and the
    text's own token after the last layer; the three weights are a linear map of u, of any size and sign. `between`
    makes a module of (width, layers) with a `length`, which gives each layer its tokens from what the layer before
    made of them (zeros before the first). `weights=raised_padding` is the released code. Raises ValueError where heads
    do not divide the width.
    """

    def __init__(
        self,
        width: int,
        *,
        between: Callable[[int, int], nn.Module] = Separator,
        layers: int = 2,
        heads: int = 8,
        hidden: int = 2048,
        dropout: float = 0.5,
        weights: Weights = softmax,
        residual: tuple[Residual, Residual] = (pre_norm, pre_norm),
    ):
        super().__init__()
        layer = FusionLayer(width, heads=heads, hidden=hidden, dropout=dropout, weights=weights, residual=residual)
        self.layers = nn.ModuleList(copy.deepcopy(layer) for _ in range(layers))  # released code: all start alike
        self.mix = nn.Sequential(
            nn.Linear(2 * width, 8 * width), nn.ReLU(), Dropout(dropout), nn.Linear(8 * width, width)
        )
        self.weight = nn.Linear(width, 3)
        self.between = between(width, layers)
        self.cuts = weights is softmax  # which gives padding nothing, so that what pads every text can go

    def forward(
        self,
        image: Float[Tensor, "b m d"],
        text: Float[Tensor, "b t d"],
        words: Bool[Tensor, "b t"],
        position: Int[Tensor, " b"],
    ) -> Float[Tensor, "b d"]:
        """The query's vector, not normalised: image tokens, class token first; text tokens, which of them are words
        (not padding), and which of them is the text's vector."""
        if self.cuts:
            text, words = without_padding(text, words)
        first = torch.full_like(position, text.shape[1] + self.between.length)  # of the image
        own = torch.stack([first, position], dim=1)  # (b, 2)
        *_, (layer, tokens, mask) = self._inputs(image, text, words)
        fused = layer(tokens, mask, own)  # (b, 2, d): of the last layer nothing else is used
        u = self.mix(fused.flatten(1))  # (b, d)
        vectors = torch.stack([_at(text, own[:, 1:])[:, 0], u, image[:, 0]], dim=1)  # (b, 3, d)
        return (self.weight(u)[..., None] * vectors).sum(1)

    def attention(
        self,
        image: Float[Tensor, "b m d"],
        text: Float[Tensor, "b t d"],
        words: Bool[Tensor, "b t"],
        position: Int[Tensor, " b"],
    ) -> tuple[Float[Tensor, "b heads i i"], ...]:
        """Each layer's weights over the sequence."""
        return tuple(layer.attention(tokens, mask) for layer, tokens, mask in self._inputs(image, text, words))

    def _inputs(self, image: Tensor, text: Tensor, words: Tensor) -> Iterator[tuple[FusionLayer, Tensor, Tensor]]:
        """Each layer with the sequence that it reads, and which of its tokens are no padding."""
        (b, t, d), k = text.shape, self.between.length
        mask = torch.cat([words, words.new_ones(b, k + image.shape[1])], dim=1)  # (b, i)
        sequence = torch.cat([text, text.new_zeros(b, k, d), image], dim=1)  # (b, i, d)
        for number, layer in enumerate(self.layers):
            if number:
                sequence = self.layers[number - 1](sequence, mask)
            middle = self.between(number, sequence[:, t : t + k])
            sequence = torch.cat([sequence[:, :t], middle, sequence[:, t + k :]], dim=1)
            yield layer, sequence, mask


class TransAgg(nn.Module):
    """100 · cosine of a fusion of the query's tokens and the target's vector.

    `clip` is a CLIP or a BLIP, `tuning` says which of its towers learn (frozen, text_tower, tuned), in evaluation mode
    all the same. From tokens that are there (`CachedFeatures` of `triplet_tokens`), train it with the objective
    `ranking_tokens`. A query of one part alone is that part's vector.
    """

    def __init__(
        self,
        texts: Sequence[str],
        *,
        clip: Callable[[], TokenEncoder],
        fusion: Callable[[int], nn.Module] = Fusion,
        tuning: Tuning = text_tower,
    ):
        super().__init__()
        self.clip = tuning(clip())
        self.fusion = fusion(self.clip.width)
        self.score = Cosine(10.0).requires_grad_(False)

    def train(self, mode: bool = True) -> "TransAgg":
        """The encoder stays in evaluation mode, so that its tokens can be computed once."""
        # released code: in training mode, so that BLIP's text tower drops out units, even where it is frozen
        super().train(mode)
        self.clip.eval()
        return self

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        return self.clip.image(images)

    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        if query.avoid is not None or query.mask is not None:
            raise Problem("This fusion knows no negative text and no mask. Leave them out, or use CompoDiff.")
        if query.text is None:
            return self.encode(query.image)
        return self.clip.text(query.text) if query.image is None else self.fusion(**tokens(self.clip, query))

    def attention(self, query: Query) -> tuple[Float[Tensor, "b heads i i"], ...]:
        """Each layer's weights over [text tokens | between | image tokens], for a query of image and text."""
        return self.fusion.attention(**tokens(self.clip, query))


def tokens(clip: TokenEncoder, query: Query) -> dict[str, Tensor]:
    """What a `Fusion` reads of queries of image and text: image (b, m, d), text (b, t, d), words (b, t), position (b).

    Raises Problem where a part is missing.
    """
    if query.image is None or query.text is None:
        raise Problem("A fusion of tokens reads an image and a text. Give the query both.")
    text, words = clip.text_tokens(query.text)
    image = clip.project(clip.image_tokens(query.image))
    return {"image": image, "text": text, "words": words, "position": clip.text_position(words)}


def triplet_tokens(clip: TokenEncoder, batch: Batch) -> Mapping[str, Tensor]:
    """An encoder's tokens and targets of a batch by name, for `CachedFeatures` and the objective `ranking_tokens`."""
    return tokens(clip, batch.query) | {"target": clip.image(batch.target)}


def _at(tokens: Float[Tensor, "b i d"], rows: Int[Tensor, "b r"] | None) -> Float[Tensor, "b r d"]:
    return tokens if rows is None else tokens.gather(1, rows[..., None].expand(-1, -1, tokens.shape[2]))
