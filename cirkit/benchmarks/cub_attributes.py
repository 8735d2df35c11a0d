"""CUB's 312 attributes: their official names, and which an image has.

CUB-200-2011 (attention §4.4): 28 groups, numbered from 1 in the order of `attributes.txt`.
"""

from pathlib import Path

import torch
from jaxtyping import Bool
from torch import Tensor

from cirkit.benchmarks.annotations import read_text, record_error
from cirkit.benchmarks.cub import base, beside, digits, table

_COLOURS = (
    "blue", "brown", "iridescent", "purple", "rufous", "grey", "yellow", "olive", "green", "pink", "orange", "black",
    "white", "red", "buff",
)  # fmt: skip
_PATTERNS = ("solid", "spotted", "striped", "multi-colored")
GROUPS: dict[str, tuple[str, ...]] = {
    "has_bill_shape": (
        "curved_(up_or_down)", "dagger", "hooked", "needle", "hooked_seabird", "spatulate", "all-purpose", "cone",
        "specialized",
    ),
    "has_wing_color": _COLOURS,
    "has_upperparts_color": _COLOURS,
    "has_underparts_color": _COLOURS,
    "has_breast_pattern": _PATTERNS,
    "has_back_color": _COLOURS,
    "has_tail_shape": (
        "forked_tail", "rounded_tail", "notched_tail", "fan-shaped_tail", "pointed_tail", "squared_tail",
    ),
    "has_upper_tail_color": _COLOURS,
    "has_head_pattern": (
        "spotted", "malar", "crested", "masked", "unique_pattern", "eyebrow", "eyering", "plain", "eyeline", "striped",
        "capped",
    ),
    "has_breast_color": _COLOURS,
    "has_throat_color": _COLOURS,
    "has_eye_color": tuple(colour for colour in _COLOURS if colour != "iridescent"),
    "has_bill_length": ("about_the_same_as_head", "longer_than_head", "shorter_than_head"),
    "has_forehead_color": _COLOURS,
    "has_under_tail_color": _COLOURS,
    "has_nape_color": _COLOURS,
    "has_belly_color": _COLOURS,
    "has_wing_shape": ("rounded-wings", "pointed-wings", "broad-wings", "tapered-wings", "long-wings"),
    "has_size": (
        "large_(16_-_32_in)", "small_(5_-_9_in)", "very_large_(32_-_72_in)", "medium_(9_-_16_in)",
        "very_small_(3_-_5_in)",
    ),
    "has_shape": (
        "upright-perching_water-like", "chicken-like-marsh", "long-legged-like", "duck-like", "owl-like", "gull-like",
        "hummingbird-like", "pigeon-like", "tree-clinging-like", "hawk-like", "sandpiper-like", "upland-ground-like",
        "swallow-like", "perching-like",
    ),
    "has_back_pattern": _PATTERNS,
    "has_tail_pattern": _PATTERNS,
    "has_belly_pattern": _PATTERNS,
    "has_primary_color": _COLOURS,
    "has_leg_color": _COLOURS,
    "has_bill_color": _COLOURS,
    "has_crown_color": _COLOURS,
    "has_wing_pattern": _PATTERNS,
}  # fmt: skip
NAMES = tuple(f"{group}::{value}" for group, values in GROUPS.items() for value in values)


def attributes(root: Path | str) -> Bool[Tensor, "n a"]:
    """Which of the attributes each image has, in the order of images.txt. Some official lines have extra columns."""
    root = Path(root)
    numbers = {number: row for row, number in enumerate(sorted(table(base(root) / "images.txt", 1)))}
    names = table(beside(root, "attributes.txt"), 1)
    columns = {number: column for column, number in enumerate(sorted(names))}
    path = base(root) / "attributes" / "image_attribute_labels.txt"
    found = torch.zeros(len(numbers), len(columns), dtype=torch.bool)
    for line, text in enumerate(read_text(path).splitlines(), 1):
        words = text.split()
        if len(words) < 3 or not all(digits(word) for word in words[:3]):
            raise record_error(path, line, "does not start with image, attribute and 0 or 1")
        if int(words[0]) not in numbers or int(words[1]) not in columns or words[2] not in ("0", "1"):
            raise record_error(path, line, "names an unknown image or attribute, or neither 0 nor 1")
        found[numbers[int(words[0])], columns[int(words[1])]] = words[2] == "1"
    return found
