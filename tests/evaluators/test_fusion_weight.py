"""The fusion weight: chosen on validation or on test, one pass for all weights, the first of equal ones."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from itself_golden import GOLDEN
from torch import nn
from written_weights import drawn

from cirkit.evaluators.fusion_weight import RELEASED, TENTHS, best_weight_on_test, ranks_by_weight, weight_by_validation
from cirkit.evaluators.measures import AveragePrecision, InverseNegativePenalty, Recall
from cirkit.evaluators.ranking import rank
from cirkit.models.branches import Fused, fusion
from cirkit.query import Benchmark, Query


class Two(nn.Module):
    """Both branches read their vectors from the first pixels; counts its passes."""

    def __init__(self):
        super().__init__()
        self.score, self.passes = Fused(0.5), []

    def encode(self, images):
        self.passes.append("encode")
        return self._both(images)

    def compose(self, query):
        self.passes.append("compose")
        return self._both(query.image)

    def _both(self, images):
        plain = images.float().flatten(1)
        return nn.functional.normalize(plain[:, :6], dim=1), nn.functional.normalize(plain[:, 6:], dim=1)


def data(seed: int = 0) -> Benchmark:
    generator = torch.Generator().manual_seed(seed)
    gallery = torch.randint(0, 256, (20, 3, 2, 2), dtype=torch.uint8, generator=generator)
    noise = torch.randint(0, 90, (20, 3, 2, 2), dtype=torch.uint8, generator=generator)
    relevant = [[row] for row in range(20)]
    return Benchmark(name="two", query=Query(image=gallery // 2 + noise), gallery=gallery, relevant=relevant)


def test_every_weight_ranks_as_the_model_under_it_does_after_one_pass():
    model = Two()
    found = ranks_by_weight(model, data(), TENTHS)
    assert model.passes == ["encode", "compose"]
    for weight in TENTHS:
        assert np.array_equal(found[weight].mid, rank(fusion(weight)(Two()), data()).mid)


def test_on_test_the_best_weight_of_all_is_taken_and_on_validation_that_of_other_data():
    model = Two()
    each = {weight: Recall(1).values(rank(fusion(weight)(model), data(1))).mean() for weight in RELEASED}
    found = best_weight_on_test()(model, data(1))
    assert Recall(1).values(found).mean() == max(each.values()) > min(each.values())
    other = {weight: Recall(1).values(rank(fusion(weight)(model), data(2))).mean() for weight in TENTHS}
    chosen = weight_by_validation(data=lambda: data(2))(model)
    assert other[chosen.score.weight] == max(other.values()) and model.score.weight == 0.5


def test_of_equal_weights_the_first_is_taken():
    @dataclass(frozen=True)
    class even(type(Recall(1))):
        def values(self, ranks):
            return np.ones(len(ranks))

    assert weight_by_validation(data=data, weights=(0.3, 0.7), measure=even(1))(Two()).score.weight == 0.3


def test_the_released_weights_are_thirteen():
    assert len(set(RELEASED)) == 13 and {0.68, 0.32, 1.0, 0.0} < set(RELEASED)


def test_the_official_code_gives_these_measures():
    """rank of utils/metrics.py at 2f20d64: R@1 to R@9, mAP and mINP of people with one to four images."""

    class Given(nn.Module):
        def encode(self, images):
            return images[:, 0, 0, 0].long()

        def compose(self, query):
            return query.image[:, 0, 0, 0].long()

        def score(self, composed, gallery):
            return drawn((5, 9), 30)[composed][:, gallery]

    numbers = torch.arange(9, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 1, 1)
    asked, shown = [1, 0, 2, 1, 3], [1, 0, 0, 1, 2, 3, 2, 1, 3]
    relevant = [[row for row, who in enumerate(shown) if who == person] for person in asked]
    ranks = rank(Given(), Benchmark(name="five", query=Query(image=numbers[:5]), gallery=numbers, relevant=relevant))
    golden = GOLDEN["metrics"]
    assert [Recall(k).values(ranks).mean() for k in range(1, 10)] == pytest.approx(golden["cmc"], abs=1e-9)
    assert AveragePrecision().values(ranks).mean() == pytest.approx(golden["mAP"], abs=1e-9)
    assert InverseNegativePenalty().values(ranks).mean() == pytest.approx(golden["mINP"], abs=1e-9)
