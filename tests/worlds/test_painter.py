"""Texts of CIRR and CIRCO worlds are read back, and a painter makes them true."""

from dataclasses import fields, replace

import pytest
import torch

from cirkit.benchmarks import circo as circo_files
from cirkit.benchmarks import cirr as cirr_files
from cirkit.benchmarks.cirr_protocols import SUBSET
from cirkit.errors import Problem
from cirkit.query import Select
from cirkit.worlds import circo, cirr, groups, painter, statements
from cirkit.worlds.instructions import statement, what
from cirkit.worlds.render import render
from cirkit.worlds.scene import Scene, Thing
from cirkit.worlds.statements import Added, Both

SIZE = replace(cirr.SIZES["smoke"], train=1, val=8, test1=1)
FEW = replace(circo.SIZES["smoke"], families=4, val=4, test=4)


def plain(said):
    """Without its wording."""
    if isinstance(said, Both):
        return Both(plain(said.first), plain(said.second))
    return replace(said, phrase=0) if "phrase" in {each.name for each in fields(said)} else said


def asked():
    """Statements of both worlds with the scenes they are asked of."""
    split = cirr.world(SIZE, "val")
    scenes, queries = circo.world(circo.SIZES["smoke"])
    pairs = [(split.scenes[each.source], each.statement) for each in split.pairs]
    return pairs + [(scenes[each.source], each.statement) for mine in queries.values() for each in mine]


def test_every_text_is_read_back_as_the_statement_that_wrote_it():
    found = [said for _, said in asked()]
    kinds = {aspect for said in found for aspect in statements.aspects(said)}
    assert len(kinds) == 8 and len(found) > 60
    for said in found:
        single = not isinstance(said, Both)
        for phrase in range(6) if single else (0,):
            each = replace(said, phrase=phrase) if single else said
            assert plain(statement(str(each))) == plain(each) and type(statement(str(each))) is type(each)


@pytest.mark.parametrize("text", ["make it blue", "show a red dog", "add a red blue cube", "", "longer sleeves"])
def test_what_no_world_says_is_a_problem(text):
    with pytest.raises(Problem, match=r"Name size|Paint only"):
        statement(text)


def test_words_of_a_thing_are_its_aspects():
    assert what("small red metal cube") == groups.What("small", "red", "metal", "cube")
    assert what("thing") == groups.What() and what("large thing") == groups.What("large")


def test_painting_makes_the_text_true_and_keeps_what_it_does_not_speak_of():
    pairs = asked()
    after = [painter.edit(scene, said) for scene, said in pairs]
    true = [statements.answers(said, scene.things, new.things) for (scene, said), new in zip(pairs, after, strict=True)]
    assert sum(true) >= 0.97 * len(true)  # the rest has no room for what is asked
    for (scene, _), new in zip(pairs, after, strict=True):
        assert (new.seed, new.camera, new.light) == (scene.seed, scene.camera, scene.light)
    added = [(scene, new) for (scene, said), new in zip(pairs, after, strict=True) if isinstance(said, Added)]
    assert added and all(new.things[:-1] == scene.things for scene, new in added)
    assert [painter.edit(scene, said) for scene, said in pairs] == after


@pytest.mark.parametrize(
    ("text", "left", "new"),
    [
        ("add a small blue cube", [0, 1, 2, 3], "cube"),
        ("remove the spheres", [0, 1], None),
        ("fewer things and add a small blue cylinder", [0, 1], "cylinder"),
        ("make the cube brown", [1, 2, 3], "cube"),
    ],
)
def test_an_edit_by_hand(text, left, new):
    things = (
        Thing("cube", "red", "large", -2.0, 0.0),
        Thing("cylinder", "red", "large", 2.0, 0.0),
        Thing("sphere", "green", "small", 0.0, 2.0),
        Thing("sphere", "cyan", "small", 0.0, -2.0),
    )
    after = painter.edit(Scene(things, seed=3), statement(text)).things
    assert [things.index(each) for each in after if each in things] == left
    assert [each.shape for each in after if each not in things] == ([new] if new else [])


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    home = tmp_path_factory.mktemp("painted")
    cirr.CIRR.publish(home / "cirr", SIZE)
    circo.CIRCO.publish(home / "circo", FEW)
    return home


@pytest.mark.parametrize(
    ("name", "painted", "plain_one"),
    [
        ("cirr", lambda root: painter.cirr_painted(root, SUBSET), lambda root: cirr_files.test(root, SUBSET)),
        ("circo", painter.circo_painted, circo_files.test),
    ],
)
def test_a_painted_benchmark_differs_in_its_references_alone(roots, name, painted, plain_one):
    mine, other = painted(roots / name), plain_one(roots / name)
    assert (mine.relevant, mine.excluded, mine.candidates) == (other.relevant, other.excluded, other.candidates)
    assert mine.query.text == other.query.text and len(mine) == len(other)
    rows = torch.arange(3)
    new, old = mine.query.image[rows], other.query.image[rows]
    assert new.shape == old.shape and new.dtype == torch.uint8
    assert all((a != b).any() for a, b in zip(new, old, strict=True))


def test_the_scenes_are_those_of_the_references(roots):
    mine = cirr_files.test(roots / "cirr")
    assert isinstance(mine.query.image, Select)
    scenes = cirr.scenes(SIZE, "val")
    row = int(mine.query.image.index[0])
    assert torch.equal(mine.query.image[torch.tensor([0])], render([scenes[row]], 32).images)


def test_without_a_world_there_is_nothing_to_paint_on(roots, tmp_path):
    with pytest.raises(Problem, match="is no world of circo"):
        painter.circo_painted(roots / "cirr")
    with pytest.raises(Problem, match="is no world of cirr"):
        painter.cirr_painted(tmp_path)
