from functools import partial

import pytest
import torch
from toys import Mean

from cirkit import declare
from cirkit.attention.blocks import MultiHeadAttention, softmax
from cirkit.compat import ensure_torchvision
from cirkit.errors import Problem
from cirkit.losses.contrastive import batch_softmax
from cirkit.training.objectives import ranking
from cirkit.training.optimisers import sgd


def test_a_description_names_everything_and_its_hash_follows_it():
    a = partial(MultiHeadAttention, width=8, heads=2)
    assert declare.describe(a) == {"partial": "blocks.MultiHeadAttention", "heads": 2, "width": 8}
    assert declare.describe(ranking(batch_softmax)) == {
        "make": "objectives.ranking",
        "loss": {"name": "contrastive.batch_softmax"},
    }
    assert declare.fingerprint(a) == declare.fingerprint(partial(MultiHeadAttention, heads=2, width=8))
    assert declare.fingerprint(a) != declare.fingerprint(partial(MultiHeadAttention, heads=4, width=8))


def test_where_the_data_lie_does_not_change_the_fingerprint():
    here, there = partial(batch_softmax, root="data/raw/css"), partial(batch_softmax, root="/elsewhere")
    assert declare.fingerprint(here) == declare.fingerprint(there) and declare.describe(here) != declare.describe(there)


@pytest.mark.parametrize("thing", [lambda: 0, partial(MultiHeadAttention, 8), {1, 2}, torch.zeros(1)])
def test_what_cannot_be_written_down_is_refused(thing):
    with pytest.raises(TypeError):
        declare.describe(thing)


def test_rebuilding_gives_the_object_back():
    made = declare.rebuild(declare.describe(partial(MultiHeadAttention, width=8, heads=2)))
    assert made.func is MultiHeadAttention and made.keywords == {"width": 8, "heads": 2}
    assert declare.rebuild(declare.describe(softmax)) is softmax


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "files.write_atomically",
        "blocks.torch",
        "nothing.X",
        "clip.transformers_clip",
        "open_clip_towers.load",
        "blip.blip",
        "t5.t5",
        "cirkit.attention.blocks.MultiHeadAttention",
        3,
    ],
)
def test_a_description_reaches_model_parts_alone(name):
    with pytest.raises(Problem):
        declare.rebuild({"partial": name})


@pytest.mark.parametrize("kind", ["make", "partial", "name"])
@pytest.mark.parametrize("given", [{}, {"pretrained": True}, {"pretrained": False}])
def test_a_description_that_is_rebuilt_fetches_no_weights(monkeypatch, kind, given):
    flags = []

    def create_model(name, *, pretrained, **others):
        flags.append(pretrained)
        raise Problem("no network")

    ensure_torchvision()
    monkeypatch.setattr("timm.create_model", create_model)
    with pytest.raises(Problem, match="no network"):
        declare.rebuild({kind: "image.ResNet"} | (given if kind != "name" else {}))()
    assert flags == [False]


def test_the_code_hash_ignores_comments_and_docstrings_but_not_code(tmp_path, monkeypatch):
    package = tmp_path / "cirkit"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "b.py").write_text("LIMIT = 3\n")
    monkeypatch.setattr(declare, "PACKAGE", package)

    def hashed(text):
        (package / "a.py").write_text(text)
        return declare.code_hash({}, also=("cirkit.a",))

    plain = hashed("from cirkit import b\ndef f():\n    return b.LIMIT\n")
    assert plain == hashed(
        '"""New words."""\nfrom cirkit import b\ndef f():\n    """Says."""\n    return b.LIMIT  # why\n'
    )
    assert plain != hashed("from cirkit import b\ndef f():\n    return b.LIMIT + 1\n")
    before = hashed("from cirkit import b\n")
    (package / "b.py").write_text("LIMIT = 4\n")
    assert before != hashed("from cirkit import b\n")


def test_the_code_hash_reaches_what_a_declaration_names():
    one = declare.code_hash(sgd(lr=0.1))
    assert one == declare.code_hash(sgd(lr=0.2)) and one != declare.code_hash(batch_softmax)
    assert Mean.__module__ == "toys"


class Colours:
    """Describes itself."""

    def described(self):
        return {"world": "colours", "version": (1, 2)}


def test_an_object_may_say_itself_what_describes_it():
    assert declare.describe({"world": Colours()}) == {"world": {"world": "colours", "version": [1, 2]}}
    assert declare.describe(Colours) == {"name": f"{__name__}.Colours"}
