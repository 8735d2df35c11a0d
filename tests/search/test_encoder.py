import json
import socket

import pytest
import torch
from torch import nn
from written_weights import fill

import cirkit.encoders.clip
import cirkit.encoders.open_clip_towers
import cirkit.training.checkpoints
from cirkit.encoders.preprocessing import Preprocessing
from cirkit.encoders.text import LSTM, unknown_words
from cirkit.errors import Problem
from cirkit.search import encoder


class FakeClip(nn.Module):
    def __init__(self, *, arch, pretrained):
        super().__init__()
        self.asked, self.preprocessing = (arch, pretrained), Preprocessing(size=8)
        self.towers = nn.Module()
        self.towers.network, self.towers.config = nn.Linear(2, 2), {}


@pytest.fixture
def clip(monkeypatch):
    monkeypatch.setattr(cirkit.encoders.clip, "open_clip", FakeClip)
    monkeypatch.setattr(cirkit.encoders.open_clip_towers, "tags", lambda arch: ["openai"] if arch == "ViT-B-32" else [])


@pytest.fixture
def checkpoint(monkeypatch, tmp_path):
    monkeypatch.setattr(cirkit.training.checkpoints, "load", lambda folder: nn.Identity())
    monkeypatch.setattr(cirkit.training.checkpoints, "image_size", lambda folder: 24)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.json").write_text("{}")
    (tmp_path / "model" / "model.safetensors").write_bytes(b"1")
    return tmp_path / "model"


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_encoders_are_named_by_open_clip_or_by_a_folder(clip, checkpoint, tmp_path, monkeypatch):
    tagged = encoder.encoder_from("open_clip:ViT-B-32/openai")
    assert tagged.retriever.clip.asked == ("ViT-B-32", "openai") and tagged.weights is None
    (tmp_path / "b.pt").write_bytes(b"weights")
    monkeypatch.chdir(tmp_path)
    local = encoder.encoder_from("open_clip:tiny/b.pt")
    assert local.retriever.clip.asked == ("tiny", str(tmp_path / "b.pt"))
    assert local.size == 8 and local.name.endswith(str(tmp_path / "b.pt"))
    with pytest.raises(Problem, match="lacks its weights"):
        encoder.encoder_from("open_clip:ViT-B-32")
    with pytest.raises(Problem, match="no checkpoint folder"):
        encoder.encoder_from(str(tmp_path / "gone"))
    with pytest.raises(Problem, match="No encoder is called"):
        encoder.encoder_from("a\0b")
    first = encoder.encoder_from("model")
    assert first.size == 24 and first.name == str(checkpoint)
    (checkpoint / "model.safetensors").write_bytes(b"2")
    assert first.fingerprint != encoder.encoder_from("model").fingerprint
    (checkpoint / "model.safetensors").unlink()
    with pytest.raises(Problem, match=r"There is no .*model\.safetensors"):
        encoder.encoder_from("model")


def test_the_encoder_of_an_index_is_trusted_where_it_is_what_built_it(clip, checkpoint, tmp_path):
    (tmp_path / "b.pt").write_bytes(b"weights")
    (tmp_path / "openai").write_bytes(b"a file with the name of a tag")
    for spec in ("open_clip:ViT-B-32/openai", f"open_clip:tiny/{tmp_path}/b.pt", str(checkpoint)):
        built = encoder.encoder_from(spec)
        assert encoder.trusted(built.name, built.weights) == built.name
    (tmp_path / "b.pt").write_bytes(b"other weights")
    (checkpoint / "model.json").write_text("[]")
    for spec in (f"open_clip:tiny/{tmp_path}/b.pt", str(checkpoint)):
        built = encoder.encoder_from(spec)
        for weights in (None, "0" * 64):
            with pytest.raises(Problem, match="--encoder"):
                encoder.trusted(built.name, weights)


@pytest.mark.parametrize(
    "name",
    [
        "open_clip:hf-hub:stranger/model",
        "open_clip:hf-hub:stranger/model/weights",
        "open_clip:local-dir:/tmp/x",
        "open_clip:ViT-B-32/laion",
        "open_clip:ViT-B-32",
        "open_clip:tiny//dev/zero",
        "hf-hub:stranger/model",
        "/dev",
        "",
        "a\0b",
        "\ud800",
    ],
)
def test_an_index_cannot_have_anything_else_loaded(name, no_network):
    with pytest.raises(Problem, match="--encoder"):
        encoder.trusted(name, None)


def test_names_of_a_hub_are_refused_without_asking_it(no_network):
    for name in ("open_clip:hf-hub:stranger/model/weights", "open_clip:local-dir:x/y"):
        with pytest.raises(Problem, match="knows no architecture"):
            encoder.encoder_from(name)


def test_words_that_an_encoder_does_not_know_are_named():
    text = LSTM(["make it red", "T-shirt"], width=4)
    assert unknown_words(text, "make it RED, T-shirt - please бежевый 12") == ["please", "бежевый", "12"]
    assert unknown_words(nn.Linear(1, 1), "anything") == []
    assert torch.isfinite(text(["бежевый"])[0]).all()


def test_an_index_of_an_open_clip_model_stays_readable(tmp_path):
    """The fingerprint of its weights by the written rule, as indexes on disk have it."""
    library = cirkit.encoders.open_clip_towers.open_clip_library()
    vision = {"image_size": 32, "layers": 1, "width": 16, "head_width": 8, "patch_size": 16}
    text = {"context_length": 12, "vocab_size": 49408, "width": 8, "heads": 2, "layers": 1}
    arch = {"embed_dim": 16, "vision_cfg": vision, "text_cfg": text}
    (tmp_path / "tiny-search.json").write_text(json.dumps(arch))
    library.add_model_config(tmp_path / "tiny-search.json")
    network = library.CLIP(**arch)
    with torch.no_grad():
        fill(network)
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    built = encoder.encoder_from(f"open_clip:tiny-search/{tmp_path}/weights.pt")
    assert built.fingerprint == "3f5d99cb442dc8a495404b29943f607257b776b8023320ac256ac110637126c3"
    assert built.preprocessing["resize_mode"] == "shortest" and built.preprocessing["interpolation"] == "bicubic"
    with torch.no_grad():
        network.logit_scale.add_(1)
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    assert encoder.encoder_from(f"open_clip:tiny-search/{tmp_path}/weights.pt").fingerprint != built.fingerprint
