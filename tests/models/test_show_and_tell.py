"""Show and Tell: the LSTM against its gates written out, one step for the picture and one for each word."""

from functools import partial

import pytest
import torch

from cirkit.encoders.image import SmallResNet
from cirkit.encoders.text import Embedding
from cirkit.errors import Problem
from cirkit.models.show_and_tell import ShowAndTell
from cirkit.query import Query

IMAGE = partial(SmallResNet, width=6, widths=(4,), strides=(1,))


def test_the_query_is_the_state_after_the_picture_and_then_each_word():
    model = ShowAndTell(["make it red"], image=IMAGE, text=partial(Embedding, width=6)).double().eval()
    images = torch.randint(0, 256, (3, 3, 16, 16), dtype=torch.uint8)
    texts = ["make it red", "red", "make zebra"]
    composed, pictures, reader = model.compose(Query(image=images, text=texts)), model.encode(images), model.reader
    for row, text in enumerate(texts):
        numbers = [model.text.vocabulary.number.get(word, 0) for word in text.split()]
        state = cell = torch.zeros(6, dtype=torch.double)
        for step in [pictures[row], *model.text.embedding.weight[numbers]]:
            gates = reader.weight_ih_l0 @ step + reader.bias_ih_l0 + reader.weight_hh_l0 @ state + reader.bias_hh_l0
            enter, forget, candidate, leave = gates.chunk(4)
            cell = forget.sigmoid() * cell + enter.sigmoid() * candidate.tanh()
            state = leave.sigmoid() * cell.tanh()
        torch.testing.assert_close(composed[row], state)


def test_widths_that_differ_are_a_problem():
    with pytest.raises(Problem, match="6 wide and words 8"):
        ShowAndTell(["a"], image=IMAGE, text=partial(Embedding, width=8))
