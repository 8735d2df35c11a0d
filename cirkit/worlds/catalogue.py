"""The worlds by the benchmark they can stand in for.

A world is imported when it is asked for, and no earlier.
"""

import importlib
from pathlib import Path

from cirkit.benchmarks.catalogue import find as find_benchmark
from cirkit.errors import Problem
from cirkit.worlds.publish import World

WORLDS = {  # what is drawn, and the World by its module below cirkit.worlds
    "css": ("shapes", "css:CSS"),
    "cuhk-pedes": ("people", None),
    "icfg-pedes": ("people", None),
    "rstpreid": ("people", None),
    "birds-to-words": ("birds", None),
    "cub": ("birds", None),
    "textvqa": ("signs", None),
    "clevr": ("shapes", None),
    "cirr": ("groups", "cirr:CIRR"),
    "circo": ("groups", "circo:CIRCO"),
    "genecis": ("groups", "genecis:GENECIS"),
    "spot-the-diff": ("groups", "spot_the_diff:SPOT_THE_DIFF"),
    "captions": ("groups", None),
    "laion-cir": ("groups", None),
    "synth-triplets": ("groups", None),
    "fashioniq": ("wardrobe", "fashioniq:FASHIONIQ"),
    "fashion200k": ("wardrobe", "fashion200k:FASHION200K"),
    "shoes": ("wardrobe", "shoes:SHOES"),
    "mit-states": ("wardrobe", "mit_states:MIT_STATES"),
}


def world_of(name: str) -> "World | _Unmoved":
    """The world of a benchmark. Raises Problem where there is none."""
    benchmark = find_benchmark(name)
    if name not in WORLDS:
        raise Problem(f"No world stands in for {name}. Get the original: {benchmark.origin}.")
    if WORLDS[name][1] is None:
        return _Unmoved(benchmark.source)
    module, _, attribute = WORLDS[name][1].partition(":")
    return getattr(importlib.import_module(f"cirkit.worlds.{module}"), attribute)


class _Unmoved:
    """The world of a benchmark whose reader's module draws it."""

    def __init__(self, source) -> None:
        self.sizes, self.publish = source.SIZES, source.publish

    def require_current(self, root: Path) -> None:
        """The reader's own check says it."""


def publish(name: str, root: Path, scale: str) -> None:
    """Write the world of a benchmark to `root`. Raises Problem where no world stands in, or the scale has no size."""
    world = world_of(name)
    if scale not in world.sizes:
        raise Problem(f"The world of {name} has no scale {scale!r}. Use one of {', '.join(world.sizes)}.")
    world.publish(root, world.sizes[scale])
