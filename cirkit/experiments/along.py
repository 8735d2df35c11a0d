"""Along the curve: which of two rows is ahead at each tenth of the training, on the first seed's validation queries.

No paper says it; a verdict that another length of training would have turned is told from one that had settled.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from cirkit.evaluators.measures import PerItem
from cirkit.experiments.bootstrap import Interval, bootstrap
from cirkit.experiments.claims import Claim, Gain
from cirkit.experiments.curves import course
from cirkit.experiments.experiment import Experiment

RESAMPLES = 2_000  # of the queries, at each point


@dataclass(frozen=True)
class Lead:
    """After `share` of a training: how far one row is ahead of another, with the paired interval over queries."""

    share: float
    gain: Interval

    @property
    def side(self) -> int:
        """1 where the first row is ahead, -1 where the second is, 0 where the interval does not decide."""
        return int(self.gain.low > 0) - int(self.gain.high < 0)


def leads(quantity: Gain, experiments: Mapping[str, Experiment]) -> list[Lead]:
    """A difference of two rows at each point of their curves; none where they share no validation queries."""
    if not isinstance(quantity.measure, PerItem) or not experiments.keys() >= set(quantity.needs):
        return []
    a, b = (course(experiments[name], quantity.test) for name in quantity.needs)
    if a is None or b is None or (a.data, a.seed, len(a.steps)) != (b.data, b.seed, len(b.steps)):
        return []
    sign, values = 1.0 if quantity.measure.higher_is_better else -1.0, quantity.measure.values
    return [
        Lead(step / a.steps[-1], bootstrap([(sign, (values(x) - values(y))[None])], x.group, resamples=RESAMPLES))
        for step, x, y in zip(a.steps, a.ranks, b.ranks, strict=True)
    ]


def along(claim: Claim, experiments: Mapping[str, Experiment]) -> str:
    """What curves say of a claim that is a difference of two rows, as a sentence; empty where they say nothing.

    It changes along the curve where each row is ahead at some point of the second half.
    """
    if not isinstance(claim.quantity, Gain) or not (points := leads(claim.quantity, experiments)):
        return ""
    first, second = (experiments[name] for name in claim.quantity.needs)
    ahead = {1: f"{first.row} ahead", -1: f"{second.row} ahead", 0: "neither row ahead"}
    decided = [point for point in points if point.share > 0.5 and point.side]
    turns = [next(same) for _, same in itertools.groupby(decided, lambda point: point.side)]
    if len(turns) > 1:
        text = ", ".join(f"{ahead[point.side]} at {100 * point.share:.0f} %" for point in turns)
        return f"Changes along the validation curve of seed {first.seeds[0]}: {text} of the training."
    side = points[-1].side
    since = list(itertools.takewhile(lambda point: point.side == side, reversed(points)))[-1].share
    return f"Validation curve of seed {first.seeds[0]}: {ahead[side]} from {100 * since:.0f} % of the training on."
