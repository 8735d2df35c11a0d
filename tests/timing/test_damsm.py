"""The bench of DAMSM: both sides compute the same losses and gradients, whatever the time."""

from cirkit.timing import bench, damsm

KEYS = {"name", "ours", "reference", "ratio", "difference", "threads"}


def test_all_at_once_and_the_loop_agree():
    rows = damsm.rows(damsm.Size(batch=6, regions=9, width=8, times=1))
    assert all(set(row) == KEYS and row["ours"] > 0 and row["reference"] > 0 for row in rows)
    assert [row["difference"] <= 1e-5 for row in rows] == [True, True] and "6 captions" in rows[0]["name"]


def test_the_command_takes_a_small_and_the_published_size(monkeypatch):
    asked = []
    monkeypatch.setattr(damsm, "rows", lambda size=damsm.SIZES["full"]: asked.append(size) or [])
    bench.run("damsm")
    bench.run("damsm-small")
    assert asked == [damsm.SIZES["full"], damsm.SIZES["small"]]
    assert (damsm.SIZES["full"].batch, damsm.SIZES["full"].regions, damsm.SIZES["full"].width) == (48, 289, 256)
