"""The SynthTriplets world: pairs of scenes or garments with one exchange, and its keyword before and after.

003 §4 (CompoDiff), appendix: keywords, or an instruction as a language model writes it.
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from cirkit.benchmarks.pictured import Counts
from cirkit.benchmarks.synth_triplets import COLUMNS, FILE
from cirkit.files import write_atomically
from cirkit.worlds import groups, synth_garments, wardrobe
from cirkit.worlds.garments import Garment
from cirkit.worlds.groups import What, all_of
from cirkit.worlds.image_files import save
from cirkit.worlds.publish import World
from cirkit.worlds.render import render
from cirkit.worlds.scene import Scene
from cirkit.worlds.titles import title
from cirkit.worlds.writing import an


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a world of keyword triplets."""

    triplets: int
    image: int = 64  # pixels
    seed: int = 0
    least: int = 0  # small objects beside two large ones
    most: int = 3
    keyless: float = 0.4  # share with an instruction and no keywords, as the language model's
    garments: float = 0.0  # share of pairs of garments; the rest are scenes
    camera: float = 0.3  # world units, by which the camera strays from pair to pair
    light: float = 0.15  # the same for the direction of the light


SIZES = {
    "smoke": Size(triplets=30, image=32),
    "cpu": Size(triplets=8000),
    "gpu": Size(triplets=60000, image=96),
}


@dataclass(frozen=True)
class Pair:
    """A pair of a world, seen by one camera, and the keyword that is exchanged."""

    frames: tuple[Scene, Scene] | tuple[Garment, Garment]
    source: str
    target: str
    keyless: bool


@lru_cache(maxsize=4)
def world(size: Size) -> list[Pair]:
    """Pairs in which one object is exchanged for another at its place, as Prompt-to-Prompt keeps the rest of an image.

    Pairs of garments, where there are any, come last. The large objects are those of the shapes world's train split, so
    that its benchmarks stay unseen.
    """
    rng = np.random.default_rng([size.seed, 51])
    cores = groups.cores()["train"]
    allowed, pairs, clothes = frozenset(cores), [], round(size.garments * size.triplets)
    while len(pairs) < size.triplets - clothes:
        before = groups.sample(rng, cores[rng.integers(len(cores))], (size.least, size.most))
        index = int(rng.integers(len(before)))
        other = dataclasses.replace(groups.small(rng), size=before[index].size)
        old = before[index]
        new = dataclasses.replace(old, shape=other.shape, colour=other.colour, material=other.material)
        after = (*before[:index], new, *before[index + 1 :])
        fits = What(None, old.colour, None, old.shape).count(before) == 1 and groups.core(after) in allowed
        if fits and (old.colour, old.shape) != (new.colour, new.shape):
            frame = groups.dress(rng, before, size.camera, size.light)
            frames = (frame, dataclasses.replace(frame, things=after))
            words = [f"{thing.colour} {thing.shape}" for thing in (old, new)]
            pairs.append(Pair(frames, words[0], words[1], bool(rng.random() < size.keyless)))
    rng = np.random.default_rng([size.seed, 52])
    for _ in range(clothes):
        pairs.append(Pair(*synth_garments.pair(rng), bool(rng.random() < size.keyless)))
    return pairs


def images(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given images (there is one split, `train`; 2 k leads to 2 k + 1), drawn again: the bytes published."""
    pairs = world(size)
    frames = [pairs[row // 2].frames[row % 2] for row in rows]
    drawn = torch.empty(len(frames), 3, size.image, size.image, dtype=torch.uint8)
    for kind, draw in ((Scene, render), (Garment, wardrobe.draw)):
        if mine := [i for i, frame in enumerate(frames) if isinstance(frame, kind)]:
            drawn[mine] = draw([frames[i] for i in mine], size.image).images
    return drawn


def write(folder: Path, size: Size) -> Counts:
    """The records and the images."""
    lines = []
    for number, pair in enumerate(world(size)):
        captions = [caption(frame) for frame in pair.frames]
        record = {COLUMNS.reference: _name(2 * number), COLUMNS.target: _name(2 * number + 1)}
        if pair.keyless:
            record[COLUMNS.instruction] = instruction(pair)
        else:
            record |= {COLUMNS.source_keyword: pair.source, COLUMNS.target_keyword: pair.target}
        record |= {COLUMNS.reference_caption: captions[0], COLUMNS.target_caption: captions[1]}
        lines.append(json.dumps(record))
    write_atomically(folder / FILE, "\n".join(lines) + "\n")
    for start in range(0, 2 * size.triplets, 512):
        rows = range(start, min(2 * size.triplets, start + 512))
        save(folder, [_name(row) for row in rows], images(size, "train", rows))
    return {"train": {"triplets": size.triplets}}


def caption(frame: Scene | Garment) -> str:
    """What an image shows."""
    if isinstance(frame, Garment):
        return an(title(np.random.default_rng(frame.seed), frame))
    return ", ".join(f"a {all_of(thing)}" for thing in frame.things)


def instruction(pair: Pair) -> str:
    """What a language model would write of a pair."""
    if isinstance(pair.frames[0], Garment):
        return f"with {pair.target} instead of {pair.source}"
    return f"make the {pair.source} a {pair.target}"


def _name(row: int) -> str:
    return f"images/{row // 2:08d}_{row % 2}.png"


SYNTH_TRIPLETS = World(name="synth-triplets", version=1, sizes=SIZES, write=write, images=images)
