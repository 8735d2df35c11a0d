"""The worlds of captioned images: scenes and five captions of each, in the files of Flickr30k and of COCO.

001 Table 2 (Karpathy & Fei-Fei 2015): Karpathy's JSON for both, Multi30k's task 2 and COCO's own annotations beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from cirkit.benchmarks.annotations import write_json
from cirkit.benchmarks.captions import FOLDER, MULTI30K, SPLITS
from cirkit.benchmarks.pictured import Counts
from cirkit.files import write_atomically
from cirkit.worlds import groups, statements
from cirkit.worlds.image_files import save
from cirkit.worlds.publish import World
from cirkit.worlds.render import render
from cirkit.worlds.scene import Scene

STREAMS = {"flickr30k": 31, "coco": 61}  # of random numbers, so that the two show different scenes


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a world of captioned images, beside which of the two it is."""

    train: int  # images
    val: int
    test: int
    image: int = 64  # pixels
    seed: int = 0
    least: int = 0  # small things, beside two large ones
    most: int = 3
    camera: float = 0.3  # world units, by which the camera strays from image to image
    light: float = 0.15  # the same for the direction of the light


SIZES = {
    "smoke": Size(train=20, val=10, test=15, image=32),
    "cpu": Size(train=4000, val=500, test=1000),
    "gpu": Size(train=29000, val=1014, test=1000, image=96),
}
COCO_SIZES = {
    "smoke": Size(train=24, val=10, test=15, image=32),
    "cpu": Size(train=4000, val=1000, test=5000),
    "gpu": Size(train=40000, val=5000, test=5000, image=96),
}
RESTVAL = 4  # every so manieth training image is a val2014 one, as Karpathy's split has them


@lru_cache(maxsize=4)
def world(size: Size, split: str, stream: int = STREAMS["flickr30k"]) -> tuple[list[Scene], list[tuple[str, ...]]]:
    """Scenes and their five captions, from the size alone; no two splits share their large objects."""
    rng = np.random.default_rng([size.seed, stream + SPLITS.index(split)])
    cores = groups.cores()["test1" if split == "test" else split]
    scenes, texts = [], []
    for _ in range(getattr(size, split)):
        things = groups.sample(rng, cores[rng.integers(len(cores))], (size.least, size.most))
        scenes.append(groups.dress(rng, things, size.camera, size.light))
        texts.append(statements.captions(rng, things))
    return scenes, texts


def images(size: Size, split: str, rows: Sequence[int], stream: int) -> UInt8[Tensor, "b 3 h w"]:
    """The given images of a split, drawn again from the size alone: the same bytes as those published."""
    scenes, _ = world(size, split, stream)
    return render([scenes[row] for row in rows], size.image).images


def write_flickr(folder: Path, size: Size) -> Counts:
    """`dataset_flickr30k.json`, `multi30k_task2/` and the images both name."""
    records: list[dict[str, Any]] = []
    for split in SPLITS:
        _, texts = world(size, split)
        names = [f"{1_000_000 * (1 + SPLITS.index(split)) + 7 * row}.jpg" for row in range(len(texts))]
        for name, mine in zip(names, texts, strict=True):
            records.append({**_karpathy(len(records), mine), "split": split, "filename": name})
        task = folder / "multi30k_task2"
        write_atomically(task / "image_splits" / f"{MULTI30K[split]}_images.txt", "\n".join(names) + "\n")
        for k in range(5):
            lines = "\n".join(mine[k] for mine in texts)
            write_atomically(task / "raw" / f"{MULTI30K[split]}.{k + 1}.en", lines + "\n")
        _save(folder / FOLDER, names, size, split, STREAMS["flickr30k"])
    write_json(folder / "dataset_flickr30k.json", {"images": records, "dataset": "flickr30k"})
    return _counts(size)


def write_coco(folder: Path, size: Size) -> Counts:
    """`dataset_coco.json`, `annotations/captions_{train,val}2014.json`, and the images below `train2014`, `val2014`."""
    records: list[dict[str, Any]] = []
    official: dict[str, dict[str, list[dict[str, Any]]]] = {
        half: {"images": [], "annotations": []} for half in ("train2014", "val2014")
    }
    for split in SPLITS:
        _, texts = world(size, split, STREAMS["coco"])
        paths = []
        for row, mine in enumerate(texts):
            restval = split == "train" and row % RESTVAL == RESTVAL - 1
            half = "train2014" if split == "train" and not restval else "val2014"
            key = 9 + 7 * len(records)
            name = f"COCO_{half}_{key:012d}.jpg"
            paths.append(f"{half}/{name}")
            record = _karpathy(len(records), mine)
            official[half]["images"].append(
                {"id": key, "file_name": name, "height": size.image, "width": size.image, "license": 0}
            )
            official[half]["annotations"] += [
                {"image_id": key, "id": sentence["sentid"], "caption": sentence["raw"]}
                for sentence in record["sentences"]
            ]
            place = {"filepath": half, "filename": name, "cocoid": key, "split": "restval" if restval else split}
            records.append({**record, **place})
        _save(folder, paths, size, split, STREAMS["coco"])
    for half, content in official.items():
        write_json(folder / "annotations" / f"captions_{half}.json", {"info": {}, "licenses": [], **content})
    write_json(folder / "dataset_coco.json", {"images": records, "dataset": "coco"})
    return _counts(size)


def _karpathy(number: int, texts: Sequence[str]) -> dict[str, Any]:
    """What Karpathy's files say of an image's captions."""
    sentences = []
    for k, raw in enumerate(texts):
        tokens = raw.lower().replace(",", "").replace(".", "").split()
        sentences.append({"tokens": tokens, "raw": raw, "imgid": number, "sentid": 5 * number + k})
    return {"sentids": [sentence["sentid"] for sentence in sentences], "imgid": number, "sentences": sentences}


def _save(folder: Path, names: Sequence[str], size: Size, split: str, stream: int) -> None:
    for start in range(0, len(names), 512):
        rows = range(start, min(len(names), start + 512))
        save(folder, names[start : start + 512], images(size, split, rows, stream))


def _counts(size: Size) -> Counts:
    return {split: {"captions": 5 * getattr(size, split), "images": getattr(size, split)} for split in SPLITS}


FLICKR30K, COCO = (
    World(name=name, version=1, sizes=sizes, write=write, images=partial(images, stream=STREAMS[name]))
    for name, sizes, write in (("flickr30k", SIZES, write_flickr), ("coco", COCO_SIZES, write_coco))
)
