"""TIRG: the gate and residual against loops, the released parameter count, and numbers from the official code."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch
from written_weights import drawn, fill

from cirkit.encoders.image import ResNet, SmallResNet
from cirkit.encoders.text import LSTM, dropout_linear
from cirkit.errors import Problem
from cirkit.models.baselines import Concatenation
from cirkit.models.tirg import TIRG, GatedResidual
from cirkit.query import Query

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "tirg.json").read_text())


def test_the_gate_and_the_residual_are_their_formula():
    torch.manual_seed(0)
    layer = GatedResidual(3).eval()
    with torch.no_grad():
        for buffer in (layer.gate[0].running_mean, layer.residual[0].running_mean):
            buffer.normal_()
        for buffer in (layer.gate[0].running_var, layer.residual[0].running_var):
            buffer.uniform_(0.5, 2)
        layer.balance.copy_(torch.tensor([0.7, 3.0]))
    picture, sentence = torch.randn(4, 3), torch.randn(4, 3)
    out = layer(picture, sentence)

    def normed(values, norm):
        centred = [
            (v - m) / (s + 1e-5) ** 0.5 for v, m, s in zip(values, norm.running_mean, norm.running_var, strict=True)
        ]
        return [max(value, torch.tensor(0.0)) for value in centred]

    def through(values, linear):
        return [
            sum(w * v for w, v in zip(row, values, strict=True)) + b
            for row, b in zip(linear.weight, linear.bias, strict=True)
        ]

    for row in range(4):
        both = [*picture[row], *sentence[row]]
        gate = through(normed(both, layer.gate[0]), layer.gate[2])
        hidden = [
            max(value, torch.tensor(0.0)) for value in through(normed(both, layer.residual[0]), layer.residual[2])
        ]
        residual = through(hidden, layer.residual[4])
        for c in range(3):
            expected = 0.7 / (1 + (-gate[c]).exp()) * picture[row, c] + 3.0 * residual[c]
            torch.testing.assert_close(out[row, c], expected)


def test_it_starts_with_the_balance_of_the_released_code():
    assert GatedResidual(3).balance.tolist() == [1, 10]


def test_at_the_released_size_it_has_the_released_number_of_parameters():
    """15,908,421 with a four-word vocabulary, of which the composer has 2,103,300; both count two unused scalars."""
    with torch.device("meta"):
        model = TIRG(
            ["one two three"],
            image=partial(ResNet, name="resnet18", stages=(4,), pretrained=False),
            text=partial(LSTM, head=dropout_linear),
        )
    assert sum(each.numel() for each in model.fusion.parameters()) == 2_103_300 - 2
    assert sum(each.numel() for each in model.parameters()) == 15_908_421 - 2


def test_widths_that_differ_are_a_problem():
    with pytest.raises(Problem, match="8 wide and words 6"):
        TIRG(["a"], image=partial(SmallResNet, width=8, widths=(4,), strides=(1,)), text=partial(LSTM, width=6))


def test_a_query_without_a_picture_is_a_problem_and_one_without_a_sentence_is_its_picture():
    torch.manual_seed(0)
    model = TIRG(
        ["a"], image=partial(SmallResNet, width=8, widths=(4,), strides=(1,)), text=partial(LSTM, width=8)
    ).eval()
    with pytest.raises(Problem, match="Give the query an image"):
        model.compose(Query(text=["a"]))
    images = torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8)
    torch.testing.assert_close(model.compose(Query(image=images)), model.encode(images))


def released(kind: type) -> torch.nn.Module:
    """TIRG or Concatenation with the released code's text head, small, with weights by the written rule."""
    model = kind(
        GOLDEN["vocabulary"],
        image=partial(ResNet, name="resnet18", width=16, stages=(4,), pretrained=False, size=None),
        text=partial(LSTM, width=16, head=dropout_linear),
    )
    model = model.double().eval()
    fill(model)
    return model


@pytest.mark.parametrize("kind", [TIRG, Concatenation])
def test_the_official_code_gives_these_numbers(kind):
    """The TIRG and Concat of yahoo/maaf at 49a0df9, double precision, the weights of `fill`, in eval mode."""
    model, golden = released(kind), GOLDEN["cases"][kind.__name__]
    images = (256 * drawn((4, 3, 96, 96), 1000)).to(torch.uint8)
    with torch.no_grad():
        composed = model.compose(Query(image=images[:2], text=GOLDEN["texts"]))
        encoded = model.encode(images[2:])
        loss = torch.nn.functional.cross_entropy(model.score(composed, encoded), torch.arange(2))
    torch.testing.assert_close(composed, torch.tensor(golden["composed"], dtype=torch.double), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(encoded, torch.tensor(golden["encoded"], dtype=torch.double), rtol=1e-5, atol=1e-6)
    assert loss.item() == pytest.approx(golden["loss"], rel=1e-5)
    assert composed.std(0).min() > 1e-5 and abs(golden["loss"]) > 1e-5
