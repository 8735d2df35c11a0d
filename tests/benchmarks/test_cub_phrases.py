import re

import numpy as np
import pytest

from cirkit.benchmarks.cub_attributes import NAMES
from cirkit.benchmarks.cub_phrases import ATTRIBUTES, COLOURS, colours_named
from cirkit.worlds.birds import genera
from cirkit.worlds.birds_language import caption
from cirkit.worlds.cub import true_of


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a bird with a red crown.", ["crown red"]),
        (
            "this small bird has blue wings, a long black tail and grey feet.",
            ["wing blue", "upper_tail black", "leg grey"],
        ),
        ("the bird has white wing bars and white bars on the wings.", []),
        ("this bird has a black crest and a dark line through the eye", []),
        ("a grey bird with a short cone shaped orange beak", ["bill orange"]),
        ("A Gray Belly, a gray belly", ["belly grey"]),
        ("a bird with black and white wings", ["wing white"]),
        ("a bird with a blue green back", []),
        ("a red tuft on the head", []),
        ("", []),
    ],
)
def test_parts_and_their_colours(text, found):
    assert [
        f"{name.removeprefix('has_').removesuffix('_color')} {colour}" for name, colour in colours_named(text)
    ] == found


def test_every_name_is_an_attribute_of_cub():
    assert {f"{attribute}::{colour}" for attribute in ATTRIBUTES for colour in COLOURS.values()} - set(NAMES) == set()


def test_what_captions_of_the_world_name_is_true_of_their_birds():
    rng = np.random.default_rng(0)
    named = 0
    for species in genera(rng, 40, 4):
        for _ in range(5):
            text = caption(rng, species)
            pairs = colours_named(text)
            assert {f"{name}::{colour}" for name, colour in pairs} <= true_of(species), text
            named += len(pairs)
            assert len(re.findall("crown|cap ", text)) == 0 or any("crown" in name for name, _ in pairs), text
    assert named > 300
