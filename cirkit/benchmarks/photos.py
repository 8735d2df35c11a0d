"""Pictures in files: decoded safely, all at once or when asked.

Preprocessing for any original data set; CLIP4Cir and its kin resize the shorter side and crop the centre.
"""

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from cirkit.errors import Problem

if TYPE_CHECKING:
    from PIL import Image

PIXELS = 50_000_000  # larger pictures are taken for decompression bombs
THREADS = 4


def decode(path: Path) -> "Image.Image":
    """The picture in a file as RGB, upright, transparency on white. Raises Problem for one that cannot be read."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            if image.width * image.height > PIXELS:
                raise Problem(f"{path} has {image.width} x {image.height} pixels. Replace it with a smaller copy.")
            if image.format == "PNG" and image.mode == "RGB" and not {"exif", "transparency"} & image.info.keys():
                image.load()
                return image  # nothing to turn or to fill, and three times as fast
            image = ImageOps.exif_transpose(image)
            if image.has_transparency_data:
                white = Image.new("RGBA", image.size, "white")
                image = Image.alpha_composite(white, image.convert("RGBA"))
            return image.convert("RGB")
    except FileNotFoundError as error:
        raise Problem(f"The picture {path} is missing. Check that all pictures were copied.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Problem(f"{path} has too many pixels. Replace it with a smaller copy.") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise Problem(f"{path} is not a readable picture ({error}). Copy it again from its source.") from error


def fit(image: "Image.Image", size: int, resample: str = "bicubic") -> "Image.Image":
    """The shorter side scaled to `size` pixels, then the middle square: pixel for pixel torchvision's two transforms.

    CLIP resamples bicubically, MAAF's released code bilinearly ("bilinear").
    """
    from PIL import Image

    short = min(image.size)
    width, height = (int(size * side / short) for side in image.size)  # torchvision cuts the fraction off here ...
    left, top = round((width - size) / 2), round((height - size) / 2)  # ... and rounds there, halves to the even
    if short != size:
        image = image.resize((width, height), Image.Resampling[resample.upper()])
    return image.crop((left, top, left + size, top + size))


def padded_fit(image: "Image.Image", size: int) -> "Image.Image":
    """`fit` after CLIP4Cir's target padding, which loses less of a long image."""
    return fit(target_pad(image), size)


def target_pad(image: "Image.Image", ratio: float = 1.25) -> "Image.Image":
    """Black beside the shorter sides until they are `ratio` times shorter than the longer ones (CLIP4Cir, SEARLE)."""
    from PIL import ImageOps

    least = max(image.size) / ratio
    across, down = (max(0, int((least - side) / 2)) for side in image.size)
    return ImageOps.expand(image, (across, down, across, down), fill=0) if across or down else image


@dataclass(frozen=True)
class Files:
    """Images that are decoded when asked for, as squares of `size` pixels, cut by `fit`."""

    paths: Sequence[Path]
    size: int
    fit: Callable[["Image.Image", int], "Image.Image"] = fit

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: Int[Tensor, " b"]) -> UInt8[Tensor, "b 3 h w"]:
        chosen = [self.paths[i] for i in index.tolist()]
        return _stack(chosen, lambda path: self.fit(decode(path), self.size), (self.size, self.size))


def stack(paths: Sequence[Path]) -> UInt8[Tensor, "b 3 h w"]:
    """All pictures as one tensor; they must have the size of the first."""
    if not paths:
        return torch.zeros(0, 3, 1, 1, dtype=torch.uint8)
    return _stack(paths, decode, decode(paths[0]).size)


def _stack(
    paths: Sequence[Path], read: Callable[[Path], "Image.Image"], size: tuple[int, int]
) -> UInt8[Tensor, "b 3 h w"]:
    """What `read` makes of each file, several at a time, in order."""
    from PIL import Image

    pixels = np.empty((len(paths), 3, size[1], size[0]), np.uint8)

    def put(row: int) -> None:
        image = read(paths[row])
        if image.size != size:
            raise Problem(f"{paths[row]} has {image.size} pixels, others {size}. Give all pictures one size.")
        pixels[row] = np.asarray(image).transpose(2, 0, 1)

    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        if len(paths) < 2 * THREADS:
            for row in range(len(paths)):
                put(row)
        else:
            with ThreadPoolExecutor(THREADS) as pool:
                for _ in pool.map(put, range(len(paths)), chunksize=64):
                    continue
    return torch.from_numpy(pixels)
