"""Filters: which generated triplets are kept, by the similarities that CLIP finds between their images and texts.

Gu et al. (2024), "CompoDiff", §4.4, after InstructPix2Pix (Brooks et al., 2023). All similarities are cosines.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize

from cirkit.encoders.clip import Clip
from cirkit.synthesis.base import CaptionTriplet, Pixels

Vectors = Float[Tensor, "b d"]
Direction = Callable[[Vectors, Vectors, Vectors, Vectors], Tensor]  # images and captions before and after -> (b)


def change_of_change(before: Vectors, after: Vectors, reference: Vectors, target: Vectors) -> Float[Tensor, " b"]:
    """The cosine of how the image changes and how the caption does, as InstructPix2Pix computes it."""
    return cosine_similarity(after - before, target - reference)


def as_in_section_4(before: Vectors, after: Vectors, reference: Vectors, target: Vectors) -> Float[Tensor, " b"]:
    """1 - sim(images) · sim(captions), the paper's formula: no direction enters it."""
    return 1 - cosine_similarity(before, after) * cosine_similarity(reference, target)


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """The least similarities of §4.4; `keyword` is for triplets that have keywords, `instruction` for the others."""

    images: float = 0.7
    caption: float = 0.2
    direction: float = 0.2
    keyword: float = 0.2
    instruction: float = 0.2


@dataclass(frozen=True, kw_only=True)
class clip_filter:
    """All filters of §4.4. Keywords are looked for in their own image: the source's before, the target's after."""

    thresholds: Thresholds = field(default_factory=Thresholds)
    direction: Direction = change_of_change

    @torch.no_grad()
    def __call__(
        self, clip: Clip, triplets: Sequence[CaptionTriplet], before: Pixels, after: Pixels
    ) -> dict[str, Bool[Tensor, " b"]]:
        """Which triplets pass, by the name of the filter; one that does not apply to a triplet lets it pass."""
        device = next(clip.parameters()).device
        first, second = (normalize(clip.image(images.to(device)).float(), dim=1) for images in (before, after))

        def texts(name: str) -> Vectors:
            return _texts(clip, [getattr(each, name) or "" for each in triplets])

        least, similarity = self.thresholds, cosine_similarity
        reference, target = texts("reference"), texts("target")
        keyed = torch.tensor([each.source_keyword is not None for each in triplets], device=device)
        source = similarity(first, texts("source_keyword")) >= least.keyword
        new = similarity(second, texts("target_keyword")) >= least.keyword
        verdicts = {
            "image pair": similarity(first, second) >= least.images,
            "captions": (similarity(first, reference) >= least.caption) & (similarity(second, target) >= least.caption),
            "direction": self.direction(first, second, reference, target) >= least.direction,
            "keywords": (source & new) | ~keyed,
            "instruction": (similarity(second, texts("instruction")) >= least.instruction) | keyed,
        }
        return {name: each.cpu() for name, each in verdicts.items()}


def _texts(clip: Clip, texts: Sequence[str]) -> Vectors:
    """Unit vectors; each distinct text is read once."""
    distinct = {text: row for row, text in enumerate(dict.fromkeys(texts))}
    return normalize(clip.text(list(distinct)).float(), dim=1)[[distinct[text] for text in texts]]
