"""Objectives of text-based person retrieval: a model, and images, captions and identities in, a loss out.

ITSELF §3.4 (TAL and CID on each branch) and its released code, which adds the identity losses; RDE §3.3 (TAL alone).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import normalize

from cirkit.errors import Problem
from cirkit.examples import Captions
from cirkit.losses.cid import Nobody, cid, identification, pairs, reserved
from cirkit.losses.tal import tal
from cirkit.training.distributed import gather

TAL = tal()


@dataclass(frozen=True, kw_only=True)
class alignment_and_identity:
    """The sum over branches of TAL, CID and the identity loss, all of weight 1: ITSELF's, and its baseline's."""

    # paper: TAL and CID; released code: the identity loss is part of what it calls CID
    alignment: tal = TAL
    nobody: Nobody = reserved

    def __call__(self, model: nn.Module, batch: Captions) -> Float[Tensor, ""]:
        losses = []
        for branch, (image, text, identity) in gathered_pairs(model, batch).items():
            heads = model.heads[branch]
            if int(identity.max()) >= heads.identities:
                raise Problem(
                    f"The training data have identity {int(identity.max())}, the model heads for {heads.identities}. "
                    "Give the model the number of people in its training data."
                )
            *rest, label = pairs(image, text, identity, self.nobody(identity, heads.identities))
            losses += [
                self.alignment(cosines(text, image), identity),
                cid(*heads.both_orders(*rest), label),
                identification(heads.one(image), heads.one(text), identity),
            ]
        return torch.stack(losses).sum()


@dataclass(frozen=True, kw_only=True)
class alignment_alone:
    """The sum over branches of TAL: RDE's, where every pair of the training data counts as a right one."""

    alignment: tal = TAL

    def __call__(self, model: nn.Module, batch: Captions) -> Float[Tensor, ""]:
        found = gathered_pairs(model, batch).values()
        return torch.stack([self.alignment(cosines(text, image), identity) for image, text, identity in found]).sum()


def gathered_pairs(model: nn.Module, batch: Captions) -> dict[str, tuple[Tensor, Tensor, Int[Tensor, " b"]]]:
    """Images, texts and identities of the whole batch by branch. Raises Problem where identities are not known."""
    if batch.reference is None or batch.image is None:
        raise Problem("The identities are not known. Train on images and captions whose `reference` is the person.")
    found = {}
    for branch, (image, text) in model.pairs(batch.image, batch.text).items():
        identity = batch.reference.to(image.device)
        found[branch] = gather((image, text, identity))
    return found


def cosines(one: Float[Tensor, "b d"], other: Float[Tensor, "c d"]) -> Float[Tensor, "b c"]:
    """Of every row of one with every row of the other."""
    return normalize(one, dim=1) @ normalize(other, dim=1).mT
