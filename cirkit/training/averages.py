"""The exponential moving average of a model's weights, which is what is looked at, saved and tested.

CompoDiff (Gu et al., 2024), Table A.1: 0.9999; Polyak averaging as diffusion models have it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cirkit.training.objectives import Objective
from cirkit.training.steps import Optimiser, Step, Stepper, descend


@dataclass(frozen=True, kw_only=True)
class averaged:
    """`step`, between whose updates the model holds the average of its weights and not the latest.

    The n-th update counts the average so far by the smaller of `decay` and (1 + n) / (10 + n), so that the start is
    soon forgotten. Buffers are not averaged.
    """

    decay: float = 0.9999
    step: Step = descend

    def __call__(self, model: nn.Module, objective: Objective, optimiser: Optimiser) -> "Averaging":
        return Averaging(model, self.step(model, objective, optimiser), self.decay)


class Averaging:
    """The stepper of `averaged`: it holds the latest weights while the model holds their average."""

    def __init__(self, model: nn.Module, stepper: Stepper, decay: float) -> None:
        self.stepper, self.decay, self.updates = stepper, decay, 0
        self.parameters = {name: each for name, each in model.named_parameters() if each.requires_grad}
        self.latest = {name: each.detach().clone() for name, each in self.parameters.items()}

    def groups(self) -> Iterator[dict[str, Any]]:
        """The groups of the stepper inside."""
        return self.stepper.groups()

    def __call__(self, batch: Any) -> dict[str, Tensor]:
        """One update of the latest weights, then of their average; the losses are those of the latest."""
        self._swap()
        losses = self.stepper(batch)
        self._swap()
        self.updates += 1
        kept = min(self.decay, (1 + self.updates) / (10 + self.updates))
        with torch.no_grad():
            for name, each in self.parameters.items():
                each.lerp_(self.latest[name], 1 - kept)
        return losses

    def _swap(self) -> None:
        """The model's weights for those held here; the parameters stay the optimiser's own, no number is copied."""
        for name, each in self.parameters.items():
            each.data, self.latest[name] = self.latest[name], each.data

    def state_dict(self) -> dict[str, Any]:
        """The latest weights, how many updates there were, and the state of the stepper inside."""
        return {"stepper": self.stepper.state_dict(), "latest": self.latest, "updates": self.updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`; the average is in the model's own."""
        self.stepper.load_state_dict(state["stepper"])
        for name, each in self.latest.items():
            each.copy_(state["latest"][name])
        self.updates = state["updates"]
