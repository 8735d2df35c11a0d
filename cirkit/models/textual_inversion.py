"""Textual inversion: an image becomes a pseudo-word, which a frozen CLIP reads inside a prompt.

Pic2Word (Saito et al., 2023), SEARLE (Baldrati et al., 2023) and LinCIR (Gu et al., 2024) share this retriever; they
differ in the network φ, in how it is trained, and in the prompts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import normalize

from cirkit.encoders.clip import PLACEHOLDER, Clip
from cirkit.errors import Problem
from cirkit.models.base import Cosine
from cirkit.query import Query

Prompts = Callable[[str | None], tuple[str, ...]]  # a query's text -> the prompts whose vectors are averaged


@dataclass(frozen=True)
class Prompt:
    """One prompt: `composed` for a query with a text, `alone` for one without.

    Raises Problem where the placeholder does not stand between spaces: CLIP's tokeniser glues it to punctuation.
    """

    composed: str = "a photo of $ that {text}"
    alone: str = "a photo of $"

    def __post_init__(self) -> None:
        for each in (self.composed, self.alone):
            if each.count(PLACEHOLDER) != 1 or PLACEHOLDER not in each.split():
                raise Problem(f"The prompt {each!r} needs one placeholder $ between spaces. Write it 'a photo of $'.")
        if self.composed.count("{text}") != 1:
            raise Problem(f"The prompt {self.composed!r} has no place for the text. Write {{text}} where it belongs.")

    def __call__(self, text: str | None) -> tuple[str, ...]:
        """The prompt around `text`, whose own $ (a price) are left out."""
        if text is None:
            return (self.alone,)
        return (self.composed.replace("{text}", text.replace(PLACEHOLDER, " ")),)


@dataclass(frozen=True)
class each_order:
    """The captions of a text, one a line, joined in their order and in reverse: two prompts, averaged.

    How SEARLE and LinCIR read the two captions of FashionIQ.
    """

    prompt: Prompt = Prompt()
    between: str = " and "

    def __call__(self, text: str | None) -> tuple[str, ...]:
        lines = [] if text is None else text.split("\n")
        if len(lines) < 2:
            return self.prompt(text)
        return self.prompt(self.between.join(lines)) + self.prompt(self.between.join(reversed(lines)))


@dataclass(frozen=True)
class ready:
    """Texts that are prompts already, as Pic2Word's protocol of FashionIQ makes them: `a photo of * , ...`.

    `mark` becomes the placeholder. Raises Problem for a text without it.
    """

    mark: str = "*"
    alone: str = "a photo of $"

    def __call__(self, text: str | None) -> tuple[str, ...]:
        if text is None:
            return (self.alone,)
        words = text.replace(PLACEHOLDER, " ").split()
        if self.mark not in words:
            raise Problem(f"The text {text!r} is no prompt with {self.mark}. Use a Prompt, which writes one around it.")
        words[words.index(self.mark)] = PLACEHOLDER
        return (" ".join(words),)


def read(
    clip: Clip, prompt: Prompts, texts: Sequence[str] | None, words: Float[Tensor, "b k c"]
) -> Float[Tensor, "b d"]:
    """Unit vectors of the prompts around each row's pseudo-words; several prompts of a row are averaged as units."""
    rows = [prompt(None if texts is None else texts[row]) for row in range(len(words))]
    owner = torch.tensor([row for row, mine in enumerate(rows) for _ in mine], device=words.device)
    vectors = normalize(clip.text_with([each for mine in rows for each in mine], words[owner]), dim=-1)
    return normalize(vectors.new_zeros(len(words), vectors.shape[1]).index_add(0, owner, vectors), dim=-1)


class Phi(nn.Module):
    """φ: a feature of CLIP to the embedding of one pseudo-word, by three linear layers."""

    def __init__(self, width: int, word_width: int, *, hidden: int, dropout: float, activation: type[nn.Module]):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(width, hidden),
            activation(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            activation(),
            nn.Dropout(dropout),
            nn.Linear(hidden, word_width),
        )

    def forward(self, features: Float[Tensor, "b d"]) -> Float[Tensor, "b 1 c"]:
        """Features as CLIP gives them, not normalised; words as its text tower reads them."""
        return self.layers(features)[:, None]


class TextualInversion(nn.Module):
    """The retriever: φ(image) in a prompt against images; CLIP is frozen, φ learns.

    A query without a text is the prompt `a photo of $`.
    """

    def __init__(self, clip: Clip, phi: nn.Module, prompt: Prompts):
        super().__init__()
        self.clip, self.phi, self.prompt = clip.requires_grad_(False).eval(), phi, prompt
        self.score = Cosine(10.0).requires_grad_(False)  # logits of 100 · cosine, where CLIP bounds its own scale

    def train(self, mode: bool = True) -> "TextualInversion":
        """CLIP stays as in evaluation."""
        super().train(mode)
        self.clip.eval()
        return self

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        return self.clip.image(images)

    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        return read(self.clip, self.prompt, query.text, self.phi(self.clip.image(reference(query))))


def reference(query: Query) -> UInt8[Tensor, "b 3 h w"]:
    """The images that are inverted. Raises Problem for a query without any."""
    if query.image is None:
        raise Problem("Textual inversion turns an image into a word and this query has none. Give the query an image.")
    return query.image
