"""An optimiser whose gradients are scaled down where all of them together are too long.

Lee et al. (ECCV 2018), SCAN, at 2; Hudson and Manning (ICLR 2018), MAC, at 8, both over all parameters at once.
"""

from dataclasses import dataclass

import torch
from torch import nn

from cirkit.training.steps import Optimiser


@dataclass(frozen=True, kw_only=True)
class clip_gradients:
    """`optimiser`, before each of whose steps the gradients are scaled to a common length of at most `length`."""

    optimiser: Optimiser
    length: float

    def __call__(self, model: nn.Module) -> torch.optim.Optimizer:
        optimiser = self.optimiser(model)

        def clip(_: torch.optim.Optimizer, *given: object) -> None:
            parameters = [each for group in optimiser.param_groups for each in group["params"]]
            nn.utils.clip_grad_norm_(parameters, self.length)

        optimiser.register_step_pre_hook(clip)
        return optimiser
