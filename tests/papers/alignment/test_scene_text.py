"""M4C's rows: they run, differ in their score alone, and read what stands in the image; exhibits, figures, claims."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from cirkit.benchmarks import textvqa
from cirkit.encoders.bert import Layout
from cirkit.encoders.read_images import ReadImages
from cirkit.encoders.spelling import HashedGrams, Spelling
from cirkit.encoders.text import words
from cirkit.encoders.text_bert import blank_text_bert
from cirkit.evaluators.answering import anls, soft_accuracy
from cirkit.evaluators.evidence import Answers
from cirkit.examples import Examples, Questions, at_seed
from cirkit.experiments import artifacts
from cirkit.experiments.artifacts import Exhibit, to_text
from cirkit.experiments.cost import plan
from cirkit.experiments.experiment import SCALES, exhibits_home
from cirkit.experiments.page import Page
from cirkit.experiments.records import Record, write
from cirkit.experiments.run import run
from cirkit.explorers.attention import AttentionExplorer
from cirkit.explorers.retrieval import Nothing
from cirkit.figures.display import Display
from cirkit.models.m4c import END, M4C, MARKS
from cirkit.papers.alignment import alignment_claims, scene_text, scene_text_claims, scene_text_data
from cirkit.papers.alignment.alignment_figures import chosen
from cirkit.papers.alignment.scene_text_exhibits import AnswerExamples, ReadShares, lead, named_word, stated
from cirkit.papers.alignment.scene_text_explorer import m4c_explorer
from cirkit.papers.alignment.scene_text_figures import MARKED, answered_questions, read_shares
from cirkit.regions import Regions
from cirkit.training.answer_decoding import answer_decoding
from cirkit.worlds import textvqa as world
from cirkit.worlds.publish import drawn, drawn_each_seed
from cirkit.worlds.reading import VOCABULARY

SMOKE = {each.name.rpartition("/")[2]: each for each in scene_text.experiments("smoke")}
SOME = ("scaled", "biased_star", "activated", "no_pixels", "no_words")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """One home for all rows, so that what they share is drawn and computed once."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("scene_text") / "data"
        patch.setenv("CIRKIT_DATA", str(home))
        patch.setenv("CIRKIT_RECORDS", str(home / "records"))
        yield home


@pytest.fixture(scope="module")
def held(place) -> Questions:
    """The val questions of seed 0 as the rows get them."""
    return at_seed(SMOKE["scaled"].tests["soft"].data, 0)()


@pytest.mark.parametrize("name", SOME)
def test_a_row_runs_and_is_tested_by_both_measures(place, held, name):
    row = SMOKE[name]
    record = run(row, 0)
    assert set(record.evidence) == {"soft", "nearest"} and record.basis == "world"
    soft, nearest = record.evidence["soft"], record.evidence["nearest"]
    assert isinstance(soft, Answers) and len(soft) == len(held) and soft.given == nearest.given
    np.testing.assert_allclose(soft.credit, soft_accuracy(soft.given, held.answers))
    np.testing.assert_allclose(nearest.credit, anls(nearest.given, held.answers))
    assert record.drawn_each_seed("soft")


def test_images_hold_the_words_that_were_read_and_the_things_that_stand_there(held):
    data = SMOKE["scaled"].tests["soft"].data.of_seed(0).data
    half = world.world(data.size)["val"]
    assert isinstance(held, Examples) and isinstance(held.images, ReadImages) and len(held.images) == len(half.scenes)
    for i, scene in enumerate(half.scenes):
        seen, count = half.seen[i], len(half.seen[i])
        assert held.images.words[i] == tuple(word.text for word in seen) and int(held.images.mask[i].sum()) == count
        for box, word in zip(held.images.boxes[i].tolist(), seen, strict=False):
            left, top, width, height = word.box
            assert box == pytest.approx([left, top, left + width, top + height], abs=1e-5)
        things = int(held.images.objects.mask[i].sum())
        assert things == len(scene.signs)
        torch.testing.assert_close(
            held.images.objects.boxes[i, :things], torch.tensor([sign.slot for sign in scene.signs])
        )
    assert held.text == [question.text for question in half.questions] and held.about.tolist() == half.about
    assert held.images.looks.shape[2] == held.images.objects.vectors.shape[2] == scene_text.PLACES_OF_THUMBNAILS
    first = held.images.looks[0, 0]
    box = held.images.boxes[:1, :1]
    images = data().images[torch.tensor([0])]
    torch.testing.assert_close(first, scene_text_data.SMALL()(images, box, torch.ones(1, 1).bool()).vectors[0, 0])


def test_a_seed_draws_its_own_world_and_reads_it_once(place):
    data = SMOKE["dot"].training.data
    one, other = at_seed(data, 0)(), at_seed(data, 1)()
    files = set((place / "features").iterdir())
    again = at_seed(data, 0)()
    assert one.text == again.text != other.text and set((place / "features").iterdir()) == files
    for row in scene_text.experiments("cpu"):
        for each in (row.training.data, *(test.data for test in row.tests.values())):
            assert isinstance(each.data, drawn_each_seed) and at_seed(each, 3).data.size.seed == 3
            assert type(at_seed(each, 3).data) is drawn


def test_rows_differ_in_the_score_or_in_what_they_see_alone():
    for scale in SCALES:
        rows = scene_text.experiments(scale)
        assert len({each.fingerprint for each in rows}) == len(rows) == 9
        rest = set()
        for row in rows:
            plain = row.declared()
            name = row.name.rpartition("/")[2]
            plain["training"]["model"]["view" if name in scene_text.VIEWS else "alignment"] = None
            if name in scene_text.VIEWS:
                assert json.dumps(plain["training"]["model"].pop("alignment")) == json.dumps(
                    next(r for r in rows if r.name.endswith("/scaled")).declared()["training"]["model"]["alignment"]
                )
            else:
                assert plain["training"]["model"].pop("view") == {"name": "read_images.everything"}
            rest.add(json.dumps({**plain, "training": {**plain["training"], "model": sorted(
                (key, json.dumps(value)) for key, value in plain["training"]["model"].items()
                if key not in ("view", "alignment"))}}))  # fmt: skip
        assert len(rest) == 1


def test_the_vocabulary_has_what_images_do_not_say_and_answers_end_in_time():
    half = world.world(replace(scene_text_data.SIZES["smoke"], seed=0))["train"]
    known = {*VOCABULARY, *MARKS}
    for question, row in zip(half.questions, half.about, strict=True):
        printed = {word.lower() for sign in half.scenes[row].signs for word in sign.words}
        assert set(question.answer.split()) <= known | printed
        assert len(question.answer.split()) < scene_text.SETTINGS["cpu"].words


@pytest.mark.slow
def test_it_learns_a_few_questions_by_heart(place):
    """Six questions of two images, whose answers are copied, known, or both."""
    train = at_seed(SMOKE["scaled"].training.data, 0)()
    setting = replace(scene_text.SETTINGS["smoke"], width=24, hidden=48, std=0.2, dropout=0.0)
    torch.manual_seed(0)
    m4c = scene_text.models(setting, "smoke")["scaled"][1](train.texts).train()
    optimizer = torch.optim.Adam(m4c.parameters(), lr=5e-3)
    few = train[torch.arange(6)]
    for _ in range(100):
        optimizer.zero_grad()
        answer_decoding()(m4c, few).backward()
        optimizer.step()
    given = m4c.eval().answer(few.images, few.text)
    assert soft_accuracy(given, few.answers).mean() > 0.7, (given, [stated(each) for each in few.answers])


# the original data


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A small world's files in the place of the original ones."""
    root = tmp_path_factory.mktemp("raw")
    size = world.Size(train=6, val=4, test=2, image=48, names=60, questions=2)
    world.TEXTVQA.publish(root / "textvqa", size)
    return root


def test_the_original_files_are_read_with_a_grid_of_objects(original, place):
    row = next(each for each in scene_text.experiments("paper", str(original)) if each.name.endswith("/scaled"))
    assert row.basis == "original" and row.training.steps == 24_000 and not row.exhibits
    data = replace(row.tests["soft"].data, encoder=scene_text_data.SMALL)
    held = data()
    assert held.images.objects.vectors.shape[:2] == (4, 100) and len(held) == 8
    boxes = held.images.objects.boxes[0]
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    torch.testing.assert_close(areas, torch.full((100,), 0.01))
    seen = textvqa.read(original / "textvqa", "val").words
    assert held.images.words[0] == seen[0].text


def test_the_vocabulary_of_the_original_is_its_most_frequent_answer_words(original):
    answers = textvqa.read(original / "textvqa", "train").answers
    said = [word for given in answers for answer in given for word in answer.split()]
    found = scene_text_data.frequent_words(root=str(original / "textvqa"), count=5)
    counts = sorted((said.count(word) for word in set(said)), reverse=True)
    assert [said.count(word) for word in found] == counts[:5]


def test_what_a_run_at_full_size_lacks_is_said_before_it(place, tmp_path):
    row = next(each for each in scene_text.experiments("paper", str(tmp_path)) if each.name.endswith("/dot"))
    said = plan(row)
    assert "TextVQA_" in said["data"] and "bert-base-uncased" in said["weights"] and said["hours a seed"] is None


BERT = {
    "vocab_size": 40, "hidden_size": 768, "num_hidden_layers": 3, "num_attention_heads": 12, "intermediate_size": 3072,
    "hidden_act": "gelu", "max_position_embeddings": 512, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
    "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1, "pad_token_id": 0,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", ["scaled", "activated"])
def test_a_step_at_full_size_moves_every_part(name):
    """Random weights and inputs of the published shapes: 20 pieces, 100 objects, 50 words, 12 steps, 5,000 answers."""
    row = next(each for each in scene_text.experiments("paper") if each.name.endswith(f"/{name}"))
    pieces = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "what", "is", "this", *(f"w{i}" for i in range(33)))
    changed = {
        "text": partial(blank_text_bert, layout=Layout(shape=BERT, pieces=pieces)),
        "spelling": partial(Spelling, subwords=HashedGrams(width=304)),
        "answers": tuple(f"a{i}" for i in range(5000)),
    }
    factory = row.training.model
    m4c = factory.func(["?"], **(factory.keywords | changed)).train()
    generator = torch.Generator().manual_seed(0)
    images = ReadImages(
        objects=Regions(vectors=torch.rand(2, 100, 2048, generator=generator), boxes=torch.rand(2, 100, 4)),
        words=[tuple(f"word{i}" for i in range(50)), ("fizko",)],
        looks=torch.rand(2, 50, 2048, generator=generator),
        boxes=torch.rand(2, 50, 4),
        mask=torch.arange(50) < torch.tensor([[50], [1]]),
    )
    answers = [["word3 a7"] * 10, ["fizko"] * 10]
    batch = Questions(images=images, about=torch.arange(2), text=["what is this " * 9, "what"], answers=answers)
    optimiser = row.training.optimiser(m4c)
    before = {key: each.detach().clone() for key, each in m4c.named_parameters()}
    row.training.objective(m4c, batch).backward()
    optimiser.step()
    moved = {key.split(".")[0] for key, each in m4c.named_parameters() if not torch.equal(each, before[key])}
    assert moved == {"text", "objects", "words", "previous", "blocks", "classify", "point"}
    rates = sorted({group["lr"] for group in optimiser.param_groups})
    assert rates == pytest.approx([1e-5, 1e-4])
    assert len(m4c.eval().answer(images, batch.text)) == 2


# exhibits


def small(texts) -> M4C:
    torch.manual_seed(0)
    return scene_text.models(scene_text.SETTINGS["smoke"], "smoke")["scaled"][1](texts).eval()


def test_the_word_to_be_copied_is_one_that_was_read_once_and_is_in_no_vocabulary():
    known = {"hotel", "5"}
    assert named_word("fizko hotel", ("hotel", "fizko"), known) == 1
    assert named_word("hotel", ("hotel", "fizko"), known) is None
    assert named_word("Fizko", ("fizko", "fizko"), known) is None and named_word("", ("",), known) is None
    assert stated(["a", "b", "b", "a"]) == "a"
    assert lead(torch.tensor([0.2, 0.1, 0.1]), 0) == pytest.approx(1.5 - 0.75)
    assert lead(torch.zeros(3), 0) == 0


def test_shares_are_those_of_a_loop(held):
    m4c, exhibit = small(held.texts), ReadShares(questions=40)
    content = exhibit(m4c, held, lambda: None)["values"]
    assert (
        isinstance(exhibit, Exhibit) and set(content) == {"answer", "question"} and len(content["answer"]["query"]) > 3
    )
    for kind, line in content.items():
        for query, share, own in zip(line["query"], line["share"], line["own"], strict=True):
            batch = held[torch.tensor([query])]
            found = m4c.attention(batch.images, batch.text)
            asked, objects, read = (part[0, 0] for part in found[:3])
            word = named_word(stated(batch.answers[0]), m4c.read(batch.images)[0], m4c.number)
            if kind == "answer":
                relative = read / read.sum() * len(read)
                others = [relative[j] for j in range(len(read)) if j != word]
                assert share == pytest.approx(float(read[word]), abs=1e-4)
                assert own is None or own == pytest.approx(float(relative[word] - sum(others) / len(others)), abs=1e-3)
            else:
                t, r, w = len(words(batch.text[0])), int(batch.images.objects.mask.sum()), len(read)
                assert share == pytest.approx(float(asked.sum()), abs=1e-4)
                expected = (t + r + w) * (float(asked.sum()) / t - float(objects.sum() + read.sum()) / (r + w))
                assert own == pytest.approx(expected, abs=1e-3)


def test_examples_say_what_the_model_attends_to_and_answers(held):
    m4c = small(held.texts)
    content = AnswerExamples(questions=5)(m4c, held, lambda: None)
    assert len(to_text({"experiment": "x", **content})) < 100_000
    for one in content["questions"]:
        batch = held[torch.tensor([one["question"]])]
        assert one["words"] == words(batch.text[0]) and one["read"] == list(m4c.read(batch.images)[0])
        assert one["given"] == m4c.answer(batch.images, batch.text)[0] and one["stated"] == stated(batch.answers[0])
        steps = len(one["steps"])
        assert np.array(one["to_question"]).shape == (steps, len(one["words"]))
        assert np.array(one["to_read"]).shape == (steps, len(one["read"])) and len(one["boxes"]) == len(one["read"])
        assert np.array(one["to_objects"]).shape == (steps, len(one["objects"]))
        spoken = [step for step in one["steps"] if step != "(end)"]
        assert " ".join(spoken) == one["given"]
        numbers = m4c.greedy(batch.images, batch.text)[0].tolist()
        for number, place in zip(numbers, one["copied"], strict=False):
            assert (place is None) == (number < len(m4c.answers)) or number == END


def test_every_row_that_copies_keeps_its_exhibits_and_smoke_and_paper_none():
    for row in scene_text.experiments("cpu"):
        names = {each.name for kept in row.exhibits.values() for each in kept}
        assert names == (set() if row.name.endswith("no_words") else {"answers", "read"})
    for scale in ("smoke", "paper"):
        assert not any(each.exhibits for each in scene_text.experiments(scale))


# claims


def test_every_claim_is_of_tests_and_exhibits_that_its_rows_have():
    rows = {each.name: each for each in scene_text.experiments("cpu")}
    ids = [claim.id for claim in (*alignment_claims.CLAIMS, *scene_text_claims.CLAIMS)]
    assert len(ids) == len({*ids}) and len({claim.id for claim in scene_text_claims.CLAIMS}) == 15
    for claim in scene_text_claims.CLAIMS:
        for name in claim.quantity.needs:
            row, test = rows[name], getattr(claim.quantity, "test", None)
            names = {each.name for kept in row.exhibits.values() for each in kept}
            assert test in row.tests if test else claim.quantity.exhibit in names


# pages


def leave(row, seed: int, evidence, **exhibits) -> None:
    """A record of a row, and exhibits beside it."""
    record = Record(
        name=row.name, paper="alignment", scale=row.scale, basis="world", seed=seed, fingerprint=row.fingerprint,
        code="", declared=row.declared(), where={"device": "cpu"}, seconds={"train": 1.0}, parameters=1, trainable=1,
        loss=[(1, 1.0)], evidence=evidence,
    )  # fmt: skip
    write(record, row.path(seed))
    for name, content in exhibits.items():
        path = exhibits_home() / artifacts.exhibit_path(row.name, row.scale, name, seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(row.whose(seed, "soft", artifacts.TopTen(())) | content))


@pytest.fixture
def page(home) -> Page:
    """Two seeds of scaled and plain dot product, with exhibits: one answers rightly, the other does not."""
    page = Page.of(paper="alignment", scale="smoke", seeds=[0, 1])
    for name, given in (("scaled", "fizko"), ("dot", "bako")):
        row = page.experiment(f"alignment/textvqa/{name}")
        level = 0.9 if name == "scaled" else 0.2
        steps = [given, "(end)"]
        one = {
            "question": 0, "image": 1, "words": ["what", "<says>"], "read": ["fizko", "bako"],
            "boxes": [[0.1, 0.1, 0.4, 0.2], [0.5, 0.5, 0.9, 0.6]], "objects": [[0, 0, 1, 1]],
            "to_question": [[level, 0.01], [0.1, 0.1]], "to_read": [[0.3, 0.1], [0.2, 0.2]],
            "to_objects": [[0.1], [0.1]], "steps": steps, "copied": [0 if given == "fizko" else 1, None],
            "given": given, "stated": "fizko",
        }  # fmt: skip
        same = one | {"question": 1, "given": "no", "steps": ["no", "(end)"], "copied": [None, None]}
        shares = {"query": [0, 1], "share": [level] * 2, "own": [level, level + 0.1], "mask": [-level, None]}
        content = {"read": {"values": {"answer": shares, "question": shares | {"mask": [None, None]}}}}
        for seed in (0, 1):
            answers = Answers((given, "no"), np.array([float(given == "fizko"), 1.0]))
            leave(row, seed, {"soft": answers, "nearest": answers}, answers={"questions": [same, one]}, **content)
    return page


def test_a_figure_shows_the_question_on_which_scores_differ_with_its_words_marked(page):
    shown = answered_questions(page, "Figure 8")
    body = shown._repr_html_()
    assert (
        "Answer: fizko." in shown.caption and "<b>what</b>" in body and "&lt;says&gt;" in body and "<says>" not in body
    )
    assert "✓ fizko (copied)" in body and "✗ bako (copied)" in body and body.count("stroke-dasharray") == 2
    assert body.count("<b>what</b>") == 1 and pytest.approx(1.82) == MARKED  # 0.2 x 6 entries lie below
    assert "✗ no (vocabulary)" in answered_questions(page, "Figure 9", example=1)._repr_html_()
    assert chosen([[{"given": "a", "stated": "a"}, {"given": "a", "stated": "b"}], [
        {"given": "a", "stated": "a"}, {"given": "c", "stated": "b"}]]) == [1, 0]  # fmt: skip


def test_shares_are_drawn_and_claimed_seed_by_seed(page):
    assert "<img" in read_shares(page, "Figure 8.1")._repr_html_()
    claims = {claim.id: claim for claim in scene_text_claims.CLAIMS}
    claim = claims["align-textvqa-attends-more"]
    records = {name: page._records(name, "smoke") for name in claim.quantity.needs}
    assert claim.quantity(records).mean == pytest.approx(0.7)
    claim = claims["align-textvqa-scaled"]
    assert claim.quantity(records).mean == pytest.approx(50)
    claim = claims["align-textvqa-attends"]
    assert claim.quantity(records).mean == pytest.approx(1.8)


def test_the_explorer_shows_every_score(page):
    shown = m4c_explorer(page)
    assert isinstance(shown, AttentionExplorer) and list(shown.models) == ["dot product", "scaled dot product"]
    assert shown.items[0]["tokens"] == ["word 1", "word 2"] and not shown.live
    answers = [found[1]["answer"] for found in shown.models.values()]
    assert answers == ["Answer: bako (right: fizko)", "Answer: fizko (right)"]
    assert shown.twin().count("</script>") == 1


def test_pages_without_records_say_so(home):
    page = Page.of(paper="alignment", scale="gpu")
    for shown in (answered_questions(page, "F"), read_shares(page, "F")):
        assert isinstance(shown, Display) and shown.caption == "Not run."
    assert isinstance(m4c_explorer(page), Nothing)
