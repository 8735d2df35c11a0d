import itertools

import numpy as np
import pytest

from cirkit.evaluators.evidence import Ranks, chance
from cirkit.evaluators.measures import Recall
from cirkit.evaluators.soft_recall import SoftRecall


def test_it_is_the_largest_worth_in_the_first_k_and_worth_one_makes_it_recall():
    ranks = Ranks(*[np.array([3, 1, 2])] * 2, np.array([0, 2, 3]), 9)
    soft = SoftRecall(1, ((1.0, 0.5), (1.0,)))
    assert soft.values(ranks).tolist() == [50.0, 0.0] and str(soft) == "soft R@1"
    assert SoftRecall(3, ((1.0, 0.5), (1.0,))).values(ranks).tolist() == [100.0, 100.0]
    tied = Ranks(np.array([1, 1, 2]), np.array([3, 3, 5]), np.array([0, 2, 3]), 9)
    for k, evidence in itertools.product((1, 2, 3), (ranks, tied, chance(ranks))):
        same = SoftRecall(k, ((1.0, 1.0), (1.0,))).values(evidence)
        assert same == pytest.approx(Recall(k).values(evidence))


@pytest.mark.parametrize("k", [1, 2, 4])
def test_ties_give_the_average_over_all_orders_of_them(k):
    worth = (0.5, 1.0, 0.0, 0.5)
    ties = Ranks(np.array([1, 2, 2, 5]), np.array([1, 4, 4, 5]), np.array([0, 4]), 5)  # one of the three is no answer
    orders = [SoftRecall(k, (worth,)).values(Ranks(*[np.array([1, *two, 5])] * 2, np.array([0, 4]), 5))[0]
              for two in itertools.permutations((2, 3, 4), 2)]  # fmt: skip
    assert SoftRecall(k, (worth,)).values(ties)[0] == pytest.approx(np.mean(orders))


def test_images_worth_nothing_are_never_found():
    ranks = Ranks(*[np.array([1])] * 2, np.array([0, 1]), 5)
    assert SoftRecall(1, ((0.0,),)).values(ranks).tolist() == [0.0]
