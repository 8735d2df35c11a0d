"""Flickr30k and COCO: images and what five people wrote of them; text to image and image to text.

The protocol of 001 Table 2 (Karpathy & Fei-Fei 2015): every caption is a query, and every image one, with
R@1, 5, 10; 1K of COCO is the mean over five folds of the 5,000 test images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from cirkit.benchmarks import pictured
from cirkit.benchmarks.annotations import image_path, need, read_json, read_text, record_error
from cirkit.benchmarks.pictured import Pictured
from cirkit.errors import Problem
from cirkit.query import Benchmark, Query, Triplets

SPLITS = ("train", "val", "test")
MULTI30K = {"train": "train", "val": "val", "test": "test_2016"}
OFFICIAL = {  # Flickr30k: five captions each, and flickr30k_entities has another split. COCO: train with restval
    "flickr30k": {
        "train": {"captions": 145_000, "images": 29_000},
        "val": {"captions": 5_070, "images": 1_014},
        "test": {"captions": 5_000, "images": 1_000},
    },
    "coco": {
        "train": {"captions": 566_747, "images": 113_287},
        "val": {"captions": 25_010, "images": 5_000},
        "test": {"captions": 25_010, "images": 5_000},
    },
    "val2017": {"val2017": {"captions": 25_014, "images": 5_000}},
}
FOLDER = "flickr30k-images"
FOLDERS = ("train2014", "val2014")  # of COCO


@dataclass(frozen=True)
class Captioned:
    """Images by their paths below the image folder, and the captions of each: five, or for a few of COCO more."""

    names: tuple[str, ...]
    captions: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def owner(self) -> Int[Tensor, " t"]:
        """The number of each caption's image; captions stand image after image."""
        counts = torch.tensor([len(mine) for mine in self.captions])
        return torch.arange(len(self)).repeat_interleave(counts)

    def select(self, rows: Sequence[int]) -> "Captioned":
        """Some of the images with their captions."""
        return Captioned(tuple(self.names[i] for i in rows), tuple(self.captions[i] for i in rows))


def _checked(path: Path, names: list[str], captions: list[tuple[str, ...]]) -> Captioned:
    """Raises Problem where there is nothing, an image stands twice, or one has no caption."""
    if not names or len({PurePosixPath(name) for name in names}) != len(names):
        raise Problem(f"{path} names no image of the split, or one twice. Download it again.")
    for name, mine in zip(names, captions, strict=True):
        if not mine or not all(text.strip() for text in mine):
            raise record_error(path, name, "lacks a caption")
    return Captioned(tuple(names), tuple(captions))


def karpathy(path: Path, split: str) -> Captioned:
    """A split of `dataset_flickr30k.json` or `dataset_coco.json`; `train` takes restval with it, as is usual."""
    wanted = ("train", "restval") if split == "train" else (split,)
    names, captions = [], []
    for number, record in enumerate(need(read_json(path, dict), "images", list, path, "the top")):
        if need(record, "split", str, path, number) in wanted:
            folder = record.get("filepath", "")
            if not isinstance(folder, str):
                raise record_error(path, number, "has a filepath that is none")
            names.append(str(PurePosixPath(folder) / need(record, "filename", str, path, number)))
            mine = need(record, "sentences", list, path, number)
            captions.append(tuple(need(sentence, "raw", str, path, number) for sentence in mine))
    return _checked(path, names, captions)


def multi30k(root: Path, split: str) -> Captioned:
    """A split of Flickr30k as Multi30k's task 2 has it: `image_splits/<split>_images.txt`, `raw/<split>.<k>.en`.

    Caption k is neither a rank nor a person. The test images stand in the order of SCAN's `test_caps.txt`.
    """
    folder, name = root / "multi30k_task2", MULTI30K[split]
    path = folder / "image_splits" / f"{name}_images.txt"
    names = _lines(path)
    columns = []
    for k in range(1, 6):
        columns.append(_lines(folder / "raw" / f"{name}.{k}.en"))
        if len(columns[-1]) != len(names):
            raise Problem(
                f"{folder / 'raw'}/{name}.{k}.en has {len(columns[-1])} lines for {len(names)} images. Mend it."
            )
    return _checked(path, names, list(zip(*columns, strict=True)))


def _lines(path: Path) -> list[str]:
    """The lines of a text file; only a line feed ends one, as captions hold other marks that Python would split at."""
    return [line.strip() for line in read_text(path).removesuffix("\n").split("\n")]


def coco(path: Path) -> Captioned:
    """Images and captions of a COCO annotation file, in its order; 13 images of val2017 have six or seven."""
    content = read_json(path, dict)
    names: dict[int, str] = {}
    texts: dict[int, list[str]] = {}
    for number, record in enumerate(need(content, "images", list, path, "the top")):
        key = need(record, "id", int, path, number)
        if key in names:
            raise record_error(path, number, f"has the id {key} of an earlier one")
        names[key] = need(record, "file_name", str, path, number)
    for number, record in enumerate(need(content, "annotations", list, path, "the top")):
        key = need(record, "image_id", int, path, number)
        if key not in names:
            raise record_error(path, number, f"captions image {key}, which the file does not list")
        texts.setdefault(key, []).append(need(record, "caption", str, path, number).strip())
    return _checked(path, list(names.values()), [tuple(texts.get(key, ())) for key in names])


def karpathy_ids(path: Path) -> dict[str, int]:
    """A list of COCO images, `val2014/COCO_val2014_<id>.jpg <id>` a line; not in the order of SCAN's `testall`."""
    found: dict[str, int] = {}
    for number, line in enumerate(_lines(path)):
        name, _, key = line.partition(" ")
        if not key.isascii() or not key.isdigit() or not name.endswith(f"_{int(key):012d}.jpg") or name in found:
            raise record_error(path, number, f"is {line!r}, not a new image and its number")
        found[name] = int(key)
    return found


def folds(held: Captioned, size: int = 1000) -> list[Captioned]:
    """COCO's 1K protocol: the mean over folds of `size` images each, in order; a rest too small is left out."""
    if len(held) < size:
        raise Problem(f"{len(held)} images give no fold of {size}. Ask for smaller folds.")
    return [held.select(range(start, start + size)) for start in range(0, len(held) - size + 1, size)]


def _images(folder: Path, held: Captioned) -> tuple[Pictured, Captioned]:
    """The images that lie there, and what is said of them; a caption goes with its image, with a warning."""
    images = pictured.find(folder, {name: image_path(folder, name, *FOLDERS) for name in held.names})
    owner = held.owner.tolist()
    kept = images.complete(folder, [[held.names[i]] for i in owner])
    return images, held.select(sorted({owner[i] for i in kept}))


def text_to_image(folder: Path, held: Captioned, name: str = "text-to-image") -> Benchmark:
    """Every caption is a query, every image a gallery item; `folder` holds the images."""
    images, held = _images(folder, held)
    text = [caption for mine in held.captions for caption in mine]
    relevant = [[row] for row in held.owner.tolist()]
    return Benchmark(name=name, query=Query(text=text), gallery=images.images, relevant=relevant)


def image_to_text(folder: Path, held: Captioned, name: str = "image-to-text") -> Benchmark:
    """Every image is a query, every caption a gallery item; Recall asks whether any of the image's own is found."""
    images, held = _images(folder, held)
    text = [caption for mine in held.captions for caption in mine]
    ends = np.cumsum([0, *map(len, held.captions)]).tolist()
    relevant = [range(start, stop) for start, stop in pairwise(ends)]
    return Benchmark(name=name, query=Query(image=images.at(held.names)), gallery=text, relevant=relevant)


def train(folder: Path, held: Captioned) -> Triplets:
    """Captions and their images; `reference` numbers the image, so that two captions of one are told apart."""
    images, held = _images(folder, held)
    text = [caption for mine in held.captions for caption in mine]
    names = [held.names[row] for row in held.owner.tolist()]
    return Triplets(query=Query(text=text), target=images.at(names), reference=images.rows(names))


@dataclass(frozen=True)
class Collection:
    """One of the two, as `data check` asks for it."""

    name: str

    def check(self, root: Path) -> list[dict[str, Any]]:
        """Per split and part, how many there should be, how many there are, and how many are missing.

        Expected numbers are the original's, or those counted as a world was published.
        """
        official, folder, splits = self.read(root)
        expected, lines = pictured.expected_counts(root, OFFICIAL[official]), []
        for split, part in splits.items():
            there = {name: image_path(folder, name, *FOLDERS).is_file() for name in part.names}
            lines.append(pictured.line(split, "captions", expected[split]["captions"], len(part.owner)))
            lines.append(pictured.line(split, "images", expected[split]["images"], sum(there.values())))
            needs = pictured.Requirements(
                protocol="text-to-image",
                reference=None,
                others=[(part.names[i],) for i in part.owner.tolist()],
                gallery=() if split == "train" else part.names,
            )
            lines[-1].gone = pictured.gone(there, [needs])
        return lines

    def read(self, root: Path) -> tuple[str, Path, Mapping[str, Captioned]]:
        """Which counts of `OFFICIAL` are due, the folder of the images, and the splits."""
        if self.name == "flickr30k":
            return "flickr30k", root / FOLDER, {split: multi30k(root, split) for split in SPLITS}
        path = root / "dataset_coco.json"
        if path.is_file() or path.with_name(f"{path.name}.gz").is_file():
            return "coco", root, {split: karpathy(path, split) for split in SPLITS}
        return "val2017", root / "val2017", {"val2017": coco(root / "captions_val2017.json")}


FLICKR30K, COCO = Collection("flickr30k"), Collection("coco")
