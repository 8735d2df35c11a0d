"""What the first seed of a row keeps beside its ranks, for figures and explorers that show one run.

No paper.
"""

from typing import Any

from cirkit.experiments import records


def content_of(experiment: Any, exhibit: str) -> dict[str, Any] | None:
    """An exhibit of the first seed, or None where today's configuration has left none."""
    found = (records.exhibited(run, exhibit) for run in records.done(experiment) if run.seed == experiment.seeds[0])
    return next(found, None)
