"""What rows retrieve on CIRR, side by side: the queries whose first ten a run keeps, and images of the gallery.

CompoDiff Figure 11; PVLF Figure 1.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from jaxtyping import UInt8
from torch import Tensor

from cirkit.experiments.artifacts import Exhibit, TopTen
from cirkit.papers.clip_family.boards import BOARDS
from cirkit.worlds.cirr import CIRR

FIRST_OF_CIRR = TopTen(tuple(range(0, 720, 144)), name="top-cirr")  # of the test `cirr`, chosen before any was seen


def first_of_cirr(scale: str) -> dict[str, tuple[Exhibit, ...]]:
    """What a row keeps of the test `cirr`; nothing at `paper` scale, whose images a page cannot draw."""
    return {} if scale == "paper" else {"cirr": (FIRST_OF_CIRR,)}


def cirr_images(scale: str) -> Callable[[Sequence[int]], UInt8[Tensor, "n 3 h w"]]:
    """The validation images of CIRR's world of seed 0, by gallery row."""
    size = replace(BOARDS["cirr"].sizes[scale], seed=0)
    return lambda rows: CIRR.images(size, "val", rows)
