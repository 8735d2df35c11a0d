"""MAC: numbers from the official code for every score, rows that do not see each other, learning past the baseline."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch
from torch.nn.functional import elu
from written_weights import drawn

from cirkit.attention.alignment import SCORES, alignment, swapped
from cirkit.declare import describe, rebuild
from cirkit.encoders.image import SmallResNet
from cirkit.encoders.parts import GivenMaps, GridParts, RegionParts
from cirkit.errors import Problem
from cirkit.examples import Questions
from cirkit.models.mac import MAC, QuestionOnly
from cirkit.regions import Regions
from cirkit.training.answers import answer_cross_entropy

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "mac.json").read_text())
TEXTS = ["is it red", "what shape is the large thing left of the cube", "how many", ""]
ANSWERS = ("yes", "no", "1")
SMALL = {"width": 12, "word_width": 10, "steps": 3}


def score(name: str):
    return partial(alignment, name=name)


NAMES = {  # the released options -> the read unit's score
    "original": score("dot"),
    "scaled": score("scaled dot"),
    "general_kwq": score("general*"),
    "general_qwk": score("general†"),
    "biased_general_kwq": score("biased general*"),
    "biased_general_qwk": score("biased general†"),
    "act_general_relu_kwq": partial(swapped, of=score("activated general")),
    "act_general_relu_qwk": score("activated general"),
}


def model(name: str = "dot", image=None, texts=TEXTS, answers=ANSWERS, **changes) -> MAC:
    torch.manual_seed(0)
    image = image or partial(RegionParts, channels=6)
    mac = MAC(texts, answers=answers, image=image, **({"control": score(name), "read": score(name)} | SMALL | changes))
    return mac.double().eval()


def regions(n: int = 4, seed: int = 0) -> Regions:
    generator = torch.Generator().manual_seed(seed)
    counts = 5 - torch.arange(n) % 3
    vectors, boxes = (torch.randn(n, 5, c, dtype=torch.double, generator=generator) for c in (6, 4))
    return Regions(vectors=vectors, boxes=boxes, mask=torch.arange(5) < counts[:, None])


def fill(mac: MAC, order: list[str]) -> None:
    """The written rule of the golden numbers, into the tensors of a model."""
    state, gates = mac.state_dict(), [0, 2, 1, 3]  # i, j, f, o there; i, f, g, o here
    sides = {"control.alignment": mac.control.alignment, "read.alignment": mac.read.alignment}
    for number, name in enumerate(order, start=1):
        part, _, kind = name.rpartition(".")
        if name.startswith("lstm"):
            _, kind, *way = name.split()
            end = "_l0" + "".join(f"_{each}" for each in way)
            if kind == "bias":
                bias = 0.7 * (2 * drawn((24,), number) - 1)
                bias = bias.view(4, 6)[gates] + torch.tensor([0, 1, 0, 0])[:, None]
                state[f"question.lstm.bias_ih{end}"].copy_(bias.flatten())
                state[f"question.lstm.bias_hh{end}"].zero_()
                continue
            kernel = (2 * drawn((16, 24), number) - 1) * (3 / 16) ** 0.5
            kernel = kernel.view(16, 4, 6)[:, gates].flatten(1)
            state[f"question.lstm.weight_ih{end}"].copy_(kernel[:10].T)
            state[f"question.lstm.weight_hh{end}"].copy_(kernel[10:].T)
            continue
        if part in sides:
            linear = next(each for each in sides[part].children())
            target = getattr(linear, kind)
        else:
            target = state[name]
        if target is None:  # the released code keeps a bias that it does not add
            continue
        if name == "question.embedding.weight":
            target, state[name][0] = target[1:], 0
        vector = target.ndim < 2 or target.shape[0] == 1
        there = (
            (target.numel(),) if vector else {2: (*target.shape[::-1],), 4: (3, 3, *target.shape[1::-1])}[target.ndim]
        )
        if name == "question.embedding.weight":
            there = tuple(target.shape)
        if vector and kind == "bias" and target.numel() == 1:
            there = ()
        fan = 1 if vector else torch.Size(there[:-1]).numel()
        values = (2 * drawn(there, number) - 1) * (0.7 if vector else (3 / fan) ** 0.5)
        if not vector and name != "question.embedding.weight":
            values = values.permute(*range(values.ndim)[::-1]) if values.ndim == 2 else values.permute(3, 2, 0, 1)
        target.data.copy_(values.reshape(target.shape))


def near(values: torch.Tensor, golden: list) -> None:
    torch.testing.assert_close(values, torch.tensor(golden, dtype=torch.double), rtol=1e-5, atol=1e-8)


@torch.no_grad()
@pytest.mark.parametrize("name", NAMES)
def test_the_official_code_gives_these_attentions_states_and_logits(name):
    golden = GOLDEN["variants"][name]
    mac = model(
        texts=["a b c d e f g h i"],
        answers=list("vwxyz"),
        image=partial(GridParts, encoder=partial(GivenMaps, width=6)),
        control=partial(swapped, of=NAMES[name]),  # the released marks name opposite sides in the two units
        read=NAMES[name],
    )
    fill(mac, golden["order"])
    images = 2 * drawn((3, 6, 3, 4), 1000) - 1
    words, mask, question = mac.question(GOLDEN["texts"])
    near(question, golden["question"])
    to_words, to_parts = mac.attention(images, GOLDEN["texts"])
    near(to_words.transpose(0, 1), golden["words"])
    near(to_parts.transpose(0, 1), golden["cells"])
    near(mac.control(question, words, mask)[0][:, 2], golden["control"])
    near(mac(images, GOLDEN["texts"]), golden["logits"])


@torch.no_grad()
@pytest.mark.parametrize("name", SCORES)
def test_a_batch_is_its_rows_and_padding_never_leaks(name):
    mac, images = model(name), regions()
    logits = mac(images, TEXTS)
    assert logits.shape == (4, 3)
    for i in range(4):
        own = int(images.mask[i].sum())
        alone = Regions(vectors=images.vectors[i : i + 1, :own], boxes=images.boxes[i : i + 1, :own])
        torch.testing.assert_close(mac(alone, TEXTS[i : i + 1])[0], logits[i])
    spoiled = torch.where(images.mask[..., None], images.vectors, 1e3)
    again = mac(Regions(vectors=spoiled, boxes=images.boxes, mask=images.mask), TEXTS)
    torch.testing.assert_close(again, logits, rtol=0, atol=0)
    to_words, to_parts = mac.attention(images, TEXTS)
    words = torch.tensor([max(1, len(text.split())) for text in TEXTS])
    for weights, count in ((to_words, words), (to_parts, images.mask.sum(1))):
        assert weights.shape[:2] == (4, 3)
        outside = torch.arange(weights.shape[2]) >= count[:, None]
        assert (weights * outside[:, None]).sum() == 0
        torch.testing.assert_close(weights.sum(2), torch.ones(4, 3).double())


@torch.no_grad()
@pytest.mark.parametrize("name", SCORES)
def test_the_units_are_their_formulas_word_by_word_and_part_by_part(name):
    """All steps' controls at once, and parts that do not exist left out, against one product at a time."""
    mac, images = model(name), regions()
    words, mask, question = mac.question(TEXTS)
    controls, every = mac.control(question, words, mask)
    for step in range(3):
        control, weights = controls[:, step], every[:, step]
        query = mac.control.steps[step](mac.control.question(question).tanh())
        memory = torch.randn(4, 12).double()
        parts, exist = mac.image(images)
        found, shares = mac.read(memory, control, parts, exist)
        for i in range(4):
            own = words[i, : int(mask[i].sum())]
            total = [mac.control.total(mac.control.alignment.products(query[i], word)) for word in own]
            expected = torch.cat(total).softmax(0)
            torch.testing.assert_close(weights[i, : len(own)], expected)
            torch.testing.assert_close(control[i], expected @ own)
            own, total = parts[i, : int(exist[i].sum())], []
            for each in own:
                part = mac.read.part(each)
                joint = mac.read.join(torch.cat([part * mac.read.memory(memory[i]), part]))
                total.append(mac.read.total(elu(mac.read.alignment.products(control[i], joint))))
            expected = torch.cat(total).softmax(0)
            torch.testing.assert_close(shares[i, : len(own)], expected)
            torch.testing.assert_close(found[i], expected @ own)


def test_the_two_units_take_scores_of_their_own():
    images = regions()
    both, control, read = (
        model(control=score(one), read=score(other))
        for one, other in (("general*", "general*"), ("general*", "dot"), ("dot", "general*"))
    )
    weights = [[*each.attention(images, TEXTS)] for each in (both, control, read)]
    sizes = [sum(p.numel() for p in each.parameters()) for each in (both, control, read)]
    assert sizes[0] - sizes[1] == sizes[0] - sizes[2] == 12 * 12
    assert not torch.allclose(weights[1][0], weights[2][0])


def test_the_bias_of_the_words_changes_no_control():
    """biased general† of the control unit adds one number to all words' scores: L(c ⊙ b)."""
    mac = model("biased general†")
    before = mac.attention(regions(), TEXTS)[0]
    mac.control.alignment.key.bias.data += torch.randn(12).double()
    torch.testing.assert_close(mac.attention(regions(), TEXTS)[0][:, 0], before[:, 0])


def test_every_parameter_learns():
    mac = model("activated general").train()
    batch = Questions(
        images=regions(), about=torch.arange(4), text=TEXTS, answers=[("yes",), ("no",), ("1",), ("yes",)]
    )
    answer_cross_entropy(mac, batch).backward()
    still = [name for name, each in mac.named_parameters() if not each.grad.abs().max() > 1e-12]
    assert still == ["control.total.bias", "read.total.bias"]  # one number for all words: a softmax does not see it
    assert all(each.grad.isfinite().all() for each in mac.parameters())


def test_a_grid_of_a_trained_encoder_is_read_as_given_maps_are():
    encoder = partial(SmallResNet, width=7, widths=(8, 12), strides=(1, 2))
    mac = model(image=partial(GridParts, encoder=encoder)).float()
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    assert mac.attention(images, TEXTS[:2])[1].shape == (2, 3, 16)
    given = model(image=partial(GridParts, encoder=partial(GivenMaps, width=7))).float()
    given.load_state_dict({k: v for k, v in mac.state_dict().items() if "image.encoder" not in k})
    torch.testing.assert_close(given(mac.image.encoder(images)[-1], TEXTS[:2]), mac(images, TEXTS[:2]))


def test_the_baseline_answers_without_the_image():
    baseline = QuestionOnly(TEXTS, answers=ANSWERS, width=12, word_width=10).eval()
    assert baseline.answer(None, TEXTS) == baseline.answer(regions(), TEXTS)
    assert set(baseline.answer(None, TEXTS)) <= set(ANSWERS)


def test_questions_that_cannot_be_learned_from_are_problems():
    mac = model()
    with pytest.raises(Problem, match="without answers"):
        answer_cross_entropy(mac, Questions(images=regions(), about=torch.arange(4), text=TEXTS))
    foreign = Questions(images=regions(), about=torch.arange(4), text=TEXTS, answers=[("blue",)] * 4)
    with pytest.raises(Problem, match="cannot answer 'blue'"):
        answer_cross_entropy(mac, foreign)
    with pytest.raises(Problem, match="Give Regions their boxes"):
        mac(Regions(vectors=regions().vectors), TEXTS)


def test_a_declaration_in_json_makes_the_same_model():
    declared = partial(
        MAC, answers=ANSWERS, image=partial(RegionParts, channels=6),
        control=partial(swapped, of=score("general†")), read=score("general†"), **SMALL,
    )  # fmt: skip
    torch.manual_seed(0)
    first = declared(TEXTS).double().eval()
    torch.manual_seed(0)
    again = rebuild(json.loads(json.dumps(describe(declared))))(TEXTS).double().eval()
    torch.testing.assert_close(first(regions(), TEXTS), again(regions(), TEXTS), rtol=0, atol=0)


def colours(count: int, seed: int) -> Questions:
    """Two things of one colour each; the question asks for the colour of the left or of the right one."""
    generator = torch.Generator().manual_seed(seed)
    colour, left = (
        torch.randint(0, 3, (count, 2), generator=generator),
        torch.randint(0, 2, (count,), generator=generator),
    )
    side = torch.tensor([[0.0, 0, 0.4, 1], [0.6, 0, 1, 1]]).expand(count, 2, 4)
    images = Regions(vectors=torch.eye(3)[colour], boxes=side)
    text = [f"what is the colour of the {('right', 'left')[each]} thing" for each in left.tolist()]
    asked = colour[torch.arange(count), 1 - left]
    answers = [(("red", "green", "blue")[each],) for each in asked.tolist()]
    return Questions(images=images, about=torch.arange(count), text=text, answers=answers)


def test_it_learns_what_the_question_alone_does_not_tell():
    train, test = colours(200, 1), colours(60, 2)
    right = {}
    for name, build in {
        "MAC": partial(
            MAC, image=partial(RegionParts, channels=3), control=score("dot"), read=score("dot"), steps=2,
            width=16, word_width=8, dropout=0.0,
        ),
        "question only": partial(QuestionOnly, width=16, word_width=8, dropout=0.0),
    }.items():  # fmt: skip
        torch.manual_seed(0)
        mac = build(train.text, answers=("red", "green", "blue"))
        optimizer = torch.optim.Adam(mac.parameters(), lr=1e-2)
        for _ in range(100):
            optimizer.zero_grad()
            answer_cross_entropy(mac, train[torch.randperm(200)[:32]]).backward()
            optimizer.step()
        batch = test[torch.arange(60)]
        answers = mac.eval().answer(batch.images, batch.text)
        right[name] = sum(one == stated[0] for one, stated in zip(answers, batch.answers, strict=True)) / 60
    assert right["MAC"] > 0.85 and right["question only"] < 0.6
