"""Inception Score and Fréchet distance against SciPy's matrix root, sums by hand, and resamples written out."""

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import entropy

from cirkit.evaluators.evidence import Samples
from cirkit.evaluators.image_quality import FrechetDistance, InceptionScore, frechet, moments
from cirkit.evaluators.measures import Measure
from cirkit.experiments.bootstrap import overall

RNG = np.random.default_rng(0)


def uniform(n: int) -> np.ndarray:
    return np.full((1, n), 1 / n)


def test_the_distance_is_the_formula_with_scipys_root():
    values, other = RNG.normal(size=(40, 6)), 1 + RNG.normal(size=(40, 6)) @ RNG.normal(size=(6, 6))
    ours = FrechetDistance()(Samples(np.concatenate([values, other], 1)), uniform(40))[0]
    c, d = np.cov(values.T), np.cov(other.T)
    apart = ((values.mean(0) - other.mean(0)) ** 2).sum()
    assert ours == pytest.approx(apart + np.trace(c + d - 2 * sqrtm(c @ d).real), rel=1e-9)


def test_the_distance_of_what_is_known_in_closed_form():
    c, d = np.diag([1.0, 4.0]), np.diag([9.0, 16.0])
    assert frechet(np.zeros(2), c, np.array([3.0, 4.0]), d) == pytest.approx(25 + (1 - 3) ** 2 + (2 - 4) ** 2)
    values = RNG.normal(size=(30, 4))
    assert FrechetDistance()(Samples(np.concatenate([values, values], 1)), uniform(30))[0] == pytest.approx(0, abs=1e-9)


def test_fewer_samples_than_features_still_give_a_distance():
    values, other = RNG.normal(size=(2, 5, 12))
    ours = FrechetDistance()(Samples(np.concatenate([values, other], 1)), uniform(5))[0]
    c, d = np.cov(values.T), np.cov(other.T)
    shared = np.linalg.svd(((values - values.mean(0)) / 2).T.T @ ((other - other.mean(0)) / 2).T)[1].sum()
    apart = ((values.mean(0) - other.mean(0)) ** 2).sum()
    assert ours == pytest.approx(apart + np.trace(c) + np.trace(d) - 2 * shared, rel=1e-6)


def test_the_score_is_exp_of_the_mean_divergence():
    logits = 2 * RNG.normal(size=(50, 7))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    ours = InceptionScore()(Samples(np.log(p)), uniform(50))[0]
    assert ours == pytest.approx(np.exp(np.mean([entropy(each, p.mean(0)) for each in p])))


def test_sure_and_even_classes_give_their_number_and_a_judge_that_never_differs_gives_one():
    sure = np.log(np.clip(np.eye(5)[np.arange(40) % 5], 1e-12, 1))
    assert InceptionScore()(Samples(sure), uniform(40))[0] == pytest.approx(5, rel=1e-6)
    assert InceptionScore()(Samples(np.tile(np.log([[0.2, 0.8]]), (9, 1))), uniform(9))[0] == pytest.approx(1)


@pytest.mark.parametrize("measure", [InceptionScore(), FrechetDistance()])
def test_a_weighting_stands_for_samples_that_many_times(measure):
    logs = np.log(RNG.dirichlet(np.ones(8), size=12))
    counts = RNG.multinomial(12, np.full(12, 1 / 12), size=3)
    found = measure(Samples(logs), counts / 12)
    for line, one in zip(counts, found, strict=True):
        repeated = Samples(np.repeat(logs, line, axis=0))
        if isinstance(measure, FrechetDistance):  # its covariances are divided by 1 - Σ w² in place of 1 - 1 / n
            painted, real = np.split(repeated.features, 2, 1)
            factor = (1 - 1 / 12) / (1 - ((line / 12) ** 2).sum())
            sides = [(x.mean(0), factor * np.cov(x.T)) for x in (painted, real)]
            assert one == pytest.approx(frechet(*sides[0], *sides[1]))
        else:
            assert one == pytest.approx(overall(repeated, measure))


def test_half_precision_changes_neither_much():
    logs = np.log(RNG.dirichlet(np.ones(8), size=60))
    for measure in (InceptionScore(), FrechetDistance()):
        assert isinstance(measure, Measure)
        exact = measure(Samples(logs), uniform(60))[0]
        assert measure(Samples(logs.astype(np.float16)), uniform(60))[0] == pytest.approx(exact, rel=5e-3)


def test_moments_are_numpys():
    values = RNG.normal(size=(9, 3))
    mean, covariance = moments(values, np.full(9, 1 / 9))
    np.testing.assert_allclose(mean, values.mean(0))
    np.testing.assert_allclose(covariance, np.cov(values.T))
