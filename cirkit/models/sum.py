"""Sum: the image's vector plus the text's, the least a query of two parts can be.

MAAF's released code calls it `Addition`; the cosine that follows makes the sum an average. Over a CLIP nothing is
trained: "image + text", the zero-shot baseline of Pic2Word, SEARLE and CompoDiff.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import normalize

from cirkit.encoders.clip import Clip
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


def unit(vectors: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
    """Of length one, so that image and text weigh alike: Pic2Word's and CompoDiff's sum."""
    return normalize(vectors, dim=-1)


def as_encoded(vectors: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
    """As the towers gave them; lengths differ between images and texts, and weigh them. CLIP4Cir's sum."""
    return vectors


class ClipSum(nn.Module):
    """A CLIP's image vector plus its text vector, each through `addend` first; nothing learns.

    A query of one part alone is that part's vector.
    """

    def __init__(self, texts: Sequence[str], *, clip: Callable[[], Clip], addend: Callable[[Tensor], Tensor] = unit):
        super().__init__()
        self.clip, self.addend = clip().requires_grad_(False).eval(), addend
        self.score = Cosine(1.0)

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        return unit(self.clip.image(images))

    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        if query.avoid is not None or query.mask is not None:
            raise Problem("A CLIP's sum knows no negative text and no mask. Leave them out, or use CompoDiff.")
        parts = []
        if query.image is not None:
            parts.append(self.addend(self.clip.image(query.image)))
        if query.text is not None:
            parts.append(self.addend(self.clip.text(query.text)))
        return unit(torch.stack(parts).sum(0))
