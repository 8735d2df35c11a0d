"""Laion-CIR: training triplets whose sentences a template, a language model, or both wrote. Format read and written.

Liu et al. 2023 (TransAgg), 002 Tables 1, 2: 16,000 triplets each over LAION-COCO, about 32,000 combined. Train only.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from cirkit.benchmarks import pictured
from cirkit.benchmarks.annotations import image_path, need, read_json, record_error, write_json
from cirkit.errors import Problem
from cirkit.query import Query, Triplets
from cirkit.worlds import groups, image_files, statements
from cirkit.worlds import publish as publishing
from cirkit.worlds.render import render
from cirkit.worlds.scene import Scene

IMAGES = "images"  # the folder is not named anywhere; pictures directly below the root are found, too
VERSION = 1  # of the world: raise it when the same Size would give other bytes


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a Laion-CIR world."""

    triplets: int  # per way of writing
    image: int = 64  # pixels
    seed: int = 0
    least: int = 1  # small things in a reference
    most: int = 4
    camera: float = 0.3  # world units, by which the camera strays from picture to picture
    light: float = 0.15  # the same for the direction of the light


SIZES = {
    "smoke": Size(triplets=20, image=32),
    "cpu": Size(triplets=4000),
    "gpu": Size(triplets=16000, image=96),
}


@dataclass(frozen=True)
class Triplet:
    """One record; ids are digits. `target_caption` is what the language model said of the target, else None."""

    reference: str
    caption: str
    target: str
    target_caption: str | None = None


@dataclass(frozen=True, kw_only=True)
class Source:
    """Who wrote the sentences: the file, how it is read, and how many triplets the original has."""

    name: str
    file: str
    read: Callable[[Path], list[Triplet]]
    triplets: int


def _listed(path: Path) -> list[Triplet]:
    """Template and combined: a list of records; a reference may stand in several."""
    return [_triplet(path, n, record, "ref_image_id") for n, record in enumerate(read_json(path, list))]


def _keyed(path: Path) -> list[Triplet]:
    """The language model's: an object by reference id, so one triplet per reference."""
    found = []
    for key, record in read_json(path, dict).items():
        said = need(record, "tgt_cap", str, path, key)
        found.append(dataclasses.replace(_triplet(path, key, {**record, "ref": key}, "ref"), target_caption=said))
    return found


def _triplet(path: Path, number: int | str, record: Any, reference: str) -> Triplet:
    """One record, checked. Ids are strings but for 2,000 targets of the template file, which are numbers."""
    names = [str(need(record, key, (str, int), path, number)) for key in (reference, "tgt_image_id")]
    for name in names:
        if not (name.isascii() and name.isdigit() and len(name) <= 12):
            raise record_error(path, number, f"has the picture id {name!r}, which is no number")
    caption = need(record, "relative_cap", str, path, number)
    if names[0] == names[1] or not caption.strip():
        raise record_error(path, number, "leads from a picture to itself or says nothing")
    return Triplet(names[0], caption, names[1])


TEMPLATE = Source(name="template", file="laion_template_info.json", read=_listed, triplets=16_000)
LLM = Source(name="llm", file="laion_llm_info.json", read=_keyed, triplets=16_000)
COMBINED = Source(
    name="combined", file="laion_combined_info.json", read=_listed, triplets=32_000
)  # not seen, only cited
SOURCES = (TEMPLATE, LLM, COMBINED)


def triplets(root: Path, source: Source) -> list[Triplet]:
    """The records of a file, checked. Raises Problem that names file and record."""
    path = root / source.file
    found = source.read(path)
    if not found:
        raise Problem(f"{path} has no records. Download it again.")
    return found


def place(root: Path, key: str) -> Path:
    """Where a picture lies: its id with seven digits, in `images` or in the root."""
    name = f"{key.zfill(7)}.png"
    direct = image_path(root, name)
    return direct if direct.is_file() else image_path(root / IMAGES, name)


def train(root: Path | str, source: Source = COMBINED) -> Triplets:
    """The triplets of one source. Sentences stand as written; released code (TransAgg) lower-cases."""
    root = Path(root)
    held = triplets(root, source)
    names = dict.fromkeys(key for one in held for key in (one.reference, one.target))
    images = pictured.find(root, {key: place(root, key) for key in names})
    kept = images.complete(root, [(one.reference, one.target) for one in held])
    first = [held[i].reference for i in kept]
    query = Query(image=images.at(first), text=[held[i].caption for i in kept])
    return Triplets(query=query, target=images.at([held[i].target for i in kept]), reference=images.rows(first))


@lru_cache(maxsize=4)
def world(size: Size) -> tuple[list[Scene], list[tuple[str, str, str]]]:
    """Scenes, of which 2 k leads to 2 k + 1, and per pair: a sentence, a longer one, and a caption of the target.

    The large things are those of the shapes world's train split, so that its benchmarks stay unseen.
    """
    rng = np.random.default_rng([size.seed, 41])
    mine = groups.cores()["train"]
    scenes: list[Scene] = []
    said: list[tuple[str, str, str]] = []
    while len(said) < size.triplets:
        wanted = mine[rng.integers(len(mine))]
        before, after = groups.group(rng, wanted, frozenset(mine), (size.least, size.most), 2)
        singles, joined = statements.draw(rng, before, after)
        if singles:
            scenes += [groups.dress(rng, things, size.camera, size.light) for things in (before, after)]
            caption = statements.captions(rng, after)[0]
            said.append((str(singles[0]), f"{(joined or singles)[0]}.".capitalize(), caption))
    return scenes, said


def pictures(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given pictures (there is one split, `train`), drawn again: the same bytes as those published."""
    scenes, _ = world(size)
    return render([scenes[row] for row in rows], size.image).images


def manifest(size: Size) -> dict[str, Any]:
    """What `world.json` says of a world of this size."""
    return {"world": "laion_cir", "version": VERSION, "size": dataclasses.asdict(size)}


def published(size: Size, home: Path | None = None) -> Path:
    """The folder of this world in the data folder `home`; drawn now if it is not there yet."""
    root = publishing.folder_of(manifest(size), home)
    publish(root, size)
    return root


def publish(root: Path, size: Size) -> None:
    """Write the world of this size to `root` in the official format; at once if it is there already."""
    publishing.once(root, manifest(size), lambda folder: _write(folder, size))


def _write(folder: Path, size: Size) -> None:
    """The three files and the pictures."""
    scenes, said = world(size)
    keys = [str(17 + 5 * row) for row in range(len(scenes))]
    ends = list(zip(keys[::2], keys[1::2], strict=True))
    short, long = (
        [
            {"ref_image_id": reference, "relative_cap": lines[k], "tgt_image_id": target}
            for (reference, target), lines in zip(ends, said, strict=True)
        ]
        for k in (0, 1)
    )
    write_json(folder / TEMPLATE.file, short)
    write_json(folder / COMBINED.file, short + long)
    spoken = {
        record["ref_image_id"]: {
            "tgt_image_id": record["tgt_image_id"], "relative_cap": record["relative_cap"], "tgt_cap": lines[2],
        }
        for record, lines in zip(long, said, strict=True)
    }  # fmt: skip
    write_json(folder / LLM.file, spoken)
    for start in range(0, len(keys), 512):
        part = range(start, min(len(keys), start + 512))
        names = [f"{key.zfill(7)}.png" for key in keys[start : start + 512]]
        image_files.save(folder / IMAGES, names, pictures(size, "train", part))


@lru_cache(maxsize=2)
def world_train(size: Size, source: Source = COMBINED) -> Triplets:
    """`train` of the world of this size, drawn first if need be; kept, since many runs ask for the same."""
    return train(published(size), source)


def check(root: Path) -> list[dict[str, Any]]:
    """Per source and part, how many there should be, how many there are, and how many are missing.

    Expected numbers are the original's, or those of the world where `root` is one. A source without file has none.
    """
    size, lines = pictured.size_of(root, "Laion-CIR", Size, manifest), []
    for source in SOURCES:
        path = root / source.file
        there = path.is_file() or path.with_name(path.name + ".gz").is_file()
        held = triplets(root, source) if there else []
        expected = source.triplets if size is None else size.triplets * (1 + (source == COMBINED))
        names = dict.fromkeys(key for one in held for key in (one.reference, one.target))
        found = {key: place(root, key).is_file() for key in names}
        lines.append(pictured.line(source.name, "triplets", expected, len(held)))
        lines.append(pictured.line(source.name, "pictures", len(names), sum(found.values())))
        first, second = [one.reference for one in held], [(one.target,) for one in held]
        lines[-1].gone = pictured.gone(
            found, [pictured.Requirements(protocol=source.name, reference=first, others=second)]
        )
    if not any(line["found"] for line in lines):
        raise Problem(f"{root} holds none of Laion-CIR's files ({', '.join(each.file for each in SOURCES)}). Check it.")
    return lines
