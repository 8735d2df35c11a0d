"""Answers of a model to all questions of a test, in their order, and the credit for each."""

import numpy as np
import pytest
import torch
from torch import nn

from cirkit.errors import Problem
from cirkit.evaluators.answering import soft_accuracy
from cirkit.evaluators.answers import answers, exact
from cirkit.evaluators.measures import Accuracy
from cirkit.examples import Questions


class Parrot(nn.Module):
    """Answers with the last word of the question, and remembers how many it was asked at a time."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def answer(self, images, texts):
        assert len(images) == len(texts) and not self.training
        self.asked.append(len(texts))
        return [text.split()[-1] for text in texts]


def questions(**changes) -> Questions:
    parts = {
        "images": torch.zeros(2, 3, 4, 4, dtype=torch.uint8),
        "about": torch.tensor([0, 1, 1, 0, 1]),
        "text": ["is it red", "is it blue", "is it red", "say yes", "say no"],
        "answers": [("red",), ("red",), ("red", "green"), ("yes",), ("yes",)],
        "group": ["colour", "colour", "colour", "exist", "exist"],
    }
    return Questions(**parts | changes)


def test_every_question_gets_its_answer_and_credit_in_order():
    model = Parrot()
    found = answers(chunk=2)(model, questions())
    assert found.given == ("red", "blue", "red", "yes", "no") and model.asked == [2, 2, 1]
    assert found.credit.tolist() == [1, 0, 1, 1, 0]
    assert found.group == ("colour", "colour", "colour", "exist", "exist")
    assert answers()(Parrot(), questions(group=None)).group is None
    assert Accuracy()(found, np.full((1, 5), 0.2))[0] == pytest.approx(60.0)


def test_credit_is_an_object():
    ten = [("red",) * 10, ("red",) * 10, ("red",) * 2 + ("green",) * 8, ("yes",) * 10, ("yes",) * 10]
    found = answers(credit=soft_accuracy)(Parrot(), questions(answers=ten))
    assert found.credit.tolist() == pytest.approx([1, 0, 0.6, 1, 0])
    assert exact(["a", "b"], [("b", "a"), ("a",)]).tolist() == [1, 0]


def test_questions_without_answers_are_a_problem():
    with pytest.raises(Problem, match="without answers"):
        answers()(Parrot(), questions(answers=None))
