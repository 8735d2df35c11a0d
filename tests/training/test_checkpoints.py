import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn.modules import module as registration

from cirkit.errors import Problem
from cirkit.experiments import registry
from cirkit.query import Query
from cirkit.training.checkpoints import image_size, load, save

TEXTS = ["make top-left cube red", "remove small Sphere", "add a T-shirt, blue"]


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    factory = registry.experiment("maaf/css/maaf_identity_positions", "smoke").training.model
    model = factory(TEXTS).eval()
    save(folder, model, factory, TEXTS, 32)
    return model, {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def saved(original, tmp_path):
    for name, content in original[1].items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_a_checkpoint_alone_gives_the_model_back(original, saved):
    images = torch.randint(0, 255, (3, 3, 32, 32), dtype=torch.uint8)
    query = Query(image=images, text=[*TEXTS[:2], "words nobody wrote"])
    again = load(saved)
    assert not again.training and image_size(saved) == 32
    torch.testing.assert_close(again.compose(query), original[0].compose(query), rtol=0, atol=0)
    torch.testing.assert_close(again.encode(images), original[0].encode(images), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.json", b"{"),
        ("model.json", b"[]"),
        ("model.json", b"[" * 100_000),
        ("model.json", b'{"model": ' * 50_000),
        ("model.json", json.dumps({"model": {"partial": "os.system"}, "words": [], "size": 3}).encode()),
        ("model.json", json.dumps({"model": {"partial": "tirg.TIRG"}, "words": [], "size": 3}).encode()),
        ("model.json", json.dumps({"model": {"name": "blocks.MultiHead"}, "words": [], "size": 3}).encode()),
        ("model.json", json.dumps({"model": {"a": 3}, "words": [], "size": 3}).encode()),
        ("model.safetensors", b"half"),
        ("model.safetensors", b""),
    ],
)
def test_a_damaged_or_foreign_checkpoint_is_a_problem(saved, name, content):
    (saved / name).write_bytes(content)
    assert_refused(saved)


def assert_refused(folder):
    """Refused with a sentence, and without a trace in torch."""
    hooks = [registration._global_parameter_registration_hooks, registration._global_module_registration_hooks]
    with pytest.raises(Problem) as caught:
        load(folder)
    assert not any(hooks)
    assert str(folder) in str(caught.value) or "not a model part" in str(caught.value)


def changed(folder, **parts):
    """The folder with some of the parts of its model.json replaced."""
    plain = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(plain | parts))
    return folder


def numbers(description, path=()):
    """Where the whole numbers of a description stand."""
    items = description.items() if isinstance(description, dict) else enumerate(description)
    for key, value in items:
        if isinstance(value, dict | list):
            yield from numbers(value, (*path, key))
        elif isinstance(value, int) and not isinstance(value, bool):
            yield (*path, key)


def with_number(description, path, value):
    description = json.loads(json.dumps(description))
    inside = description
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    return description


@pytest.mark.parametrize("value", [10**18, 999_999, 3000, -1])
def test_no_number_of_a_configuration_takes_the_time_or_memory_it_asks_for(saved, value):
    model = json.loads((saved / "model.json").read_text())["model"]
    places = list(numbers(model))
    assert len(places) >= 4
    refused = 0
    for path in places:
        changed(saved, model=with_number(model, path, value))
        try:
            load(saved)
        except Problem:
            refused += 1
    assert refused >= len(places) - 1  # some numbers, such as a position's side, decide no weight


@pytest.mark.parametrize(
    "size", [0, -3, True, 10**9, 3.5, None], ids=["zero", "negative", "true", "huge", "fraction", "none"]
)
def test_a_size_that_no_image_has_is_refused(saved, size):
    with pytest.raises(Problem, match=r"size|pixels"):
        image_size(changed(saved, size=size))


@pytest.mark.parametrize("words", [[1, 2], [None], ["cube", ["red"]], "cube", {"cube": 1}])
def test_words_that_are_not_text_are_refused(saved, words):
    assert_refused(changed(saved, words=words))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(saved, value):
    state = load_file(saved / "model.safetensors")
    name = next(name for name, tensor in state.items() if tensor.ndim == 2)
    state[name][0, 0] = value
    save_file(state, saved / "model.safetensors")
    assert_refused(saved)


@pytest.mark.parametrize("change", ["lacks one", "has one more", "other shape", "other vocabulary"])
def test_weights_of_another_model_are_refused(saved, change):
    state = load_file(saved / "model.safetensors")
    name = next(iter(state))
    if change == "lacks one":
        del state[name]
    elif change == "has one more":
        state["more"] = torch.ones(1)
    elif change == "other shape":
        state[name] = torch.ones(*state[name].shape, 2)
    else:
        changed(saved, words=["cube"])
    save_file(state, saved / "model.safetensors")
    assert_refused(saved)


def test_a_folder_without_a_checkpoint_is_a_problem(tmp_path):
    with pytest.raises(Problem, match=r"model\.json"):
        load(tmp_path)
