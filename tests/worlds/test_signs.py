from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from cirkit.errors import Problem
from cirkit.worlds import signs
from cirkit.worlds.reading import (
    UNANSWERABLE,
    VOCABULARY,
    answers,
    ask,
    read_out,
    recognise,
)
from cirkit.worlds.signboards import draw
from cirkit.worlds.signs import COLOURS, KINDS, PLACES, Scene, Sign, names, printed, sample


def scenes(count=40, seed=0, tilt=5.0):
    rng = np.random.default_rng(seed)
    return [sample(rng, names(0, 200), 2, 6, tilt) for _ in range(count)]


def test_names_are_distinct_short_and_repeatable():
    made = names(3, 500)
    assert len(set(made)) == 500 and all(4 <= len(name) <= 7 and name.isupper() for name in made)
    assert made == names(3, 500) and made[:50] == names(3, 50) and made != names(4, 500)


def test_every_kind_of_thing_occurs_and_no_two_of_a_kind_share_a_colour_or_any_two_a_name():
    kinds = Counter()
    for scene in scenes(80):
        kinds.update(sign.kind for sign in scene.signs)
        assert {sign.kind for sign in scene.signs} <= set(PLACES[scene.place])
        assert len({(sign.kind, sign.colour) for sign in scene.signs}) == len(scene.signs)
        assert len({sign.name for sign in scene.signs}) == len(scene.signs)
        assert all(0 <= edge <= 1 for sign in scene.signs for edge in sign.slot)
    assert set(kinds) == set(KINDS)


def test_a_scene_drawn_alone_has_the_bytes_it_has_in_a_batch():
    made = scenes(6)
    batch = draw(made, 48)
    for i in (0, 3, 5):
        alone = draw([made[i]], 48)
        assert torch.equal(alone.images[0], batch.images[i]) and torch.equal(alone.owner[0], batch.owner[i])
    assert draw([], 48).images.shape == (0, 3, 48, 48)


def test_boxes_hold_exactly_what_the_masks_show():
    picture = draw(scenes(8), 64)
    for owner, boxes in zip(picture.owner, picture.boxes, strict=True):
        for number, (left, top, right, bottom) in enumerate(boxes.tolist()):
            mine = (owner == number).nonzero()
            if len(mine) == 0:
                assert (left, top, right, bottom) == (0, 0, 0, 0)
                continue
            assert mine.min(0).values.tolist() == [top, left] and mine.max(0).values.tolist() == [bottom - 1, right - 1]


def test_every_thing_can_be_seen_and_bears_its_colour():
    made = [scene for scene in scenes(30) if scene.place == "shelf"]
    picture = draw(made, 64)
    for image, owner, scene in zip(picture.images, picture.owner, made, strict=True):
        for number, sign in enumerate(scene.signs):
            mine = image[:, owner == number].float()
            assert mine.shape[1] > 0.01 * 64 * 64
            colour = torch.tensor(COLOURS[sign.colour]).float()
            near = (mine - colour[:, None]).abs().max(0).values < 60  # light varies by a tenth
            assert near.float().mean() > 0.2


def test_words_stand_inside_the_picture_and_do_not_overlap():
    for scene in scenes(40):
        found = printed(scene)
        assert [word.text for word in found] == [text for sign in scene.signs for text in sign.words]
        for word in found:
            left, top, width, height = word.box
            assert left >= 0 and top >= 0 and left + width <= 1 and top + height <= 1 and width > 0 and height > 0
        for i, one in enumerate(found):
            for other in found[:i]:
                across = min(one.box[0] + one.box[2], other.box[0] + other.box[2]) - max(one.box[0], other.box[0])
                down = min(one.box[1] + one.box[3], other.box[1] + other.box[3]) - max(one.box[1], other.box[1])
                assert min(across, down) <= 1 / 256, (one, other)


def test_pixels_change_inside_a_words_box_and_nowhere_else_when_the_word_changes():
    sign = Sign("box", "white", (0.3, 0.2, 0.7, 0.7), (("GATOR",), ("RICE",)), "1.25")
    one = Scene("shelf", (sign,), 5)
    other = replace(one, signs=(replace(sign, lines=(("GATOR",), ("SOAP",))),))
    differ = (draw([one], 128).images != draw([other], 128).images).any(1)[0]
    rows, columns = differ.nonzero(as_tuple=True)
    boxes = np.array([word.box for scene in (one, other) for word in printed(scene) if word.text in ("RICE", "SOAP")])
    assert len(rows) > 30
    assert boxes[:, 0].min() * 128 - 1 <= columns.min() and columns.max() <= (boxes[:, 0] + boxes[:, 2]).max() * 128 + 1
    assert boxes[:, 1].min() * 128 - 1 <= rows.min() and rows.max() <= (boxes[:, 1] + boxes[:, 3]).max() * 128 + 1


def test_every_answer_is_printed_or_in_the_vocabulary_and_its_source_says_which():
    rng = np.random.default_rng(0)
    sources = Counter()
    for scene in scenes(60):
        words = [word for sign in scene.signs for word in sign.words]
        seen = {word.lower() for word in words}
        asked = ask(scene, rng)
        assert len({question.text for question in asked if question.sign < 0}) == sum(q.sign < 0 for q in asked)
        for question in asked:
            parts = question.answer.split()
            assert read_out(question.answer, words)
            sources[question.source] += 1
            if question.source == "words":
                assert all(part in seen for part in parts)
            elif question.source == "vocabulary":
                assert all(part in VOCABULARY for part in parts)
            else:
                assert parts[0] in seen and parts[0] not in VOCABULARY and parts[1] in VOCABULARY
    assert min(sources["words"], sources["vocabulary"], sources["both"]) > 20
    assert not read_out("lorvik bakery", ["BAKERY"])


def test_a_question_has_one_answer_in_its_scene():
    rng = np.random.default_rng(0)
    for scene in scenes(60):
        given = {}
        for question in ask(scene, rng):
            assert given.setdefault(question.text, question.answer) == question.answer


def slow_answer(scene, text):
    """Answers the questions that a few lines of looking settle, from the scene alone; None for all others."""
    by_name = {sign.name.lower(): sign for sign in scene.signs}
    words = text.rstrip("?").split()
    if text.startswith("is "):
        one, other = by_name[words[1]], by_name[words[-1]]
        return "yes" if sum(one.slot[::2]) < sum(other.slot[::2]) else "no"
    if text.startswith("how many") and text.endswith("are there?"):
        kind = {"shops": "shop", "bottles": "bottle", "boxes": "box", "books": "book"}[words[2]]
        return str(sum(sign.kind == kind for sign in scene.signs))
    if text.startswith("what color"):
        return next(sign.colour for name, sign in by_name.items() if name in words)
    if text.startswith("does the") and any(colour in words for colour in COLOURS):
        fitting = [s for s in scene.signs if s.kind in words and s.colour in words]
        return "yes" if words[-1].upper() in fitting[0].words else "no"
    return None


def test_answers_agree_with_a_slow_look_at_the_scene():
    rng, looked = np.random.default_rng(1), Counter()
    for scene in scenes(80, seed=2):
        for question in ask(scene, rng):
            expected = slow_answer(scene, question.text)
            if expected is not None:
                looked[question.text.split()[0]] += 1
                assert question.answer == expected, question
    assert set(looked) == {"is", "how", "what", "does"} and min(looked.values()) > 30


def test_people_agree_as_often_as_the_dial_says():
    rng = np.random.default_rng(0)
    asked = [question for scene in scenes(40) for question in ask(scene, rng)]
    for agree in (0.5, 0.9):
        given = [[answer == q.answer for answer in answers(q, rng, agree)] for q in asked]
        assert abs(np.mean(given) - agree) < 0.03 and all(len(row) == 10 for row in given)
    assert all(set(answers(q, rng, 1.0)) == {q.answer} for q in asked[:20])
    wrong = Counter(answer for q in asked for answer in answers(q, rng, 0.0))
    assert wrong[UNANSWERABLE] > 50 and "" not in wrong


def test_the_reader_of_words_misses_and_misreads_as_often_as_it_is_told():
    rng, made = np.random.default_rng(0), scenes(120)
    total = sum(len(printed(scene)) for scene in made)
    plain = [recognise(scene, rng, missed=0.0, misread=0.0, spurious=0.0) for scene in made]
    for scene, words in zip(made, plain, strict=True):
        assert sorted(word.text for word in words) == sorted(word.text for word in printed(scene))
    few = [recognise(scene, rng, missed=0.2, misread=0.0, spurious=0.0) for scene in made]
    assert abs(sum(map(len, few)) / total - 0.8) < 0.05
    wrong = [recognise(scene, rng, missed=0.0, misread=0.3, spurious=0.0) for scene in made]
    true = [{word.text for word in printed(scene)} for scene in made]
    share = np.mean([word.text not in known for words, known in zip(wrong, true, strict=True) for word in words])
    assert abs(share - 0.3) < 0.06
    more = [recognise(scene, rng, missed=0.0, misread=0.0, spurious=1.0) for scene in made]
    assert sum(map(len, more)) == total + len(made) and all(sum(w.sign < 0 for w in words) == 1 for words in more)


def test_missing_fonts_are_a_problem_that_names_them(monkeypatch, tmp_path):
    signs._font.cache_clear()
    monkeypatch.setattr(signs, "_folder", lambda: tmp_path)
    with pytest.raises(Problem, match="Install matplotlib again"):
        signs._font(0, 17)
    signs._font.cache_clear()
