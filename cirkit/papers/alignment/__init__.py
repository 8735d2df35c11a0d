"""Attention alignment (Cao et al., COLING 2022): scores exchanged in SCAN, MAC, M4C and AttnGAN, a file per host."""

from cirkit.experiments.change import UNCHANGED, Change
from cirkit.experiments.experiment import Experiment
from cirkit.papers.alignment import (
    alignment_claims,
    matching,
    painting_claims,
    painting_rows,
    prefiltered,
    reasoning,
    region_data,
    scene_text,
    scene_text_claims,
    verdict_claims,
)

__all__ = ["CLAIMS", "COLUMNS", "experiments"]

PARTS = (region_data, matching, prefiltered, reasoning, scene_text, painting_rows)
COLUMNS = {table: columns for part in PARTS for table, columns in part.COLUMNS.items()}
CLAIMS = [*alignment_claims.CLAIMS, *scene_text_claims.CLAIMS, *painting_claims.CLAIMS, *verdict_claims.CLAIMS]


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """Every row of every table at a scale; `root` holds the original data, one folder per benchmark.

    `change` gives numbers of the settings other values.
    """
    return [found for part in PARTS for found in part.experiments(scale, root, change)]
