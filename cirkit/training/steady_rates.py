"""A schedule for the parts of a model that learn fast, while those that learn slowly keep their rate.

Released code of TransAgg (Liu et al., 2023), from which PVLF §4.1.4 takes its training: AdamW at 1e-4 for new modules
and at 1e-6 for towers, and one cosine down to 1e-6, by which the towers' rate stays as it is.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import nn

from cirkit.training.objectives import Objective
from cirkit.training.steps import Optimiser, descend


@dataclass(frozen=True)
class cosine_to:
    """Half a cosine from the learning rate down to a share `least` of it."""

    least: float = 0.01

    def __call__(self, done: float) -> float:
        return self.least + (1 - self.least) * 0.5 * (1 + math.cos(math.pi * done))


@dataclass(frozen=True, kw_only=True)
class steady_below:
    """`descend`, where groups of parameters that begin at a rate of `least` or below it keep that rate."""

    least: float = 1e-6

    def __call__(self, model: nn.Module, objective: Objective, optimiser: Optimiser) -> "SteadyBelow":
        return SteadyBelow(model, objective, optimiser, least=self.least)


class SteadyBelow(descend):
    """The steps of `steady_below`."""

    def __init__(self, model: nn.Module, objective: Objective, optimiser: Optimiser, *, least: float) -> None:
        super().__init__(model, objective, optimiser)
        # asked once, since the schedule changes the rates; 1e-4 · .01 is a rounding above 1e-6
        above = least * (1 + 1e-9)
        self.scheduled = [n for n, group in enumerate(self.optimiser.param_groups) if group["lr"] > above]

    def groups(self) -> Iterator[dict[str, Any]]:
        """The groups that the schedule reaches."""
        yield from (self.optimiser.param_groups[number] for number in self.scheduled)
