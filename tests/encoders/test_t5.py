"""T5: states against transformers' own, and folders that are none."""

import shutil

import pytest
import torch

from cirkit.compat import ensure_torchvision
from cirkit.encoders.t5 import t5
from cirkit.errors import Problem

TEXTS = ["a red bag", "", "red " * 20]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A folder with a T5 of random weights and a few words."""
    ensure_torchvision()
    from transformers import T5Config, T5EncoderModel, T5Tokenizer

    folder = tmp_path_factory.mktemp("t5")
    pieces = ["<pad>", "</s>", "<unk>", "▁", "▁a", "▁red", "▁bag"]
    T5Tokenizer(vocab=[(piece, -float(number)) for number, piece in enumerate(pieces)], extra_ids=0).save_pretrained(
        folder
    )
    shape = {"d_model": 8, "d_kv": 4, "d_ff": 16, "num_layers": 2, "num_heads": 2}
    T5EncoderModel(T5Config(vocab_size=16, **shape)).save_pretrained(folder)
    return folder


@torch.no_grad()
def test_states_are_transformers_own(source):
    from transformers import T5EncoderModel, T5Tokenizer

    tokenizer, network = T5Tokenizer.from_pretrained(source), T5EncoderModel.from_pretrained(source).eval()
    states, mask = t5(source=source, context=9).text_tokens(TEXTS)
    assert states.shape == (3, 9, 8) and mask.sum(1).tolist() == [4, 1, 9]
    for row, text in enumerate(TEXTS):
        own = network(**tokenizer(text, truncation=True, max_length=9, return_tensors="pt")).last_hidden_state
        torch.testing.assert_close(states[row][mask[row]], own[0], rtol=1e-5, atol=1e-6)


def test_what_is_no_whole_t5_is_refused(source, tmp_path):
    copied = shutil.copytree(source, tmp_path / "copy")
    (copied / "model.safetensors").unlink()
    with pytest.raises(Problem, match=r"Cannot load T5 from .* Give a name on the Hugging Face hub, or a folder"):
        t5(source=copied)
    (copied / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(Problem, match="of a T5"):
        t5(source=copied)
