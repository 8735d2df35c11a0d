"""Words by their spelling, so that a name never seen before has a vector: PHOC, and subword vectors that are fixed.

Hu et al. (2020), M4C, §3.1: FastText (Bojanowski et al., 2017) and PHOC of each OCR word, each of length one; hashed
n-grams stand in for FastText where its seven gigabytes are not there.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import normalize

from cirkit.attention.alignment import alignment
from cirkit.attention.dropout import Dropout
from cirkit.attention.post_norm import PostNormBlock, normal_start
from cirkit.encoders.phoc import WIDTH, phoc
from cirkit.encoders.text import words


@runtime_checkable
class Subwords(Protocol):
    """Words to vectors of `width` numbers that do not learn."""

    @property
    def width(self) -> int: ...
    def __call__(self, words: Sequence[str]) -> Float[Tensor, "n d"]: ...


@dataclass(frozen=True, kw_only=True)
class HashedGrams:
    """The mean over a word's n-grams of signs that a hash gives each, its ends marked, the whole word among them."""

    width: int = 96  # a multiple of 8, at most 512
    sizes: tuple[int, ...] = (3, 4)

    def __call__(self, words: Sequence[str]) -> Float[Tensor, "n d"]:
        lines = [np.frombuffer(_signs(word, self.width, tuple(self.sizes)), np.float32) for word in words]
        return torch.from_numpy(np.stack(lines)) if lines else torch.zeros(0, self.width)


@lru_cache(maxsize=100_000)
def _signs(word: str, width: int, sizes: tuple[int, ...]) -> bytes:
    marked = f"<{word}>"
    grams = [marked[i : i + n] for n in sizes for i in range(len(marked) - n + 1)] + [marked]
    bits = [
        np.unpackbits(np.frombuffer(hashlib.blake2b(gram.encode(), digest_size=width // 8).digest(), np.uint8))
        for gram in grams
    ]
    return (2 * np.mean(bits, axis=0) - 1).astype(np.float32).tobytes()


@dataclass(frozen=True, kw_only=True)
class Spelling:
    """Words to subword vectors and PHOC side by side, each of length one."""

    subwords: Subwords = HashedGrams()

    @property
    def width(self) -> int:
        """Of a word's vector."""
        return self.subwords.width + WIDTH

    def __call__(self, words: Sequence[str]) -> Float[Tensor, "n d"]:
        return torch.cat([normalize(self.subwords(words), dim=1), normalize(phoc(words), dim=1)], dim=1)


class SpelledText(nn.Module):
    """Sentences to tokens (b, t, width), one a word, and the mask (b, t): spelling, place, Transformer blocks.

    A word counts by its spelling alone, so the texts of the training are not looked at, and a question about a name is
    as near to the name in the image as two spellings are.
    """

    # paper: three layers of a BERT that was pretrained, whose word pieces spell names out; see `text_bert`

    def __init__(
        self,
        texts: Sequence[str],
        *,
        width: int,
        spelling: Callable[[], Spelling] = Spelling,
        blocks: int = 1,
        heads: int = 4,
        hidden: int = 256,
        dropout: float = 0.1,
        longest: int = 20,
        std: float = 0.02,
    ):
        super().__init__()
        self.width, self.longest = width, longest
        self.spelling = spelling()
        self.project = nn.Linear(self.spelling.width, width)
        self.places = nn.Embedding(longest, width)
        self.norm, self.dropout = nn.LayerNorm(width), Dropout(dropout)
        self.blocks = nn.ModuleList(
            PostNormBlock(width, heads=heads, hidden=hidden, alignment=alignment_of, dropout=dropout)
            for _ in range(blocks)
        )
        for part in (self.places, self.blocks):
            normal_start(part, std)

    def forward(self, texts: Sequence[str]) -> tuple[Float[Tensor, "b t d"], Bool[Tensor, "b t"]]:
        rows = [words(text)[: self.longest] or [""] for text in texts]
        device = self.project.weight.device
        counts = torch.tensor([len(row) for row in rows])
        mask = torch.arange(int(counts.max())) < counts[:, None]  # (b, t)
        spelled = self.spelling([word for row in rows for word in row]).to(self.project.weight)  # (n, c)
        mask = mask.to(device)
        vectors = spelled.new_zeros(*mask.shape, self.width)
        vectors[mask] = self.project(spelled)
        tokens = self.dropout(self.norm(vectors + self.places.weight[: mask.shape[1]]))
        for block in self.blocks:
            tokens = block(tokens, mask)
        return tokens, mask


def alignment_of(dim: int) -> nn.Module:
    """BERT's own score, whatever the score of the model that reads the words."""
    return alignment(dim, name="scaled dot")
