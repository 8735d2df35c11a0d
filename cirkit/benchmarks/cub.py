"""CUB-200-2011 with ten captions per image: the official files, read.

Attention §4.4 (AttnGAN) paints from these captions. Two divisions go about: by image (train_test_split.txt, every
class in both halves) and by class (testclasses.txt, as AttnGAN's data has it: no test class is trained on).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from cirkit.benchmarks import photos, pictured
from cirkit.benchmarks.annotations import image_path, read_text, record_error
from cirkit.errors import Problem
from cirkit.query import Benchmark, Images, Query, Select, Triplets

if TYPE_CHECKING:
    from PIL import Image

Box = tuple[float, float, float, float]  # left, top, width, height
FOLDER = "CUB_200_2011"  # below the root, beside attributes.txt and text/
CAPTIONS = 10  # per image
OFFICIAL = {
    "train": {"images": 5994, "captions": 59940},
    "test": {"images": 5794, "captions": 57940},
}


@dataclass(frozen=True)
class Photo:
    """One image: its path below images/, its class (0 to 199), its half of the official division, and its box."""

    path: str
    label: int
    training: bool
    box: Box


@dataclass(frozen=True)
class Listing:
    """All images, the names of the classes, and those of the classes that are kept for testing."""

    photos: list[Photo]
    classes: list[str]
    held: frozenset[str]


def by_image(listing: Listing, photo: Photo) -> bool:
    """Whether to train on it: train_test_split.txt."""
    return photo.training


def by_class(listing: Listing, photo: Photo) -> bool:
    """Whether to train on it: not where its class is in testclasses.txt."""
    if not listing.held:
        raise Problem("There is no testclasses.txt. Add it beside text/ (one class name a line), or divide by image.")
    return listing.classes[photo.label] not in listing.held


def whole(size: tuple[int, int], box: Box) -> tuple[int, int, int, int]:
    """The part of an image to use, as left, top, right, bottom: all of it."""
    return 0, 0, *size


def around(size: tuple[int, int], box: Box) -> tuple[int, int, int, int]:
    """The square of one and a half times the box's longer side about its middle, cut at the image's edge: AttnGAN."""
    left, top, width, height = box
    reach = int(max(width, height) * 0.75)
    x, y = int(left + width / 2), int(top + height / 2)
    return max(0, x - reach), max(0, y - reach), min(size[0], x + reach), min(size[1], y + reach)


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Which division, which part of an image, and the side it is brought to."""

    name: str = "attngan"
    divide: Callable[[Listing, Photo], bool] = by_class
    crop: Callable[[tuple[int, int], Box], tuple[int, int, int, int]] = around
    size: int = 64


ATTNGAN = Protocol()
OFFICIAL_SPLIT = Protocol(name="official split", divide=by_image, crop=whole)


def cut(
    image: "Image.Image", photo: Photo, side: int, crop: Callable[[tuple[int, int], Box], tuple[int, int, int, int]]
) -> "Image.Image":
    """A part of a photo, its shorter side at `side`, the middle square."""
    left, top, right, bottom = crop(image.size, photo.box)
    if right <= left or bottom <= top:
        raise Problem(f"The box of {photo.path} lies outside it. Mend bounding_boxes.txt.")
    return photos.fit(image.crop((left, top, right, bottom)), side)


@dataclass(frozen=True)
class Captioned:
    """Images with their ten captions each, and the number of their class; what was missing is counted."""

    images: Images
    captions: list[list[str]]
    label: Int[Tensor, " n"]
    classes: list[str]
    dropped: int

    def pairs(self) -> Triplets:
        """A training pair per caption; `reference` is the number of the image."""
        row = torch.tensor([i for i, lines in enumerate(self.captions) for _ in lines])
        text = [line for lines in self.captions for line in lines]
        return Triplets(query=Query(text=text), target=Select(self.images, row), reference=row)

    def benchmark(self) -> Benchmark:
        """Every caption against all images; right is the one it was written of, the group is its class."""
        row = [i for i, lines in enumerate(self.captions) for _ in lines]
        return Benchmark(
            name="cub",
            query=Query(text=[line for lines in self.captions for line in lines]),
            gallery=self.images,
            relevant=[[i] for i in row],
            group=[self.classes[int(self.label[i])] for i in row],
        )


def base(root: Path) -> Path:
    """The folder CUB_200_2011, which is `root` or in it."""
    return root / FOLDER if (root / FOLDER).is_dir() else root


def beside(root: Path, name: str) -> Path:
    """A file or folder beside CUB_200_2011, or in it."""
    return root / name if (root / name).exists() else base(root) / name


def digits(word: str) -> bool:
    """Whether it is a whole number that no image or class need fear."""
    return word.isascii() and word.isdigit() and len(word) < 10


def table(path: Path, count: int) -> dict[int, list[str]]:
    """Lines of a number and `count` words, by their number. Raises Problem that names file and line."""
    found: dict[int, list[str]] = {}
    for line, text in enumerate(read_text(path).splitlines(), 1):
        words = text.split()
        if not words:
            continue
        if len(words) != count + 1 or not digits(words[0]):
            raise record_error(path, line, f"is not a number and {count} words")
        if int(words[0]) in found:
            raise record_error(path, line, f"has the number {words[0]} a second time")
        found[int(words[0])] = words[1:]
    if not found:
        raise Problem(f"{path} is empty. Download it again.")
    return found


def _number(path: Path, row: int, word: str) -> float:
    """A finite number."""
    try:
        value = float(word)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise record_error(path, row, f"has {word!r} where a number is due")
    return value


def listing(root: Path | str) -> Listing:
    """All that the text files say of all images, checked against each other."""
    root = Path(root)
    folder = base(root)
    names, images = table(folder / "classes.txt", 1), table(folder / "images.txt", 1)
    numbers = {number: row for row, number in enumerate(sorted(names))}
    tables = {
        name: table(folder / f"{name}.txt", count)
        for name, count in (("image_class_labels", 1), ("train_test_split", 1), ("bounding_boxes", 4))
    }
    for name, rows in tables.items():
        if rows.keys() != images.keys():
            odd = min(rows.keys() ^ images.keys())
            raise record_error(folder / f"{name}.txt", odd, "does not match images.txt")
    found, paths = [], set()
    for number in sorted(images):
        ((path,), (label,), (half,)) = (
            images[number],
            *(tables[n][number] for n in ("image_class_labels", "train_test_split")),
        )
        image_path(folder / "images", path)
        if path in paths:
            raise record_error(folder / "images.txt", number, f"names {path!r} a second time")
        if not digits(label) or int(label) not in numbers:
            raise record_error(folder / "image_class_labels.txt", number, f"names class {label!r}, not in classes.txt")
        if half not in ("0", "1"):
            raise record_error(folder / "train_test_split.txt", number, f"says {half!r}, not 0 or 1")
        box = tuple(_number(folder / "bounding_boxes.txt", number, word) for word in tables["bounding_boxes"][number])
        paths.add(path)
        found.append(Photo(path, numbers[int(label)], half == "1", box))
    held = beside(root, "testclasses.txt")
    chosen = frozenset(read_text(held).split()) if held.exists() else frozenset()
    classes = [names[number][0] for number in sorted(names)]
    if not chosen <= set(classes):
        raise Problem(f"{held} names {min(chosen - set(classes))}, which classes.txt lacks. Use one release.")
    return Listing(found, classes, chosen)


def described(root: Path | str, photo: Photo) -> list[str]:
    """The captions of an image: the lines of text/<class>/<image>.txt that are not empty."""
    path = image_path(beside(Path(root), "text"), str(Path(photo.path).with_suffix(".txt")))
    lines = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    if not lines:
        raise Problem(f"{path} has no captions. Download it again.")
    return lines


def _half(root: Path | str, protocol: Protocol, training: bool) -> Captioned:
    """One half of the protocol's division; images that are missing go with their captions."""
    root = Path(root)
    read, folder = listing(root), base(root) / "images"
    chosen = [photo for photo in read.photos if protocol.divide(read, photo) == training]
    there = [photo for photo in chosen if os.path.isfile(folder / photo.path)]
    if not there:
        raise Problem(f"No image of this half lies in {folder}. Copy the images there.")
    paths = [folder / photo.path for photo in there]
    images = photos.Crops(paths, there, protocol.size, partial(cut, crop=protocol.crop))
    return Captioned(
        images=photos.held(images),
        captions=[described(root, photo) for photo in there],
        label=torch.tensor([photo.label for photo in there]),
        classes=read.classes,
        dropped=len(chosen) - len(there),
    )


def train(root: Path | str, protocol: Protocol = ATTNGAN) -> Captioned:
    """The images to train on."""
    return _half(root, protocol, True)


def test(root: Path | str, protocol: Protocol = ATTNGAN) -> Captioned:
    """The images to test on."""
    return _half(root, protocol, False)


def check(root: Path) -> list[dict[str, Any]]:
    """Per half of train_test_split.txt, how many images and captions there should be, are, and are missing.

    Expected numbers are the original's, or those counted as a world was published.
    """
    expected, known, lines = pictured.expected_counts(root, OFFICIAL), listing(root), []
    for split in OFFICIAL:
        half = [photo for photo in known.photos if photo.training == (split == "train")]
        there = {photo.path: os.path.isfile(base(root) / "images" / photo.path) for photo in half}
        captions = sum(len(described(root, photo)) for photo in half if there[photo.path])
        lines.append(pictured.line(split, "images", expected[split]["images"], sum(there.values())))
        needs = pictured.Requirements(
            protocol=OFFICIAL_SPLIT.name,
            reference=None,
            others=[(photo.path,) for photo in half for _ in range(CAPTIONS)],
            gallery=() if split == "train" else list(there),
        )
        lines[-1].gone = pictured.gone(there, [needs])
        lines.append(pictured.line(split, "captions", expected[split]["captions"], captions))
    return lines
