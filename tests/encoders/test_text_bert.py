"""The first layers of a BERT: transformers' own hidden states, twenty pieces at most, back from a checkpoint."""

import shutil
from functools import partial

import pytest
import torch

from cirkit.encoders.text_bert import text_bert
from cirkit.training import checkpoints
from cirkit.worlds.corpus import SIZES, bert_folder

TEXTS = ["Is LONGER, and red", "is zxq"]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return bert_folder(SIZES["smoke"], tmp_path_factory.mktemp("bert"))


@torch.no_grad()
def test_the_tokens_are_the_states_of_the_layer_at_which_it_ends(source):
    from transformers import BertModel, BertTokenizer

    batch = BertTokenizer.from_pretrained(source)(TEXTS, padding=True, return_tensors="pt")
    model = BertModel.from_pretrained(source).eval()
    states = model(**batch, output_hidden_states=True).hidden_states
    for layers in range(1, model.config.num_hidden_layers + 1):
        encoder = text_bert(TEXTS, source=source, layers=layers).eval()
        tokens, mask = encoder(TEXTS)
        assert torch.equal(mask, batch["attention_mask"].bool()) and encoder.width == tokens.shape[2]
        torch.testing.assert_close(tokens[mask], states[layers][mask])


@torch.no_grad()
def test_a_question_has_twenty_pieces_at_most_the_marks_among_them(source):
    encoder = text_bert(TEXTS, source=source, layers=1, longest=5).eval()
    assert encoder(["is red and longer is red"])[0].shape[1] == 5
    assert encoder(["is red and longer is red"])[0].isfinite().all()


def test_it_comes_back_from_a_checkpoint_although_its_source_is_gone(source, tmp_path):
    copy = shutil.copytree(source, tmp_path / "copy")
    factory = partial(text_bert, source=copy, layers=1)
    encoder = factory(TEXTS).eval()
    with torch.no_grad():
        before = encoder(TEXTS)[0]
        checkpoints.save(tmp_path / "kept", encoder, factory, TEXTS, 1)
        shutil.rmtree(copy)
        again = checkpoints.load(tmp_path / "kept")
        torch.testing.assert_close(again(TEXTS)[0], before, rtol=0, atol=0)
    assert all(each.requires_grad for each in again.parameters())
