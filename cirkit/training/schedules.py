"""Learning-rate schedules: the share of training done in, a factor out.

MAAF §2.4 (steps); the cosine of Loshchilov and Hutter (2017) with warm-up.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

Schedule = Callable[[float], float]


def constant(done: float) -> float:
    """The learning rate stays."""
    return 1.0


@dataclass(frozen=True)
class step_decay:
    """Divide the learning rate by ten at each of the given shares of training (MAAF §2.4: at 1/3 and 2/3)."""

    at: tuple[float, ...] = (1 / 3, 2 / 3)

    def __call__(self, done: float) -> float:
        return 0.1 ** sum(done >= share for share in self.at)


@dataclass(frozen=True)
class cosine_with_warmup:
    """A linear rise over the first `warmup` share of training, then half a cosine down to zero."""

    warmup: float = 0.05

    def __call__(self, done: float) -> float:
        if done < self.warmup:
            return done / self.warmup
        return 0.5 * (1 + math.cos(math.pi * (done - self.warmup) / (1 - self.warmup)))
