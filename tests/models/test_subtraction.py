"""Subtraction: the sum of unit vectors less the negative text's."""

import pytest
import torch
from torch.nn.functional import normalize
from toys import TinyClip, numbered

from cirkit.errors import Problem
from cirkit.models.subtraction import Subtraction
from cirkit.query import Query

MODEL = Subtraction((), clip=TinyClip, weight=0.5)


def test_a_query_is_its_image_and_text_less_a_share_of_what_it_does_not_want():
    image, text, avoid = numbered(3), ["red", "large red", "blue"], ["green", "", "small"]
    clip = MODEL.clip
    vectors = [normalize(clip.image(image), dim=1)] + [normalize(clip.text(each), dim=1) for each in (text, avoid)]
    query = Query(image=image, text=text, avoid=avoid)
    torch.testing.assert_close(MODEL.compose(query), vectors[0] + vectors[1] - 0.5 * vectors[2])
    torch.testing.assert_close(MODEL.compose(Query(image=image, text=text)), vectors[0] + vectors[1])


def test_one_part_alone_is_a_sentence():
    with pytest.raises(Problem, match="Give the query both"):
        MODEL.compose(Query(text=["red"]))


def test_nothing_of_it_learns():
    assert not any(parameter.requires_grad for parameter in MODEL.parameters())
