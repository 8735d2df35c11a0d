"""Discriminators: is an image real, and is it the image of this sentence? One network with two heads per size.

Xu et al. (CVPR 2018), "AttnGAN", §3.1, eq. 4 and 5: both questions of each stage's images.
"""

import math
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cirkit.errors import Problem

SLOPE = 0.2  # of the rectifiers below zero


class Verdict(NamedTuple):
    """Logits of "real", of an image alone and of an image beside a sentence."""

    alone: Float[Tensor, " b"]
    beside: Float[Tensor, " b"]


def smaller(before: int, after: int, norm: bool = True) -> nn.Module:
    """Half of the side."""
    layers = [nn.Conv2d(before, after, 4, 2, 1, bias=False), *([nn.BatchNorm2d(after)] if norm else [])]
    return nn.Sequential(*layers, nn.LeakyReLU(SLOPE))


def narrower(before: int, after: int) -> nn.Module:
    """The same side, other channels."""
    convolution = nn.Conv2d(before, after, 3, 1, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.LeakyReLU(SLOPE))


class Discriminator(nn.Module):
    """Images of `side` pixels to 4 by 4 places, channels doubling from `width` on and then back to at most 8 times it.

    Raises Problem for a side that is no power of two from 16 on.
    """

    def __init__(self, *, side: int, width: int, text_width: int):
        super().__init__()
        halvings = round(math.log2(max(side, 1) / 4))
        if halvings < 2 or 4 * 2**halvings != side:
            raise Problem(f"No discriminator reads images of {side} pixels. Give a power of two, 16 or more.")
        channels = [width * 2**level for level in range(halvings)]
        last = min(channels[-1], 8 * width)
        back = [width * 2**level for level in range(halvings - 1, 2, -1)] or [last]
        self.features = nn.Sequential(
            smaller(3, width, norm=False),
            *(smaller(*pair) for pair in pairwise(channels)),
            *(narrower(*pair) for pair in pairwise(back)),
        )
        self.alone = nn.Conv2d(last, 1, 4, 4)
        self.join, self.beside = narrower(last + text_width, last), nn.Conv2d(last, 1, 4, 4)

    def forward(self, pixels: Float[Tensor, "b 3 s s"], sentence: Float[Tensor, "b e"]) -> Verdict:
        return self.judge(self.features(pixels), sentence)

    def judge(self, features: Float[Tensor, "b c 4 4"], sentence: Float[Tensor, "b e"]) -> Verdict:
        """Both heads on features that are there."""
        joint = self.joint(features, sentence)
        return Verdict(self.alone(features).flatten(), joint)

    def joint(self, features: Float[Tensor, "b c 4 4"], sentence: Float[Tensor, "b e"]) -> Float[Tensor, " b"]:
        """The head that reads a sentence, at every place."""
        tiled = sentence[:, :, None, None].expand(-1, -1, *features.shape[2:])
        return self.beside(self.join(torch.cat([features, tiled], 1))).flatten()
