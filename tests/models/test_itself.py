"""ITSELF and its baseline: the protocol, rows alone, steps and resumption, test-time choices, learning, refusals."""

from functools import partial

import pytest
import torch
from itself_golden import SQUARE, TALL
from torch.testing import assert_close

from cirkit.declare import describe, rebuild
from cirkit.errors import Problem
from cirkit.models.base import Retriever, take
from cirkit.models.branches import Fused, fusion, own_length, padded_length, token_selection
from cirkit.models.itself import ITSELF, GlobalOnly
from cirkit.models.mars import mars
from cirkit.models.retention import ATS, fixed
from cirkit.models.token_rules import least, marked_tokens, mean_over_layers, over_layers, random_tokens, single_layer
from cirkit.query import Query
from cirkit.training import checkpoints

TEXTS = ["a man in a red coat", "a woman with a blue bag and a hat", "hat", "two words", "a a a a a a", "he"]
SMALL = {"clip": TALL, "identities": 4}
MODELS = {
    "ITSELF": partial(ITSELF, **SMALL, width=12, retention=ATS(t_small=4)),
    "single layer": partial(ITSELF, **SMALL, width=12, rule=single_layer(11), text_rule=single_layer(11)),
    "least mean": partial(
        ITSELF, **SMALL, width=12, rule=least(over_layers(mean_over_layers)), text_rule=mars(discard=0.0)
    ),
    "random": partial(ITSELF, **SMALL, width=12, rule=random_tokens(), text_rule=random_tokens()),
    "baseline": partial(GlobalOnly, **SMALL),
}
every_model = pytest.mark.parametrize("name", MODELS)


@pytest.fixture(scope="module")
def models():
    found = {}
    for name, make in MODELS.items():
        torch.manual_seed(0)
        found[name] = make(TEXTS).eval()
    return found


def images(count: int = 6, channels: int = 3, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, channels, 48, 16), dtype=torch.uint8, generator=generator)


def near(one, other) -> bool:
    pairs = zip(one, other, strict=True) if isinstance(one, tuple) else [(one, other)]
    return all(torch.allclose(a, b, rtol=1e-4, atol=1e-5) for a, b in pairs)


@every_model
@torch.no_grad()
def test_speaks_the_protocol_and_a_batch_is_its_rows(models, name):
    model = models[name]
    assert isinstance(model, Retriever)
    composed, encoded = model.compose(Query(text=TEXTS)), model.encode(images())
    scores = model.score(composed, encoded)
    assert scores.shape == (6, 6) and scores.isfinite().all() and scores.abs().max() <= 1 + 1e-5
    for row in range(6):
        one = torch.tensor([row])
        assert near(model.compose(Query(text=[TEXTS[row]])), take(composed, one))
        assert near(model.encode(images()[one]), take(encoded, one))


@every_model
def test_a_configuration_in_json_makes_the_same_model(models, name):
    torch.manual_seed(0)
    again = rebuild(describe(MODELS[name]))(TEXTS).eval()
    assert near(again.encode(images()), models[name].encode(images()))


@every_model
def test_every_parameter_that_takes_part_gets_a_gradient(name):
    torch.manual_seed(0)
    model = MODELS[name](TEXTS).train()
    vectors = [each for pair in model.pairs(images(), TEXTS).values() for each in pair]
    sum((each * torch.randn_like(each)).sum() for each in vectors).backward()
    silent = {part for part, each in model.named_parameters() if each.grad is None or not each.grad.abs().sum() > 0}
    allowed = {"heads", "logit_scale"}
    assert all(any(word in part for word in allowed) for part in silent)


def test_a_step_of_training_is_counted_and_kept_with_the_weights():
    model = MODELS["ITSELF"](TEXTS).train()
    ratios = []
    for _ in range(5):
        model.pairs(images(2), TEXTS[:2])
        ratios.append(model.branches.ratio())
    assert ratios == [ATS(t_small=4)(step) for step in (1, 2, 3, 4, 5)]
    model.eval().pairs(images(2), TEXTS[:2])
    assert int(model.branches.step) == 5
    again = MODELS["ITSELF"](TEXTS)
    again.load_state_dict(model.state_dict())
    assert again.branches.ratio() == 0.5


@pytest.mark.parametrize("name", ["ITSELF", "least mean"])
def test_a_checkpoint_gives_it_back_without_anything_being_fetched(models, name, tmp_path):
    checkpoints.save(tmp_path, models[name], MODELS[name], TEXTS, 16)
    again = checkpoints.load(tmp_path)
    assert again.branches.rule == models[name].branches.rule and near(
        again.encode(images()), models[name].encode(images())
    )


def test_a_part_of_it_begins_from_a_square_clip():
    torch.manual_seed(5)
    square, model = SQUARE(), MODELS["ITSELF"](TEXTS)
    model.get_submodule("branches.clip").load_state_dict(square.state_dict())
    assert_close(model.branches.clip.text(TEXTS), square.text(TEXTS), rtol=1e-5, atol=1e-5)


def test_all_tokens_ask_for_no_rule(models):
    """With every token selected the rule that ranks them has no say."""
    model = models["ITSELF"]
    rules = [mars(), single_layer(2), least(mars())]
    with torch.no_grad():
        found = [
            token_selection(rule=each, text_rule=each, retention=fixed(1.0))(model).encode(images()) for each in rules
        ]
    assert all(near(found[0], each) for each in found[1:])


def test_test_time_choices_share_weights_and_leave_the_model_as_it_was(models):
    model = models["ITSELF"]
    released = token_selection(rule=single_layer(11), text_rule=single_layer(11), retention=fixed(0.4))
    before = model.encode(images())
    other = released(fusion(1.0)(model))
    assert other.score.weight == 1.0 and model.score.weight == 0.5 and model.branches.rule == mars()
    assert not near(other.encode(images()), before) and near(model.encode(images()), before)
    assert next(other.parameters()) is next(model.parameters())
    assert describe(rebuild(describe(released))) == describe(released)


def test_the_fused_score_is_a_mean_of_both_cosines(models):
    model = models["ITSELF"]
    composed, gallery = model.compose(Query(text=TEXTS)), model.encode(images())
    whole, local = Fused(1.0)(composed, gallery), Fused(0.0)(composed, gallery)
    assert_close(Fused(0.3)(composed, gallery), 0.3 * whole + 0.7 * local)
    assert not near(whole, local)


def test_marked_tokens_follow_the_fourth_channel():
    model = ITSELF(TEXTS, **SMALL, width=12, rule=marked_tokens(), retention=fixed(1 / 12)).eval()
    seen = []
    model.branches.grab_image.register_forward_pre_hook(lambda module, given: seen.append(given[1].argmax(1)))
    pictures = images(3, channels=4)
    pictures[:, 3] = 0
    for row, (y, x) in enumerate([(0, 0), (3, 1), (5, 1)]):  # patches of 8 pixels, 6 rows of 2
        pictures[row, 3, 8 * y : 8 * y + 8, 8 * x : 8 * x + 8] = 255
    model.encode(pictures)
    assert seen[0].tolist() == [1, 8, 12]
    with pytest.raises(Problem, match="fourth channel"):
        model.encode(images(3))


def test_a_texts_length_is_the_contexts_or_its_own():
    words = torch.tensor([3, 22])
    assert padded_length(words, 24).tolist() == [22, 22] and own_length(words, 24).tolist() == [3, 22]


@every_model
def test_a_query_that_is_no_caption_is_refused_in_a_sentence(models, name):
    with pytest.raises(Problem, match=r"Give the query a text and no image\.$"):
        models[name].compose(Query(image=images(1), text=["a man"]))
    with pytest.raises(Problem, match=r"Caption 1 of these 2 is empty\. Leave it out, or write one\.$"):
        models[name].compose(Query(text=["a man", " "]))


def test_a_training_caption_without_words_is_refused_in_a_sentence(models):
    with pytest.raises(Problem, match=r"'' has no words to rank\. Leave the caption out, or write one\.$"):
        models["ITSELF"].branches.text(["a man", ""])
