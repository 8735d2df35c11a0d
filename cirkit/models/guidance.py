"""Classifier-free guidance, a weight for the image and one for the text: a weighted sum of the denoiser's calls.

CompoDiff (Gu et al., 2024), §3.3, eq. 4. The negative text takes the place of the empty one wherever that stands (the
paper's sentence names another symbol; this is what the released code does).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple


class Branch(NamedTuple):
    """What one call of the denoiser is told: the text or the negative one; the image, its null, or no image token."""

    text: Literal["text", "avoid"]
    image: Literal["image", "null", "absent"]


Guidance = Callable[[], Mapping[Branch, float]]
BOTH, IMAGE, NEITHER = Branch("text", "image"), Branch("avoid", "image"), Branch("avoid", "null")
WITHOUT = Branch("avoid", "absent")


@dataclass(frozen=True, kw_only=True)
class as_meant:
    """f(∅, ∅) + w_I (f(∅, image) - f(∅, ∅)) + w_T (f(text, image) - f(∅, image)), as the released code has it.

    Weights of one leave f(text, image) alone.
    """

    image: float = 1.5
    text: float = 7.5

    def __call__(self) -> Mapping[Branch, float]:
        return {NEITHER: 1 - self.image, IMAGE: self.image - self.text, BOTH: self.text}


@dataclass(frozen=True, kw_only=True)
class as_printed:
    """Equation 4 to the letter: its first term has no image at all, where the others' null is a token of zeros."""

    image: float = 1.5
    text: float = 7.5

    def __call__(self) -> Mapping[Branch, float]:
        return {WITHOUT: 1.0, NEITHER: -self.image, IMAGE: self.image - self.text, BOTH: self.text}


def needed(weights: Mapping[Branch, float], *, image: bool) -> dict[Branch, float]:
    """The branches that have a say: those of weight zero go; a query without an image has its null in its place."""
    total: dict[Branch, float] = {}
    for branch, weight in weights.items():
        same = branch if image or branch.image != "image" else branch._replace(image="null")
        total[same] = total.get(same, 0.0) + weight
    return {branch: weight for branch, weight in total.items() if weight}
