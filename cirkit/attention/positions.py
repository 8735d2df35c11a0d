"""Positional encodings: none, sinusoidal, or a learned vector for each image token and sinusoids for the words.

Vaswani et al. (2017) §3.5; Dodds et al. (2020), MAAF, say no more than "positional encodings", and `Mixed` is the
option `mixed` of the released code.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cirkit.errors import Problem


class Sinusoidal(nn.Module):
    """Adds sin(i / 10000^(c/d)) at even channels c of position i, and the cosine at the odd channel after it.

    Vaswani et al. (2017) §3.5; positions run over the whole sequence, image tokens first. An odd width is refused.
    """

    def __init__(self, *, dropout: float = 0.0):
        super().__init__()
        self.dropout = nn.Dropout(dropout)  # released code: 0.1

    def forward(self, tokens: Float[Tensor, "b i d"]) -> Float[Tensor, "b i d"]:
        length, width = tokens.shape[1:]
        if width % 2:
            raise ValueError(f"Sinusoidal positions need an even width, got {width}; choose another width.")
        position = torch.arange(length, device=tokens.device, dtype=tokens.dtype)  # (i)
        rate = 10000.0 ** (-torch.arange(0, width, 2, device=tokens.device, dtype=tokens.dtype) / width)  # (d/2)
        angle = position[:, None] * rate  # (i, d/2)
        table = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(-2)  # (i, d)
        return self.dropout(tokens + table)


def no_positions() -> nn.Module:
    """Tokens as they are: MAAF's default, since convolutions with padding already know where they are."""
    return nn.Identity()


Places = Callable[[int, int], Tensor]  # how many places, how wide -> their vectors (images, width)


def learned(images: int, width: int) -> nn.Parameter:
    """Vectors that start uniform within ±1/√width and learn with the rest."""
    return nn.Parameter(torch.empty(images, width).uniform_(-(width**-0.5), width**-0.5))


def frozen(images: int, width: int) -> nn.Buffer:
    """Released code: the same start for ever, since the forward pass reads a copy made before the first update."""
    return nn.Buffer(learned(images, width).detach())


class Mixed(nn.Module):
    """Adds a vector of its own to each of the first `images` tokens, and sinusoids that count from 0 to the others.

    `images` is the number of image tokens, all resolutions together; a picture without words has no others. A shorter
    sequence is a Problem: its words would be taken for image places.
    """

    def __init__(self, *, images: int, width: int, places: Places = learned, dropout: float = 0.0):
        super().__init__()
        self.places = places(images, width)
        self.words = Sinusoidal()
        self.dropout = nn.Dropout(dropout)  # released code: 0.1

    def forward(self, tokens: Float[Tensor, "b i d"]) -> Float[Tensor, "b i d"]:
        images = len(self.places)
        if tokens.shape[1] < images:
            raise Problem(
                f"There are positions for {images} image tokens and this sequence has {tokens.shape[1]} tokens in all. "
                "Give every query a picture, and say with `images` how many tokens it has."
            )
        placed = tokens[:, :images] + self.places  # (b, images, d)
        return self.dropout(torch.cat([placed, self.words(tokens[:, images:])], dim=1))  # (b, i, d)
