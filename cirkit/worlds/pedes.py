"""The worlds of person retrieval: which families walk past which cameras, in the files of each of the three.

The requirements are those under which picking out tokens can matter (ITSELF §3): twins in one outfit, small evidence,
litter that looks like it, several views and captions each, and test outfits that no training family wears.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8
from torch import Tensor

from cirkit.benchmarks.annotations import write_json
from cirkit.benchmarks.pedes import CUHK, ICFG, RSTP, Layout
from cirkit.benchmarks.pictured import Counts
from cirkit.errors import Problem
from cirkit.worlds.image_files import save
from cirkit.worlds.people import COLOURS, Person, Street, View, family, view
from cirkit.worlds.people_language import STYLES, Writer, caption, tokens
from cirkit.worlds.publish import World
from cirkit.worlds.street import Picture, draw, seen

SPLITS = ("train", "val", "test")


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a crowd: how many, how seen (see `Street`), how described (see `Writer`)."""

    train: int  # families
    val: int
    test: int
    twins: int = 4  # people per family
    views: int = 4  # images per person
    captions: int = 2  # per image
    height: int = 96
    width: int = 32
    seed: int = 0
    cameras: int = 6
    first: int = 0
    litter: int = 6
    occlusion: float = 0.2
    light: float = 0.2
    shift: float = 0.04
    crop: float = 0.1
    noise: float = 0.03
    styles: str = "sentences sentences long list"
    drop: float = 0.1
    filler: float = 0.4

    @property
    def street(self) -> Street:
        """How people are seen."""
        return Street(
            self.cameras, self.first, self.litter, self.occlusion, self.light, self.shift, self.crop, self.noise
        )

    @property
    def writer(self) -> Writer:
        """How they are described."""
        return Writer(tuple(self.styles.split()), self.drop, self.filler)


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


@dataclass(frozen=True)
class Crowd:
    """One split. Row i of `person`, `views` and `identity` is image i; family f has the identities f*twins and on."""

    identity: list[int]  # 0 .. the split's number of people - 1
    person: list[Person]
    views: list[View]


@lru_cache(maxsize=8)
def crowds(size: Size) -> dict[str, Crowd]:
    """All splits, from the size alone. Raises Problem where there are not enough outfits."""
    if not size.writer.styles or not set(size.writer.styles) <= set(STYLES):
        raise Problem(f"No captions of the styles {size.styles!r}. Use words among {', '.join(STYLES)}.")
    counts = [getattr(size, split) for split in SPLITS]
    names = tuple(COLOURS)
    every = [(a, b, c) for a in names for b in names for c in names if a != b]
    if sum(counts) > len(every):
        raise Problem(f"{sum(counts)} families need as many outfits; there are {len(every)}. Ask for fewer families.")
    outfits = np.random.default_rng([size.seed, 9]).permutation(len(every)).tolist()
    splits, at = {}, 0
    for number, (split, count) in enumerate(zip(SPLITS, counts, strict=True)):
        rng = np.random.default_rng([size.seed, number])
        crowd = Crowd([], [], [])
        for row, outfit in enumerate(outfits[at : at + count]):
            for twin, person in enumerate(family(rng, every[outfit], size.twins)):
                for _ in range(size.views):
                    crowd.identity.append(row * size.twins + twin)
                    crowd.person.append(person)
                    crowd.views.append(view(rng, size.street))
        splits[split], at = crowd, at + count
    return splits


def drawing(size: Size, split: str, rows: Sequence[int]) -> Picture:
    """The given images of a split with the part of each pixel; an image alone equals the image in a batch."""
    crowd = crowds(size)[split]
    chosen = [crowd.person[row] for row in rows], [crowd.views[row] for row in rows]
    return draw(*chosen, size.street, (size.height, size.width))


def images(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given images of a split, drawn again from the size alone: the same bytes as those published."""
    return drawing(size, split, rows).images


def captions(size: Size, split: str, rows: Sequence[int], owner: Int64[Tensor, "b h w"]) -> list[list[str]]:
    """What is written of the given images, whose parts are `owner`: nothing that does not show."""
    crowd, number = crowds(size)[split], SPLITS.index(split)
    texts = []
    for row, parts in zip(rows, seen(owner), strict=True):
        rng = np.random.default_rng([size.seed, number, 7, row])
        who, look = crowd.person[row], crowd.views[row]
        texts.append([caption(rng, who, look, parts, size.writer) for _ in range(size.captions)])
    return texts


def write(folder: Path, size: Size, layout: Layout) -> Counts:
    """The annotation file and the images. Raises Problem where the layout has no place for a split of this size."""
    if any(getattr(size, split) for split in SPLITS if split not in layout.splits):
        raise Problem(f"{layout.name} has no val split. Ask for a size with val=0.")
    records, people, counts = [], layout.first, {}
    for split in layout.splits:
        crowd, number = crowds(size)[split], 0
        for start in range(0, len(crowd.views), 256):
            rows = range(start, min(start + 256, len(crowd.views)))
            drawn, paths = drawing(size, split, rows), []
            for row, texts in zip(rows, captions(size, split, rows, drawn.owner), strict=True):
                identity, camera = people + crowd.identity[row], crowd.views[row].camera - size.first
                paths.append(_path(layout, split, identity, camera, row))
                records.append(_record(layout, split, identity, paths[-1], texts))
                number += len(texts)
            save(folder / "imgs", paths, drawn.images)
        counts[split] = {"people": len(set(crowd.identity)), "images": len(crowd.views), "captions": number}
        people += counts[split]["people"]
    write_json(folder / layout.file, records)
    return counts


def _path(layout: Layout, split: str, identity: int, camera: int, row: int) -> str:
    """The path of an image, made as the original's paths are."""
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


def _world(layout: Layout) -> World:
    write_it = partial(write, layout=layout)
    return World(name=layout.name, version=1, sizes=SIZES[layout.name], write=write_it, images=images)


CUHK_PEDES, ICFG_PEDES, RSTPREID = (_world(layout) for layout in (CUHK, ICFG, RSTP))
