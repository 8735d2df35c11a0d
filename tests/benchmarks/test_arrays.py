import io
import pickle

import numpy as np
import pytest

from cirkit.benchmarks import arrays
from cirkit.errors import Problem


def saved(path, value, **options):
    held = np.empty((), object)
    held[()] = value
    np.save(path, held, allow_pickle=True, **options)
    return path


def forged(path, content: bytes):
    """A .npy header of one object, then any pickle."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|O", "fortran_order": False, "shape": ()})
    path.write_bytes(buffer.getvalue() + content)
    return path


VALUE = {
    "train": {
        "mods": [{"from": [1, 2], "to": [3, 4], "to_str": "make cube red"}],
        "labels": np.arange(6),
        "grid": np.arange(6.0).reshape(2, 3).T,
        "names": np.array(["a", "bc"]),
        "mixed": np.array([1, "x", None], dtype=object),
        "one": np.float32(0.5),
        "pair": (True, b"\x00\xff"),
    }
}


def same(one, two):
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    if isinstance(one, np.ndarray):
        return one.dtype == two.dtype and one.shape == two.shape and one.tolist() == two.tolist()
    return one == two


def test_what_numpy_saves_and_loads_is_read_alike(tmp_path):
    path = saved(tmp_path / "a.npy", VALUE)
    assert same(arrays.load(path), np.load(path, allow_pickle=True).item())


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("core", [b"numpy.core", b"numpy._core"])
def test_files_of_old_and_new_numpy_and_of_every_protocol_are_read(tmp_path, protocol, core):
    held = np.empty((), object)
    held[()] = VALUE
    content = pickle.dumps(held, protocol=protocol)
    if protocol < 4:  # names are spelled in lines, so they can be swapped
        content = content.replace(b"cnumpy._core.multiarray", b"c" + core + b".multiarray")
    assert same(arrays.load(forged(tmp_path / "a.npy", content)), VALUE)


def test_plain_number_arrays_are_read(tmp_path):
    np.save(tmp_path / "n.npy", np.arange(4))
    assert arrays.load(tmp_path / "n.npy").tolist() == [0, 1, 2, 3]


class Opens:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


class Calls:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def test_a_pickle_that_calls_anything_is_refused_and_does_nothing(tmp_path):
    for content in (Opens(str(tmp_path / "made")), {"train": [Opens(str(tmp_path / "made"))]}):
        with pytest.raises(Problem, match=r"a\.npy is not a plain NumPy file \(it names .*open"):
            arrays.load(saved(tmp_path / "a.npy", content))
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "content",
    [
        Calls(eval, "1"),
        Calls(np.load, "x"),
        Calls(np.ndarray, (2,)),
        Calls(getattr, "x", "upper"),
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
        np.datetime64("2020-01-01"),
        {1, 2},
        1j,
    ],
)
def test_names_and_types_beyond_the_list_are_refused(tmp_path, content):
    with pytest.raises(Problem):
        arrays.load(saved(tmp_path / "a.npy", content))


def test_cycles_and_deep_nesting_are_refused(tmp_path):
    loop = []
    loop.append(loop)
    deep = []
    for _ in range(100):
        deep = [deep]
    for content in (loop, deep):
        with pytest.raises(Problem, match="containers"):
            arrays.load(saved(tmp_path / "a.npy", content))


def test_repeated_parts_cost_nothing(tmp_path):
    part = ["x"]
    for _ in range(28):  # 2^28 leaves if each repeat were copied
        part = [part, part]
    assert arrays.load(saved(tmp_path / "a.npy", part))[0] is not None


def test_missing_empty_and_cut_files_are_problems_that_name_the_file(tmp_path):
    with pytest.raises(Problem, match=r"gone\.npy"):
        arrays.load(tmp_path / "gone.npy")
    whole = saved(tmp_path / "a.npy", VALUE).read_bytes()
    for size in (0, 5, 60, 130, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.npy").write_bytes(whole[:size])
        with pytest.raises(Problem, match=r"cut\.npy"):
            arrays.load(tmp_path / "cut.npy")


def test_an_array_whose_bytes_do_not_fill_its_shape_is_refused(tmp_path):
    held = np.empty((), object)
    held[()] = np.arange(6, dtype=np.int64)
    content = pickle.dumps(held, protocol=2).replace(b"K\x06\x85", b"K\x07\x85")
    with pytest.raises(Problem):
        arrays.load(forged(tmp_path / "a.npy", content))


def test_a_file_over_the_limit_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "LIMIT", 10)
    with pytest.raises(Problem, match="MiB"):
        arrays.load(saved(tmp_path / "a.npy", VALUE))
