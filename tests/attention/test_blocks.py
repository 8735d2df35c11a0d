"""Attention against per-head loops, torch's own module, and formulas written out."""

import math

import pytest
import torch
from torch import nn

from cirkit.attention.alignment import dot, scaled_dot
from cirkit.attention.blocks import (
    MultiHeadAttention,
    Transformer,
    TransformerBlock,
    UnbiasedLayerNorm,
    identity,
    softmax,
)
from cirkit.attention.positions import Sinusoidal, no_positions


def data(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    mask = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    return torch.randn(2, 5, 8, generator=generator), torch.randn(2, 6, 8, generator=generator), mask


def attention(**keywords) -> MultiHeadAttention:
    torch.manual_seed(1)
    return MultiHeadAttention(8, heads=2, **keywords).eval()


def loop(layer: MultiHeadAttention, tokens, memory, mask, kind: str) -> torch.Tensor:
    """One query, one head, one key at a time; keys that do not exist are never looked at."""
    query, key, value = (part.detach() for part in (layer.query(tokens), layer.key(memory), layer.value(memory)))
    out = torch.zeros(2, 5, 8)
    for b in range(2):
        for head in (slice(0, 4), slice(4, 8)):
            for i in range(5):
                exists = [j for j in range(6) if mask[b, j]]
                scores = [float((query[b, i, head] * key[b, j, head]).sum()) / 4**0.5 for j in exists]
                if kind == "softmax":
                    total = sum(math.exp(score) for score in scores)
                    scores = [math.exp(score) / total for score in scores]
                for score, j in zip(scores, exists, strict=True):
                    out[b, i, head] += score * value[b, j, head]
    return layer.output(out)


@pytest.mark.parametrize(("weights", "kind"), [(softmax, "softmax"), (identity, "identity")])
def test_heads_equal_a_loop_over_heads_queries_and_keys(weights, kind):
    tokens, memory, mask = data()
    layer = attention(weights=weights)
    torch.testing.assert_close(layer(tokens, memory, mask), loop(layer, tokens, memory, mask, kind))


def test_softmax_heads_equal_torchs_own_module():
    tokens, memory, mask = data()
    layer = attention()
    twin = nn.MultiheadAttention(8, 2, batch_first=True).eval()
    with torch.no_grad():
        twin.in_proj_weight.copy_(torch.cat([layer.query.weight, layer.key.weight, layer.value.weight]))
        twin.in_proj_bias.copy_(torch.cat([layer.query.bias, layer.key.bias, layer.value.bias]))
        twin.out_proj.load_state_dict(layer.output.state_dict())
    expected, weights = twin(tokens, memory, memory, key_padding_mask=~mask, average_attn_weights=False)
    torch.testing.assert_close(layer(tokens, memory, mask), expected)
    torch.testing.assert_close(layer.attention(tokens, memory, mask), weights)


@pytest.mark.parametrize("mask", ["none", "keys", "pairs"])
def test_the_fused_kernel_agrees_with_the_weights_it_hides(mask):
    tokens, memory, keys = data()
    chosen = {"none": None, "keys": keys, "pairs": keys[:, None].expand(2, 5, 6) & torch.ones(5, 6).tril(1).bool()}[
        mask
    ]
    layer = attention()
    value = layer.value(memory).unflatten(-1, (2, 4)).transpose(1, 2)
    by_hand = layer.output((layer.attention(tokens, memory, chosen) @ value).transpose(1, 2).flatten(-2))
    torch.testing.assert_close(layer(tokens, memory, chosen), by_hand)


def test_softmax_gives_nothing_where_nothing_exists_and_so_does_the_fused_kernel():
    tokens, memory, _ = data()
    nobody = torch.zeros(2, 6, dtype=torch.bool)
    layer = attention()
    assert layer.attention(tokens, memory, nobody).abs().sum() == 0
    torch.testing.assert_close(layer(tokens, memory, nobody), layer.output.bias.expand(2, 5, 8))


def test_weights_of_one_row_sum_to_one_and_skip_padding():
    tokens, memory, mask = data()
    weights = attention().attention(tokens, memory, mask)
    assert weights.shape == (2, 2, 5, 6)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 2, 5))
    assert (weights[1, :, :, 4:] == 0).all() and (weights[0] > 0).all()


def test_the_alignment_passed_in_is_the_one_used():
    tokens, memory, mask = data()
    plain, scaled = attention(alignment=dot, weights=identity), attention(alignment=scaled_dot, weights=identity)
    torch.testing.assert_close(plain.attention(tokens, memory, mask), 2 * scaled.attention(tokens, memory, mask))
    ratio = attention(alignment=dot).attention(tokens, memory) / attention().attention(tokens, memory)
    assert (ratio - 1).abs().max() > 0.01


@pytest.mark.parametrize("weights", [softmax, identity])
def test_attention_dropout_acts_in_training_only(weights):
    tokens, memory, mask = data()
    layer = attention(weights=weights, dropout=0.5)
    torch.testing.assert_close(layer(tokens, memory, mask), layer(tokens, memory, mask), rtol=0, atol=0)
    layer.train()
    assert not torch.allclose(layer(tokens, memory, mask), layer(tokens, memory, mask))


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ValueError, match="3 heads cannot share a width of 8"):
        MultiHeadAttention(8, heads=3)


def test_the_annotated_norm_is_its_formula_and_not_layer_norm():
    tokens = data()[0]
    norm = UnbiasedLayerNorm(8)
    with torch.no_grad():
        norm.gain.uniform_(0.5, 2)
        norm.bias.uniform_(-1, 1)
    for row, out in zip(tokens.flatten(0, 1), norm(tokens).flatten(0, 1), strict=True):
        mean = sum(row) / 8
        std = (sum((value - mean) ** 2 for value in row) / 7) ** 0.5
        by_hand = torch.stack([(row[c] - mean) / (std + 1e-6) * norm.gain[c] + norm.bias[c] for c in range(8)])
        torch.testing.assert_close(out, by_hand)
    assert not torch.allclose(UnbiasedLayerNorm(8)(tokens), nn.LayerNorm(8)(tokens), atol=1e-2)


def test_sinusoidal_positions_are_their_formula():
    tokens = torch.zeros(2, 7, 6)
    out = Sinusoidal()(tokens)
    for i in range(7):
        for c in range(6):
            angle = i / 10000 ** ((c - c % 2) / 6)
            assert out[1, i, c].item() == pytest.approx(math.cos(angle) if c % 2 else math.sin(angle), abs=1e-6)


def test_sinusoidal_positions_refuse_an_odd_width():
    with pytest.raises(ValueError, match="even width, got 5"):
        Sinusoidal()(torch.zeros(1, 2, 5))


def test_a_block_is_its_two_equations():
    tokens = data()[0]
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    torch.manual_seed(2)
    block = TransformerBlock(8, heads=2, hidden=12).eval()
    normed = nn.functional.layer_norm(tokens, (8,))
    middle = tokens + block.attend(normed, normed, mask)
    first, last = block.feed_forward[0], block.feed_forward[3]
    expected = middle + last(first(nn.functional.layer_norm(middle, (8,))).clamp(min=0))
    torch.testing.assert_close(block(tokens, mask), expected)


def test_a_transformer_is_its_blocks_and_shows_the_weights_of_each():
    tokens = data()[0]
    torch.manual_seed(3)
    encoder = Transformer(8, blocks=2, heads=2, hidden=12, positions=Sinusoidal).eval()
    placed = Sinusoidal()(tokens)
    after = encoder.blocks[0](placed)
    torch.testing.assert_close(encoder(tokens), encoder.norm(encoder.blocks[1](after)))
    maps = encoder.attention(tokens)
    assert [each.shape for each in maps] == [(2, 2, 5, 5)] * 2
    torch.testing.assert_close(maps[1], encoder.blocks[1].attention(after))


@pytest.mark.parametrize("weights", [softmax, identity])
def test_without_positions_order_does_not_matter_and_with_them_it_does(weights):
    tokens = data()[0]
    order = torch.tensor([3, 1, 4, 0, 2])
    for positions, matters in ((no_positions, False), (Sinusoidal, True)):
        torch.manual_seed(4)
        encoder = Transformer(8, blocks=1, heads=2, hidden=12, weights=weights, positions=positions).eval()
        same = torch.allclose(encoder(tokens[:, order]), encoder(tokens)[:, order], atol=1e-5)
        assert same is not matters
