"""ANLS as a measure: the mean likeness of answers to the nearest of people's, for tests whose credit is `anls`.

Biten et al. (2019), "Scene text visual question answering"; Cao et al. (2022), §5.2.3.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cirkit.evaluators.evidence import Answers
from cirkit.evaluators.measures import PerItem


@dataclass(frozen=True)
class ANLS(PerItem):
    """Average normalised Levenshtein similarity, in percent."""

    def values(self, answers: Answers) -> Float[np.ndarray, " u"]:
        """The credit of each."""
        return 100 * answers.credit

    def __str__(self) -> str:
        return "ANLS"
