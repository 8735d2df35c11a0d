"""BERT's block: torch's own encoder layer with the same weights, a score whose rows are keys, and the start."""

from functools import partial

import pytest
import torch
from torch import nn

from cirkit.attention.alignment import alignment
from cirkit.attention.post_norm import EPSILON, PostNormBlock, keys_as_rows, normal_start


def block(name: str = "scaled dot") -> PostNormBlock:
    torch.manual_seed(0)
    return PostNormBlock(12, heads=3, hidden=20, alignment=partial(alignment, name=name), dropout=0.0).double().eval()


@torch.no_grad()
def test_torch_s_encoder_layer_does_the_same():
    ours, tokens = block(), torch.randn(2, 5, 12, dtype=torch.double)
    mask = torch.tensor([[True] * 5, [True, True, True, False, False]])
    theirs = nn.TransformerEncoderLayer(
        12, 3, 20, dropout=0.0, activation="gelu", layer_norm_eps=EPSILON, batch_first=True
    ).double()
    attend = ours.attend
    theirs.self_attn.in_proj_weight.copy_(torch.cat([attend.query.weight, attend.key.weight, attend.value.weight]))
    theirs.self_attn.in_proj_bias.copy_(torch.cat([attend.query.bias, attend.key.bias, attend.value.bias]))
    for mine, other in (
        (attend.output, theirs.self_attn.out_proj),
        (ours.feed_forward[0], theirs.linear1),
        (ours.feed_forward[2], theirs.linear2),
        (ours.norm_attend, theirs.norm1),
        (ours.norm_feed_forward, theirs.norm2),
    ):
        other.load_state_dict(mine.state_dict())
    expected = theirs(tokens, src_key_padding_mask=~mask)  # in training mode without dropout: no fused path
    torch.testing.assert_close(ours(tokens, mask)[mask], expected[mask])


@torch.no_grad()
@pytest.mark.parametrize("name", ["general*", "biased general*", "activated general"])
def test_a_row_of_the_released_layout_is_a_key(name):
    torch.manual_seed(0)
    score = keys_as_rows(4, of=partial(alignment, name=name)).double()
    query, key = torch.randn(2, 5, 4, dtype=torch.double)
    found = score(query, key)
    for i in range(5):
        for j in range(5):
            torch.testing.assert_close(found[i, j], score.score(query[j : j + 1], key[i : i + 1])[0, 0])


def test_the_start_is_normal_with_biases_of_zero():
    module = normal_start(nn.Sequential(nn.Embedding(300, 40), nn.Linear(40, 300), nn.LayerNorm(300)), 0.05)
    for weight in (module[0].weight, module[1].weight):
        assert weight.std().item() == pytest.approx(0.05, rel=0.05) and abs(weight.mean().item()) < 2e-3
    assert (module[1].bias == 0).all() and (module[2].weight == 1).all()
