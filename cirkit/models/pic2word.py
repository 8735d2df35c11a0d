"""Pic2Word: a mapping network turns CLIP's image feature into a word, learnt from images alone.

Saito et al. (2023), "Pic2Word: Mapping Pictures to Words for Zero-shot Composed Image Retrieval"; a row of CompoDiff's
Tables 3 and 4 and of PVLF's Tables 1 and 2.
"""

from collections.abc import Callable, Sequence

from torch import nn

from cirkit.encoders.clip import Clip
from cirkit.models.textual_inversion import Phi, Prompt, Prompts, TextualInversion, ready

TEXT = Prompt("a photo of $ , {text}")  # CIRR; CIRCO, GeneCIS and FashionIQ with one text a query
FASHION_IQ = ready("*")  # `a photo of * , c2 and c1`, which its protocol of FashionIQ writes
DOMAIN = Prompt("a {text} of $")  # ImageNet-R, the text a domain: cartoon, origami, toy, sculpture
OBJECTS = Prompt("a photo of $ and {text}")  # COCO, the text the class of the crop `and` those of other objects


def pic2word(
    texts: Sequence[str],
    *,
    clip: Callable[[], Clip],
    hidden: int = 512,
    dropout: float = 0.1,
    prompt: Prompts = TEXT,
) -> TextualInversion:
    """The retriever whose φ is Pic2Word's; train it with `cirkit.training.inversion.cycle_contrast`."""
    # released code: dropout before each ReLU, which commutes with it
    tower = clip()
    phi = Phi(tower.width, tower.word_width, hidden=hidden, dropout=dropout, activation=nn.ReLU)
    return TextualInversion(tower, phi, prompt)
