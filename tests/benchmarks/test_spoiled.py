"""Whatever lies in an annotation file, a reader answers with a Problem or with data."""

import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import spoiled
from PIL import Image

from cirkit.benchmarks import arrays, clothing, css
from cirkit.errors import Problem
from cirkit.worlds.css import CSS, Size

MANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("world") / "css"
    CSS.publish(root, Size(references=6, mods=6, image=8))
    return root, arrays.load(root / css.FILE)


def plain(value):
    """The parts of the object file as lists and dicts, so that they can be spoiled."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def read(root):
    for ask in (css.train, css.test, css.check):
        try:
            assert len(ask(root)) > 0
        except Problem as problem:
            assert str(root) in str(problem) or "Benchmark" in str(problem)


@given(data=st.data())
@MANY
def test_css_with_one_thing_wrong(world, data):
    root, content = world
    held = np.empty((), object)
    held[()] = data.draw(spoiled(plain(content)))
    whole = (root / css.FILE).read_bytes()
    try:
        np.save(root / css.FILE, held, allow_pickle=True)
        read(root)
    finally:
        (root / css.FILE).write_bytes(whole)


@given(at=st.integers(0, 10**6), byte=st.integers(0, 255), cut=st.booleans())
@MANY
def test_css_with_a_byte_wrong_or_the_end_missing(world, at, byte, cut):
    root, _ = world
    whole = (root / css.FILE).read_bytes()
    at %= len(whole)
    try:
        (root / css.FILE).write_bytes(whole[:at] if cut else whole[:at] + bytes([byte]) + whole[at + 1 :])
        read(root)
    finally:
        (root / css.FILE).write_bytes(whole)


@given(data=st.data())
@MANY
def test_clothing_tables_with_something_wrong(tmp_path, data):
    root = tmp_path / "clothing"
    shutil.rmtree(root, ignore_errors=True)
    (root / "images").mkdir(parents=True)
    lines = ["image,sender_id,label,kids"]
    for i, (sender, label) in enumerate([(2, "Hat"), (2, "Hat"), (1, "Hat"), (1, "Hat")]):
        Image.new("RGB", (8, 8), ["red", "blue"][i % 2]).save(root / "images" / f"p{i}.jpg")
        lines.append(f"p{i},{sender},{label},False")
    colours = ["image,git,colour", *(f"p{i},0,{['red', 'blue'][i % 2]}" for i in range(4))]
    for name, table in (("images.csv", lines), ("labels.csv", colours)):
        text = "\n".join(table) + "\n"
        at = data.draw(st.integers(0, len(text)))
        odd = data.draw(st.sampled_from(["", ",", "\n", '"', "\0", "../", "p1", "é", "-1", ",,,"]))
        (root / name).write_text(text[:at] + odd + text[at + data.draw(st.integers(0, 4)) :])
    for ask in (clothing.train, clothing.test):
        try:
            ask.cache_clear()
            assert len(ask(root=root, image=4, labels=root / "labels.csv")) > 0
        except Problem as problem:
            assert len(str(problem)) > 20
