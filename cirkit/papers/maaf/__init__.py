"""MAAF's experiments and claims (Dodds et al., 2020, arXiv 2007.00145), one file per benchmark."""

from cirkit.errors import Problem
from cirkit.experiments.change import UNCHANGED, Change
from cirkit.experiments.experiment import SCALES, Experiment
from cirkit.papers.maaf import attention_claims, css, elsewhere, fashioniq, fashioniq_claims, pretrained_image
from cirkit.papers.maaf.css import live

__all__ = ["CLAIMS", "COLUMNS", "experiments", "live"]

PARTS = (pretrained_image, css, fashioniq, elsewhere)
COLUMNS = pretrained_image.COLUMNS | css.COLUMNS | fashioniq.COLUMNS | elsewhere.COLUMNS
CLAIMS = [claim for part in (css, fashioniq_claims, elsewhere, attention_claims) for claim in part.CLAIMS]


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """Every row of every table at a scale; `root` holds the original data, one folder per benchmark.

    `change` gives numbers of the settings other values.
    """
    if scale not in SCALES:
        raise Problem(f"MAAF has no scale {scale!r}. Use one of {', '.join(SCALES)}.")
    return [found for part in PARTS for found in part.experiments(scale, root, change)]
