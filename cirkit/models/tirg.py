"""TIRG: the image's own vector, gated by the text, plus a residual the text writes.

Vo et al. (2019), "Composing Text and Image for Image Retrieval"; MAAF's main baseline (its Tables 1, 3, 6, 7).
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from cirkit.encoders.image import pooled
from cirkit.encoders.text import last_token_pool
from cirkit.errors import Problem
from cirkit.models.base import Cosine
from cirkit.query import Query


class GatedResidual(nn.Module):
    """a₀ · sigmoid(gate(x, t)) ⊙ x + a₁ · residual(x, t), both small networks of the joined vectors.

    The released code starts a at (1, 10, 1, 1) and uses the first two; here there are two.
    """

    def __init__(self, width: int):
        super().__init__()
        self.balance = nn.Parameter(torch.tensor([1.0, 10.0]))
        self.gate = nn.Sequential(nn.BatchNorm1d(2 * width), nn.ReLU(), nn.Linear(2 * width, width))
        self.residual = nn.Sequential(
            nn.BatchNorm1d(2 * width),
            nn.ReLU(),
            nn.Linear(2 * width, 2 * width),
            nn.ReLU(),
            nn.Linear(2 * width, width),
        )

    def forward(self, image: Float[Tensor, "b d"], text: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        both = torch.cat([image, text], dim=1)  # (b, 2d)
        return self.balance[0] * self.gate(both).sigmoid() * image + self.balance[1] * self.residual(both)


class TIRG(nn.Module):
    """Text-image residual gating on the pooled image and the state after the last word.

    A query without a text is its image's own vector.
    """

    def __init__(
        self, texts: Sequence[str], *, image: Callable[[], nn.Module], text: Callable[[Sequence[str]], nn.Module]
    ):
        super().__init__()
        self.image, self.text = image(), text(texts)
        if self.image.width != self.text.width:
            raise Problem(f"Images are {self.image.width} wide and words {self.text.width}. Give both the same width.")
        self.fusion = GatedResidual(self.image.width)
        self.score = Cosine(4.0)

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        return pooled(self.image(images))

    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        if query.image is None:
            raise Problem("TIRG changes an image and this query has none. Give the query an image.")
        image = self.encode(query.image)
        return image if query.text is None else self.fusion(image, last_token_pool(*self.text(query.text)))
