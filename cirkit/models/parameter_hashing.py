"""Parameter hashing: the text writes a short vector, and a fixed hash spreads it over a layer's weight matrix.

Noh et al. (2016), "Image Question Answering using Convolutional Neural Network with Dynamic Parameter Prediction";
adapted to retrieval by Vo et al. (2019). A row of MAAF's Tables 1 and 7.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from cirkit.encoders.image import pooled
from cirkit.encoders.text import last_token_pool
from cirkit.errors import Problem
from cirkit.models.base import Cosine
from cirkit.query import Query

PRIME = 2**31 - 1


def hashed(rows: int, columns: int, size: int) -> tuple[Int[Tensor, "rows columns"], Int[Tensor, "rows columns"]]:
    """For each place of a matrix, which of `size` candidates stands there, and with which sign (+1 or -1).

    Noh et al. use xxHash; this is an integer hash of the place, the same on every machine.
    """
    place = torch.arange(1, rows * columns + 1).reshape(rows, columns)
    mixed = (place * 48271) % PRIME
    mixed = ((mixed ^ (mixed >> 15)) * 69621) % PRIME
    mixed = ((mixed ^ (mixed >> 13)) * 16807) % PRIME
    return mixed % size, 1 - 2 * (mixed // size % 2)


class HashedLayer(nn.Module):
    """W(text) x + b, where W at (row, column) is sign(row, column) · candidate[hash(row, column)].

    The candidates are a linear layer of the text; b belongs to the layer and is the same for all texts.
    """

    def __init__(self, width: int, words: int, *, candidates: int = 1024):
        super().__init__()
        self.predict = nn.Linear(words, candidates)
        self.bias = nn.Parameter(torch.zeros(width))
        which, sign = hashed(width, width, candidates)
        self.register_buffer("which", which, persistent=False)
        self.register_buffer("sign", sign, persistent=False)

    def matrix(self, text: Float[Tensor, "b e"]) -> Float[Tensor, "b row column"]:
        """The weights that each text writes."""
        # candidates first: gathering whole rows (b numbers each) has a much faster backward than gathering columns
        weights = self.predict(text).mT.index_select(0, self.which.flatten())  # (row · column, b)
        return weights.mT.unflatten(1, self.which.shape) * self.sign  # (b, row, column)

    def forward(self, image: Float[Tensor, "b d"], text: Float[Tensor, "b e"]) -> Float[Tensor, "b d"]:
        return (self.matrix(text) @ image[..., None])[..., 0] + self.bias


class ParameterHashing(nn.Module):
    """The pooled image through a layer whose weights the text wrote, in place of a fully connected layer.

    `candidates` is far below the number of weights, width². A query without a text is its image's own vector.
    """

    def __init__(
        self,
        texts: Sequence[str],
        *,
        image: Callable[[], nn.Module],
        text: Callable[[Sequence[str]], nn.Module],
        candidates: int = 1024,
    ):
        super().__init__()
        self.image, self.text = image(), text(texts)
        self.fusion = HashedLayer(self.image.width, self.text.width, candidates=candidates)
        self.score = Cosine(4.0)

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        return pooled(self.image(images))

    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        if query.image is None:
            raise Problem("ParameterHashing maps an image and this query has none. Give the query an image.")
        image = self.encode(query.image)
        return image if query.text is None else self.fusion(image, last_token_pool(*self.text(query.text)))
