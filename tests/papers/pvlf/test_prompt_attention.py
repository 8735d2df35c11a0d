"""Attention of prompts: kinds of tokens, multiples of uniform attention against a loop, and what a fusion gives."""

from functools import partial

import pytest
import torch
from toys import TinyClip, colour_benchmark

from cirkit.models.pvlf import Prompts, pvlf
from cirkit.models.transagg import Fusion
from cirkit.papers.pvlf.prompt_attention import KINDS, PromptAttention, between_kinds, members

WORDS = torch.tensor([[True, True, True, False], [True, True, False, False]])
POSITION = torch.tensor([2, 1])


def random_maps(kinds: torch.Tensor, layers: int = 2) -> torch.Tensor:
    """Rows that sum to one, without weight on padding."""
    b, _, i = kinds.shape
    scores = torch.rand(b, layers, i, i).masked_fill(~kinds.any(1)[:, None, None], -torch.inf)
    return scores.softmax(-1)


def test_every_token_is_of_one_kind_and_padding_of_none():
    kinds = members(WORDS, POSITION, prompts=3, image=5)
    assert kinds.shape == (2, len(KINDS), 4 + 3 + 5)
    names = [[[KINDS[k] for k in range(5) if row[k, i]] for i in range(12)] for row in kinds]
    text, rest = [["words"], ["words"], ["text's own token"], []], [["prompts"]] * 3 + [["class token"]]
    assert names[0] == text + rest + [["patches"]] * 4
    assert names[1] == [["words"], ["text's own token"], [], []] + rest + [["patches"]] * 4


def test_multiples_of_uniform_are_those_of_a_loop_over_tokens():
    kinds = members(WORDS, POSITION, prompts=3, image=5)
    maps = random_maps(kinds)
    found = between_kinds(maps, kinds)
    for row in range(2):
        count = int(kinds[row].any(0).sum())
        for a in range(len(KINDS)):
            for b in range(len(KINDS)):
                pairs = [(i, j) for i in range(12) for j in range(12) if kinds[row, a, i] and kinds[row, b, j]]
                mean = sum(float(maps[row, 1, i, j]) for i, j in pairs) / len(pairs)
                assert float(found[row, 1, a, b]) == pytest.approx(mean * count, rel=1e-5)


def test_uniform_attention_is_one_everywhere():
    kinds = members(WORDS, POSITION, prompts=3, image=5)
    there = kinds.any(1).float()
    maps = (there / there.sum(1, keepdim=True))[:, None, None].expand(-1, 2, 12, -1)
    torch.testing.assert_close(between_kinds(maps, kinds), torch.ones(2, 2, 5, 5))


def test_the_exhibit_of_a_fusion_adds_up_to_all_attention():
    torch.manual_seed(0)
    fusion = partial(Fusion, heads=2, hidden=16)
    prompts = partial(Prompts, start=lambda tokens: tokens.normal_(std=1.0))
    model = pvlf(["a"], clip=TinyClip, length=3, fusion=fusion, prompts=prompts).eval()
    benchmark = colour_benchmark()
    kept = PromptAttention(queries=10)(model, benchmark, lambda: None)
    between, received = torch.tensor(kept["between"]), torch.tensor(kept["to_prompts"])
    assert between.shape == (2, 5, 5) and received.shape == (2, 3) and kept["kinds"] == list(KINDS)
    # texts of one word: start, word, end; three prompts; a class token and four patches
    share = torch.tensor([2, 1, 3, 1, 4]) / 11
    torch.testing.assert_close(between @ share, torch.ones(2, 5), atol=1e-3, rtol=0)
    other = torch.tensor([2, 1, 0, 1, 4]) / 8
    torch.testing.assert_close(received.mean(1), (other[:, None] * between).sum(1)[:, 2], atol=1e-3, rtol=0)
    assert received.std(1).min() > 1e-3
