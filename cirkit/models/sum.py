"""Sum: the image's vector plus the text's, the least a query of two parts can be.

MAAF's released code calls it `Addition`; the cosine that follows makes the sum an average.
"""

from collections.abc import Callable, Sequence

from jaxtyping import Float, UInt8
from torch import Tensor, nn

from cirkit.encoders.image import pooled
from cirkit.encoders.text import last_token_pool
from cirkit.errors import Problem
from cirkit.models.base import Cosine
from cirkit.query import Query


class Sum(nn.Module):
    """The pooled image plus the state after the last word; nothing is learned but the two encoders.

    A query without a text is its image's own vector.
    """

    def __init__(
        self, texts: Sequence[str], *, image: Callable[[], nn.Module], text: Callable[[Sequence[str]], nn.Module]
    ):
        super().__init__()
        self.image, self.text = image(), text(texts)
        if self.image.width != self.text.width:
            raise Problem(f"Images are {self.image.width} wide and words {self.text.width}. Give both the same width.")
        self.score = Cosine(4.0)

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        return pooled(self.image(images))

    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        if query.image is None:
            raise Problem("Sum adds a text to an image and this query has none. Give the query an image.")
        image = self.encode(query.image)
        return image if query.text is None else image + last_token_pool(*self.text(query.text))
