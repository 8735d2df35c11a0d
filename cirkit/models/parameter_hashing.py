"""Parameter hashing: the sentence writes a short vector, and a fixed hash spreads it over a layer's weight matrix.

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
    """W(sentence) x + b, where W at (row, column) is sign(row, column) · candidate[hash(row, column)].

    The candidates are a linear layer of the sentence; b belongs to the layer and is the same for all sentences.
    """

    def __init__(self, width: int, words: int, *, candidates: int = 1024):
        super().__init__()
        self.predict = nn.Linear(words, candidates)
        self.bias = nn.Parameter(torch.zeros(width))
        which, sign = hashed(width, width, candidates)
        self.register_buffer("which", which, persistent=False)
        self.register_buffer("sign", sign, persistent=False)

    def matrix(self, sentence: Float[Tensor, "b e"]) -> Float[Tensor, "b row column"]:
        """The weights that each sentence writes."""
        # candidates first: gathering whole rows (b numbers each) has a much faster backward than gathering columns
        drawn = self.predict(sentence).mT.index_select(0, self.which.flatten())  # (row · column, b)
        return drawn.mT.unflatten(1, self.which.shape) * self.sign  # (b, row, column)

    def forward(self, picture: Float[Tensor, "b d"], sentence: Float[Tensor, "b e"]) -> Float[Tensor, "b d"]:
        return (self.matrix(sentence) @ picture[..., None])[..., 0] + self.bias


class ParameterHashing(nn.Module):
    """The pooled picture through a layer whose weights the sentence wrote, in place of a fully connected layer.

    `candidates` is far below the number of weights, width². A query without a sentence is its picture's own vector.
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
            raise Problem("ParameterHashing maps a picture and this query has none. Give the query an image.")
        picture = self.encode(query.image)
        return picture if query.text is None else self.fusion(picture, last_token_pool(*self.text(query.text)))
