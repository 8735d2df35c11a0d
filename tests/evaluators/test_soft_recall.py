import numpy as np

from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.measures import Recall
from cirkit.evaluators.soft_recall import SoftRecall


def test_it_is_the_largest_worth_in_the_first_k_and_worth_one_makes_it_recall():
    ranks = Ranks.from_mid(np.array([3.0, 1.0, 2.0]), np.array([0, 2, 3]), 9)
    soft = SoftRecall(1, ((1.0, 0.5), (1.0,)))
    assert soft(ranks).tolist() == [0.5, 0.0] and str(soft) == "soft R@1"
    assert SoftRecall(3, ((1.0, 0.5), (1.0,)))(ranks).tolist() == [1.0, 1.0]
    for k in (1, 2, 3):
        assert SoftRecall(k, ((1.0, 1.0), (1.0,)))(ranks).tolist() == Recall(k)(ranks).tolist()
