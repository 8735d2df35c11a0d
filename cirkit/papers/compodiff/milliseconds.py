"""How long a query takes under choices made at test time, in batches of several sizes: an exhibit beside the record.

CompoDiff Table 4 (one query at a time) and Table 5 (throughput). Only the process's own time counts, on its one thread.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.ranking import device_of
from cirkit.experiments.experiment import as_trained
from cirkit.papers.clip_family.boards import Use


@dataclass(frozen=True, kw_only=True)
class Milliseconds:
    """For each use of the model by name: processor time of composing a batch of queries, the least of some repeats.

    Images and texts are encoded anew each time, as they are for a user's query.
    """

    uses: Mapping[str, Use] = field(default_factory=lambda: {"as trained": as_trained})
    batches: tuple[int, ...] = (1, 16)
    repeats: int = 3
    name: str = "milliseconds"
    every_seed: bool = False

    def __call__(self, model: Any, data: Any, evidence: Callable[[], Ranks]) -> dict[str, Any]:
        """By name of the use and size of the batch: milliseconds of the whole batch."""
        device = device_of(model)
        queries = {size: data.query[torch.arange(size) % len(data)].to(device) for size in self.batches}
        clock = time.process_time if device.type == "cpu" else time.perf_counter
        found: dict[str, dict[str, float]] = {}
        for name, use in self.uses.items():
            used, found[name] = use(model), {}
            for size, query in queries.items():
                times = []
                for _ in range(self.repeats):
                    start = clock()
                    with torch.no_grad():
                        used.compose(query).sum().item()  # waits for the device
                    times.append(1000 * (clock() - start))
                found[name][str(size)] = round(min(times), 2)
        return {"milliseconds": found}
