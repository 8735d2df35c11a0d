"""Show and Tell: an LSTM reads the image as if it were the first word, then the text.

Vinyals et al. (2015), "Show and Tell", turned from writing to reading by Vo et al. (2019): the LSTM's final state is
the query. A row of MAAF's Table 1.
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


class ShowAndTell(nn.Module):
    """One LSTM over [image, word 1, ..., word t]; the query is its state after the last word.

    `text` gives word vectors, as `cirkit.encoders.text.Embedding` does; the LSTM is the model's own. A query without
    a text is its image's own vector.
    """

    def __init__(
        self, texts: Sequence[str], *, image: Callable[[], nn.Module], text: Callable[[Sequence[str]], nn.Module]
    ):
        super().__init__()
        self.image, self.text = image(), text(texts)
        if self.image.width != self.text.width:
            raise Problem(f"Images are {self.image.width} wide and words {self.text.width}. Give both the same width.")
        self.reader = nn.LSTM(self.text.width, self.image.width, batch_first=True)
        self.score = Cosine(4.0)

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        return pooled(self.image(images))

    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        if query.image is None:
            raise Problem("ShowAndTell reads an image first and this query has none. Give the query an image.")
        image = self.encode(query.image)
        if query.text is None:
            return image
        words, mask = self.text(query.text)
        states, _ = self.reader(torch.cat([image[:, None], words], dim=1))  # (b, 1 + t, d)
        return last_token_pool(states[:, 1:], mask)
