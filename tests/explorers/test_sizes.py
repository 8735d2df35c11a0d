"""The explorer of prompt length and depth: its state, its twin in a browser, and a training that it starts."""

import json
import re
import shutil
import subprocess

import pytest

from cirkit.errors import Problem
from cirkit.explorers.sizes import SizeExplorer

BROWSER = shutil.which("chromium")
CELLS = [
    {"length": 5, "depth": 2, "mean": 30.0, "low": 28.0, "high": 32.0, "seeds": 5},
    {"length": 25, "depth": 2, "mean": 33.0, "low": 31.5, "high": 34.5, "seeds": 5},
    {"length": 25, "depth": 1, "mean": 29.0, "low": 27.0, "high": 31.0, "seeds": 1},
]


def explorer(**changes) -> SizeExplorer:
    return SizeExplorer(**({"cells": CELLS, "measure": "CIRR R@1", "length": 25, "depth": 2} | changes))


def sent(shown, monkeypatch) -> list[dict]:
    messages = []
    monkeypatch.setattr(shown, "send", messages.append)
    return messages


def test_the_twin_holds_every_cell_and_asks_nothing_of_the_network():
    page = explorer(measure="</script><img src=x>").twin()
    assert page.count("</script>") == 1 and "<img src=x" not in page
    state = json.loads(re.search(r"^const state = (.*);$", page, re.M).group(1))
    assert state["cells"] == CELLS and (state["length"], state["depth"]) == (25, 2) and "live" not in state
    module = re.search(r"^const source = (.*);$", page, re.M).group(1).replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|//[a-z]|fetch\(|XMLHttp|@import|url\(", module)


def test_without_javascript_there_is_a_table_with_the_default_marked():
    page = explorer().fallback()
    assert page.count("<tr>") == 4 and "<td>✓ 25</td><td>2</td><td>33.0 [31.5, 34.5]</td>" in page
    assert page.count("✓") == 1


@pytest.mark.parametrize("changes", [{"cells": CELLS[:2] * 2}, {"length": 7}, {"cells": []}])
def test_cells_that_do_not_fit_are_a_problem(changes):
    with pytest.raises(Problem, match="each size once"):
        explorer(**changes)


def test_a_button_starts_a_training_whose_steps_come_one_by_one(monkeypatch):
    def train(length, depth, watch):
        for step in (1, 2):
            watch(step, 2, 1 / step)
        return f"{length} in {depth}"

    shown = explorer(train=train)
    messages = sent(shown, monkeypatch)
    shown._receive(None, {"id": "a", "length": 10, "depth": 3})
    assert messages == [
        {"id": "a", "kind": "step", "step": 1, "steps": 2, "loss": 1.0},
        {"id": "a", "kind": "step", "step": 2, "steps": 2, "loss": 0.5},
        {"id": "a", "kind": "done", "text": "10 in 3"},
    ]
    assert shown.live and not explorer().live


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"id": "a", "length": 100, "depth": 1}, "No prompt of 100 in 1 layers"),
        ({"id": "a", "length": 5, "depth": 0}, "No prompt of 5 in 0 layers"),
        ({"id": "a", "length": "5", "depth": 1}, "sent no size"),
        ("nonsense", "sent no size"),
    ],
)
def test_what_cannot_be_trained_is_a_sentence(monkeypatch, content, says):
    shown = explorer(train=lambda length, depth, watch: "never")
    messages = sent(shown, monkeypatch)
    shown._receive(None, content)
    (message,) = messages
    assert message["kind"] == "problem" and says in message["text"]
    with pytest.raises(Problem, match="Nothing can be trained here"):
        explorer().train(5, 1, lambda *_: None)


def test_a_training_that_fails_says_so_and_is_still_seen(monkeypatch):
    def train(length, depth, watch):
        raise RuntimeError("no memory")

    shown = explorer(train=train)
    messages = sent(shown, monkeypatch)
    with pytest.raises(RuntimeError):
        shown._receive(None, {"id": "a", "length": 5, "depth": 1})
    assert messages[0]["kind"] == "problem" and "no memory" in messages[0]["text"]


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="needs chromium")
def test_another_depth_shows_its_own_lengths_without_a_kernel(tmp_path):
    act = """<script>setTimeout(() => {
      const [depth] = document.querySelectorAll('select');
      const before = document.querySelectorAll('circle').length;
      depth.value = '1';
      depth.dispatchEvent(new Event('change'));
      const after = document.querySelectorAll('circle').length;
      document.title = `${before} ${after} ${document.querySelector('.cir-said').textContent}`;
    }, 800)</script>"""
    page = tmp_path / "page.html"
    page.write_text(f'<!doctype html><meta charset="utf-8"><body>{explorer().twin()}{act}')
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000", "--dump-dom"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    assert "<title>2 1 CIRR R@1 29.0, 95 % interval 27.0 to 31.0, 1 seed</title>" in done.stdout
    assert "CONSOLE" not in done.stderr and "<button" not in done.stdout
