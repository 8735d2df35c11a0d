import pytest

from cirkit.training.schedules import cosine_with_warmup, step_decay


def test_schedules():
    assert [round(step_decay()(x), 3) for x in (0.0, 0.34, 0.67)] == [1, 0.1, 0.01]
    assert cosine_with_warmup(0.1)(0.05) == pytest.approx(0.5)
    assert cosine_with_warmup(0.1)(0.55) == pytest.approx(0.5)
