import numpy as np
import pytest

from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.measures import Measure
from cirkit.evaluators.rsum import Rsum


def test_it_is_the_sum_of_three_recalls_by_hand():
    ranks = Ranks(np.array([1, 3, 7, 11]), np.array([1, 3, 7, 11]), np.arange(5), 20)
    assert Rsum().values(ranks).tolist() == [300, 200, 100, 0]
    assert Rsum()(ranks, np.full((1, 4), 0.25))[0] == pytest.approx(150.0)
    assert isinstance(Rsum(), Measure) and str(Rsum()) == "Rsum" and Rsum().bounds == (0, 300)
