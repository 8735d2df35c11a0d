"""A world in the layout of CUB-200-2011: classes of parametric birds, boxes, attributes and ten captions an image.

Attention §4.4: what AttnGAN paints can be judged exactly here, since the parts and colours a caption names are known.
"""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from cirkit.benchmarks.cub import CAPTIONS, FOLDER
from cirkit.benchmarks.cub_attributes import NAMES
from cirkit.benchmarks.pictured import Counts
from cirkit.errors import Problem
from cirkit.files import write_atomically
from cirkit.worlds.birds import BEAKS, Look, Picture, Species, boxes, draw, genera, look
from cirkit.worlds.birds_language import caption
from cirkit.worlds.image_files import as_saved, save
from cirkit.worlds.publish import World

SPLITS = ("train", "test")  # by image, as in train_test_split.txt: every second one
KIN = 4  # species per genus
NAMED = dict(zip(BEAKS, ("Finch", "Hummingbird", "Kingfisher", "Kestrel", "Warbler"), strict=True))


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a CUB world."""

    classes: int
    held: int  # of them, test classes of the division by class; the last ones, whole genera
    each: int  # images per class
    image: int = 64
    image_format: str = "jpg"  # as the official lists name them; "png" loses nothing
    seed: int = 0


SIZES = {
    "smoke": Size(classes=8, held=4, each=4, image=32),
    "cpu": Size(classes=60, held=12, each=30),
    "gpu": Size(classes=200, held=48, each=59, image=128),
}


@dataclass(frozen=True)
class Flock:
    """Row i of `label`, `looks` and `captions` is image i, of the species `species[label[i]]`."""

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
    birds = Flock(species, [], [], [])
    for label, kind in enumerate(species):
        rng = np.random.default_rng([size.seed, label, 1])
        for _ in range(size.each):
            birds.label.append(label)
            birds.looks.append(look(rng))
            birds.captions.append([caption(rng, kind) for _ in range(CAPTIONS)])
    return birds


def drawing(size: Size, rows: Sequence[int]) -> Picture:
    """The given images, numbered as in images.txt but from 0, with the part of each pixel."""
    birds = flock(size)
    kinds = [birds.species[birds.label[row]] for row in rows]
    return draw(kinds, [birds.looks[row] for row in rows], (size.image, size.image))


def images(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given images of a half (`SPLITS`), drawn again from the size alone: the same pixels as those published."""
    half = range(SPLITS.index(split), size.classes * size.each, len(SPLITS))
    return as_saved(drawing(size, [half[row] for row in rows]).images, size.image_format)


def class_name(number: int, species: Species) -> str:
    """A name such as 003.Red_crowned_Finch; the number makes it the only one."""
    crest = "crested" if species.crest else "crowned"
    return f"{number:03d}.{species.crown.capitalize()}_{crest}_{NAMED[species.beak]}"


def write(folder: Path, size: Size) -> Counts:
    """CUB_200_2011/, attributes.txt, text/, the lists of classes, and the pickles that AttnGAN's loader asks for."""
    birds = flock(size)
    base, names = folder / FOLDER, [class_name(number, kind) for number, kind in enumerate(birds.species, 1)]
    for name in names:
        (folder / "text" / name).mkdir(parents=True)
    stems = [f"{names[label]}/{names[label][4:]}_{row + 1:05d}" for row, label in enumerate(birds.label)]
    paths, edges = [f"{stem}.{size.image_format}" for stem in stems], []
    for start in range(0, len(stems), 256):
        rows = range(start, min(start + 256, len(stems)))
        drawn = drawing(size, rows)
        edges += boxes(drawn.owner).tolist()
        save(base / "images", paths[start : start + 256], drawn.images, size.image_format)
        for row in rows:
            (folder / "text" / f"{stems[row]}.txt").write_text("\n".join(birds.captions[row]) + "\n")
    true = [true_of(kind) for kind in birds.species]
    lines = {
        base / "images.txt": paths,
        base / "image_class_labels.txt": [str(label + 1) for label in birds.label],
        base / "train_test_split.txt": [str(1 - row % 2) for row in range(len(stems))],
        base / "bounding_boxes.txt": [" ".join(f"{edge:.1f}" for edge in box) for box in edges],
        base / "classes.txt": names,
        folder / "attributes.txt": list(NAMES),
    }
    for path, words in lines.items():
        write_atomically(path, "".join(f"{number} {word}\n" for number, word in enumerate(words, 1)))
    marks = [
        f"{row} {column} {int(name in true[label])} 4 1.0\n"
        for row, label in enumerate(birds.label, 1)
        for column, name in enumerate(NAMES, 1)
    ]
    write_atomically(base / "attributes" / "image_attribute_labels.txt", "".join(marks))
    shares = [" ".join("100.0" if name in held else "0.0" for name in NAMES) for held in true]
    write_atomically(base / "attributes" / "class_attribute_labels_continuous.txt", "\n".join(shares) + "\n")
    write_atomically(folder / "trainclasses.txt", "\n".join(names[: -size.held]) + "\n")
    write_atomically(folder / "testclasses.txt", "\n".join(names[-size.held :]) + "\n")
    first = size.each * (size.classes - size.held)
    for split, part in (("train", range(first)), ("test", range(first, len(stems)))):
        write_atomically(folder / split / "filenames.pickle", pickle.dumps([stems[row] for row in part], protocol=2))
        classes = [birds.label[row] + 1 for row in part]
        write_atomically(folder / split / "class_info.pickle", pickle.dumps(classes, protocol=2))
    counts = {split: len(stems[number :: len(SPLITS)]) for number, split in enumerate(SPLITS)}
    return {split: {"images": count, "captions": count * CAPTIONS} for split, count in counts.items()}


def true_of(species: Species) -> frozenset[str]:
    """The names of the attributes that hold for every bird of the species."""
    sizes = {"small": "small_(5_-_9_in)", "medium": "medium_(9_-_16_in)", "large": "large_(16_-_32_in)"}
    length = {"needle": "longer_than_head", "dagger": "about_the_same_as_head"}.get(species.beak, "shorter_than_head")
    head = "crested" if species.crest else {"ring": "eyering", "line": "eyeline"}.get(species.eye, "plain")
    if head == "plain" and species.crown != species.head:
        head = "capped"
    values = {
        "has_bill_shape": species.beak,
        "has_bill_length": length,
        "has_bill_color": species.beak_colour,
        "has_wing_color": species.wing,
        "has_wing_pattern": "striped" if species.bars else "solid",
        "has_upperparts_color": species.back,
        "has_back_color": species.back,
        "has_nape_color": species.head,
        "has_back_pattern": "solid",
        "has_underparts_color": species.belly,
        "has_belly_color": species.belly,
        "has_belly_pattern": "solid",
        "has_breast_color": species.breast,
        "has_breast_pattern": "solid" if species.pattern == "plain" else species.pattern,
        "has_upper_tail_color": species.tail,
        "has_under_tail_color": species.tail,
        "has_tail_pattern": "solid",
        "has_tail_shape": "pointed_tail" if species.long_tail else "squared_tail",
        "has_head_pattern": head,
        "has_throat_color": species.head,
        "has_forehead_color": species.crown,
        "has_crown_color": species.crown,
        "has_eye_color": "black",
        "has_leg_color": species.legs,
        "has_primary_color": species.back,
        "has_size": sizes[species.size],
        "has_shape": "perching-like",
        "has_wing_shape": "pointed-wings",
    }
    return frozenset(f"{group}::{value}" for group, value in values.items())


CUB = World(name="cub", version=2, sizes=SIZES, write=write, images=images)
