"""Looks: what is seen of a model at ten points of its training, which goes on as if nobody had looked.

No paper says how its models did on the way; from validation at these points one reads whether a training was long.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from cirkit.declare import fingerprint
from cirkit.training import distributed

TENTHS = 10


def steps_of(steps: int) -> list[int]:
    """The steps after which a training of so many is looked at: its tenths, rounded up; the last one ends it."""
    return sorted({-(-steps * tenth // TENTHS) for tenth in range(1, TENTHS + 1)})


@dataclass
class Looks:
    """`see(model)` at each tenth of a training, its outcome kept in `seen` by step.

    It gets the model in evaluation mode, without gradients, and what it draws of torch's random numbers moves no
    generator of the training. It is a configuration and gives plain data, so that what was seen before an interruption
    lies in the state of the training. Of several processes the first alone looks.
    """

    see: Callable[[nn.Module], Any]
    seen: dict[int, Any] = field(default_factory=dict)

    def __call__(self, model: nn.Module, step: int, steps: int) -> None:
        """Look, if `step` of `steps` is one of the points; the model is in training mode afterwards."""
        if distributed.rank() or step not in steps_of(steps):
            return
        devices = {each.device for each in model.parameters() if each.is_cuda}
        with torch.no_grad(), torch.random.fork_rng(devices):
            self.seen[step] = self.see(model.eval())
        model.train()

    def state_dict(self) -> dict[str, Any]:
        """What was seen, and by what."""
        return {"see": fingerprint(self.see), "seen": self.seen}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`; what was seen by another configuration counts as not seen."""
        self.seen = dict(state["seen"]) if state.get("see") == fingerprint(self.see) else {}
