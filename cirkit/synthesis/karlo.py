"""Karlo: images from CLIP vectors, at `paper` scale where CompoDiff's vectors are of ViT-L/14.

Gu et al. (2024), §5.5 and Figure 12: the unCLIP decoder of Karlo (Lee et al., 2022), its prior left out.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from cirkit.compat import ensure_torchvision
from cirkit.encoders import pretrained
from cirkit.errors import Problem

SOURCE = "kakaobrain/karlo-v1-alpha-image-variations"


@dataclass(frozen=True, kw_only=True)
class karlo:
    """A decoder as `models.decoder` has one: vectors in, images of 256 pixels out, each from its own row and `seed`."""

    source: str = SOURCE
    steps: tuple[int, int] = (25, 7)  # of the decoder, and of what makes its images larger
    device: str = "cpu"
    seed: int = 0

    @torch.no_grad()
    def __call__(self, vectors: Float[Tensor, "b d"]) -> UInt8[Tensor, "b 3 h w"]:
        return torch.cat([self._one(vector) for vector in vectors])

    def _one(self, vector: Float[Tensor, " d"]) -> UInt8[Tensor, "1 3 h w"]:
        images = load(self.source, self.device)(
            image_embeddings=vector[None].to(self.device),
            decoder_num_inference_steps=self.steps[0],
            super_res_num_inference_steps=self.steps[1],
            generator=torch.Generator().manual_seed(self.seed),
            output_type="np",
        ).images
        return torch.from_numpy((255 * np.asarray(images)).round().astype(np.uint8)).permute(0, 3, 1, 2)


@lru_cache(maxsize=1)
def load(source: str, device: str) -> Any:
    """The pipeline of a folder or the hub. Raises Problem without diffusers."""
    ensure_torchvision()
    try:
        from diffusers import UnCLIPImageVariationPipeline
    except ImportError as error:
        raise Problem("Karlo needs diffusers. Run `pip install diffusers`.") from error
    with pretrained.reading(source, "Karlo", "the folders of its parts"):
        pipeline = UnCLIPImageVariationPipeline.from_pretrained(source, use_safetensors=True)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(device)
