"""Noise by time and samplers: loops in plain numbers, the official grid, an exact denoiser that every sampler obeys."""

import json
import math
from itertools import islice, pairwise
from pathlib import Path

import pytest
import torch

from cirkit.declare import describe, rebuild
from cirkit.errors import Problem
from cirkit.models.diffusion import (
    DDIM,
    DPMSolver,
    cosine,
    released_ddim,
    released_grid,
    row_by_row,
    same_for_all,
    trailing,
)

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "compodiff.json").read_text())
SAMPLERS = [
    DDIM(calls=6),
    DDIM(calls=6, eta=0.7),
    released_ddim(6),
    DPMSolver(calls=6),
    DDIM(calls=1),
    DPMSolver(calls=1),
]
ALPHAS = cosine()


def bend(noisy, time):
    """Stands for a denoiser: some function of both."""
    return torch.tanh(noisy) * (1 - time / 2000) + 0.1


def start(rows: int = 2, samples: int = 3) -> torch.Tensor:
    return torch.zeros(rows, samples, 4, dtype=torch.double)


def test_the_schedule_is_the_official_one():
    assert len(ALPHAS) == 1000
    for time, alpha in GOLDEN["alphas"].items():
        assert ALPHAS[int(time)] == pytest.approx(alpha, rel=1e-6)
    assert all(later < sooner for sooner, later in pairwise(ALPHAS))


@pytest.mark.parametrize("calls", GOLDEN["grids"])
def test_the_released_grid_is_the_official_one(calls):
    grid, expected = released_grid(int(calls), 1000), GOLDEN["grids"][calls]
    assert len(grid) == int(calls) and grid[0] == expected[0] and grid[-1] == expected[-1]
    if int(calls) < 13:
        assert grid == expected
    assert all(later < sooner for sooner, later in pairwise(grid))


def test_the_trailing_grid_begins_where_noise_alone_is_left():
    assert trailing(10, 1000) == [999, 899, 799, 699, 599, 499, 399, 299, 199, 99]
    assert trailing(1, 1000) == [999] and trailing(3, 1000) == [999, 666, 332]
    assert trailing(1000, 1000) == [*range(999, -1, -1)]


def plain_ddim(x, noises, times, eta, behind):
    """DDIM of one number at a time, as in the papers."""

    def level(time):
        return ALPHAS[time] if time >= 0 else 1.0

    for i, time in enumerate(times):
        clean = bend(x, time)
        if i + 1 == len(times):
            return clean
        implied = (x / math.sqrt(ALPHAS[time]) - clean) / math.sqrt(1 / ALPHAS[time] - 1)
        now, then = level(time - behind), level(times[i + 1] - behind)
        sigma = eta * math.sqrt((1 - then) / (1 - now)) * math.sqrt(1 - now / then)
        x = math.sqrt(then) * clean + math.sqrt(1 - then - sigma**2) * implied
        if eta:
            x = x + sigma * next(noises)
    raise AssertionError


@pytest.mark.parametrize("eta, behind", [(0.0, 0), (0.7, 0), (1.0, 1)])
def test_ddim_is_a_plain_loop(eta, behind):
    sampler = DDIM(calls=6, grid=released_grid if behind else trailing, eta=eta, behind=behind)
    found = sampler(bend, row_by_row(3)(start()), ALPHAS)
    noises = row_by_row(3)(start())
    times = released_grid(6, 1000) if behind else trailing(6, 1000)
    torch.testing.assert_close(found, plain_ddim(next(noises), noises, times, eta, behind))


def test_dpm_solver_is_a_plain_loop():
    times, x = trailing(5, 1000), next(same_for_all(2)(start()))
    found = DPMSolver(calls=5)(bend, same_for_all(2)(start()), ALPHAS)
    signal, spread = ([math.sqrt(f(a)) for a in ALPHAS] for f in (lambda a: a, lambda a: 1 - a))
    rate = [math.log(a / s) for a, s in zip(signal, spread, strict=True)]
    cleans = [bend(x, times[0])]
    h = rate[times[1]] - rate[times[0]]
    x = spread[times[1]] / spread[times[0]] * x - signal[times[1]] * (math.exp(-h) - 1) * cleans[-1]
    for i in range(1, 4):
        cleans.append(bend(x, times[i]))
        h, ratio = rate[times[i + 1]] - rate[times[i]], (rate[times[i]] - rate[times[i - 1]])
        ratio = ratio / h
        aim = (1 + 1 / (2 * ratio)) * cleans[-1] - 1 / (2 * ratio) * cleans[-2]
        x = spread[times[i + 1]] / spread[times[i]] * x - signal[times[i + 1]] * (math.exp(-h) - 1) * aim
    torch.testing.assert_close(found, bend(x, times[4]))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_it_makes_as_many_calls_as_it_says(sampler):
    times = []
    sampler(lambda noisy, time: times.append(time) or bend(noisy, time), same_for_all()(start()), ALPHAS)
    assert len(times) == sampler.calls and times == list(sampler.grid(sampler.calls, 1000))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_denoiser_that_knows_the_answer_is_believed(sampler):
    answer = torch.randn(2, 3, 4, dtype=torch.double)
    torch.testing.assert_close(sampler(lambda noisy, time: answer, same_for_all()(start()), ALPHAS), answer)


@pytest.mark.parametrize("sampler", [DDIM(calls=200), DPMSolver(calls=25)])
def test_many_calls_draw_from_the_data(sampler):
    """With the exact denoiser of a normal distribution of mean 2 and deviation 0.5, samples have both."""

    def exact(noisy, time):
        alpha = ALPHAS[time]
        return 2 + 0.25 * alpha**0.5 / (0.25 * alpha + 1 - alpha) * (noisy - 2 * alpha**0.5)

    drawn = sampler(exact, row_by_row(0)(torch.zeros(2000, 1, 1, dtype=torch.double)), ALPHAS)
    assert drawn.mean().item() == pytest.approx(2, abs=0.05) and drawn.std().item() == pytest.approx(0.5, abs=0.06)


def test_the_same_noise_for_every_row_or_draws_of_its_own():
    for one in islice(same_for_all(5)(start(4)), 3):
        assert (one == one[:1]).all() and one[0].unique().numel() == 12
    first, again = (next(row_by_row(5)(start(4))) for _ in range(2))
    assert first.unique().numel() == 48 and torch.equal(first, again)
    assert not torch.equal(next(row_by_row(6)(start(4))), first)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_sampler_describes_itself_and_is_rebuilt(sampler):
    assert rebuild(describe(sampler)) == sampler


@pytest.mark.parametrize("calls", [0, 1001])
def test_a_number_of_calls_that_cannot_be_is_a_problem(calls):
    with pytest.raises(Problem, match="from 1 to 1000 calls"):
        DDIM(calls=calls)(bend, same_for_all()(start()), ALPHAS)
