"""A painter by Stable Diffusion: both captions from the same noise, the second with the first one's attention.

Gu et al. (2024), "CompoDiff", §4.3, after InstructPix2Pix, whose code shares the maps of self-attention where Hertz et
al. (2022), "Prompt-to-Prompt", share those of cross-attention; its numbers are the defaults.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from cirkit.compat import ensure_torchvision
from cirkit.encoders import pretrained
from cirkit.errors import Problem
from cirkit.synthesis.base import CaptionTriplet, Pixels

SOURCES = (  # 1.5, 2.0 and 2.1; the paper also has SD Anime and does not say which
    "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "stabilityai/stable-diffusion-2-base",
    "stabilityai/stable-diffusion-2-1-base",
)


@dataclass
class SharedAttention:
    """Attention of a diffusers network in which, while it is `on`, odd rows of a batch attend as the even ones before.

    Rows are reference, target, reference, target ...: where the network is guided, for either half of the batch. Its
    values stay each row's own.
    """

    on: bool = True

    def __call__(
        self,
        attention: Any,
        hidden_states: Float[Tensor, "b i d"],
        encoder_hidden_states: Float[Tensor, "b j c"] | None = None,
        attention_mask: Tensor | None = None,
        *unused: Any,
        **also_unused: Any,
    ) -> Float[Tensor, "b i d"]:
        read = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query = attention.head_to_batch_dim(attention.to_q(hidden_states))  # (b · heads, i, e)
        key, value = (attention.head_to_batch_dim(layer(read)) for layer in (attention.to_k, attention.to_v))
        weights = attention.get_attention_scores(query, key, attention_mask)  # (b · heads, i, j)
        if self.on and encoder_hidden_states is None:
            rows = weights.unflatten(0, (len(hidden_states), -1))
            weights = rows[::2].repeat_interleave(2, dim=0).flatten(0, 1)
        out = attention.batch_to_head_dim(weights @ value)
        for layer in attention.to_out:
            out = layer(out)
        return out


@dataclass(frozen=True, kw_only=True)
class prompt_to_prompt:
    """Pairs by models drawn from `sources`; how long attention is shared, and how strongly a caption guides, varies."""

    sources: Sequence[str] = SOURCES
    steps: int = 100
    pixels: int = 512
    shared: tuple[float, float] = (0.1, 0.9)  # the part of the steps
    guidance: tuple[float, float] = (7.5, 15.0)
    device: str = field(default_factory=lambda: "cuda" if torch.cuda.is_available() else "cpu")

    def described(self) -> dict[str, Any]:
        """What decides the images; the device does not."""
        return {name: value for name, value in vars(self).items() if name != "device"} | {"make": "prompt_to_prompt"}

    def __call__(self, triplets: Sequence[CaptionTriplet], seeds: Sequence[int]) -> tuple[Pixels, Pixels]:
        pairs = torch.stack([self._pair(triplet, seed) for triplet, seed in zip(triplets, seeds, strict=True)])
        return pairs[:, 0], pairs[:, 1]

    def _pair(self, triplet: CaptionTriplet, seed: int) -> UInt8[Tensor, "2 3 h w"]:
        rng = np.random.default_rng([seed, 64])
        pipeline = load(self.sources[rng.integers(len(self.sources))], self.device)
        shared, guidance = (float(rng.uniform(*span)) for span in (self.shared, self.guidance))
        attention = SharedAttention()
        pipeline.unet.set_attn_processor(attention)

        def after_step(pipeline: Any, step: int, time: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            attention.on = step + 1 < shared * self.steps
            return tensors

        images = pipeline(
            [triplet.reference, triplet.target],
            height=self.pixels,
            width=self.pixels,
            num_inference_steps=self.steps,
            guidance_scale=guidance,
            generator=[torch.Generator().manual_seed(seed) for _ in range(2)],  # the same noise for both
            callback_on_step_end=after_step,
            output_type="np",
        ).images
        return torch.from_numpy((255 * images).round().astype(np.uint8)).permute(0, 3, 1, 2)


@lru_cache(maxsize=len(SOURCES))
def load(source: str, device: str) -> Any:
    """A Stable Diffusion of the hub or a folder, with the ancestral Euler sampler. Raises Problem without diffusers."""
    ensure_torchvision()
    try:
        from diffusers import EulerAncestralDiscreteScheduler, StableDiffusionPipeline
    except ImportError as error:
        raise Problem("Stable Diffusion needs diffusers. Run `pip install diffusers`.") from error
    with pretrained.reading(source, "Stable Diffusion", "the folders of its parts"):
        pipeline = StableDiffusionPipeline.from_pretrained(source, use_safetensors=True)
    pipeline.scheduler = EulerAncestralDiscreteScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(device)
