"""Flickr30k and COCO: pictures and what five people wrote of them; text to picture and picture to text.

The protocol of 001 Table 2 (Karpathy & Fei-Fei 2015): every caption is a query, and every picture one, with
R@1, 5, 10; 1K of COCO is the mean over five folds of the 5,000 test pictures.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from cirkit.benchmarks import pictured
from cirkit.benchmarks.annotations import image_path, need, read_json, read_text, record_error, write_json
from cirkit.benchmarks.pictured import Pictured
from cirkit.errors import Problem
from cirkit.files import write_atomically
from cirkit.query import Benchmark, Query, Triplets
from cirkit.worlds import groups, image_files, statements
from cirkit.worlds import publish as publishing
from cirkit.worlds.render import render
from cirkit.worlds.scene import Scene

SPLITS = ("train", "val", "test")
MULTI30K = {"train": "train", "val": "val", "test": "test_2016"}
OFFICIAL = {"train": 29_000, "val": 1_014, "test": 1_000}  # Flickr30k, five captions each; entities has another split
FOLDER = "flickr30k-images"
VERSION = 1  # of the world: raise it when the same Size would give other bytes


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a world of captioned pictures."""

    train: int  # pictures
    val: int
    test: int
    image: int = 64  # pixels
    seed: int = 0
    least: int = 0  # small things, beside two large ones
    most: int = 3
    camera: float = 0.3  # world units, by which the camera strays from picture to picture
    light: float = 0.15  # the same for the direction of the light


SIZES = {
    "smoke": Size(train=20, val=10, test=15, image=32),
    "cpu": Size(train=4000, val=500, test=1000),
    "gpu": Size(train=29000, val=1014, test=1000, image=96),
}


@dataclass(frozen=True)
class Captioned:
    """Pictures by their paths below the picture folder, and the captions of each: five, or for a few of COCO more."""

    names: tuple[str, ...]
    captions: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def owner(self) -> Int[Tensor, " t"]:
        """The number of each caption's picture; captions stand picture after picture."""
        counts = torch.tensor([len(mine) for mine in self.captions])
        return torch.arange(len(self)).repeat_interleave(counts)

    def select(self, rows: Sequence[int]) -> "Captioned":
        """Some of the pictures with their captions."""
        return Captioned(tuple(self.names[i] for i in rows), tuple(self.captions[i] for i in rows))


def _checked(path: Path, names: list[str], captions: list[tuple[str, ...]]) -> Captioned:
    """Raises Problem where there is nothing, a picture stands twice, or one has no caption."""
    if not names or len({PurePosixPath(name) for name in names}) != len(names):
        raise Problem(f"{path} names no picture of the split, or one twice. Download it again.")
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
            said = need(record, "sentences", list, path, number)
            captions.append(tuple(need(sentence, "raw", str, path, number) for sentence in said))
    return _checked(path, names, captions)


def multi30k(root: Path, split: str) -> Captioned:
    """A split of Flickr30k as Multi30k's task 2 has it: `image_splits/<split>_images.txt`, `raw/<split>.<k>.en`.

    Caption k is neither a rank nor a person. The test pictures stand in the order of SCAN's `test_caps.txt`.
    """
    folder, name = root / "multi30k_task2", MULTI30K[split]
    path = folder / "image_splits" / f"{name}_images.txt"
    names = _lines(path)
    columns = []
    for k in range(1, 6):
        columns.append(_lines(folder / "raw" / f"{name}.{k}.en"))
        if len(columns[-1]) != len(names):
            raise Problem(
                f"{folder / 'raw'}/{name}.{k}.en has {len(columns[-1])} lines for {len(names)} pictures. Mend it."
            )
    return _checked(path, names, list(zip(*columns, strict=True)))


def _lines(path: Path) -> list[str]:
    """The lines of a text file; only a line feed ends one, as captions hold other marks that Python would split at."""
    return [line.strip() for line in read_text(path).removesuffix("\n").split("\n")]


def coco(path: Path) -> Captioned:
    """Pictures and captions of a COCO annotation file, in its order; 13 pictures of val2017 have six or seven."""
    content = read_json(path, dict)
    held: dict[int, str] = {}
    said: dict[int, list[str]] = {}
    for number, record in enumerate(need(content, "images", list, path, "the top")):
        key = need(record, "id", int, path, number)
        if key in held:
            raise record_error(path, number, f"has the id {key} of an earlier one")
        held[key] = need(record, "file_name", str, path, number)
    for number, record in enumerate(need(content, "annotations", list, path, "the top")):
        key = need(record, "image_id", int, path, number)
        if key not in held:
            raise record_error(path, number, f"captions picture {key}, which the file does not list")
        said.setdefault(key, []).append(need(record, "caption", str, path, number).strip())
    return _checked(path, list(held.values()), [tuple(said.get(key, ())) for key in held])


def karpathy_ids(path: Path) -> dict[str, int]:
    """A list of COCO pictures, `val2014/COCO_val2014_<id>.jpg <id>` a line; not in the order of SCAN's `testall`."""
    found: dict[str, int] = {}
    for number, line in enumerate(_lines(path)):
        name, _, key = line.partition(" ")
        if not key.isascii() or not key.isdigit() or not name.endswith(f"_{int(key):012d}.jpg") or name in found:
            raise record_error(path, number, f"is {line!r}, not a new picture and its number")
        found[name] = int(key)
    return found


def folds(held: Captioned, size: int = 1000) -> list[Captioned]:
    """COCO's 1K protocol: the mean over folds of `size` pictures each, in order; a rest too small is left out."""
    if len(held) < size:
        raise Problem(f"{len(held)} pictures give no fold of {size}. Ask for smaller folds.")
    return [held.select(range(start, start + size)) for start in range(0, len(held) - size + 1, size)]


def _pictures(folder: Path, held: Captioned) -> tuple[Pictured, Captioned]:
    """The pictures that lie there, and what is said of them; a caption goes with its picture, with a warning."""
    images = pictured.find(folder, {name: image_path(folder, name) for name in held.names})
    owner = held.owner.tolist()
    kept = images.complete(folder, [[held.names[i]] for i in owner])
    return images, held.select(sorted({owner[i] for i in kept}))


def text_to_image(folder: Path, held: Captioned, name: str = "text-to-image") -> Benchmark:
    """Every caption is a query, every picture a gallery item; `folder` holds the pictures."""
    images, held = _pictures(folder, held)
    text = [caption for mine in held.captions for caption in mine]
    relevant = [[row] for row in held.owner.tolist()]
    return Benchmark(name=name, query=Query(text=text), gallery=images.images, relevant=relevant)


def image_to_text(
    scores: Float[Tensor, "t n"], owner: Int[Tensor, " t"]
) -> tuple[Float[np.ndarray, " t"], Int[np.ndarray, " n_plus_one"], int]:
    """Ranks of every picture's captions among all captions, from the scores of `text_to_image`.

    A Benchmark's gallery holds pictures, so this direction reads the same scores down their columns: what comes out
    are the first three fields of `evaluators.measures.Ranks`. Recall asks whether any of the five is in the first k.
    """
    values, counts = [], []
    for picture, column in enumerate(scores.T):
        mine = column[owner == picture][:, None]
        values.append(1 + (column > mine).sum(1) + ((column == mine).sum(1) - 1) / 2)
        counts.append(len(mine))
    offsets = np.cumsum([0, *counts])
    return torch.cat(values).double().cpu().numpy(), offsets, len(owner)


def train(folder: Path, held: Captioned) -> Triplets:
    """Captions and their pictures; `reference` numbers the picture, so that two captions of one are told apart."""
    images, held = _pictures(folder, held)
    text = [caption for mine in held.captions for caption in mine]
    names = [held.names[row] for row in held.owner.tolist()]
    return Triplets(query=Query(text=text), target=images.at(names), reference=images.rows(names))


@lru_cache(maxsize=4)
def world(size: Size, split: str) -> tuple[list[Scene], list[tuple[str, ...]]]:
    """Scenes and their five captions, from the size alone; no two splits share their large things."""
    rng = np.random.default_rng([size.seed, 31 + SPLITS.index(split)])
    mine = groups.cores()["test1" if split == "test" else split]
    scenes, said = [], []
    for _ in range(getattr(size, split)):
        things = groups.sample(rng, mine[rng.integers(len(mine))], (size.least, size.most))
        scenes.append(groups.dress(rng, things, size.camera, size.light))
        said.append(statements.captions(rng, things))
    return scenes, said


def pictures(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given pictures of a split, drawn again from the size alone: the same bytes as those published."""
    scenes, _ = world(size, split)
    return render([scenes[row] for row in rows], size.image).images


def manifest(size: Size) -> dict[str, Any]:
    """What `world.json` says of a world of this size."""
    return {"world": "captions", "version": VERSION, "size": dataclasses.asdict(size)}


def published(size: Size, home: Path | None = None) -> Path:
    """The folder of this world in the data folder `home`; drawn now if it is not there yet."""
    root = publishing.folder_of(manifest(size), home)
    publish(root, size)
    return root


def publish(root: Path, size: Size) -> None:
    """Write the world of this size to `root` in Karpathy's and Multi30k's layouts; at once if it is there already."""
    publishing.once(root, manifest(size), lambda folder: _write(folder, size))


def _write(folder: Path, size: Size) -> None:
    """`dataset_flickr30k.json`, `multi30k_task2/` and the pictures both name."""
    records: list[dict[str, Any]] = []
    for split in SPLITS:
        _, said = world(size, split)
        names = [f"{1_000_000 * (1 + SPLITS.index(split)) + 7 * row}.jpg" for row in range(len(said))]
        for name, mine in zip(names, said, strict=True):
            number, sentences = len(records), []
            for k, raw in enumerate(mine):
                tokens = raw.lower().replace(",", "").replace(".", "").split()
                sentences.append({"tokens": tokens, "raw": raw, "imgid": number, "sentid": 5 * number + k})
            keys = {"sentids": [sentence["sentid"] for sentence in sentences], "imgid": number, "sentences": sentences}
            records.append({**keys, "split": split, "filename": name})
        task = folder / "multi30k_task2"
        write_atomically(task / "image_splits" / f"{MULTI30K[split]}_images.txt", "\n".join(names) + "\n")
        for k in range(5):
            lines = "\n".join(mine[k] for mine in said)
            write_atomically(task / "raw" / f"{MULTI30K[split]}.{k + 1}.en", lines + "\n")
        for start in range(0, len(names), 512):
            part = range(start, min(len(names), start + 512))
            image_files.save(folder / FOLDER, names[start : start + 512], pictures(size, split, part))
    write_json(folder / "dataset_flickr30k.json", {"images": records, "dataset": "flickr30k"})


@lru_cache(maxsize=2)
def world_train(size: Size) -> Triplets:
    """`train` of the world of this size, drawn first if need be; kept, since many runs ask for the same."""
    root = published(size)
    return train(root / FOLDER, multi30k(root, "train"))


@lru_cache(maxsize=2)
def world_test(size: Size) -> Benchmark:
    """`text_to_image` of the world of this size; kept likewise."""
    root = published(size)
    return text_to_image(root / FOLDER, multi30k(root, "test"))


def check(root: Path) -> list[dict[str, Any]]:
    """Per split of Flickr30k and part, how many there should be, how many there are, and how many are missing.

    Expected numbers are the original's, or those of the world where `root` is one.
    """
    size, lines = pictured.size_of(root, "captions", Size, manifest), []
    for split in SPLITS:
        expected = OFFICIAL[split] if size is None else getattr(size, split)
        held = multi30k(root, split)
        found = {name: image_path(root / FOLDER, name).is_file() for name in held.names}
        lines.append(pictured.line(split, "captions", 5 * expected, len(held.owner)))
        lines.append(pictured.line(split, "pictures", expected, sum(found.values())))
        needs = pictured.Requirements(
            protocol="text-to-image",
            reference=None,
            others=[(held.names[i],) for i in held.owner.tolist()],
            gallery=() if split == "train" else held.names,
        )
        lines[-1].gone = pictured.gone(found, [needs])
    return lines
