"""The Laion-CIR world: pairs of scenes, and three ways to write how the second differs, in Laion-CIR's files.

Liu et al. 2023 (TransAgg), 002 Tables 1, 2: a template, a language model, and both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from cirkit.benchmarks.annotations import write_json
from cirkit.benchmarks.laion_cir import COMBINED, IMAGES, LLM, TEMPLATE
from cirkit.benchmarks.pictured import Counts
from cirkit.worlds import groups, statements
from cirkit.worlds.image_files import save
from cirkit.worlds.publish import World
from cirkit.worlds.render import render
from cirkit.worlds.scene import Scene


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a Laion-CIR world."""

    triplets: int  # per way of writing
    image: int = 64  # pixels
    seed: int = 0
    least: int = 1  # small objects in a reference
    most: int = 4
    camera: float = 0.3  # world units, by which the camera strays from image to image
    light: float = 0.15  # the same for the direction of the light


SIZES = {
    "smoke": Size(triplets=20, image=32),
    "cpu": Size(triplets=4000),
    "gpu": Size(triplets=16000, image=96),
}


@lru_cache(maxsize=4)
def world(size: Size) -> tuple[list[Scene], list[tuple[str, str, str]]]:
    """Scenes, of which 2 k leads to 2 k + 1, and per pair: a text, a longer one, and a caption of the target.

    The large objects are those of the shapes world's train split, so that its benchmarks stay unseen.
    """
    rng = np.random.default_rng([size.seed, 41])
    cores = groups.cores()["train"]
    scenes: list[Scene] = []
    texts: list[tuple[str, str, str]] = []
    while len(texts) < size.triplets:
        core = cores[rng.integers(len(cores))]
        before, after = groups.group(rng, core, frozenset(cores), (size.least, size.most), 2)
        singles, joined = statements.draw(rng, before, after)
        if singles:
            scenes += [groups.dress(rng, things, size.camera, size.light) for things in (before, after)]
            caption = statements.captions(rng, after)[0]
            texts.append((str(singles[0]), f"{(joined or singles)[0]}.".capitalize(), caption))
    return scenes, texts


def images(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given images (there is one split, `train`), drawn again: the same bytes as those published."""
    scenes, _ = world(size)
    return render([scenes[row] for row in rows], size.image).images


def write(folder: Path, size: Size) -> Counts:
    """The three files and the images."""
    scenes, texts = world(size)
    keys = [str(17 + 5 * row) for row in range(len(scenes))]
    ends = list(zip(keys[::2], keys[1::2], strict=True))
    short, long = (
        [
            {"ref_image_id": reference, "relative_cap": lines[k], "tgt_image_id": target}
            for (reference, target), lines in zip(ends, texts, strict=True)
        ]
        for k in (0, 1)
    )
    write_json(folder / TEMPLATE.file, short)
    write_json(folder / COMBINED.file, short + long)
    by_reference = {
        record["ref_image_id"]: {
            "tgt_image_id": record["tgt_image_id"], "relative_cap": record["relative_cap"], "tgt_cap": lines[2],
        }
        for record, lines in zip(long, texts, strict=True)
    }  # fmt: skip
    write_json(folder / LLM.file, by_reference)
    for start in range(0, len(keys), 512):
        rows = range(start, min(len(keys), start + 512))
        save(folder / IMAGES, [f"{keys[row].zfill(7)}.png" for row in rows], images(size, "train", rows))
    counts = {TEMPLATE: len(short), LLM: len(by_reference), COMBINED: len(short + long)}
    return {source.name: {"triplets": count} for source, count in counts.items()}


LAION_CIR = World(name="laion-cir", version=1, sizes=SIZES, write=write, images=images)
