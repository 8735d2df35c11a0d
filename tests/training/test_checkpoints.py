import json

import pytest
import torch

from cirkit.errors import Problem
from cirkit.experiments import registry
from cirkit.query import Query
from cirkit.training.checkpoints import image_size, load, save

TEXTS = ["make top-left cube red", "remove small Sphere", "add a T-shirt, blue"]


@pytest.fixture
def saved(tmp_path):
    factory = registry.experiment("maaf/css/maaf_identity_positions", "smoke").training.model
    model = factory(TEXTS).eval()
    save(tmp_path / "m", model, factory, TEXTS, 32)
    return model, tmp_path / "m"


def test_a_checkpoint_alone_gives_the_model_back(saved):
    model, folder = saved
    images = torch.randint(0, 255, (3, 3, 32, 32), dtype=torch.uint8)
    query = Query(image=images, text=[*TEXTS[:2], "words nobody said"])
    again = load(folder)
    assert not again.training and image_size(folder) == 32
    torch.testing.assert_close(again.compose(query), model.compose(query), rtol=0, atol=0)
    torch.testing.assert_close(again.encode(images), model.encode(images), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.json", b"{"),
        ("model.json", b"[]"),
        ("model.json", json.dumps({"model": {"partial": "os.system"}, "words": [], "size": 3}).encode()),
        ("model.json", json.dumps({"model": {"partial": "cirkit.models.tirg.TIRG"}, "words": [], "size": 3}).encode()),
        ("model.safetensors", b"half"),
        ("model.safetensors", b""),
    ],
)
def test_a_damaged_or_foreign_checkpoint_is_a_problem(saved, name, content):
    (saved[1] / name).write_bytes(content)
    with pytest.raises(Problem):
        load(saved[1])


def test_a_folder_without_a_checkpoint_is_a_problem(tmp_path):
    with pytest.raises(Problem, match=r"model\.json"):
        load(tmp_path)
