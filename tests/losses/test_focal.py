"""Focal loss: against a loop, against cross-entropy, and its slope where a pair is told apart already."""

import math

import pytest
import torch

from cirkit.losses.contrastive import batch_softmax
from cirkit.losses.focal import focal


def scores(b: int = 5) -> torch.Tensor:
    return 3 * torch.randn(b, b, generator=torch.Generator().manual_seed(0), dtype=torch.double)


@pytest.mark.parametrize("alpha, gamma, temperature", [(1.0, 2.0, 1.0), (0.25, 0.5, 2.0), (2.0, 1.0, 0.01)])
def test_it_is_its_formula(alpha, gamma, temperature):
    given, total = scores().tolist(), 0.0
    for i, row in enumerate(given):
        top = max(row) / temperature
        exps = [math.exp(value / temperature - top) for value in row]
        rest = sum(value for j, value in enumerate(exps) if j != i) / sum(exps)
        log_p = row[i] / temperature - top - math.log(sum(exps))
        total += -alpha * rest**gamma * log_p / len(given)
    ours = focal(alpha=alpha, gamma=gamma, temperature=temperature)(scores())
    assert ours.item() == pytest.approx(total, rel=1e-9)


def test_without_gamma_it_is_cross_entropy():
    one, other = scores().requires_grad_(), scores().requires_grad_()
    focal(gamma=0.0)(one).backward()
    batch_softmax(other).backward()
    torch.testing.assert_close(focal(gamma=0.0)(one), batch_softmax(other))
    torch.testing.assert_close(one.grad, other.grad)
    torch.testing.assert_close(focal(alpha=0.25, gamma=0.0)(one), batch_softmax(other) / 4)


def test_what_is_told_apart_counts_less_and_what_is_not_as_much():
    told, confused = torch.diag(torch.full((4,), 6.0)), torch.diag(torch.full((4,), -9.0))
    assert focal()(told) < 1e-3 * batch_softmax(told)
    torch.testing.assert_close(focal()(confused), batch_softmax(confused), rtol=1e-3, atol=0)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("gap", [3.0, 12.0, 3000.0])
def test_the_slope_is_that_of_the_formula_and_finite_where_nothing_is_left_to_learn(gamma, gap):
    given = torch.diag(torch.full((2,), gap, dtype=torch.double)).requires_grad_()
    focal(gamma=gamma)(given).backward()
    rest = 1 / (1 + math.exp(min(gap, 700)))  # of two, 1 - p
    p, log_p = 1 - rest, math.log1p(-rest)
    slope = (gamma * rest**gamma * p * log_p - rest ** (gamma + 1)) / 2  # d loss / d s_ii, over b
    assert given.grad.isfinite().all()
    assert given.grad[0, 0].item() == pytest.approx(slope, rel=1e-6, abs=1e-150)
