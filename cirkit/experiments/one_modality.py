"""How many queries of a benchmark one modality alone solves: the image without the text, or the text without the image.

CIRCUS counts so on CIRR and finds most of its queries solved; a composed query should need both.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cirkit.evaluators.evidence import Answers
from cirkit.evaluators.measures import Accuracy, Recall
from cirkit.experiments.bootstrap import Interval, estimate
from cirkit.experiments.records import Record


@dataclass(frozen=True)
class Solved:
    """Shares of the queries, in percent, that have a relevant item in the first `k`: by one row, by either, by both."""

    k: int
    image: Interval
    text: Interval
    either: Interval
    both: Interval


def solved(image: Sequence[Record], text: Sequence[Record], test: str, k: int = 1) -> Solved:
    """The shares over the seeds that the image-only and the text-only row both have; queries count alike.

    A query whose relevant items share their rank with others is solved with the probability of a random order. Raises
    ValueError where the rows have no seed in common, or answered other queries.
    """
    others = {run.seed: run for run in text}
    pairs = [(run, others[run.seed]) for run in image if run.seed in others]
    if not pairs:
        raise ValueError(f"Image only and text only have no seed in common on {test}; run them with the same seeds.")
    chances = [tuple(Recall(k).values(run.evidence[test]) / 100 for run in pair) for pair in pairs]
    if any(len(seen) != len(read) for seen, read in chances):
        raise ValueError(f"Image only and text only were tested on different queries of {test}; run them again.")

    def share(of: Sequence) -> Interval:
        runs = [
            replace(run, evidence={test: Answers(("",) * len(credit), credit)})
            for (run, _), credit in zip(pairs, of, strict=True)
        ]
        return estimate(runs, test, Accuracy())

    return Solved(
        k=k,
        image=share([seen for seen, _ in chances]),
        text=share([read for _, read in chances]),
        either=share([1 - (1 - seen) * (1 - read) for seen, read in chances]),
        both=share([seen * read for seen, read in chances]),
    )
