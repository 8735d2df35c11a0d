"""Run committed records again and compare ranks: the cheapest first, those made by other code before them."""

import math
from typing import Any

from cirkit.evaluators.measures import Recall
from cirkit.experiments import registry
from cirkit.experiments.experiment import Experiment
from cirkit.experiments.records import Record, done
from cirkit.experiments.run import produce


def verify(sample: int) -> list[dict[str, Any]]:
    """One row per record that was run again; nothing is written.

    `state` is `same` when every rank agrees, `close` when R@1 agrees within three standard errors of a difference
    between two runs (another processor rounds differently), else `differs`.
    """
    found = [(e, record) for e in registry.experiments() if e.scale != "smoke" for record in done(e)]
    found.sort(key=lambda pair: (pair[1].code == pair[0].code, sum(pair[1].seconds.values())))
    return [compare(experiment, record) for experiment, record in found[:sample]]


def compare(experiment: Experiment, record: Record) -> dict[str, Any]:
    """Run the seed of `record` again and set it beside."""
    again = produce(experiment, record.seed).record
    worst, equal, total = 0.0, 0, 0
    measure = Recall(1)
    bound = 0.0
    for name, before in record.ranks.items():
        now = again.ranks[name]
        a, b = measure(before), measure(now)
        worst = max(worst, abs(a.mean() - b.mean()))
        bound = max(bound, 3 * math.sqrt((a.var() + b.var()) / len(a)))
        equal += int((before.mid == now.mid).sum())
        total += len(before.mid)
    state = "same" if equal == total else "close" if worst <= bound else "differs"
    return {
        "name": record.name,
        "scale": record.scale,
        "seed": record.seed,
        "state": state,
        "equal ranks": f"{equal} of {total}",
        "difference R@1": round(float(worst), 4),
        "seconds": round(sum(again.seconds.values()), 1),
    }
