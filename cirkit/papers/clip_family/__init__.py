"""The CLIP family: the CLIP that its methods share, one file each for what is compared."""

from cirkit.experiments.change import UNCHANGED, Change
from cirkit.experiments.experiment import Experiment
from cirkit.papers.clip_family import boards, clip_claims, more_rows, supervised, true_titles, world_clip, zero_shot

__all__ = ["CLAIMS", "COLUMNS", "experiments"]

PARTS = (world_clip, zero_shot, supervised, more_rows, true_titles)
COLUMNS = world_clip.COLUMNS | boards.COLUMNS
CLAIMS = clip_claims.CLAIMS + more_rows.CLAIMS + true_titles.CLAIMS


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """Every row of every table at a scale; `root` holds the original data, one folder per benchmark.

    `change` gives numbers of the settings other values.
    """
    return [found for part in PARTS for found in part.experiments(scale, root, change)]
