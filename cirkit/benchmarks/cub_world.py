"""A world in the layout of CUB-200-2011: classes of parametric birds, boxes, attributes and ten captions a picture.

Attention §4.4: what AttnGAN paints can be judged exactly here, since the parts and colours a caption names are known.
"""

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from cirkit.benchmarks import cub, pictured
from cirkit.benchmarks.cub import FOLDER, OFFICIAL, Captioned, Protocol, whole
from cirkit.benchmarks.cub_attributes import NAMES, true_of
from cirkit.errors import Problem
from cirkit.files import write_atomically
from cirkit.worlds import publish as publishing
from cirkit.worlds.birds import BEAKS, Look, Picture, Species, boxes, draw, genera, look
from cirkit.worlds.birds_language import caption

CAPTIONS = 10  # per picture
VERSION = 1  # of the world: raise it when the same Size would give other bytes
KIN = 4  # species per genus
NAMED = dict(zip(BEAKS, ("Finch", "Hummingbird", "Kingfisher", "Kestrel", "Warbler"), strict=True))


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a CUB world."""

    classes: int
    held: int  # of them, test classes of the division by class; the last ones, whole genera
    each: int  # pictures per class
    image: int = 64
    seed: int = 0


SIZES = {
    "smoke": Size(classes=8, held=4, each=4, image=32),
    "cpu": Size(classes=60, held=12, each=30),
    "gpu": Size(classes=200, held=48, each=59, image=128),
}


@dataclass(frozen=True)
class Flock:
    """Row i of `label`, `looks` and `captions` is picture i, of the species `species[label[i]]`."""

    species: list[Species]
    label: list[int]
    looks: list[Look]
    captions: list[list[str]]


@lru_cache(maxsize=4)
def flock(size: Size) -> Flock:
    """All classes, from the size alone; the held ones share no genus with the others."""
    if size.classes % KIN or size.held % KIN or not 0 < size.held < size.classes:
        raise Problem(f"{size} does not split into genera of {KIN}. Ask for classes and held in multiples of {KIN}.")
    species = genera(np.random.default_rng([size.seed, 9]), size.classes // KIN, KIN)
    made = Flock(species, [], [], [])
    for label, kind in enumerate(species):
        rng = np.random.default_rng([size.seed, label, 1])
        for _ in range(size.each):
            made.label.append(label)
            made.looks.append(look(rng))
            made.captions.append([caption(rng, kind) for _ in range(CAPTIONS)])
    return made


def drawn(size: Size, rows: Sequence[int]) -> Picture:
    """The given pictures, numbered as in images.txt but from 0, with the part of each pixel."""
    made = flock(size)
    kinds = [made.species[made.label[row]] for row in rows]
    return draw(kinds, [made.looks[row] for row in rows], (size.image, size.image))


def pictures(size: Size, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given pictures, drawn again from the size alone: the same bytes as those published."""
    return drawn(size, rows).images


def class_name(number: int, species: Species) -> str:
    """A name such as 003.Red_crowned_Finch; the number makes it the only one."""
    crest = "crested" if species.crest else "crowned"
    return f"{number:03d}.{species.crown.capitalize()}_{crest}_{NAMED[species.beak]}"


def manifest(size: Size) -> dict[str, Any]:
    """What `world.json` says of a world of this size."""
    return {"world": "cub", "version": VERSION, "size": dataclasses.asdict(size)}


def publish(root: Path, size: Size) -> None:
    """Write the world of this size to `root` in the official format; at once if it is there already."""
    publishing.once(root, manifest(size), lambda folder: _write(folder, size))


def published(size: Size, home: Path | None = None) -> Path:
    """The folder of this world in the data folder `home`; drawn now if it is not there yet."""
    root = publishing.folder_of(manifest(size), home)
    publish(root, size)
    return root


def _write(folder: Path, size: Size) -> None:
    """CUB_200_2011/, attributes.txt, text/ and the two lists of classes."""
    from PIL import Image

    made = flock(size)
    base, names = folder / FOLDER, [class_name(number, kind) for number, kind in enumerate(made.species, 1)]
    for name in names:
        (base / "images" / name).mkdir(parents=True)
        (folder / "text" / name).mkdir(parents=True)
    stems = [f"{names[label]}/{names[label][4:]}_{row + 1:05d}" for row, label in enumerate(made.label)]
    found: list[list[int]] = []
    for start in range(0, len(stems), 256):
        rows = range(start, min(start + 256, len(stems)))
        drawing = drawn(size, rows)
        found += boxes(drawing.owner).tolist()
        for row, pixels in zip(rows, drawing.images.permute(0, 2, 3, 1).numpy(), strict=True):
            Image.fromarray(pixels).save(base / "images" / f"{stems[row]}.png", compress_level=1)
            (folder / "text" / f"{stems[row]}.txt").write_text("\n".join(made.captions[row]) + "\n")
    true = [true_of(kind) for kind in made.species]
    lines = {
        base / "images.txt": [f"{stem}.png" for stem in stems],
        base / "image_class_labels.txt": [str(label + 1) for label in made.label],
        base / "train_test_split.txt": [str(1 - row % 2) for row in range(len(stems))],
        base / "bounding_boxes.txt": [" ".join(f"{edge:.1f}" for edge in box) for box in found],
        base / "classes.txt": names,
        folder / "attributes.txt": list(NAMES),
    }
    for path, words in lines.items():
        write_atomically(path, "".join(f"{number} {word}\n" for number, word in enumerate(words, 1)))
    marks = [
        f"{row} {column} {int(name in true[label])} 4 1.0\n"
        for row, label in enumerate(made.label, 1)
        for column, name in enumerate(NAMES, 1)
    ]
    write_atomically(base / "attributes" / "image_attribute_labels.txt", "".join(marks))
    shares = [" ".join("100.0" if name in held else "0.0" for name in NAMES) for held in true]
    write_atomically(base / "attributes" / "class_attribute_labels_continuous.txt", "\n".join(shares) + "\n")
    write_atomically(folder / "trainclasses.txt", "\n".join(names[: -size.held]) + "\n")
    write_atomically(folder / "testclasses.txt", "\n".join(names[-size.held :]) + "\n")


@lru_cache(maxsize=2)
def world_train(size: Size) -> Captioned:
    """`cub.train` by class on the world of this size, drawn first if need be; kept."""
    return cub.train(published(size), Protocol(crop=whole, size=size.image))


@lru_cache(maxsize=2)
def world_test(size: Size) -> Captioned:
    """`cub.test` by class on the world of this size; kept likewise."""
    return cub.test(published(size), Protocol(crop=whole, size=size.image))


def check(root: Path) -> list[dict[str, Any]]:
    """Per half of train_test_split.txt, how many pictures and captions there should be, are, and are missing.

    Expected numbers are the original's, or those of the world where `root` is one.
    """
    made, expected = pictured.manifest_of(root), OFFICIAL
    if made is not None:
        try:
            size = Size(**made["size"])
        except (KeyError, TypeError) as error:
            raise Problem(f"{root / pictured.MANIFEST} describes no flock. Publish it again.") from error
        if manifest(size) != made:
            raise Problem(f"{root} was made by another version of this world. Remove it and publish it again.")
        count = size.classes * size.each
        halves = {"train": (count + 1) // 2, "test": count // 2}
        expected = {split: {"pictures": n, "captions": n * CAPTIONS} for split, n in halves.items()}
    read, lines = cub.listing(root), []
    for split in ("train", "test"):
        photos = [photo for photo in read.photos if photo.training == (split == "train")]
        there = [photo for photo in photos if os.path.isfile(cub.base(root) / "images" / photo.path)]
        said = sum(len(cub.described(root, photo)) for photo in there)
        for part, count in (("pictures", len(there)), ("captions", said)):
            due = expected[split][part]
            lines.append(pictured.line(split, part, due, count))
        here = {photo.path for photo in there}
        lying = {photo.path: photo.path in here for photo in photos}
        needs = pictured.Requirements(
            protocol=cub.OFFICIAL_SPLIT.name,
            reference=None,
            others=[(photo.path,) for photo in photos for _ in range(CAPTIONS)],
            gallery=() if split == "train" else list(lying),
        )
        lines[-2].gone = pictured.gone(lying, [needs])
    return lines
