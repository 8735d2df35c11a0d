"""Dropout: rates, means, evaluation, and torch's own random stream."""

import pytest
import torch

from cirkit.attention.dropout import Dropout, mask


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_entries_vanish_at_the_rate_and_the_mean_stays(rate):
    torch.manual_seed(0)
    factors = mask(torch.empty(1000, 401), rate)
    lost = (factors == 0).float()
    assert lost.mean().item() == pytest.approx(rate, abs=0.003)
    assert factors.mean().item() == pytest.approx(1, rel=0.02)
    assert len(factors.unique()) == 2
    pairs = lost[:, :400].view(1000, 100, 4)  # the four entries that share 64 bits vanish on their own
    for other in range(1, 4):
        both = (pairs[..., 0] * pairs[..., other]).mean()
        assert both.item() == pytest.approx(rate**2, abs=0.01)
    assert lost[:, 0::4].mean().item() == pytest.approx(lost[:, 3::4].mean().item(), abs=0.01)


def test_it_acts_in_training_alone_and_follows_the_seed():
    values, layer = torch.ones(7, 9, requires_grad=True), Dropout(0.4)
    torch.manual_seed(1)
    first = layer(values)
    torch.manual_seed(1)
    assert torch.equal(first, layer(values)) and not torch.equal(first, layer(values))
    first.sum().backward()
    assert torch.equal(values.grad, first.detach())
    assert layer.eval()(values) is values and Dropout(0.0)(values) is values


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_a_rate_is_a_share(rate):
    with pytest.raises(ValueError, match="rate lies in"):
        Dropout(rate)
