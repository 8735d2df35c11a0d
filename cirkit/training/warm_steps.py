"""The learning rate of M4C: from a fifth it rises to its full height, and falls to a tenth twice.

Hu et al. (2020), released configuration: 1,000 updates of warm-up; after 14,000 and 19,000 of 24,000 a tenth.
"""

from dataclasses import dataclass

from cirkit.training.schedules import step_decay


@dataclass(frozen=True, kw_only=True)
class warm_steps:
    """A linear rise from `start` over the first `warmup` share of training; a tenth from each share of `at` on."""

    warmup: float = 1 / 24
    start: float = 0.2
    at: tuple[float, ...] = (14 / 24, 19 / 24)

    def __call__(self, done: float) -> float:
        if done < self.warmup:
            return self.start + (1 - self.start) * done / self.warmup
        return step_decay(self.at)(done)
