"""Hide all but a few: the rows of a gallery that are not among a query's own candidates, made when asked for.

For protocols where each query has a small gallery of its own (CIRR's groups of six, GeneCIS's templates of 10 or 15).
Exact, since ranks are counted over what is not hidden; a stored list would take queries x gallery entries.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Outside(Sequence):
    """Item i: the rows of 0 .. n-1 that are not in candidates[i]; those of first[i] lead, so the reference may."""

    candidates: Sequence[Sequence[int]]
    n: int
    first: Sequence[Sequence[int]]

    def __len__(self) -> int:
        return len(self.candidates)

    def __getitem__(self, i: int) -> list[int]:
        hidden = np.ones(self.n, bool)
        hidden[list(self.candidates[i])] = False
        lead = [row for row in self.first[i] if hidden[row]]
        hidden[lead] = False
        return lead + np.flatnonzero(hidden).tolist()
