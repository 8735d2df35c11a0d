"""The prefilter: exact scores for the first of each query, all others below them in the order of the pooled vectors."""

from functools import partial

import pytest
import torch

from cirkit.attention.alignment import alignment
from cirkit.attention.cross_attention import CrossAttention
from cirkit.evaluators.prefilter import Prefiltered, pooled, rank_at_once
from cirkit.evaluators.ranking import rank
from cirkit.models.base import Retriever
from cirkit.models.scan import SCAN, CaptionEncoder
from cirkit.query import Benchmark, Query
from cirkit.regions import Regions

TEXTS = ["a red cube", "two large spheres and a cube", "sphere", "a red sphere left of a cube"]


@pytest.fixture
def setting():
    attention = partial(CrossAttention, alignment=partial(alignment, name="general*"))
    scan = SCAN(TEXTS, channels=6, text=partial(CaptionEncoder, width=8, word_width=5), attention=attention)
    scan = scan.double().eval()
    images = Regions(vectors=torch.randn(7, 4, 6, dtype=torch.double))
    with torch.no_grad():
        yield scan, images, scan.compose(Query(text=TEXTS)), scan.encode(images)


@pytest.mark.parametrize("first", [1, 3])
def test_the_first_are_exact_and_the_rest_follow_in_their_order(setting, first):
    scan, _, words, regions = setting
    exact, coarse = scan.score(words, regions), pooled(words) @ pooled(regions).mT
    scores = Prefiltered(scan, first=first).score(words, regions)
    for row in range(4):
        order = coarse[row].argsort(descending=True)
        torch.testing.assert_close(scores[row, order[:first]], exact[row, order[:first]])
        rest = scores[row, order[first:]]
        assert rest.max() < exact.min() and (rest.diff() < 0).all()


def test_where_all_are_first_nothing_changes(setting):
    scan, images, words, regions = setting
    whole = Prefiltered(scan, first=100)
    assert isinstance(whole, Retriever)
    torch.testing.assert_close(whole.score(words, regions), scan.score(words, regions))
    benchmark = Benchmark(name="t", query=Query(text=TEXTS), gallery=images, relevant=[[0], [1], [2], [3]])
    assert rank(whole, benchmark).mid.tolist() == rank(scan, benchmark).mid.tolist()


def test_a_large_gallery_has_one_first_hundred_and_not_one_in_each_part(setting):
    """Ranks are those of `ranking.rank`, which scores 1,100 items in two parts, where every score is exact."""
    scan, _, words, _ = setting
    images = Regions(vectors=torch.randn(1100, 4, 6, dtype=torch.double))
    relevant, group = [[3], [1099, 5], [0], [7]], ["a", "b", "a", "b"]
    benchmark = Benchmark(name="t", query=Query(text=TEXTS), gallery=images, relevant=relevant, group=group)
    exact, whole = rank(scan, benchmark), rank_at_once(Prefiltered(scan, first=1100), benchmark, chunk=3)
    for name in ("first", "last", "offsets", "gallery"):
        assert (getattr(whole, name) == getattr(exact, name)).all()
    assert whole.group == exact.group
    few = rank_at_once(Prefiltered(scan, first=2), benchmark)
    coarse = (pooled(words) @ pooled(scan.encode(images)).mT).topk(2).indices
    for row, items in enumerate(relevant):
        ranks = few.first[few.offsets[row] : few.offsets[row + 1]]
        assert [int(rank) <= 2 for rank in ranks] == [item in coarse[row] for item in items]


def test_queries_with_galleries_of_their_own_are_refused(setting):
    scan, images, *_ = setting
    own = [[0, 1], [1, 2], [2, 3], [3, 4]]
    benchmark = Benchmark(
        name="t", query=Query(text=TEXTS), gallery=images, relevant=[[0], [1], [2], [3]], candidates=own
    )
    with pytest.raises(ValueError, match=r"Use ranking\.rank where they have their own"):
        rank_at_once(Prefiltered(scan), benchmark)


def test_pooled_vectors_are_the_largest_of_own_tokens_without_what_all_sets_share():
    own = torch.tensor([[True, True], [True, False]])
    tokens = torch.tensor([[[1.0, 0.0], [0.0, 3.0]], [[-1.0, -2.0], [9.0, 9.0]]])  # the last is padding
    both = pooled((tokens, own))
    torch.testing.assert_close(both, torch.tensor([[2.0, 5.0], [-2.0, -5.0]]) / 29**0.5)
    torch.testing.assert_close(pooled((tokens + 7, own)), both)
    torch.testing.assert_close(pooled((tokens[1:], own[1:])), torch.tensor([[-1.0, -2.0]]) / 5**0.5)
