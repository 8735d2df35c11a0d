"""BERT as a text encoder: the real loading path on a small folder, tokens against transformers' own, three tunings."""

import json
import shutil
from dataclasses import replace
from functools import partial

import pytest
import torch

from cirkit.encoders.bert import Bert, Frozen, bare, load, pretrained_bert, with_special_tokens
from cirkit.encoders.word_vectors import frozen, tuned
from cirkit.errors import Problem
from cirkit.training import checkpoints
from cirkit.worlds.corpus import SIZES, bert_folder

TEXTS = ["Is LONGER, and red", "", "is zxq"]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return bert_folder(SIZES["smoke"], tmp_path_factory.mktemp("bert"))


@pytest.fixture
def copied(source, tmp_path):
    return shutil.copytree(source, tmp_path / "copy")


def encoder(source, **keywords) -> Bert:
    torch.manual_seed(0)
    return pretrained_bert(TEXTS, source=source, width=6, **keywords).eval()


def test_words_are_cut_into_pieces_and_an_empty_text_is_one_unknown_word(source):
    tokenizer, _ = load(source)
    rows = bare(tokenizer, TEXTS, 128)
    assert [" ".join(tokenizer.convert_ids_to_tokens(row)) for row in rows] == [
        "is longer [UNK] and red",
        "[UNK]",
        "is z ##x ##q",
    ]
    assert with_special_tokens(tokenizer, TEXTS, 128) == tokenizer(TEXTS[:1])["input_ids"] + [[2, 1, 3]] + [
        [2, *rows[2], 3]
    ]


@pytest.mark.parametrize("pieces", [bare, with_special_tokens])
def test_the_tokens_are_transformers_own_states_through_a_linear_layer(source, pieces):
    from transformers import BertModel, BertTokenizer

    tokenizer, model = BertTokenizer.from_pretrained(source), BertModel.from_pretrained(source).eval()
    ours = encoder(source, pieces=pieces)
    texts = [TEXTS[0], TEXTS[2]]
    batch = tokenizer(texts, padding=True, return_tensors="pt", add_special_tokens=pieces is with_special_tokens)
    tokens, mask = ours(texts)
    assert mask.dtype == torch.bool and torch.equal(mask, batch["attention_mask"].bool())
    torch.testing.assert_close(tokens[mask], ours.project(model(**batch).last_hidden_state)[mask])


def test_a_padded_sentence_has_the_tokens_it_has_alone(source):
    ours = encoder(source)
    together, mask = ours(TEXTS)
    assert together.shape == (3, 5, 6) and mask.sum(1).tolist() == [5, 1, 4]
    for row, text in enumerate(TEXTS):
        torch.testing.assert_close(together[row][mask[row]], ours([text])[0][0])


def test_a_text_beyond_the_last_position_is_cut(tmp_path):
    short = bert_folder(replace(SIZES["smoke"], documents=30, positions=9, steps=1), tmp_path)
    long, cut = "red " * 20, "red " * 9
    torch.testing.assert_close(encoder(short)([long, "is"]), encoder(short)([cut, "is"]), rtol=0, atol=0)
    framed_rows = with_special_tokens(load(short)[0], [long], 9)
    assert len(framed_rows[0]) == 9 and framed_rows[0][-1] == 3
    assert encoder(short, pieces=with_special_tokens)([long])[0].shape == (1, 9, 6)


@pytest.mark.parametrize(
    ("tuning", "learns", "drops"), [(tuned, True, True), (Frozen, False, False), (frozen, False, True)]
)
def test_what_learns_and_what_drops_out_in_training(source, tuning, learns, drops):
    ours = encoder(source, tuning=tuning)
    still = ours(TEXTS)[0]
    torch.testing.assert_close(ours(TEXTS)[0], still, rtol=0, atol=0)
    ours.train()
    tokens, mask = ours(TEXTS)
    assert torch.allclose(tokens, still) is not drops
    before = {name: weight.clone() for name, weight in ours.named_parameters()}
    optimiser = torch.optim.AdamW(ours.parameters(), lr=0.01)
    tokens[mask].square().sum().backward()
    optimiser.step()
    moved = {name.split(".")[0] for name, weight in ours.named_parameters() if not torch.equal(weight, before[name])}
    assert moved == ({"bert", "project"} if learns else {"project"})
    assert all(weight.grad is not None for weight in ours.parameters() if weight.requires_grad)


@pytest.mark.parametrize("tuning", [tuned, Frozen])
def test_it_comes_back_from_a_checkpoint_although_its_source_is_gone(copied, tmp_path, tuning):
    factory = partial(pretrained_bert, width=6, source=copied, tuning=tuning)
    ours = factory(TEXTS).eval()
    checkpoints.save(tmp_path / "kept", ours, factory, TEXTS, 32)
    shutil.rmtree(copied)
    again = checkpoints.load(tmp_path / "kept")
    torch.testing.assert_close(again(TEXTS)[0], ours(TEXTS)[0], rtol=0, atol=0)
    assert isinstance(again.bert, Frozen) == (tuning is Frozen) and again.pieces is bare
    assert not any(again.tokenizer(text) != ours.tokenizer(text) for text in (*TEXTS, "Ébène, co-op"))


def test_a_strangers_checkpoint_names_no_source_and_no_other_part_of_a_configuration(source, tmp_path):
    factory = partial(pretrained_bert, width=6, source=source)
    checkpoints.save(tmp_path, factory(TEXTS), factory, TEXTS, 32)
    plain = json.loads((tmp_path / "model.json").read_text())
    assert "source" not in plain["model"] and str(source) not in json.dumps(plain)
    for model, says in (
        ({"partial": "bert.pretrained_bert", "source": "someone/bert", "width": 6}, "not a model part"),
        ({**plain["model"], "layout": {**plain["model"]["layout"], "shape": {"auto_map": 1}}}, "has no 'auto_map'"),
    ):
        (tmp_path / "model.json").write_text(json.dumps({**plain, "model": model}))
        with pytest.raises(Problem, match=says):
            checkpoints.load(tmp_path)


def test_pretrained_weights_are_in_use_and_loading_says_nothing(source, capfd):
    from safetensors.torch import load_file

    ours = encoder(source)
    out, err = capfd.readouterr()
    assert out == err == ""
    kept = load_file(source / "model.safetensors")
    for name, weight in ours.bert.named_parameters():
        torch.testing.assert_close(weight, kept[f"bert.{name}"], rtol=0, atol=0)


def edit(path, change):
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def halve(folder):
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])


def drop(folder):
    from safetensors.torch import load_file, save_file

    kept = load_file(folder / "model.safetensors")
    kept.pop("bert.encoder.layer.1.output.dense.bias")
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


def pickled(folder):
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")


def longer(folder):
    (folder / "vocab.txt").write_text((folder / "vocab.txt").read_text() + "zebra\n")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (halve, "Cannot load BERT"),
        (drop, "lacks 1 of BERT's weights"),
        (pickled, "Cannot load BERT"),
        (lambda folder: (folder / "config.json").unlink(), "no config.json of a BERT"),
        (lambda folder: (folder / "config.json").write_text("{"), "Cannot load BERT"),
        (
            lambda folder: edit(folder / "config.json", lambda c: c.update(model_type="gpt2")),
            "no config.json of a BERT",
        ),
        (lambda folder: edit(folder / "config.json", lambda c: c.update(hidden_size=32)), "Cannot load BERT"),
        (lambda folder: (folder / "vocab.txt").unlink(), "has no vocabulary"),
        (longer, "has 272 pieces for 271 vectors"),
    ],
)
def test_a_broken_folder_is_a_problem(copied, spoil, says):
    spoil(copied)
    with pytest.raises(Problem, match=says):
        load(copied)


def test_a_name_that_the_hub_cannot_give_is_a_problem(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # read once, when it is first imported
    with pytest.raises(Problem, match="Cannot load BERT from cirkit/no-such-bert"):
        load("cirkit/no-such-bert")
