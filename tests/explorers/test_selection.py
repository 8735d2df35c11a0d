"""The selection explorer: what is selected and what it holds, its twin, and layers of a reader's own."""

import json
import re
import shutil
import subprocess

import pytest

from cirkit.errors import Problem
from cirkit.explorers.selection import SelectionExplorer

BROWSER = shutil.which("chromium")
IMAGE = "data:image/webp;base64,AAAA"
ITEMS = [
    {
        "text": "a red hat",
        "image": IMAGE,
        "person": [1.0, 0.5, 0.0, 0.0],
        "small": [0.0, 0.4, 0.0, 0.1],
        "scores": [[[0.1, 1.0, 0.5, 0.2]], [[0.9, 0.1, 1.0, 0.2]]],
    },
    {
        "text": "</script><img src=x>",
        "image": IMAGE,
        "person": [0.0] * 4,
        "small": [0.0] * 4,
        "scores": [[[1.0, 0.0, 0.0, 0.0]], [[0.0, 0.0, 0.0, 1.0]]],
    },
]


def explorer(**changes) -> SelectionExplorer:
    return SelectionExplorer(
        **({"items": ITEMS, "grid": [2, 2], "layers": ["block 1", "M + L"], "discards": [0.25], "layer": 1} | changes)
    )


def sent(shown, monkeypatch) -> list[dict]:
    messages = []
    monkeypatch.setattr(shown, "send", messages.append)
    return messages


def test_what_is_selected_holds_so_much_of_the_small_things_and_so_many_bare_patches():
    shown = explorer()
    assert shown.held(0, 0, 0, 0.5) == pytest.approx((0.8, 0.5))  # patches 1 and 2
    assert shown.held(0, 1, 0, 0.5) == pytest.approx((0.0, 0.5))  # patches 2 and 0
    assert shown.held(0, 0, 0, 1.0) == pytest.approx((1.0, 0.5)) and shown.held(1, 0, 0, 0.25) == (0.0, 1.0)


def test_the_twin_holds_the_state_and_asks_nothing_of_the_network():
    page = explorer().twin()
    assert page.count("</script>") == 1 and "<img src=x" not in page
    state = json.loads(re.search(r"^const state = (.*);$", page, re.M).group(1))
    assert state["items"] == ITEMS and state["layer"] == 1 and state["retention"] == 0.5 and "live" not in state
    module = re.search(r"^const source = (.*);$", page, re.M).group(1).replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|//[a-z]|fetch\(|XMLHttp|@import|url\(", module)


def test_without_javascript_there_is_a_table_of_layers_with_the_default_marked():
    page = explorer().fallback()
    assert "<td>✓ M + L</td><td>0</td><td>50</td>" in page and "<td>block 1</td><td>80</td><td>50</td>" in page


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"items": []}, "nothing to show"),
        ({"layer": 2}, "nothing to show"),
        ({"grid": [2, 3]}, "are not of 6 patches each"),
        ({"discards": [0.0, 0.25]}, "Make the exhibit again"),
    ],
)
def test_parts_that_do_not_fit_are_a_problem(changes, says):
    with pytest.raises(Problem, match=says):
        explorer(**changes)


def test_layers_of_a_readers_own_are_composed_by_what_stands_behind(monkeypatch):
    asked = []

    def score(item, blocks, discard):
        asked.append((item, blocks, discard))
        return [0.25, 1.0, 0.0, 0.0]

    shown = explorer(behind=lambda: score)
    messages = sent(shown, monkeypatch)
    shown._receive(None, {"id": "a", "item": 1, "blocks": "2, 4", "discard": 0.25})
    assert asked == [(1, [1, 3], 0.25)] and shown.live and not explorer().live
    assert messages == [{"id": "a", "kind": "answer", "scores": [0.25, 1.0, 0.0, 0.0], "note": "layers 2, 4"}]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"item": 0, "blocks": "two", "discard": 0.1}, "names no layers"),
        ({"item": 0, "blocks": "", "discard": 0.1}, "names no layers"),
        ({"item": 7, "blocks": "1", "discard": 0.1}, "sent no layers"),
        ({"item": 0, "blocks": 1, "discard": 0.1}, "sent no layers"),
        ("nonsense", "sent no layers"),
    ],
)
def test_what_cannot_be_composed_is_a_sentence(monkeypatch, content, says):
    shown = explorer(behind=lambda: lambda *_: [0.0] * 4)
    messages = sent(shown, monkeypatch)
    shown._receive(None, content)
    (message,) = messages
    assert message["kind"] == "problem" and says in message["text"]
    with pytest.raises(Problem, match="No model stands behind"):
        explorer().answer(0, "1", 0.0)


def test_a_model_that_fails_says_so_and_is_still_seen(monkeypatch):
    def score(*_):
        raise RuntimeError("no memory")

    shown = explorer(behind=lambda: score)
    messages = sent(shown, monkeypatch)
    with pytest.raises(RuntimeError):
        shown._receive(None, {"id": "a", "item": 0, "blocks": "1", "discard": 0.0})
    assert "no memory" in messages[0]["text"]


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="needs chromium")
def test_another_layer_and_another_retention_are_shown_without_a_kernel(tmp_path):
    act = """<script>setTimeout(() => {
      const layer = document.querySelectorAll('select')[1];
      layer.value = '0';
      layer.dispatchEvent(new Event('change'));
      const slider = document.querySelector('input[type=range]');
      slider.value = '0.25';
      slider.dispatchEvent(new Event('input'));
      document.title = document.querySelector('.cis-said').textContent;
    }, 800)</script>"""
    page = tmp_path / "page.html"
    page.write_text(f'<!doctype html><meta charset="utf-8"><body>{explorer().twin()}{act}')
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000", "--dump-dom"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    assert "<title>block 1: 1 of 4 patches hold 80 % of the small things" in done.stdout
    assert "CONSOLE" not in done.stderr and "Compose" not in done.stdout
