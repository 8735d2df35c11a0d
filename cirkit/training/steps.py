"""Steps: how a batch becomes an update of the model.

MAAF §2.4 descends one loss; AttnGAN (Xu et al., 2018, §3.1) lets discriminators and a generator take turns.
"""

from collections.abc import Callable, Iterator
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

Optimiser = Callable[[nn.Module], torch.optim.Optimizer]


@runtime_checkable
class Stepper(Protocol):
    """One fit's optimisers: a batch in, an update of the model and the loss out."""

    def groups(self) -> Iterator[dict[str, Any]]:
        """Every parameter group, for the schedule of the learning rate."""
        ...

    def __call__(self, batch: Any) -> Tensor:
        """Update the model by one batch; returns the loss to log."""
        ...

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> None: ...


Step = Callable[[nn.Module, Callable[[nn.Module, Any], Tensor], Optimiser], Stepper]


class descend:
    """One optimiser goes down the gradient of one loss."""

    def __init__(self, model: nn.Module, objective: Callable[[nn.Module, Any], Tensor], optimiser: Optimiser) -> None:
        self.model, self.objective, self.optimiser = model, objective, optimiser(model)

    def groups(self) -> Iterator[dict[str, Any]]:
        """The groups of its optimiser."""
        yield from self.optimiser.param_groups

    def __call__(self, batch: Any) -> Tensor:
        """The loss before the update."""
        loss = self.objective(self.model, batch)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return loss.detach()

    def state_dict(self) -> dict[str, Any]:
        """The state of its optimiser."""
        return self.optimiser.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.optimiser.load_state_dict(state)
