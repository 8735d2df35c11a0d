"""CompoDiff's experiments and claims (Gu et al., 2024, arXiv 2303.11916), one file for each table or figure."""

from cirkit.experiments.change import UNCHANGED, Change
from cirkit.experiments.experiment import Experiment
from cirkit.papers.compodiff import ablations, all_boards, compodiff_claims, conditions, decoder, design, steps, weights

__all__ = ["CLAIMS", "COLUMNS", "experiments"]

PARTS = (all_boards, steps, design, ablations, weights, conditions, decoder)
COLUMNS = {table: columns for part in PARTS for table, columns in part.COLUMNS.items()}
CLAIMS = compodiff_claims.CLAIMS


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """Every row of every table at a scale; `root` holds the original data, one folder per benchmark.

    `change` gives numbers of the settings other values.
    """
    return [found for part in PARTS for found in part.experiments(scale, root, change)]
