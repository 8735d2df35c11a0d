import pytest
import torch
from torch import nn

from cirkit.training.clipping import clip_gradients
from cirkit.training.optimisers import sgd


def step(gradients: list[float], length: float) -> list[float]:
    """How far each of two parameters moves at a rate of 1."""
    model = nn.ParameterList([nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))])
    optimiser = clip_gradients(optimiser=sgd(lr=1.0, momentum=0.0, weight_decay=0.0), length=length)(model)
    for parameter, gradient in zip(model, gradients, strict=True):
        parameter.grad = torch.tensor([gradient])
    optimiser.step()
    return [-parameter.item() for parameter in model]


def test_gradients_are_scaled_together_where_they_are_too_long():
    assert step([3.0, 4.0], 2.0) == pytest.approx([1.2, 1.6], rel=1e-4)
    assert step([0.3, 0.4], 2.0) == pytest.approx([0.3, 0.4])
