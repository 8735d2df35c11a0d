"""VAL: gates and attention against loops, the score against distances, and the starts of the released code."""

from functools import partial

import pytest
import torch

from cirkit.encoders.image import SmallResNet
from cirkit.encoders.text import LSTM
from cirkit.errors import Problem
from cirkit.models.val import VAL, Level, SplitAttention, masked_max_pool, norm_relu, plain
from cirkit.query import Query

IMAGE = partial(SmallResNet, width=8, widths=(8, 12), strides=(1, 2), levels=2)
TEXT = partial(LSTM, width=5)


def unsettle(module: torch.nn.Module) -> None:
    for each in module.modules():
        if isinstance(each, torch.nn.BatchNorm2d):
            each.running_mean.normal_()
            each.running_var.uniform_(0.5, 2)
            each.weight.data.uniform_(0.5, 2)
            each.bias.data.normal_()


def dot(weights: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    return sum(w * v for w, v in zip(weights, values, strict=True))


def test_each_head_attends_with_its_own_share_of_the_channels():
    layer = SplitAttention(4, heads=2, dropout=0.1).double().eval()
    unsettle(layer)
    map = torch.randn(2, 4, 2, 3, dtype=torch.double)
    out = layer(map)
    for row in range(2):
        places = map[row].flatten(1).T  # (p, d)
        gathered = torch.zeros(6, 4, dtype=torch.double)
        for head in range(2):
            own = slice(2 * head, 2 * head + 2)
            query, key, value = (
                places[:, own] @ linear.weight[own, :, 0, 0].T for linear in (layer.query, layer.key, layer.value)
            )
            for i in range(6):
                weights = torch.stack([dot(query[i], key[j]) / 2**0.5 for j in range(6)]).exp()
                for j in range(6):
                    gathered[i, own] += weights[j] / weights.sum() * value[j]
        linear, norm, _ = layer.output
        mixed = gathered @ linear.weight[:, :, 0, 0].T
        normed = (mixed - norm.running_mean) / (norm.running_var + 1e-5) ** 0.5 * norm.weight + norm.bias
        torch.testing.assert_close(out[row].flatten(1).T, normed.clamp(min=0))


@pytest.mark.parametrize("side", [3, 4])
@pytest.mark.parametrize("gate", [plain, norm_relu])
def test_a_level_is_two_gates_on_the_map_and_attention_over_what_the_sentence_made_of_it(gate, side):
    layer = Level(4, 3, side, gate=gate, balance=(0.7, 0.4), dropout=0.1).double().eval()
    unsettle(layer)
    map, sentence = torch.randn(2, 4, side, side, dtype=torch.double), torch.randn(2, 3, dtype=torch.double)
    out = layer(map, sentence)

    def opened(layers: torch.nn.Module, seen: torch.Tensor) -> torch.Tensor:
        if gate is plain:
            return 1 / (1 + (-seen - layers.bias).exp())
        norm = layers[1]
        normed = (seen - norm.running_mean) / (norm.running_var + 1e-5) ** 0.5 * norm.weight + norm.bias
        return 1 / (1 + (-normed.clamp(min=0)).exp())

    channel_weight, place_weight = (
        (layers if gate is plain else layers[0]).weight for layers in (layer.channels, layer.places)
    )
    before = (side - 1) // 2
    for row in range(2):
        joined = layer.join(torch.cat([map, sentence[..., None, None].repeat(1, 1, side, side)], 1))[row]
        channels = opened(layer.channels, channel_weight[:, :, 0, 0] @ joined.mean((1, 2)))
        attended = layer.attend(joined[None])[0]
        mean = joined.mean(0)
        for i in range(side):
            for j in range(side):
                taps = [
                    place_weight[0, 0, a, b] * mean[i + a - before, j + b - before]
                    for a in range(side)
                    for b in range(side)
                    if 0 <= i + a - before < side and 0 <= j + b - before < side
                ]
                expected = 0.7 * channels * opened(layer.places, sum(taps)) * map[row, :, i, j]
                torch.testing.assert_close(out[row, :, i, j], expected + 0.4 * attended[:, i, j])


def test_the_gates_of_the_released_code_do_not_close_below_one_half():
    seen = torch.randn(8, 4, 3, 3)
    assert norm_relu(4, 4, 1)(seen).sigmoid().min() == 0.5 > plain(4, 4, 1)(seen).sigmoid().min()


def test_the_sentence_is_the_largest_value_of_its_words_and_never_of_its_padding():
    tokens = -torch.rand(2, 3, 4) - 1
    mask = torch.tensor([[True, True, False], [True, False, False]])
    padded = tokens.masked_fill(~mask[..., None], 9.0)
    expected = torch.stack([tokens[0, :2].max(0).values, tokens[1, 0]])
    torch.testing.assert_close(masked_max_pool(padded, mask), expected)


def test_the_score_is_minus_the_sum_of_squared_distances_of_unit_vectors():
    model = VAL(["make it red"], image=IMAGE, text=TEXT, sides=(8, 4), balance=(1.0, 0.5)).double().eval()
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    composed, gallery = model.compose(Query(image=images, text=["red", "it", "make"])), model.encode(images.flip(0))
    levels, total = model.by_level(composed, gallery), model.score(composed, gallery)
    for q in range(3):
        for n in range(3):
            apart = [((composed[q, each] - gallery[n, each]) ** 2).sum() for each in range(2)]
            torch.testing.assert_close(levels[:, q, n], -torch.stack(apart))
            torch.testing.assert_close(total[q, n], -sum(apart))
    torch.testing.assert_close(gallery.norm(dim=-1), torch.ones(3, 2).double())
    maps = model.image(images.flip(0))
    torch.testing.assert_close(gallery[:, 0] * maps[0].mean((2, 3)).norm(dim=1, keepdim=True), maps[0].mean((2, 3)))


def test_it_starts_with_the_balance_of_the_released_code_where_attention_waits():
    model = VAL(["a"], image=IMAGE, text=TEXT, sides=(8, 4))
    assert [level.balance.tolist() for level in model.fusion] == [[1, 0], [1, 0]]


def test_an_encoder_with_another_number_of_maps_is_a_problem():
    model = VAL(["a"], image=IMAGE, text=TEXT)
    with pytest.raises(Problem, match="2 maps and VAL has 3 sides"):
        model.encode(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))


def test_heads_that_do_not_divide_the_width_are_a_problem():
    with pytest.raises(Problem, match="2 heads cannot share a width of 5"):
        SplitAttention(5, dropout=0.0)
