"""Editing, then image search: a painter changes the reference as the text asks, and CLIP compares images.

CompoDiff §5.4 and Table 3, CLIP + IP2P: InstructPix2Pix (Brooks et al., 2023) paints, CLIP's image encoder retrieves.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import interpolate

from cirkit.encoders.clip import Clip
from cirkit.errors import Problem
from cirkit.models.base import Cosine
from cirkit.query import Query

Painter = Callable[[UInt8[Tensor, "b 3 h w"], Sequence[str]], UInt8[Tensor, "b 3 y x"]]
SIDE = 512  # pixels that InstructPix2Pix was trained at


class EditedImage(nn.Module):
    """The retriever: CLIP's vector of the painted reference against those of the gallery. Nothing learns."""

    def __init__(self, texts: Sequence[str], *, clip: Callable[[], Clip], painter: Painter):
        super().__init__()
        self.clip, self.painter = clip().requires_grad_(False).eval(), painter
        self.score = Cosine(10.0).requires_grad_(False)

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        return self.clip.image(images)

    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        """Raises Problem for a query without an image or without a text."""
        if query.image is None or query.text is None:
            raise Problem("A painter edits an image as a text asks. Give the query both.")
        return self.clip.image(self.painter(query.image, query.text))


@dataclass(frozen=True, kw_only=True)
class instruct_pix2pix:
    """InstructPix2Pix as a painter: `source` is a model of the hub or a folder; Brooks et al.'s guidance and steps.

    Each image of a batch is painted alone, from noise of `seed`, so that it does not depend on its batch. Raises
    Problem where diffusers or the model cannot be had.
    """

    source: str = "timbrooks/instruct-pix2pix"
    steps: int = 100
    text_guidance: float = 7.5
    image_guidance: float = 1.5
    seed: int = 0

    def __call__(self, images: UInt8[Tensor, "b 3 h w"], texts: Sequence[str]) -> UInt8[Tensor, "b 3 y x"]:
        pipeline = _pipeline(self.source, "cuda" if torch.cuda.is_available() else "cpu")
        pixels = interpolate(images.cpu().float() / 255, (SIDE, SIDE), mode="bicubic", antialias=True).clamp(0, 1)
        painted = [
            pipeline(
                text,
                image=image[None],
                num_inference_steps=self.steps,
                guidance_scale=self.text_guidance,
                image_guidance_scale=self.image_guidance,
                generator=torch.Generator().manual_seed(self.seed),
                output_type="pt",
            ).images[0]
            for text, image in zip(texts, pixels, strict=True)
        ]
        return (torch.stack(painted).clamp(0, 1) * 255).round().to(torch.uint8).to(images.device)


@lru_cache(maxsize=1)
def _pipeline(source: str, device: str) -> Any:
    """The pipeline of diffusers, safetensors alone, without a bar for each image."""
    try:
        from diffusers import StableDiffusionInstructPix2PixPipeline
    except ImportError as error:
        raise Problem("InstructPix2Pix needs diffusers, which is not installed. Run: pip install diffusers.") from error
    try:
        found = StableDiffusionInstructPix2PixPipeline.from_pretrained(
            source, safety_checker=None, requires_safety_checker=False, use_safetensors=True
        )
    except (OSError, ValueError) as error:
        raise Problem(
            f"{source!r} cannot be loaded ({str(error).splitlines()[0]}). Name a folder that holds it as `source`."
        ) from error
    found.set_progress_bar_config(disable=True)
    return found.to(device)
