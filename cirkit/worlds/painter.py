"""A painter that follows a text: the nearest scene that it is true of, drawn by the world's renderer.

Stands where CompoDiff §5.4 edits the reference by InstructPix2Pix (CLIP + IP2P). The text is read; the reference's
scene is what the world knows of it, so this painter sees and draws without fault.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8
from torch import Tensor

from cirkit.benchmarks import circo as circo_files
from cirkit.benchmarks import cirr as cirr_files
from cirkit.benchmarks.cirr_protocols import WHOLE, Protocol
from cirkit.benchmarks.pictured import manifest_of
from cirkit.errors import Problem
from cirkit.query import Benchmark
from cirkit.worlds import circo, cirr, groups
from cirkit.worlds.groups import Things, What
from cirkit.worlds.instructions import statement
from cirkit.worlds.publish import World
from cirkit.worlds.render import render
from cirkit.worlds.scene import Scene
from cirkit.worlds.statements import Added, Beside, Both, Compared, Gone, Show, Single, Statement, Swap

ROUNDS = 4  # of going through the parts of a text, of which a later one may undo an earlier
TRIES = 200  # places that are tried for a thing beside another


def edit(scene: Scene, said: Statement) -> Scene:
    """The scene after as few changes as make the text true of it; where there is no room for one, it is left out."""
    rng = np.random.default_rng([scene.seed, zlib.crc32(str(said).encode())])
    things, parts = scene.things, _parts(said)
    for _ in range(ROUNDS):
        for part in parts:
            if isinstance(part, Swap) or not part.holds(scene.things, things):
                things = _follow(rng, scene.things, things, part)
        if said.holds(scene.things, things):
            break
    return replace(scene, things=things)


def _parts(said: Statement) -> list[Single]:
    return [*_parts(said.first), *_parts(said.second)] if isinstance(said, Both) else [said]


def _follow(rng: np.random.Generator, before: Things, things: Things, part: Single) -> Things:
    """The things after one part; counts that it compares are those of the reference, `before`."""
    match part:
        case Swap(what, word):
            aspect = "colour" if part.part == 1 else "material"
            return tuple(
                replace(each, **{aspect: word}) if each.size == "large" and what.fits(each) else each for each in things
            )
        case Beside():
            return _beside(rng, things, part)
        case Show(what, number):
            return _count(rng, things, what, number)
        case Added(what):
            return _count(rng, things, what, 1)
        case Gone(what):
            return _count(rng, things, what, 0)
        case Compared(what, more):
            return _count(rng, things, what, what.count(before) + (1 if more else -1))


def _count(rng: np.random.Generator, things: Things, what: What, number: int) -> Things:
    """So many things that fit: small ones go, the first before the last; others come to free places."""
    fitting = [each for each in things if what.fits(each)]
    small_first = sorted(fitting, key=lambda each: each.size == "large")
    things = tuple(each for each in things if each not in small_first[: max(0, len(fitting) - number)])
    for _ in range(number - len(fitting)):
        if (placed := groups.put(rng, things, _drawn(rng, what))) is not None:
            things = (*things, placed)
    return things


def _beside(rng: np.random.Generator, things: Things, said: Beside) -> Things:
    """With such a thing at that side of the other: one that is there moves, or a new one comes."""
    movable = [each for each in things if said.what.fits(each) and not said.other.fits(each)]
    kind = movable[0] if movable else _drawn(rng, said.what)
    rest = tuple(each for each in things if each is not kind)
    for _ in range(TRIES):
        placed = groups.put(rng, rest, kind)
        if placed is not None and said.found((*rest, placed)):
            return (*rest, placed)
    return things


def _drawn(rng: np.random.Generator, what: What) -> Any:
    """A thing that fits, small unless it must be large; of what is not said, anything."""
    said = {aspect: word for aspect in ("size", "colour", "material", "shape") if (word := getattr(what, aspect))}
    return replace(groups.small(rng), **said)


@dataclass(frozen=True)
class Painted:
    """Images by number that are rendered when asked for; `side` in pixels."""

    scenes: Sequence[Scene]
    side: int

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, index: Int[Tensor, " b"]) -> UInt8[Tensor, "b 3 h w"]:
        return render([self.scenes[row] for row in index.tolist()], self.side).images


def cirr_painted(root: Path | str, protocol: Protocol = WHOLE) -> Benchmark:
    """CIRR's val with every reference edited as its text asks. Raises Problem where `root` is no world of CIRR."""
    size = _size(root, cirr.CIRR)
    return _paint(cirr_files.test(root, protocol), cirr.scenes(size, "val"), size.image)


def circo_painted(root: Path | str) -> Benchmark:
    """CIRCO's val with every reference edited as its text asks. Raises Problem where `root` is no world of CIRCO."""
    size = _size(root, circo.CIRCO)
    return _paint(circo_files.test(root), circo.world(size)[0], size.image)


def _size(root: Path | str, world: World) -> Any:
    """The size that a folder was published from."""
    found = manifest_of(Path(root))
    if found is None or found.get("world") != world.name:
        raise Problem(f"{root} is no world of {world.name}, whose scenes a painter needs. Name a published world.")
    world.require_current(Path(root))
    return type(world.sizes["cpu"])(**found["size"])


def _paint(benchmark: Benchmark, scenes: Sequence[Scene], side: int) -> Benchmark:
    """Row i of the gallery shows scene i, as long as no image is missing."""
    if len(benchmark.gallery) != len(scenes):
        raise Problem(f"{benchmark.name}: images of the world are missing. Publish it again.")
    query = benchmark.query
    edited = [
        edit(scenes[row], statement(text)) for row, text in zip(query.image.index.tolist(), query.text, strict=True)
    ]
    return replace(benchmark, query=replace(query, image=Painted(edited, side)))
