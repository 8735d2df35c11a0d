"""TransAgg: the fusion against the official code, padding, what learns, live and cached tokens, learning."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.functional import normalize
from toys import TinyClip, plain_triplets
from written_weights import drawn, fill

from cirkit.attention.blocks import softmax
from cirkit.declare import describe, rebuild
from cirkit.encoders.word_vectors import frozen, tuned
from cirkit.errors import Problem
from cirkit.examples import CachedFeatures
from cirkit.losses.contrastive import batch_softmax
from cirkit.models.base import Retriever
from cirkit.models.combiner import text_tower
from cirkit.models.transagg import Fusion, FusionLayer, TransAgg, pre_norm, raised_padding, tokens, triplet_tokens
from cirkit.query import Batch, Query
from cirkit.training.loop import Training, fit
from cirkit.training.objectives import ranking
from cirkit.training.optimisers import adamw, lr_multiplier
from cirkit.training.samplers import shuffled
from cirkit.training.schedules import constant
from cirkit.training.tokens import ranking_tokens

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "transagg.json").read_text())
PADDING = {"padding left out": softmax, "padding raised": raised_padding}
TEXTS = ["make it red", "", "a larger one with a long text", "blue"]
SMALL = partial(Fusion, heads=2, hidden=16)
STILL = partial(SMALL, dropout=0.0)
TOWERS = {
    frozen: set(),
    text_tower: {"clip.word.weight", "clip.position", "clip.read.weight", "clip.read.bias"},
    tuned: {f"clip.{name}" for name, _ in TinyClip().named_parameters()},
}


def pictures(count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, 8, 8), dtype=torch.uint8, generator=generator)


def small(**changes) -> TransAgg:
    torch.manual_seed(0)
    return TransAgg(["a"], **({"clip": TinyClip, "fusion": SMALL, "tuning": frozen} | changes))


def training(**changes) -> Training:
    settings = {
        "model": partial(TransAgg, clip=TinyClip, fusion=STILL, tuning=frozen),
        "data": plain_triplets,
        "objective": ranking(batch_softmax),
        "optimiser": adamw(lr=3e-3),
        "steps": 60,
        "batch": 6,
        "schedule": constant,
        "sampler": shuffled,
    }
    return Training(**(settings | changes))


def reading(width: int = 8, b: int = 3, t: int = 6, m: int = 5) -> dict[str, torch.Tensor]:
    """Tokens of texts of two, four and six tokens."""
    generator = torch.Generator().manual_seed(0)
    words = torch.arange(t) < torch.tensor([2, 4, 6])[:b, None]
    image, text = (torch.randn(b, n, width, generator=generator, dtype=torch.double) for n in (m, t))
    return {"image": image, "text": text, "words": words, "position": words.sum(1) - 1}


@pytest.mark.parametrize("padding", PADDING)
@pytest.mark.parametrize("backbone, t", [("clip", 77), ("blip", 35)])
@torch.no_grad()
def test_the_official_code_gives_these_numbers(backbone, t, padding):
    """TransAgg of Code-kunkun/ZS-CIR at 5b2a485, double precision, the weights of `fill`."""
    fusion, golden = Fusion(16, weights=PADDING[padding]).double().eval(), GOLDEN["cases"][backbone][padding]
    fill(fusion)
    image, text, target = (
        8 * drawn(shape, number) - 4 for shape, number in (((3, 5, 16), 2000), ((3, t, 16), 2001), ((3, 16), 2002))
    )
    words = torch.arange(t) < torch.tensor([5, 9, t])[:, None]
    position = words.sum(1) - 1 if backbone == "clip" else torch.zeros(3, dtype=int)
    composed = fusion(image, text, words, position)
    scores = small().double().score(composed, target)
    for values, expected in ((normalize(composed, dim=1), golden["composed"]), (scores, golden["logits"])):
        torch.testing.assert_close(values, torch.tensor(expected, dtype=torch.double), rtol=1e-6, atol=1e-9)


@torch.no_grad()
def test_padding_is_left_out_or_raised_by_one():
    given = reading()
    spoilt = given | {"text": given["text"].masked_fill(~given["words"][..., None], 1e3)}
    for weights in PADDING.values():
        torch.manual_seed(0)
        fusion = SMALL(8, weights=weights).double().eval()
        same = torch.isclose(fusion(**given), fusion(**spoilt)).all(1)
        assert same.tolist() == ([True] * 3 if weights is softmax else [False, False, True])
    scores, mask = torch.randn(2, 4), torch.tensor([[True, False, True, False]])
    by_hand = (scores + torch.tensor([0.0, 1.0, 0.0, 1.0])).softmax(-1)
    torch.testing.assert_close(raised_padding(scores, mask), by_hand)
    torch.testing.assert_close(raised_padding(scores), scores.softmax(-1))


def test_layers_start_as_torch_starts_them_and_all_alike():
    torch.manual_seed(0)
    fusion, theirs = Fusion(64, layers=3), nn.TransformerEncoderLayer(64, 8)
    one, *others = fusion.layers
    attend = one.attend
    assert all(torch.equal(p, q) for each in others for p, q in zip(one.parameters(), each.parameters(), strict=True))
    inside = torch.cat([attend.query.weight, attend.key.weight, attend.value.weight])
    own = theirs.self_attn
    for ours, other in ((inside, own.in_proj_weight), (attend.output.weight, own.out_proj.weight)):
        assert ours.abs().max().item() == pytest.approx(other.abs().max().item(), rel=0.01)
    assert not any(each.bias.any() for each in (attend.query, attend.key, attend.value, attend.output))
    assert fusion.between.token.std().item() == pytest.approx(1, abs=0.3)
    assert {layer.rate for layer in one.modules() if hasattr(layer, "rate")} == {0.5}


def test_at_the_released_sizes_it_has_the_released_number_of_parameters():
    with torch.device("meta"):
        counts = [sum(p.numel() for p in Fusion(width).parameters()) for width in (256, 512, 768)]
    assert counts == [4_206_339, 12_602_883, 25_193_731]


@torch.no_grad()
def test_a_layer_gives_some_rows_as_it_gives_them_among_all():
    torch.manual_seed(0)
    settings = {"heads": 2, "hidden": 16, "dropout": 0.5, "weights": softmax, "residual": (pre_norm, pre_norm)}
    layer = FusionLayer(8, **settings).double().eval()
    given = reading()
    rows = torch.tensor([[0, 3], [1, 1], [5, 2]])
    whole = layer(given["text"], given["words"])
    for b in range(3):
        torch.testing.assert_close(layer(given["text"], given["words"], rows)[b], whole[b, rows[b]])


@torch.no_grad()
def test_a_batch_is_its_rows():
    model, query = small().double().eval(), Query(image=pictures(4), text=TEXTS)
    composed = model.compose(query)
    assert composed.isfinite().all() and isinstance(model, Retriever)
    for row in range(4):
        torch.testing.assert_close(model.compose(query[torch.tensor([row])]), composed[row : row + 1])


@torch.no_grad()
def test_attention_is_over_the_text_the_separator_and_the_image():
    model, query = small().eval(), Query(image=pictures(4), text=TEXTS)
    maps = model.attention(query)
    assert [each.shape for each in maps] == [(4, 2, 24 + 1 + 5, 24 + 1 + 5)] * 2
    for each in maps:
        torch.testing.assert_close(each.sum(-1), torch.ones(4, 2, 30))
        for row, text in enumerate(TEXTS):
            end = 2 + len(text.split())
            assert not each[row, :, :, end:24].any() and (each[row, :, :, :end] > 0).all()


@torch.no_grad()
def test_the_score_is_a_hundred_cosines():
    model, query = small().eval(), Query(image=pictures(4), text=TEXTS)
    composed, gallery = model.compose(query), model.encode(pictures(3, seed=1))
    expected = 100 * normalize(composed, dim=1) @ normalize(TinyClip().image(pictures(3, seed=1)), dim=1).T
    torch.testing.assert_close(model.score(composed, gallery), expected)


@pytest.mark.parametrize("tuning", TOWERS)
def test_the_fusion_learns_and_the_chosen_towers_of_the_encoder(tuning):
    model = small(tuning=tuning).train()
    assert not any(part.training for part in model.clip.modules())
    query = Query(image=pictures(4), text=TEXTS)
    batch_softmax(model.score(model.compose(query), model.encode(pictures(4, seed=1)))).backward()
    reached = {name for name, each in model.named_parameters() if each.grad is not None and each.grad.any()}
    # the softmax does not change with a bias of the keys
    fusion = {name for name, _ in model.named_parameters() if name.startswith("fusion") and "key.bias" not in name}
    assert {name for name in reached if "key.bias" not in name} == fusion | TOWERS[tuning]


@pytest.mark.parametrize("tuning", TOWERS)
def test_the_encoder_learns_at_its_own_rate(tuning):
    model = small(tuning=tuning)
    optimiser = lr_multiplier(optimiser=adamw(lr=1e-4, weight_decay=0.05), parts=("clip",), factor=0.01)
    groups = optimiser(model).param_groups
    names = {id(each): name for name, each in model.named_parameters()}
    rates = {names[id(each)]: group["lr"] for group in groups for each in group["params"]}
    assert {name for name, rate in rates.items() if rate == pytest.approx(1e-6)} == TOWERS[tuning]
    assert {name for name, rate in rates.items() if rate == 1e-4} == {n for n in names.values() if n[:6] == "fusion"}


@torch.no_grad()
def test_cached_tokens_take_the_place_of_images_and_texts(tmp_path):
    cached = CachedFeatures(data=plain_triplets, model=TinyClip, encode=triplet_tokens, batch=4, root=tmp_path)
    model, batch = small().eval(), plain_triplets()[torch.tensor([5, 0, 3])]
    stored = dict(cached()[torch.tensor([5, 0, 3])].tensors)
    torch.testing.assert_close(stored.pop("target"), model.encode(batch.target))
    torch.testing.assert_close(model.fusion(**stored), model.compose(batch.query))
    for name, each in tokens(TinyClip(), batch.query).items():
        torch.testing.assert_close(stored[name], each)


def test_cached_tokens_train_the_fusion_as_live_images_and_texts_do(tmp_path):
    cached = CachedFeatures(data=plain_triplets, model=TinyClip, encode=triplet_tokens, root=tmp_path)
    live = fit(training(steps=6), 0)
    stored = fit(training(steps=6, data=cached, objective=ranking_tokens(batch_softmax)), 0)
    torch.testing.assert_close(torch.tensor(live.loss), torch.tensor(stored.loss))
    assert live.loss[-1][1] < live.loss[0][1]
    query = plain_triplets()[torch.arange(6)].query
    torch.testing.assert_close(live.model.compose(query), stored.model.compose(query), rtol=1e-3, atol=1e-4)


def test_it_learns_six_pairs_by_heart():
    trained = fit(training(), 0)
    batch = plain_triplets()[torch.arange(6)]
    with torch.no_grad():
        scores = trained.model.score(trained.model.compose(batch.query), trained.model.encode(batch.target))
    assert trained.loss[-1][1] < trained.loss[0][1] / 10 and scores.argmax(1).tolist() == [*range(6)]


@torch.no_grad()
def test_a_query_of_one_part_is_that_part():
    model = small().eval()
    torch.testing.assert_close(model.compose(Query(image=pictures(2))), model.encode(pictures(2)))
    torch.testing.assert_close(model.compose(Query(text=["red", "a cube"])), model.clip.text(["red", "a cube"]))
    with pytest.raises(Problem, match="no negative text and no mask"):
        model.compose(Query(image=pictures(1), text=["red"], avoid=["blue"]))
    with pytest.raises(Problem, match="Give the query both"):
        triplet_tokens(model.clip, Batch(query=Query(image=pictures(1)), target=pictures(1)))


@torch.no_grad()
def test_a_description_makes_the_same_fusion():
    told = json.loads(json.dumps(describe(partial(SMALL, weights=raised_padding))))
    assert told["weights"] == {"name": "transagg.raised_padding"}
    given, (one, other) = reading(), (partial(SMALL, weights=raised_padding), rebuild(told))
    torch.manual_seed(0)
    first = one(8).double().eval()
    torch.manual_seed(0)
    assert torch.equal(first(**given), other(8).double().eval()(**given))
