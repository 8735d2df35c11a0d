"""A prompt of the reference's true title: whose title it is, and that the text alone is scored."""

import numpy as np
import pytest

from cirkit.benchmarks.fashioniq import CATEGORIES
from cirkit.models.late_fusion import text_alone
from cirkit.papers.clip_family import true_titles
from cirkit.worlds.fashioniq import world
from cirkit.worlds.titles import title


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CIRKIT_DATA", str(tmp_path_factory.mktemp("titles")))
        (row,) = true_titles.experiments("smoke")
        yield row.tests["fashioniq"].data.of_seed(3)


def test_each_query_has_its_own_references_title_and_text(data):
    told, plain, shelves = data(), data.data(), world(data.data.size)
    assert len(told) == len(plain) and told.relevant == plain.relevant
    pairs = [(shelves[category, "val"], pair) for category in CATEGORIES for pair in shelves[category, "val"].pairs]
    assert len(pairs) == len(plain)
    for row, (shelf, (source, target)) in enumerate(pairs):
        assert plain.relevant[row] == [min(plain.candidates[row]) + target]  # so the reader has this order, too
        garment = shelf.garments[source]
        name = title(np.random.default_rng(garment.seed), garment)
        assert told.query.text[row].endswith(f" {name} that {plain.query.text[row]}")


def test_the_image_has_no_say():
    (row,) = true_titles.experiments("cpu")
    assert row.tests["fashioniq"].use.fuse is text_alone and row.training.steps == 0


def test_no_file_of_the_original_says_what_a_photo_shows():
    assert true_titles.experiments("paper") == []
