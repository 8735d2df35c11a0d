"""The attention explorer: its state, its static twin, a reader's own text, and what it refuses."""

import json
import re

import pytest

from cirkit.errors import Problem
from cirkit.explorers.attention import AttentionExplorer

EVIL = "</script><img src=x>"
URL = "data:image/webp;base64,AAAA"


def found(**changes):
    return {"weights": [[0.7, 0.3], [0.2, 0.8]], "marks": None, "answer": "rank 1", "top": [1]} | changes


def explorer(**changes) -> AttentionExplorer:
    item = {"text": ["a", EVIL], "tokens": ["a", EVIL], "boxes": [[0, 0, 1, 1], [0, 0, 0.5, 0.5]], "image": 0}
    parts = {
        "items": [item],
        "models": {"dot": [found()], "other": [found(answer="rank 2")]},
        "images": {0: URL, 1: URL},
    }
    return AttentionExplorer(**parts | {"draw": lambda rows: dict.fromkeys(rows, URL)} | changes)


def test_the_twin_cannot_be_broken_out_of_and_asks_nothing_of_the_network():
    page = explorer().twin()
    assert page.count("</script>") == 1 and page.endswith("</script>") and "<img src=x" not in page
    assert json.loads(re.search(r"^const state = (.*);$", page, re.M).group(1))["items"][0]["text"][1] == EVIL
    bare = page.replace("createObjectURL(", "").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|fetch\(|XMLHttp|@import|url\(", bare)


def test_the_page_without_javascript_states_the_default_token_of_every_model():
    page = explorer(token=1).fallback()
    assert page.count("<tr>") == 2 and "<td>20</td><td>80</td>" in page and "&lt;/script&gt;" in page


def test_a_reader_s_own_text_is_answered_by_the_model_that_is_chosen():
    asked, sent = [], []

    def behind():
        asked.append("made")
        return lambda text, image: (text.split(), text.split(), found(answer=f"{text} about {image}", top=[4]))

    shown = explorer(behind={"dot": behind})
    shown.send = sent.append
    for text in ("two cubes", "a sphere"):
        shown._receive(None, {"id": "7", "model": "dot", "item": 0, "text": text})
    assert asked == ["made"] and shown.live == ["dot"]
    assert sent[0]["kind"] == "answer" and sent[0]["id"] == "7" and sent[0]["item"]["tokens"] == ["two", "cubes"]
    assert sent[1]["found"]["answer"] == "a sphere about 0" and sent[1]["images"] == {"0": URL, "4": URL}


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"model": "other", "item": 0, "text": "x"}, "no weights"),
        ({"model": "dot", "item": 0, "text": " "}, "no text"),
        ({"model": "dot", "item": 0, "text": "x" * 301}, "more than 300"),
        ({"model": "dot", "item": 5, "text": "x"}, "no text 6 of 1"),
        ({"model": "dot", "item": "0", "text": "x"}, "sent no text"),
        ("nonsense", "sent no text"),
    ],
)
def test_what_cannot_be_asked_is_a_sentence(message, words):
    shown, sent = explorer(behind={"dot": lambda: lambda text, image: ([], [], found())}), []
    shown.send = sent.append
    shown._receive(None, message)
    assert sent[0]["kind"] == "problem" and words in sent[0]["text"]


@pytest.mark.parametrize(
    "changes", [{"items": []}, {"models": {}}, {"models": {"dot": []}}, {"models": {"dot": [found(top=[9])]}}]
)
def test_an_explorer_with_nothing_to_show_is_a_problem(changes):
    with pytest.raises(Problem):
        explorer(**changes)
