"""One training loop: sample a batch, compute the objective, step.

MAAF §2.4 gives the loss, SGD with momentum and a step-wise schedule; what a small scale changes is configured with the
experiment, for all rows alike.
"""

import io
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from cirkit.files import write_atomically
from cirkit.query import Batch, Triplets
from cirkit.training.objectives import Objective
from cirkit.training.samplers import Sampler
from cirkit.training.schedules import Schedule


@dataclass(frozen=True, kw_only=True)
class Training:
    """Everything that decides a model's weights but the seed.

    `model` gets the training sentences (for its vocabulary); `sampler` picks the rows of each batch; `schedule`
    maps the share of training done to a factor on the learning rate; `augment` changes a batch's pictures.
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
) -> Trained:
    """Train from `seed`; `watch(step, loss)` is called each step.

    With `resume`, the state is kept there about every `every_seconds`, and a run that was cut off goes on from it,
    with the same result as if it had not been.
    """
    triplets = training.data()
    torch.manual_seed(seed)
    model = training.model(triplets.query.text or ()).to(device).train()
    optimiser = training.optimiser(model)
    base = [group["lr"] for group in optimiser.param_groups]
    generator = torch.Generator().manual_seed(seed)
    rows = training.sampler(triplets, training.batch, generator)
    losses: list[float] = []
    if resume is not None and resume.exists():
        losses = _restore(resume, model, optimiser)
        for _ in losses:  # the sampler has no state but how often it was asked
            next(rows)
    saved = time.monotonic()
    noise = torch.Generator().manual_seed(seed + 1)
    for step in range(len(losses), training.steps):
        for group, rate in zip(optimiser.param_groups, base, strict=True):
            group["lr"] = rate * training.schedule(step / training.steps)
        batch = triplets[next(rows)]
        if training.augment is not None:
            batch = training.augment(batch, noise.manual_seed(seed * 1_000_003 + step))
        loss = training.objective(model, batch.to(torch.device(device)))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            raise ValueError(f"The loss is {losses[-1]} at step {step}; lower the learning rate of this training.")
        if watch is not None:
            watch(step + 1, losses[-1])
        if resume is not None and time.monotonic() - saved > every_seconds:
            _keep(resume, model, optimiser, losses)
            saved = time.monotonic()
    if resume is not None:
        resume.unlink(missing_ok=True)
    return Trained(model.eval(), curve(losses))


def curve(losses: list[float], points: int = 100) -> list[tuple[int, float]]:
    """At most `points` means over consecutive steps, each with the step it ends at."""
    width = max(1, math.ceil(len(losses) / points))
    return [
        (min(start + width, len(losses)), sum(losses[start : start + width]) / len(losses[start : start + width]))
        for start in range(0, len(losses), width)
    ]


def _keep(path: Path, model: nn.Module, optimiser: torch.optim.Optimizer, losses: list[float]) -> None:
    buffer = io.BytesIO()
    state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "losses": losses}
    torch.save(state | {"random": torch.get_rng_state()}, buffer)
    write_atomically(path, buffer.getvalue())


def _restore(path: Path, model: nn.Module, optimiser: torch.optim.Optimizer) -> list[float]:
    state = torch.load(path, weights_only=True, map_location="cpu")
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    torch.set_rng_state(state["random"])  # dropout on the processor goes on where it stopped
    return state["losses"]
