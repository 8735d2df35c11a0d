"""Relationship: a small network looks at every pair of places together with the text, and the average decides.

Santoro et al. (2017), "A simple neural network module for relational reasoning", eq. 1; adapted to retrieval by
Vo et al. (2019), who average. A row of MAAF's Tables 1, 7 and S5.
"""

from collections.abc import Callable, Sequence

from jaxtyping import Float, UInt8
from torch import Tensor, nn

from cirkit.encoders.image import pooled, tokens
from cirkit.encoders.text import last_token_pool
from cirkit.errors import Problem
from cirkit.models.base import Cosine
from cirkit.query import Query


class Relation(nn.Module):
    """f( mean over i, j of g([x_i, x_j, t]) ), over all ordered pairs of places, a place with itself among them.

    As in Santoro et al., g has four layers, each with a ReLU, and f three. They sum over pairs and give each place its
    coordinates; Vo et al. average, and name no coordinates (convolutions with padding know where they are).
    """

    def __init__(self, width: int, words: int, *, hidden: int = 256):
        super().__init__()
        self.width = width
        self.first = nn.Linear(2 * width + words, hidden)
        self.pair = nn.Sequential(
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
        )
        self.after = nn.Sequential(
            nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, width)
        )

        # torch's default shrinks what seven layers with a ReLU pass on about fifty times, and the module hardly learns
        for linear in (self.first, *(each for each in (*self.pair, *self.after[:-1]) if isinstance(each, nn.Linear))):
            nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")

    def forward(self, places: Float[Tensor, "b p d"], text: Float[Tensor, "b e"]) -> Float[Tensor, "b d"]:
        # g's first layer is linear, so it is taken of each place and of the text, not of each pair: p, not p²
        one, other, weight = self.first.weight.split([self.width, self.width, text.shape[1]], dim=1)
        shared = (text @ weight.mT + self.first.bias)[:, None]  # (b, 1, hidden)
        pairs = (places @ one.mT + shared)[:, :, None] + (places @ other.mT)[:, None]  # (b, p, p, hidden)
        return self.after(self.pair(pairs).mean((1, 2)))


class Relationship(nn.Module):
    """The relation module on the places of the coarsest map and the state after the last word.

    Its work grows with the square of the number of places: 256 pairs on a 4 x 4 map, 2401 on 7 x 7. The default
    `hidden` is Santoro et al.'s; 64 is quick on a processor. A query without a text is its image's own vector.
    """

    def __init__(
        self,
        texts: Sequence[str],
        *,
        image: Callable[[], nn.Module],
        text: Callable[[Sequence[str]], nn.Module],
        hidden: int = 256,
    ):
        super().__init__()
        self.image, self.text = image(), text(texts)
        self.fusion = Relation(self.image.width, self.text.width, hidden=hidden)
        self.score = Cosine(4.0)

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        return pooled(self.image(images))

    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        if query.image is None:
            raise Problem("Relationship relates places of an image and this query has none. Give the query an image.")
        maps = self.image(query.image)
        return (
            pooled(maps)
            if query.text is None
            else self.fusion(tokens(maps)[-1], last_token_pool(*self.text(query.text)))
        )
