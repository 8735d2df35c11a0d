"""ITSELF's experiments and claims (WACV 2026): text-based person retrieval, one file for each part."""

from cirkit.experiments.change import UNCHANGED, Change
from cirkit.experiments.experiment import Experiment
from cirkit.papers.itself import itself_claims, person_rows, person_towers

__all__ = ["CLAIMS", "COLUMNS", "experiments"]

PARTS = (person_rows, person_towers)
COLUMNS = person_rows.COLUMNS | person_towers.COLUMNS
CLAIMS = itself_claims.CLAIMS


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """Every row of every table at a scale; `root` holds the original data, one folder per benchmark.

    `change` gives numbers of the settings other values.
    """
    return [found for part in PARTS for found in part.experiments(scale, root, change)]
