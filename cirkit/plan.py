"""What a run needs, said before it starts: data, weights, hours and memory.

Hours come from finished seeds of the same declaration; where there are none, from one training step on made-up
pictures with random weights, taken here and now.
"""

import resource
import sys
import time
from typing import Any

import torch

from cirkit.benchmarks.catalogue import CATALOGUE
from cirkit.declare import describe, rebuild
from cirkit.errors import Problem
from cirkit.query import Batch, Query
from cirkit.records import Experiment, done

SIDE = 224  # pixels of the made-up pictures where the data cannot say


def plan(experiment: Experiment) -> dict[str, Any]:
    """One row: what is there, what is missing and where to get it, hours a seed, peak memory in MB."""
    finished = done(experiment)
    if finished:
        hours = sum(sum(record.seconds.values()) for record in finished) / len(finished) / 3600
        memory, how = max(record.where["peak_mb"] for record in finished), "finished seeds"
    else:
        seconds = one_step(experiment, experiment.training.batch)
        hours, how = seconds * experiment.training.steps / 3600, f"one step of {seconds:.1f} s here"
        memory = round(
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 2**20)
        )
    return {
        "name": experiment.name,
        "scale": experiment.scale,
        "data": data(experiment),
        "weights": ", ".join(pretrained(describe(experiment.training.model))) or "none",
        "steps": experiment.training.steps,
        "seeds wanted": len(experiment.seeds),
        "hours a seed": round(hours, 3),
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
        name = next((name for name in CATALOGUE if f".{name}." in f"{describe(make)}"), None)
        return f"missing: {problem}" + ("" if name is None else f" Source: {CATALOGUE[name].origin}.")
    return "there"


def one_step(experiment: Experiment, batch: int) -> float:
    """Seconds of one training step at full size, on made-up pictures and with random weights."""
    texts = ["make yellow sphere small"] * batch
    images = torch.randint(0, 255, (batch, 3, SIDE, SIDE), dtype=torch.uint8)
    model = rebuild(untrained(describe(experiment.training.model)))(texts).train()
    optimiser = experiment.training.optimiser(model)
    started = time.perf_counter()
    loss = experiment.training.objective(model, Batch(query=Query(image=images, text=texts), target=images.flip(0)))
    loss.backward()
    optimiser.step()
    return time.perf_counter() - started


def untrained(description: Any) -> Any:
    """The same description with every `pretrained` switched off."""
    if isinstance(description, list):
        return [untrained(item) for item in description]
    if not isinstance(description, dict):
        return description
    return {key: False if key == "pretrained" else untrained(item) for key, item in description.items()}


def pretrained(description: Any) -> list[str]:
    """The names of pretrained parts a description asks for."""
    if isinstance(description, list):
        return [name for item in description for name in pretrained(item)]
    if not isinstance(description, dict):
        return []
    mine = [str(description.get("name", "pretrained"))] if description.get("pretrained") is True else []
    return mine + [name for item in description.values() for name in pretrained(item)]
