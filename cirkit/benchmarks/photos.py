"""Images in files: one decoder, one list of formats, one limit, one way to cut a square.

Preprocessing for any original data set; CLIP4Cir and its kin resize the shorter side and crop the centre.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from cirkit.errors import Problem
from cirkit.query import Images

if TYPE_CHECKING:
    from PIL import Image

PIXELS = 80_000_000  # of one image; more are refused before a pixel is decoded
FORMATS = {  # as Pillow calls them, and how their files end
    "JPEG": (".jpg", ".jpeg"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp",),
    "HEIF": (".heic", ".heif"),  # through pillow-heif, where it is installed
}
SUFFIXES = frozenset(suffix for suffixes in FORMATS.values() for suffix in suffixes)
HOLD = 1 << 30  # bytes of images that a split may take in memory; beyond, they are decoded when asked for
CROP = 224  # side of images decoded when asked for
THREADS = 4
STRIP = 256  # rows of a grey image that are scaled at a time


class Unreadable(Exception):
    """Why a file is no image that can be used, and what to do about it."""

    def __init__(self, reason: str, step: str):
        super().__init__(reason)
        self.step = step


def decode(path: Path) -> "Image.Image":
    """The image in a file as RGB, turned as its EXIF says, transparent parts on white; of several frames the first.

    Grey values of 16 or 32 bits and floating-point values are scaled to 8 bits. Raises Problem for what cannot be read.
    """
    try:
        with open_image(path) as image:
            if image.format == "PNG" and image.mode == "RGB" and not {"exif", "transparency"} & image.info.keys():
                image.load()
                return image  # nothing to turn or to fill, and three times as fast
            return _rgb(_upright(image))
    except Unreadable as error:
        raise Problem(f"Cannot read the image {path}: {error}. {error.step}") from error


def fault(path: Path) -> str | None:
    """Why an image cannot be used; None when it can. All of its bytes are read, or a cut-off one would pass."""
    try:
        with open_image(path) as image:
            image.draft("RGB", (8, 8))  # lets the JPEG decoder shrink as it goes
            image.load()
    except Unreadable as error:
        return str(error)
    return None


@contextmanager
def open_image(path: Path) -> Iterator["Image.Image"]:
    """A file as an image whose size is known and within the limit, and whose pixels are not decoded yet.

    Raises Unreadable for it, and for what Pillow raises inside the block.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        if not path.exists():
            raise Unreadable("there is no such file", "Check the path, and that all images were copied.")
        if not path.is_file():  # a pipe would wait for ever, a device never end
            raise Unreadable("it is a folder" if path.is_dir() else "it is not a regular file", "Name an image file.")
        with _quiet(), Image.open(path, formats=_formats()) as image:
            if image.width * image.height > PIXELS:
                size = f"{image.width} x {image.height} pixels, more than {PIXELS // 10**6} million"
                raise Unreadable(size, "Replace it with a smaller copy.")
            yield image
    except Unreadable:
        raise
    except UnidentifiedImageError as error:
        if path.suffix.casefold() in FORMATS["HEIF"] and "HEIF" not in _formats():
            raise Unreadable("HEIC needs another package", "Run: pip install pillow-heif") from error
        raise Unreadable("not an image of a known format", f"Use {', '.join(_formats())}.") from error
    except Image.DecompressionBombError as error:
        reason = f"more than {PIXELS // 10**6} million pixels"
        raise Unreadable(reason, "Replace it with a smaller copy.") from error
    except Exception as error:  # Pillow raises whatever the broken bytes lead it to
        first = (str(error).splitlines() or [type(error).__name__])[0]
        reason = getattr(error, "strerror", None) or f"damaged ({first})"
        raise Unreadable(reason, "Copy it again from its source.") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Pillow's warnings of odd metadata and of sizes, which have a limit of their own here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@cache
def _formats() -> tuple[str, ...]:
    """The formats that can be read here."""
    if find_spec("pillow_heif") is None:
        return tuple(name for name in FORMATS if name != "HEIF")
    from pillow_heif import register_heif_opener

    register_heif_opener()
    return tuple(FORMATS)


def _upright(image: "Image.Image") -> "Image.Image":
    """Turned as EXIF says; broken EXIF is no reason to lose an image."""
    from PIL import Image

    turns = Image.Transpose
    by_number = {
        2: turns.FLIP_LEFT_RIGHT,
        3: turns.ROTATE_180,
        4: turns.FLIP_TOP_BOTTOM,
        5: turns.TRANSPOSE,
        6: turns.ROTATE_270,
        7: turns.TRANSVERSE,
        8: turns.ROTATE_90,
    }
    try:
        turn = by_number.get(image.getexif().get(0x0112))
    except Exception:  # Pillow's EXIF parser raises whatever the broken bytes lead it to
        turn = None
    return image if turn is None else image.transpose(turn)


def _rgb(image: "Image.Image") -> "Image.Image":
    """RGB of 8 bits; what is transparent lies on white."""
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":
        return _eight_bits(image).convert("RGB")
    if image.has_transparency_data:
        image = image if image.mode == "RGBA" else image.convert("RGBA")  # to convert is to copy
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image)
        return white
    image.load()
    return image if image.mode == "RGB" else image.convert("RGB")


def _eight_bits(image: "Image.Image") -> "Image.Image":
    """Grey of more bits, scaled to eight.

    The value that becomes white is the end of the range that the values keep to: 65,535 for whole numbers; 1, 255 or
    65,535 for floating-point ones. Beyond these, and below zero, the values are stretched between least and largest.
    """
    from PIL import Image

    tops = [(top, min(top + STRIP, image.height)) for top in range(0, image.height, STRIP)]

    def strip(rows: tuple[int, int]) -> Float[np.ndarray, "h w"]:
        return np.nan_to_num(np.asarray(image.crop((0, rows[0], image.width, rows[1])), dtype=np.float64))

    extremes = [(float(values.min()), float(values.max())) for values in map(strip, tops)]
    low, high = min(low for low, _ in extremes), max(high for _, high in extremes)
    ranges = (1, 255, 65535) if image.mode == "F" else (65535,)
    if low >= 0 and high <= ranges[-1]:
        low, high = 0.0, float(next(end for end in ranges if high <= end))
    grey = Image.new("L", image.size)
    for rows in tops:
        values = (strip(rows) / 2 - low / 2) / max(high / 2 - low / 2, 1e-300) * 255  # halves: no overflow
        grey.paste(Image.fromarray(values.round().astype(np.uint8)), (0, rows[0]))
    return grey


def square(path: Path, size: int) -> UInt8[Tensor, "3 {size} {size}"]:
    """The middle square of an image file, its side scaled to `size` pixels, as `fit` cuts it."""
    return torch.from_numpy(np.array(fit(decode(path), size))).permute(2, 0, 1).contiguous()


def fit(image: "Image.Image", size: int, resample: str = "bicubic") -> "Image.Image":
    """The shorter side scaled to `size` pixels, then the middle square: pixel for pixel torchvision's two transforms.

    CLIP resamples bicubically, MAAF's released code bilinearly ("bilinear").
    """
    from PIL import Image

    short = min(image.size)
    if size * size * max(image.size) > PIXELS * short:  # a thread: its ends are cut off before it is scaled, not after
        across, down = (max(0, (side - 3 * short) // 2) for side in image.size)
        return fit(image.crop((across, down, image.width - across, image.height - down)), size, resample)
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


def stretch(image: "Image.Image", size: tuple[int, int], resample: str = "bilinear") -> "Image.Image":
    """All of the image at (height, width) `size`, whatever that does to its proportions."""
    from PIL import Image

    return image if image.size == size[::-1] else image.resize(size[::-1], Image.Resampling[resample.upper()])


@dataclass(frozen=True)
class Files:
    """Images that are decoded when asked for, brought by `fit` to squares of `size` pixels, or to (height, width)."""

    paths: Sequence[Path]
    size: int | tuple[int, int]
    fit: Callable[["Image.Image", Any], "Image.Image"] = fit

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: Int[Tensor, " b"]) -> UInt8[Tensor, "b 3 h w"]:
        chosen = [self.paths[i] for i in index.tolist()]
        return _stack(chosen, lambda row: self.fit(decode(chosen[row]), self.size), self.size)


@dataclass(frozen=True)
class Crops:
    """Parts of images that are decoded when asked for: what `cut` makes of image, box and `size` (a square's side)."""

    paths: Sequence[Path]
    boxes: Sequence[Any]
    size: int
    cut: Callable[["Image.Image", Any, int], "Image.Image"]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: Int[Tensor, " b"]) -> UInt8[Tensor, "b 3 h w"]:
        chosen = [(self.paths[i], self.boxes[i]) for i in index.tolist()]
        paths = [path for path, _ in chosen]
        return _stack(paths, lambda row: self.cut(decode(paths[row]), chosen[row][1], self.size), self.size)


def open_images(
    paths: Sequence[Path], size: int | tuple[int, int] = CROP, fit: Callable[["Image.Image", Any], "Image.Image"] = fit
) -> Images:
    """Images of one size that fit in memory at once, as they are; others are decoded and `fit` when asked for."""
    width, height = decode(paths[0]).size
    alike = all(side(path) in (None, (width, height)) for path in paths)
    return stack(paths) if alike and 3 * width * height * len(paths) <= HOLD else Files(paths, size, fit)


def held(images: Files | Crops) -> Images:
    """The images themselves where they fit in memory at once, else as they are: decoded when asked for."""
    height, width = (images.size, images.size) if isinstance(images.size, int) else images.size
    return images[torch.arange(len(images))] if 3 * height * width * len(images) <= HOLD else images


def side(path: Path) -> tuple[int, int] | None:
    """Width and height in pixels as the file says; None where it does not say (decoding it will tell why)."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None


def stack(paths: Sequence[Path]) -> UInt8[Tensor, "b 3 h w"]:
    """All images as one tensor; they must have the size of the first."""
    if not paths:
        return torch.zeros(0, 3, 1, 1, dtype=torch.uint8)
    return _stack(paths, lambda row: decode(paths[row]), decode(paths[0]).size[::-1])


def _stack(
    paths: Sequence[Path], read: Callable[[int], "Image.Image"], size: int | tuple[int, int]
) -> UInt8[Tensor, "b 3 h w"]:
    """What `read` makes of each row, several at a time, in order; `paths` name the files of the rows."""
    height, width = (size, size) if isinstance(size, int) else size
    pixels = np.empty((len(paths), 3, height, width), np.uint8)

    def put(row: int) -> None:
        image = read(row)
        if image.size != (width, height):
            raise Problem(f"{paths[row]} has {image.size} pixels, others {width, height}. Give all images one size.")
        pixels[row] = np.asarray(image).transpose(2, 0, 1)

    with _quiet():  # around the threads, since each of them puts back the filters that it came upon
        if len(paths) < 2 * THREADS:
            for row in range(len(paths)):
                put(row)
        else:
            with ThreadPoolExecutor(THREADS) as pool:
                for _ in pool.map(put, range(len(paths)), chunksize=64):
                    continue
    return torch.from_numpy(pixels)
