"""Text-based person retrieval: CUHK-PEDES, ICFG-PEDES and RSTPReid; the official files, read and written.

ITSELF §4 and its supplement: the query is a caption, the gallery all pictures of the split (the described one too),
and a hit is any picture of the same person. Training numbers people 0 .. C-1 anew: CUHK's ids start at 1.
"""

import dataclasses
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from cirkit.benchmarks import photos, pictured
from cirkit.benchmarks.annotations import image_path, need, read_json, record_error, write_json
from cirkit.errors import Problem
from cirkit.query import Benchmark, Images, Query, Select, Triplets
from cirkit.worlds import crowd as crowd_world
from cirkit.worlds import publish as publishing
from cirkit.worlds.crowd import Size, captions, crowds, drawn
from cirkit.worlds.people_language import tokens

HOLD = 1 << 30  # bytes of pictures that a split may take in memory; beyond, they are decoded when asked for
VERSION = 1  # of the worlds: raise it when the same Size would give other bytes


@dataclass(frozen=True)
class Layout:
    """Where one of the three keeps what: a list of records in one file, pictures below `imgs/`."""

    name: str
    file: str
    key: str  # of the picture's path in a record
    splits: tuple[str, ...]
    first: int = 0  # the lowest id in the file
    other: str | None = None  # a second name under which the file goes about

    @property
    def SIZES(self) -> dict[str, Size]:
        """The world's sizes per scale; with `publish` and `check`, what the catalogue asks of every benchmark."""
        return SIZES[self.name]

    def publish(self, root: Path, size: Size) -> None:
        """Write the world's copy."""
        publish(self, root, size)

    def check(self, root: Path) -> list[dict[str, Any]]:
        """What should be in the folder, and what is."""
        return check(self, root)


CUHK = Layout("cuhk-pedes", "reid_raw.json", "file_path", ("train", "val", "test"), first=1)
ICFG = Layout("icfg-pedes", "ICFG-PEDES.json", "file_path", ("train", "test"), other="ICFG_PEDES.json")
RSTP = Layout("rstpreid", "data_captions.json", "img_path", ("train", "val", "test"))
LAYOUTS = {layout.name: layout for layout in (CUHK, ICFG, RSTP)}

OFFICIAL: dict[str, dict[str, dict[str, int]]] = {  # captions of CUHK's train and val as the literature counts them
    "cuhk-pedes": {
        "train": {"people": 11003, "pictures": 34054, "captions": 68126},
        "val": {"people": 1000, "pictures": 3078, "captions": 6158},
        "test": {"people": 1000, "pictures": 3074, "captions": 6156},
    },
    "icfg-pedes": {
        "train": {"people": 3102, "pictures": 34674, "captions": 34674},
        "test": {"people": 1000, "pictures": 19848, "captions": 19848},
    },
    "rstpreid": {
        "train": {"people": 3701, "pictures": 18505, "captions": 37010},
        "val": {"people": 200, "pictures": 1000, "captions": 2000},
        "test": {"people": 200, "pictures": 1000, "captions": 2000},
    },
}

_CUHK, _ICFG, _RSTP = (
    {"first": 0, "cameras": 6, "views": 4, "captions": 2, "seed": 0},
    {"first": 100, "cameras": 8, "views": 8, "captions": 1, "seed": 1, "styles": "long long sentences", "litter": 8},
    {"first": 200, "cameras": 15, "views": 5, "captions": 2, "seed": 2, "light": 0.3, "occlusion": 0.3},
)
SIZES: dict[str, dict[str, Size]] = {
    "cuhk-pedes": {
        "smoke": Size(train=4, val=2, test=2, **_CUHK),
        "cpu": Size(train=100, val=10, test=30, **_CUHK),
        "gpu": Size(train=500, val=60, test=120, height=192, width=64, **_CUHK),
    },
    "icfg-pedes": {
        "smoke": Size(train=4, val=0, test=2, **_ICFG),
        "cpu": Size(train=80, val=0, test=30, **_ICFG),
        "gpu": Size(train=400, val=0, test=120, height=192, width=64, **_ICFG),
    },
    "rstpreid": {
        "smoke": Size(train=4, val=2, test=2, **_RSTP),
        "cpu": Size(train=90, val=10, test=20, **_RSTP),
        "gpu": Size(train=400, val=60, test=100, height=192, width=64, **_RSTP),
    },
}


def as_written(caption: str) -> str:
    """The caption itself."""
    return caption


def cleaned(caption: str) -> str:
    """As TBPS-CLIP reads captions: lower case, without .!"()*#:;~, at most 50 words."""
    return " ".join("".join(letter for letter in caption.lower() if letter not in '.!"()*#:;~').split()[:50])


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How a split is asked about; the default is that of ITSELF and of IRRA before it."""

    name: str = "official"
    split: str = "test"
    shape: tuple[int, int] = (384, 128)  # height and width that pictures are stretched to
    words: Callable[[str], str] = as_written


STANDARD = Protocol()
TBPS_CLIP = Protocol(name="tbps-clip", words=cleaned)


@dataclass(frozen=True)
class Record:
    """One picture: where it lies below `imgs/`, whom it shows, and what was written of it."""

    path: str
    identity: int
    captions: tuple[str, ...]


@dataclass(frozen=True)
class Dropped:
    """What a split lost because pictures are not there: the pictures, and the captions that describe them."""

    pictures: int
    captions: int


@dataclass(frozen=True)
class Upright:
    """Pictures that are decoded when asked for and stretched to `shape`, as the official loaders do."""

    paths: Sequence[Path]
    shape: tuple[int, int]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: Int[Tensor, " b"]) -> UInt8[Tensor, "b 3 h w"]:
        from PIL import Image

        height, width = self.shape
        pixels = np.empty((len(index), height, width, 3), np.uint8)
        for row, i in enumerate(index.tolist()):
            image = photos.decode(self.paths[i])
            if image.size != (width, height):
                image = image.resize((width, height), Image.Resampling.BILINEAR)
            pixels[row] = np.asarray(image)
        return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()


def annotations(layout: Layout, root: Path) -> Path:
    """The annotation file in `root`, under either of its names, packed or not."""
    for name in (layout.file, layout.other):
        if name is not None and ((root / name).exists() or (root / f"{name}.gz").exists()):
            return root / name
    return root / layout.file


def records(layout: Layout, root: Path | str) -> dict[str, list[Record]]:
    """Every record by split, checked. Raises Problem that names file and record."""
    root = Path(root)
    path = annotations(layout, root)
    found: dict[str, list[Record]] = {split: [] for split in layout.splits}
    shown: dict[str, tuple[str, int]] = {}
    for number, record in enumerate(read_json(path, list)):
        split, picture = need(record, "split", str, path, number), need(record, layout.key, str, path, number)
        identity, said = need(record, "id", int, path, number), need(record, "captions", list, path, number)
        if split not in found:
            raise record_error(path, number, f"is of the split {split!r}, not {' or '.join(layout.splits)}")
        if identity < layout.first:
            raise record_error(path, number, f"has the id {identity}; {layout.name} counts from {layout.first}")
        if not said or not all(isinstance(caption, str) for caption in said):
            raise record_error(path, number, "needs captions, a list of strings")
        if shown.setdefault(picture, (split, identity)) != (split, identity):
            raise record_error(path, number, f"shows {picture!r} in another split or as another person than before")
        image_path(root / "imgs", picture)
        found[split].append(Record(picture, identity, tuple(said)))
    return found


def present(layout: Layout, root: Path | str, split: str) -> tuple[list[Record], Dropped]:
    """The records of a split whose pictures are there, and what was dropped. Raises Problem where none is left."""
    root = Path(root)
    if split not in layout.splits:
        raise Problem(f"{layout.name} has no split {split!r}. Use one of {', '.join(layout.splits)}.")
    every = records(layout, root)[split]
    there = [record for record in every if os.path.isfile(root / "imgs" / record.path)]
    if not there:
        raise Problem(f"No picture of the {split} split lies below {root / 'imgs'}. Copy the pictures there.")
    lost = sum(len(record.captions) for record in every) - sum(len(record.captions) for record in there)
    return there, Dropped(len(every) - len(there), lost)


def _images(root: Path, found: Sequence[Record], shape: tuple[int, int]) -> Images:
    """In memory where they fit, else decoded when asked for."""
    files = Upright([image_path(root / "imgs", record.path) for record in found], shape)
    small = 3 * shape[0] * shape[1] * len(found) <= HOLD
    return files[torch.arange(len(found))] if small else files


def _asked(found: Sequence[Record], words: Callable[[str], str]) -> tuple[list[str], list[int]]:
    """Every caption, and the row of the picture it describes."""
    pairs = [(words(caption), row) for row, record in enumerate(found) for caption in record.captions]
    return [caption for caption, _ in pairs], [row for _, row in pairs]


def train(layout: Layout, root: Path | str, protocol: Protocol = STANDARD) -> Triplets:
    """The training pairs, one per caption; `reference` is the person, numbered 0 .. C-1 in order of their ids.

    released code of IRRA: subtracts one from CUHK's training ids and asserts that no number is missing.
    """
    found, _ = present(layout, root, "train")
    text, rows = _asked(found, protocol.words)
    numbers = {identity: number for number, identity in enumerate(sorted({record.identity for record in found}))}
    return Triplets(
        query=Query(text=text),
        target=Select(_images(Path(root), found, protocol.shape), torch.tensor(rows)),
        reference=torch.tensor([numbers[found[row].identity] for row in rows]),
    )


def test(layout: Layout, root: Path | str, protocol: Protocol = STANDARD) -> Benchmark:
    """Every caption of the protocol's split against all its pictures; right are all of the same person."""
    found, _ = present(layout, root, protocol.split)
    text, rows = _asked(found, protocol.words)
    alike: dict[int, list[int]] = {}
    for row, record in enumerate(found):
        alike.setdefault(record.identity, []).append(row)
    return Benchmark(
        name=layout.name,
        query=Query(text=text),
        gallery=_images(Path(root), found, protocol.shape),
        relevant=[alike[found[row].identity] for row in rows],
    )


def manifest(layout: Layout, size: Size) -> dict[str, Any]:
    """What `world.json` says of a world of this size."""
    return {"world": layout.name, "version": VERSION, "size": dataclasses.asdict(size)}


def publish(layout: Layout, root: Path, size: Size) -> None:
    """Write the world of this size to `root` in the official format; at once if it is there already."""
    publishing.once(root, manifest(layout, size), lambda folder: _write(layout, folder, size))


def published(layout: Layout, size: Size, home: Path | None = None) -> Path:
    """The folder of this world in the data folder `home`; drawn now if it is not there yet."""
    root = publishing.folder_of(manifest(layout, size), home)
    publish(layout, root, size)
    return root


def pictures(layout: Layout, size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given pictures of a split, drawn again from the size alone: the same bytes as those published."""
    _splits(layout, size)
    return crowd_world.pictures(size, split, rows)


def _splits(layout: Layout, size: Size) -> tuple[str, ...]:
    """The splits of this size; refused where the layout has no place for one."""
    splits = tuple(split for split in crowd_world.SPLITS if getattr(size, split))
    if not set(splits) <= set(layout.splits):
        raise Problem(f"{layout.name} has no val split. Ask for a size with val=0.")
    return splits


def _write(layout: Layout, folder: Path, size: Size) -> None:
    """The annotation file and the pictures."""
    from PIL import Image

    listed, people = [], layout.first
    for split in _splits(layout, size):
        crowd = crowds(size)[split]
        for start in range(0, len(crowd.views), 256):
            rows = range(start, min(start + 256, len(crowd.views)))
            drawing = drawn(size, split, rows)
            said = captions(size, split, rows, drawing.owner)
            for row, pixels, lines in zip(rows, drawing.images.permute(0, 2, 3, 1).numpy(), said, strict=True):
                identity, camera = people + crowd.identity[row], crowd.views[row].camera - size.first
                path = _place(layout, split, identity, camera, row)
                target = folder / "imgs" / path
                target.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(target, compress_level=1)
                listed.append(_record(layout, split, identity, path, lines))
        people += len(set(crowd.identity))
    write_json(folder / layout.file, listed)


def _place(layout: Layout, split: str, identity: int, camera: int, row: int) -> str:
    """The path of a picture, made as the original's paths are."""
    if layout.name == "rstpreid":
        return f"{identity:04d}_c{camera + 1}_{row:05d}.png"
    if layout.name == "icfg-pedes":
        return f"{split}/{identity:04d}/{identity:04d}_{row:05d}_{camera + 1:02d}_0303morning.png"
    folders = {"test": ("test_query",), "val": ("Market",), "train": ("cam_a", "cam_b", "CUHK03", "train_query")}
    choice = folders[split]
    return f"{choice[camera % len(choice)]}/{identity:05d}_{row:05d}.png"


def _record(layout: Layout, split: str, identity: int, path: str, lines: list[str]) -> dict[str, Any]:
    """A record with the official keys in the official order."""
    if layout.name == "rstpreid":
        return {"id": identity, "img_path": path, "captions": lines, "split": split}
    words = [tokens(line) for line in lines]
    return {"split": split, "captions": lines, "file_path": path, "processed_tokens": words, "id": identity}


@lru_cache(maxsize=3)
def world_train(layout: Layout, size: Size) -> Triplets:
    """`train` of the world of this size at its own shape, drawn first if need be; kept."""
    return train(layout, published(layout, size), Protocol(shape=(size.height, size.width)))


@lru_cache(maxsize=6)
def world_test(layout: Layout, size: Size, split: str = "test") -> Benchmark:
    """`test` of the world of this size at its own shape; kept likewise."""
    return test(layout, published(layout, size), Protocol(split=split, shape=(size.height, size.width)))


def check(layout: Layout, root: Path) -> list[dict[str, Any]]:
    """Per split and part, how many there should be, how many there are, how many are missing.

    Expected numbers are the original's, or those of the world where `root` is one.
    """
    made, expected = pictured.manifest_of(root), OFFICIAL[layout.name]
    if made is not None:
        try:
            size = Size(**made["size"])
        except (KeyError, TypeError) as error:
            raise Problem(f"{root / pictured.MANIFEST} describes no crowd. Publish it again.") from error
        if manifest(layout, size) != made:
            raise Problem(f"{root} was made by another version of this world. Remove it and publish it again.")
        people = {split: getattr(size, split) * size.twins for split in layout.splits}
        expected = {
            split: {"people": n, "pictures": n * size.views, "captions": n * size.views * size.captions}
            for split, n in people.items()
        }
    lines = []
    for split, found in records(layout, root).items():
        there = [record for record in found if os.path.isfile(root / "imgs" / record.path)]
        counts = {
            "people": len({record.identity for record in there}),
            "pictures": len({record.path for record in there}),
            "captions": sum(len(record.captions) for record in there),
        }
        for part, count in counts.items():
            due = expected[split][part]
            lines.append(pictured.line(split, part, due, count))
        here = {record.path for record in there}
        lying = {record.path: record.path in here for record in found}
        needs = pictured.Requirements(
            protocol=STANDARD.name,
            reference=None,
            others=[(record.path,) for record in found for _ in record.captions],
            gallery=() if split == "train" else [record.path for record in found],
        )
        lines[-2].gone = pictured.gone(lying, [needs])
    return lines
