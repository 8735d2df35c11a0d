"""The objective of a model that tells what images show: the cross-entropy of its logits over labels.

Anderson et al. (2018), §3.1, the class of a region.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from cirkit.examples import Captions


def label_cross_entropy(model: nn.Module, batch: Captions) -> Float[Tensor, ""]:
    """The mean over the images of -log softmax at their text, which is one of `model.answers`."""
    number = {answer: i for i, answer in enumerate(model.answers)}
    logits = model(batch.image)
    return cross_entropy(logits, torch.tensor([number[label] for label in batch.text], device=logits.device))
