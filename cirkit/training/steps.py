"""Steps: how a batch becomes an update of the model.

MAAF §2.4 descends one loss; AttnGAN (Xu et al., 2018, §3.1) lets discriminators and a generator take turns.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from cirkit.attention.dropout import Dropout
from cirkit.training import distributed
from cirkit.training.objectives import Objective

Optimiser = Callable[[nn.Module], torch.optim.Optimizer]


@runtime_checkable
class Stepper(Protocol):
    """One fit's optimisers: a batch in, an update of the model and the losses out."""

    def groups(self) -> Iterator[dict[str, Any]]:
        """Every parameter group, for the schedule of the learning rate."""
        ...

    def __call__(self, batch: Any) -> dict[str, Tensor]:
        """Update the model by one batch; returns the losses before the update, that of the objective as "loss"."""
        ...

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> None: ...


Step = Callable[[nn.Module, Objective, Optimiser], Stepper]


class descend:
    """One optimiser goes down the gradient of one loss."""

    def __init__(self, model: nn.Module, objective: Objective, optimiser: Optimiser) -> None:
        self.model, self.objective, self.optimiser = model, objective, optimiser(model)

    def groups(self) -> Iterator[dict[str, Any]]:
        """The groups of its optimiser."""
        yield from self.optimiser.param_groups

    def __call__(self, batch: Any) -> dict[str, Tensor]:
        """The loss before the update."""
        return {"loss": _update(self.model, self.optimiser, self.objective(self.model, batch))}

    def state_dict(self) -> dict[str, Any]:
        """The state of its optimiser."""
        return self.optimiser.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.optimiser.load_state_dict(state)


def descend_with_torch_masks(model: nn.Module, objective: Objective, optimiser: Optimiser) -> descend:
    """`descend`, where every dropout draws its masks as torch does: slower, and another random stream."""
    for layer in model.modules():
        if isinstance(layer, Dropout):
            layer.by_torch = True
    return descend(model, objective, optimiser)


@dataclass(frozen=True, kw_only=True)
class adversarial:
    """Adversaries and a generator in turn, each with an optimiser of its own, all on what the generator paints once.

    `generate(model, batch)` gives what the objectives see of a batch, with a `detach` for the adversaries, whose loss
    must not reach the generator. `adversaries` maps a part of the model to its objective, in the order of their
    updates; the training's objective is the generator's. All use the training's optimiser unless another is given.
    """

    generate: Callable[[nn.Module, Any], Any]
    adversaries: Mapping[str, Objective]
    generator: str = "generator"
    optimiser: Optimiser | None = None  # of the adversaries

    def __call__(self, model: nn.Module, objective: Objective, optimiser: Optimiser) -> "Turns":
        players = {part: (each, self.optimiser or optimiser) for part, each in self.adversaries.items()}
        return Turns(model, self.generate, players | {self.generator: (objective, optimiser)})


class Turns:
    """The players of `adversarial` with their optimisers; the last is the generator."""

    def __init__(
        self,
        model: nn.Module,
        generate: Callable[[nn.Module, Any], Any],
        players: Mapping[str, tuple[Objective, Optimiser]],
    ) -> None:
        self.model, self.generate = model, generate
        self.objectives = {part: objective for part, (objective, _) in players.items()}
        self.optimisers = {part: optimiser(model.get_submodule(part)) for part, (_, optimiser) in players.items()}

    def groups(self) -> Iterator[dict[str, Any]]:
        """The groups of all players."""
        for optimiser in self.optimisers.values():
            yield from optimiser.param_groups

    def __call__(self, batch: Any) -> dict[str, Tensor]:
        """One update of each adversary, then one of the generator; losses by part, the generator's as "loss"."""
        generated, losses = self.generate(self.model, batch), {}
        *adversaries, generator = self.objectives
        for part in adversaries:
            losses[part] = self._turn(part, generated.detach())
        return {"loss": self._turn(generator, generated)} | losses

    def _turn(self, part: str, generated: Any) -> Tensor:
        loss = self.objectives[part](self.model, generated)
        return _update(self.model.get_submodule(part), self.optimisers[part], loss)

    def state_dict(self) -> dict[str, Any]:
        """The states of all optimisers, by part."""
        return {part: optimiser.state_dict() for part, optimiser in self.optimisers.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        for part, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state[part])


def _update(part: nn.Module, optimiser: torch.optim.Optimizer, loss: Tensor) -> Tensor:
    """One step of `part` down the gradient of `loss`, which is returned without its graph."""
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    distributed.average(part.parameters())
    optimiser.step()
    return loss.detach()
