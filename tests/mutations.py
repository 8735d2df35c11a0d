"""Spoil JSON: one place of a value replaced, removed or doubled, to feed readers broken annotation files."""

import copy

from hypothesis import strategies as st

ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 10**12), st.floats(), st.text(max_size=4), st.just([]), st.just({}),
    st.sampled_from(["../../etc/passwd", "/etc/passwd", "\0", [[0]], {"a": 1}, [1, "2"], -1, 1e308]),
)  # fmt: skip


@st.composite
def spoiled(draw, value):
    """The value with one thing wrong somewhere."""
    value = copy.deepcopy(value)
    at = value
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            return draw(ODD)
        key = draw(st.sampled_from(keys))
        if isinstance(at[key], (dict, list)) and at[key] and draw(st.integers(0, 3)):
            at = at[key]
            continue
        way = draw(st.sampled_from(["replace", "remove", "double"]))
        if way == "replace":
            at[key] = draw(ODD)
        elif way == "remove":
            del at[key]
        elif isinstance(at, list):
            at.append(at[key])
        else:
            at[f"{key} "] = at[key]
        return value
