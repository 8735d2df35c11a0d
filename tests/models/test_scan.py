"""SCAN: numbers from the official code for every score and layout, rows that do not see each other, learning."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch
from written_weights import drawn, fill

from cirkit.attention.alignment import SCORES, alignment
from cirkit.attention.cross_attention import CrossAttention, clipped_l2, log_sum_exp, mean, released_layout
from cirkit.declare import describe, rebuild
from cirkit.errors import Problem
from cirkit.evaluators.ranking import rank
from cirkit.losses.triplet import all_negatives, hinge
from cirkit.models.base import Retriever, join
from cirkit.models.scan import SCAN, CaptionEncoder, image_to_text, text_to_image
from cirkit.query import Batch, Benchmark, Query, Select, Triplets
from cirkit.regions import Regions
from cirkit.training.objectives import ranking

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "scan.json").read_text())
SCRAMBLED = {"general†", "biased general*", "biased general†", "activated general"}  # by the released code
POOLS = {"Mean": mean, "LogSumExp": log_sum_exp(sharpness=6.0)}
TEXTS = ["a red cube and two small spheres", "the large sphere", "two red cubes", "", "a cube left of a blue sphere"]


def model(name: str = "cosine", texts=TEXTS, direction=text_to_image, **changes) -> SCAN:
    torch.manual_seed(0)
    attention = partial(CrossAttention, alignment=partial(alignment, name=name), **changes)
    text = partial(CaptionEncoder, width=16, word_width=10)
    return SCAN(texts, channels=12, text=text, attention=attention, direction=direction).double().eval()


def regions(n: int = 3, seed: int = 0, r: int = 5) -> Regions:
    """Images of 5, 4, 3, 5, ... regions, random vectors behind them."""
    generator = torch.Generator().manual_seed(seed)
    counts = r - torch.arange(n) % 3
    vectors = torch.randn(n, r, 12, dtype=torch.double, generator=generator)
    return Regions(vectors=vectors, mask=torch.arange(r) < counts[:, None])


def released(name: str, **changes) -> tuple[SCAN, tuple, tuple]:
    scan = model(name, GOLDEN["texts"], **changes)
    fill(scan)
    with torch.no_grad():
        return scan, scan.compose(Query(text=GOLDEN["texts"])), scan.encode(
            Regions(vectors=2 * drawn((4, 7, 12), 1000) - 1)
        )  # fmt: skip


def near(values: torch.Tensor, golden: list) -> None:
    torch.testing.assert_close(values, torch.tensor(golden, dtype=torch.double), rtol=1e-5, atol=1e-8)


def test_the_official_code_gives_these_words_and_regions():
    _, words, images = released("dot")
    near(words[0][0, :2], GOLDEN["words"])
    near(images[0][0, :2], GOLDEN["regions"])


@torch.no_grad()
@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("name", SCORES)
def test_the_official_code_gives_these_similarities(name, pool):
    """The four rows of the released layout are far from what their formulas give; the other four are theirs."""
    golden = GOLDEN["similarities"][name][pool]
    formula, layout = (
        scan.score(words, images)
        for scan, words, images in (
            released(name, pool=POOLS[pool], norm=norm) for norm in (clipped_l2, released_layout)
        )
    )
    near(layout if name in SCRAMBLED else formula, golden)
    assert (formula - layout).abs().max() > 1e-3


@torch.no_grad()
@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("direction", ["t2i", "i2t"])
def test_the_authors_of_scan_give_these_similarities(direction, pool):
    to_image = {"direction": text_to_image, "temperature": 9.0, "pool": POOLS[pool]}
    to_text = {
        "direction": image_to_text,
        "temperature": 4.0,
        "pool": log_sum_exp(sharpness=5.0) if pool == "LogSumExp" else mean,
    }
    scan, words, images = released("dot", **(to_image if direction == "t2i" else to_text))
    near(scan.score(words, images), GOLDEN["upstream"][f"{direction} {pool}"])


@torch.no_grad()
def test_the_authors_of_scan_give_these_losses():
    scan, words, images = released("dot")
    scores = scan.score(words, images)
    near(hinge(margin=0.2)(scores), GOLDEN["upstream"]["loss hardest"])
    near(hinge(margin=0.2, over=all_negatives)(scores), GOLDEN["upstream"]["loss all"])


@torch.no_grad()
def test_cosine_dot_and_scaled_dot_are_one_model():
    """Leaky ReLU and a length over tokens do not see a positive factor, and words and regions have length one."""
    one, dot, scaled = (
        scan.score(scan.compose(Query(text=TEXTS)), scan.encode(regions()))
        for scan in map(model, ("cosine", "dot", "scaled dot"))
    )
    torch.testing.assert_close(one, dot, rtol=0, atol=1e-7)
    torch.testing.assert_close(one, scaled, rtol=0, atol=1e-6)


DIRECTIONS = pytest.mark.parametrize("direction", [text_to_image, image_to_text])


@torch.no_grad()
@DIRECTIONS
@pytest.mark.parametrize("name", ["dot", "biased general*", "activated general"])
def test_a_batch_is_its_rows_and_padding_never_leaks(name, direction):
    scan = model(name, direction=direction)
    images = regions()
    scores = scan.score(scan.compose(Query(text=TEXTS)), scan.encode(images))
    for i, text in enumerate(TEXTS):
        for j in range(len(images)):
            alone = images[torch.tensor([j])]
            alone = Regions(vectors=alone.vectors[:, : int(alone.mask.sum())])
            one = scan.score(scan.compose(Query(text=[text])), scan.encode(alone))
            torch.testing.assert_close(one[0, 0], scores[i, j])
    other = Regions(vectors=torch.where(images.mask[..., None], images.vectors, 1e6), mask=images.mask)
    again = scan.score(scan.compose(Query(text=TEXTS)), scan.encode(other))
    torch.testing.assert_close(again, scores, rtol=0, atol=0)
    words, mask, written = scan.compose(Query(text=TEXTS))
    longer = torch.cat([words, torch.randn(len(TEXTS), 2, 16).double()], 1)
    spoiled = torch.where(torch.cat([mask, mask[:, :2] & False], 1)[..., None], longer, torch.randn(16).double())
    again = scan.score((spoiled, torch.cat([mask, mask[:, :2] & False], 1), written), scan.encode(images))
    torch.testing.assert_close(again, scores)


@torch.no_grad()
def test_a_query_and_a_gallery_may_be_of_either_kind_and_not_of_the_same():
    scan = model()
    assert isinstance(scan, Retriever)
    captions, images = scan.compose(Query(text=TEXTS)), scan.encode(regions())
    there = scan.score(captions, images)
    back = scan.score(scan.compose(Query(image=regions())), scan.encode(TEXTS))
    torch.testing.assert_close(there, back.mT)
    with pytest.raises(Problem, match="texts with images"):
        scan.score(captions, captions)
    with pytest.raises(Problem, match="one of them"):
        scan.compose(Query(text=TEXTS[:3], image=regions()))


@torch.no_grad()
def test_features_of_several_chunks_are_joined_whatever_their_longest_text():
    scan = model()
    parts = [scan.encode(TEXTS[:2]), scan.encode(TEXTS[2:4]), scan.encode(TEXTS[4:])]
    assert [part[0].shape[1] for part in parts] == [7, 3, 7]
    whole = scan.encode(TEXTS)
    for part, same in zip(join(parts), whole, strict=True):
        torch.testing.assert_close(part, same)


@torch.no_grad()
def test_it_is_ranked_as_any_retriever_with_a_gallery_of_images_or_of_texts():
    scan = model()
    there = Benchmark(name="t", query=Query(text=TEXTS), gallery=regions(), relevant=[[0], [1], [2], [0], [1]])
    back = Benchmark(name="i", query=Query(image=regions()), gallery=TEXTS, relevant=[[0, 3], [1, 4], [2]])
    scores = scan.score(scan.compose(there.query), scan.encode(there.gallery))
    by_hand = [1 + int((scores[i] > scores[i, items[0]]).sum()) for i, items in enumerate(there.relevant)]
    assert rank(scan, there).mid.tolist() == by_hand
    by_hand = [1 + int((scores[:, j] > scores[i, j]).sum()) for j, items in enumerate(back.relevant) for i in items]
    assert rank(scan, back).mid.tolist() == by_hand


@pytest.mark.parametrize("name", SCORES)
def test_every_parameter_gets_a_finite_gradient(name):
    scan = model(name).train()
    batch = Batch(query=Query(text=TEXTS), target=regions(5))
    ranking(hinge())(scan, batch).backward()
    gradients = {part: each.grad for part, each in scan.named_parameters()}
    assert all(grad.isfinite().all() and grad.abs().max() > 0 for grad in gradients.values())


def test_a_declaration_in_json_makes_the_same_model():
    attention = partial(CrossAttention, alignment=partial(alignment, name="general†"), norm=released_layout)
    declared = partial(SCAN, channels=12, text=partial(CaptionEncoder, width=16), attention=attention)
    torch.manual_seed(0)
    first = declared(TEXTS)
    torch.manual_seed(0)
    again = rebuild(json.loads(json.dumps(describe(declared))))(TEXTS)
    images = Regions(vectors=regions().vectors.float())
    torch.testing.assert_close(*(m.score(m.encode(TEXTS), m.encode(images)) for m in (first, again)), rtol=0, atol=0)


COLOURS, SHAPES = ("red", "green", "blue", "grey"), ("cube", "sphere", "cone", "ring")


def things(count: int, seed: int) -> tuple[list[str], Regions]:
    """Images of three regions, each a colour and a shape, and a caption that names two of them."""
    generator = torch.Generator().manual_seed(seed)
    colour, shape = torch.randint(0, 4, (2, count, 3), generator=generator)
    vectors = torch.cat([torch.eye(4)[colour], torch.eye(4)[shape], torch.zeros(count, 3, 4)], dim=2)
    texts = [" and ".join(f"{COLOURS[colour[i, k]]} {SHAPES[shape[i, k]]}" for k in (0, 1)) for i in range(count)]
    return texts, Regions(vectors=vectors + 0.1 * torch.randn(vectors.shape, generator=generator))


def test_it_learns_which_things_a_caption_names():
    texts, images = things(240, 1)
    triplets = Triplets(query=Query(text=texts), target=Select(images, torch.arange(240)))
    torch.manual_seed(0)
    attention = partial(CrossAttention, alignment=partial(alignment, name="dot"))
    scan = SCAN(texts, channels=12, text=partial(CaptionEncoder, width=24, word_width=12), attention=attention)
    optimizer = torch.optim.Adam(scan.parameters(), lr=5e-3)
    for _ in range(200):
        rows = torch.randperm(240)[:24]
        batch = triplets[rows].to(torch.device("cpu"))
        optimizer.zero_grad()
        ranking(hinge())(scan, batch).backward()
        optimizer.step()
    texts, images = things(60, 2)
    scan.eval()
    with torch.no_grad():
        scores = scan.score(scan.compose(Query(text=texts)), scan.encode(images))
    first = (scores.argsort(1, descending=True)[:, :5] == torch.arange(60)[:, None]).any(1).double().mean()
    assert first > 0.7  # chance: 0.08


def test_regions_are_checked():
    vectors = torch.zeros(2, 3, 4)
    with pytest.raises(Problem, match="come first"):
        Regions(vectors=vectors, mask=torch.tensor([[True, False, True], [True, True, True]]))
    with pytest.raises(Problem, match="come first"):
        Regions(vectors=vectors, mask=torch.tensor([[True, True, True], [False, False, False]]))
    some = Regions(vectors=vectors, boxes=torch.rand(2, 3, 4))[torch.tensor([1])].to(torch.device("cpu"))
    assert len(some) == 1 and some.boxes.shape == (1, 3, 4) and some.mask.all()
