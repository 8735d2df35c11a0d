"""MAAF: image and word tokens in one sequence, self-attention over all of it, an average as the embedding.

Dodds et al. (2020), "Modality-Agnostic Attention Fusion for visual search with text feedback", §2.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn

from cirkit.attention.alignment import scaled_dot
from cirkit.attention.blocks import Alignment, Transformer, Weights, softmax
from cirkit.attention.positions import no_positions
from cirkit.encoders.image import tokens
from cirkit.errors import Problem
from cirkit.models.base import Cosine
from cirkit.query import Query

Words = tuple[Tensor, Tensor] | None  # tokens (b, t, d) and mask (b, t)
Pool = Callable[[tuple[Tensor, ...], Words], Tensor]  # one (b, p, d) per resolution, the words -> (b, d)


def _sequence(levels: tuple[Tensor, ...], words: Words) -> tuple[Tensor, Tensor | None]:
    """All tokens in one sequence, and which of them exist (None: all do)."""
    if words is None:
        return torch.cat(levels, dim=1), None
    sequence = torch.cat([*levels, words[0]], dim=1)  # (b, p + t, d)
    present = words[1].new_ones(len(sequence), sequence.shape[1] - words[0].shape[1])
    return sequence, torch.cat([present, words[1]], dim=1)


def masked_mean(text: Float[Tensor, "b t d"], mask: Bool[Tensor, "b t"]) -> Float[Tensor, "b d"]:
    """The average of the tokens that are words."""
    return (text * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)


def _average(vectors: Sequence[Tensor]) -> Tensor:
    if not vectors:
        raise Problem("This pooling reads image tokens only and the query has no image. Pool with by_type instead.")
    return torch.stack(list(vectors)).mean(0)


def by_type(levels: tuple[Tensor, ...], words: Words) -> Float[Tensor, "b d"]:
    """Paper §2.3 (RP, IT): one average per resolution and one of the words, then the average of these vectors."""
    vectors = [each.mean(1) for each in levels]
    return _average(vectors if words is None else [*vectors, masked_mean(*words)])


def half_text(levels: tuple[Tensor, ...], words: Words) -> Float[Tensor, "b d"]:
    """Released code (RP, IT): the resolutions share one half (a quarter each of two), the words have the other."""
    halves = [_average([each.mean(1) for each in levels])] if levels else []
    return _average(halves if words is None else [*halves, masked_mean(*words)])


def all_tokens(levels: tuple[Tensor, ...], words: Words) -> Float[Tensor, "b d"]:
    """Paper, Table 2 (no RP, IT): every token counts the same."""
    sequence, mask = _sequence(levels, words)
    return sequence.mean(1) if mask is None else masked_mean(sequence, mask)


def image_half_text_half(levels: tuple[Tensor, ...], words: Words) -> Float[Tensor, "b d"]:
    """Released code (no RP, IT): the average of all image tokens and that of the words, averaged."""
    return by_type((torch.cat(levels, dim=1),) if levels else (), words)


def resolutions(levels: tuple[Tensor, ...], words: Words) -> Float[Tensor, "b d"]:
    """Table 2 (RP, no IT): the average of one vector per resolution; words act through attention alone."""
    return by_type(levels, None)


def image_tokens(levels: tuple[Tensor, ...], words: Words) -> Float[Tensor, "b d"]:
    """Table 2 (no RP, no IT): the average of all image tokens."""
    return image_half_text_half(levels, None)


class MAAF(nn.Module):
    """Modality-agnostic attention fusion; gallery images take the same way without words.

    The defaults are the paper's for Fashion IQ; for CSS (§3.1) it takes one resolution, `blocks=1` and
    `weights=identity`. `pool` is one of the functions above (Table 2's RP and IT), and
    `image_through_attention=False` pools gallery images straight from their encoder (Table 2's ITA).
    """

    def __init__(
        self,
        texts: Sequence[str],
        *,
        image: Callable[[], nn.Module],
        text: Callable[[Sequence[str]], nn.Module],
        blocks: int = 2,
        heads: int = 8,
        hidden: int = 256,
        alignment: Alignment = scaled_dot,
        weights: Weights = softmax,
        norm: Callable[[int], nn.Module] = nn.LayerNorm,
        positions: Callable[[], nn.Module] = no_positions,
        pool: Pool = by_type,
        image_through_attention: bool = True,
        dropout: float = 0.1,
    ):
        super().__init__()
        self.image, self.text = image(), text(texts)
        if self.image.width != self.text.width:
            raise Problem(
                f"Image tokens are {self.image.width} wide and words {self.text.width}. Give both the same width."
            )
        self.fusion = Transformer(
            self.image.width,
            blocks=blocks,
            heads=heads,
            hidden=hidden,
            alignment=alignment,
            weights=weights,
            norm=norm,
            positions=positions,
            dropout=dropout,
        )
        self.pool = pool
        self.image_through_attention = image_through_attention
        self.score = Cosine(4.0)

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        levels = tokens(self.image(images))
        return self._fuse(levels, None) if self.image_through_attention else self.pool(levels, None)

    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        """A query without words is a gallery image; a query without an image is its words alone."""
        if query.image is not None and query.text is None:
            return self.encode(query.image)
        return self._fuse(*self._read(query))

    def attention(self, query: Query) -> tuple[Float[Tensor, "b heads i i"], ...]:
        """Each block's weights over the sequence [image tokens, words], as in the paper's figures 3 to 5."""
        return self.fusion.attention(*_sequence(*self._read(query)))

    def _read(self, query: Query) -> tuple[tuple[Tensor, ...], Words]:
        if query.image is None and query.text is None:
            raise Problem("MAAF needs an image or a text, this query has neither. Give image, text, or both.")
        levels = () if query.image is None else tokens(self.image(query.image))
        return levels, None if query.text is None else self.text(query.text)

    def _fuse(self, levels: tuple[Tensor, ...], words: Words) -> Float[Tensor, "b d"]:
        fused = self.fusion(*_sequence(levels, words))
        *levels, text = fused.split([*(each.shape[1] for each in levels), words[0].shape[1] if words else 0], dim=1)
        return self.pool(tuple(levels), (text, words[1]) if words else None)
