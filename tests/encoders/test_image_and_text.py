"""Encoders: golden tokenisations, padding that changes nothing, maps that know where things are."""

import pytest
import torch
from torch import nn

from cirkit.encoders.image import ResNet, SmallResNet, linear_norm_relu, pooled, shorter_side, tokens
from cirkit.encoders.text import LSTM, Embedding, Vocabulary, dropout_linear, last_token_pool, words

TEXTS = ["make yellow sphere small", "remove the cube", "add red cube to top-left"]


def pictures(count: int = 3, side: int = 32) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Is a T-shirt, 3/4 sleeves & more café.", "is a tshirt 34 sleeves more caf"),
        ("<UNK>", "unk"),
        ("not-so", "notso"),
        ("  two\twords\n", "two words"),
        ("!?", ""),
    ],
)
def test_sentences_fall_into_the_words_of_the_released_code(text, expected):
    assert words(text) == expected.split()


def test_words_are_numbered_from_one_in_the_order_they_are_first_said():
    vocabulary = Vocabulary(["b a b", "c a"])
    numbers, mask = vocabulary(["a b c", "zebra c", "..."])
    assert len(vocabulary) == 4
    assert numbers.tolist() == [[2, 1, 3], [0, 3, 0], [0, 0, 0]]
    assert mask.tolist() == [[True, True, True], [True, True, False], [True, False, False]]


def test_the_unknown_word_cannot_be_said_by_its_name():
    assert Vocabulary(["a"])(["<UNK>"])[0].tolist() == [[0]]


def test_a_padded_sentence_has_the_tokens_it_has_alone():
    torch.manual_seed(0)
    encoder = LSTM(TEXTS, width=8).eval()
    together, mask = encoder(TEXTS)
    assert together.shape == (3, 5, 8) and mask.sum(1).tolist() == [4, 3, 5]
    for row, text in enumerate(TEXTS):
        alone, _ = encoder([text])
        torch.testing.assert_close(together[row][mask[row]], alone[0])
        torch.testing.assert_close(last_token_pool(together, mask)[row], alone[0, -1])


def test_the_tokens_are_the_hidden_states_of_a_cell_run_word_by_word():
    torch.manual_seed(0)
    encoder = LSTM(TEXTS, width=8)
    cell = nn.LSTMCell(8, 8)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in encoder.lstm.state_dict().items()})
    hidden, memory = torch.zeros(1, 8), torch.zeros(1, 8)
    for step, word in enumerate(TEXTS[0].split()):
        row = encoder.vocabulary.number[word]
        hidden, memory = cell(encoder.embedding.weight[row][None], (hidden, memory))
        torch.testing.assert_close(encoder(TEXTS[:1])[0][:, step], hidden)


def test_the_released_head_is_a_linear_layer_at_every_word():
    torch.manual_seed(0)
    encoder = LSTM(TEXTS, width=8, head=dropout_linear)
    states, _ = encoder.lstm(encoder.embedding(encoder.vocabulary(TEXTS)[0]))
    torch.testing.assert_close(encoder.eval()(TEXTS)[0], encoder.head[1](states))
    encoder.train()
    assert not torch.allclose(encoder(TEXTS)[0], encoder(TEXTS)[0])


def test_the_small_network_returns_as_many_maps_as_asked():
    encoder = SmallResNet(width=8, widths=(8, 12, 20), strides=(1, 2, 2), levels=2)
    assert [each.shape for each in encoder(pictures())] == [(3, 8, 4, 4), (3, 8, 2, 2)]
    assert [each.shape for each in tokens(encoder(pictures()))] == [(3, 16, 8), (3, 4, 8)]


def test_tokens_go_row_by_row_and_the_pool_is_the_mean_of_the_coarsest():
    fine, coarse = torch.arange(24.0).reshape(1, 4, 2, 3), torch.arange(8.0).reshape(1, 4, 1, 2)
    sequence = tokens((fine, coarse))[0]
    for place in range(6):
        torch.testing.assert_close(sequence[0, place], fine[0, :, place // 3, place % 3])
    torch.testing.assert_close(pooled((fine, coarse)), (coarse[:, :, 0, 0] + coarse[:, :, 0, 1]) / 2)


def test_averaging_the_projected_map_is_a_linear_layer_on_the_averaged_map():
    encoder = SmallResNet(width=8, widths=(8, 12), strides=(1, 2)).eval()
    pixels = pictures().float() / 127.5 - 1
    map = encoder.trunk(pixels)[1]
    weight, bias = encoder.project[0].weight[:, :, 0, 0], encoder.project[0].bias
    torch.testing.assert_close(pooled(encoder(pictures())), map.mean((2, 3)) @ weight.T + bias)


def test_a_pooled_picture_can_tell_where_things_are():
    """Padding and depth carry the place into the average: nine cells, one linear read-out, forty steps."""
    torch.manual_seed(0)
    encoder = SmallResNet(width=9, widths=(8, 12, 16))
    scenes = torch.full((9, 3, 64, 64), 128, dtype=torch.uint8)
    for cell in range(9):
        top, left = 4 + 20 * (cell // 3), 4 + 20 * (cell % 3)
        scenes[cell, 0, top : top + 12, left : left + 12] = 255
    optimizer = torch.optim.Adam(encoder.parameters(), lr=1e-2)
    for _ in range(40):
        loss = nn.functional.cross_entropy(pooled(encoder(scenes)), torch.arange(9))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert pooled(encoder(scenes)).argmax(1).tolist() == list(range(9))


def test_the_released_projection_is_never_negative_and_the_papers_can_be():
    torch.manual_seed(0)
    assert SmallResNet(width=8, widths=(4,), strides=(1,), project=linear_norm_relu)(pictures())[0].min() == 0
    assert SmallResNet(width=8, widths=(4,), strides=(1,))(pictures())[0].min() < 0


def test_pictures_are_scaled_from_minus_one_to_one():
    encoder = SmallResNet(width=8, widths=(4,), strides=(1,))
    seen = []
    encoder.trunk.stem.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    encoder(torch.tensor([0, 255], dtype=torch.uint8)[:, None, None, None].expand(2, 3, 8, 8))
    assert seen[0][0].unique().tolist() == [-1] and seen[0][1].unique().tolist() == [1]


def test_timms_resnet_gives_the_stages_asked_for_at_one_width():
    encoder = ResNet(name="resnet18", width=16, stages=(3, 4), pretrained=False, size=64).eval()
    assert [each.shape for each in encoder(pictures(2, 40))] == [(2, 16, 4, 4), (2, 16, 2, 2)]


def test_timms_resnet_sees_pixels_with_imagenets_mean_and_deviation():
    encoder = ResNet(name="resnet18", width=16, stages=(4,), pretrained=False, size=None)
    seen = []
    encoder.trunk.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    image = pictures(2, 32)
    encoder(image)
    for channel, (mean, deviation) in enumerate(zip((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True)):
        expected = (image[:, channel] / 255 - mean) / deviation
        torch.testing.assert_close(seen[0][:, channel], expected)


@pytest.mark.parametrize(("height", "width"), [(40, 30), (30, 40), (17, 33), (24, 24), (8, 8), (200, 1)])
def test_resizing_agrees_with_torchvisions_resize_and_centre_crop(height, width):
    from cirkit.compat import ensure_torchvision

    ensure_torchvision()
    from torchvision.transforms.v2 import functional

    pixels = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    expected = functional.center_crop(functional.resize(pixels, [24], antialias=True), [24, 24])
    torch.testing.assert_close(shorter_side(pixels, 24), expected)


def narrow(vocabulary: Vocabulary, width: int) -> nn.Embedding:
    """A table half as wide as asked."""
    return nn.Embedding(len(vocabulary), width // 2)


@pytest.mark.parametrize("embed", [None, narrow])
def test_a_bag_of_words_gives_a_word_one_token_wherever_it_stands(embed):
    encoder = Embedding(TEXTS, width=8, **({} if embed is None else {"embed": embed}))
    tokens_, mask = encoder(["red cube", "cube red", "cube"])
    assert mask.tolist() == [[True, True], [True, True], [True, False]] and tokens_.shape == (3, 2, 8)
    torch.testing.assert_close(tokens_[0], tokens_[1].flip(0))
    number = encoder.vocabulary.number["cube"]
    torch.testing.assert_close(tokens_[2, 0], encoder.project(encoder.embedding.weight[number]))


def test_an_lstm_reads_a_table_of_any_width():
    assert LSTM(TEXTS, width=8, embed=narrow)(TEXTS)[0].shape == (3, 5, 8)
