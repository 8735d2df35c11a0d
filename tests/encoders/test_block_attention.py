"""Attention of running blocks against torch's own weights; rows alone; the tower computes what it always does."""

import pytest
import torch
from itself_golden import SQUARE
from torch.testing import assert_close

from cirkit.encoders.block_attention import at, attention_of
from cirkit.errors import Problem

TEXTS = ["a man in a red coat", "hat"]


@pytest.fixture(scope="module")
def clip():
    torch.manual_seed(0)
    return SQUARE().double()


def run(clip, kind: str) -> torch.Tensor:
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    return (
        clip.text_tokens(TEXTS)[0] if kind == "text" else clip.towers.image_tokens(clip.preprocessing(images).double())
    )


def blocks(clip, kind: str):
    return clip.towers.text_blocks if kind == "text" else clip.towers.image_blocks


@pytest.mark.parametrize("kind", ["image", "text"])
@torch.no_grad()
def test_whole_matrices_are_torchs_weights(clip, kind):
    given, before = [], run(clip, kind)
    layers = blocks(clip, kind)
    handles = [
        each.register_forward_pre_hook(
            lambda block, args, named: given.append((block, args[0], named)), with_kwargs=True
        )
        for each in layers
    ]
    with attention_of(layers, torch.zeros(2, dtype=torch.int64), whole=range(len(layers)), rows=()) as (whole, rows):
        after = run(clip, kind)
    for handle in handles:
        handle.remove()
    assert torch.equal(before, after) and not rows and len(whole) == len(layers)
    for number, (block, states, named) in enumerate(given):
        normed, mask = block.ln_1(states), named.get("attn_mask")
        _, expected = block.attn(normed, normed, normed, need_weights=True, attn_mask=mask, average_attn_weights=True)
        assert_close(whole[number], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["image", "text"])
def test_a_row_is_that_of_the_matrix_and_has_no_gradient(clip, kind):
    row, layers = torch.tensor([6, 2] if kind == "text" else [0, 0]), blocks(clip, kind)
    with attention_of(layers, row, whole=range(len(layers)), rows=()) as (whole, _):
        run(clip, kind)
    with attention_of(layers, row, whole=(), rows=[1]) as (none, rows):
        run(clip, kind)
    assert not none and list(rows) == [1] and not rows[1].requires_grad
    assert_close(rows[1], at(whole[1], row), rtol=0, atol=1e-12)


def test_nothing_looks_on_after_the_end_or_after_an_error(clip):
    row = torch.zeros(2, dtype=torch.int64)
    with pytest.raises(Problem), attention_of(clip.towers.image_blocks, row, whole=[0], rows=()):
        raise Problem("Nothing. Try again.")
    assert not any(block._forward_pre_hooks for block in clip.towers.image_blocks)
