"""The text transformer: numbers of the released code, padding that changes nothing, order that matters."""

import pytest
import torch
from torch import nn
from written_weights import fill

from cirkit.attention.blocks import UnbiasedLayerNorm
from cirkit.attention.positions import Sinusoidal
from cirkit.encoders.text import dropout_linear
from cirkit.encoders.text_transformer import TextTransformer

VOCABULARY = ["make the red cube large", "remove yellow sphere!"]
TEXTS = ["Make the yellow cube.", "remove zebra"]
# printed by github.com/yahoo/maaf at commit 49a0df9 (SimpleTransformerEncoderModel, eval mode, double precision, width
# 4, d_ff 6), weights by `fill`, state-dict order of ours; the four words of the first text, then the two of the second
GOLDEN = {
    1: [
        [-0.930248, 1.760513, -0.752456, 0.487155], [-0.048999, -1.649169, 0.085791, 1.245399],
        [-0.821885, -0.743191, 0.023752, 1.54754], [-0.643285, -0.721019, -0.273729, 1.655668],
        [-1.12912, 1.875605, -0.278036, 0.075194], [0.891444, -1.657502, 0.229845, -0.137747],
    ],
    2: [
        [-0.385213, 0.296158, -1.521236, 1.027638], [-1.225864, -0.551018, 0.833788, 1.100186],
        [-1.071357, -0.547787, 0.418162, 1.269215], [0.157085, -1.05931, 1.883631, -0.056272],
        [-0.801466, 0.847217, -1.161988, 0.393146], [1.35346, -0.925737, 1.223415, -0.684884],
    ],
}  # fmt: skip


def encoder(**keywords) -> TextTransformer:
    torch.manual_seed(0)
    return TextTransformer(VOCABULARY, **({"width": 8, "hidden": 12} | keywords)).eval()


@pytest.mark.parametrize("layers", GOLDEN)
def test_the_released_encoder_prints_the_same_numbers(layers):
    ours = TextTransformer(VOCABULARY, width=4, heads=layers, blocks=layers, hidden=6, norm=UnbiasedLayerNorm)
    ours.double().eval()
    fill(ours)
    tokens, mask = ours(TEXTS)
    assert mask.tolist() == [[True] * 4, [True] * 2 + [False] * 2]
    torch.testing.assert_close(tokens[mask], torch.tensor(GOLDEN[layers], dtype=torch.double), rtol=1e-5, atol=2e-6)


def test_one_block_is_torchs_own_encoder_layer():
    ours = encoder(heads=2)
    block = ours.transformer.blocks[0]
    twin = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True, norm_first=True).eval()
    with torch.no_grad():
        parts = (block.attend.query, block.attend.key, block.attend.value)
        twin.self_attn.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        twin.self_attn.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
    for theirs, own in (
        (twin.self_attn.out_proj, block.attend.output), (twin.linear1, block.feed_forward[0]),
        (twin.linear2, block.feed_forward[3]), (twin.norm1, block.norm_attend), (twin.norm2, block.norm_feed_forward),
    ):  # fmt: skip
        theirs.load_state_dict(own.state_dict())
    numbers, mask = ours.vocabulary(TEXTS)
    out = twin(Sinusoidal()(ours.embedding(numbers)), src_key_padding_mask=~mask)
    torch.testing.assert_close(ours(TEXTS)[0][mask], nn.functional.layer_norm(out, (8,))[mask])


def test_a_padded_sentence_has_the_tokens_it_has_alone():
    texts = ["make the red cube large", "", "yellow"]
    together, mask = encoder(blocks=2)(texts)
    assert mask.sum(1).tolist() == [5, 1, 1]
    for row, text in enumerate(texts):
        torch.testing.assert_close(together[row][mask[row]], encoder(blocks=2)([text])[0][0])


def test_every_word_knows_of_the_others_and_of_their_order():
    model = encoder()
    first, other, swapped = model(["red cube", "red sphere", "cube red"])[0]
    assert not torch.allclose(first[0], other[0], atol=1e-4)
    assert not torch.allclose(first[0], swapped[1], atol=1e-4)


def test_vectors_of_another_width_go_through_a_linear_layer():
    model = encoder(embed=lambda vocabulary, width: nn.Embedding(len(vocabulary), 6), head=dropout_linear)
    numbers, mask = model.vocabulary(TEXTS)
    projected = model.embedding(numbers) @ model.project.weight.T + model.project.bias
    torch.testing.assert_close(model(TEXTS)[0], model.head[1](model.transformer(projected, mask)))
    assert model(TEXTS)[0].shape == (2, 4, 8) and isinstance(encoder().project, nn.Identity)


def test_dropout_acts_on_positions_too_but_in_training_only():
    model = encoder(dropout=0.5)
    torch.testing.assert_close(model(TEXTS)[0], model(TEXTS)[0], rtol=0, atol=0)
    assert model.transformer.positions.dropout.p == 0.5
    model.train()
    assert not torch.allclose(model(TEXTS)[0], model(TEXTS)[0])


def test_the_defaults_are_the_released_sizes():
    model = TextTransformer(VOCABULARY)
    assert len(model.transformer.blocks) == 1 and model.transformer.blocks[0].attend.heads == 1
    assert model.transformer.blocks[0].feed_forward[0].weight.shape == (512, 512)
