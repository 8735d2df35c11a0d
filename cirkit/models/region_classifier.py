"""What a region shows, told from its crop: the training that gives region vectors their meaning.

Anderson et al. (2018), §3.1: the bottom-up detector learns the class and the attributes of each region; here its boxes
are known, and class and attributes are one label.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from cirkit.encoders.crops import CropEncoder
from cirkit.encoders.image import pooled


class RegionClassifier(nn.Module):
    """Logits over the labels of crops; `crops` is what other models read regions with. A label is one word."""

    def __init__(self, texts: Sequence[str], *, crops: Callable[[], CropEncoder] = CropEncoder):
        super().__init__()
        self.answers = tuple(sorted(set(texts)))
        self.crops = crops()
        self.classify = nn.Linear(self.crops.width, len(self.answers))

    def forward(self, images: UInt8[Tensor, "b 3 s s"], questions: Sequence[str] | None = None) -> Float[Tensor, "b a"]:
        return self.classify(pooled(self.crops.encoder(images)))

    @torch.no_grad()
    def answer(self, images: UInt8[Tensor, "b 3 s s"], questions: Sequence[str]) -> list[str]:
        """The label of each crop's highest logit; the question is always the same."""
        return [self.answers[number] for number in self(images).argmax(1).tolist()]
