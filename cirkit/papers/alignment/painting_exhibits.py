"""A few painted images of the first seed, stage by stage, with the words that their places attend to most.

Cao et al. (2022), Figures 16 to 19.
"""

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from cirkit.encoders.text import words
from cirkit.evaluators.attention_maps import spread
from cirkit.evaluators.evidence import Evidence
from cirkit.evaluators.painting import Prompts
from cirkit.experiments import artifacts
from cirkit.models.attngan import AttnGAN, Painting
from cirkit.models.damsm import to_images

FIVE = 5  # words shown, as in the paper


@dataclass(frozen=True, kw_only=True)
class PaintedExamples:
    """Per caption: `text`, `words`, `images` of all stages (JPEG), and of each finer stage what its places attend to.

    `attention` has, of each finer stage, the `weights` of every word, averaged over places and summed where they are
    high (the paper's rule), and the `maps` of the first five by that sum.
    """

    captions: int = 6
    name: str = "painted"
    every_seed: bool = False

    def __call__(self, model: AttnGAN, prompts: Prompts, evidence: Callable[[], Evidence]) -> dict[str, Any]:
        rows = spread(len(prompts), self.captions)
        text = [prompts.text[row] for row in rows]
        noise = model.eval().draw(len(rows), torch.Generator().manual_seed(0))
        with torch.no_grad():
            painting = model(text, noise)
        return {"captions": [{"prompt": row} | line_of(text[i], painting, i) for i, row in enumerate(rows)]}


def line_of(text: str, painting: Painting, i: int = 0) -> dict[str, Any]:
    """What is shown of the i-th caption of a painting."""
    said = words(text)
    return {
        "text": text,
        "words": said,
        "images": [jpeg(to_images(image[i : i + 1])[0]) for image in painting.images],
        "attention": [_stage(maps[i, : len(said)].cpu()) for maps in painting.attention],
    }


def _stage(maps: Float[Tensor, "t h w"]) -> dict[str, Any]:
    """One finer stage's attention to a caption."""
    marks = strength(maps)
    first = marks.argsort(descending=True, stable=True)[:FIVE].tolist()
    weights = maps.mean((1, 2)).double()
    return {
        "weights": np.round(weights.numpy(), 4).tolist(),
        "strength": np.round(marks.double().numpy(), 2).tolist(),
        "first": first,
        "maps": artifacts.pack(maps[first].double().numpy()),
    }


def strength(maps: Float[Tensor, "t h w"]) -> Float[Tensor, " t"]:
    """By which words are ordered: the sum of weights above 4 / t; where no word has one, that of all its weights.

    Released code: a word whose weights are all below has 0, and words of equal strength stand in no order.
    """
    high = torch.where(maps > 4 / len(maps), maps, 0).sum((1, 2))
    return high if high.any() else maps.sum((1, 2))


def jpeg(image: UInt8[Tensor, "3 h w"]) -> str:
    """An image as JPEG of high quality in base64: a fifth of the room that PNG takes."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).cpu().numpy()).save(buffer, "JPEG", quality=92, subsampling=0)
    return base64.b64encode(buffer.getvalue()).decode()
