import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cirkit.benchmarks.clevr_programs import (
    ANSWERS,
    ATTRIBUTES,
    FUNCTIONS,
    RELATIONS,
    VALUES,
    Graph,
    Invalid,
    Node,
    answer,
    fault,
    kind,
)
from cirkit.worlds.clevr_scenes import BEYOND, MARGIN, directions, first_free, graph, scatter, seen_at
from cirkit.worlds.families import FAMILIES, SUBSETS, SYNONYMS, WITHOUT, Balance, ask
from cirkit.worlds.render import render
from cirkit.worlds.scene import COLOURS, FIRST, SECOND, SIZES, Scene, Thing

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "clevr"


def scenes(count, seed=0, least=3, most=10):
    rng = np.random.default_rng(seed)
    return [scatter(rng, least, most, 0.3, 0.15) for _ in range(count)]


def brute(program, scene, at=-1):
    """What a step means, worked out anew from the scene by asking every thing in turn; sets are lists of things."""
    node = program[at]
    inputs = [brute(program, scene, i) for i in node.inputs]
    name = {"color": "colour"}
    function, _, part = node.function.partition("_")
    if node.function == "scene":
        return list(scene.things)
    if function == "filter":
        return [thing for thing in inputs[0] if getattr(thing, name.get(part, part)) == node.value]
    if node.function == "unique":
        (one,) = inputs[0]
        return one
    if node.function == "relate":
        way, found = directions(scene)[node.value], []
        for thing in scene.things:
            if (thing.x - inputs[0].x) * way[0] + (thing.y - inputs[0].y) * way[1] > BEYOND:
                found.append(thing)
        return found
    if function == "same":
        wanted = getattr(inputs[0], name.get(part, part))
        return [t for t in scene.things if t is not inputs[0] and getattr(t, name.get(part, part)) == wanted]
    if function == "query":
        return getattr(inputs[0], name.get(part, part))
    if node.function in ("union", "intersect"):
        holds = any if node.function == "union" else all
        return [t for t in scene.things if holds(any(t is other for other in side) for side in inputs)]
    if node.function == "count":
        return sum(1 for _ in inputs[0])
    if node.function == "exist":
        return bool(inputs[0])
    if node.function == "less_than":
        return inputs[0] < inputs[1]
    if node.function == "greater_than":
        return inputs[0] > inputs[1]
    assert function == "equal"
    return inputs[0] == inputs[1]


@given(st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_every_programs_answer_equals_a_brute_force_evaluation(seed):
    rng = np.random.default_rng(seed)
    scene = scatter(rng, 3, 10, 0.3, 0.15)
    asked = ask(graph(scene), rng, Balance(), many=90, tries=2)
    assert len(asked) > 20
    for question in asked:
        expected = brute(question.program, scene)
        expected = {True: "yes", False: "no"}[expected] if isinstance(expected, bool) else str(expected)
        assert question.answer == answer(question.program, graph(scene)) == expected
        assert question.answer in ANSWERS and fault(question.program) is None


def test_left_lists_the_things_left_of_a_thing():
    things = (Thing("cube", "red", "small", -2.0, 0.0), Thing("sphere", "blue", "small", 2.0, 0.5))
    found = graph(Scene(things))
    assert found.relations["left"] == ((), (0,)) and found.relations["right"] == ((1,), ())
    assert found.relations["behind"] == ((1,), ()) and found.relations["front"] == ((), (0,))
    program = (
        Node("scene"), Node("filter_color", (0,), "blue"), Node("unique", (1,)),
        Node("relate", (2,), "left"), Node("unique", (3,)), Node("query_color", (4,)),
    )  # fmt: skip
    assert answer(program, found) == "red"


def test_relations_are_opposites_and_orders():
    for scene in scenes(20):
        found = graph(scene).relations
        for one, other in (("left", "right"), ("behind", "front")):
            for i, j in np.ndindex(len(scene.things), len(scene.things)):
                assert (j in found[one][i]) == (i in found[other][j])
                assert i == j or (j in found[one][i]) != (j in found[other][i])  # margins leave no pair undecided


def test_relations_agree_with_where_things_are_seen():
    agree = []
    for scene in scenes(30):
        columns = [column for column, _, _ in seen_at(scene, 96)]
        for i, those in enumerate(graph(scene).relations["left"]):
            agree += [columns[j] < columns[i] for j in those]
    assert np.mean(agree) > 0.95  # perspective turns a few


def test_centres_are_seen_where_the_masks_are():
    made = scenes(12, least=3, most=4)
    picture = render(made, 96)
    for scene, owner in zip(made, picture.owner, strict=True):
        for number, (column, row, far) in enumerate(seen_at(scene, 96)):
            assert 8 < far < 25
            rows, columns = (owner == number).nonzero(as_tuple=True)
            if len(rows) > 60:
                assert abs(columns.float().mean() - column) < 6 and abs(rows.float().mean() - row) < 6


def test_things_stand_apart_and_all_can_be_seen():
    made = scenes(40)
    for scene in made:
        assert 3 <= len(scene.things) <= 10
        ways = directions(scene)
        for i, one in enumerate(scene.things):
            for other in scene.things[:i]:
                off = np.array([one.x - other.x, one.y - other.y, 0.0])
                assert all(abs(off @ way) >= MARGIN - 1e-9 for way in ways.values())
                assert np.hypot(*off[:2]) > SIZES[one.size] + SIZES[other.size]
    owner = render(made, 96).owner
    for scene, seen in zip(made, owner, strict=True):
        assert all((seen == number).sum() >= 12 for number in range(len(scene.things)))


def test_the_first_free_place_is_that_of_a_whole_table():
    rng = np.random.default_rng(0)
    for number in range(200):
        tried, standing = rng.uniform(-2.9, 2.9, (50, 2)), rng.uniform(-2.9, 2.9, (number % 10, 2))
        reach = rng.choice([0.85, 1.2, 1.55], len(standing))
        off = np.abs(tried[:, None] - standing)  # (tried, things, 2)
        free = ((off >= MARGIN).all(2) & ((off**2).sum(2) >= reach**2)).all(1)
        taken = [(*place, far) for place, far in zip(standing.tolist(), reach.tolist(), strict=True)]
        assert first_free(tried.tolist(), taken) == (int(free.argmax()) if free.any() else None)


def test_drawing_one_of_one_takes_nothing_from_the_generator():
    """Questions may then skip the draw and still be the same."""
    rng, same = np.random.default_rng(3), np.random.default_rng(3)
    assert rng.integers(1) == 0 and rng.integers(9, size=20).tolist() == same.integers(9, size=20).tolist()


def test_subsets_that_leave_attributes_out_are_those_that_name_none_of_them():
    assert set(WITHOUT) >= {(), *((name,) for name in ATTRIBUTES)} and WITHOUT[()] == SUBSETS
    for out, parts in WITHOUT.items():
        assert parts == tuple(part for part in SUBSETS if not any(name in out for name in part))
        assert len(parts) == 2 ** (4 - len(out)) - 1


def test_there_are_ninety_families_in_the_official_proportions():
    groups = Counter(family.name.split()[0] for family in FAMILIES)
    assert groups == {
        "zero_hop": 6, "one_hop": 6, "two_hop": 6, "three_hop": 6, "same_relate": 28,
        "single_and": 5, "single_or": 8, "compare_integer": 9, "comparison": 16,
    }  # fmt: skip
    rng, last = np.random.default_rng(0), {}
    for scene in scenes(36, seed=5, least=5):
        for question in ask(graph(scene), rng, Balance(), many=90, tries=3):
            last[question.family] = kind(question.program)
    assert len(last) == 90
    assert Counter(last.values()) == {
        "exist": 12, "count": 21, "compare integer": 9, "query attribute": 32, "compare attribute": 16,
    }  # fmt: skip


def test_the_number_of_relations_is_the_number_of_hops():
    rng = np.random.default_rng(1)
    hops = {"zero_hop": 0, "one_hop": 1, "two_hop": 2, "three_hop": 3, "same_relate": 0, "single_and": 2}
    for scene in scenes(20, seed=3):
        for question in ask(graph(scene), rng, Balance(), many=90):
            group = FAMILIES[question.family].name.split()[0]
            relations = sum(node.function == "relate" for node in question.program)
            assert group not in hops or relations == hops[group]


def test_what_is_asked_for_is_never_said():
    rng = np.random.default_rng(2)
    for scene in scenes(25, seed=4):
        for question in ask(graph(scene), rng, Balance(), many=90):
            last = question.program[-1]
            if last.function.startswith("query_"):
                attribute, at = last.function.removeprefix("query_"), last.inputs[0]
                while question.program[at].function.startswith(("unique", "filter_")):
                    assert question.program[at].function != f"filter_{attribute}"
                    at = question.program[at].inputs[0]
            for number, node in enumerate(question.program):
                if node.function.startswith("same_"):
                    attribute = node.function.removeprefix("same_")
                    assert all(other.function != f"filter_{attribute}" for other in question.program[number - 4 :])


def parse(text):
    """The values a sentence names, synonyms resolved."""
    back = {value: value for values in VALUES.values() for value in values}
    back |= {said: value for value, ways in SYNONYMS.items() for said in ways}
    words = [word.strip(";?,").lower() for word in text.removeprefix("How big is").split()]
    return Counter(back.get(word.removesuffix("s") if word != "thing" else word) or back.get(word) for word in words)


def test_a_sentence_names_exactly_the_values_that_its_program_filters_by():
    rng = np.random.default_rng(3)
    for scene in scenes(25, seed=6):
        for question in ask(graph(scene), rng, Balance(), many=90):
            filtered = Counter(node.value for node in question.program if node.function.startswith("filter_"))
            named = parse(question.text)
            colours_and_more = [value for values in VALUES.values() for value in values]
            assert {v: named[v] for v in colours_and_more if named[v]} == dict(filtered), question
            assert question.text.endswith("?") and question.text[0].isupper() and "  " not in question.text
            for relation in ("behind", "front"):
                said = sum(node.value == relation for node in question.program)
                assert question.text.lower().count(f"{relation} ") == said


def test_answers_are_balanced_and_families_take_turns():
    rng, balance = np.random.default_rng(0), Balance()
    asked = [question for scene in scenes(120) for question in ask(graph(scene), rng, balance)]
    assert len(asked) == 1200
    counts = Counter(question.answer for question in asked)
    assert 0.7 < counts["yes"] / counts["no"] < 1.4
    for name in ("size", "material"):
        one, other = VALUES[name]
        assert 0.6 < counts[one] / counts[other] < 1.6
    used = Counter(question.family for question in asked)
    assert len(used) == 90 and max(used.values()) < 3 * min(used.values())
    assert len({(question.text, question.answer) for question in asked}) > 1100


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from(ANSWERS), st.integers(1, 40), min_size=1), st.sampled_from(ANSWERS))
def test_the_rule_of_the_median_is_numpys(given_, said):
    balance = Balance()
    for name, count in given_.items():
        balance.given[0][name] = count
    ordered = sorted(given_.values())
    most = min(1.1 * ([0, *ordered][-2]), 5 * max(5, np.median(ordered)))
    assert balance.allows(0, said) == (given_.get(said, 0) <= most)


def test_a_family_may_not_give_one_answer_over_and_over():
    balance = Balance()
    assert balance.allows(3, "yes")
    balance.note(3, "yes")
    assert not balance.allows(3, "yes") and balance.allows(3, "no") and balance.allows(4, "yes")
    balance.note(3, "no")
    assert balance.allows(3, "yes")


def test_unique_fails_unless_there_is_exactly_one():
    things = tuple(dict(zip(ATTRIBUTES, ("small", "red", "metal", "cube"), strict=True)) for _ in range(2))
    twins = Graph(things, {name: ((), ()) for name in RELATIONS})
    with pytest.raises(Invalid, match="2 things"):
        answer((Node("scene"), Node("unique", (0,)), Node("query_size", (1,))), twins)
    with pytest.raises(Invalid, match="0 things"):
        answer(
            (Node("scene"), Node("filter_size", (0,), "large"), Node("unique", (1,)), Node("query_size", (2,))), twins
        )


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ((), "no answer"),
        ((Node("scene"),), "no answer"),
        ((Node("jump"),), "names no function"),
        ((Node("scene"), Node("count", (1,))), "not there yet"),
        ((Node("scene"), Node("count", (-1,))), "not there yet"),
        ((Node("scene"), Node("query_size", (0,))), "wrong kind"),
        ((Node("scene"), Node("count")), "wrong kind"),
        ((Node("scene"), Node("filter_size", (0,), "red"), Node("count", (1,))), "the value 'red'"),
        ((Node("scene"), Node("filter_size", (0,)), Node("count", (1,))), "the value None"),
        ((Node("scene"), Node("count", (0,), "red")), "the value 'red'"),
    ],
)
def test_a_program_that_cannot_run_is_told_before_it_runs(program, says):
    assert says in fault(program)


def test_a_scene_moved_by_its_own_camera_keeps_its_relations_apart():
    scene = scenes(1)[0]
    assert not np.allclose(directions(scene)["left"], directions(replace(scene, seed=scene.seed + 1))["left"])
    assert np.allclose(directions(replace(scene, camera=0.0))["right"], [1, 0, 0])
    for way in directions(scene).values():
        assert way[2] == 0 and np.linalg.norm(way) == pytest.approx(1)
    assert torch.equal(render([scene], 32).images, render([scene, scene], 32).images[:1])


@pytest.mark.skipif(not REAL.exists(), reason="the real files are not here")
def test_values_functions_and_synonyms_are_those_of_the_real_files():
    properties = json.loads((REAL / "image_generation/data/properties.json").read_text())
    assert {name: tuple(rgb) for name, rgb in properties["colors"].items()} == COLOURS
    assert [set(properties[f"{name}s"]) for name in ("size", "material", "shape")] == [
        set(VALUES[name]) for name in ("size", "material", "shape")
    ]
    metadata = json.loads((REAL / "question_generation/metadata.json").read_text())
    assert {name.lower(): set(values) for name, values in metadata["types"].items() if name.lower() in VALUES} == {
        name: set(values) for name, values in VALUES.items()
    }
    real = {f["name"]: f for f in metadata["functions"] if not f.get("template_only")}
    assert set(real) == set(FUNCTIONS)
    for name, function in FUNCTIONS.items():
        assert (tuple(real[name]["inputs"]), real[name]["output"]) == (function.takes, function.gives)
        assert bool(real[name].get("side_inputs")) == bool(function.domain)
    synonyms = json.loads((REAL / "question_generation/synonyms.json").read_text())
    assert {name: list(ways) for name, ways in SYNONYMS.items()}.items() <= synonyms.items()
    palette = json.loads((REAL / "image_generation/data/CoGenT_A.json").read_text())
    assert set(palette["cube"]) == set(FIRST) and set(palette["cylinder"]) == set(SECOND)
