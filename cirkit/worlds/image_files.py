"""Image files of a world: written in the format that the official lists name, and seen as a reader will see them.

JPEG at quality 95 without chroma subsampling, so that small bright objects keep their colour; PNG as it is.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

FORMATS = {  # by the ending: what Pillow is told
    "png": {"format": "PNG", "compress_level": 1},
    "jpg": {"format": "JPEG", "quality": 95, "subsampling": 0},
}


def save(folder: Path, names: Sequence[str], images: UInt8[Tensor, "b 3 h w"], image_format: str = "png") -> None:
    """Write images below `folder` under these names, which may end on anything: readers go by content."""
    for name, pixels in zip(names, images, strict=True):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, pixels, image_format)


def as_saved(images: UInt8[Tensor, "b 3 h w"], image_format: str) -> UInt8[Tensor, "b 3 h w"]:
    """What a reader decodes from images saved in this format: PNG loses nothing, JPEG a little."""
    from PIL import Image

    if image_format == "png":
        return images
    decoded = torch.empty_like(images)
    for row, pixels in enumerate(images):
        buffer = io.BytesIO()
        _write(buffer, pixels, image_format)
        decoded[row] = torch.from_numpy(np.array(Image.open(buffer).convert("RGB"))).permute(2, 0, 1)
    return decoded


def _write(file: Any, pixels: UInt8[Tensor, "3 h w"], image_format: str) -> None:
    from PIL import Image

    Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(file, **FORMATS[image_format])
