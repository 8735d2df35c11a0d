"""SEARLE: φ distils the words that optimisation finds, one forward pass in place of hundreds of steps.

Baldrati et al. (2023), "Zero-Shot Composed Image Retrieval with Textual Inversion"; a row of CompoDiff's Tables 3 and 4
and of PVLF's Tables 1 and 2. The optimisation itself is in `cirkit.models.oti`.
"""

from collections.abc import Callable, Sequence

from torch import nn

from cirkit.encoders.clip import Clip
from cirkit.models.textual_inversion import Phi, Prompt, Prompts, TextualInversion, each_order

PROMPT = each_order(Prompt("a photo of $ that {text}"))  # the two captions of FashionIQ in both orders


def searle(
    texts: Sequence[str],
    *,
    clip: Callable[[], Clip],
    widening: int = 4,
    dropout: float = 0.5,
    prompt: Prompts = PROMPT,
) -> TextualInversion:
    """The retriever whose φ is SEARLE's; train it with `cirkit.training.inversion.distillation`.

    φ is `widening` times as wide inside as CLIP's joint space.
    """
    tower = clip()
    phi = Phi(tower.width, tower.word_width, hidden=widening * tower.width, dropout=dropout, activation=nn.GELU)
    return TextualInversion(tower, phi, prompt)
