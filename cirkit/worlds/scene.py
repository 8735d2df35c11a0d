"""Scenes of cubes, spheres and cylinders: what stands where, before anything is drawn.

CSS (Vo et al. 2019; MAAF §3.1) puts CLEVR's shapes on a 3 x 3 grid; CLEVR leaves the places free.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int8

SHAPES = ("cube", "sphere", "cylinder")
COLOURS = {  # CLEVR's eight, sRGB
    "gray": (87, 87, 87),
    "red": (173, 35, 35),
    "blue": (42, 75, 215),
    "green": (29, 105, 20),
    "brown": (129, 74, 25),
    "purple": (129, 38, 192),
    "cyan": (41, 208, 208),
    "yellow": (255, 238, 51),
}
SIZES = {"small": 0.42, "large": 0.8}  # half a side, in world units; CLEVR: 0.35 and 0.7
MATERIALS = ("rubber", "metal")
ROWS = ("top", "middle", "bottom")  # far, middle, near
COLUMNS = ("left", "center", "right")
PLACES = tuple(f"{row}-{column}" for row in ROWS for column in COLUMNS)  # cell number -> its name
SPACING = 2.3  # between the centres of neighbouring cells, in world units

# Which colours cubes and cylinders take in the reference pictures of either split. Read off the sentences of the real
# CSS: no train sentence speaks of a reference's red rectangle, no test sentence of a gray one. It is CLEVR-CoGenT's
# rule; spheres take every colour, and an edit may make any pair, so only references are held apart.
FIRST, SECOND = ("gray", "blue", "brown", "yellow"), ("red", "green", "purple", "cyan")
PALETTES: dict[str, dict[str, tuple[str, ...]]] = {
    "train": {"cube": FIRST, "cylinder": SECOND, "sphere": tuple(COLOURS)},
    "test": {"cube": SECOND, "cylinder": FIRST, "sphere": tuple(COLOURS)},
}


@dataclass(frozen=True, slots=True)
class Thing:
    """One solid on the ground: x to the right, y away from the camera (world units), rotation about the vertical."""

    shape: str
    colour: str
    size: str
    x: float
    y: float
    rotation: float = 0.0  # radians
    material: Literal["rubber", "metal"] = "rubber"

    @property
    def cell(self) -> int:
        """The number of the grid cell that holds its centre: 0 is top-left, 8 is bottom-right."""
        edge = SPACING / 2
        return 3 * (1 + (self.y < -edge) - (self.y > edge)) + 1 + (self.x > edge) - (self.x < -edge)

    @property
    def place(self) -> str:
        """The name of its cell, such as `middle-left`."""
        return PLACES[self.cell]

    @property
    def words(self) -> tuple[str, str, str, str]:
        """What a sentence can say of it: place, size, colour, shape."""
        return self.place, self.size, self.colour, self.shape


@dataclass(frozen=True, slots=True)
class Scene:
    """Things on the ground, and how far camera and light stray from their posts, drawn from this scene's own seed."""

    things: tuple[Thing, ...]
    seed: int = 0
    camera: float = 0.0  # world units that the camera may stray along each axis
    light: float = 0.0  # the same for the direction of the light, a unit vector

    @property
    def key(self) -> frozenset[tuple[str, str, str, str]]:
        """What sentences can say of the scene: equal for two scenes that differ in jitter alone."""
        return frozenset(thing.words for thing in self.things)


def centre(cell: int) -> tuple[float, float]:
    """The middle of a grid cell, world units."""
    row, column = divmod(cell, 3)
    return (column - 1) * SPACING, (1 - row) * SPACING


def stand(
    rng: np.random.Generator, shape: str, colour: str, size: str, cell: int, jitter: float, material: str = "rubber"
) -> Thing:
    """A thing in a cell, off its middle by up to `jitter` of the cell's side and turned by up to `jitter` · π/2."""
    if not 0 <= jitter < 0.5:
        raise ValueError(f"jitter {jitter} would push things out of their cells; choose 0 <= jitter < 0.5.")
    (x, y), (right, away, turn) = centre(cell), rng.uniform(-jitter, jitter, 3).tolist()
    return Thing(shape, colour, size, x + right * SPACING, y + away * SPACING, turn * np.pi / 2, material)


def sample(
    rng: np.random.Generator,
    palette: dict[str, tuple[str, ...]],
    things: tuple[int, int],
    jitter: float,
) -> tuple[Thing, ...]:
    """From `things[0]` to `things[1]` things in distinct cells, colours as the palette allows."""
    count = int(rng.integers(things[0], things[1] + 1))
    standing = []
    for cell in sorted(rng.permutation(9)[:count].tolist()):
        shape = SHAPES[rng.integers(3)]
        colour = palette[shape][rng.integers(len(palette[shape]))]
        standing.append(stand(rng, shape, colour, ("small", "large")[rng.integers(2)], cell, jitter))
    return tuple(standing)


def table(scenes: Sequence[Scene]) -> Int8[np.ndarray, "s 9 3"]:
    """Scenes as numbers: per cell the index of size, colour and shape, or -1 where the cell is empty."""
    size, colour, shape = (({name: i for i, name in enumerate(names)}) for names in (SIZES, COLOURS, SHAPES))
    rows = np.full((len(scenes), 9, 3), -1, np.int8)
    for i, scene in enumerate(scenes):
        for thing in scene.things:
            rows[i, thing.cell] = size[thing.size], colour[thing.colour], shape[thing.shape]
    return rows


def noise(seeds: Sequence[int], count: int) -> Float[np.ndarray, "b k"]:
    """`count` numbers in [-1, 1) for each seed, from that seed alone (the splitmix64 generator, all rows at once)."""
    with np.errstate(over="ignore"):  # arithmetic modulo 2^64 is the point
        state = np.array(seeds, np.uint64)[:, None] * np.uint64(0xD1342543DE82EF95)
        state = state + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)  # (b, k)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state = state ^ (state >> np.uint64(31))
    return (state >> np.uint64(11)).astype(np.float64) / 2**52 - 1
