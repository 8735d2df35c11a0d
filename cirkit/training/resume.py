"""The state of a training under way, from which a run that was cut off goes on as if it had not been.

It is believed only where code, configuration, seed and machine are those of the run that goes on.
"""

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cirkit.files import write_atomically
from cirkit.training import distributed
from cirkit.training.looks import Looks
from cirkit.training.steps import Stepper

DIGEST = hashlib.sha256().digest_size  # bytes before the state
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Progress:
    """Where a training may go on from: a file, and the facts that a state must share with the run that reads it."""

    path: Path
    facts: Mapping[str, Any]
    steps: int
    tell: Tell

    def save(
        self,
        model: nn.Module,
        stepper: Stepper,
        losses: Mapping[str, list[float]],
        device: torch.device,
        looks: Looks | None = None,
    ) -> None:
        """Write the state, random generators of every process included; process 0 alone writes."""
        random = distributed.everyone(random_states(device))
        if distributed.rank() == 0:
            state = {"model": model.state_dict(), "stepper": stepper.state_dict(), "losses": dict(losses)}
            state["looks"] = {} if looks is None else looks.state_dict()
            buffer = io.BytesIO()
            torch.save({**self.facts, **state, "random": random}, buffer)
            write_atomically(self.path, sealed(buffer.getvalue()))

    def read(self) -> dict[str, Any] | None:
        """The state, where there is one to go on from; one that cannot be read is set aside."""
        return distributed.first(self._read() if distributed.rank() == 0 else None)

    def _read(self) -> dict[str, Any] | None:
        if not self.path.exists():
            return None
        try:
            content = self.path.read_bytes()[DIGEST:]
            if sealed(content) != self.path.read_bytes():
                raise ValueError("its digest differs")
            state = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
            if set(state) != {*self.facts, "model", "stepper", "losses", "looks", "random"}:
                raise ValueError("it is no state of a training")
            taken = {len(values) for values in state["losses"].values()}
        except Exception as error:  # a damaged pickle raises nearly anything
            return self.set_aside(error)
        differences = [name for name, value in self.facts.items() if state[name] != value]
        if differences:
            self.tell(f"{self.path.name} is of another {' and '.join(differences)}; the training starts over.")
            return None
        if len(taken) != 1 or not taken <= set(range(self.steps + 1)):
            return self.set_aside(ValueError(f"it has taken {sorted(taken)} of {self.steps} steps"))
        return state

    def set_aside(self, error: Exception) -> None:
        """Rename the state, so that no later run meets it again, and say so."""
        if distributed.rank() == 0:
            aside = self.path.with_name(self.path.name + ".unreadable")
            self.path.replace(aside)
            reason = " ".join(str(error).split())[:200]
            self.tell(f"{self.path.name} cannot be read ({reason}); it is now {aside.name}, the training starts over.")

    def clear(self) -> None:
        """Remove the state of a training that has ended."""
        if distributed.rank() == 0:
            self.path.unlink(missing_ok=True)


def restore(
    state: Mapping[str, Any], model: nn.Module, stepper: Stepper, device: torch.device, looks: Looks | None = None
) -> dict[str, list[float]]:
    """Put a state into the model, its optimisers, this process's random generators and `looks`; the losses so far."""
    model.load_state_dict(state["model"])
    stepper.load_state_dict(state["stepper"])
    random = state["random"][distributed.rank()]
    torch.set_rng_state(random["cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(random["cuda"], device)
    if looks is not None:
        looks.load_state_dict(state["looks"])
    return state["losses"]


def sealed(content: bytes) -> bytes:
    """The content behind its digest, since torch reads tensors whose bytes have changed."""
    return hashlib.sha256(content).digest() + content


def random_states(device: torch.device) -> dict[str, Tensor]:
    """The state of every random generator that training on `device` draws from."""
    states = {"cpu": torch.get_rng_state()}
    return states | {"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else states
