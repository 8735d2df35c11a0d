"""Two streams: image tokens and words stay two sequences, each of which can attend to itself and to the other.

Dodds et al. (2020), MAAF, §3.2.2, Table 4, and supplement §S1.1 (eq. 6 to 8, 11): the rivals of the single sequence.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from cirkit.attention.blocks import MultiHeadAttention
from cirkit.attention.dropout import Dropout
from cirkit.encoders.image import tokens
from cirkit.errors import Problem
from cirkit.models.base import Cosine
from cirkit.models.maaf import Pool, Words, by_type
from cirkit.query import Query

Levels = tuple[Tensor, ...]  # one (b, p, d) per resolution
Streams = dict[str, tuple[Tensor, Tensor | None]]  # "image", "text": tokens (b, i, d), which exist (b, i; None: all)
Fuse = Callable[[Levels, Words], tuple[Levels, Words]]
Null = Callable[[Fuse, Levels], tuple[Levels, Words]]  # how a gallery image goes through, and what is pooled


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What every step of a block is made of."""

    width: int
    heads: int
    hidden: int
    norm: Callable[[int], nn.Module]
    dropout: float

    def attention(self) -> MultiHeadAttention:
        return MultiHeadAttention(self.width, heads=self.heads, dropout=self.dropout)


Step = Callable[[Parts], nn.Module]  # the module takes the streams and gives them back, one or two of them changed


class Self(nn.Module):
    """A stream gathers from itself (eq. 6), through a norm and a dropout that the equation suppresses."""

    def __init__(self, parts: Parts, *, stream: str):
        super().__init__()
        self.stream = stream
        self.attend, self.norm, self.dropout = parts.attention(), parts.norm(parts.width), Dropout(parts.dropout)

    def forward(self, streams: Streams) -> Streams:
        if self.stream not in streams:
            return streams
        asking, mask = streams[self.stream]
        normed = self.norm(asking)
        return streams | {self.stream: (asking + self.dropout(self.attend(normed, normed, mask)), mask)}


class Cross(nn.Module):
    """A stream gathers from the other (eq. 7); where there is no other, it stays as it is."""

    def __init__(self, parts: Parts, *, stream: str, other: str):
        super().__init__()
        self.stream, self.other = stream, other
        self.attend, self.norm, self.dropout = parts.attention(), parts.norm(parts.width), Dropout(parts.dropout)

    def forward(self, streams: Streams) -> Streams:
        if not {self.stream, self.other} <= streams.keys():
            return streams
        (asking, mask), (memory, exists) = streams[self.stream], streams[self.other]
        # paper: suppresses the norms, and does not say if keys and values have one; released code: they have none
        return streams | {self.stream: (asking + self.dropout(self.attend(self.norm(asking), memory, exists)), mask)}


class Both(nn.Module):
    """Each stream gathers from the other as both were before the step: the parallel bars of Table 4."""

    def __init__(self, parts: Parts):
        super().__init__()
        self.image_attend, self.text_attend = parts.attention(), parts.attention()
        self.norm = parts.norm(parts.width)  # paper: does not say; released code: one norm for both streams
        self.dropout = Dropout(parts.dropout)

    def forward(self, streams: Streams) -> Streams:
        if not {"image", "text"} <= streams.keys():
            return streams
        (image, present), (text, mask) = streams["image"], streams["text"]
        return {
            "image": (image + self.dropout(self.image_attend(self.norm(image), text, mask)), present),
            "text": (text + self.dropout(self.text_attend(self.norm(text), image, present)), mask),
        }


class FeedForward(nn.Module):
    """The position-wise layers that close a block, for one stream."""

    def __init__(self, parts: Parts, *, stream: str):
        super().__init__()
        self.stream = stream
        self.layers = nn.Sequential(
            nn.Linear(parts.width, parts.hidden),
            nn.ReLU(),
            Dropout(parts.dropout),
            nn.Linear(parts.hidden, parts.width),
        )
        nn.init.xavier_uniform_(self.layers[0].weight)
        nn.init.xavier_uniform_(self.layers[3].weight)
        self.norm, self.dropout = parts.norm(parts.width), Dropout(parts.dropout)

    def forward(self, streams: Streams) -> Streams:
        if self.stream not in streams:
            return streams
        each, mask = streams[self.stream]
        return streams | {self.stream: (each + self.dropout(self.layers(self.norm(each))), mask)}


SelfImage, SelfText = partial(Self, stream="image"), partial(Self, stream="text")
CrossImage = partial(Cross, stream="image", other="text")  # Cross(φx, φt): the image asks the words
CrossText = partial(Cross, stream="text", other="image")
FeedImage, FeedText = partial(FeedForward, stream="image"), partial(FeedForward, stream="text")

# Table 4, row by row. Streams that have not met are parallel in any order, so Self(φx) || Self(φt) is two steps.
# A "position-wise feedforward layer" closes the block (§S1.1): here for each stream that the block has changed.
CROSS = (CrossImage, FeedImage)
SELF_CROSS = (SelfImage, CrossImage, FeedImage)
CROSS_BOTH = (Both, FeedImage, FeedText)
SELF_IMAGE_FIRST = (SelfImage, SelfText, CrossImage, CrossText, FeedImage, FeedText)
SELF_TEXT_FIRST = (SelfImage, SelfText, CrossText, CrossImage, FeedImage, FeedText)
SELF_BOTH = (SelfImage, SelfText, Both, FeedImage, FeedText)


def nothing(fuse: Fuse, levels: Levels) -> tuple[Levels, Words]:
    """Paper, supplement: gallery images have "the null caption containing no words": nothing to gather from it."""
    return fuse(levels, None)


def dummy_word(fuse: Fuse, levels: Levels) -> tuple[Levels, Words]:
    """Released code: the null caption is one word of zeros, meant to be masked.

    The softmax over that word alone gives it weight 1, so image tokens gather the bias of the values, and pooling by
    resolution reads it as the last token of the coarsest map, whose first token is left out. (Without resolutions the
    released code averages it with all image tokens, which this function does not do.)
    """
    zeros = torch.zeros_like(levels[0][:, :1])  # (b, 1, d)
    (*finer, coarsest), (word, _) = fuse(levels, (zeros, torch.ones_like(zeros[..., 0], dtype=torch.bool)))
    return (*finer, torch.cat([coarsest[:, 1:], word], dim=1)), None


class TwoStream(nn.Module):
    """MAAF with two sequences in place of one: `layers` are the steps of a block, one of Table 4's rows above.

    All else is as in `cirkit.models.maaf.MAAF`. §S1.1: not every row trains stably; the paper halved the rates, or
    warmed up at half the rate, where that was needed.
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
        layers: Sequence[Step] = SELF_CROSS,
        norm: Callable[[int], nn.Module] = nn.LayerNorm,
        pool: Pool = by_type,
        image_through_attention: bool = True,
        null: Null = nothing,
        dropout: float = 0.1,
    ):
        super().__init__()
        self.image, self.text = image(), text(texts)
        if self.image.width != self.text.width:
            raise Problem(
                f"Image tokens are {self.image.width} wide and words {self.text.width}. Give both the same width."
            )
        parts = Parts(width=self.image.width, heads=heads, hidden=hidden, norm=norm, dropout=dropout)
        self.blocks = nn.Sequential(*(nn.Sequential(*(step(parts) for step in layers)) for _ in range(blocks)))
        self.norm = nn.ModuleDict({stream: norm(parts.width) for stream in ("image", "text")})
        self.pool, self.null = pool, null
        self.image_through_attention = image_through_attention
        self.score = Cosine(4.0)

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        levels = tokens(self.image(images))
        return self.pool(*self.null(self._fuse, levels)) if self.image_through_attention else self.pool(levels, None)

    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        """A query without words is a gallery image; a query without an image is its words alone."""
        if query.image is None and query.text is None:
            raise Problem("TwoStream needs an image or a text, this query has neither. Give image, text, or both.")
        if query.text is None:
            return self.encode(query.image)
        levels = () if query.image is None else tokens(self.image(query.image))
        return self.pool(*self._fuse(levels, self.text(query.text)))

    def _fuse(self, levels: Levels, words: Words) -> tuple[Levels, Words]:
        """Images and words after all blocks and the last norm of their stream; without words there stay none."""
        streams: Streams = {}
        if levels:
            streams["image"] = torch.cat(levels, dim=1), None  # (b, p, d)
        if words is not None:
            streams["text"] = words
        streams = {name: (self.norm[name](each), mask) for name, (each, mask) in self.blocks(streams).items()}
        if levels:
            levels = streams["image"][0].split([each.shape[1] for each in levels], dim=1)
        return levels, streams.get("text")
