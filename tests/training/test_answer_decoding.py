"""M4C's objective: targets and loss of the official code, and what a step is asked by a loop in words."""

import json
from pathlib import Path

import pytest
import torch
from written_weights import drawn

from cirkit.errors import Problem
from cirkit.evaluators.answering import scores
from cirkit.examples import Questions
from cirkit.models.m4c import BEGIN, END, MARKS
from cirkit.training.answer_decoding import (
    Lexicon,
    agreement,
    answer_decoding,
    decoding_loss,
    draw,
    sampled_alone,
    targets,
    vocabulary_and_image,
    ways,
)
from cirkit.training.warm_steps import warm_steps

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "m4c.json").read_text())
KNOWN = {word: number for number, word in enumerate(GOLDEN["known"])}
RULES = {"one": sampled_alone, "all": vocabulary_and_image}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("case", range(len(GOLDEN["targets"])))
def test_the_official_code_asks_the_same_of_each_step(case, rule):
    golden, asked = GOLDEN["targets"][case], []

    def choose(count: int) -> int:
        asked.append(count)
        return golden["pick"]

    found = targets(golden["answers"], Lexicon(KNOWN, golden["words"]), 4, choose, RULES[rule])
    assert asked == ([golden["ways"]] if golden["ways"] else [])
    assert found.previous.tolist() == golden["previous"] and found.mask.int().tolist() == golden["mask"]
    right = torch.zeros(4, len(KNOWN) + len(golden["words"]))
    for step, number, value in golden[rule]:
        right[step, number] = value
    torch.testing.assert_close(found.right, right)


def test_the_official_loss_is_the_same_and_that_of_no_step_is_zero():
    logits = 4 * drawn((3, 4, 7), 2000) - 2
    right = (drawn((3, 4, 7), 2001) > 0.7) * drawn((3, 4, 7), 2002)
    mask = torch.tensor([[1, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]]).bool()
    for each, golden in zip((mask, mask & False), GOLDEN["loss"]["values"], strict=True):
        assert decoding_loss(logits, right, each).item() == pytest.approx(golden, rel=1e-6)  # there in single precision
    total, steps = 0.0, 0
    for i, step in mask.nonzero().tolist():
        for logit, target in zip(logits[i, step].tolist(), right[i, step].tolist(), strict=True):
            chance = 1 / (1 + torch.exp(torch.tensor(-logit, dtype=torch.double)))
            total -= target * chance.log().item() + (1 - target) * (1 - chance).log().item()
        steps += 1
    assert decoding_loss(logits, right, mask).item() == pytest.approx(total / steps, rel=1e-12)


def test_agreement_is_the_soft_accuracy_of_answers_that_need_no_normalisation():
    given = ["red"] * 4 + ["blue"] * 3 + ["green"] * 2 + ["pink"]
    assert agreement(given) == pytest.approx(scores(given))


def test_an_answer_is_put_together_in_every_way_that_its_words_allow():
    lexicon = Lexicon(KNOWN, ("hotel", "fizko", "hotel"))
    first = len(KNOWN)
    assert ways("fizko hotel", lexicon) == [(first + 1, KNOWN["hotel"]), (first + 1, first), (first + 1, first + 2)]
    assert ways("fizko bar", lexicon) == ways("", lexicon) == []
    assert len(ways("hotel hotel hotel hotel", lexicon)) == 20


def test_a_draw_is_every_one_alike():
    torch.manual_seed(0)
    count = torch.bincount(torch.tensor([draw(4) for _ in range(2000)]), minlength=4)
    assert count.min() > 420


class Spoken(torch.nn.Module):
    """A stand-in that gives fixed logits and remembers what it was forced to say."""

    steps = 3

    def __init__(self):
        super().__init__()
        self.number = {word: i for i, word in enumerate((*MARKS, "yes", "red"))}
        self.bias = torch.nn.Parameter(torch.zeros(8))

    def read(self, images):
        return [("fizko", "red"), ()]

    def forward(self, images, questions, previous):
        self.forced = previous
        return self.bias.expand(2, 3, 8)


def test_padding_of_words_has_no_target_and_steps_after_the_end_do_not_count():
    model = Spoken()
    batch = Questions(
        images=torch.zeros(2), about=torch.arange(2), text=["a", "b"], answers=[["fizko"] * 10, ["yes"] * 10]
    )
    answer_decoding()(model, batch).backward()
    assert model.forced.tolist() == [[BEGIN, 6, 0], [BEGIN, 4, 0]]
    half = torch.full((8,), 0.5)  # the gradient of each: sigmoid(0) less what is right, mean over four steps
    right = torch.zeros(8)
    right[6], right[4], right[END] = 0.25, 0.25, 0.5
    torch.testing.assert_close(model.bias.grad, half - right)
    with pytest.raises(Problem, match="without answers"):
        answer_decoding()(model, Questions(images=torch.zeros(2), about=torch.arange(2), text=["a", "b"]))


def test_the_rate_rises_from_a_fifth_and_falls_to_a_tenth_twice():
    """As the released code has it, update by update: warm-up of 1,000, steps at 14,000 and 19,000 of 24,000."""
    schedule = warm_steps()
    for update in (0, 1, 500, 999, 1000, 13_999, 14_000, 18_999, 19_000, 23_999):
        released = 0.2 + 0.8 * update / 1000 if update <= 1000 else 0.1 ** ((update >= 14_000) + (update >= 19_000))
        assert schedule(update / 24_000) == pytest.approx(released)
