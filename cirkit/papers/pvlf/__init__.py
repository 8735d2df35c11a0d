"""PVLF: TransAgg with learned prompts between text and image, one file each for what is compared."""

from cirkit.experiments.change import UNCHANGED, Change
from cirkit.experiments.experiment import Experiment
from cirkit.papers.pvlf import fusion_claims, fusion_encoders, fusion_rows

__all__ = ["CLAIMS", "COLUMNS", "experiments"]

PARTS = (fusion_rows, fusion_encoders)
COLUMNS = fusion_rows.COLUMNS | fusion_encoders.COLUMNS
CLAIMS = fusion_claims.CLAIMS


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """Every row of every table at a scale; `root` holds the original data, one folder per benchmark.

    `change` gives numbers of the settings other values.
    """
    return [found for part in PARTS for found in part.experiments(scale, root, change)]
