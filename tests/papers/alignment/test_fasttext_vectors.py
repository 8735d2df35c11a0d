"""FastText's file: asked for where it is missing, and out of reach of a checkpoint's description."""

import pytest

from cirkit.declare import describe, rebuild
from cirkit.encoders.spelling import Spelling
from cirkit.errors import Problem
from cirkit.papers.alignment.fasttext_vectors import FastText


def test_its_vectors_stand_beside_phoc():
    assert Spelling(subwords=FastText(root="x")).width == 904


def test_a_file_that_is_not_there_is_asked_for(tmp_path):
    with pytest.raises(Problem, match=r"Get wiki\.en\.bin"):
        FastText(root=str(tmp_path))(["a"])


def test_a_description_cannot_name_it():
    with pytest.raises(Problem, match="not a model part"):
        rebuild(describe(FastText(root="/")))
