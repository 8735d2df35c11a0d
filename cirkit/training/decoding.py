"""How a decoder of CLIP's vectors learns: to restore noised images, told the vectors that they have.

Ramesh et al. (2022), unCLIP's decoder; CompoDiff §5.5 takes Karlo's as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate, mse_loss

from cirkit.encoders.clip import Clip
from cirkit.examples import Captions, Features
from cirkit.models.decoder import Decoder
from cirkit.training.diffusion import add_noise


def vectors_and_images(clip: Clip, batch: Captions) -> Mapping[str, Tensor]:
    """Images for `CachedFeatures`: CLIP's vectors of them as `vector`, and their colours as `image`."""
    return {"vector": clip.image(batch.image), "image": batch.image}


@dataclass(frozen=True, kw_only=True)
class restoration:
    """The squared difference of images from -1 to 1 and what is restored of them at random times.

    A share `drop` of the vectors gives way to zeros, for guidance.
    """

    drop: float = 0.1

    def __call__(self, model: Decoder, batch: Features) -> Float[Tensor, ""]:
        clean = batch.tensors["image"].float() / 127.5 - 1
        if clean.shape[-1] != model.pixels:
            clean = interpolate(clean, size=(model.pixels, model.pixels), mode="bilinear", antialias=True)
        time = torch.randint(len(model.alphas), (len(clean),), device=clean.device)
        noisy = add_noise(clean.flatten(1), time, model.alphas).view_as(clean)
        lost = torch.rand(len(clean), 1, device=clean.device) < self.drop
        return mse_loss(model(noisy, time, batch.tensors["vector"].masked_fill(lost, 0)), clean)
