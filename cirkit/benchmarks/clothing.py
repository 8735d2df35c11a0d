"""Composed retrieval on real photos: 'this garment, in navy', on the CC0 clothing dataset of Alexey Grigorev.

MAAF §4.1 asks such questions of Fashion IQ, whose photos are gone; here the query is a photo and a colour, and every
photo of the same class in that colour answers. Senders photographed all their garments on the same floor or bed, so
training and test share no sender.

Test colours are named by hand (203 photos of five classes). Training photos without a hand label take the colour of
the hand-labelled training photo whose garment is nearest in CIE Lab. A garment's colour is the median of those pixels
of the central half that lie farther than 15 from the median of the photo's border (the floor); where fewer than a
fifth do, of the whole central half. `agreement` measures that rule on the training senders alone.
"""

import csv
import os
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
from cirkit.benchmarks.folder import changes
from cirkit.benchmarks.photos import square
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
    """One line of images.csv, with the colour from manual_colour.csv if it has one."""

    path: Path
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


def default_root() -> Path:
    """The folder in the variable CIRKIT_PHOTOS, or the copy beside the repository."""
    if "CIRKIT_PHOTOS" in os.environ:
        return Path(os.environ["CIRKIT_PHOTOS"])
    beside = Path(__file__).parents[2].parent / "shared" / "data" / "images_clothing_cc0"
    if beside.is_dir():
        return beside
    raise Problem(
        "The clothing photos are not here. Get the CC0 clothing dataset (github.com/alexeygrigorev/clothing-dataset), "
        "add manual_colour.csv (image, label, colour), and set CIRKIT_PHOTOS to its folder."
    )


def photos(root: Path) -> list[Photo]:
    """All photos of images.csv, in its order."""
    colours = {line["image"]: line["colour"] for line in _table(root / "manual_colour.csv", ("image", "colour"))}
    lines = _table(root / "images.csv", ("image", "sender_id", "label"))
    unknown = set(colours) - {line["image"] for line in lines}
    if unknown:
        raise Problem(f"{root / 'manual_colour.csv'} names {min(unknown)}, which images.csv lacks. Use one release.")
    found = []
    for line in lines:
        if not line["sender_id"].isdigit() or Path(line["image"]).name != line["image"]:
            raise Problem(f"{root / 'images.csv'} has a strange line for {line['image']!r}. Get the file again.")
        path = root / "images" / f"{line['image']}.jpg"
        found.append(Photo(path, int(line["sender_id"]), line["label"], colours.get(line["image"])))
    return found


def train(
    root: Path | None = None, image: int = 64, seed: int = 0, senders: Senders = even, draws: int = 4
) -> Triplets:
    """Same class, other colour, both from `senders`; for every reference and colour, `draws` of the right photos.

    All classes take part; targets and sentences are drawn with `seed`. The colours of photos without a hand label are
    named by their pixels (see above), so some are wrong.
    """
    chosen = [photo for photo in photos(root or default_root()) if senders(photo.sender)]
    colours = named(chosen)
    random = np.random.default_rng(seed)
    reference, target, text = [], [], []
    for row, colour, answers in changes([photo.label for photo in chosen], colours):
        for answer in random.choice(answers, draws):
            reference.append(row)
            target.append(int(answer))
            text.append(TEMPLATES[random.integers(len(TEMPLATES))].format(colour))
    if not text:
        raise Problem("These senders have no class in two colours to learn from. Choose more senders.")
    pictures = decoded(chosen, image)
    asked = Query(image=Select(pictures, torch.tensor(reference)), text=text)
    return Triplets(query=asked, target=Select(pictures, torch.tensor(target)))


def test(root: Path | None = None, image: int = 64, senders: Senders = odd, name: str = "clothing") -> Benchmark:
    """Every hand-labelled photo of `senders` with every other colour that its class has among them.

    All photos of the class in that colour answer; the reference is hidden. The gallery is the hand-labelled photos
    and, as distractors, the senders' photos of classes that nobody labelled; photos that might be an answer without
    being known as one (a labelled class, no colour) are left out.
    """
    everything = [photo for photo in photos(root or default_root()) if senders(photo.sender)]
    labelled = {photo.label for photo in everything if photo.colour is not None}
    chosen = [photo for photo in everything if photo.colour is not None or photo.label not in labelled]
    asked = changes([photo.label for photo in chosen], [photo.colour for photo in chosen])
    if not asked:
        raise Problem("These senders have no class in two colours. Choose more senders.")
    pictures = decoded(chosen, image)
    return Benchmark(
        name=name,
        query=Query(
            image=Select(pictures, torch.tensor([row for row, _, _ in asked])),
            text=[TEMPLATES[i % len(TEMPLATES)].format(colour) for i, (_, colour, _) in enumerate(asked)],
        ),
        gallery=pictures,
        relevant=[answers for _, _, answers in asked],
        excluded=[[row] for row, _, _ in asked],
    )


@lru_cache(maxsize=2)
def kept_train(image: int) -> Triplets:
    """`train` of the folder that `default_root` names; kept, since many runs ask for the same."""
    return train(image=image)


@lru_cache(maxsize=2)
def kept_test(image: int) -> Benchmark:
    """`test` of that folder; kept likewise."""
    return test(image=image)


def decoded(chosen: Sequence[Photo], size: int) -> UInt8[Tensor, "n 3 size size"]:
    """The photos in memory."""
    return torch.stack([square(photo.path, size) for photo in chosen])


def named(chosen: Sequence[Photo]) -> list[str]:
    """The hand label where there is one, else the label of the photo nearest in garment colour among `chosen`."""
    colours = garment_colours(chosen)
    by_hand = [row for row, photo in enumerate(chosen) if photo.colour is not None]
    if not by_hand:
        raise Problem("None of these photos has a colour named by hand. Choose more senders.")
    nearest = torch.cdist(colours, colours[by_hand]).argmin(dim=1).tolist()  # (n,)
    return [photo.colour or str(chosen[by_hand[near]].colour) for photo, near in zip(chosen, nearest, strict=True)]


def agreement(root: Path | None = None, senders: Senders = even) -> float:
    """How often the pixels name what the hand did, each photo named by other senders' photos alone."""
    chosen = [p for p in photos(root or default_root()) if senders(p.sender) and p.colour is not None]
    colours = garment_colours(chosen)
    owner = torch.tensor([photo.sender for photo in chosen])
    distance = torch.cdist(colours, colours).masked_fill(owner[:, None] == owner, torch.inf)
    right = [chosen[near].colour == photo.colour for photo, near in zip(chosen, distance.argmin(1), strict=True)]
    return sum(right) / len(right)


def garment_colours(chosen: Sequence[Photo]) -> Float[Tensor, "n 3"]:
    """The colour of each garment in CIE Lab."""
    return torch.from_numpy(np.stack([garment(square(photo.path, NAMING_SIZE)) for photo in chosen]))


def garment(picture: UInt8[Tensor, "3 h w"]) -> Float[np.ndarray, " 3"]:
    """The median of the central half where it differs from the border, in CIE Lab."""
    pixels = lab(picture.permute(1, 2, 0).numpy())  # (h, w, 3)
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


def _table(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise Problem(
            f"Cannot read {path} ({error}). Set CIRKIT_PHOTOS to the folder of the clothing photos."
        ) from error
    if not lines or any(line.get(column) is None for line in lines for column in columns):
        raise Problem(f"{path} lacks one of the columns {', '.join(columns)}, or is empty. Get the file again.")
    return lines


def check(root: Path) -> list[dict[str, Any]]:
    """How many lines and photos there should be (counted in the release this benchmark was made with), and are."""
    found = photos(root)
    there = {photo.path.name: photo.path.is_file() for photo in found}
    counts = {
        "photos": (1185, sum(there.values())),
        "classes": (17, len({photo.label for photo in found})),
        "senders": (195, len({photo.sender for photo in found})),
        "colours named by hand": (203, sum(photo.colour is not None for photo in found)),
    }
    lines = [
        pictured.Line(part=part, expected=expected, found=count, missing=max(0, expected - count))
        for part, (expected, count) in counts.items()
    ]
    lines[0].gone = pictured.gone(there, None)
    return lines
