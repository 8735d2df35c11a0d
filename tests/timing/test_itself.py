"""The bench of ITSELF: both sides compute the same, the largest split is measured only where asked for."""

import pytest

from cirkit.timing import bench, itself

SMALL = itself.Size(items=2, tokens=9, gallery=3, shape=(32, 16), width=32, times=1)


def test_rows_and_the_full_product_agree_and_one_pass_and_two():
    found = itself.rows(SMALL)
    assert len(found) == 2 and all(row["ours"] > 0 and row["reference"] > 0 for row in found)
    assert found[0]["difference"] <= 1e-6 and found[1]["difference"] == 0


def test_a_split_is_ranked_and_its_memory_told():
    time, memory = itself.largest(itself.Size(split=50, local=8))
    assert time["ours"] > 0 and "50 captions x 50 images" in time["name"] and memory["ours"] > 50


@pytest.mark.parametrize(("name", "split"), [("itself", 0), ("itself-full", 19_848)])
def test_the_command_takes_a_small_and_a_full_size(monkeypatch, name, split):
    sizes = []
    monkeypatch.setattr(itself, "rows", lambda size=itself.SIZES["small"]: sizes.append(size) or [])
    bench.run(name)
    assert [size.split for size in sizes] == [split]
