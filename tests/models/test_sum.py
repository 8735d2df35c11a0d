"""Sum: addition, and no weight beyond the encoders'."""

from functools import partial

import pytest
import torch
from toys import TinyClip

from cirkit.encoders.image import SmallResNet, pooled
from cirkit.encoders.text import LSTM, last_token_pool
from cirkit.errors import Problem
from cirkit.evaluators.ranking import rank
from cirkit.models.sum import ClipSum, Sum, as_encoded
from cirkit.query import Benchmark, Query

IMAGES = torch.randint(0, 256, (5, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
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


@pytest.mark.parametrize("normalised", [True, False])
def test_a_zero_shot_query_is_the_sum_of_its_parts_or_the_one_there_is(normalised):
    model = ClipSum((), clip=TinyClip) if normalised else ClipSum((), clip=TinyClip, addend=as_encoded)
    texts = ["in navy", "in red", "with dots", "shorter", "green"]
    image, text = model.clip.image(IMAGES), model.clip.text(texts)
    both = model.compose(Query(image=IMAGES, text=texts))
    for row in range(5):
        scale = (image[row].norm(), text[row].norm()) if normalised else (1, 1)
        total = image[row] / scale[0] + text[row] / scale[1]
        torch.testing.assert_close(both[row], total / total.norm())
    torch.testing.assert_close(model.compose(Query(image=IMAGES)), model.encode(IMAGES))
    torch.testing.assert_close(model.compose(Query(text=texts)), text / text.norm(dim=1, keepdim=True))
    assert not any(weight.requires_grad for weight in model.clip.parameters())
    with pytest.raises(Problem, match="negative text"):
        model.compose(Query(image=IMAGES, avoid=texts))


def test_it_ranks_a_benchmark_and_finds_each_image_by_itself():
    benchmark = Benchmark(name="self", query=Query(image=IMAGES), gallery=IMAGES, relevant=[[i] for i in range(5)])
    assert rank(ClipSum((), clip=TinyClip), benchmark).mid.tolist() == [1] * 5
