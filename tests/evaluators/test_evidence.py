import io
from dataclasses import replace

import numpy as np
import pytest

from cirkit.evaluators.evidence import KINDS, Answers, Evidence, Ranks, Samples, chance

RANKS = Ranks(np.array([1, 3, 3, 7, 2]), np.array([2, 5, 5, 7, 2]), np.array([0, 4, 5]), 9, ("a", "b"))
EXAMPLES = {
    "ranks": RANKS,
    "answers": Answers(("two", ""), np.array([1.0, 0.3]), ("number", "colour")),
    "samples": Samples(np.arange(6, dtype=np.float32).reshape(3, 2)),
}
each = pytest.mark.parametrize("kind", KINDS)


def saved(evidence):
    """Its arrays once written and read again."""
    file = io.BytesIO()
    np.savez_compressed(file, **evidence.arrays())
    file.seek(0)
    return dict(np.load(file, allow_pickle=False))


@each
def test_evidence_is_restored_as_it_was(kind):
    before = EXAMPLES[kind]
    assert isinstance(before, Evidence) and KINDS[kind] is type(before)
    after = KINDS[kind].restore(saved(before), before.facts(), before.group)
    assert len(after) == len(before) and after.group == before.group and after.facts() == before.facts()
    for name, array in before.arrays().items():
        assert np.array_equal(after.arrays()[name], array)


@each
def test_a_missing_column_foreign_facts_and_a_short_group_are_refused(kind):
    before = EXAMPLES[kind]
    arrays, facts = saved(before), before.facts()
    for name in arrays:
        with pytest.raises(ValueError):
            KINDS[kind].restore({other: array for other, array in arrays.items() if other != name}, facts, None)
        with pytest.raises(ValueError):
            KINDS[kind].restore(arrays | {name: arrays[name][None]}, facts, None)
    for name in facts:
        with pytest.raises(ValueError, match="beside"):
            KINDS[kind].restore(arrays, facts | {name: facts[name] + 1}, None)
    with pytest.raises(ValueError, match="groups"):
        KINDS[kind].restore(arrays, facts, ("a",))


@each
def test_some_rows_of_evidence(kind):
    some = EXAMPLES[kind].take([1, 0])
    assert len(some) == 2 and (some.group is None or some.group == EXAMPLES[kind].group[::-1])
    again = some.take([1, 0]).arrays()
    assert all(np.array_equal(again[name], array) for name, array in EXAMPLES[kind].take([0, 1]).arrays().items())


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("first", [0, 3, 3, 7, 2]),
        ("first", [-1, 3, 3, 7, 2]),
        ("first", [1, 3, 3, 8, 2]),  # above its last
        ("first", [1.5, 3, 3, 7, 2]),
        ("first", [np.nan, 3, 3, 7, 2]),
        ("last", [2, 5, 5, 10, 2]),  # the gallery has 9
        ("last", [3, 5, 5, 7, 2]),  # two ties of one query share rank 3
        ("last", [2, 4, 5, 7, 2]),  # one tie, two ends
        ("offsets", [0, 4, 4, 5]),
        ("offsets", [0, 4]),
        ("offsets", [0, 4, 6]),
        ("offsets", [1, 4, 5]),
        ("offsets", [0, 5, 4]),
        ("offsets", [0]),
        ("gallery", [9, 9, 9]),
        ("gallery", [6, 9]),
    ],
)
def test_ranks_that_no_scores_leave_are_refused(column, values):
    with pytest.raises(ValueError):
        Ranks.restore(RANKS.arrays() | {column: np.array(values)}, RANKS.facts(), None)


def test_columns_of_unlike_lengths_are_refused():
    with pytest.raises((ValueError, TypeError)):  # the shapes checked in tests are refused as types are
        Ranks.restore(RANKS.arrays() | {"first": RANKS.first[:4]}, RANKS.facts(), None)


def test_three_relevant_items_do_not_fit_into_a_tie_of_two():
    with pytest.raises(ValueError, match="equal scores"):
        Ranks(np.array([3, 3, 3]), np.array([4, 4, 4]), np.array([0, 3]), 9)


@pytest.mark.parametrize(
    "damage",
    [
        lambda: Answers(("a",), np.array([np.nan])),
        lambda: Answers(("a",), np.array([1.5])),
        lambda: Answers(("a",), np.ones(2)),
        lambda: Answers((), np.ones(0)),
        lambda: Samples(np.array([[np.inf]])),
        lambda: Samples(np.ones((0, 4))),
    ],
)
def test_damaged_answers_and_samples_are_refused(damage):
    with pytest.raises(ValueError):
        damage()


def test_ties_hold_the_relevant_items_of_a_query():
    block = RANKS.blocks
    assert block.query.tolist() == [0, 0, 0, 1] and block.first.tolist() == [1, 3, 7, 2]
    assert block.size.tolist() == [2, 3, 1, 1] and block.relevant.tolist() == [1, 2, 1, 1]
    assert block.before.tolist() == [0, 1, 3, 0]
    assert RANKS.mid.tolist() == [1.5, 4, 4, 7, 2] and RANKS.best().tolist() == [1.5, 2]


def test_from_the_middles_of_ties():
    mid = np.array([2.0, 4.5, 4.5, 9.0, 9.0, 1.0, 2.5, 2.5, 2.5])
    ranks = Ranks.from_mid(mid, np.array([0, 5, 6, 9]), 20)
    assert ranks.first.tolist() == [2, 4, 4, 8, 8, 1, 1, 1, 1]
    assert ranks.last.tolist() == [2, 5, 5, 10, 10, 1, 4, 4, 4]
    assert ranks.mid.tolist() == mid.tolist()
    with pytest.raises(ValueError, match="half"):
        Ranks.from_mid(np.array([1.3]), np.array([0, 1]), 20)
    with pytest.raises(ValueError, match="offsets"):
        Ranks.from_mid(np.array([1.0, 2.0]), np.array([0, 1]), 20)


def test_chance_is_one_tie_of_the_whole_gallery():
    level = chance(replace(RANKS, gallery=np.array([9, 4])))
    assert set(level.first) == {1} and level.last.tolist() == [9, 9, 9, 9, 4]
