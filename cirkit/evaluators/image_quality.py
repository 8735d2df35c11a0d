"""Inception Score and Fréchet distance of painted images, under any weighting of them.

Salimans et al. (2016), §4, and Heusel et al. (2017), eq. 6; Table 4 of Cao et al. (2022).
"""

from dataclasses import dataclass
from math import inf

import numpy as np
from jaxtyping import Float

from cirkit.evaluators.evidence import Samples


@dataclass(frozen=True)
class InceptionScore:
    """exp of the mean divergence of an image's classes from those of all images: sure, and not always the same."""

    # published tools: the mean over ten parts of the images; here all at once, a part sees fewer kinds
    unit = "score"  # of n classes, painted equally often and each for sure, n
    bounds = (1.0, inf)
    higher_is_better = True

    def __call__(self, samples: Samples, weight: Float[np.ndarray, "b u"]) -> Float[np.ndarray, " b"]:
        """Of log probabilities: exp(H(mean) - mean H)."""
        logs = samples.features.astype(float)
        own = np.exp(logs)
        own /= own.sum(1, keepdims=True)  # they come in half precision
        mean = weight @ own
        return np.exp(weight @ _negative_entropy(own) - _negative_entropy(mean))

    def __str__(self) -> str:
        return "IS"


@dataclass(frozen=True)
class FrechetDistance:
    """|m - m'|² + tr(C + C' - 2 (C C')^½): of the normal distributions that fit painted and real features best.

    A row of the samples holds the features of a painted image, then those of a real one.
    """

    unit = "distance"
    bounds = (0.0, inf)
    higher_is_better = False

    def __call__(self, samples: Samples, weight: Float[np.ndarray, "b u"]) -> Float[np.ndarray, " b"]:
        painted, real = np.split(samples.features.astype(float), 2, axis=1)
        return np.array([frechet(*moments(painted, line), *moments(real, line)) for line in weight])

    def __str__(self) -> str:
        return "FID"


def moments(
    values: Float[np.ndarray, "u d"], weight: Float[np.ndarray, " u"]
) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, "d d"]]:
    """Mean and unbiased covariance of weighted rows; weights sum to one."""
    mean = weight @ values
    apart = values - mean
    return mean, (apart * weight[:, None]).T @ apart / (1 - (weight**2).sum())


def frechet(
    mean: Float[np.ndarray, " d"],
    covariance: Float[np.ndarray, "d d"],
    other_mean: Float[np.ndarray, " d"],
    other_covariance: Float[np.ndarray, "d d"],
) -> float:
    """The distance of two normal distributions; never below zero.

    With C = L Lᵀ, the symmetric Lᵀ C' L has the eigenvalues of C C', whose roots add up to the trace. They stay real
    where samples are fewer than features; those of `scipy.linalg.sqrtm`, which roots the plain product, do not.
    """
    root = _root(covariance)
    shared = np.sqrt(np.linalg.eigvalsh(root.T @ other_covariance @ root).clip(min=0)).sum()
    apart = ((mean - other_mean) ** 2).sum()
    return float(max(0.0, apart + np.trace(covariance) + np.trace(other_covariance) - 2 * shared))


def _root(covariance: Float[np.ndarray, "d d"]) -> Float[np.ndarray, "d d"]:
    """A matrix L with L Lᵀ = C: Cholesky's, or of eigenvectors where C is singular."""
    try:
        return np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(covariance)
        return vectors * np.sqrt(values.clip(min=0))


def _negative_entropy(probabilities: Float[np.ndarray, "*n c"]) -> Float[np.ndarray, "*n"]:
    """Σ p log p, zero where p is."""
    return (probabilities * np.log(np.where(probabilities > 0, probabilities, 1))).sum(-1)
