import pytest
import torch
from toys import numbered

from cirkit.query import Benchmark, Images, Query, Select, Triplets, leave_out


def test_a_tensor_and_a_selection_are_pictures():
    assert isinstance(numbered(3), Images)
    chosen = Select(numbered(5), torch.tensor([4, 1]))
    assert len(chosen) == 2
    assert chosen[torch.tensor([1, 0])][:, 0, 0, 0].tolist() == [1, 4]


def test_a_query_takes_the_same_rows_of_every_part():
    query = Query(image=numbered(4), text=["a", "b", "c", "d"], avoid=["w", "x", "y", "z"])
    picked = query[torch.tensor([2, 0])]
    assert picked.text == ["c", "a"] and picked.avoid == ["y", "w"] and picked.mask is None
    assert picked.image[:, 0, 0, 0].tolist() == [2, 0]


@pytest.mark.parametrize("parts", [{}, {"image": numbered(2), "text": ["a"]}])
def test_a_query_whose_parts_disagree_is_refused(parts):
    with pytest.raises(ValueError, match="agree in length"):
        Query(**parts)


def test_triplets_need_a_target_per_query():
    with pytest.raises(ValueError, match="one target per query"):
        Triplets(query=Query(text=["a", "b"]), target=numbered(1))


@pytest.mark.parametrize("part", [{"reference": torch.tensor([0])}, {"group": ["dress"]}])
def test_triplets_name_a_reference_and_a_category_for_every_row_or_for_none(part):
    with pytest.raises(ValueError, match="give one each"):
        Triplets(query=Query(text=["a", "b"]), target=numbered(2), **part)


def test_what_is_left_out_is_minus_infinity_in_the_columns_at_hand():
    scores = torch.zeros(2, 4)  # gallery rows 2 to 5, for queries 1 and 0
    leave_out(scores, [1, 0], excluded=[[3, 9], [2]], candidates=[range(2, 6), [2, 4, 5]], first=2)
    out = -torch.inf
    assert scores.tolist() == [[out, out, 0, 0], [0, out, 0, 0]]


@pytest.mark.parametrize(
    "change",
    [
        {"relevant": [[0], []]},
        {"relevant": [[0], [3]]},
        {"relevant": [[0], [1, 1]]},
        {"relevant": [[0]]},
        {"excluded": [[0], []]},
        {"group": ["dress"]},
        {"candidates": [range(3)]},
        {"candidates": [[0, 1], [0, 1]]},
        {"gallery": numbered(0)},
    ],
)
def test_a_benchmark_that_cannot_be_scored_is_refused(change):
    whole = {"name": "x", "query": Query(text=["a", "b"]), "gallery": numbered(3), "relevant": [[0], [1, 2]]}
    Benchmark(**whole)
    with pytest.raises(ValueError, match="Benchmark 'x'"):
        Benchmark(**(whole | change))


def own(candidates, excluded=None, relevant=((4,), (9,))):
    query = Query(image=torch.zeros(2, 3, 2, 2, dtype=torch.uint8))
    gallery = torch.zeros(12, 3, 2, 2, dtype=torch.uint8)
    return Benchmark(
        name="own", query=query, gallery=gallery, relevant=relevant, excluded=excluded, candidates=candidates
    )


def test_a_query_is_ranked_among_what_is_neither_elsewhere_nor_excluded():
    assert [own(None).ranked(i) for i in range(2)] == [12, 12]
    assert [own(None, [[0], [0, 1]]).ranked(i) for i in range(2)] == [11, 10]
    spans = [range(2, 7), range(7, 12)]
    assert [own(spans, [[0], [8, 11]]).ranked(i) for i in range(2)] == [5, 3]  # row 0 is not in the first span anyway
    lists = [[4, 5, 11], [9, 1]]
    assert [own(lists, [[11], [11]]).ranked(i) for i in range(2)] == [2, 2]


def test_some_queries_of_a_benchmark_keep_their_own_parts_and_the_whole_gallery():
    query = Query(image=Select(numbered(5), torch.arange(5)), text=[*"abcde"])
    parts = {"relevant": [[0], [1], [2], [3], [4]], "excluded": [[9], [8], [7], [6], [5]], "group": [*"vwxyz"]}
    spans = [range(10), range(1, 10), range(2, 10), range(3, 10), range(4, 10)]
    some = Benchmark(name="x", query=query, gallery=numbered(10), candidates=spans, **parts).take([4, 1])
    assert some.query.text == ["e", "b"] and some.query.image[:, 0, 0, 0].tolist() == [4, 1]
    assert (some.relevant, some.excluded, some.group) == ([[4], [1]], [[5], [8]], ["z", "w"])
    assert some.candidates == [range(4, 10), range(1, 10)] and len(some.gallery) == 10
    plain = Benchmark(name="x", query=query, gallery=numbered(10), relevant=parts["relevant"]).take([3])
    assert plain.excluded is None and plain.candidates is None and plain.group is None


@pytest.mark.parametrize("candidates", [[range(-1, 5), range(12)], [range(12), range(5, 13)], [[4, -1], [9]]])
def test_candidates_lie_in_the_gallery(candidates):
    with pytest.raises(ValueError, match="outside the gallery"):
        own(candidates)


@pytest.mark.parametrize("first", [0, 2])
@pytest.mark.parametrize("lists", [False, True])
def test_left_out_is_what_lies_elsewhere_or_is_excluded(first, lists):
    candidates = [range(2, 7), range(5, 12)]
    candidates = [list(one) for one in candidates] if lists else candidates
    excluded = [[1, 3], [1, 11]]  # row 1 lies before the first column where that is row 2: nothing else goes for it
    scores = torch.arange(2.0 * (12 - first)).reshape(2, -1)
    before = scores.clone()
    leave_out(scores, [0, 1], excluded, candidates, first)
    for line in range(2):
        for row in range(first, 12):
            left = row in candidates[line] and row not in excluded[line]
            expected = before[line, row - first] if left else -torch.inf
            assert scores[line, row - first] == expected
