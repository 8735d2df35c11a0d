"""How φ learns to make words: from images alone (Pic2Word), from found words (SEARLE), from texts alone (LinCIR).

Saito et al. (2023), §3.2; Baldrati et al. (2023), §3.2; Gu et al. (2024), §3. The images' features come computed
(`CachedFeatures`), so that only the frozen text tower runs, with its gradient.
"""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cosine_similarity, mse_loss, normalize

from cirkit.examples import Captions, Features
from cirkit.losses.contrastive import nt_xent, symmetric_softmax
from cirkit.models.concept_phrases import Phrases, pick
from cirkit.models.lincir import Noise, keyword_mask, scaled_gaussian
from cirkit.models.textual_inversion import TextualInversion, read
from cirkit.training.distributed import gather
from cirkit.training.objectives import Loss


@dataclass(frozen=True)
class cycle_contrast:
    """Pic2Word: `a photo of $` with φ of an image against all images of the batch; the batch has features `image`.

    With `Triplets` whose query is the target image alone, `ranking(symmetric_softmax)` is the same.
    """

    loss: Loss = symmetric_softmax

    def __call__(self, model: TextualInversion, batch: Features) -> Float[Tensor, ""]:
        image = batch.tensors["image"]
        composed = gather(read(model.clip, model.prompt, None, model.phi(image)))
        return self.loss(model.score(composed, gather(image)))


@dataclass(frozen=True, kw_only=True)
class distillation:
    """SEARLE: φ of an image against the words found for all images, and phrases that read alike with it.

    The batch has features `image`, `word` and `concepts` (`cirkit.models.oti.inversions`); for each row a phrase of one
    of its concepts is drawn.
    """

    phrases: Phrases
    loss: Loss = field(default_factory=nt_xent)
    weight: float = 0.75  # of the phrases

    def __call__(self, model: TextualInversion, batch: Features) -> Float[Tensor, ""]:
        word = model.phi(batch.tensors["image"])  # (b, 1, c)
        views = normalize(torch.cat([gather(batch.tensors["word"]), gather(word)]).squeeze(1), dim=-1)
        texts, masked = pick(self.phrases, batch.tensors["concepts"], *torch.rand(2, len(word)))
        with torch.no_grad():
            spoken = model.clip.text(texts)
        alike = cosine_similarity(model.clip.text_with(masked, word), spoken)
        return self.loss(views @ views.mT) + self.weight * (1 - alike).mean()


@dataclass(frozen=True, kw_only=True)
class self_masking:
    """LinCIR: a caption whose keywords give way to φ of the caption's own feature, with noise, reads as the caption.

    The mean squared difference of the two vectors, not normalised; every keyword of a caption becomes the same word.
    """

    mask: keyword_mask
    noise: Noise = scaled_gaussian

    def __call__(self, model: TextualInversion, batch: Captions) -> Float[Tensor, ""]:
        captions, masked = zip(*map(self.mask, batch.text), strict=True)
        with torch.no_grad():
            spoken = model.clip.text(captions)
        word = model.phi(spoken + self.noise(spoken))
        return mse_loss(model.clip.text_with(masked, word), spoken)
