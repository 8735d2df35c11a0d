import gzip
import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cirkit.worlds.language import TEMPLATES, Add, Description, Make, Remove, draw, possible
from cirkit.worlds.scene import COLOURS, PALETTES, PLACES, SHAPES, SIZES, Scene, noise, sample, stand, table

REAL = Path(__file__).parents[2].parent / "shared/data/css/captions"
FORMS = re.compile(
    r"(?P<verb>make|add|remove)(?: (?P<place>\w+-\w+))?(?: (?P<size>small|large))?"
    rf"(?: (?P<colour>{'|'.join(COLOURS)}))? (?P<shape>cube|sphere|cylinder|object)"
    rf"(?: (?P<word>small|large|{'|'.join(COLOURS)}))?(?: to (?P<to>\w+-\w+))?"
)


def parse(sentence):
    """The slow way back: from a sentence to the edit it says."""
    found = FORMS.fullmatch(sentence)
    assert found, sentence
    place = found["to"] if found["verb"] == "add" else found["place"]
    assert (found["word"] is not None) == (found["verb"] == "make"), sentence
    assert found["verb"] == "add" or found["to"] is None, sentence
    shape = None if found["shape"] == "object" else found["shape"]
    what = Description(place, found["size"], found["colour"], shape)
    return Make(what, found["word"]) if found["verb"] == "make" else {"add": Add, "remove": Remove}[found["verb"]](what)


def some(count, seed=0, split="train", things=(1, 6)):
    rng = np.random.default_rng(seed)
    return [Scene(sample(rng, PALETTES[split], things, 0.1), i) for i in range(count)]


def edits(count, seed=1):
    """Scenes, edits of every template, and whether each can be said of each scene."""
    rng, scenes = np.random.default_rng(seed), some(60)
    rows = table(scenes)
    for i in range(count):
        near = scenes[rng.integers(len(scenes))].things[0]
        edit = draw(rng, list(TEMPLATES)[i % len(TEMPLATES)], near)
        yield edit, scenes, possible(edit, rows)


def test_a_thing_stays_in_its_cell_whatever_the_jitter():
    rng = np.random.default_rng(0)
    for cell in range(9):
        for _ in range(50):
            assert stand(rng, "cube", "red", "small", cell, 0.49).cell == cell
    with pytest.raises(ValueError, match="jitter"):
        stand(rng, "cube", "red", "small", 0, 0.5)


def test_samples_repeat_from_the_seed_and_keep_their_palette():
    assert some(50) == some(50) != some(50, seed=1)
    for split, other in (("train", "test"), ("test", "train")):
        pairs = {(t.shape, t.colour) for scene in some(400, split=split) for t in scene.things}
        allowed = {(shape, colour) for shape, colours in PALETTES[split].items() for colour in colours}
        assert pairs == allowed
        assert all(shape == "sphere" for shape, colour in pairs if colour in PALETTES[other][shape])
    counts = Counter(len(scene.things) for scene in some(400))
    assert set(counts) == {1, 2, 3, 4, 5, 6}
    assert all(len({t.cell for t in scene.things}) == len(scene.things) for scene in some(400))


def test_the_table_says_what_a_loop_over_things_says():
    scenes = some(50)
    rows = table(scenes)
    for scene, row in zip(scenes, rows, strict=True):
        for cell in range(9):
            here = [t for t in scene.things if t.cell == cell]
            size, colour, shape = row[cell]
            assert (size, colour, shape) == (-1, -1, -1) if not here else True
            for t in here:
                assert (list(SIZES)[size], list(COLOURS)[colour], SHAPES[shape]) == (t.size, t.colour, t.shape)


def test_noise_depends_on_its_own_seed_alone():
    seeds = [5, 2**62 - 1, 0, 5]
    rows = noise(seeds, 6)
    assert (rows[0] == rows[3]).all() and (rows[0] != rows[1]).all()
    assert all((noise([seed], 6)[0] == row).all() for seed, row in zip(seeds, rows, strict=True))
    many = noise(range(20000), 3)
    assert many.min() >= -1 and many.max() < 1
    assert abs(many.mean()) < 0.01 and abs(many.var() - 1 / 3) < 0.01
    assert abs(np.corrcoef(many.T)[0, 1:]).max() < 0.03


def test_every_sentence_parses_back_to_its_edit():
    for edit, _, _ in edits(300):
        assert parse(str(edit)) == edit


def test_the_tables_answer_agrees_with_a_loop_over_things():
    for edit, scenes, can in edits(120):
        for scene, yes in zip(scenes, can, strict=True):
            if isinstance(edit, Add):
                cells = {t.place for t in scene.things}
                slow = edit.what.place not in cells if edit.what.place else len(cells) < 9
            else:
                fitting = [t for t in scene.things if edit.what.fits(t)]
                slow = len(fitting) == 1 and not (isinstance(edit, Make) and edit.word in fitting[0].words)
            assert slow == yes, (str(edit), scene)


def test_an_edit_changes_what_its_sentence_says_and_nothing_else():
    seen = Counter()
    rng = np.random.default_rng(3)
    for edit, scenes, can in edits(240):
        for scene in [s for s, yes in zip(scenes, can, strict=True) if yes][:3]:
            seen[type(edit)] += 1
            if isinstance(edit, Add):
                free = [p for p in PLACES if p not in {t.place for t in scene.things}]
                cell = PLACES.index(edit.what.place or free[0])
                what = edit.what
                new = stand(rng, what.shape or "cube", what.colour or "red", what.size or "small", cell, 0.1)
                after = edit.apply(scene, new)
                assert set(after.things) - set(scene.things) == {new} and set(scene.things) < set(after.things)
                continue
            after = edit.apply(scene)
            (old,) = set(scene.things) - set(after.things)
            assert edit.what.fits(old)
            assert after.seed == scene.seed
            if isinstance(edit, Remove):
                assert set(after.things) < set(scene.things)
            else:
                (new,) = set(after.things) - set(scene.things)
                assert new == replace(old, **{edit.aspect: edit.word}) != old
    assert all(seen[kind] > 20 for kind in (Make, Add, Remove))


def test_an_edit_that_cannot_be_said_of_a_scene_is_refused():
    rng = np.random.default_rng(0)
    twins = Scene(tuple(stand(rng, "cube", "blue", "small", cell, 0.1) for cell in (0, 4)))
    with pytest.raises(ValueError, match="2 things fit 'blue cube'"):
        Remove(Description(colour="blue", shape="cube")).apply(twins)
    with pytest.raises(ValueError, match="0 things"):
        Make(Description(shape="sphere"), "red").apply(twins)
    with pytest.raises(ValueError, match="cannot put"):
        Add(Description()).apply(twins, stand(rng, "cube", "blue", "small", 4, 0.1))
    with pytest.raises(ValueError, match="cannot put"):
        Add(Description(colour="red")).apply(twins, stand(rng, "cube", "blue", "small", 5, 0.1))


def test_sentences_read_as_in_the_paper():
    assert str(Make(Description(colour="yellow", shape="sphere"), "small")) == "make yellow sphere small"
    assert str(Add(Description("top-center", "small", "red", None))) == "add small red object to top-center"
    assert str(Remove(Description("bottom-right"))) == "remove bottom-right object"


@pytest.mark.skipif(not REAL.is_dir(), reason="the real sentences are not here")
def test_grammar_proportions_and_held_out_pairs_are_those_of_the_real_sentences():
    ours = {"circle": "sphere", "rectangle": "cube", "triangle": "cylinder"}
    for split, file in (("train", "cap.train.json.gz"), ("test", "original_cap.test.json.gz")):
        rows = json.loads(gzip.decompress((REAL / file).read_bytes()))
        counted, spoken = Counter(), {"cube": set(), "sphere": set(), "cylinder": set()}
        for sentence in {row["captions"][0] for row in rows}:
            edit = parse(" ".join(ours.get(word, word) for word in sentence.split()))
            what, verb = edit.what, type(edit).__name__.lower()
            said = [part is not None for part in (what.place, what.size, what.colour, what.shape)]
            counted[verb, getattr(edit, "aspect", ""), *said] += 1
            if verb != "add" and what.shape and what.colour:
                spoken[what.shape].add(what.colour)
        assert {shape: set(colours) for shape, colours in PALETTES[split].items()} == spoken
        if split == "train":
            assert counted == TEMPLATES and sum(TEMPLATES.values()) == 6004
