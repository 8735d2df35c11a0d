"""Run committed records again, wholly, and compare what they left; first those of other code, the cheapest first.

`replay` compares a little of each in minutes; this trains.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from cirkit.evaluators.evidence import Answers, Evidence, Ranks, Samples
from cirkit.experiments.confirmations import current
from cirkit.experiments.experiment import Experiment
from cirkit.experiments.records import Record, done
from cirkit.experiments.run import test
from cirkit.experiments.trainings import Trainer, never


def verify(experiments: Sequence[Experiment], sample: int) -> Iterator[dict[str, Any]]:
    """One row per record that was run again; nothing is written."""
    found = [(e, record) for e in experiments if e.scale != "smoke" for record in done(e)]
    found.sort(key=lambda pair: (current(pair[0].code, pair[1]), sum(pair[1].seconds.values())))
    for experiment, record in found[:sample]:
        yield compare(experiment, record)


def compare(experiment: Experiment, record: Record) -> dict[str, Any]:
    """Run the seed of `record` again and set it beside.

    `state` is `same` when every item agrees, `close` when the means of each test agree within three standard errors of
    a difference between two runs (another processor rounds differently), else `differs`.
    """
    outcome = Trainer(accept=never, keep=False, local=experiment.local, tell=lambda line: None)(
        experiment.training, record.seed
    )
    again = test(experiment, record.seed, outcome).record
    pairs = [(before, again.evidence.get(name)) for name, before in record.evidence.items()]
    if any(now is None or len(now) != len(before) or type(now) is not type(before) for before, now in pairs):
        agree, worst, state = np.zeros(1, bool), math.nan, "differs"
    else:
        agree = np.concatenate([same(before, now) for before, now in pairs])
        gaps = [_gap(levels(before), levels(now)) for before, now in pairs]
        worst = max(difference for difference, _ in gaps)
        close = all(difference <= bound for difference, bound in gaps)
        state = "same" if agree.all() else "close" if close else "differs"
    return {
        "name": record.name,
        "scale": record.scale,
        "seed": record.seed,
        "state": state,
        "equal items": f"{int(agree.sum())} of {len(agree)}",
        "difference of means": round(float(worst), 4),
        "seconds": round(sum(again.seconds.values()), 1),
    }


def same(before: Evidence, now: Evidence) -> Bool[np.ndarray, " u"]:
    """Which items agree: all ranks of a query, the answer to a question, the features of a sample."""
    match before, now:
        case Ranks(), Ranks():
            if not np.array_equal(before.offsets, now.offsets):
                return np.zeros(len(before), bool)
            return np.logical_and.reduceat(before.mid == now.mid, before.offsets[:-1])
        case Answers(), Answers():
            return np.array([a == b for a, b in zip(before.given, now.given, strict=True)])
        case Samples(), Samples():
            return np.isclose(before.features, now.features, rtol=1e-4, atol=1e-5).all(1)
    raise TypeError(f"Evidence of {type(before).__name__} cannot be compared with that of {type(now).__name__}.")


def levels(evidence: Evidence) -> Float[np.ndarray, " u"]:
    """A number per item whose mean tells runs apart: R@1, the credit of an answer, the mean feature of a sample."""
    match evidence:
        case Ranks():
            return (evidence.best() <= 1).astype(float)
        case Answers():
            return evidence.credit
        case Samples():
            return evidence.features.mean(1)
    raise TypeError(f"Nothing is known of evidence of kind {type(evidence).__name__}.")


def _gap(a: Float[np.ndarray, " u"], b: Float[np.ndarray, " u"]) -> tuple[float, float]:
    return abs(a.mean() - b.mean()), 3 * math.sqrt((a.var() + b.var()) / len(a))
