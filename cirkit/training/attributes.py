"""The objective of a model that tells attributes: the cross-entropy of every group that is known of an image.

Cao et al. (2022), §5.2.2, judge painted birds with a network that knows birds; this is how ours comes to know them.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy

from cirkit.examples import Captions
from cirkit.models.attribute_classifier import AttributeClassifier

UNKNOWN = -100  # left out by torch's cross-entropy


def attribute_cross_entropy(model: AttributeClassifier, batch: Captions) -> Float[Tensor, ""]:
    """The mean over groups of that over images of -log softmax at the value a text states, if it states one."""
    known = [dict(word.split("::") for word in text.split()) for text in batch.text]
    losses = []
    for group, logits in model(batch.image).items():
        number = {value: i for i, value in enumerate(model.values[group])}
        labels = torch.tensor([number.get(each.get(group), UNKNOWN) for each in known], device=logits.device)
        if (labels != UNKNOWN).any():
            losses.append(cross_entropy(logits, labels, ignore_index=UNKNOWN))
    return torch.stack(losses).mean()
