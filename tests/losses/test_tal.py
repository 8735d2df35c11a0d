"""TAL: official numbers, a loop, its limits, and batches that have no negative."""

import pytest
import torch
from itself_golden import GOLDEN, IDENTITY, pairs
from torch.nn.functional import normalize
from torch.testing import assert_close

from cirkit.losses.tal import tal


def scores() -> torch.Tensor:
    image, text = (normalize(each, dim=1) for each in pairs())
    return text @ image.mT


@pytest.mark.parametrize("name", IDENTITY)
def test_the_official_code_gives_these_losses(name):
    settings = [(0.015, 0.1), (0.05, 0.1), (0.2, 0.0)]
    found = [tal(temperature=t, margin=m)(scores(), IDENTITY[name]).item() for t, m in settings]
    assert_close(found, GOLDEN["losses"][name]["tal"], rtol=0, atol=1e-9)


def test_rde_weighs_the_same_costs_pair_by_pair():
    assert_close(tal().each(scores(), IDENTITY["pairs"]).tolist(), GOLDEN["rde"]["tal each"], rtol=0, atol=1e-9)


def test_a_loop_over_rows_and_columns_gives_the_same():
    s, y, t, m = scores(), IDENTITY["pairs"].tolist(), 0.3, 0.1
    total = 0.0
    for one in (s, s.mT):
        for i in range(8):
            right = [j for j in range(8) if y[j] == y[i]]
            alpha = torch.stack([(one[i, j] / t).exp() for j in right])
            pull = (alpha / alpha.sum() * torch.stack([one[i, j] for j in right])).sum()
            push = t * sum((one[i, k] / t).exp() for k in range(8) if y[k] != y[i]).log()
            total += max(0.0, float(m - pull + push))
    assert tal(temperature=t, margin=m)(s, IDENTITY["pairs"]).item() == pytest.approx(total, abs=1e-9)


def test_cold_it_is_the_triplet_loss_of_the_hardest_negative():
    s, y = scores(), IDENTITY["apart"]
    wrong = s.masked_fill(torch.eye(8, dtype=torch.bool), -torch.inf)
    expected = sum((0.1 - s.diagonal() + wrong.amax(axis)).relu().sum() for axis in (0, 1))
    assert_close(tal(temperature=1e-5)(s, y), expected, rtol=0, atol=1e-3)


def test_no_gradient_reaches_the_soft_positives():
    s = scores().requires_grad_()
    tal(temperature=0.2, margin=10.0)(s, IDENTITY["pairs"]).backward()
    pulled = s.grad[IDENTITY["pairs"][:, None] == IDENTITY["pairs"]]
    assert pulled.sum().item() == pytest.approx(-16.0)  # α of each row and each column sums to one


@pytest.mark.parametrize("temperature", [0.015, 0.001])
def test_a_batch_of_one_identity_costs_nothing_and_leaves_no_nan(temperature):
    s = scores().float().requires_grad_()
    loss = tal(temperature=temperature)(s, torch.zeros(8, dtype=torch.int64))
    loss.backward()
    assert loss.item() == 0 and torch.equal(s.grad, torch.zeros(8, 8))
    other = scores().float().requires_grad_()
    tal(temperature=temperature)(other, IDENTITY["pairs"]).backward()
    assert other.grad.isfinite().all()
