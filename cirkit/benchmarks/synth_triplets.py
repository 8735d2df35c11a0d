"""SynthTriplets18M: generated pictures and instructions. A reader for what the papers say; the published schema is not.

003 §4 (CompoDiff), appendix: 11.4M triplets from keywords, 7.4M from a language model. Not verified: the columns of the
published files. So the reader takes JSON lines, `Columns` names their keys, and whatever is optional may be absent.
"""

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from cirkit.benchmarks import pictured
from cirkit.benchmarks.annotations import image_path, need, read_text, record_error
from cirkit.files import write_atomically
from cirkit.query import Query, Triplets
from cirkit.worlds import groups, image_files
from cirkit.worlds import publish as publishing
from cirkit.worlds.groups import What, all_of
from cirkit.worlds.render import render
from cirkit.worlds.scene import Scene

FILE = "triplets.jsonl"  # not verified: ours, as the published name is not known
OFFICIAL = 18_800_000  # as the paper says; 1M of them is its smaller set
VERSION = 1  # of the world: raise it when the same Size would give other bytes

TEMPLATES = (  # 003 Table 2: 48 cells, of which two are one cut in two and two repeat others. S source, T target
    "replace S with T", "substitute T for S", "change S to T", "T", "apply T", "add T", "exchange S with T",
    "alter S to T", "convert S to T", "transform S into T", "swap S for T", "remodel S into T", "redesign S as T",
    "update S to T", "revamp S into T", "if it is T", "modify S to become T", "turn S into T", "alter S to match T",
    "customize S to become T", "adapt S to fit T", "upgrade S to T", "change S to match T", "tweak S to become T",
    "amend S to fit T", "T is the new option", "choose T instead", "T is the updated version", "use T from now on",
    "T is the new choice", "opt for T", "T is the updated option", "T is the new selection",
    "T is the new option available", "T is the updated choice", "S is replaced with T", "S is removed and T is added",
    "T is introduced after S is removed", "S is removed and T takes its place", "T is added after S is removed",
    "S is removed and T is introduced", "T is added in place of S", "T is introduced after S is retired",
    "T is added as a replacement for S", "T is introduced as the new option after S is removed",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Columns:
    """What the keys of a record are called. Not verified: pass another object when the files say otherwise."""

    reference: str = "reference_image"
    target: str = "target_image"
    instruction: str = "instruction"
    source_keyword: str = "source_keyword"
    target_keyword: str = "target_keyword"
    reference_caption: str = "reference_caption"
    target_caption: str = "target_caption"


COLUMNS = Columns()


@dataclass(frozen=True)
class Triplet:
    """One record; of the parts that may be None, an instruction or both keywords are there."""

    reference: str  # path below the root
    target: str
    instruction: str | None
    source_keyword: str | None
    target_keyword: str | None
    reference_caption: str | None
    target_caption: str | None


def as_given(triplet: Triplet, row: int) -> str:
    """The instruction; where there is none, a template filled with the keywords."""
    return triplet.instruction or retold(triplet, row)


def retold(triplet: Triplet, row: int) -> str:
    """A template drawn by the row's number and filled with the keywords; the instruction where there are none."""
    if triplet.source_keyword is None or triplet.target_keyword is None:
        return triplet.instruction or ""
    template = TEMPLATES[int(np.random.default_rng(row).integers(len(TEMPLATES)))]
    return fill(template, triplet.source_keyword, triplet.target_keyword)


def fill(template: str, source: str, target: str) -> str:
    """The template with its words S and T replaced; other capitals stay."""
    return " ".join({"S": source, "T": target}.get(word, word) for word in template.split())


def triplets(root: Path, columns: Columns = COLUMNS) -> list[Triplet]:
    """The records of `triplets.jsonl`, checked. Raises Problem that names file and record."""
    path, found = root / FILE, []
    for number, text in enumerate(read_text(path).removesuffix("\n").split("\n")):
        try:
            record = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise record_error(path, number, f"is no JSON ({error})") from error
        parts: dict[str, Any] = {}
        for field, key in dataclasses.asdict(columns).items():
            optional = field not in ("reference", "target") and isinstance(record, dict) and record.get(key) is None
            parts[field] = None if optional else need(record, key, str, path, number)
        one = Triplet(**parts)
        keywords = (one.source_keyword, one.target_keyword)
        if not (one.instruction or "").strip() and not all((word or "").strip() for word in keywords):
            raise record_error(path, number, "has neither an instruction nor two keywords to make one from")
        if one.reference == one.target:
            raise record_error(path, number, "leads from a picture to itself")
        found.append(one)
    return found


def train(root: Path | str, words: Callable[[Triplet, int], str] = as_given, columns: Columns = COLUMNS) -> Triplets:
    """The triplets of a folder, in the words chosen: `as_given` or `retold`."""
    root = Path(root)
    held = triplets(root, columns)
    names = dict.fromkeys(name for one in held for name in (one.reference, one.target))
    images = pictured.find(root, {name: image_path(root, name) for name in names})
    kept = images.complete(root, [(one.reference, one.target) for one in held])
    first = [held[i].reference for i in kept]
    query = Query(image=images.at(first), text=[words(held[i], i) for i in kept])
    return Triplets(query=query, target=images.at([held[i].target for i in kept]), reference=images.rows(first))


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a world of keyword triplets."""

    triplets: int
    image: int = 64  # pixels
    seed: int = 0
    least: int = 0  # small things beside two large ones
    most: int = 3
    keyless: float = 0.4  # share with an instruction and no keywords, as the language model's
    camera: float = 0.3  # world units, by which the camera strays from pair to pair
    light: float = 0.15  # the same for the direction of the light


SIZES = {
    "smoke": Size(triplets=30, image=32),
    "cpu": Size(triplets=8000),
    "gpu": Size(triplets=60000, image=96),
}


@dataclass(frozen=True)
class Made:
    """A pair of a world, seen by one camera, and the keyword that is exchanged."""

    frames: tuple[Scene, Scene]
    source: str
    target: str
    keyless: bool


@lru_cache(maxsize=4)
def world(size: Size) -> list[Made]:
    """Pairs in which one thing is exchanged for another at its place, as Prompt-to-Prompt keeps the rest of a picture.

    The large things are those of the shapes world's train split, so that its benchmarks stay unseen.
    """
    rng = np.random.default_rng([size.seed, 51])
    mine = groups.cores()["train"]
    allowed, found = frozenset(mine), []
    while len(found) < size.triplets:
        before = groups.sample(rng, mine[rng.integers(len(mine))], (size.least, size.most))
        index = int(rng.integers(len(before)))
        other = dataclasses.replace(groups.small(rng), size=before[index].size)
        old = before[index]
        new = dataclasses.replace(old, shape=other.shape, colour=other.colour, material=other.material)
        after = (*before[:index], new, *before[index + 1 :])
        kept = What(None, old.colour, None, old.shape).count(before) == 1 and groups.core(after) in allowed
        if kept and (old.colour, old.shape) != (new.colour, new.shape):
            frame = groups.dress(rng, before, size.camera, size.light)
            frames = (frame, dataclasses.replace(frame, things=after))
            words = [f"{thing.colour} {thing.shape}" for thing in (old, new)]
            found.append(Made(frames, words[0], words[1], bool(rng.random() < size.keyless)))
    return found


def pictures(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given pictures (there is one split, `train`; 2 k leads to 2 k + 1), drawn again: the bytes published."""
    made = world(size)
    return render([made[row // 2].frames[row % 2] for row in rows], size.image).images


def manifest(size: Size) -> dict[str, Any]:
    """What `world.json` says of a world of this size."""
    return {"world": "synth_triplets", "version": VERSION, "size": dataclasses.asdict(size)}


def published(size: Size, home: Path | None = None) -> Path:
    """The folder of this world in the data folder `home`; drawn now if it is not there yet."""
    root = publishing.folder_of(manifest(size), home)
    publish(root, size)
    return root


def publish(root: Path, size: Size) -> None:
    """Write the world of this size to `root`; at once if it is there already."""
    publishing.once(root, manifest(size), lambda folder: _write(folder, size))


def _write(folder: Path, size: Size) -> None:
    """The records and the pictures."""
    columns, lines = Columns(), []
    for number, made in enumerate(world(size)):
        words = [", ".join(f"a {all_of(thing)}" for thing in frame.things) for frame in made.frames]
        record = {columns.reference: _name(2 * number), columns.target: _name(2 * number + 1)}
        if made.keyless:
            record[columns.instruction] = f"make the {made.source} a {made.target}"
        else:
            record |= {columns.source_keyword: made.source, columns.target_keyword: made.target}
        record |= {columns.reference_caption: words[0], columns.target_caption: words[1]}
        lines.append(json.dumps(record))
    write_atomically(folder / FILE, "\n".join(lines) + "\n")
    for start in range(0, 2 * size.triplets, 512):
        part = range(start, min(2 * size.triplets, start + 512))
        image_files.save(folder, [_name(row) for row in part], pictures(size, "train", part))


def _name(row: int) -> str:
    return f"images/{row // 2:08d}_{row % 2}.png"


@lru_cache(maxsize=2)
def world_train(size: Size, words: Callable[[Triplet, int], str] = as_given) -> Triplets:
    """`train` of the world of this size, drawn first if need be; kept, since many runs ask for the same."""
    return train(published(size), words)


def check(root: Path) -> list[dict[str, Any]]:
    """How many triplets and pictures there should be, how many there are, and how many are missing.

    Expected numbers are the original's, or those of the world where `root` is one.
    """
    size, held = pictured.size_of(root, "SynthTriplets", Size, manifest), triplets(root)
    names = dict.fromkeys(name for one in held for name in (one.reference, one.target))
    found = {name: image_path(root, name).is_file() for name in names}
    first, second = [one.reference for one in held], [(one.target,) for one in held]
    expected = OFFICIAL if size is None else size.triplets
    lines = [
        pictured.line("train", "triplets", expected, len(held)),
        pictured.line("train", "pictures", len(names), sum(found.values())),
    ]
    lines[-1].gone = pictured.gone(found, [pictured.Requirements(protocol="triplets", reference=first, others=second)])
    return lines
