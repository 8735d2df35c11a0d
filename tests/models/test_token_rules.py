"""Selection rules: official numbers of B and D, A and C as their other ends, and the controls."""

import pytest
import torch
from itself_golden import GOLDEN, TOKENS, allowed, attention
from torch.testing import assert_close

from cirkit.errors import Problem
from cirkit.models.grab import select
from cirkit.models.mars import mars
from cirkit.models.retention import count
from cirkit.models.token_rules import (
    Rule,
    least,
    marked_tokens,
    mean_over_layers,
    over_layers,
    random_tokens,
    single_layer,
    std_over_layers,
)

RULES = {"mean": over_layers(mean_over_layers), "std": over_layers(std_over_layers)}
EVERY = {**RULES, "mars": mars(), "single": single_layer(), "random": random_tokens(), "marked": marked_tokens()}


@pytest.mark.parametrize("kind", ["image", "text"])
@pytest.mark.parametrize("name", RULES)
def test_the_official_code_gives_these_scores(name, kind):
    assert_close(RULES[name](attention(kind)).flatten().tolist(), GOLDEN["rules"][name][kind], rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["mean", "std", "mars"])
def test_the_official_code_chooses_these_tokens(name):
    order, valid = select(EVERY[name](attention("image")), allowed("image"), torch.full((2,), count(12, 0.4)))
    assert order.tolist() == GOLDEN["chosen"][name] and bool(valid.all())


def test_a_single_layer_is_the_row_of_its_block():
    assert_close(single_layer(2)(attention("image")).flatten().tolist(), GOLDEN["rules"]["layer 2"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", RULES)
def test_the_least_are_the_other_end(name):
    asked, words = attention("text"), allowed("text")
    up, _ = select(RULES[name](asked), words, torch.tensor([11, 6]))
    down, valid = select(least(RULES[name])(asked), words, torch.tensor([11, 6]))
    for item, number in enumerate([11, 6]):
        assert down[item, :number].tolist() == up[item, :number].tolist()[::-1]
        assert valid[item].sum() == number


def test_random_tokens_differ_by_training_step_and_never_in_evaluation():
    rule = random_tokens()
    still, learning = attention("image"), attention("image", training=True)
    assert torch.equal(rule(still), rule(still)) and torch.equal(rule(still)[0], rule(still)[1])
    assert not torch.equal(rule(learning), rule(learning))
    assert rule(still).unique().numel() == TOKENS


def test_marked_tokens_are_those_of_the_mask_and_want_one():
    marks = torch.rand(2, TOKENS)
    assert torch.equal(marked_tokens()(attention("image", marks=marks)), marks)
    with pytest.raises(Problem, match=r"Give images with a fourth channel, their mask\.$"):
        marked_tokens()(attention("image"))


@pytest.mark.parametrize("name", EVERY)
def test_a_rule_reads_no_block_that_it_does_not_name(name):
    rule = EVERY[name]
    assert isinstance(rule, Rule)
    given = attention("image", marks=torch.rand(2, TOKENS))
    some = {block: each for block, each in given.whole.items() if block in rule.whole(12)}
    rows = {block: each[:, 0] for block, each in given.whole.items() if block in rule.rows(12)}
    alone = attention("image", marks=given.marks)
    object.__setattr__(alone, "whole", some)
    object.__setattr__(alone, "rows", rows)
    assert torch.equal(rule(alone), rule(given))
    assert least(rule).whole(12) == rule.whole(12) and least(rule).rows(12) == rule.rows(12)
