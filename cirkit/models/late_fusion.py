"""Late fusion: a query's image and text each score the gallery by a frozen CLIP, and the two scores are joined.

Psomas et al. 2025 (i-CIR), its baselines image, text, sum and product; no weight is learned.
"""

from collections.abc import Callable, Sequence

from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import normalize

from cirkit.errors import Problem
from cirkit.query import Query

Scores = Float[Tensor, "q n"]


def image_alone(image: Scores, text: Scores) -> Scores:
    """The text is not read."""
    return image


def text_alone(image: Scores, text: Scores) -> Scores:
    """The image is not seen."""
    return text


def total(image: Scores, text: Scores) -> Scores:
    """The sum of the two cosines: what the normalised sum of unit vectors ranks by, too."""
    return image + text


def product(image: Scores, text: Scores) -> Scores:
    """Both must be like the item: the product of the two cosines, negative ones taken for none."""
    return image.clamp(min=0) * text.clamp(min=0)


class LateFusion(nn.Module):
    """Two cosines to every gallery item, joined by `fuse`. A query needs both its image and its text."""

    def __init__(
        self,
        texts: Sequence[str],
        *,
        clip: Callable[[], nn.Module],
        fuse: Callable[[Scores, Scores], Scores] = product,
    ):
        super().__init__()
        self.clip = clip().requires_grad_(False)
        self.fuse = fuse

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        return normalize(self.clip.image(images), dim=-1)

    def compose(self, query: Query) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b d"]]:
        """Unit vectors of the image and of the text."""
        if query.image is None or query.text is None:
            raise Problem("Late fusion scores an image and a text. Give the query both.")
        return self.encode(query.image), normalize(self.clip.text(query.text), dim=-1)

    def score(
        self, composed: tuple[Float[Tensor, "q d"], Float[Tensor, "q d"]], gallery: Float[Tensor, "n d"]
    ) -> Float[Tensor, "q n"]:
        image, text = composed
        return self.fuse(image @ gallery.mT, text @ gallery.mT)
