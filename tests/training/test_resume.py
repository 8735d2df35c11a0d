import io
from dataclasses import dataclass, replace
from functools import partial

import pytest
import torch
from torch import nn
from toys import TRAINING, Mean

from cirkit.training import resume
from cirkit.training.augment import flips_and_shifts
from cirkit.training.loop import fit
from cirkit.training.resume import DIGEST, Progress, random_states, restore, sealed
from cirkit.training.steps import descend


class Dropping(Mean):
    """Drops out parts of an image's features, so that training draws from torch's own generator."""

    def encode(self, images):
        return nn.functional.dropout(super().encode(images), 0.5, self.training)


DROPPING = replace(TRAINING, model=partial(Dropping, width=8), augment=flips_and_shifts(), steps=30)


class Cut(Exception):
    """Stands for a power failure."""


@dataclass
class Failure:
    """Cuts a training off at a step."""

    step: int

    def __call__(self, step, loss):
        if step == self.step:
            raise Cut


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """The state of a training that was cut off after 16 of 30 steps."""
    path = tmp_path_factory.mktemp("weights") / "run.partial"
    with pytest.raises(Cut):
        fit(DROPPING, seed=1, watch=Failure(17), resume=path, every_seconds=0.0, code="a")
    return path.read_bytes()


@pytest.fixture(scope="module")
def whole():
    """The outcome of the same training, never cut off."""
    return fit(DROPPING, seed=1)


@pytest.fixture
def partial_file(content, tmp_path):
    path = tmp_path / "run.partial"
    path.write_bytes(content)
    return path


def assert_same(one, other):
    assert one.loss == other.loss
    for a, b in zip(one.model.parameters(), other.model.parameters(), strict=True):
        assert torch.equal(a, b)


def resumed(path, training=DROPPING, seed=1, code="a"):
    """The outcome, the step it went on from, and what was told."""
    steps, lines = [], []
    outcome = fit(
        training, seed, resume=path, code=code, watch=lambda step, loss: steps.append(step), tell=lines.append
    )
    return outcome, steps[0], lines


def test_a_run_that_was_cut_off_goes_on_as_if_it_had_not_been(partial_file, whole):
    torch.manual_seed(99)
    outcome, first, lines = resumed(partial_file)
    assert_same(outcome, whole)
    assert first == 17 and lines == [] and not partial_file.exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"code": "b"}, "another code;"),
        ({"seed": 2}, "another seed;"),
        ({"training": replace(DROPPING, batch=4)}, "another configuration;"),
        ({"training": replace(DROPPING, steps=10)}, "another configuration and steps;"),
        ({"code": "b", "seed": 2}, "another code and seed;"),
    ],
)
def test_a_state_of_another_run_is_not_mixed_with_this_one(partial_file, change, says):
    outcome, first, lines = resumed(partial_file, **change)
    assert first == 1 and len(lines) == 1 and says in lines[0] and "starts over" in lines[0]
    assert_same(outcome, fit(change.get("training", DROPPING), change.get("seed", 1)))


def test_a_state_of_another_kind_of_device_is_not_gone_on_from(partial_file):
    rewritten(device=lambda state: "cuda")(partial_file)
    _, first, lines = resumed(partial_file)
    assert first == 1 and "another device" in lines[0]


def save(path, state):
    buffer = io.BytesIO()
    torch.save(state, buffer)
    path.write_bytes(sealed(buffer.getvalue()))


def flipped(content, at):
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


def rewritten(**parts):
    """The file with some of its parts replaced."""

    def change(path):
        state = torch.load(io.BytesIO(path.read_bytes()[DIGEST:]), weights_only=True)
        save(path, state | {name: part(state) for name, part in parts.items()})

    return change


BROKEN = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_bytes(b"no state at all"),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "pickled code": lambda path: save(path, Failure(1)),
    "a list": lambda path: save(path, [1, 2]),
    "lacks the losses": rewritten(losses=lambda state: {}),
    "too many steps": rewritten(losses=lambda state: {"loss": [0.5] * 31}),
    "losses that differ in length": rewritten(losses=lambda state: {"loss": [0.5], "other": []}),
    "another model": rewritten(model=lambda state: {}),
    "another optimiser": rewritten(stepper=lambda state: {"param_groups": []}),
    "no random state": rewritten(random=lambda state: []),
    "random state of another kind": rewritten(random=lambda state: [{"cpu": torch.zeros(3)}]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_state_that_cannot_be_read_is_set_aside_and_costs_nothing_else(partial_file, whole, name):
    BROKEN[name](partial_file)
    damaged = partial_file.read_bytes()
    outcome, first, lines = resumed(partial_file)
    aside = partial_file.with_name("run.partial.unreadable")
    assert first == 1 and aside.read_bytes() == damaged and not partial_file.exists()
    assert len(lines) == 1 and aside.name in lines[0]
    assert_same(outcome, whole)


def test_a_flipped_byte_anywhere_is_seen(partial_file, content):
    for at in range(0, len(content), len(content) // 50):
        partial_file.write_bytes(flipped(content, at))
        lines = []
        assert Progress(partial_file, {}, 30, lines.append).read() is None and "digest" in lines[0]


def test_the_generators_of_a_gpu_are_kept_and_put_back(monkeypatch, tmp_path):
    held = {"cuda:0": torch.tensor([1, 2, 3], dtype=torch.uint8)}
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: held[str(device)].clone())
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, device: held.update({str(device): state}))
    here, model = torch.device("cuda:0"), TRAINING.model(["red"])
    assert random_states(here).keys() == {"cpu", "cuda"} and random_states(torch.device("cpu")).keys() == {"cpu"}
    stepper = descend(model, TRAINING.objective, TRAINING.optimiser)
    progress = Progress(tmp_path / "state", {"code": ""}, steps=5, tell=print)
    progress.save(model, stepper, {"loss": [1.0]}, here)
    torch.rand(3)
    drawn, held["cuda:0"] = torch.rand(3), torch.zeros(3, dtype=torch.uint8)
    progress.save(model, stepper, {"loss": [1.0, 2.0]}, torch.device("cpu"))
    assert "cuda" not in progress.read()["random"][0]
    held["cuda:0"] = torch.tensor([1, 2, 3], dtype=torch.uint8)
    progress.save(model, stepper, {"loss": [1.0]}, here)
    expected, held["cuda:0"] = torch.rand(3), torch.zeros(3, dtype=torch.uint8)
    assert restore(progress.read(), model, stepper, here) == {"loss": [1.0]}
    assert held["cuda:0"].tolist() == [1, 2, 3]
    assert torch.equal(torch.rand(3), expected) and not torch.equal(expected, drawn)
    assert resume.random_states(here)["cuda"].tolist() == [1, 2, 3]
