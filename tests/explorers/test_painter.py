"""The painter explorer: its state, its static twin, a reader's own caption, what it refuses, what its module says."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from cirkit.errors import Problem
from cirkit.experiments.artifacts import pack
from cirkit.explorers import painter
from cirkit.explorers.painter import PainterExplorer

BROWSER, NODE = shutil.which("chromium"), shutil.which("node")
MODULE = Path(painter.__file__).with_name("painter.js")
EVIL = "</script><img src=x>"
URL = "data:image/jpeg;base64,AAAA"
MAPS = np.array([[[0.1, 0.4], [0.2, 0.3]], [[0.0, 0.5], [0.5, 0.0]]])


def found(**changes):
    stage = {"weights": [0.2, 0.7, 0.1], "first": [1, 0], "maps": pack(MAPS), "strength": [9, 9, 9]}
    return {"images": [URL, URL], "stages": [stage | changes]}


def explorer(**changes) -> PainterExplorer:
    captions = [
        {"text": f"a {EVIL} bird", "words": ["a", EVIL, "bird"]},
        {"text": "one two three", "words": ["one", "two", "three"], "prompt": 4},
    ]
    other = found(weights=[0.1, 0.1, 0.8], first=[2, 0])
    models = {"dot": [found(), other], f"other {EVIL}": [other, found()]}
    return PainterExplorer(**{"captions": captions, "models": models} | changes)


def test_the_strongest_word_of_the_last_stage_is_shown_first():
    shown = explorer()
    assert (shown.caption, shown.model, shown.stage, shown.word, shown.live) == (0, "dot", 0, 1, [])
    shown = explorer(model=f"other {EVIL}")
    assert shown.word == 2
    assert set(shown.captions[1]) == {"text", "words"} and set(shown.models["dot"][0]["stages"][0]) == {*painter.STAGE}


def test_the_twin_cannot_be_broken_out_of_and_asks_nothing_of_the_network():
    page = explorer().twin()
    assert page.count("</script>") == 1 and page.endswith("</script>") and "<img src=x" not in page
    state = json.loads(re.search(r"^const state = (.*);$", page, re.M).group(1))
    assert state["captions"][0]["words"][1] == EVIL and "live" not in state and state["word"] == 1
    assert state["models"]["dot"][0]["stages"][0]["maps"] == pack(MAPS)
    assert not re.search(r"https?:|fetch\(|XMLHttp|@import|url\(", page.replace("createObjectURL(", ""))


def test_what_a_reader_may_write_is_set_as_text_and_never_as_html():
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", MODULE.read_text())


def test_the_page_without_javascript_shows_every_score_s_image_and_words():
    page = explorer().fallback()
    assert page.count("<tr>") == 3 and page.count(f'src="{URL}"') == 2 and page.count("<img") == 2
    assert f"<td>{'&lt;/script&gt;&lt;img src=x&gt;'} 70, a 20</td>" in page and "bird 80, a 10" in page
    assert "other &lt;/script&gt;" in page


def test_a_reader_s_own_caption_is_painted_by_the_score_that_is_chosen():
    asked, sent = [], []

    def behind():
        asked.append("made")
        return lambda text, noise: (text.split(), found(), f"noise {noise}")

    shown = explorer(behind={"dot": behind})
    shown.send = sent.append
    for noise in (0, 7):
        shown._receive(None, {"id": "7", "model": "dot", "text": "a blue tail", "noise": noise})
    assert asked == ["made"] and shown.live == ["dot"]
    assert sent[1] == {
        "id": "7", "kind": "answer", "model": "dot", "note": "noise 7",
        "caption": {"text": "a blue tail", "words": ["a", "blue", "tail"]}, "found": painter._plain(found()),
    }  # fmt: skip
    json.dumps(sent)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"model": "other", "text": "x", "noise": 0}, "no weights"),
        ({"model": "dot", "text": " ", "noise": 0}, "no caption"),
        ({"model": "dot", "text": "x" * 301, "noise": 0}, "more than 300"),
        ({"model": "dot", "text": "x", "noise": -1}, "no noise -1"),
        ({"model": "dot", "text": "x", "noise": 10**6}, "no noise 1000000"),
        ({"model": "dot", "text": "x", "noise": 0.5}, "whole number"),
        ({"model": "dot", "text": "x", "noise": True}, "whole number"),
        ({"model": "dot", "text": "x", "noise": None}, "whole number"),
        ("nonsense", "sent no caption"),
    ],
)
def test_what_cannot_be_painted_is_a_sentence(message, words):
    shown, sent = explorer(behind={"dot": lambda: lambda text, noise: (["x"], found(), "")}), []
    shown.send = sent.append
    shown._receive(None, message)
    assert sent[0]["kind"] == "problem" and words in sent[0]["text"]


def test_a_painter_that_fails_says_so_and_is_still_seen():
    def paint(text, noise):
        raise RuntimeError("no memory")

    shown, sent = explorer(behind={"dot": lambda: paint}), []
    shown.send = sent.append
    with pytest.raises(RuntimeError):
        shown._receive(None, {"id": "a", "model": "dot", "text": "x", "noise": 0})
    assert "dot failed (no memory)" in sent[0]["text"] and sent[0]["id"] == "a"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"captions": []}, "nothing to show"),
        ({"models": {}}, "nothing to show"),
        ({"models": {"dot": [found()]}}, "dot paints 1 of 2"),
        ({"models": {"dot": [found(), found() | {"images": [URL]}]}}, "other stages"),
        ({"models": {"dot": [found() | {"stages": []}] * 2}}, "other stages"),
        ({"models": {"dot": [found()] * 2, "b": [found(), {"images": [URL] * 3, "stages": found()["stages"] * 2}]}},
         "b paints .* in other stages"),
        ({"models": {"dot": [found(), found(weights=[1.0])]}}, "not of its words"),
        ({"models": {"dot": [found(), found(first=[3, 0])]}}, "not of its words"),
        ({"models": {"dot": [found(), found(first=[1])]}}, "not of its words"),
    ],
)  # fmt: skip
def test_parts_that_do_not_fit_are_a_problem(changes, says):
    with pytest.raises(Problem, match=says):
        explorer(**changes)


@pytest.mark.skipif(NODE is None, reason="needs node")
def test_the_module_unpacks_maps_and_says_what_a_word_gets(tmp_path):
    script = tmp_path / "ask.mjs"
    stage = found()["stages"][0]
    script.write_text(
        f"import {{ spread, told }} from {json.dumps(str(tmp_path / 'painter.mjs'))};\n"
        f"const stage = {json.dumps(stage)};\n"
        "console.log(JSON.stringify([spread(stage.maps, 0), spread(stage.maps, 1), told(['a', 'b', 'c'], stage, 1), "
        "told(['a', 'b', 'c'], stage, 2)]));\n"
    )
    shutil.copy(MODULE, tmp_path / "painter.mjs")
    done = subprocess.run([NODE, str(script)], capture_output=True, text=True, timeout=60, check=True)
    first, second, strong, weak = json.loads(done.stdout)
    assert (first["rows"], first["columns"]) == (2, 2)
    assert first["values"] == pytest.approx([0, 1, 1 / 3, 2 / 3], abs=0.02) and second["values"] == [0, 1, 1, 0]
    assert strong == "“b” gets 70 % of the attention, 2.1 × uniform. Bright: places that attend to it most."
    assert weak == "“c” gets 10 % of the attention, 0.3 × uniform. No map of it is kept: others are attended to more."


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="needs chromium")
def test_another_caption_score_and_word_are_shown_without_a_kernel(tmp_path):
    act = """<script>setTimeout(() => {
      const [caption, score] = document.querySelectorAll('select');
      caption.value = '1';
      caption.dispatchEvent(new Event('change'));
      score.value = '1';
      score.dispatchEvent(new Event('change'));
      document.querySelectorAll('.cip-words button')[2].click();
      document.title = document.querySelector('.cip p').textContent;
    }, 800)</script>"""
    page = tmp_path / "page.html"
    page.write_text(f'<!doctype html><meta charset="utf-8"><body>{explorer().twin()}{act}')
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000", "--dump-dom"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    assert "<title>“three” gets 10 % of the attention" in done.stdout
    assert "CONSOLE" not in done.stderr and "Paint</button>" not in done.stdout
