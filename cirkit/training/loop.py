"""One training loop: sample a batch, compute the objective, step.

MAAF §2.4 gives the loss, SGD with momentum and a step-wise schedule; what a small scale changes is configured with the
experiment, for all rows alike.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, nn

from cirkit.declare import fingerprint
from cirkit.errors import Problem
from cirkit.examples import Examples, at_seed
from cirkit.training import distributed
from cirkit.training.looks import Looks
from cirkit.training.objectives import Objective
from cirkit.training.resume import Progress, restore
from cirkit.training.samplers import Sampler
from cirkit.training.schedules import Schedule
from cirkit.training.steps import Optimiser, Step, Stepper, descend

DAMAGE = (KeyError, ValueError, RuntimeError, TypeError, AttributeError, IndexError)  # what a damaged state raises


@dataclass(frozen=True, kw_only=True)
class Training:
    """Everything that decides a model's weights but the seed.

    `model` gets the texts of the training data (for its vocabulary); `sampler` picks the rows of each batch; `schedule`
    maps the share of training done to a factor on the learning rate; `augment` changes a batch's images; `start` names
    the parts of the model ("": all of it) that begin from another training's weights; `step` turns a batch into an
    update.
    """

    model: Callable[[Sequence[str]], nn.Module]
    data: Callable[[], Examples]
    objective: Objective
    optimiser: Optimiser
    steps: int
    batch: int = 32
    schedule: Schedule
    sampler: Sampler
    augment: Callable[[Any, torch.Generator], Any] | None = None
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
    """A model in evaluation mode, and its loss as (step, mean loss since the last entry) pairs.

    `losses` are those of other players, where the step has them; `trainable` counts the parameters that learnt.
    """

    model: nn.Module
    loss: list[tuple[int, float]]
    losses: dict[str, list[tuple[int, float]]]
    parameters: int
    trainable: int


def fit(
    training: Training,
    seed: int,
    *,
    device: str = "cpu",
    watch: Callable[[int, float], None] | None = None,
    looks: Looks | None = None,
    resume: Path | None = None,
    every_seconds: float = 60.0,
    start: Mapping[str, Mapping[str, Tensor]] = MappingProxyType({}),
    code: str = "",
    tell: Callable[[str], None] = print,
) -> Trained:
    """Train from `seed`; `watch(step, loss)` is called each step; `start`: the tensors that `training.start` names.

    `looks` sees the model at each tenth of the training and changes nothing of it.

    With `resume`, the state is kept there about every `every_seconds`, and a run that was cut off goes on from it,
    with the same result as if it had not been; where the state is of another `code` or configuration, or damaged, the
    training starts over and `tell` says so. Under `torchrun` each process takes its share of every batch; losses and
    weights are those of one process, and the first alone watches, looks, writes and tells.
    """
    with distributed.joined(device) as here:
        examples = at_seed(training.data, seed)()
        model, stepper = _begin(training, examples.texts, seed, here, start)
        base = [group["lr"] for group in stepper.groups()]
        progress = (
            None if resume is None else Progress(resume, _facts(training, seed, here, code), training.steps, tell)
        )
        losses: dict[str, list[float]] = {}
        if progress is not None and (state := progress.read()) is not None:
            try:
                losses = restore(state, model, stepper, here, looks)
            except DAMAGE as error:
                progress.set_aside(error)
                model, stepper = _begin(training, examples.texts, seed, here, start)
        taken = len(losses.get("loss", ()))
        rows = training.sampler(examples, training.batch, torch.Generator().manual_seed(seed))
        for _ in range(taken):  # the sampler has no state but the batches it gave
            next(rows)
        noise, saved = torch.Generator(), time.monotonic()
        for step in range(taken, training.steps):
            for group, lr in zip(stepper.groups(), base, strict=True):
                group["lr"] = lr * training.schedule(step / training.steps)
            batch = _batch(training, examples, next(rows), noise.manual_seed(seed * 1_000_003 + step))
            each = stepper(batch.to(here))
            due = each["loss"].new_tensor(progress is not None and time.monotonic() - saved > every_seconds)
            *values, due = distributed.mean(torch.stack([*each.values(), due])).tolist()
            for name, value in zip(each, values, strict=True):
                losses.setdefault(name, []).append(value)
                if not math.isfinite(value):
                    raise Problem(f"The {name} is {value} at step {step}; lower the learning rate of this training.")
            if watch is not None and distributed.rank() == 0:
                watch(step + 1, losses["loss"][-1])
            if looks is not None:
                looks(model, step + 1, training.steps)
            if due:  # by the clock of any process
                progress.save(model, stepper, losses, here, looks)
                saved = time.monotonic()
        if progress is not None:
            progress.clear()
        learning = [p.numel() for p in model.parameters() if p.requires_grad]
        curves = {name: curve(values) for name, values in losses.items()}
        return Trained(
            model=model.eval(),
            loss=curves.pop("loss", []),
            losses=curves,
            parameters=sum(p.numel() for p in model.parameters()),
            trainable=sum(learning),
        )


def _begin(
    training: Training,
    texts: Sequence[str],
    seed: int,
    device: torch.device,
    start: Mapping[str, Mapping[str, Tensor]],
) -> tuple[nn.Module, Stepper]:
    """The model with the weights it starts from, on its device, and what updates it."""
    torch.manual_seed(seed)
    model = training.model(texts)
    if set(training.start) != set(start):
        names = ", ".join(repr(part) for part in sorted(set(training.start) ^ set(start)))
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
    if distributed.rank():  # each process drops out units of its own
        torch.manual_seed(seed + 1_000_003 * distributed.rank())
    model = model.to(device).train()
    return model, training.step(model, training.objective, training.optimiser)


def _facts(training: Training, seed: int, device: torch.device, code: str) -> dict[str, Any]:
    """What a state must share with the run that goes on from it."""
    facts = {"code": code, "configuration": fingerprint(training), "seed": seed, "steps": training.steps}
    return facts | {"device": device.type, "processes": distributed.processes()}


def _batch(training: Training, examples: Examples, rows: Int[Tensor, " b"], noise: torch.Generator) -> Any:
    """This process's share of a batch; augmented whole, so that its noise follows no number of processes."""
    if training.augment is None:
        return examples[distributed.share(rows)]
    batch = training.augment(examples[rows], noise)
    return batch[distributed.share(torch.arange(len(rows)))] if distributed.processes() > 1 else batch


def curve(losses: list[float], points: int = 100) -> list[tuple[int, float]]:
    """At most `points` means over consecutive steps, each with the step it ends at."""
    width = max(1, math.ceil(len(losses) / points))
    return [
        (min(start + width, len(losses)), sum(losses[start : start + width]) / len(losses[start : start + width]))
        for start in range(0, len(losses), width)
    ]
