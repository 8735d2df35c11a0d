"""What holds for every retriever: the protocol, rows that do not see each other, gradients everywhere, learning."""

import json
from functools import partial

import pytest
import torch
from torch.nn.functional import cross_entropy

from cirkit.attention.blocks import identity
from cirkit.attention.positions import Sinusoidal
from cirkit.declare import describe, rebuild
from cirkit.encoders.image import SmallResNet, unprojected
from cirkit.encoders.text import LSTM, BiGRU, Embedding
from cirkit.errors import Problem
from cirkit.models.artemis import ARTEMIS
from cirkit.models.base import Features, Retriever, take
from cirkit.models.baselines import Concatenation, ImageOnly, TextOnly
from cirkit.models.film import FiLM
from cirkit.models.maaf import MAAF
from cirkit.models.parameter_hashing import ParameterHashing
from cirkit.models.relationship import Relationship
from cirkit.models.show_and_tell import ShowAndTell
from cirkit.models.sum import Sum
from cirkit.models.tirg import TIRG
from cirkit.models.tirg_last_conv import TIRGLastConv
from cirkit.models.val import VAL, norm_relu
from cirkit.query import Query

TEXTS = [
    "make yellow sphere small",
    "remove cube",
    "add red cube to top-left",
    "make it blue",
    "",
    "remove the large sphere now please",
]
IMAGE = partial(SmallResNet, width=16, widths=(8, 12), strides=(1, 2))
TEXT = partial(LSTM, width=16)
SMALL = {"image": IMAGE, "text": TEXT}

MODELS = {
    "MAAF": partial(MAAF, **SMALL, blocks=1, heads=2, hidden=16),
    "MAAF identity": partial(MAAF, **SMALL, blocks=1, heads=2, hidden=16, weights=identity),
    "MAAF two resolutions": partial(
        MAAF, image=partial(IMAGE, levels=2), text=TEXT, heads=2, hidden=16, positions=Sinusoidal
    ),
    "TIRG": partial(TIRG, **SMALL),
    "ImageOnly": partial(ImageOnly, image=IMAGE),
    "TextOnly": partial(TextOnly, **SMALL),
    "Concatenation": partial(Concatenation, **SMALL),
    "Sum": partial(Sum, **SMALL),
    "ShowAndTell": partial(ShowAndTell, image=IMAGE, text=partial(Embedding, width=16)),
    "ParameterHashing": partial(ParameterHashing, **SMALL, candidates=64),
    "Relationship": partial(Relationship, **SMALL, hidden=64),
    "FiLM": partial(FiLM, **SMALL, blocks=2),
    "TIRGLastConv": partial(TIRGLastConv, **SMALL),
    # attention starts away from zero, so that all of it gets a gradient
    "VAL": partial(VAL, image=partial(IMAGE, levels=2), text=TEXT, sides=(8, 4), balance=(1.0, 0.5)),
    "VAL released gates": partial(
        VAL, image=partial(IMAGE, levels=2), text=TEXT, sides=(8, 4), balance=(1.0, 0.5), gate=norm_relu
    ),
    "ARTEMIS": partial(
        ARTEMIS, image=partial(IMAGE, width=12, project=unprojected), text=partial(BiGRU, width=16), width=16
    ),
}
BLIND = {"TextOnly"}  # to the picture of the query
DEAF = {"ImageOnly"}  # to its sentence
PAIRS = {"ARTEMIS"}  # a query is no vector among those of the gallery

every_model = pytest.mark.parametrize("name", MODELS)


def build(name: str, seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return MODELS[name](TEXTS).eval()


def pictures(count: int = 6, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator)


def question() -> Query:
    return Query(image=pictures(), text=TEXTS)


def near(one: Features, other: Features) -> bool:
    if isinstance(one, tuple):
        return all(near(part, same) for part, same in zip(one, other, strict=True))
    return torch.allclose(one, other, rtol=1e-4, atol=1e-5)


@every_model
def test_speaks_the_protocol(name):
    model = build(name)
    assert isinstance(model, Retriever)
    scores = model.score(model.compose(question()), model.encode(pictures(4, seed=1)))
    assert scores.shape == (6, 4) and scores.isfinite().all()


@every_model
def test_a_batch_is_its_rows(name):
    model = build(name)
    composed, encoded = model.compose(question()), model.encode(pictures())
    for row in range(6):
        one = torch.tensor([row])
        assert near(model.compose(question()[one]), take(composed, one))
        assert near(model.encode(pictures()[one]), take(encoded, one))


@every_model
def test_a_longer_sentence_in_the_batch_changes_no_other_row(name):
    model = build(name)
    longer = [*TEXTS[:-1], " ".join(TEXTS)]
    before, after = model.compose(question()), model.compose(Query(image=pictures(), text=longer))
    assert near(take(before, slice(5)), take(after, slice(5)))


@every_model
def test_a_score_does_not_depend_on_the_rest_of_the_gallery(name):
    model = build(name)
    composed, gallery = model.compose(question()), model.encode(pictures(5, seed=1))
    whole = model.score(composed, gallery)
    for item in range(5):
        assert near(whole[:, item : item + 1], model.score(composed, take(gallery, slice(item, item + 1))))


@every_model
def test_the_sentence_and_the_picture_matter_where_they_should(name):
    model = build(name)
    base = model.compose(question())
    sentence = model.compose(Query(image=pictures(), text=TEXTS[::-1]))
    picture = model.compose(Query(image=pictures(seed=2), text=TEXTS))
    assert near(base, sentence) is (name in DEAF)
    assert near(base, picture) is (name in BLIND)


@every_model
def test_word_order_and_unknown_words_are_heard_as_words(name):
    model = build(name)
    ordered = model.compose(Query(image=pictures(1), text=["remove the large sphere"]))
    swapped = model.compose(Query(image=pictures(1), text=["sphere large the remove"]))
    unknown = [model.compose(Query(image=pictures(1), text=[f"remove {word}"])) for word in ("zebra", "giraffe")]
    assert near(ordered, swapped) is (name in DEAF)
    assert near(*unknown)


@every_model
def test_a_query_without_a_sentence_is_a_picture_where_the_model_can_read_one(name):
    model = build(name)
    silent = Query(image=pictures())
    if name in BLIND:
        with pytest.raises(Problem, match="Give the query a text"):
            model.compose(silent)
    elif name in PAIRS:
        scores = model.score(model.compose(silent), model.encode(pictures()))
        assert near(scores.diagonal(), scores.max().expand(6)) and scores.argmax(1).tolist() == [*range(6)]
    else:
        assert near(model.compose(silent), model.encode(pictures()))


@every_model
def test_a_query_without_a_picture_is_answered_or_refused_in_a_sentence(name):
    model = build(name)
    if name in BLIND or name.startswith("MAAF"):
        assert model.compose(Query(text=TEXTS)).shape == (6, 16)
    else:
        with pytest.raises(Problem, match=r"Give the query an image\.$"):
            model.compose(Query(text=TEXTS))


@every_model
def test_every_parameter_gets_a_gradient(name):
    model = build(name).train()
    scores = model.score(model.compose(question()), model.encode(pictures(seed=1)))
    cross_entropy(scores, torch.arange(6)).backward()
    silent = [part for part, each in model.named_parameters() if each.grad is None or not each.grad.abs().sum() > 0]
    # the softmax does not change when all scores of a query move alike, which is all that a bias of the keys does
    useless = "attend.key.bias" if name in ("MAAF", "MAAF two resolutions") else "none"
    assert [part for part in silent if not part.endswith(useless)] == []


@every_model
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(name):
    first, second, other = (build(name, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[part], second[part]) for part in first)
    assert any(not torch.equal(first[part], other[part]) for part in first)


@every_model
def test_weights_saved_and_loaded_give_the_same_answers(name):
    model, other = build(name), build(name, seed=1)
    other.load_state_dict(model.state_dict())
    torch.testing.assert_close(model.compose(question()), other.compose(question()), rtol=0, atol=0)


@every_model
def test_double_precision_gives_the_same_answers(name):
    single, double = build(name), build(name).double()
    scores, exact = (
        model.score(model.compose(question()), model.encode(pictures(4, seed=1))) for model in (single, double)
    )
    assert exact.dtype == torch.double and near(scores.double(), exact)


@every_model
def test_a_declaration_in_json_makes_the_same_model(name):
    told = json.loads(json.dumps(describe(MODELS[name])))
    torch.manual_seed(0)
    again = rebuild(told)(TEXTS).eval()
    torch.testing.assert_close(again.compose(question()), build(name).compose(question()), rtol=0, atol=0)


@every_model
def test_sixty_steps_on_sixteen_pairs_halve_the_loss_and_as_many_more_learn_them_by_heart(name):
    torch.manual_seed(0)
    colours = ["red", "green", "blue", "grey"]
    texts = [
        f"make it {colours[pair % 4]} {'large' if pair % 8 < 4 else 'small'} {'now' * (pair < 8)}" for pair in range(16)
    ]
    model = MODELS[name](texts).train()
    reference, target = pictures(16, seed=3), pictures(16, seed=4)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(120):
        scores = model.score(model.compose(Query(image=reference, text=texts)), model.encode(target))
        loss = cross_entropy(scores, torch.arange(16))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[59] < losses[0] / 2
    model.eval()
    scores = model.score(model.compose(Query(image=reference, text=texts)), model.encode(target))
    assert scores.argmax(1).tolist() == list(range(16))
