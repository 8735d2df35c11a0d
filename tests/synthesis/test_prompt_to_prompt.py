"""The painter by diffusion: what it shares between two captions, and what it says where diffusers lacks."""

import sys

import pytest
import torch
from torch import nn

from cirkit.errors import Problem
from cirkit.synthesis import karlo, prompt_to_prompt
from cirkit.synthesis.base import CaptionTriplet


class Attention(nn.Module):
    """An attention layer as diffusers lays it out, two heads wide."""

    def __init__(self, width=6, heads=2):
        super().__init__()
        self.heads = heads
        self.to_q, self.to_k, self.to_v = (nn.Linear(width, width) for _ in range(3))
        self.to_out = nn.ModuleList([nn.Linear(width, width), nn.Identity()])

    def head_to_batch_dim(self, vectors):
        return vectors.unflatten(2, (self.heads, -1)).transpose(1, 2).flatten(0, 1)

    def batch_to_head_dim(self, vectors):
        return vectors.unflatten(0, (-1, self.heads)).transpose(1, 2).flatten(2)

    def get_attention_scores(self, query, key, mask):
        return (query @ key.mT / query.shape[2] ** 0.5).softmax(-1)


def plain(layer, hidden, attend_as):
    """One row after the other; `attend_as[row]` is the row whose weights it takes."""
    out = []
    for row, like in enumerate(attend_as):
        heads = []
        for head in range(2):
            part = slice(3 * head, 3 * head + 3)
            query, key = (each(hidden[like])[:, part] for each in (layer.to_q, layer.to_k))
            heads.append((query @ key.T / 3**0.5).softmax(1) @ layer.to_v(hidden[row])[:, part])
        out.append(layer.to_out[0](torch.cat(heads, dim=1)))
    return torch.stack(out)


def test_the_second_caption_attends_as_the_first_while_it_is_on():
    layer, hidden = Attention(), torch.randn(4, 5, 6)
    shared = prompt_to_prompt.SharedAttention()
    torch.testing.assert_close(shared(layer, hidden), plain(layer, hidden, (0, 0, 2, 2)))
    shared.on = False
    torch.testing.assert_close(shared(layer, hidden), plain(layer, hidden, (0, 1, 2, 3)))


def test_what_a_caption_says_is_attended_to_by_each_row_itself():
    layer, hidden, words = Attention(), torch.randn(2, 5, 6), torch.randn(2, 3, 6)
    on, off = (prompt_to_prompt.SharedAttention(on)(layer, hidden, words) for on in (True, False))
    torch.testing.assert_close(on, off)


def test_without_diffusers_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "diffusers", None)
    triplet = CaptionTriplet(reference="a", instruction="b", target="c")
    for act in (
        lambda: prompt_to_prompt.prompt_to_prompt(device="cpu")([triplet], [0]),
        lambda: karlo.karlo()(torch.zeros(1, 4)),
    ):
        with pytest.raises(Problem, match="pip install diffusers"):
            act()


def test_the_device_decides_no_image():
    one, other = (prompt_to_prompt.prompt_to_prompt(device=device).described() for device in ("cpu", "cuda"))
    assert one == other and one["steps"] == 100 and one["guidance"] == (7.5, 15.0)
