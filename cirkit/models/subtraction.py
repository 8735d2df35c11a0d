"""The sum of a query's CLIP vectors less that of what it does not want: what photo tools do with a negative text.

No paper; the rival that CompoDiff's negative texts (Gu et al. 2024, §3.3) are measured against.
"""

from collections.abc import Callable, Sequence

from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import normalize

from cirkit.errors import Problem
from cirkit.models.base import Cosine
from cirkit.query import Query


class Subtraction(nn.Module):
    """image + text − weight · negative text, of unit vectors; a query without a negative text is the plain sum."""

    def __init__(self, texts: Sequence[str], *, clip: Callable[[], nn.Module], weight: float = 1.0):
        super().__init__()
        self.clip = clip().requires_grad_(False)
        self.weight = weight
        self.score = Cosine(10.0).requires_grad_(False)

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        return normalize(self.clip.image(images), dim=-1)

    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        if query.image is None or query.text is None:
            raise Problem("Subtraction needs an image and a text. Give the query both.")
        both = self.encode(query.image) + normalize(self.clip.text(query.text), dim=-1)
        return both if query.avoid is None else both - self.weight * normalize(self.clip.text(query.avoid), dim=-1)
