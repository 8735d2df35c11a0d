"""The text parts learnt from the corpus: in a configuration with their whole size, in a checkpoint without it."""

import json
from dataclasses import replace
from functools import partial

import pytest
import torch

from cirkit.declare import describe, fingerprint
from cirkit.encoders.bert import Frozen
from cirkit.encoders.text import LSTM
from cirkit.experiments import registry
from cirkit.papers.maaf.pretrained_text import world_bert, world_glove
from cirkit.training import checkpoints
from cirkit.worlds.corpus import SIZES

TEXTS = ["is longer and red", "zebra"]
TINY = replace(SIZES["smoke"], documents=30, steps=1)
PARTS = {
    "glove": partial(LSTM, width=8, embed=partial(world_glove, size=TINY)),
    "bert": partial(world_bert, width=8, size=TINY),
    "frozen bert": partial(world_bert, width=8, size=TINY, tuning=Frozen),
}


@pytest.mark.parametrize("name", PARTS)
def test_a_checkpoint_loads_where_nothing_may_be_learnt_again(home, tmp_path, monkeypatch, name):
    encoder = PARTS[name](TEXTS).eval()
    checkpoints.save(tmp_path / "kept", encoder, PARTS[name], TEXTS, 32)
    monkeypatch.setenv("CIRKIT_DATA", str(tmp_path / "empty"))
    again = checkpoints.load(tmp_path / "kept")
    torch.testing.assert_close(again(TEXTS)[0], encoder(TEXTS)[0], rtol=0, atol=0)
    assert not (tmp_path / "empty").exists()
    assert "corpus" not in (tmp_path / "kept" / "model.json").read_text()


def test_the_size_itself_and_not_its_label_decides_the_fingerprint():
    model = registry.experiment("maaf/fashioniq/bert", "cpu").training.model
    assert json.dumps(describe(SIZES["cpu"])) in json.dumps(describe(model))
    other = partial(world_bert, width=8, size=replace(TINY, seed=1))
    assert fingerprint(other) != fingerprint(PARTS["bert"])
