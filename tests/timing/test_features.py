"""The bench of features: the same features either way, whatever the time."""

from cirkit.timing import features


def test_both_lines_compare_the_same_features():
    rows = features.rows(photos=5, size=16, batch=2, times=1)
    assert [row["difference"] for row in rows] == [0.0, 0.0] and all(row["ours"] > 0 for row in rows)
    assert "bare encoder" in rows[0]["name"] and "one thread" in rows[1]["name"]
