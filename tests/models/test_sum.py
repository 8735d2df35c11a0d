"""Sum: addition, and no weight beyond the encoders'."""

from functools import partial

import pytest
import torch

from cirkit.encoders.image import SmallResNet, pooled
from cirkit.encoders.text import LSTM, last_token_pool
from cirkit.errors import Problem
from cirkit.models.sum import Sum
from cirkit.query import Query

IMAGE = partial(SmallResNet, width=8, widths=(4,), strides=(1,))


def test_a_query_is_its_pictures_vector_plus_the_last_words_state():
    model = Sum(["make it red"], image=IMAGE, text=partial(LSTM, width=8)).eval()
    images, texts = torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8), ["red", "make it"]
    pictures, (words, mask) = pooled(model.image(images)), model.text(texts)
    expected = [
        [x + t for x, t in zip(picture, sentence, strict=True)]
        for picture, sentence in zip(pictures.tolist(), last_token_pool(words, mask).tolist(), strict=True)
    ]
    torch.testing.assert_close(model.compose(Query(image=images, text=texts)), torch.tensor(expected))
    own = {name.split(".")[0] for name, _ in model.named_parameters()}
    assert own == {"image", "text", "score"}


def test_widths_that_differ_are_a_problem():
    with pytest.raises(Problem, match="8 wide and words 6"):
        Sum(["a"], image=IMAGE, text=partial(LSTM, width=6))
