"""A decoder: from CLIP's vector of an image to an image, by a few convolutions that grow.

Gu et al. (2024), "CompoDiff", §5.5 and Figure 12, show what vectors say by Karlo's unCLIP decoder, which knows photos;
this one learns the worlds' images from the world CLIP's vectors of them.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import interpolate, normalize

from cirkit.encoders.clip import Clip
from cirkit.models.base import Cosine
from cirkit.query import Query


class Growth(nn.Module):
    """Twice as many pixels a side: the enlarged map, and two convolutions of it added."""

    def __init__(self, before: int, after: int):
        super().__init__()
        self.skip = nn.Conv2d(before, after, 1)
        self.layers = nn.Sequential(
            nn.GroupNorm(1, before),
            nn.SiLU(),
            nn.Conv2d(before, after, 3, padding=1),
            nn.GroupNorm(1, after),
            nn.SiLU(),
            nn.Conv2d(after, after, 3, padding=1),
        )

    def forward(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k y x"]:
        large = interpolate(maps, scale_factor=2.0)
        return self.skip(large) + self.layers(large)


class Decoder(nn.Module):
    """The retriever that a decoder is judged by: a query's image is encoded, decoded, and encoded again.

    Where the decoded image finds the image it is of, it shows what the vector says. The smallest maps have `pixels` /
    2^(number of `channels` - 1) pixels a side, which is whole.
    """

    def __init__(
        self,
        texts: Sequence[str] = (),
        *,
        clip: Callable[[], Clip],
        pixels: int = 48,
        channels: tuple[int, ...] = (128, 64, 48, 32, 16),
    ):
        super().__init__()
        self.clip = clip().requires_grad_(False).eval()
        self.pixels, self.side = pixels, pixels >> (len(channels) - 1)
        self.first = nn.Linear(self.clip.width, channels[0] * self.side**2)
        self.grow = nn.Sequential(*(Growth(*pair) for pair in pairwise(channels)))
        self.colour = nn.Sequential(nn.SiLU(), nn.Conv2d(channels[-1], 3, 3, padding=1))
        self.score = Cosine(10.0).requires_grad_(False)

    def train(self, mode: bool = True) -> "Decoder":
        """CLIP stays as in evaluation."""
        super().train(mode)
        self.clip.eval()
        return self

    def forward(self, vectors: Float[Tensor, "b d"]) -> Float[Tensor, "b 3 h w"]:
        """Colours from 0 to 1; a vector's length says nothing, since guidance changes it."""
        unit = normalize(vectors, dim=1) * vectors.shape[1] ** 0.5  # each channel about 1
        return self.colour(self.grow(self.first(unit).unflatten(1, (-1, self.side, self.side)))).sigmoid()

    @torch.no_grad()
    def paint(self, vectors: Float[Tensor, "b d"]) -> UInt8[Tensor, "b 3 h w"]:
        """The images of vectors of CLIP's joint space."""
        return (255 * self(vectors)).round().to(torch.uint8)

    @torch.no_grad()
    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        return self.clip.image(images)

    @torch.no_grad()
    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        return self.clip.image(self.paint(self.clip.image(query.image)))
