"""The colours that a caption of a bird names, as CUB's attributes: "a red crown" is has_crown_color::red.

Cao et al. (2022), §6.2, read such words off painted birds by eye; counted, they need this rule.
"""

import re

from cirkit.benchmarks.cub_attributes import GROUPS

PARTS = {
    "back": "back", "mantle": "back", "wing": "wing", "wings": "wing", "crown": "crown", "cap": "crown",
    "breast": "breast", "chest": "breast", "belly": "belly", "underside": "belly", "abdomen": "belly",
    "tail": "upper_tail", "rectrices": "upper_tail", "beak": "bill", "bill": "bill", "legs": "leg", "feet": "leg",
    "throat": "throat", "nape": "nape", "forehead": "forehead",
}  # fmt: skip
ATTRIBUTES = tuple(dict.fromkeys(f"has_{part}_color" for part in PARTS.values()))
COLOURS = {colour: colour for colour in GROUPS["has_wing_color"]} | {"gray": "grey"}
STOPS = ("a", "an", "the", "on", "of", "in", "around", "through", "with", "has", "have", "is", "are", "that")
BREAKS = re.compile(r"[,.;:]|\band\b|\bwith\b|\bhas\b")


def colours_named(caption: str) -> list[tuple[str, str]]:
    """Attribute and colour, each pair once: the last word of a phrase is a part, and one colour stands before it.

    "white wing bars" speaks of bars and "bars on the wings" gives the wings no colour, so neither counts.
    """
    found: dict[tuple[str, str], None] = {}
    for phrase in BREAKS.split(caption.lower()):
        words = phrase.split()
        for place, word in enumerate(words):
            if word in PARTS and (place + 1 == len(words) or words[place + 1] in STOPS):
                before = words[:place]
                start = max((i + 1 for i, one in enumerate(before) if one in STOPS), default=0)
                colours = [COLOURS[one] for one in before[start:] if one in COLOURS]
                if len(colours) == 1:
                    found[f"has_{PARTS[word]}_color", colours[0]] = None
    return list(found)
