"""OTI: one image's pseudo-word found by optimisation, so that prompts with it read as CLIP sees the image.

Baldrati et al. (2023), §3.1: the teacher of SEARLE's φ, and a retriever of its own (SEARLE-OTI, CompoDiff's Table 3).
The templates are those of PALAVRA (Cohen et al., 2022).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from cirkit.encoders.clip import Clip
from cirkit.examples import Captions
from cirkit.models.base import Cosine
from cirkit.models.concept_phrases import Phrases, nearest_concepts, pick
from cirkit.models.searle import PROMPT
from cirkit.models.textual_inversion import Prompts, read, reference
from cirkit.query import Query

SEEN = ("photo", "image", "illustration")
MEDIA = ("a photo", "an illustration", "a sketch", "a diagram")
TEMPLATES = (
    *(f"This is {medium} of a $" for medium in MEDIA),
    *(f"This {medium.split()[1]} contains a $" for medium in MEDIA),
    *(f"{medium.capitalize()} of a $" for medium in MEDIA),
    *("A $", "We see a $", "$"),
    *(f"We see a $ in this {noun}" for noun in SEEN),
    *(f"We see a $ {noun}" for noun in SEEN),
    *(f"$ {noun}" for noun in SEEN),
)


@dataclass(frozen=True, kw_only=True)
class optimise:
    """A feature of each image to its pseudo-word: AdamW on a word, the mean of its path (exponential) is the result.

    L = (1 - cos(text(template with the word), image)) + weight · (1 - cos(text(phrase with the word), text(phrase))),
    a template and a phrase of one of the image's `near` concepts drawn at each step. Nothing is drawn by row, and the
    loss is a sum over rows, so that a word does not depend on the batch that it is found in.
    """

    # released code: a start and a template drawn for each image, half precision, the loss over 1.5; AdamW sees no scale
    phrases: Phrases
    templates: tuple[str, ...] = TEMPLATES
    steps: int = 350
    lr: float = 2e-2
    weight_decay: float = 1e-2
    decay: float = 0.99
    std: float = 0.02  # of the word that it starts from
    weight: float = 0.5
    near: int = 15
    seed: int = 0

    def __call__(self, clip: Clip, image: Float[Tensor, "b d"]) -> Float[Tensor, "b 1 c"]:
        generator = torch.Generator().manual_seed(self.seed)
        image = image.detach()
        start = self.std * torch.randn(1, 1, clip.word_width, generator=generator)
        word = start.to(image).repeat(len(image), 1, 1).requires_grad_()
        mean = word.detach().clone()
        optimiser = torch.optim.AdamW([word], lr=self.lr, weight_decay=self.weight_decay)
        concepts = nearest_concepts(clip, image, self.phrases, self.near)
        for _ in range(self.steps):
            template, concept, phrase = torch.rand(3, generator=generator)
            texts, masked = pick(self.phrases, concepts, concept.expand(len(image)), phrase.expand(len(image)))
            prompts = [self.templates[int(template * len(self.templates))]] * len(image)
            with torch.no_grad():
                spoken = clip.text(texts)
            with torch.enable_grad():
                like_image = cosine_similarity(clip.text_with(prompts, word), image)
                like_phrase = cosine_similarity(clip.text_with(masked, word), spoken)
                loss = (1 - like_image).sum() + self.weight * (1 - like_phrase).sum()
            (word.grad,) = torch.autograd.grad(loss, word)
            optimiser.step()
            mean.lerp_(word.detach(), 1 - self.decay)
        return mean


class OTI(nn.Module):
    """The retriever that optimises a word for every query's image; nothing of it is trained.

    A query without a text is the prompt `a photo of $`.
    """

    def __init__(self, texts: Sequence[str], *, clip: Callable[[], Clip], invert: optimise, prompt: Prompts = PROMPT):
        super().__init__()
        self.clip = clip().requires_grad_(False).eval()
        self.invert, self.prompt = invert, prompt
        self.score = Cosine(10.0).requires_grad_(False)

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        return self.clip.image(images)

    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        word = self.invert(self.clip, self.clip.image(reference(query)))
        return read(self.clip, self.prompt, query.text, word)


@dataclass(frozen=True)
class inversions:
    """What SEARLE's φ learns from, of a batch with images: their features, words, and `near` concepts each.

    The `encode` of `CachedFeatures` with an `OTI`, so that each image is inverted once.
    """

    near: int = 150

    def __call__(self, model: OTI, batch: Captions) -> dict[str, Tensor]:
        image = model.clip.image(batch.image)
        concepts = nearest_concepts(model.clip, image, model.invert.phrases, self.near)
        return {"image": image, "word": model.invert(model.clip, image), "concepts": concepts}
