"""Weights that git keeps go before those of a folder, to the last digit where a training has read them."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from toys import TRAINING

from cirkit.errors import Problem
from cirkit.examples import Captions
from cirkit.experiments import keep
from cirkit.experiments.experiment import weights_folder
from cirkit.experiments.trainings import Trainer, any_code, never
from cirkit.query import Query
from cirkit.training.loop import Weights


class Reader(nn.Module):
    """A table of 300 characters, the sum of whose rows is a text's vector."""

    def __init__(self, texts):
        super().__init__()
        self.table, self.turn = nn.Embedding(300, 4), nn.Linear(4, 4)

    def compose(self, query):
        return torch.stack([self.turn(self.table(torch.tensor([ord(c) for c in text])).sum(0)) for text in query.text])


def texts():
    return Captions(text=["zebra", "axe"] * 4)


def likes_long(model, batch):
    return -model.compose(Query(text=batch.text)).sum()


TEXTS = replace(TRAINING, model=Reader, data=texts, objective=likes_long, steps=3, batch=4, start={})


def quiet(**words):
    return Trainer(tell=lambda line: None, **words)


def test_what_the_training_read_and_the_common_stay_and_the_rest_is_rounded(home, monkeypatch):
    monkeypatch.setattr(keep, "COMMON", 32)
    model = quiet()(TEXTS, 0).model
    folder = keep.keep(TEXTS, 0)
    assert folder == home / "pretrained" / weights_folder(TEXTS, 0).name
    (weights_folder(TEXTS, 0) / "training.json").unlink()  # what is left here is not whole
    kept = quiet(accept=any_code)(TEXTS, 0).model
    exact = torch.zeros(300, dtype=torch.bool)
    exact[[*range(32), *map(ord, "zebrax")]] = True
    before, now = model.table.weight, kept.table.weight
    assert torch.equal(before[exact], now[exact]) and torch.equal(model.turn.weight, kept.turn.weight)
    assert torch.equal(before[~exact].bfloat16().float(), now[~exact]) and not torch.equal(before, now)


class Eyes(nn.Module):
    """What reads no text has no table, and need not compose."""

    def __init__(self, texts):
        super().__init__()
        self.turn = nn.Linear(4, 4)

    def forward(self, count):
        return self.turn(torch.ones(count, 4)).sum()


def likes_little(model, batch):
    return model(len(batch.text))


def test_a_model_that_reads_no_text_is_kept_as_it_is(home):
    images = replace(TEXTS, model=Eyes, objective=likes_little)
    trained = quiet()(images, 0).model
    keep.keep(images, 0)
    (weights_folder(images, 0) / "training.json").unlink()
    assert torch.equal(quiet(accept=any_code)(images, 0).model.turn.weight, trained.turn.weight)


def test_rows_start_from_what_git_keeps_whatever_lies_in_the_folder(home):
    first = quiet()(TEXTS, 0).model
    keep.keep(TEXTS, 0)
    other = quiet(accept=never)(replace(TEXTS, steps=5), 0).model
    (weights_folder(TEXTS, 0) / "model.safetensors").write_bytes(
        (weights_folder(replace(TEXTS, steps=5), 0) / "model.safetensors").read_bytes()
    )
    begun = quiet().start(replace(TEXTS, start={"turn": Weights(of=TEXTS, seed=0, part="turn")}), 3)["turn"]
    assert torch.equal(begun.tensors["weight"], first.turn.weight)
    assert not torch.equal(begun.tensors["weight"], other.turn.weight)


def test_what_git_cannot_keep_is_a_sentence(home, monkeypatch):
    with pytest.raises(Problem, match="no whole training"):
        keep.keep(TEXTS, 0)
    quiet()(TEXTS, 0)
    monkeypatch.setattr(keep, "MOST_BYTES", 10)
    with pytest.raises(Problem, match="git keeps at most"):
        keep.keep(TEXTS, 0)
    assert not (home / "pretrained").exists()
