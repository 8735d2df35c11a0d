"""The bench of SCAN: both sides compute the same similarities, whatever the time."""

from cirkit.timing import bench, scan

KEYS = {"name", "ours", "reference", "ratio", "difference", "threads"}


def test_all_at_once_and_the_loop_agree():
    rows = scan.rows(scan.Size(images=3, captions=7, regions=4, width=16, times=1))
    assert all(set(row) == KEYS and row["ours"] > 0 and row["reference"] > 0 for row in rows)
    assert rows[0]["difference"] <= 1e-6 and "7 captions and 3 images" in rows[0]["name"]


def test_what_a_prefilter_compares_is_what_the_loop_computes():
    (line,) = scan.prefiltered(scan.Size(images=9, captions=60, regions=4, width=16, times=1), first=3)
    assert set(line) == KEYS and line["difference"] <= 1e-6 and line["ours"] > 0
    assert "60 captions, the first 3 of 9 images" in line["name"]


def test_the_command_takes_a_small_and_a_full_size(monkeypatch):
    asked = []
    monkeypatch.setattr(scan, "rows", lambda size=scan.SIZES["small"]: asked.append(size) or [])
    bench.run("scan")
    bench.run("scan-full")
    assert asked == [scan.SIZES["small"], scan.SIZES["full"]]
    assert (scan.SIZES["full"].images, scan.SIZES["full"].captions, scan.SIZES["full"].width) == (100, 500, 1024)
