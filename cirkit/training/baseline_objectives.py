"""Objectives of what ITSELF is compared with: TBPS-CLIP's contrast by identity, and IRRA's matching with masked words.

Cao et al. (AAAI 2024), §3; Jiang and Ye (IRRA, CVPR 2023), §3.2 and §3.3. RDE's is `alignment_alone`.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from cirkit.encoders.block_attention import at
from cirkit.errors import Problem
from cirkit.examples import Captions
from cirkit.losses.cid import identification
from cirkit.losses.identity_matching import sdm, tbps_clip
from cirkit.training.distributed import gather
from cirkit.training.person_augment import MASK
from cirkit.training.person_objectives import cosines, gathered_pairs

TBPS, SDM = tbps_clip(), sdm()


@dataclass(frozen=True, kw_only=True)
class identity_contrast:
    """TBPS-CLIP's loss of the similarities among a batch's images and texts."""

    loss: tbps_clip = TBPS

    def __call__(self, model: nn.Module, batch: Captions) -> Float[Tensor, ""]:
        image, text, identity = gathered_pairs(model, batch)["whole"]
        return self.loss(cosines(text, image), cosines(image, image), cosines(text, text), identity, model.scale)


@dataclass(frozen=True, kw_only=True)
class matching_and_masked_words:
    """IRRA's: SDM, half of the identity losses of images and texts, and the words that are masked, all of weight 1.

    Of the pieces of a caption `share` are to be told, one at least: most are masked, a tenth is another, a tenth stays.
    """

    match: sdm = SDM
    share: float = 0.15

    def __call__(self, model: nn.Module, batch: Captions) -> Float[Tensor, ""]:
        if batch.reference is None or batch.image is None:
            raise Problem("The identities are not known. Train on images and captions whose `reference` is the person.")
        pieces, real = model.clip.pieces(batch.text)
        tokens = model.image_tokens(batch.image)
        text = at(model.clip.read(pieces), model.clip.text_position(real))
        image, text, identity = gather((tokens[:, 0], text, batch.reference.to(tokens.device)))
        told, changed = mask_words(pieces, real, self.share)
        return (
            self.match(cosines(text, image), identity)
            + identification(model.one(image), model.one(text), identity) / 2
            + cross_entropy(model.words(changed, tokens, told), pieces[told])
        )


def mask_words(
    pieces: Int[Tensor, "b t"], real: Bool[Tensor, "b t"], share: float
) -> tuple[Bool[Tensor, "b t"], Int[Tensor, "b t"]]:
    """Which pieces are to be told, and the texts with eight in ten of them masked and one in ten another piece."""
    word = real & (pieces < MASK)
    draw = torch.rand(pieces.shape, device=pieces.device)
    told = word & (draw < share)
    none = ~told.any(1) & word.any(1)
    told[none, 1] = True  # released code: the first word, where none was drawn
    kind = torch.rand(pieces.shape, device=pieces.device)
    other = torch.randint_like(pieces, 1, MASK)
    changed = torch.where(told & (kind < 0.8), MASK, torch.where(told & (kind >= 0.9), other, pieces))
    changed[none, 1] = MASK
    return told, changed
