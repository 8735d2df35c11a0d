"""TIRG on the last convolution: its formula place by place, the released size, and numbers from the official code."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch
from written_weights import drawn, fill

from cirkit.encoders.image import ResNet, SmallResNet
from cirkit.encoders.text import LSTM, dropout_linear
from cirkit.errors import Problem
from cirkit.models.tirg_last_conv import GatedResidualMap, TIRGLastConv, unprojected
from cirkit.query import Query

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "tirg_last_conv.json").read_text())


def network(layers: torch.nn.Sequential, seen: torch.Tensor) -> torch.Tensor:
    """Norm, convolution, ReLU, convolution of a map (c, h, w) whose border is zeros, as sums over taps."""
    norm, first, _, second = layers
    normed = (seen - norm.running_mean[:, None, None]) / (norm.running_var[:, None, None] + 1e-5) ** 0.5

    def convolve(map, layer):
        height, width = map.shape[1:]
        out = layer.bias[:, None, None].repeat(1, height, width)
        for i in range(height):
            for j in range(width):
                for a in (-1, 0, 1):
                    for b in (-1, 0, 1):
                        if 0 <= i + a < height and 0 <= j + b < width:
                            out[:, i, j] += layer.weight[:, :, a + 1, b + 1] @ map[:, i + a, j + b]
        return out

    return convolve(convolve(normed, first).clamp(min=0), second)


def test_the_gate_and_the_residual_are_their_formula():
    layer = GatedResidualMap(3, 2).double().eval()
    for norm in (layer.gate[0], layer.residual[0]):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    layer.balance.data = torch.tensor([0.7, 3.0]).double()
    map, sentence = torch.randn(2, 3, 3, 4, dtype=torch.double), torch.randn(2, 2, dtype=torch.double)
    with torch.no_grad():
        out = layer(map, sentence)
        for row in range(2):
            said = sentence[row][:, None, None].repeat(1, 3, 4)
            both = torch.cat([map[row], said])
            expected = 0.7 / (1 + (-network(layer.gate, both)).exp()) * map[row] + 3 * network(layer.residual, both)
            torch.testing.assert_close(out[row], expected)


def test_it_starts_with_the_balance_of_the_released_code():
    assert GatedResidualMap(3, 2).balance.tolist() == [1, 10]


def test_at_the_released_size_it_has_the_released_number_of_parameters():
    """42,123,845 with a four-word vocabulary; the released code counts two unused scalars."""
    with torch.device("meta"):
        model = TIRGLastConv(
            ["one two three"],
            image=partial(ResNet, name="resnet18", stages=(4,), pretrained=False, project=unprojected),
            text=partial(LSTM, head=dropout_linear),
        )
    assert sum(each.numel() for each in model.parameters()) == 42_123_845 - 2


def test_a_map_that_is_not_projected_must_have_the_encoders_width():
    with pytest.raises(Problem, match="Give the image encoder width=12"):
        SmallResNet(width=8, widths=(12,), strides=(1,), project=unprojected)


def test_the_embedding_is_as_wide_as_the_words():
    image = partial(SmallResNet, width=12, widths=(12,), strides=(1,), project=unprojected)
    model = TIRGLastConv(["a"], image=image, text=partial(LSTM, width=6)).eval()
    images = torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8)
    assert model.encode(images).shape == (2, 6) == model.compose(Query(image=images, text=["a", "b"])).shape


def released() -> torch.nn.Module:
    """The model of the released code, on words 16 wide, with weights by the written rule."""
    model = TIRGLastConv(
        GOLDEN["vocabulary"],
        image=partial(
            ResNet, name="resnet18", width=512, stages=(4,), pretrained=False, size=None, project=unprojected
        ),
        text=partial(LSTM, width=16, head=dropout_linear),
    )
    model = model.double().eval()
    fill(model)
    return model


def test_the_official_code_gives_these_numbers():
    """The TIRGLastConv of google/tirg at c58daa0, double precision, the weights of `fill`, in eval mode."""
    model = released()
    images = (256 * drawn((4, 3, 96, 96), 1000)).to(torch.uint8)
    with torch.no_grad():
        composed = model.compose(Query(image=images[:2], text=GOLDEN["texts"]))
        encoded = model.encode(images[2:])
        loss = torch.nn.functional.cross_entropy(model.score(composed, encoded), torch.arange(2))
    torch.testing.assert_close(composed, torch.tensor(GOLDEN["composed"], dtype=torch.double), rtol=1e-8, atol=1e-9)
    torch.testing.assert_close(encoded, torch.tensor(GOLDEN["encoded"], dtype=torch.double), rtol=1e-8, atol=1e-9)
    assert loss.item() == pytest.approx(GOLDEN["loss"], rel=1e-8)
    assert composed.std(0).min() > 1e-5 and abs(GOLDEN["loss"]) > 1e-5
