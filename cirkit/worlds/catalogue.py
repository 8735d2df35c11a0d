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
    "cuhk-pedes": ("people", "pedes:CUHK_PEDES"),
    "icfg-pedes": ("people", "pedes:ICFG_PEDES"),
    "rstpreid": ("people", "pedes:RSTPREID"),
    "birds-to-words": ("birds", "birds_to_words:BIRDS_TO_WORDS"),
    "cub": ("birds", "cub:CUB"),
    "textvqa": ("signs", "textvqa:TEXTVQA"),
    "clevr": ("shapes", "clevr:CLEVR"),
    "cirr": ("groups", "cirr:CIRR"),
    "circo": ("groups", "circo:CIRCO"),
    "genecis": ("groups", "genecis:GENECIS"),
    "spot-the-diff": ("groups", "spot_the_diff:SPOT_THE_DIFF"),
    "flickr30k": ("groups", "captions:FLICKR30K"),
    "coco": ("groups", "captions:COCO"),
    "laion-cir": ("groups", "laion_cir:LAION_CIR"),
    "synth-triplets": ("groups", "synth_triplets:SYNTH_TRIPLETS"),
    "pinpoint": ("groups, wardrobe", "pinpoint:PINPOINT"),
    "fashioniq": ("wardrobe", "fashioniq:FASHIONIQ"),
    "fashion200k": ("wardrobe", "fashion200k:FASHION200K"),
    "shoes": ("wardrobe", "shoes:SHOES"),
    "mit-states": ("wardrobe", "mit_states:MIT_STATES"),
}


def world_of(name: str) -> World:
    """The world of a benchmark. Raises Problem where there is none."""
    benchmark = find_benchmark(name)
    name = benchmark.name
    if name not in WORLDS:
        raise Problem(f"No world stands in for {name}. Get the original: {benchmark.origin}.")
    module, _, attribute = WORLDS[name][1].partition(":")
    return getattr(importlib.import_module(f"cirkit.worlds.{module}"), attribute)


def publish(name: str, root: Path, scale: str) -> None:
    """Write the world of a benchmark to `root`. Raises Problem where no world stands in, or the scale has no size."""
    world = world_of(name)
    if scale not in world.sizes:
        raise Problem(f"The world of {name} has no scale {scale!r}. Use one of {', '.join(world.sizes)}.")
    world.publish(root, world.sizes[scale])
