"""Composed retrieval on real photos: 'this garment, in navy', on the CC0 clothing dataset of Alexey Grigorev.

MAAF §4.1 makes such queries on FashionIQ, whose photos are gone; here the query is a photo and a colour, and every
photo of the same class in that colour is relevant. Senders photographed all their garments on the same floor or bed, so
training and test share no sender.

`data/photos/clothing.csv` names the 1,185 photos (up to 75 of a class), git's hash of each, and the colour of 203 of
them, named by eye. Test colours are these (five classes). Training photos whose colour was not named take the colour of
the training photo named by eye whose garment is nearest in CIE Lab. A garment's colour is the median of those pixels
of the central half that lie farther than 15 from the median of the photo's border (the floor); where fewer than a
fifth do, of the whole central half. `agreement` measures that rule on the training senders alone.
"""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from cirkit.benchmarks import pictured
from cirkit.benchmarks.fetch import matches
from cirkit.benchmarks.folder import changes
from cirkit.benchmarks.photos import square
from cirkit.benchmarks.sources import CLOTHING
from cirkit.errors import Problem
from cirkit.query import Benchmark, Query, Select, Triplets

Senders = Callable[[int], bool]

TEMPLATES = (
    "in {}",
    "the same in {}",
    "like this but {}",
    "{} instead",
    "change the colour to {}",
    "make it {}",
    "one that is {}",
)
NAMING_SIZE = 64  # pixels; the rule above was set at this size


@dataclass(frozen=True)
class Photo:
    """A photo: its file and git's hash of it, who sent it, its class, and its colour if that was named by eye."""

    path: Path
    git: str
    sender: int
    label: str
    colour: str | None


def even(sender: int) -> bool:
    """The training senders."""
    return sender % 2 == 0


def odd(sender: int) -> bool:
    """The test senders."""
    return sender % 2 == 1


def even_to_learn(sender: int) -> bool:
    """Three quarters of the training senders, for choosing hyper-parameters."""
    return sender % 2 == 0 and sender % 8 != 4


def even_to_choose(sender: int) -> bool:
    """The other quarter of the training senders, to validate on."""
    return sender % 8 == 4


def photos(root: Path | str, labels: Path = CLOTHING) -> list[Photo]:
    """The photos that `labels` names, in its order; what else lies in `root` is not looked at."""
    root = Path(root)
    get = f"Run: cirkit data get clothing --root {root}"
    lines = _table(root / "images.csv", ("image", "sender_id", "label"), get)
    by_image = {line["image"]: line for line in lines}
    rows = []
    for line in _table(labels, ("image", "git", "colour"), "Take the file from cirkit's repository."):
        image = line["image"]
        if image not in by_image:
            raise Problem(f"{root / 'images.csv'} lacks {image!r}, which {labels} names. Get the file again.")
        sender, label = by_image[image]["sender_id"], by_image[image]["label"]
        is_number = sender.isascii() and sender.isdigit() and len(sender) < 10
        if not is_number or Path(image).name != image or "\0" in image:
            raise Problem(f"{root / 'images.csv'} has a strange line for {image!r}. Get the file again.")
        rows.append(Photo(root / "images" / f"{image}.jpg", line["git"], int(sender), label, line["colour"] or None))
    return rows


@lru_cache(maxsize=2)  # many runs read the same
def train(
    *,
    root: Path | str,
    image: int = 64,
    seed: int = 0,
    senders: Senders = even,
    draws: int = 4,
    labels: Path = CLOTHING,
) -> Triplets:
    """Same class, other colour, both from `senders`; for every reference and colour, `draws` of the right photos.

    All classes take part; targets and texts are drawn with `seed`. The colours of photos that were not named by eye
    are named by their pixels (see above), so some are wrong.
    """
    chosen = [photo for photo in photos(root, labels) if senders(photo.sender)]
    colours = colour_names(chosen)
    random = np.random.default_rng(seed)
    reference, target, text = [], [], []
    for row, colour, targets in changes([photo.label for photo in chosen], colours):
        for one in random.choice(targets, draws):
            reference.append(row)
            target.append(int(one))
            text.append(TEMPLATES[random.integers(len(TEMPLATES))].format(colour))
    if not text:
        raise Problem("These senders have no class in two colours to learn from. Choose more senders.")
    images = stack(chosen, image)
    query = Query(image=Select(images, torch.tensor(reference)), text=text)
    return Triplets(query=query, target=Select(images, torch.tensor(target)))


@lru_cache(maxsize=2)
def test(
    *, root: Path | str, image: int = 64, senders: Senders = odd, name: str = "clothing", labels: Path = CLOTHING
) -> Benchmark:
    """Every photo of `senders` whose colour was named by eye, with every other colour that its class has among them.

    All photos of the class in that colour are relevant; the reference is excluded. The gallery is these photos and,
    as distractors, the senders' photos of classes that nobody labelled; photos that might be an answer without
    being known as one (a labelled class, no colour) are left out.
    """
    everything = [photo for photo in photos(root, labels) if senders(photo.sender)]
    labelled = {photo.label for photo in everything if photo.colour is not None}
    chosen = [photo for photo in everything if photo.colour is not None or photo.label not in labelled]
    queries = changes([photo.label for photo in chosen], [photo.colour for photo in chosen])
    if not queries:
        raise Problem("These senders have no class in two colours. Choose more senders.")
    images = stack(chosen, image)
    return Benchmark(
        name=name,
        query=Query(
            image=Select(images, torch.tensor([row for row, _, _ in queries])),
            text=[TEMPLATES[i % len(TEMPLATES)].format(colour) for i, (_, colour, _) in enumerate(queries)],
        ),
        gallery=images,
        relevant=[targets for _, _, targets in queries],
        excluded=[[row] for row, _, _ in queries],
    )


def stack(chosen: Sequence[Photo], size: int) -> UInt8[Tensor, "n 3 size size"]:
    """The photos in memory."""
    return torch.stack([square(photo.path, size) for photo in chosen])


def colour_names(chosen: Sequence[Photo]) -> list[str]:
    """The hand label where there is one, else the label of the photo nearest in garment colour among `chosen`."""
    colours = garment_colours(chosen)
    by_eye = [row for row, photo in enumerate(chosen) if photo.colour is not None]
    if not by_eye:
        raise Problem("None of these photos has a colour named by eye. Choose more senders.")
    nearest = torch.cdist(colours, colours[by_eye]).argmin(dim=1).tolist()  # (n,)
    return [photo.colour or str(chosen[by_eye[near]].colour) for photo, near in zip(chosen, nearest, strict=True)]


def agreement(root: Path | str, senders: Senders = even, labels: Path = CLOTHING) -> float:
    """How often the pixels name what the eye did, each photo named by other senders' photos alone."""
    chosen = [p for p in photos(root, labels) if senders(p.sender) and p.colour is not None]
    colours = garment_colours(chosen)
    owner = torch.tensor([photo.sender for photo in chosen])
    distance = torch.cdist(colours, colours).masked_fill(owner[:, None] == owner, torch.inf)
    right = [chosen[near].colour == photo.colour for photo, near in zip(chosen, distance.argmin(1), strict=True)]
    return sum(right) / len(right)


def garment_colours(chosen: Sequence[Photo]) -> Float[Tensor, "n 3"]:
    """The colour of each garment in CIE Lab."""
    return torch.from_numpy(np.stack([garment(square(photo.path, NAMING_SIZE)) for photo in chosen]))


def garment(image: UInt8[Tensor, "3 h w"]) -> Float[np.ndarray, " 3"]:
    """The median of the central half where it differs from the border, in CIE Lab."""
    pixels = lab(image.permute(1, 2, 0).numpy())  # (h, w, 3)
    h, w, _ = pixels.shape
    centre = pixels[h // 4 : h - h // 4, w // 4 : w - w // 4].reshape(-1, 3)
    edge = h // 16
    inner = np.zeros((h, w), dtype=bool)
    inner[edge : h - edge, edge : w - edge] = True
    floor = np.median(pixels[~inner], axis=0)
    far = np.linalg.norm(centre - floor, axis=1) > 15
    return np.median(centre[far] if far.mean() > 0.2 else centre, axis=0)


def lab(rgb: UInt8[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
    """CIE Lab (white D65) of sRGB values from 0 to 255."""
    light = rgb / 255
    light = np.where(light > 0.04045, ((light + 0.055) / 1.055) ** 2.4, light / 12.92)
    matrix = np.array([[0.412456, 0.357576, 0.180438], [0.212673, 0.715152, 0.072175], [0.019334, 0.119192, 0.950304]])
    xyz = light @ (matrix / matrix.sum(1, keepdims=True)).T
    root = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def _table(path: Path, columns: tuple[str, ...], step: str) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise Problem(f"Cannot read {path} ({error}). {step}") from error
    if not lines or any(line.get(column) is None for line in lines for column in columns):
        raise Problem(f"{path} lacks one of the columns {', '.join(columns)}, or is empty. {step}")
    return lines


def check(root: Path, labels: Path = CLOTHING) -> list[dict[str, Any]]:
    """How many photos there should be and are; how many have the bytes of the public archive, not only its names."""
    chosen = photos(root, labels)
    there = {photo.path.name: photo.path.is_file() for photo in chosen}
    counts = {
        "photos": (len(chosen), sum(there.values())),
        "photos as in the archive": (
            len(chosen),
            sum(there[photo.path.name] and matches(photo.path, f"git:{photo.git}") for photo in chosen),
        ),
        "classes": (17, len({photo.label for photo in chosen})),
        "senders": (195, len({photo.sender for photo in chosen})),
        "colours named by eye": (203, sum(photo.colour is not None for photo in chosen)),
    }
    lines = [
        pictured.Line(part=part, expected=expected, found=count, missing=max(0, expected - count))
        for part, (expected, count) in counts.items()
    ]
    lines[0].gone = pictured.gone(there, None)
    return lines
