"""One training loop: sample a batch, compute the objective, step.

MAAF §2.4 gives the loss, SGD with momentum and a step-wise schedule; what a small scale changes is configured with the
experiment, for all rows alike.
"""

import io
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from cirkit.errors import Problem
from cirkit.files import write_atomically
from cirkit.query import Batch, Triplets
from cirkit.training.objectives import Objective
from cirkit.training.samplers import Sampler
from cirkit.training.schedules import Schedule
from cirkit.training.steps import Step, Stepper, descend


@dataclass(frozen=True, kw_only=True)
class Training:
    """Everything that decides a model's weights but the seed.

    `model` gets the training sentences (for its vocabulary); `sampler` picks the rows of each batch; `schedule`
    maps the share of training done to a factor on the learning rate; `augment` changes a batch's images; `start` names
    the parts of the model ("": all of it) that begin from another training's weights; `step` turns a batch into an
    update.
    """

    model: Callable[[Sequence[str]], nn.Module]
    data: Callable[[], Triplets]
    objective: Objective
    optimiser: Callable[[nn.Module], torch.optim.Optimizer]
    steps: int
    batch: int = 32
    schedule: Schedule
    sampler: Sampler
    augment: Callable[[Batch, torch.Generator], Batch] | None = None
    start: Mapping[str, "Weights"] = field(default_factory=dict)
    step: Step = descend


@dataclass(frozen=True)
class Weights:
    """The weights that a training ends with: of its whole model, or of one `part` of it.

    `seed` None is the seed of the run that asks; a number is one training shared by all seeds.
    """

    of: Training
    seed: int | None = None
    part: str = ""


@dataclass(frozen=True)
class Trained:
    """A model in evaluation mode, and its loss as (step, mean loss since the last entry) pairs."""

    model: nn.Module
    loss: list[tuple[int, float]]


def fit(
    training: Training,
    seed: int,
    *,
    device: str = "cpu",
    watch: Callable[[int, float], None] | None = None,
    resume: Path | None = None,
    every_seconds: float = 60.0,
    start: Mapping[str, Mapping[str, Tensor]] = MappingProxyType({}),
) -> Trained:
    """Train from `seed`; `watch(step, loss)` is called each step; `start`: the tensors that `training.start` names.

    With `resume`, the state is kept there about every `every_seconds`, and a run that was cut off goes on from it,
    with the same result as if it had not been.
    """
    triplets = at_seed(training.data, seed)()
    torch.manual_seed(seed)
    model = training.model(triplets.query.text or ())
    _begin(model, training.start, start)
    model = model.to(device).train()
    stepper = training.step(model, training.objective, training.optimiser)
    base = [group["lr"] for group in stepper.groups()]
    generator = torch.Generator().manual_seed(seed)
    rows = training.sampler(triplets, training.batch, generator)
    losses: list[float] = []
    if resume is not None and resume.exists():
        losses = _restore(resume, model, stepper)
        for _ in losses:  # the sampler has no state but how often it was asked
            next(rows)
    saved = time.monotonic()
    noise = torch.Generator().manual_seed(seed + 1)
    for step in range(len(losses), training.steps):
        for group, rate in zip(stepper.groups(), base, strict=True):
            group["lr"] = rate * training.schedule(step / training.steps)
        batch = triplets[next(rows)]
        if training.augment is not None:
            batch = training.augment(batch, noise.manual_seed(seed * 1_000_003 + step))
        losses.append(stepper(batch.to(torch.device(device))).item())
        if not math.isfinite(losses[-1]):
            raise ValueError(f"The loss is {losses[-1]} at step {step}; lower the learning rate of this training.")
        if watch is not None:
            watch(step + 1, losses[-1])
        if resume is not None and time.monotonic() - saved > every_seconds:
            _keep(resume, model, stepper, losses)
            saved = time.monotonic()
    if resume is not None:
        resume.unlink(missing_ok=True)
    return Trained(model.eval(), curve(losses))


def at_seed(data: Callable[[], Any], seed: int) -> Callable[[], Any]:
    """`data` as a run of `seed` reads them: another draw for each seed where `data` has `of_seed`, else the same."""
    of_seed = getattr(data, "of_seed", None)
    return data if of_seed is None else of_seed(seed)


def _begin(model: nn.Module, wanted: Mapping[str, Weights], start: Mapping[str, Mapping[str, Tensor]]) -> None:
    if set(wanted) != set(start):
        names = ", ".join(repr(part) for part in sorted(set(wanted) ^ set(start)))
        raise Problem(f"The weights given and the parts that start from weights differ in {names}; train them first.")
    for part, tensors in start.items():
        try:
            model.get_submodule(part).load_state_dict(dict(tensors))
        except (AttributeError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise Problem(
                f"The weights to start from do not fit part {part!r} of the model ({reason}); name a training whose "
                f"part has the same shapes."
            ) from error


def curve(losses: list[float], points: int = 100) -> list[tuple[int, float]]:
    """At most `points` means over consecutive steps, each with the step it ends at."""
    width = max(1, math.ceil(len(losses) / points))
    return [
        (min(start + width, len(losses)), sum(losses[start : start + width]) / len(losses[start : start + width]))
        for start in range(0, len(losses), width)
    ]


def _keep(path: Path, model: nn.Module, stepper: Stepper, losses: list[float]) -> None:
    buffer = io.BytesIO()
    state = {"model": model.state_dict(), "stepper": stepper.state_dict(), "losses": losses}
    torch.save(state | {"random": torch.get_rng_state()}, buffer)
    write_atomically(path, buffer.getvalue())


def _restore(path: Path, model: nn.Module, stepper: Stepper) -> list[float]:
    state = torch.load(path, weights_only=True, map_location="cpu")
    model.load_state_dict(state["model"])
    stepper.load_state_dict(state["stepper"])
    torch.set_rng_state(state["random"])  # dropout on the processor goes on where it stopped
    return state["losses"]
