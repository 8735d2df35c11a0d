import pytest

from cirkit.benchmarks.catalogue import CATALOGUE, find
from cirkit.errors import Problem

WORLDS = [name for name, entry in CATALOGUE.items() if entry.world is not None]


@pytest.mark.parametrize("name", WORLDS)
def test_every_world_publishes_at_smoke_scale_and_checks_out(tmp_path, name):
    entry = find(name)
    root = tmp_path / name
    entry.publish(root, "smoke")
    rows = entry.check(root)
    assert rows and all(row["missing"] == 0 and row["found"] == row["expected"] for row in rows), rows
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    entry.publish(root, "smoke")
    assert before == {path: path.stat().st_mtime_ns for path in root.rglob("*")}  # the second call writes nothing


@pytest.mark.parametrize("name", WORLDS)
def test_a_folder_that_is_not_the_benchmark_is_a_problem(tmp_path, name):
    (tmp_path / "unrelated.txt").write_text("")
    with pytest.raises(Problem):
        find(name).check(tmp_path)
    with pytest.raises(Problem):
        find(name).publish(tmp_path, "smoke")
    assert [path.name for path in tmp_path.iterdir()] == ["unrelated.txt"]
    with pytest.raises(Problem, match="no scale"):
        find(name).publish(tmp_path / "new", "huge")
