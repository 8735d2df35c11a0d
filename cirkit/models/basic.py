"""BASIC: composition without training, in which an item must be like the query's image and like its text.

Psomas et al. 2025 (i-CIR), repository billpsomas/icir, utils_retrieval.py: features are centred, the image's projected
on what subjects vary in and styles do not, and the two similarities scaled, multiplied, and kept in balance as Harris
keeps the gradients at a corner. Test with `cirkit.evaluators.expansion.rank_expanded`, which adds the neighbours.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import normalize

from cirkit.errors import Problem
from cirkit.query import Images, Query, all_rows

CHUNK = 256  # images or texts that a tower reads at a time
TEMPERATURE = 0.1  # of the neighbours' weights


def subject_projection(
    subjects: Float[Tensor, "s d"], styles: Float[Tensor, "t d"], *, styles_weight: float, components: int
) -> Float[Tensor, "d d"]:
    """The projection on the directions of most contrast: the subjects' scatter less the styles', both centred.

    Of the eigenvectors the `components` with the largest eigenvalues are taken, none whose eigenvalue is not positive.
    """
    ours, theirs = (each.mT @ each / (len(each) - 1) for each in (subjects, styles))
    # released code: 1e-5 is added to every entry, where on the diagonal alone it would leave the eigenvectors alone
    values, vectors = torch.linalg.eigh((1 - styles_weight) * ours - styles_weight * theirs + 1e-5)
    count = min(components, int((values > 0).sum()))
    vectors = vectors[:, len(values) - count :]
    return vectors @ vectors.mT


class Statistics(nn.Module):
    """What BASIC knows beforehand, all from unit vectors: means, the projection, and the least similarities.

    `mean` is that of images at large, and the centre of texts is the subjects' mean. The least similarities are those
    of `images` with each other and of `texts` with `images`.
    """

    def __init__(
        self,
        *,
        mean: Float[Tensor, " d"],
        images: Float[Tensor, "n d"],
        texts: Float[Tensor, "m d"],
        subjects: Float[Tensor, "s d"],
        styles: Float[Tensor, "t d"],
        styles_weight: float = 0.2,
        components: int = 250,
    ):
        super().__init__()
        centre = subjects.mean(0)
        projection = subject_projection(
            subjects - centre, styles - centre, styles_weight=styles_weight, components=components
        )
        sample = images - mean
        self.register_buffer("image_mean", mean)
        self.register_buffer("text_mean", centre)
        self.register_buffer("projection", projection)
        self.register_buffer("image_least", (sample @ sample.mT).min())
        self.register_buffer("text_least", ((texts - centre) @ sample.mT).min())


class Basic(nn.Module):
    """BASIC on any CLIP. `subjects` and `styles` are words or phrases, `images` and `captions` a sample of the world.

    The paper's: 1,840 names of objects, 999 styles, the mean of a million images of LAION, and images that a diffusion
    model made of texts. `context` subjects are put before and after a query's text, and the encodings averaged.
    """

    def __init__(
        self,
        texts: Sequence[str],
        *,
        clip: Callable[[], nn.Module],
        subjects: Sequence[str],
        styles: Sequence[str],
        images: Callable[[], Images],
        captions: Sequence[str],
        styles_weight: float = 0.2,
        components: int = 250,
        balance: float = 0.1,
        context: int = 100,
    ):
        super().__init__()
        self.clip = clip().eval().requires_grad_(False)
        sample = images()
        with torch.no_grad():
            seen = torch.cat([self._image(sample[rows]) for rows in all_rows(sample).split(CHUNK)])
            self.statistics = Statistics(
                mean=seen.mean(0),
                images=seen,
                texts=self._text(captions),
                subjects=self._text(subjects),
                styles=self._text(styles),
                styles_weight=styles_weight,
                components=components,
            )
        self.balance = balance
        self.context = tuple(subjects[:context])  # released code: its hundred begin with the header of the file

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        return self._image(images) - self.statistics.image_mean

    def compose(self, query: Query) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b d"]]:
        """The image and the text, both centred."""
        if query.image is None or query.text is None:
            raise Problem("BASIC scores an image and a text. Give the query both.")
        texts = [self._in_context(text) for text in query.text] if self.context else self._text(query.text)
        texts = torch.stack(texts) if self.context else texts
        return self.encode(query.image), texts - self.statistics.text_mean

    def score(
        self, composed: tuple[Float[Tensor, "q d"], Float[Tensor, "q d"]], gallery: Float[Tensor, "n d"]
    ) -> Float[Tensor, "q n"]:
        return score(self.statistics, composed, gallery, self.balance)

    def similarity(
        self, composed: tuple[Float[Tensor, "q d"], Float[Tensor, "q d"]], gallery: Float[Tensor, "n d"]
    ) -> Float[Tensor, "q n"]:
        """By the image alone, projected: what neighbours are chosen by."""
        return composed[0] @ self.statistics.projection @ gallery.mT

    def expand(
        self,
        composed: tuple[Float[Tensor, "q d"], Float[Tensor, "q d"]],
        neighbours: Float[Tensor, "q k d"],
        similarity: Float[Tensor, "q k"],
    ) -> tuple[Float[Tensor, "q d"], Float[Tensor, "q d"]]:
        """The query with its image replaced by a mean of itself and its neighbours; -inf leaves a neighbour out."""
        return expand(composed[0], neighbours, similarity), composed[1]

    def _image(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        return normalize(self.clip.image(images), dim=-1)

    def _text(self, texts: Sequence[str]) -> Float[Tensor, "b d"]:
        parts = [list(texts[start : start + CHUNK]) for start in range(0, len(texts), CHUNK)]
        return torch.cat([normalize(self.clip.text(part), dim=-1) for part in parts])

    def _in_context(self, text: str) -> Float[Tensor, " d"]:
        around = [f"{word} {text}" for word in self.context] + [f"{text} {word}" for word in self.context]
        return normalize(self._text(around).mean(0), dim=-1)


def expand(
    image: Float[Tensor, "q d"], neighbours: Float[Tensor, "q k d"], similarity: Float[Tensor, "q k"]
) -> Float[Tensor, "q d"]:
    """The mean of an image and its neighbours, weighted by the softmax of a tenth of their similarity, its own 1."""
    own = similarity.new_ones(len(similarity), 1)
    weights = (TEMPERATURE * torch.cat([similarity, own], 1)).softmax(1)
    return (weights[:, None] @ torch.cat([neighbours, image[:, None]], 1))[:, 0]


def score(
    statistics: Statistics,
    composed: tuple[Float[Tensor, "q d"], Float[Tensor, "q d"]],
    gallery: Float[Tensor, "n d"],
    balance: float,
) -> Float[Tensor, "q n"]:
    """Product of both similarities, each scaled from its least and not below zero, less `balance` · their sum²."""
    image = composed[0] @ statistics.projection @ gallery.mT
    text = composed[1] @ gallery.mT
    # released code: the text's, too, is divided by the least similarity of the images
    unit = statistics.image_least.abs()
    image = ((image - statistics.image_least) / unit).clamp(min=0)
    text = ((text - statistics.text_least) / unit).clamp(min=0)
    return text * image - balance * (text + image) ** 2
