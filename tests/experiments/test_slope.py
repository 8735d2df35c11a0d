"""Slopes and contrasts over experiments, beside a line that is fitted to their levels."""

import numpy as np
import pytest
from toys import records

from cirkit.evaluators.measures import Recall
from cirkit.experiments.bootstrap import overall
from cirkit.experiments.claims import Gain, Quantity
from cirkit.experiments.slope import Contrast, slope

MEASURE = Recall(1)
SHARES = {"five": 0.2, "ten": 0.35, "thirty": 0.5}
AT = ((5.0, "five"), (10.0, "ten"), (30.0, "thirty"))


def runs() -> dict[str, list]:
    return {name: records(share, start=number) for number, (name, share) in enumerate(SHARES.items())}


def levels(found: dict[str, list]) -> list[float]:
    return [float(np.mean([overall(run.evidence["t"], MEASURE) for run in found[name]])) for _, name in AT]


def test_a_slope_is_that_of_the_fitted_line_and_its_interval_holds_the_truth():
    found = runs()
    quantity = slope(AT, "t", MEASURE)
    interval = quantity(found)
    line = np.polyfit([number for number, _ in AT], levels(found), 1)
    assert interval.mean == pytest.approx(line[0], abs=1e-9) and interval.seeds == 5
    truth = np.polyfit([number for number, _ in AT], [100 * share for share in SHARES.values()], 1)[0]
    assert interval.low < truth < interval.high and interval.low > 0
    assert isinstance(quantity, Quantity) and set(quantity.needs) == set(SHARES)


def test_rows_that_are_alike_have_no_slope():
    same = records(0.4)
    interval = slope(AT, "t", MEASURE)(dict.fromkeys(SHARES, same))
    assert interval.mean == pytest.approx(0, abs=1e-9) and interval.low <= 0 <= interval.high


def test_a_contrast_of_two_is_their_gain():
    found = runs()
    pair = Contrast(((1.0, "thirty"), (-1.0, "five")), "t", MEASURE)(found)
    assert pair == Gain("thirty", "five", "t", MEASURE)(found)


def test_one_number_has_no_slope():
    with pytest.raises(ValueError, match="two that differ"):
        slope(((3.0, "five"), (3.0, "ten")), "t", MEASURE)


def test_a_row_in_the_middle_of_the_numbers_does_not_count():
    assert slope(((1.0, "five"), (2.0, "ten"), (3.0, "thirty")), "t", MEASURE).needs == ("five", "thirty")
