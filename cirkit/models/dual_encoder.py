"""A CLIP as a retriever: images and texts in one space, each a query, each a gallery item.

Radford et al. (2021), §2.3: cosines over a learned temperature, which begins at 0.07.
"""

from collections.abc import Callable, Sequence

from jaxtyping import Float, UInt8
from torch import Tensor, nn

from cirkit.errors import Problem
from cirkit.models.base import Cosine
from cirkit.query import Query

START = 0.07**-0.5  # of Cosine's scale, whose square divides by the temperature


class DualEncoder(nn.Module):
    """Both towers learn. A query has either an image or a text; a gallery may be of images or of texts."""

    def __init__(self, texts: Sequence[str], *, clip: Callable[[], nn.Module]):
        super().__init__()
        self.clip = clip()
        self.score = Cosine(START)  # released code: bounds the logits' scale by 100

    def encode(self, items: UInt8[Tensor, "b 3 h w"] | Sequence[str]) -> Float[Tensor, "b d"]:
        return self.clip.image(items) if isinstance(items, Tensor) else self.clip.text(items)

    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        if (query.image is None) == (query.text is None):
            raise Problem("A CLIP reads an image or a text, not both together. Give the query one of them.")
        return self.encode(query.text if query.image is None else query.image)
