from dataclasses import replace

import pytest
import torch
from toys import colour_triplets

from cirkit.errors import Problem
from cirkit.training.samplers import same_reference_batches, shuffled, single_category


def test_every_pass_sees_every_row_once():
    triplets = colour_triplets(10)
    rows = shuffled(triplets, 3, torch.Generator().manual_seed(0))
    seen = torch.cat([next(rows) for _ in range(3)]).tolist()
    assert len(set(seen)) == 9
    with pytest.raises(Problem, match="smaller batch"):
        next(shuffled(triplets, 11, torch.Generator()))


def test_a_batch_asks_of_each_reference_twice_and_every_row_comes_up():
    owner = torch.arange(60) % 20  # three queries of each of twenty images
    triplets = replace(colour_triplets(60), reference=owner)
    rows = same_reference_batches(2)(triplets, 8, torch.Generator().manual_seed(0))
    seen = set()
    for _ in range(150):
        batch = next(rows)
        assert len(batch) == 8 == len(set(batch.tolist()))
        assert (owner[batch].reshape(4, 2).diff() == 0).all() and len(owner[batch].unique()) == 4
        seen |= set(batch.tolist())
    assert len(seen) == 60
    with pytest.raises(Problem, match="shuffled"):
        next(same_reference_batches(2)(colour_triplets(60), 8, torch.Generator()))


def test_a_batch_is_of_one_category_and_every_row_comes_up_once_a_pass():
    triplets = replace(colour_triplets(60), group=["b"] * 40 + ["a"] * 20)
    rows = single_category(triplets, 5, torch.Generator().manual_seed(0))
    drawn = [next(rows) for _ in range(600)]
    of_a = [batch for batch in drawn if (batch >= 40).all()]
    of_b = [batch for batch in drawn if (batch < 40).all()]
    assert len(of_a) + len(of_b) == 600 and 150 < len(of_a) < 250  # in proportion: a third
    assert torch.cat(of_a[:4]).sort().values.tolist() == [*range(40, 60)]
    assert torch.cat(of_b[:8]).sort().values.tolist() == [*range(40)]


def test_categories_that_are_unknown_or_too_small_are_refused():
    for group, says in ((None, "which category"), (["a"] * 57 + ["b"] * 3, "smaller batch")):
        with pytest.raises(Problem, match=says):
            next(single_category(replace(colour_triplets(60), group=group), 5, torch.Generator()))
