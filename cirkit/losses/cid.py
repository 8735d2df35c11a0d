"""Cross-modal identity loss: whose pair of image and text this is, or that it is nobody's.

ITSELF §3.4, after CFAM (Zuo et al., CVPR 2024): each pair, and each item with its hardest item of another identity.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from cirkit.errors import Problem

Nobody = Callable[[Int[Tensor, " b"], int], int]  # identities of the batch and their number in all -> a label


def reserved(identity: Int[Tensor, " b"], identities: int) -> int:
    """The class after all identities, which no pair of one has."""
    return identities


def after_largest(identity: Int[Tensor, " b"], identities: int) -> int:
    """Released code: the class after the largest of the batch, in most batches that of a real identity."""
    return int(identity.max()) + 1


def hard_negatives(
    scores: Float[Tensor, "b b"], identity: Int[Tensor, " b"]
) -> tuple[Int[Tensor, " b"], Int[Tensor, " b"]]:
    """Of each image the best text of another identity, and of each text the best image; scores are images by texts.

    Raises Problem for a batch of one identity.
    """
    same = identity[:, None] == identity
    if bool(same.all()):
        raise Problem("A batch of one identity has no negative pair. Sample several identities for a batch.")
    wrong = scores.masked_fill(same, -torch.inf)
    return wrong.argmax(1), wrong.argmax(0)


def pairs(
    image: Float[Tensor, "b d"], text: Float[Tensor, "b d"], identity: Int[Tensor, " b"], nobody: int
) -> tuple[Float[Tensor, "p d"], Float[Tensor, "p d"], Int[Tensor, " p"]]:
    """Images, texts and labels of 3b pairs: all right ones, then wrong images of texts, then wrong texts of images."""
    unit = [features / features.norm(dim=1, keepdim=True).clamp_min(1e-12) for features in (image, text)]
    with torch.no_grad():
        text_of, image_of = hard_negatives(unit[0] @ unit[1].mT, identity)
    wrong = torch.full_like(identity, nobody)
    return (
        torch.cat([image, image[image_of], image]),
        torch.cat([text, text, text[text_of]]),
        torch.cat([identity, wrong, wrong]),
    )


def cid(one: Float[Tensor, "p c"], other: Float[Tensor, "p c"], label: Int[Tensor, " p"]) -> Float[Tensor, ""]:
    """The mean cross-entropy of both orders in which a pair is read."""
    return (cross_entropy(one, label) + cross_entropy(other, label)) / 2


def identification(
    image: Float[Tensor, "b c"], text: Float[Tensor, "b c"], identity: Int[Tensor, " b"]
) -> Float[Tensor, ""]:
    """Cross-entropy of images plus that of texts under one classifier; IRRA takes half of it."""
    return cross_entropy(image, identity) + cross_entropy(text, identity)
