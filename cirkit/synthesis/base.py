"""The nouns of the pipeline: a caption triplet, a route that writes them, and a painter of image pairs.

Gu et al. (2024), "CompoDiff", §4 and Figure 6.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import UInt8
from torch import Tensor

Pixels = UInt8[Tensor, "b 3 h w"]


@dataclass(frozen=True, kw_only=True)
class CaptionTriplet:
    """A caption, how it is changed, and the changed caption; the keywords that were exchanged, where there are any."""

    reference: str
    instruction: str
    target: str
    source_keyword: str | None = None
    target_keyword: str | None = None


@runtime_checkable
class Route(Protocol):
    """A way to caption triplets: `count` of them, which follow from the number of the shard alone."""

    def __call__(self, shard: int, count: int) -> Sequence[CaptionTriplet]: ...


@runtime_checkable
class Painter(Protocol):
    """Images of the captions before and after; a pair follows from its triplet and its seed alone."""

    def __call__(self, triplets: Sequence[CaptionTriplet], seeds: Sequence[int]) -> tuple[Pixels, Pixels]: ...
