"""ARTEMIS: two matrix products against the loop over pairs, its ablation, and numbers from the official code."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch
from torch.nn.functional import normalize
from toys import TinyClip
from written_weights import drawn, fill

from cirkit.encoders.image import ResNet, SmallResNet, generalised_mean, unprojected
from cirkit.encoders.text import LSTM, BiGRU, final_states, last_token_pool
from cirkit.encoders.word_vectors import frozen
from cirkit.errors import Problem
from cirkit.evaluators.ranking import rank_features
from cirkit.examples import Features
from cirkit.losses.contrastive import batch_softmax
from cirkit.models.artemis import ARTEMIS, ClipARTEMIS, ExplicitMatching, ImplicitSimilarity
from cirkit.query import Benchmark, Query
from cirkit.training.objectives import ranking_features

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "artemis.json").read_text())
IMAGE = partial(SmallResNet, width=6, widths=(8, 6), strides=(1, 2), project=unprojected)
TEXT = partial(BiGRU, width=8)
TEXTS = ["make it red", "remove the cube", "", "the red cube"]
TERMS = {
    "ARTEMIS": (ExplicitMatching, ImplicitSimilarity),
    "EM-only": (ExplicitMatching,),
    "IS-only": (ImplicitSimilarity,),
}


def small(**changes) -> ARTEMIS:
    torch.manual_seed(0)
    return ARTEMIS(TEXTS, **({"image": IMAGE, "text": TEXT, "width": 10} | changes)).double().eval()


def pictures(count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator)


def cosine(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return (one * other).sum() / (one * one).sum().sqrt() / (other * other).sum().sqrt()


@pytest.mark.parametrize("name", TERMS)
def test_two_products_are_the_loop_over_queries_and_targets(name):
    model = small(terms=TERMS[name])
    query, targets = Query(image=pictures(4), text=TEXTS), model.encode(pictures(5, seed=1))
    scores = model.score(model.compose(query), targets)
    references, texts = model.encode(query.image), final_states(*model.text(TEXTS))
    for i in range(4):
        text = texts[i] / texts[i].norm()
        for j in range(5):
            expected = 0
            for term in model.terms:
                first, _, second, _ = term.attend
                logits = second.weight @ (first.weight @ text + first.bias).clamp(min=0) + second.bias
                weights = logits.exp() / logits.exp().sum()
                if isinstance(term, ExplicitMatching):
                    probe = term.transform.weight @ text + term.transform.bias
                else:
                    probe = weights * references[i]
                expected = expected + cosine(probe, weights * targets[j])
            torch.testing.assert_close(scores[i, j], expected * model.temperature.exp())


def test_the_whole_score_is_the_sum_of_its_terms():
    whole = small()
    query, targets = Query(image=pictures(4), text=TEXTS), whole.encode(pictures(5, seed=1))
    expected = 0
    for name, kept in (("EM-only", 0), ("IS-only", 1)):
        alone = small(terms=TERMS[name])
        alone.load_state_dict({**whole.state_dict(), **_renamed(whole, kept)}, strict=False)
        expected = expected + alone.score(alone.compose(query), targets)
    torch.testing.assert_close(whole.score(whole.compose(query), targets), expected)


def _renamed(model: ARTEMIS, kept: int) -> dict[str, torch.Tensor]:
    return {f"terms.0.{name}": each for name, each in model.terms[kept].state_dict().items()}


def test_the_gradient_is_that_of_the_loop():
    model = small()
    reference, targets = model.encode(pictures(3)).detach(), model.encode(pictures(3, seed=1)).detach()
    text = normalize(final_states(*model.text(TEXTS[:3])), dim=1).detach()
    products = batch_softmax(model.score(model.guide(reference, text), targets))
    matching, similarity = model.terms
    loop = []
    for i in range(3):
        explicit, implicit = (term.attend(text[i : i + 1])[0] for term in (matching, similarity))
        probe = matching.transform(text[i])
        loop.append(
            torch.stack([cosine(probe, explicit * t) + cosine(implicit * reference[i], implicit * t) for t in targets])
        )
    plain = batch_softmax(torch.stack(loop) * model.temperature.exp())
    torch.testing.assert_close(products, plain)
    parameters = [*model.terms.parameters(), model.temperature]
    one, other = (torch.autograd.grad(loss, parameters) for loss in (products, plain))
    torch.testing.assert_close(one, other)
    assert all(each.abs().max() > 1e-6 for each in one)


def test_the_length_of_an_image_vector_changes_no_score():
    """Why the released code's CIRR vectors, which are not normalised, need no choice of their own."""
    model = small()
    reference, targets = model.encode(pictures(3)), model.encode(pictures(5, seed=1))
    text = normalize(final_states(*model.text(TEXTS[:3])), dim=1)
    expected = model.score(model.guide(reference, text), targets)
    torch.testing.assert_close(model.score(model.guide(7 * reference, text), 0.1 * targets), expected)


def test_a_query_without_a_text_scores_the_cosine_of_the_images():
    model = small()
    images, targets = pictures(3), model.encode(pictures(5, seed=1))
    scores = model.score(model.compose(Query(image=images)), targets)
    torch.testing.assert_close(scores, model.temperature.exp() * model.encode(images) @ targets.mT)
    with pytest.raises(Problem, match=r"Give the query an image\.$"):
        model.compose(Query(text=["red"]))


def test_queries_with_galleries_of_their_own_are_ranked_by_the_same_scores():
    model, candidates = small(), [[0, 9], [5, 2], [31, 7]]
    gallery = model.encode(pictures(32, seed=1))
    composed = model.compose(Query(image=pictures(3), text=TEXTS[:3]))
    benchmark = Benchmark(
        name="own",
        query=Query(text=TEXTS[:3]),
        gallery=["x"] * 32,
        relevant=[own[:1] for own in candidates],
        candidates=candidates,
    )
    ranks = rank_features(model, composed, gallery, benchmark).mid
    scores = model.score(composed, gallery)
    assert ranks.tolist() == [1 + int(scores[i, b] > scores[i, a]) for i, (a, b) in enumerate(candidates)]


def test_a_target_of_zeros_has_a_score_and_a_gradient():
    model = small().float()
    targets = torch.zeros(2, 10, requires_grad=True)
    scores = model.score(model.compose(Query(image=pictures(4), text=TEXTS)), targets)
    scores.sum().backward()
    assert (scores == 0).all() and targets.grad.isfinite().all()
    assert all(each.grad is None or each.grad.isfinite().all() for each in model.parameters())


def test_a_first_stage_leaves_the_image_encoder_as_it_is():
    model = small(tuning=frozen)
    assert not any(each.requires_grad for each in model.image.parameters())
    assert all(each.requires_grad for each in model.project.parameters())


def test_a_text_may_be_read_by_another_network():
    model = small(text=partial(LSTM, width=5), read=last_token_pool)
    assert model.score(model.compose(Query(image=pictures(4), text=TEXTS)), model.encode(pictures(3))).shape == (4, 3)


def test_at_the_released_size_its_parts_have_the_released_number_of_parameters():
    with torch.device("meta"):
        model = ARTEMIS(
            ["a"],
            image=partial(
                ResNet, name="resnet50", width=2048, stages=(4,), pretrained=False, size=None, project=unprojected
            ),
            text=BiGRU,
        )
    layer = 512 * 512 + 512
    assert sum(p.numel() for p in model.terms.parameters()) == 5 * layer
    assert sum(p.numel() for p in model.project.parameters()) == 2048 * 512 + 512
    assert sum(p.numel() for p in model.image.parameters()) == 25_557_032 - 1000 * 2049  # ResNet50 without its classes


@pytest.fixture(scope="module")
def released():
    """The released sizes in small; the state-dict order that the weights by the written rule follow."""
    model = ARTEMIS(
        GOLDEN["vocabulary"],
        image=partial(
            ResNet, name="resnet18", width=512, stages=(4,), pretrained=False, size=None, project=unprojected
        ),
        text=partial(BiGRU, width=16),
        width=16,
    )
    model = model.double().eval()
    fill(model)
    images = (256 * drawn((4, 3, 224, 224), 1000)).to(torch.uint8)
    with torch.no_grad():
        return model, model.encode(images[:2]), model.encode(images[2:])


def near(values: torch.Tensor, golden: list) -> None:
    torch.testing.assert_close(values, torch.tensor(golden, dtype=torch.double), rtol=1e-5, atol=1e-8)


def test_the_official_code_gives_these_vectors(released):
    model, _, targets = released
    with torch.no_grad():
        text = normalize(model.read(*model.text(GOLDEN["texts"])), dim=1)
    near(targets, GOLDEN["image"])
    near(text, GOLDEN["text"])


@pytest.mark.parametrize("name", TERMS)
def test_the_official_code_gives_these_scores(released, name):
    model, references, targets = released
    with torch.no_grad():
        text = normalize(model.read(*model.text(GOLDEN["texts"])), dim=1)
        parts = [list(TERMS["ARTEMIS"]).index(term) for term in TERMS[name]]
        vectors, squares = (each[:, parts] for each in model.guide(references, text))
        unscaled = sum(
            (vectors[:, k] @ targets.mT) / (squares[:, k] @ targets.mT.square()).sqrt() for k in range(len(parts))
        )
        near(unscaled, GOLDEN["scores"][name])
        if name == "ARTEMIS":
            scores = model.score((vectors, squares), targets)
            near(scores, (unscaled * model.temperature.exp()).tolist())
            assert batch_softmax(scores).item() == pytest.approx(GOLDEN["loss"], rel=1e-5)


def test_the_generalised_mean_is_its_formula():
    map = torch.randn(2, 3, 2, 2, dtype=torch.double)
    for row in range(2):
        for channel in range(3):
            values = [max(float(v), 1e-6) ** 3 for v in map[row, channel].flatten()]
            assert float(generalised_mean((map,))[row, channel]) == pytest.approx((sum(values) / 4) ** (1 / 3))


def test_an_encoder_of_another_width_than_its_channels_is_a_problem():
    with pytest.raises(Problem, match="has 6 channels, not 8"):
        SmallResNet(width=8, widths=(8, 6), strides=(1, 2), project=unprojected)


def test_on_a_clip_its_two_vectors_stand_for_reference_and_text():
    torch.manual_seed(0)
    model = ClipARTEMIS([], clip=TinyClip, width=10).eval()
    query, targets = Query(image=pictures(3), text=TEXTS[:3]), pictures(4, seed=1)
    scores = model.score(model.compose(query), model.encode(targets))
    with torch.no_grad():
        image, text, gallery = (
            normalize(model.head.project(model.clip.image(query.image)), dim=1),
            normalize(model.clip.text(query.text), dim=1),
            normalize(model.head.project(model.clip.image(targets)), dim=1),
        )
        explicit, implicit = model.head.terms
        for i in range(3):
            first, second = explicit.attend(text[i : i + 1])[0], implicit.attend(text[i : i + 1])[0]
            for j in range(4):
                expected = cosine(explicit.transform(text[i]), first * gallery[j])
                expected = expected + cosine(second * image[i], second * gallery[j])
                assert float(scores[i, j]) == pytest.approx(float(model.head.temperature.exp() * expected), abs=1e-4)


def test_on_a_clip_its_attentions_alone_learn():
    model = ClipARTEMIS([], clip=TinyClip, width=10).train()
    tensors = {name: torch.randn(6, TinyClip.width) for name in ("image", "text", "target")}
    ranking_features(batch_softmax)(model, Features(tensors=tensors)).backward()
    learnt = {name.split(".")[0] for name, each in model.named_parameters() if each.grad is not None}
    assert learnt == {"head"} and not model.clip.training
    assert not any(each.requires_grad for each in model.clip.parameters())
    with pytest.raises(Problem, match="Give the query both"):
        model.compose(Query(image=pictures(1)))
