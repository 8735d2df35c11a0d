"""CLIP4Cir: the Combiner against a loop and the official code, what learns in each stage, live and cached features."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch
from torch.nn.functional import normalize
from toys import TinyClip
from written_weights import drawn, fill

from cirkit.declare import describe
from cirkit.encoders.clip import open_clip
from cirkit.encoders.word_vectors import tuned
from cirkit.errors import Problem
from cirkit.examples import CachedFeatures
from cirkit.losses.contrastive import batch_softmax
from cirkit.models.base import Retriever
from cirkit.models.combiner import CLIP4Cir, Combiner, ElementWiseSum, image_tower, text_tower, triplet_features
from cirkit.models.sum import unit
from cirkit.query import Batch, Query, Triplets
from cirkit.training.loop import Training, Weights, fit
from cirkit.training.objectives import ranking, ranking_features
from cirkit.training.optimisers import adamw
from cirkit.training.samplers import shuffled
from cirkit.training.schedules import constant

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "combiner.json").read_text())
FUSIONS = {"Combiner": Combiner, "ElementWiseSum": ElementWiseSum}
IMAGE_TOWER = {"clip.patch.weight", "clip.patch.bias", "clip.project.weight", "clip.project.bias"}
TEXT_TOWER = {"clip.word.weight", "clip.position", "clip.read.weight", "clip.read.bias"}


def pictures(count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, 8, 8), dtype=torch.uint8, generator=generator)


def pairs() -> Triplets:
    texts = [f"make it {colour} {size}" for colour in ("red", "green", "blue") for size in ("large", "small")]
    return Triplets(query=Query(image=pictures(6), text=texts), target=pictures(6, seed=1))


def small(**changes) -> CLIP4Cir:
    torch.manual_seed(0)
    return CLIP4Cir(["a"], **({"clip": TinyClip} | changes))


def training(**changes) -> Training:
    settings = {
        "model": partial(CLIP4Cir, clip=TinyClip, fusion=partial(Combiner, dropout=0.0)),
        "data": pairs,
        "objective": ranking(batch_softmax),
        "optimiser": adamw(lr=1e-2),
        "steps": 60,
        "batch": 6,
        "schedule": constant,
        "sampler": shuffled,
    }
    return Training(**(settings | changes))


def learning(model: CLIP4Cir) -> set[str]:
    return {name for name, each in model.named_parameters() if each.requires_grad}


@pytest.mark.parametrize("name", FUSIONS)
def test_the_official_code_gives_these_numbers(name):
    """The Combiner of ABaldrati/CLIP4Cir at dfed9f7 and its sum, double precision, the weights of `fill`."""
    fusion, golden = FUSIONS[name](8).double().eval(), GOLDEN["cases"][name]
    fill(fusion)
    image, text, target = (8 * drawn((3, 8), number) - 4 for number in (2000, 2001, 2002))
    score = small().double().score
    with torch.no_grad():
        composed = fusion(image, text)
        scores = score(composed, target)
    for values, expected in ((normalize(composed, dim=1), golden["composed"]), (scores, golden["logits"])):
        torch.testing.assert_close(values, torch.tensor(expected, dtype=torch.double), rtol=1e-5, atol=1e-7)
    assert batch_softmax(scores).item() == pytest.approx(golden["loss"], rel=1e-5)


def test_the_combiner_is_its_formula():
    torch.manual_seed(0)
    layer = Combiner(3, projection=2, hidden=3).double().eval()
    image, text = torch.randn(4, 3, dtype=torch.double), torch.randn(4, 3, dtype=torch.double)
    out = layer(image, text)

    def through(linear, values, relu=True):
        rows = [
            sum(w * v for w, v in zip(row, values, strict=True)) + b
            for row, b in zip(linear.weight, linear.bias, strict=True)
        ]
        return [row.clamp(min=0) if relu else row for row in rows]

    for b in range(4):
        joined = through(layer.text[0], text[b]) + through(layer.image[0], image[b])
        mix = through(layer.mix[1], through(layer.mix[0][0], joined), relu=False)
        (logit,) = through(layer.balance[1], through(layer.balance[0][0], joined), relu=False)
        share = 1 / (1 + (-logit).exp())
        for c in range(3):
            torch.testing.assert_close(out[b, c], mix[c] + share * text[b, c] + (1 - share) * image[b, c])


@pytest.mark.parametrize(
    "width, projection, hidden, count", [(640, 4, 8, 59_003_521), (512, 4, 8, 37_765_633), (768, 4, 8, 84_960_001)]
)
def test_at_the_released_sizes_it_has_the_released_number_of_parameters(width, projection, hidden, count):
    with torch.device("meta"):
        layer = Combiner(width, projection=projection, hidden=hidden)
    assert sum(p.numel() for p in layer.parameters()) == count


def test_the_score_is_a_hundred_cosines_and_does_not_learn():
    model = small(fusion=ElementWiseSum).double().eval()  # in single precision a hundred cosines round to 1e-5
    query = Query(image=pictures(3), text=["red", "make it blue", "red"])
    scores = model.score(model.compose(query), model.encode(pictures(4, seed=1)))
    clip = TinyClip().double()
    for i in range(3):
        summed = clip.image(query.image[i : i + 1]) + clip.text([query.text[i]])
        for j in range(4):
            target = clip.image(pictures(4, seed=1)[j : j + 1])
            cosine = (summed * target).sum() / summed.norm() / target.norm()
            torch.testing.assert_close(scores[i, j], 100 * cosine)
    assert isinstance(model, Retriever) and learning(model) == set()


@pytest.mark.parametrize(
    "tuning, expected",
    [(text_tower, TEXT_TOWER), (image_tower, IMAGE_TOWER), (tuned, TEXT_TOWER | IMAGE_TOWER)],
)
def test_in_stage_one_the_chosen_towers_learn(tuning, expected):
    model = small(fusion=ElementWiseSum, tuning=tuning)
    assert learning(model) == expected
    before = {name: each.clone() for name, each in model.state_dict().items()}
    trained = fit(training(model=partial(CLIP4Cir, clip=TinyClip, fusion=ElementWiseSum, tuning=tuning), steps=3), 0)
    moved = {name for name, each in trained.model.state_dict().items() if not torch.equal(each, before[name])}
    assert moved == expected


@pytest.mark.parametrize("tuning", [text_tower, image_tower])
def test_the_towers_of_open_clip_are_told_apart(tuning):
    vision = {"image_size": 32, "layers": 1, "width": 8, "head_width": 8, "patch_size": 16}
    text = {"context_length": 12, "width": 8, "heads": 1, "layers": 1}
    clip = tuning(open_clip(arch={"embed_dim": 8, "vision_cfg": vision, "text_cfg": text}))
    network = clip.towers.network
    learns = {name.startswith("visual."): set() for name, _ in network.named_parameters()}
    for name, each in network.named_parameters():
        if name not in ("logit_scale", "logit_bias"):
            learns[name.startswith("visual.")].add(each.requires_grad)
    assert learns == {True: {tuning is image_tower}, False: {tuning is text_tower}}


def test_the_addends_may_be_unit_vectors():
    image, text = 5 * torch.randn(3, 8), torch.randn(3, 8)
    summed = ElementWiseSum(8, addend=unit)(image, text)
    torch.testing.assert_close(summed, image / image.norm(dim=1)[:, None] + text / text.norm(dim=1)[:, None])
    torch.testing.assert_close(ElementWiseSum(8)(image, text), image + text)


def test_clip_stays_in_evaluation_mode_while_the_combiner_is_trained():
    model = small().train()
    assert model.training and model.fusion.training and not any(part.training for part in model.clip.modules())


def test_stage_two_begins_with_the_clip_of_stage_one_and_leaves_it():
    first = training(model=partial(CLIP4Cir, clip=TinyClip, fusion=ElementWiseSum, tuning=text_tower), steps=20)
    tower = fit(first, 0).model.clip.state_dict()
    second = training(start={"clip": Weights(of=first, part="clip")})
    trained = fit(second, 0, start={"clip": tower})
    assert trained.loss[-1][1] < trained.loss[0][1] / 2
    assert all(torch.equal(each, tower[name]) for name, each in trained.model.clip.state_dict().items())
    assert {name.partition(".")[0] for name in learning(trained.model)} == {"fusion"}


def test_cached_features_train_the_combiner_as_live_ones_do(tmp_path):
    cached = CachedFeatures(data=pairs, model=TinyClip, encode=triplet_features, root=tmp_path)
    live = fit(training(steps=8), 0)
    stored = fit(training(steps=8, data=cached, objective=ranking_features(batch_softmax)), 0)
    assert [step for step, _ in live.loss] == [step for step, _ in stored.loss]
    torch.testing.assert_close(torch.tensor(live.loss), torch.tensor(stored.loss))
    assert live.loss[-1][1] < live.loss[0][1]
    for one, other in zip(live.model.fusion.parameters(), stored.model.fusion.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_features_of_a_batch_are_those_of_its_parts():
    clip, batch = TinyClip(), Batch(query=Query(image=pictures(2), text=["a", "b c"]), target=pictures(2, seed=1))
    features = triplet_features(clip, batch)
    torch.testing.assert_close(features["image"], clip.image(pictures(2)))
    torch.testing.assert_close(features["text"], clip.text(["a", "b c"]))
    torch.testing.assert_close(features["target"], clip.image(pictures(2, seed=1)))


def test_a_query_of_one_part_is_that_part():
    model = small().eval()
    torch.testing.assert_close(model.compose(Query(image=pictures(2))), model.encode(pictures(2)))
    torch.testing.assert_close(model.compose(Query(text=["red", "a cube"])), model.clip.text(["red", "a cube"]))
    with pytest.raises(Problem, match="no negative text and no mask"):
        model.compose(Query(image=pictures(1), text=["red"], avoid=["blue"]))


def test_the_choices_describe_themselves():
    told = describe(partial(CLIP4Cir, fusion=partial(Combiner, dropout=0.1), tuning=text_tower))
    assert told == {
        "partial": "combiner.CLIP4Cir",
        "fusion": {"partial": "combiner.Combiner", "dropout": 0.1},
        "tuning": {"name": "combiner.text_tower"},
    }
