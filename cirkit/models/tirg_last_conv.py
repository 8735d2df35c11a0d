"""TIRG on the last convolution: the gate and the residual act on every place of the map, before it is pooled.

Vo et al. (2019); the `TIRGLastConv` of their released code, which its instructions train on CSS.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from cirkit.encoders.text import last_token_pool
from cirkit.errors import Problem
from cirkit.models.base import Cosine
from cirkit.query import Query


def unprojected(channels: int, width: int) -> nn.Module:
    """The `project` of an image encoder that leaves its last map as it is, the released code's "last convolution"."""
    if channels != width:
        raise Problem(f"The last map has {channels} channels, not {width}. Give the image encoder width={channels}.")
    return nn.Identity()


class GatedResidualMap(nn.Module):
    """a₀ · sigmoid(gate(z)) ⊙ x + a₁ · residual(z), where z is the map x with the text at every place.

    Both networks are norm, 3x3 convolution, ReLU, 3x3 convolution. The released code starts a at (1, 10, 1, 1) and
    uses the first two; here there are two.
    """

    def __init__(self, width: int, words: int):
        super().__init__()
        self.balance = nn.Parameter(torch.tensor([1.0, 10.0]))
        both = width + words
        self.residual, self.gate = (
            nn.Sequential(  # released code: a ReLU after the norm in TIRG on vectors, none here
                nn.BatchNorm2d(both),
                nn.Conv2d(both, both, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(both, width, 3, padding=1),
            )
            for _ in range(2)
        )

    def forward(self, map: Float[Tensor, "b d h w"], text: Float[Tensor, "b e"]) -> Float[Tensor, "b d h w"]:
        everywhere = text[..., None, None].expand(-1, -1, *map.shape[2:])  # (b, e, h, w)
        both = torch.cat([map, everywhere], dim=1)  # (b, d + e, h, w)
        return self.balance[0] * self.gate(both).sigmoid() * map + self.balance[1] * self.residual(both)


class TIRGLastConv(nn.Module):
    """Text-image residual gating on the coarsest map, then the average over places and a linear layer for all images.

    The embedding is as wide as the words. In the released code the map is the network's own last one: give the image
    encoder `project=unprojected`. A query without a text is its image's own vector.
    """

    def __init__(
        self, texts: Sequence[str], *, image: Callable[[], nn.Module], text: Callable[[Sequence[str]], nn.Module]
    ):
        super().__init__()
        self.image, self.text = image(), text(texts)
        self.fusion = GatedResidualMap(self.image.width, self.text.width)
        self.after = nn.Linear(self.image.width, self.text.width)
        self.score = Cosine(4.0)

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b e"]:
        return self.after(self.image(images)[-1].mean((2, 3)))

    def compose(self, query: Query) -> Float[Tensor, "b e"]:
        if query.image is None:
            raise Problem("TIRGLastConv changes an image and this query has none. Give the query an image.")
        map = self.image(query.image)[-1]
        if query.text is not None:
            map = self.fusion(map, last_token_pool(*self.text(query.text)))
        return self.after(map.mean((2, 3)))
