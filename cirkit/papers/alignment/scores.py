"""The alignment scores as rows of the paper's tables, and what the released code of each host makes of them.

Cao et al. (2022), §3, Tables 2 and 3a: ⋄ marks a host's own score, * and † the side that is transformed.
"""

from collections.abc import Callable
from functools import partial

from cirkit.attention.alignment import AlignmentScore, alignment, swapped

Score = Callable[[int], AlignmentScore]

ROWS = {  # by the name in a configuration: the label in a table, which is the paper's
    "cosine": "cosine similarity",
    "dot": "dot product",
    "scaled": "scaled dot product",
    "general_star": "general*",
    "general_dagger": "general†",
    "biased_star": "biased general*",
    "biased_dagger": "biased general†",
    "activated": "activated general",
}
NAMES = {"cosine": "cosine", "dot": "dot", "scaled": "scaled dot"}  # where a score is called otherwise than its row
# released code: of these four the scores come out as (word, region) where the code that follows reads (region, word)
SCRAMBLED = ("general_dagger", "biased_star", "biased_dagger", "activated")
EQUAL = ("cosine", "dot", "scaled")  # one model in SCAN, whose vectors have length one and whose norm takes off scale
BESIDE = ("scaled", "general_star", "activated")  # rows of MAC whose two units are also changed one at a time


def score(name: str) -> Score:
    """The alignment score of a row."""
    return partial(alignment, name=NAMES.get(name, ROWS[name]))


def control_score(name: str) -> Score:
    """That of MAC's control unit: in the released code * and † name opposite sides in its two units."""
    return partial(swapped, of=score(name)) if name not in ("dot", "scaled") else score(name)
