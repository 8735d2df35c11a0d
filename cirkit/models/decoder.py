"""A decoder: from CLIP's vector of an image to an image, by diffusion of its pixels.

Gu et al. (2024), "CompoDiff", §5.5 and Figure 12, show what vectors say by Karlo's decoder, a diffusion model of photos
(unCLIP, Ramesh et al., 2022); this one learns the worlds' images from the world CLIP's vectors of them. A regression
will not do: a vector hardly says where an object stands, and the median over all places is an empty floor.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, normalize, silu

from cirkit.encoders.clip import Clip
from cirkit.models.base import Cosine
from cirkit.models.diffusion import DDIM, Noise, Sampler, cosine, row_by_row
from cirkit.query import Query

GROUPS = 8  # of channels that are normed together
SAMPLER, NOISE = DDIM(calls=25), row_by_row()
TIMES = 16  # rates of the sines and cosines of a time


class Residual(nn.Module):
    """Two convolutions that are added; between them each channel is scaled and shifted by what is told."""

    def __init__(self, before: int, after: int, told: int):
        super().__init__()
        self.skip = nn.Conv2d(before, after, 1) if before != after else nn.Identity()
        self.norm, self.conv = nn.GroupNorm(GROUPS, before), nn.Conv2d(before, after, 3, padding=1)
        self.norm_told, self.conv_told = nn.GroupNorm(GROUPS, after), nn.Conv2d(after, after, 3, padding=1)
        self.film = nn.Linear(told, 2 * after)

    def forward(self, maps: Float[Tensor, "b c h w"], told: Float[Tensor, "b t"]) -> Float[Tensor, "b k h w"]:
        scale, shift = self.film(told)[..., None, None].chunk(2, dim=1)  # (b, k, 1, 1)
        inside = self.norm_told(self.conv(silu(self.norm(maps)))) * (1 + scale) + shift
        return self.skip(maps) + self.conv_told(silu(inside))


class Network(nn.Module):
    """The clean image from a noisy one, its time and a vector: maps that shrink and grow again, with skips across."""

    def __init__(self, width: int, channels: tuple[int, ...], told: int = 128):
        super().__init__()
        self.told = nn.Sequential(nn.Linear(width + 2 * TIMES, told), nn.SiLU(), nn.Linear(told, told), nn.SiLU())
        self.first = nn.Conv2d(3, channels[0], 3, padding=1)
        self.down = nn.ModuleList(Residual(*pair, told) for pair in pairwise((channels[0], *channels)))
        self.middle = Residual(channels[-1], channels[-1], told)
        ends = (*channels[-2::-1], channels[0])
        self.up = nn.ModuleList(Residual(2 * k, end, told) for k, end in zip(channels[::-1], ends, strict=True))
        self.last = nn.Sequential(nn.GroupNorm(GROUPS, channels[0]), nn.SiLU(), nn.Conv2d(channels[0], 3, 3, padding=1))

    def forward(
        self, noisy: Float[Tensor, "b 3 h w"], time: Int[Tensor, " b"], vectors: Float[Tensor, "b d"]
    ) -> Float[Tensor, "b 3 h w"]:
        angle = time[:, None] / 1000 * torch.pi * 2 ** torch.linspace(-1, 7, TIMES, device=noisy.device)  # (b, f)
        told = self.told(torch.cat([vectors, angle.sin(), angle.cos()], dim=1))
        maps, kept = self.first(noisy), []
        for number, block in enumerate(self.down):
            maps = block(avg_pool2d(maps, 2) if number else maps, told)
            kept.append(maps)
        maps = self.middle(maps, told)
        for number, block in enumerate(self.up):
            maps = block(torch.cat([interpolate(maps, scale_factor=2.0) if number else maps, kept.pop()], dim=1), told)
        return self.last(maps)


class Decoder(nn.Module):
    """The retriever that a decoder is judged by: a query's image is encoded, decoded, and encoded again.

    Where the decoded image finds the image it is of, it shows what the vector says. An image has `pixels` a side, which
    2^(number of `channels` - 1) divides; `guidance` is the weight of what is told against nothing told (a vector of
    zeros).
    """

    def __init__(
        self,
        texts: Sequence[str] = (),
        *,
        clip: Callable[[], Clip],
        pixels: int = 24,
        channels: tuple[int, ...] = (24, 48, 64),
        sampler: Sampler = SAMPLER,
        noise: Noise = NOISE,
        guidance: float = 2.0,
    ):
        super().__init__()
        self.clip = clip().requires_grad_(False).eval()
        self.pixels, self.network, self.alphas = pixels, Network(self.clip.width, channels), cosine()
        self.sampler, self.noise, self.guidance = sampler, noise, guidance
        self.score = Cosine(10.0).requires_grad_(False)

    def train(self, mode: bool = True) -> "Decoder":
        """CLIP stays as in evaluation."""
        super().train(mode)
        self.clip.eval()
        return self

    def forward(
        self, noisy: Float[Tensor, "b 3 h w"], time: Int[Tensor, " b"], vectors: Float[Tensor, "b d"]
    ) -> Float[Tensor, "b 3 h w"]:
        """Clean colours from -1 to 1; a vector's length says nothing, since guidance changes it, but for zeros."""
        return self.network(noisy, time, normalize(vectors, dim=1) * vectors.shape[1] ** 0.5)  # each channel about 1

    @torch.no_grad()
    def paint(self, vectors: Float[Tensor, "b d"]) -> UInt8[Tensor, "b 3 h w"]:
        """Images of vectors of CLIP's joint space."""
        told, side = torch.cat([vectors, torch.zeros_like(vectors)]), self.pixels

        def denoise(noisy: Float[Tensor, "b 3 p"], time: int) -> Float[Tensor, "b 3 p"]:
            when = torch.full((len(told),), time, device=noisy.device)
            clean, untold = self(noisy.repeat(2, 1, 1).unflatten(2, (side, side)), when, told).flatten(2).chunk(2)
            return (untold + self.guidance * (clean - untold)).clamp(-1, 1)

        noise = self.noise(vectors.new_zeros(len(vectors), 3, side**2))
        clean = self.sampler(denoise, noise, self.alphas).unflatten(2, (side, side))
        return (127.5 * (clean + 1)).round().to(torch.uint8)

    @torch.no_grad()
    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        return self.clip.image(images)

    @torch.no_grad()
    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        return self.clip.image(self.paint(self.clip.image(query.image)))
