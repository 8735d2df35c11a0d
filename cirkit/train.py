"""One training loop: draw a batch, ask the objective, step.

MAAF §2.4 gives the loss, SGD with momentum and a step-wise schedule; what a small scale changes is declared with the
experiment, for all rows alike.
"""

import io
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cirkit.files import write_atomically
from cirkit.models.base import Retriever
from cirkit.query import Batch, Triplets

Loss = Callable[[Tensor], Tensor]
Objective = Callable[[nn.Module, Batch], Tensor]
Schedule = Callable[[float], float]
Draw = Callable[[Triplets, int, torch.Generator], Iterator[Tensor]]


@dataclass(frozen=True, kw_only=True)
class Training:
    """Everything that decides a model's weights but the seed.

    `model` gets the training sentences (for its vocabulary); `draw` picks the rows of each batch; `schedule`
    maps the share of training done to a factor on the learning rate; `augment` changes a batch's pictures.
    """

    model: Callable[[Sequence[str]], nn.Module]
    data: Callable[[], Triplets]
    objective: Objective
    optimiser: Callable[[nn.Module], torch.optim.Optimizer]
    steps: int
    batch: int = 32
    schedule: Schedule
    draw: Draw
    augment: Callable[[Batch, torch.Generator], Batch] | None = None


@dataclass(frozen=True)
class Trained:
    """A model in evaluation mode, and its loss as (step, mean loss since the last entry) pairs."""

    model: nn.Module
    loss: list[tuple[int, float]]


@dataclass(frozen=True)
class ranking:
    """The objective that scores every query of a batch against every target and hands the matrix to `loss`."""

    loss: Loss

    def __call__(self, model: Retriever, batch: Batch) -> Float[Tensor, ""]:
        return self.loss(model.score(model.compose(batch.query), model.encode(batch.target)))


def constant(done: float) -> float:
    """The learning rate stays."""
    return 1.0


@dataclass(frozen=True)
class steps_down:
    """Divide the learning rate by ten at each of the given shares of training (MAAF §2.4: at 1/3 and 2/3)."""

    at: tuple[float, ...] = (1 / 3, 2 / 3)

    def __call__(self, done: float) -> float:
        return 0.1 ** sum(done >= share for share in self.at)


@dataclass(frozen=True)
class warm_cosine:
    """A linear rise over the first `warm` share of training, then half a cosine down to zero."""

    warm: float = 0.05

    def __call__(self, done: float) -> float:
        if done < self.warm:
            return done / self.warm
        return 0.5 * (1 + math.cos(math.pi * (done - self.warm) / (1 - self.warm)))


@dataclass(frozen=True, kw_only=True)
class sgd:
    """SGD with momentum, one learning rate for all parameters, as the released code does on CSS."""

    rate: float = 0.01
    momentum: float = 0.9
    decay: float = 1e-6

    def __call__(self, model: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.SGD(model.parameters(), lr=self.rate, momentum=self.momentum, weight_decay=self.decay)


@dataclass(frozen=True, kw_only=True)
class adamw:
    """AdamW; weight decay on matrices and kernels alone."""

    rate: float = 1e-3
    decay: float = 1e-2

    def __call__(self, model: nn.Module) -> torch.optim.Optimizer:
        matrices = [p for p in model.parameters() if p.ndim > 1]
        rest = [p for p in model.parameters() if p.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": self.decay}, {"params": rest, "weight_decay": 0.0}]
        return torch.optim.AdamW(groups, lr=self.rate)


@dataclass(frozen=True, kw_only=True)
class slower:
    """An optimiser under which the named parts of the model learn at a fraction of its rate.

    MAAF §2.4: the image encoder, pretrained, at a tenth; Table 5, row with an asterisk: the text encoder too.
    """

    optimiser: Callable[[nn.Module], torch.optim.Optimizer]
    parts: tuple[str, ...]
    factor: float = 0.1

    def __call__(self, model: nn.Module) -> torch.optim.Optimizer:
        made = self.optimiser(model)
        inside = {id(p) for part in self.parts for p in getattr(model, part).parameters()}
        before, made.param_groups = made.param_groups, []
        for group in before:
            for slow, factor in ((False, 1.0), (True, self.factor)):
                if mine := [p for p in group["params"] if (id(p) in inside) == slow]:
                    made.add_param_group(group | {"params": mine, "lr": group["lr"] * factor})
        return made


def shuffled(triplets: Triplets, batch: int, generator: torch.Generator) -> Iterator[Int[Tensor, " b"]]:
    """Batches of row numbers for ever: each pass is a fresh permutation, its incomplete last batch dropped."""
    n = len(triplets)
    if n < batch:
        raise ValueError(f"{n} training examples cannot fill a batch of {batch}; choose a smaller batch.")
    yield from _passes(torch.arange(n), batch, generator)


@dataclass(frozen=True)
class kin:
    """Batches in which every reference is asked about `each` times, so that its other answers are negatives.

    References are drawn without repeats within a batch, in proportion to their queries. A reference with fewer
    queries than `each` gives what it has.
    """

    # released TIRG and MAAF: on CSS two queries in a row share their reference; the papers do not say so
    each: int = 2

    def __call__(self, triplets: Triplets, batch: int, generator: torch.Generator) -> Iterator[Int[Tensor, " b"]]:
        if triplets.reference is None:
            raise ValueError("These triplets do not say which reference each has; draw with `shuffled`.")
        members = _members(triplets.reference)
        weight = torch.tensor([float(len(rows)) for rows in members])
        if len(members) * self.each < batch:
            raise ValueError(f"{len(members)} references cannot fill a batch of {batch}; choose a smaller batch.")
        while True:
            picked: list[Tensor] = []
            for owner in torch.multinomial(weight, min(batch, len(members)), generator=generator).tolist():
                rows = members[owner]
                picked.append(rows[torch.randperm(len(rows), generator=generator)[: self.each]])
                if sum(map(len, picked)) >= batch:
                    break
            yield torch.cat(picked)[:batch]


def single_category(triplets: Triplets, batch: int, generator: torch.Generator) -> Iterator[Int[Tensor, " b"]]:
    """Batches from one category each (MAAF §3.2), categories in proportion to their examples.

    Each category is gone through in fresh permutations, its incomplete last batch dropped.
    """
    # released MAAF: the category is drawn again now and then by one of several workers, so its batches are mixed
    if triplets.group is None:
        raise ValueError("These triplets do not say which category each has; draw with `shuffled`.")
    names = sorted(set(triplets.group))
    owners = torch.tensor([names.index(name) for name in triplets.group])
    members = _members(owners)
    if min(map(len, members)) < batch:
        raise ValueError(f"A category has fewer than {batch} training examples; choose a smaller batch.")
    streams = [_passes(rows, batch, generator) for rows in members]
    weight = torch.tensor([float(len(rows)) for rows in members])
    while True:
        yield next(streams[int(torch.multinomial(weight, 1, generator=generator))])


def _passes(rows: Int[Tensor, " n"], batch: int, generator: torch.Generator) -> Iterator[Int[Tensor, " b"]]:
    while True:
        order = rows[torch.randperm(len(rows), generator=generator)]
        yield from order[: len(rows) - len(rows) % batch].split(batch)


def _members(owners: Int[Tensor, " n"]) -> list[Tensor]:
    order = owners.argsort(stable=True)
    return list(order.split(owners[order].unique_consecutive(return_counts=True)[1].tolist()))


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
    rows = training.draw(triplets, training.batch, generator)
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
