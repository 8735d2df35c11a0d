"""What the prose computes of pilots: moves of rows and of claimed differences, beside the rule."""

import pytest

from cirkit.experiments import registry
from cirkit.experiments.pilots import FIELDS, setting
from cirkit.figures import overview


@pytest.mark.parametrize(("twice", "verdicts"), [(87.0, ["yes", "yes", "yes"]), (88.5, ["no", "yes", "no"])])
def test_a_move_of_a_row_and_of_a_difference_stand_beside_their_bounds(monkeypatch, twice, verdicts):
    values = [("maaf", 800, 86.0), ("maaf", 1600, twice), ("tirg", 800, 84.0), ("tirg", 1600, 84.5)]
    today = {name: setting(registry.experiment(f"maaf/mit_states/{name}", "cpu")) for name in ("maaf", "tirg")}
    lines = [
        dict(zip(FIELDS, (f"maaf/mit_states/{name}", "cpu", 100, today[name], *rest, 0.5), strict=True))
        for name, steps, value in values
        for rest in ((steps, "R@10", value), (steps, "R@1", value))
    ]
    monkeypatch.setattr(overview, "read", lambda: lines)
    rows = overview.pilots()
    assert [row["row or difference"] for row in rows] == ["MAAF", "TIRG", "MAAF − TIRG (maaf-23)"]
    assert [list(row.values())[-1] for row in rows] == verdicts
    assert rows[2]["points"] == "2.0" and rows[2]["twice as long"].startswith(f"{twice - 84.5:.1f}")
    monkeypatch.setattr(overview, "read", lambda: [line for line in lines if line["steps"] == 1600])
    assert overview.pilots() == []
    monkeypatch.setattr(overview, "read", lambda: [line | {"setting": "another"} for line in lines])
    assert overview.pilots() == []
