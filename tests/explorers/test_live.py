"""A model behind the explorer: what it answers, what it names, and that whatever goes wrong becomes a sentence."""

import io
import json
import re
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from toys import EXPERIMENT, Mean, Table, colour_benchmark, numbered

from cirkit.encoders.image import SmallResNet
from cirkit.encoders.text import LSTM, Embedding
from cirkit.errors import Problem
from cirkit.evaluators import ranking
from cirkit.experiments import run
from cirkit.explorers.live import LARGEST, LiveModel
from cirkit.explorers.retrieval import data_url, model_explorer, table_explorer
from cirkit.models.tirg import TIRG
from cirkit.query import Benchmark, Query

EVIL = "</script><img src=x onerror=alert(1)> red"


class Reader(Mean):
    """A mean colour with a vocabulary."""

    def __init__(self, texts):
        super().__init__(texts)
        self.text = Embedding(texts, width=3)


@pytest.fixture
def shown():
    benchmark = colour_benchmark()
    model = Reader(benchmark.query.text).eval()
    return model_explorer(model, benchmark, ranking.rank(model, benchmark), range(4), "Reader")


def png(height: int, width: int, colour=(250, 0, 0)) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), colour, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def ask(explorer, monkeypatch, buffers=(), **changes) -> list[dict]:
    """The messages that the module gets for a query."""
    messages = []
    monkeypatch.setattr(explorer, "send", messages.append)
    query = {"id": "1", "model": "Reader", "query": 2, "text": "red"} | changes
    explorer._receive(explorer, query, list(buffers))
    return messages


def test_an_answer_is_the_models_own_ranking_without_the_reference():
    scores = torch.tensor([[0.9, 0.1, 0.5, 0.7]])
    gallery = numbered(4)
    query = Query(image=gallery[:1], text=["any"])
    live = LiveModel(Table(scores), Benchmark(name="t", query=query, gallery=gallery, relevant=[[1]], excluded=[[0]]))
    assert live.top(live.reference(0), "any") == ([0, 3, 2, 1], pytest.approx([0.9, 0.7, 0.5, 0.1]))
    assert live.top(live.reference(0), "any", without=0, k=2)[0] == [3, 2]
    assert len(live.top(live.reference(0), "any", without=0)[0]) == 3


def test_the_shown_query_asked_again_gets_the_shown_answer(shown):
    query = shown.queries[2]
    answer = shown.answer("Reader", 2, query["text"])
    assert answer["top"] == shown.models["Reader"][2]["top"] and query["reference"] not in answer["top"]
    assert answer["scores"] == pytest.approx(shown.models["Reader"][2]["scores"], abs=1e-3)
    assert set(answer["images"]) == {str(row) for row in answer["top"]}


def test_the_text_and_the_readers_image_both_count(shown):
    tops = [shown.answer("Reader", 2, text)["scores"] for text in ("red", "blue")]
    assert tops[0] != tops[1]
    mine = shown.answer("Reader", 2, "red", png(40, 60))
    assert mine["scores"] not in tops
    assert mine["reference"] == data_url(torch.tensor([250, 0, 0], dtype=torch.uint8)[:, None, None].expand(3, 4, 4))


def test_words_the_model_has_never_read_are_named(shown):
    assert shown.answer("Reader", 0, "red and vermilion")["note"] == "it has never read “and”, “vermilion”"
    assert shown.answer("Reader", 0, "red")["note"] == "it has read every word of this text"


def test_a_message_is_answered_in_kind(shown, monkeypatch):
    wait, answer = ask(shown, monkeypatch, [memoryview(png(8, 8))], text=EVIL)
    assert wait["kind"] == "wait" and answer["kind"] == "answer" and answer["id"] == wait["id"] == "1"
    assert answer["text"] == EVIL and json.loads(json.dumps(answer)) == answer


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"text": "  "}, "no modification text"),
        ({"text": "red " * 200}, "more than 300 letters"),
        ({"text": None}, "sent no query"),
        ({"query": 9}, "no query 10 of 4"),
        ({"query": "0"}, "sent no query"),
        ({"model": "Other"}, "Other has left no weights here. Choose one of: Reader"),
        ({"buffers": [b"no image"]}, "Cannot read the image you gave: not an image"),
        ({"buffers": [png(64, 64)[:60]]}, "Cannot read the image you gave: damaged"),
        ({"buffers": [b"0" * (LARGEST + 1)]}, "more than 20 MB"),
    ],
)
def test_what_cannot_be_asked_is_a_sentence_in_the_widget(shown, monkeypatch, changes, words):
    message = ask(shown, monkeypatch, **changes)[-1]
    assert message["kind"] == "problem" and words in message["text"] and "/tmp" not in message["text"]


def test_a_message_that_is_none_is_a_sentence_too(shown, monkeypatch):
    messages = []
    monkeypatch.setattr(shown, "send", messages.append)
    shown._receive(shown, "text", [])
    assert messages[-1]["kind"] == "problem"


def test_a_model_that_fails_says_so_and_the_fault_is_not_swallowed(shown, monkeypatch):
    messages = []
    monkeypatch.setattr(shown, "send", messages.append)
    monkeypatch.setattr(LiveModel, "top", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        shown._receive(shown, {"id": "1", "model": "Reader", "query": 0, "text": "red"}, [])
    assert messages[-1]["kind"] == "problem" and "division by zero" in messages[-1]["text"]


def test_the_static_twin_knows_nothing_of_it(shown):
    assert shown.live == ["Reader"]
    state = json.loads(re.search(r"^const state = (.*);$", shown.twin(), re.M).group(1))
    assert "live" not in state


def test_a_table_is_asked_through_the_weights_its_runs_left(home):
    tirg = partial(TIRG, image=partial(SmallResNet, width=8), text=partial(LSTM, width=8))
    row = replace(EXPERIMENT, training=replace(EXPERIMENT.training, model=tirg, steps=2))
    run.run(row, 0)
    gallery = colour_benchmark().gallery
    shown = table_explorer({"TIRG": row}, lambda rows: gallery[torch.tensor(rows)], "TIRG")
    assert shown.live == ["TIRG"]
    answer = shown.answer("TIRG", 1, shown.queries[1]["text"])
    assert answer["top"] == shown.models["TIRG"][1]["top"]
    (row.weights(0) / "model.safetensors").unlink()
    again = table_explorer({"TIRG": row}, lambda rows: gallery[torch.tensor(rows)], "TIRG")
    assert not again.live
    with pytest.raises(Problem, match="left no weights"):
        again.answer("TIRG", 0, "red")
