"""GRAB: official numbers, what is pooled, padding, items without tokens, and the size of the paper's heads."""

import pytest
import torch
from itself_golden import GOLDEN, TOKENS, allowed, attention, grab, tokens
from torch.testing import assert_close

from cirkit.models.grab import Grab, select
from cirkit.models.retention import ATS, count, fixed
from cirkit.models.token_rules import single_layer

RATIO = {"None": fixed(0.4)(1), "1": ATS(t_small=1450)(1), "1450": ATS(t_small=1450)(1450)}
LAST = single_layer(11)


def amount(kind: str, ratio: float) -> torch.Tensor:
    return torch.full((2,), count(TOKENS - (1 if kind == "image" else 2), ratio))


def embed(kind: str, ratio: float, module: Grab, given: torch.Tensor | None = None) -> torch.Tensor:
    own = tokens(kind) if given is None else given
    return module(own, LAST(attention(kind)), allowed(kind), amount(kind, ratio))


@pytest.mark.parametrize("kind", ["image", "text"])
@pytest.mark.parametrize("step", RATIO)
def test_the_official_code_gives_these_vectors(step, kind):
    """The embedding layers of GenAI4E/ITSELF at 2f20d64 with the last block's attention, in evaluation."""
    found = embed(kind, RATIO[step], grab())
    assert_close(found.flatten().tolist(), GOLDEN["grab"][f"eval {step}"][kind], rtol=0, atol=1e-9)


@pytest.mark.parametrize(("step", "kind"), [("None", "image"), ("None", "text"), ("1", "image"), ("1450", "image")])
def test_the_official_code_gives_these_vectors_in_training(step, kind):
    """Of texts where every one has as many words as are selected."""
    found = embed(kind, RATIO[step], grab().train())
    assert_close(found.flatten().tolist(), GOLDEN["grab"][f"train {step}"][kind], rtol=0, atol=1e-9)


@pytest.mark.parametrize("kind", ["image", "text"])
def test_rde_has_the_same_arithmetic(kind):
    found = embed(kind, fixed(0.3)(1), grab())
    assert_close(found.flatten().tolist(), GOLDEN["rde"]["tse"][kind], rtol=0, atol=1e-9)


def test_all_words_are_pooled_where_more_are_asked_for():
    module, own = grab(), tokens("text")
    unit = own / (own.norm(dim=2, keepdim=True) + 1e-8)
    each = module.out(module.norm.eval()(module.hidden(unit).flatten(0, 1)).relu()).view(2, TOKENS, 8)
    each = each + module.straight(unit)
    expected = torch.stack([each[0, 1:12].amax(0), each[1, 1:7].amax(0)])
    assert_close(embed("text", 1.0, module), expected, rtol=0, atol=1e-12)


def test_a_token_that_is_not_selected_changes_nothing_even_in_training():
    ratio, own = 0.3, tokens("image")
    chosen, _ = select(LAST(attention("image")), allowed("image"), amount("image", ratio))
    others = torch.ones(2, TOKENS, dtype=torch.bool).scatter(1, chosen, False)
    changed = torch.where(others[..., None], torch.full_like(own, 1e6), own)
    assert torch.equal(embed("image", ratio, grab().train()), embed("image", ratio, grab().train(), changed))


def test_padding_takes_no_part_in_the_batch_normalisation():
    own = tokens("text")
    changed = own.masked_fill(~allowed("text")[..., None], 1e6)
    assert torch.equal(embed("text", 1.0, grab().train()), embed("text", 1.0, grab().train(), changed))


def test_an_item_without_a_token_is_zeros_and_spoils_no_other():
    module, own = grab(), tokens("text").requires_grad_()
    none = allowed("text").clone()
    none[0] = False
    scores = LAST(attention("text"))
    found = module(own, scores, none, amount("text", 0.4))
    assert torch.equal(found[0], torch.zeros(8)) and torch.equal(found[1], embed("text", 0.4, module)[1])
    found.sum().backward()
    assert own.grad.isfinite().all() and bool((own.grad[0] == 0).all())


def test_a_batch_is_its_items():
    module, scores, one = grab(), LAST(attention("text")), torch.tensor([1])
    alone = module(tokens("text")[one], scores[one], allowed("text")[one], amount("text", 1.0)[one])
    assert_close(alone[0], embed("text", 1.0, module)[1], rtol=0, atol=1e-12)


def test_equal_scores_are_taken_in_order():
    order, valid = select(torch.zeros(2, TOKENS), allowed("text"), torch.tensor([3, 2]))
    assert order.tolist() == [[1, 2, 3], [1, 2, 3]] and valid.tolist() == [[True] * 3, [True, True, False]]


def test_the_papers_head_has_as_many_parameters_as_the_release_uses():
    """Without the release's second projection of images, and the normalisations that it never applies."""
    with torch.device("meta"):
        found = sum(each.numel() for each in Grab(512).parameters())
    assert found == 11_556_864 - 2 * 4096
