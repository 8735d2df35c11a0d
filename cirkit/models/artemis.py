"""ARTEMIS: two scores guided by attention from the text, one of text and target, one of reference and target.

Delmas et al. (2022), "ARTEMIS: Attention-based Retrieval with Text-Explicit Matching and Implicit Similarity", §3; a
row of CompoDiff's Tables 3, 4, 6 and B.1 to B.4.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import normalize

from cirkit.encoders.clip import Clip
from cirkit.encoders.image import Maps, generalised_mean
from cirkit.encoders.text import final_states
from cirkit.encoders.word_vectors import Tuning, frozen, tuned
from cirkit.errors import Problem
from cirkit.query import Query

Guided = tuple[Float[Tensor, "b d"], Float[Tensor, "b d"]]  # a and w of the score ⟨a, t⟩ / |w ⊙ t| with a target t
Read = Callable[[Float[Tensor, "b t c"], Bool[Tensor, "b t"]], Float[Tensor, "b c"]]
SMALLEST = 1e-24  # of a squared length, the square of `normalize`'s own bound; released code: none, so zeros give NaN


def attention(words: int, width: int) -> nn.Module:
    """A text's weights for the channels of an image: two layers, then a softmax over all channels."""
    return nn.Sequential(nn.Linear(words, width), nn.ReLU(), nn.Linear(width, width), nn.Softmax(dim=1))


class ExplicitMatching(nn.Module):
    """EM: the cosine of the text, transformed to the images' space, and the attended target A ⊙ t."""

    def __init__(self, words: int, width: int):
        super().__init__()
        self.transform = nn.Linear(words, width)
        self.attend = attention(words, width)

    def forward(self, image: Float[Tensor, "b d"], text: Float[Tensor, "b c"]) -> Guided:
        weights = self.attend(text)
        return weights * normalize(self.transform(text), dim=1), weights


class ImplicitSimilarity(nn.Module):
    """IS: the cosine of the attended reference A ⊙ r and the attended target A ⊙ t."""

    def __init__(self, words: int, width: int):
        super().__init__()
        self.attend = attention(words, width)

    def forward(self, image: Float[Tensor, "b d"], text: Float[Tensor, "b c"]) -> Guided:
        weights = self.attend(text)
        return weights * normalize(weights * image, dim=1), weights


class ARTEMIS(nn.Module):
    """exp(temperature) · (EM + IS), of unit vectors r, m and t of the reference, the text and the target.

    A target's length under a text's attention depends on both, so no single vector stands for a query. But of each term
    ⟨p, A ⊙ t⟩ / |A ⊙ t| the numerator is ⟨A ⊙ p, t⟩ and the squared denominator ⟨A², t²⟩: a query is the vectors A ⊙ p
    and A² of each term, and all its scores are two matrix products with the gallery and with its squares.

    The image encoder gives its own channels (`unprojected`): they are pooled, then projected to `width`. `terms` are
    the parts of the score: (ExplicitMatching,) and (ImplicitSimilarity,) are rows of the paper's ablation. A first
    stage keeps the image encoder as it is with `tuning=frozen`; the batch norms of the released code go on counting. A
    query without a text scores the cosine of the two images.
    """

    def __init__(
        self,
        texts: Sequence[str],
        *,
        image: Callable[[], nn.Module],
        text: Callable[[Sequence[str]], nn.Module],
        width: int = 512,
        terms: Sequence[Callable[[int, int], nn.Module]] = (ExplicitMatching, ImplicitSimilarity),
        pool: Callable[[Maps], Float[Tensor, "b c"]] = generalised_mean,
        read: Read = final_states,
        tuning: Tuning = tuned,
        temperature: float = 2.65926,
    ):
        super().__init__()
        self.image, self.text = tuning(image()), text(texts)
        self.pool, self.read = pool, read
        self.project = nn.Linear(self.image.width, width)
        self.terms = nn.ModuleList(term(self.text.width, width) for term in terms)
        self.temperature = nn.Parameter(torch.tensor(temperature))

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        # released code: no unit vectors on CIRR; no score differs, since both terms are cosines
        return normalize(self.project(self.pool(self.image(images))), dim=1)

    def compose(self, query: Query) -> tuple[Float[Tensor, "b k d"], Float[Tensor, "b k d"]]:
        if query.image is None:
            raise Problem("ARTEMIS changes an image and this query has none. Give the query an image.")
        image = self.encode(query.image)
        if query.text is None:
            parts = image[:, None].expand(-1, len(self.terms), -1) / len(self.terms)
            return parts, torch.ones_like(parts)
        return self.guide(image, normalize(self.read(*self.text(query.text)), dim=1))

    def guide(
        self, image: Float[Tensor, "b d"], text: Float[Tensor, "b c"]
    ) -> tuple[Float[Tensor, "b k d"], Float[Tensor, "b k d"]]:
        """A ⊙ p and A² of each term, from the vectors of the reference and the text."""
        parts = [term(image, text) for term in self.terms]
        return torch.stack([a for a, _ in parts], dim=1), torch.stack([w for _, w in parts], dim=1).square()

    def score(
        self, composed: tuple[Float[Tensor, "q k d"], Float[Tensor, "q k d"]], gallery: Float[Tensor, "n d"]
    ) -> Float[Tensor, "q n"]:
        # released code: the temperature in training alone; ranks do not depend on it
        along = (self.temperature.exp() * composed[0]).flatten(0, 1) @ gallery.mT  # (q k, n)
        squares = composed[1].flatten(0, 1) @ gallery.square().mT  # (q k, n)
        cosines = along.mul_(squares.clamp_min_(SMALLEST).rsqrt_())  # in place: no third array of this size
        return cosines.unflatten(0, (-1, len(self.terms))).sum(1)


class Vectors(nn.Module):
    """In the place of an encoder whose vectors are there already; `width` is theirs."""

    def __init__(self, width: int):
        super().__init__()
        self.width = width


class ClipARTEMIS(nn.Module):
    """ARTEMIS on the two vectors of a frozen CLIP, in place of encoders of its own: only its two attentions learn.

    From features that are there, train it with the objective `ranking_features`.
    """

    def __init__(self, texts: Sequence[str], *, clip: Callable[[], Clip], width: int = 512):
        super().__init__()
        self.clip = frozen(clip())
        vectors = partial(Vectors, self.clip.width)
        self.head = ARTEMIS(texts, image=vectors, text=lambda texts: vectors(), width=width)

    def train(self, mode: bool = True) -> "ClipARTEMIS":
        """CLIP stays as in evaluation."""
        super().train(mode)
        self.clip.eval()
        return self

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        return self.clip.image(images)

    def compose(self, query: Query) -> tuple[Float[Tensor, "b k e"], Float[Tensor, "b k e"]]:
        if query.image is None or query.text is None:
            raise Problem("ARTEMIS scores an image and a text. Give the query both.")
        return self.fusion(self.encode(query.image), self.clip.text(query.text))

    def fusion(
        self, image: Float[Tensor, "b d"], text: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b k e"], Float[Tensor, "b k e"]]:
        """The query from CLIP's vectors, as ARTEMIS scores it."""
        return self.head.guide(self._project(image), normalize(text, dim=1))

    def score(
        self, composed: tuple[Float[Tensor, "q k e"], Float[Tensor, "q k e"]], gallery: Float[Tensor, "n d"]
    ) -> Float[Tensor, "q n"]:
        return self.head.score(composed, self._project(gallery))

    def _project(self, image: Float[Tensor, "b d"]) -> Float[Tensor, "b e"]:
        return normalize(self.head.project(image), dim=1)
