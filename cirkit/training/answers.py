"""The objective of a model that answers questions: the cross-entropy of its logits.

Cao et al. (2022), §5.3, on MAC: one answer to each question, out of a fixed list.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from cirkit.errors import Problem
from cirkit.examples import Questions


def answer_cross_entropy(model: nn.Module, batch: Questions) -> Float[Tensor, ""]:
    """The mean over the questions of -log softmax at the first answer given, among `model.answers`.

    Raises Problem for questions without answers, and for an answer that the model cannot give.
    """
    if batch.answers is None:
        raise Problem("These questions come without answers. Train on a split whose answers are published.")
    number = {answer: place for place, answer in enumerate(model.answers)}
    if foreign := {given[0] for given in batch.answers} - number.keys():
        raise Problem(f"The model cannot answer {sorted(foreign)[0]!r}. Give it all answers of the training data.")
    logits = model(batch.images, batch.text)
    return cross_entropy(logits, torch.tensor([number[given[0]] for given in batch.answers], device=logits.device))
