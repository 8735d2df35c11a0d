"""How large a part of the tokens is selected: a fixed one, or ITSELF's adaptive token scheduler (ATS).

ITSELF §3.3, eq. 4, and its supplement, §1 and Table 1: .65 falls to .5 geometrically over the first t_small steps.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

Retention = Callable[[int], float]  # training step, counted from 1 -> part of the tokens


@dataclass(frozen=True)
class fixed:
    """One ratio, always."""

    ratio: float = 0.4  # paper: not stated for rows without ATS; released code: .4

    def __call__(self, step: int) -> float:
        return self.ratio


@dataclass(frozen=True, kw_only=True)
class ATS:
    """start · (end / start)^(t / t_small) up to step t_small, `end` from then on.

    `every` steps keep one ratio: 1 is the paper's step level, the steps of an epoch its epoch level.
    """

    t_small: int
    start: float = 0.65
    end: float = 0.5
    every: int = 1

    def __call__(self, step: int) -> float:
        t = math.ceil(max(step, 1) / self.every) * self.every
        return self.start * (self.end / self.start) ** (min(t, self.t_small) / self.t_small)


def t_small(best_epoch: int, pairs: int, batch: int) -> int:
    """The step at which the row without a scheduler is best: its best epoch, times the steps of an epoch.

    released code: 10 · 145, RSTPReid's 37,010 pairs in batches of 256, on all three data sets.
    """
    return best_epoch * math.ceil(pairs / batch)


def count(tokens: int, ratio: float) -> int:
    """How many of the tokens are selected: ⌊tokens · ratio⌋, one at least."""
    return max(1, math.floor(tokens * ratio + 1e-9))  # 192 · .65 · (.5 / .65) is 96, whatever rounding says
