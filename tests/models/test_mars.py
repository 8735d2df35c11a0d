"""MARS: official numbers, the full product, closed forms, and what discarding does to a text."""

import pytest
import torch
from itself_golden import END, GOLDEN, TOKENS, attention, maps
from torch.testing import assert_close

from cirkit.encoders.block_attention import Attention, at
from cirkit.models.mars import block_of, blocks_of, mars, product, row_of_product, without_smallest


@pytest.mark.parametrize("kind", ["image", "text"])
@pytest.mark.parametrize("ratio", ["0.25", "0.4", "0"])
def test_the_official_code_gives_these_scores(ratio, kind):
    """rollout of GenAI4E/ITSELF at 2f20d64, blocks 4 and 11 of twelve."""
    scores = mars(discard=float(ratio))(attention(kind))
    assert_close(scores.flatten().tolist(), GOLDEN["mars"][ratio][kind], rtol=0, atol=1e-9)


def test_the_numbers_of_heads_are_those_of_their_mean():
    from written_weights import drawn

    heads = (6 * drawn((12, 6, TOKENS, TOKENS), 3)).softmax(-1).view(12, 2, 3, TOKENS, TOKENS).mean(2)
    found = Attention(row=torch.zeros(2, dtype=torch.int64), depth=12, tokens=TOKENS, whole=dict(enumerate(heads)))
    assert_close(mars()(found).flatten().tolist(), GOLDEN["mars"]["per head"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("layers", [(0,), (4, 11), (0, 4, 11), (1, 2, 5, 8, 10)])
def test_a_row_of_the_product_needs_no_product(layers):
    each = [without_smallest(maps(1)[layer], 0.25) for layer in layers]
    whole = product(each)
    for row in (torch.zeros(2, dtype=torch.int64), END):
        *earlier, last = each
        assert_close(row_of_product(earlier, at(last, row), row), at(whole, row), rtol=0, atol=1e-12)


def test_two_layers_without_discarding_are_the_mean_of_both_their_product_and_the_token_itself():
    middle, late = maps(1)[4], maps(1)[11]
    closed = (late @ middle + late + middle + torch.eye(TOKENS)) / 4
    assert_close(mars(discard=0.0)(attention("image")), closed[:, 0], rtol=0, atol=1e-12)


def test_the_product_is_a_loop_over_paths():
    first, second = maps(1)[4][0], maps(1)[11][0]
    expected = torch.zeros(TOKENS, TOKENS)
    for i in range(TOKENS):
        for j in range(TOKENS):
            for k in range(TOKENS):
                late = (second[i, k] + (i == k)) / (second[i].sum() + 1)
                middle = (first[k, j] + (k == j)) / (first[k].sum() + 1)
                expected[i, j] += late * middle
    assert_close(product([maps(1)[4], maps(1)[11]])[0].float(), expected, rtol=0, atol=1e-6)


def test_discarding_sorts_out_the_smallest_but_the_first_entry():
    each = maps(1)[4].clone()
    each[0, 0, 0] = each.min() / 2
    found = without_smallest(each, 0.4)
    for item, before in zip(found, each, strict=True):
        gone = before.flatten().sort().indices[: int(0.4 * TOKENS**2)].tolist()
        expected = [0.0 if at in gone and at else value for at, value in enumerate(before.flatten().tolist())]
        assert item.flatten().tolist() == expected


def test_entries_that_tie_stay_together():
    even = torch.full((1, 4, 4), 0.25)
    assert torch.equal(without_smallest(even, 0.25), even)


@pytest.mark.parametrize("ratio", [0.1, 0.25, 0.45])
def test_of_a_text_nothing_but_what_it_cannot_see_is_discarded(ratio):
    causal = maps(2, causal=True)[4]
    assert torch.equal(without_smallest(causal, ratio), causal)
    assert not torch.equal(without_smallest(causal, 0.6), causal)


def test_no_matrix_is_asked_of_a_block_of_which_a_row_will_do():
    assert (mars().whole(12), mars().rows(12)) == ((4, 11), ())
    assert (mars(discard=0.0).whole(12), mars(discard=0.0).rows(12)) == ((4,), (11,))
    rows = Attention(
        row=END, depth=12, tokens=TOKENS, whole={4: maps(2, True)[4]}, rows={11: at(maps(2, True)[11], END)}
    )
    assert torch.equal(mars(discard=0.0)(rows), mars(discard=0.0)(attention("text")))


def test_layers_of_twelve_lie_at_the_same_depth_of_other_towers():
    assert [block_of(layer, 12) for layer in range(12)] == list(range(12))
    assert blocks_of((4, 11), 4) == (1, 3) and blocks_of((4, 11), 3) == (1, 2) and blocks_of((4, 11), 1) == (0,)


def test_a_score_follows_its_own_item_alone():
    both = attention("image")
    for item in range(2):
        alone = Attention(
            row=both.row[item : item + 1],
            depth=12,
            tokens=TOKENS,
            whole={block: each[item : item + 1] for block, each in both.whole.items()},
        )
        assert torch.equal(mars()(alone)[0], mars()(both)[item])
