"""Stacked cross attention against a loop over pairs and words that forms what each word attends to."""

from functools import partial

import pytest
import torch
from torch.nn.functional import leaky_relu, normalize

from cirkit.attention.alignment import SCORES, alignment
from cirkit.attention.cross_attention import CrossAttention, clipped_l2, log_sum_exp, mean, released_layout

WIDTH = 6


def sets(counts: list[int], seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Unit vectors, zeros behind a set's own."""
    counts = torch.tensor(counts)
    mask = torch.arange(int(counts.max())) < counts[:, None]
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(*mask.shape, WIDTH, dtype=torch.double, generator=generator)
    return normalize(vectors, dim=2) * mask[..., None], mask


QUERIES, KEYS = sets([2, 5, 1, 3], 1), sets([4, 2, 3], 2)


def attention(name: str = "dot", **changes) -> CrossAttention:
    torch.manual_seed(0)
    return CrossAttention(WIDTH, alignment=partial(alignment, name=name), **changes).double()


def attended(model: CrossAttention, words: torch.Tensor, regions: torch.Tensor) -> torch.Tensor:
    """The weights (words, regions) of one pair, by the formulas."""
    clipped = leaky_relu(model.alignment(words, regions), 0.1)
    return (model.temperature * clipped / (clipped.norm(dim=0) + 1e-8)).softmax(1)


def scrambled(model: CrossAttention, words: torch.Tensor, regions: torch.Tensor) -> torch.Tensor:
    """The same as the released code has it, written with the transpose and the cut of its rows."""
    clipped = leaky_relu(model.alignment(words, regions), 0.1)
    clipped = clipped / (clipped.norm(dim=1, keepdim=True) + 1e-8)
    return (model.temperature * clipped.T.reshape(len(words), len(regions))).softmax(1)


def by_loop(model: CrossAttention, weigh=attended) -> list[list[torch.Tensor]]:
    rows = []
    for words, mine in zip(*QUERIES, strict=True):
        row = []
        for regions, own in zip(*KEYS, strict=True):
            contexts = weigh(model, words[mine], regions[own]) @ regions[own]
            pairs = zip(words[mine], contexts, strict=True)
            row.append(torch.stack([w @ c / (w.norm() * c.norm()).clamp(min=1e-8) for w, c in pairs]))
        rows.append(row)
    return rows


def near(scores: torch.Tensor, expected: list[list[torch.Tensor]]) -> None:
    torch.testing.assert_close(scores, torch.stack([torch.stack(row) for row in expected]))


@pytest.mark.parametrize("numbers", [1 << 18, 16])  # 16: one pair of sets at a time
@pytest.mark.parametrize("name", SCORES)
def test_all_pairs_at_once_are_the_loop_over_pairs(name, numbers):
    model = attention(name, numbers=numbers)
    near(model(QUERIES, KEYS), [[each.mean() for each in row] for row in by_loop(model)])


@pytest.mark.parametrize("name", ["general†", "activated general"])
def test_the_released_layout_is_its_transpose_cut_again(name):
    model = attention(name, norm=released_layout, numbers=40)
    near(model(QUERIES, KEYS), [[each.mean() for each in row] for row in by_loop(model, scrambled)])
    kept = attention(name, norm=clipped_l2)
    assert (model(QUERIES, KEYS) - kept(QUERIES, KEYS)).abs().max() > 1e-3


def test_log_sum_exp_is_its_formula_and_a_soft_maximum():
    model = attention(pool=log_sum_exp(sharpness=5.0))
    loop = by_loop(model)
    near(model(QUERIES, KEYS), [[(5 * each).exp().sum().log() / 5 for each in row] for row in loop])
    sharp = attention(pool=log_sum_exp(sharpness=5000.0))(QUERIES, KEYS)
    best = torch.stack([torch.stack([each.max() for each in row]) for row in loop])
    torch.testing.assert_close(sharp, best, atol=1e-3, rtol=0)
    average = attention(pool=mean)(QUERIES, KEYS)
    assert (average <= sharp + 1e-9).all() and (average < sharp - 1e-2).any()


def test_the_weights_are_those_of_the_loop_and_zero_for_padding():
    model = attention("general*")
    weights = model.attention(QUERIES, KEYS)  # (q, i, n, j)
    for q in range(4):
        for n in range(3):
            words, regions = QUERIES[0][q][QUERIES[1][q]], KEYS[0][n][KEYS[1][n]]
            torch.testing.assert_close(weights[q, : len(words), n, : len(regions)], attended(model, words, regions))
    assert (weights.sum(3) - QUERIES[1][:, :, None].double()).abs().max() < 1e-12
    assert (weights * ~KEYS[1]).sum() == 0


@pytest.mark.parametrize("norm", [clipped_l2, released_layout])
def test_the_gradient_is_that_of_the_loop(norm):
    model = attention("biased general*", norm=norm, numbers=40)
    weight = torch.randn(4, 3).double()
    at_once = torch.autograd.grad((weight * model(QUERIES, KEYS)).sum(), [*model.parameters()])
    loop = by_loop(model, attended if norm is clipped_l2 else scrambled)
    total = sum(weight[q, n] * loop[q][n].mean() for q in range(4) for n in range(3))
    torch.testing.assert_close(at_once, torch.autograd.grad(total, [*model.parameters()]))
    assert all(each.abs().max() > 1e-6 for each in at_once)


@pytest.mark.parametrize("norm", [clipped_l2, released_layout])
def test_keys_that_no_token_is_drawn_to_leave_a_finite_gradient(norm):
    """Under ReLU all scores of a key may be zero, where a length has no gradient."""
    model = attention("activated general", norm=norm)
    model.alignment.key.bias.data.fill_(0)
    model.alignment.key.weight.data.fill_(0)
    queries = QUERIES[0].clone().requires_grad_()
    model((queries, QUERIES[1]), KEYS).sum().backward()
    assert queries.grad.isfinite().all() and all(each.grad.isfinite().all() for each in model.parameters())


def test_what_lies_in_the_padding_is_never_seen():
    for name in ("dot", "biased general†", "activated general"):
        model = attention(name, numbers=40)
        expected = model(QUERIES, KEYS)
        spoiled = [(torch.where(mask[..., None], vectors, 7.0), mask) for vectors, mask in (QUERIES, KEYS)]
        torch.testing.assert_close(model(*spoiled), expected)
