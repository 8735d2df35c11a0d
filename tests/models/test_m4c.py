"""M4C: numbers from the official code for every score, one class of functions six times, masks, greedy decoding."""

import json
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, softmax
from written_weights import drawn

from cirkit.attention.alignment import alignment
from cirkit.attention.post_norm import EPSILON, keys_as_rows
from cirkit.declare import describe, rebuild
from cirkit.encoders.read_images import ReadImages, without_pixels, without_words
from cirkit.encoders.spelling import HashedGrams, SpelledText, Spelling
from cirkit.errors import Problem
from cirkit.examples import Questions
from cirkit.models.m4c import BEGIN, END, M4C, MARKS
from cirkit.papers.alignment.scores import score
from cirkit.regions import Regions
from cirkit.training.answer_decoding import answer_decoding
from cirkit.training.checkpoints import load, save

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "m4c.json").read_text())
NAMES = {  # the released variants -> the score, in the layout that their code has
    "original": score("scaled"),
    "dot": score("dot"),
    "kwq": partial(keys_as_rows, of=score("general_star")),
    "qwk": score("general_dagger"),
    "biased_kwq": partial(keys_as_rows, of=score("biased_star")),
    "biased_qwk": score("biased_dagger"),
    "act_qwk": score("activated"),
}
ROWS = {
    name: score(name) for name in ("dot", "scaled", "general_star", "general_dagger", "biased_star", "biased_dagger")
}
ROWS |= {f"{name}, keys as rows": partial(keys_as_rows, of=score(name)) for name in ("general_star", "biased_star")}
SCORES = ROWS | {"activated": score("activated")}
GRAMS = partial(Spelling, subwords=HashedGrams(width=16))
ASKED = ["what says fizko?", "how many", "what is the name of the red shop", "is bako left of fizko?"]
KNOWN = ("yes", "no", "red", "hotel", "street")


class GivenTokens(nn.Module):
    """Questions whose tokens are given by the golden rule."""

    width = 768

    def __init__(self, texts):
        super().__init__()

    def forward(self, texts) -> tuple[Tensor, Tensor]:
        mask = torch.arange(4) < torch.tensor(GOLDEN["sizes"]["question"])[:, None]
        return 2 * drawn((3, 4, 768), 1000) - 1, mask


@dataclass(frozen=True)
class GivenSpelling:
    """Words called by their image and place, whose vectors are given by the golden rule."""

    width: int = 904

    def __call__(self, words) -> Tensor:
        places = torch.tensor([[int(word[0]), int(word[1])] for word in words])
        grams, phocs = 2 * drawn((3, 4, 300), 1003) - 1, drawn((3, 4, 604), 1004)
        return torch.cat([normalize(each, dim=2) for each in (grams, phocs)], dim=2)[places[:, 0], places[:, 1]]


def golden_images() -> ReadImages:
    objects, words = (torch.tensor(GOLDEN["sizes"][name])[:, None] for name in ("objects", "words"))
    exist = torch.arange(3) < objects
    regions = Regions(vectors=drawn((3, 3, 2048), 1001), boxes=drawn((3, 3, 4), 1002), mask=exist)
    text = [tuple(f"{i}{j}" for j in range(int(count))) for i, count in enumerate(words)]
    return ReadImages(
        objects=regions,
        words=text,
        looks=drawn((3, 4, 2048), 1005),
        boxes=drawn((3, 4, 4), 1006),
        mask=torch.arange(4) < words,
    )


def golden_model(name: str) -> M4C:
    """The model of the golden numbers, its weights by the written rule."""
    m4c = M4C(
        ["?"], answers=list("abcde"), text=GivenTokens, spelling=GivenSpelling, alignment=NAMES[name], width=12,
        blocks=2, heads=3, hidden=20, steps=5, dropout=0.0, norm=partial(nn.LayerNorm, eps=EPSILON),
    ).double().eval()  # fmt: skip
    state, order = m4c.state_dict(), GOLDEN["variants"][name]["order"]
    assert set(order) == set(state)
    for number, key in enumerate(order, start=1):
        values, target = drawn(tuple(state[key].shape), number), state[key]
        if target.ndim == 1:
            target.copy_(0.5 + values if key.endswith("weight") else 0.4 * values - 0.2)
        else:
            target.copy_((2 * values - 1) * (3 / target.shape[1]) ** 0.5)
    return m4c


@torch.no_grad()
@pytest.mark.parametrize("name", NAMES)
def test_the_official_code_gives_these_logits_forced_and_greedy(name):
    golden, m4c, images = GOLDEN["variants"][name], golden_model(name), golden_images()
    counts = torch.tensor(GOLDEN["sizes"]["words"])
    previous = (drawn((3, 5), 1007) * (9 + counts)[:, None]).long()
    previous[:, 0] = BEGIN
    logits = m4c(images, ["?"] * 3, previous)
    for i, count in enumerate(counts.tolist()):
        near(logits[i, :, : 9 + count], golden["forced"][i])
    greedy = torch.tensor(golden["greedy"])
    found = m4c.greedy(images, ["?"] * 3)
    torch.testing.assert_close(found, greedy[:, : found.shape[1]])
    previous = torch.cat([torch.full((3, 1), BEGIN), greedy[:, :-1]], dim=1)
    last = m4c(images, ["?"] * 3, previous)[:, -1]
    for i, count in enumerate(counts.tolist()):
        near(last[i, : 9 + count], golden["last"][i])


def near(values: Tensor, golden: list) -> None:
    torch.testing.assert_close(values, torch.tensor(golden, dtype=torch.double), rtol=1e-7, atol=1e-8)


def model(alignment=SCORES["scaled"], **changes) -> M4C:
    torch.manual_seed(0)
    text = partial(SpelledText, width=10, spelling=GRAMS, heads=2, hidden=12, dropout=0.0)
    sizes = {"width": 12, "blocks": 2, "heads": 3, "hidden": 16, "steps": 4, "dropout": 0.0, "std": 0.4, "channels": 6}
    m4c = M4C(ASKED, **({"answers": KNOWN, "text": text, "spelling": GRAMS, "alignment": alignment} | sizes | changes))
    return m4c.double().eval()


def images(n: int = 4, seed: int = 0) -> ReadImages:
    """Four images, the third without a word."""
    generator = torch.Generator().manual_seed(seed)
    words = [("FIZKO", "Hotel", "5"), ("bako",), (), ("fizko", "bako", "St", "hotel")][:n]
    counts = torch.tensor([len(line) for line in words])
    objects = 3 - torch.arange(n) % 2
    vectors, boxes = (torch.randn(n, 3, c, dtype=torch.double, generator=generator) for c in (6, 4))
    looks, places = (torch.randn(n, 4, c, dtype=torch.double, generator=generator) for c in (6, 4))
    return ReadImages(
        objects=Regions(vectors=vectors, boxes=boxes, mask=torch.arange(3) < objects[:, None]),
        words=words,
        looks=looks,
        boxes=places,
        mask=torch.arange(4) < counts[:, None],
    )


def previous(*lines: list[int]) -> Tensor:
    return torch.tensor(lines or [[BEGIN, 5, 9], [BEGIN, 9, 4], [BEGIN, 4, 8], [BEGIN, 12, 11]])


def queries(state: dict[str, Tensor]) -> list[str]:
    """Of the multimodal Transformer."""
    return [key for key in state if key.startswith("blocks.") and ".attend.query." in key]


def renamed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Projections of queries and of keys have changed places."""
    pairs = [(key, key.replace("query", "key")) for key in queries(state)]
    return state | {a: state[b] for a, b in pairs} | {b: state[a] for a, b in pairs}


def folded(m4c: M4C) -> M4C:
    """The same function with the dot product: the learned weights of each head's score become its projections'."""
    plain = model(score("dot"))
    plain.load_state_dict({key: each for key, each in m4c.state_dict().items() if ".alignment." not in key})
    for ours, theirs in zip(plain.blocks, m4c.blocks, strict=True):
        given, own = theirs.attend, ours.attend
        rows_are_keys = hasattr(given.alignment, "score")
        inner = given.alignment.score if rows_are_keys else given.alignment
        for side, linear in (("query", own.query), ("key", own.key)):
            by = getattr(inner, side)
            weight, bias = linear.weight.unflatten(0, (3, 4)), linear.bias.view(3, 4)
            if isinstance(by, nn.Linear):
                weight = torch.einsum("ed,hdi->hei", by.weight, weight)
                bias = bias @ by.weight.T + (0 if by.bias is None else by.bias)
            elif by.__name__ == "shrink":
                weight, bias = weight / 2, bias / 2  # a head has four numbers
            linear.weight.data, linear.bias.data = weight.reshape(12, 12), bias.reshape(12)
        if rows_are_keys:
            own.query, own.key = own.key, own.query
    return plain


@pytest.mark.parametrize("name", ROWS)
def test_all_rows_but_activated_general_are_one_class_of_functions(name):
    m4c = model(ROWS[name])
    for part in m4c.parameters():  # biases, too, away from zero
        part.data += 0.1 * torch.randn_like(part)
    with torch.no_grad():
        one, other = (each(images(), ASKED, previous()) for each in (m4c, folded(m4c)))
    torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", ROWS)
def test_each_of_them_can_be_the_dot_product(name):
    """The other way round: an identity for W, and √d where the score divides by it."""
    plain, m4c = model(score("dot")), model(ROWS[name])
    state = m4c.state_dict()
    state |= plain.state_dict()
    for key, each in state.items():
        if ".alignment." in key:
            each.copy_(torch.eye(4) if key.endswith("weight") else torch.zeros(4))
        if name == "scaled" and key in queries(state):
            state[key] = 2 * each
    m4c.load_state_dict(renamed(state) if "keys as rows" in name else state)
    with torch.no_grad():
        one, other = (each(images(), ASKED, previous()) for each in (plain, m4c))
    torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


@torch.no_grad()
def test_the_released_layout_of_general_star_is_general_dagger_with_two_projections_renamed():
    """So a row in that layout would be another row's training to the last digit, and has none of its own."""
    star, dagger = model(ROWS["general_star, keys as rows"]), model(ROWS["general_dagger"])
    state = {key.replace("alignment.score.query", "alignment.key"): each for key, each in star.state_dict().items()}
    dagger.load_state_dict(renamed(state))
    one, other = (each(images(), ASKED, previous()) for each in (star, dagger))
    torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


@torch.no_grad()
@pytest.mark.parametrize(
    ("name", "moves"), [("biased_dagger", False), ("biased_star, keys as rows", False), ("biased_star", True)]
)
def test_a_bias_that_is_one_number_for_all_keys_does_nothing(name, moves):
    m4c = model(ROWS[name])
    before = m4c(images(), ASKED, previous())
    for block in m4c.blocks:
        inner = getattr(block.attend.alignment, "score", block.attend.alignment)
        linear = next(each for each in (inner.query, inner.key) if isinstance(each, nn.Linear))
        linear.bias += torch.randn(4)
    assert torch.allclose(m4c(images(), ASKED, previous()), before, rtol=0, atol=1e-10) != moves


@torch.no_grad()
@pytest.mark.parametrize("name", SCORES)
def test_a_batch_is_its_rows_and_padding_reaches_nothing(name):
    m4c, every = model(SCORES[name]), images()
    logits = m4c(every, ASKED, previous())
    assert logits.shape == (4, 3, len(MARKS) + len(KNOWN) + 4)
    for i in range(4):
        row = torch.tensor([i])
        objects = every.objects[row]
        own = int(objects.mask.sum())
        one = every[row]
        alone = replace(one, objects=Regions(vectors=objects.vectors[:, :own], boxes=objects.boxes[:, :own]))
        count = 9 + len(every.words[i])
        line = previous()[i : i + 1]
        torch.testing.assert_close(m4c(alone, ASKED[i : i + 1], line)[0], logits[i, :, :count])
    hidden = ~every.mask[..., None]
    spoiled = replace(
        every,
        looks=every.looks.masked_fill(hidden, 1e3),
        boxes=every.boxes.masked_fill(hidden, -1e3),
        objects=replace(every.objects, vectors=every.objects.vectors.masked_fill(~every.objects.mask[..., None], 1e3)),
    )
    torch.testing.assert_close(m4c(spoiled, ASKED, previous()), logits, rtol=0, atol=0)
    assert (logits[2, :, 9:] == -1e4).all() and (logits[3, :, 9:] > -1e4).all()


@torch.no_grad()
def test_no_step_sees_a_later_one_and_no_entry_sees_a_step():
    m4c = model()
    first = m4c(images(), ASKED, previous())
    for step in (1, 2):
        changed = previous()
        changed[:, step] = 6
        logits = m4c(images(), ASKED, changed)
        torch.testing.assert_close(logits[:, :step], first[:, :step], rtol=0, atol=1e-12)
        assert not torch.allclose(logits[:, step], first[:, step])


@torch.no_grad()
@pytest.mark.parametrize("name", SCORES)
def test_the_greedy_answer_is_what_forcing_its_own_words_gives(name):
    m4c = model(SCORES[name])
    greedy = m4c.greedy(images(), ASKED)
    forced = torch.cat([torch.full((4, 1), BEGIN), greedy[:, :-1]], dim=1)
    torch.testing.assert_close(m4c(images(), ASKED, forced).argmax(2), greedy)
    answers = m4c.answer(images(), ASKED)
    for i, answer in enumerate(answers):
        assert m4c.answer(images()[torch.tensor([i])], ASKED[i : i + 1]) == [answer]
    m4c.classify.bias[END] = 1e3  # no answer has a word
    assert m4c.greedy(images(), ASKED).shape == (4, 1) and m4c.answer(images(), ASKED) == [""] * 4


def test_an_answer_is_the_words_of_the_vocabulary_and_of_the_image_before_the_end():
    m4c, read = model(), ("bob", "'s", "hotel")
    assert m4c.read(images())[0] == ("fizko", "hotel", "5")
    assert m4c.spoken([9, 10, m4c.number["red"], END, 11], read) == "bob's red"
    assert m4c.spoken([11], read) == "hotel" and m4c.spoken([END], read) == ""


@torch.no_grad()
@pytest.mark.parametrize("name", SCORES)
def test_attention_is_what_the_last_block_does_head_by_head(name):
    m4c, every = model(SCORES[name]), images()
    found = m4c.attention(every, ASKED)
    entries, given = m4c.entries(every, ASKED), m4c.greedy(every, ASKED)
    torch.testing.assert_close(found.given, given)
    tokens, allowed = m4c._sequence(entries, torch.cat([torch.full((4, 1), BEGIN), given[:, :-1]], dim=1))
    tokens, attend = m4c.blocks[0](tokens, allowed), m4c.blocks[1].attend
    n, every_head = entries.tokens.shape[1], []
    for head in range(3):
        part = slice(4 * head, 4 * head + 4)
        query, key = attend.query(tokens)[..., part], attend.key(tokens)[..., part]
        scores = torch.stack([attend.alignment(q, k) for q, k in zip(query, key, strict=True)])
        every_head.append(softmax(scores.masked_fill(~allowed, -torch.inf), dim=2))
    weights = torch.stack(every_head).mean(0)[:, n:]
    torch.testing.assert_close(torch.cat(found[:3], dim=2), weights[..., :n])
    assert (found.words[2] == 0).all()
    torch.testing.assert_close(weights.sum(2), torch.ones(4, given.shape[1]).double())


@torch.no_grad()
def test_a_row_without_pixels_sees_words_and_a_row_without_words_sees_objects():
    other = replace(images(), objects=images(seed=1).objects, looks=images(seed=1).looks)
    blind, deaf = model(view=without_pixels), model(view=without_words)
    torch.testing.assert_close(*(blind(each, ASKED, previous()) for each in (images(), other)))
    line = torch.full((4, 1), BEGIN)
    assert not torch.allclose(*(deaf(each, ASKED, line) for each in (images(), other)))
    logits = deaf(images(), ASKED, line)
    assert logits.shape == (4, 1, 9) and deaf.read(images()) == [()] * 4
    renamed = replace(images(), words=[tuple("x" for _ in words) for words in images().words])
    torch.testing.assert_close(deaf(renamed, ASKED, line), logits)
    assert not torch.allclose(blind(renamed, ASKED, line), blind(images(), ASKED, line))


def test_words_and_boxes_that_do_not_belong_together_are_a_problem():
    with pytest.raises(Problem, match="words come first"):
        replace(images(), words=[("a",)] * 4)


def test_every_parameter_learns():
    m4c = model(score("activated")).train()
    answers = [["fizko hotel"] * 10, ["bako"] * 10, ["red"] * 10, ["hotel street"] * 10]
    batch = Questions(images=images(), about=torch.arange(4), text=ASKED, answers=answers)
    answer_decoding()(m4c, batch).backward()
    still = {name for name, each in m4c.named_parameters() if each.grad is None or not each.grad.abs().max() > 1e-14}
    # a softmax does not see one number for all keys
    assert still == {"text.blocks.0.attend.key.bias"}
    assert all(each.grad.isfinite().all() for each in m4c.parameters())


def test_a_checkpoint_gives_the_same_model_and_keeps_the_vocabulary(tmp_path):
    spelled = partial(SpelledText, width=10, spelling=GRAMS, heads=2, hidden=12)
    declared = partial(
        M4C, answers=partial(said, count=2), text=spelled, spelling=GRAMS, alignment=score("general_star"), channels=6,
        width=12, blocks=1, heads=3, hidden=16, steps=4,
    )  # fmt: skip
    torch.manual_seed(0)
    m4c = declared(ASKED).eval()
    save(tmp_path, m4c, declared, ASKED, 96)
    again = load(tmp_path)
    assert again.answers == (*MARKS, "yes", "no")
    every = images()
    single = replace(
        every,
        looks=every.looks.float(),
        boxes=every.boxes.float(),
        objects=replace(every.objects, vectors=every.objects.vectors.float(), boxes=every.objects.boxes.float()),
    )
    line = torch.full((4, 1), BEGIN)
    torch.testing.assert_close(again(single, ASKED, line), m4c(single, ASKED, line), rtol=0, atol=0)
    with pytest.raises(Problem):
        rebuild(json.loads(json.dumps(describe(declared))))  # names a function that is no model part


def said(*, count: int) -> tuple[str, ...]:
    return KNOWN[:count]


def test_unknown_scores_are_a_problem():
    with pytest.raises(Problem, match="no alignment"):
        model(partial(alignment, name="scaled dto"))
