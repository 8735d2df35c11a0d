"""What a run needs, said before it starts: data, weights, hours and memory.

Hours and memory come from finished seeds of the same configuration; where there are none, from one training step of a
few random images with random weights, taken here and now, in proportion to the batch.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from cirkit.benchmarks.catalogue import CATALOGUE
from cirkit.declare import describe
from cirkit.errors import Problem
from cirkit.experiments.experiment import Experiment
from cirkit.experiments.records import done
from cirkit.query import Batch, Query

SIDE = 224  # pixels of the random images where the data cannot say
FEW = 2  # examples of the step that is tried


def plan(experiment: Experiment) -> dict[str, Any]:
    """One row: what is there, what is missing and where to get it, hours a seed, memory in MB.

    Memory is the peak of finished seeds, or a lower bound: weights, gradients, the optimiser's state, and what a step
    keeps for its way back. Where a part is missing, hours and memory are None.
    """
    training = experiment.training
    weights = ", ".join(pretrained(describe(training.model))) or "none"
    hours = memory = None
    if finished := done(experiment):
        hours = sum(sum(record.seconds.values()) for record in finished) / len(finished) / 3600
        memory, how = max(record.where["peak_mb"] for record in finished), "finished seeds"
    elif training.steps == 0:
        how = "nothing: no step is taken, only its tests"
    else:
        try:
            step = tried(experiment)
        except Problem as problem:
            weights, how = f"{weights}; missing: {problem}", "nothing: a part is missing"
        else:
            seconds = step.seconds * training.batch / FEW
            hours, how = seconds * training.steps / 3600, f"one step of {seconds:.1f} s here, {FEW} examples tried"
            memory = round((step.fixed + step.kept * training.batch / FEW) / 2**20)
    return {
        "name": experiment.name,
        "scale": experiment.scale,
        "data": data(experiment),
        "weights": weights,
        "steps": training.steps,
        "seeds wanted": len(experiment.seeds),
        "hours a seed": None if hours is None else round(hours, 3),
        "memory MB": memory,
        "judged by": how,
    }


def data(experiment: Experiment) -> str:
    """`there`, `drawn when the run starts`, or what is missing and where to get it."""
    make = experiment.training.data
    if experiment.basis == "world":
        return "drawn when the run starts"
    try:
        make()
    except (Problem, OSError) as problem:
        name = next((name for name in CATALOGUE if f"'{name.replace('-', '_')}." in f"{describe(make)}"), None)
        return f"missing: {problem}" + ("" if name is None else f" Source: {CATALOGUE[name].origin}.")
    return "there"


@dataclass(frozen=True)
class Step:
    """What one training step took: seconds, bytes that stay from step to step, bytes kept between its two ways."""

    seconds: float
    fixed: int
    kept: int


_TRIED: dict[str, Step | Problem] = {}  # rows of several benchmarks may train the same model the same way


def tried(experiment: Experiment) -> Step:
    """`one_step` of a few examples, taken once for all rows that train alike. Raises Problem for a missing part."""
    training = experiment.training
    alike = json.dumps(describe([training.model, training.objective, training.optimiser]), sort_keys=True)
    if alike not in _TRIED:
        try:
            if not any(isinstance(each, Step) for each in _TRIED.values()):
                one_step(experiment, FEW)  # the first of a process takes twice as long
            _TRIED[alike] = one_step(experiment, FEW)
        except Problem as problem:
            _TRIED[alike] = problem
        except (
            TypeError,
            AttributeError,
            KeyError,
            IndexError,
        ):  # it reads something else
            _TRIED[alike] = Problem("its examples are not random images and texts; run a smoke seed to judge it.")
    found = _TRIED[alike]
    if isinstance(found, Problem):
        raise found
    return found


def one_step(experiment: Experiment, batch: int) -> Step:
    """One training step at full size, on random images and with random weights; nothing is downloaded for it."""
    texts = ["make yellow sphere small"] * batch
    images = torch.randint(0, 255, (batch, 3, SIDE, SIDE), dtype=torch.uint8)
    with _offline():
        model = untrained(experiment.training.model)(texts).train()
    training = experiment.training
    stepper = training.step(model, training.objective, training.optimiser)
    batch_at_random = Batch(query=Query(image=images, text=texts), target=images.flip(0))
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor.detach()

    started = time.perf_counter()
    with saved_tensors_hooks(keep, lambda tensor: tensor):
        stepper(batch_at_random)
    seconds = time.perf_counter() - started
    weights = list(model.parameters())
    state = list(_tensors(stepper.state_dict()))
    fixed = sum(each.nbytes for each in [*weights, *(each.grad for each in weights if each.grad is not None), *state])
    for each in weights:
        kept.pop(each.untyped_storage().data_ptr(), None)
    return Step(seconds, fixed, sum(kept.values()))


def _tensors(state: Any) -> Iterator[Tensor]:
    """Every tensor in a state of dictionaries and lists."""
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, dict | list | tuple):
        for each in state.values() if isinstance(state, dict) else state:
            yield from _tensors(each)


@contextmanager
def _offline() -> Iterator[None]:
    """Without asking the Hugging Face hub: what is on this machine is used, the rest is missing."""
    from huggingface_hub import constants

    before, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def untrained(factory: Any) -> Any:
    """The same configuration with every `pretrained` switched off."""
    if isinstance(factory, partial):
        keywords = {name: False if name == "pretrained" else untrained(v) for name, v in factory.keywords.items()}
        return partial(factory.func, **keywords)
    return type(factory)(untrained(item) for item in factory) if isinstance(factory, list | tuple) else factory


def pretrained(description: Any) -> list[str]:
    """The names of pretrained parts a description asks for: timm's, and the `source` of transformers'."""
    if isinstance(description, list):
        return [name for item in description for name in pretrained(item)]
    if not isinstance(description, dict):
        return []
    mine = [str(description.get("name", "pretrained"))] if description.get("pretrained") is True else []
    mine += [str(description["source"])] if "source" in description else []
    return mine + [name for item in description.values() for name in pretrained(item)]
