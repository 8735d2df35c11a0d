"""A painter of scenes: two captions of solids become two images that differ in what the captions differ in.

Stands in for Stable Diffusion with Prompt-to-Prompt (CompoDiff §4.3): what both captions name keeps its place.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cirkit.synthesis.base import CaptionTriplet, Pixels
from cirkit.worlds.groups import Things, dress, put
from cirkit.worlds.render import render
from cirkit.worlds.scene import COLOURS, MATERIALS, SHAPES, SIZES, Scene, Thing


@dataclass(frozen=True, kw_only=True)
class scene_painter:
    """Renders what captions say of cubes, spheres and cylinders; words that it does not know leave no trace."""

    pixels: int = 64
    camera: float = 0.3  # world units by which the camera strays from pair to pair
    light: float = 0.15  # the same for the direction of the light

    def __call__(self, triplets: Sequence[CaptionTriplet], seeds: Sequence[int]) -> tuple[Pixels, Pixels]:
        pairs = [self.scenes(triplet, seed) for triplet, seed in zip(triplets, seeds, strict=True)]
        images = render([scene for pair in pairs for scene in pair], self.pixels).images
        return images[::2], images[1::2]

    def scenes(self, triplet: CaptionTriplet, seed: int) -> tuple[Scene, Scene]:
        """Both scenes; the k-th thing of the second caption stands where the k-th of the first does."""
        rng = np.random.default_rng([seed, 62])
        before, after = (things_in(caption) for caption in (triplet.reference, triplet.target))
        first: Things = ()
        for thing in before:
            placed = put(rng, first, thing)
            first = first if placed is None else (*first, placed)
        second: Things = ()
        for number, thing in enumerate(after):
            if number < len(first):
                there = first[number]
                placed = replace(thing, x=there.x, y=there.y, rotation=there.rotation)
            else:
                placed = put(rng, second, thing)
            second = second if placed is None else (*second, placed)
        scene = dress(rng, first, self.camera, self.light)
        return scene, replace(scene, things=second)


def things_in(caption: str) -> Things:
    """The solids that a caption names, not yet placed; what it leaves open of one is gray, small or of rubber."""
    found = []
    for phrase in re.split(r",| and ", caption.lower()):
        words = phrase.split()
        shape = next((word for word in words if word in SHAPES), None)
        if shape is not None:
            colour, size, material = (
                next((word for word in words if word in names), default)
                for names, default in ((COLOURS, "gray"), (SIZES, "small"), (MATERIALS, "rubber"))
            )
            found.append(Thing(shape, colour, size, 0.0, 0.0, 0.0, material))
    return tuple(found)
