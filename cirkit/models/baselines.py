"""The baselines of Table 6: the image alone, the text alone, and both through a small network.

Vo et al. (2019) §4; MAAF (2020) Table 6. All compare by cosine, like the models they are a yardstick for.
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


class ImageOnly(nn.Module):
    """The query is its image; the text is not read."""

    def __init__(self, texts: Sequence[str], *, image: Callable[[], nn.Module]):
        super().__init__()
        self.image = image()
        self.score = Cosine(4.0)

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        return pooled(self.image(images))

    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        if query.image is None:
            raise Problem("ImageOnly reads an image and this query has none. Give the query an image.")
        return self.encode(query.image)


class TextOnly(nn.Module):
    """The query is the state after its text's last word; the image is not seen."""

    def __init__(
        self, texts: Sequence[str], *, image: Callable[[], nn.Module], text: Callable[[Sequence[str]], nn.Module]
    ):
        super().__init__()
        self.image, self.text = image(), text(texts)
        self.score = Cosine(4.0)

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        return pooled(self.image(images))

    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        if query.text is None:
            raise Problem("TextOnly reads a text and this query has none. Give the query a text.")
        return last_token_pool(*self.text(query.text))


class Concatenation(nn.Module):
    """Image and text side by side through two hidden steps; TIRG's released `Concat`."""

    def __init__(
        self,
        texts: Sequence[str],
        *,
        image: Callable[[], nn.Module],
        text: Callable[[Sequence[str]], nn.Module],
        dropout: float = 0.1,
    ):
        super().__init__()
        self.image, self.text = image(), text(texts)
        both = self.image.width + self.text.width
        self.fusion = nn.Sequential(
            nn.BatchNorm1d(both),
            nn.ReLU(),
            nn.Linear(both, both),
            nn.BatchNorm1d(both),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(both, self.image.width),
        )
        self.score = Cosine(4.0)

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        return pooled(self.image(images))

    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        if query.image is None:
            raise Problem("Concatenation reads an image and this query has none. Give the query an image.")
        image = self.encode(query.image)
        if query.text is None:
            return image
        return self.fusion(torch.cat([image, last_token_pool(*self.text(query.text))], dim=1))
