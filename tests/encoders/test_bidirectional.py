"""Bidirectional states against torch's over packed sentences, and their gradients."""

import pytest
import torch
from torch import nn

from cirkit.encoders.bidirectional import GRURecurrence, gru_states, lstm_states, packed_states

LENGTHS = [[3, 7, 1, 5], [4, 4], [1], [1, 2, 9]]
EITHER = pytest.mark.parametrize(("kind", "states"), [(nn.GRU, gru_states), (nn.LSTM, lstm_states)])
EACH = pytest.mark.parametrize("dtype", [torch.double, torch.float])


def network(kind: type[nn.Module], dtype: torch.dtype = torch.double) -> nn.Module:
    torch.manual_seed(0)
    return kind(6, 4, batch_first=True, bidirectional=True).to(dtype)


def sentences(lengths: list[int], dtype: torch.dtype = torch.double) -> tuple[torch.Tensor, torch.Tensor]:
    """Random vectors, those of padding far from zero."""
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    vectors = torch.randn(*mask.shape, 6, dtype=dtype, generator=torch.Generator().manual_seed(1))
    return torch.where(mask[..., None], vectors, 50.0).requires_grad_(), mask


@EITHER
@pytest.mark.parametrize("lengths", LENGTHS)
def test_states_and_gradients_are_those_of_packed_sentences(kind, states, lengths):
    one, (vectors, mask) = network(kind), sentences(lengths)
    found, expected = states(one, vectors, mask), packed_states(one, vectors, mask)
    torch.testing.assert_close(found, expected)
    assert (found[~mask] == 0).all()
    weight = torch.randn_like(expected)
    gradients = (torch.autograd.grad((weight * each).sum(), [vectors, *one.parameters()]) for each in (found, expected))
    for mine, packed in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, packed)


@EITHER
def test_in_single_precision_they_differ_by_rounding(kind, states):
    one, (vectors, mask) = network(kind, torch.float), sentences([3, 7, 1, 5], torch.float)
    torch.testing.assert_close(states(one, vectors, mask), packed_states(one, vectors, mask))
    loss = states(one, vectors, mask).square().sum()
    packed = packed_states(one, vectors, mask).square().sum()
    for mine, other in zip(*(torch.autograd.grad(each, [*one.parameters()]) for each in (loss, packed)), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-5)


@EITHER
@EACH
@torch.no_grad()
def test_without_gradients_the_states_are_the_same(kind, states, dtype):
    one, (vectors, mask) = network(kind, dtype).eval(), sentences([3, 7, 1, 5], dtype)
    torch.testing.assert_close(states(one, vectors, mask), packed_states(one, vectors, mask))


@EITHER
@EACH
def test_a_frozen_network_in_evaluation_mode_passes_gradients_on(kind, states, dtype):
    one, (vectors, mask) = network(kind, dtype).eval().requires_grad_(False), sentences([3, 2], dtype)
    mine, packed = (
        torch.autograd.grad(each(one, vectors, mask).square().sum(), vectors)[0] for each in (states, packed_states)
    )
    torch.testing.assert_close(mine, packed)


def test_the_written_gradient_is_that_of_differences():
    shapes = ((2, 6, 9), (2, 9, 3), (2, 9))  # six words of sentences of 3, 2 and 1
    inputs = [torch.randn(shape, dtype=torch.double, requires_grad=True) for shape in shapes]
    assert torch.autograd.gradcheck(lambda *given: GRURecurrence.apply(*given, [3, 2, 1]), inputs)
