import json
from pathlib import Path

import numpy as np
import pytest
import torch

from cirkit.benchmarks import circo, cirr, submissions
from cirkit.benchmarks.cirr_protocols import SUBSET
from cirkit.benchmarks.submissions import (
    CIRCO,
    CIRR_RECALL,
    CIRR_SUBSET,
    Server,
    ServerQueries,
    grade,
    precision,
    recall,
)
from cirkit.errors import Problem
from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.measures import AveragePrecision
from cirkit.query import Query
from cirkit.worlds import circo as worlds_circo
from cirkit.worlds import cirr as worlds_cirr

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "cirr"
WORLD = worlds_cirr.Size(train=1, val=1, test1=10, image=8)
SMALL = worlds_circo.Size(families=6, members=9, val=4, test=6, image=8)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cirr") / "world"
    worlds_cirr.CIRR.publish(folder, WORLD)
    return folder


@pytest.fixture(scope="module")
def asked(root):
    return cirr.server_queries(root)


@pytest.fixture(scope="module")
def concepts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("circo") / "world"
    worlds_circo.CIRCO.publish(folder, SMALL)
    return circo.server_queries(folder)


def scores(asked, seed=0):
    return torch.randn(len(asked), len(asked.names), generator=torch.Generator().manual_seed(seed))


def three(**parts):
    """Three queries over four pictures, of which the first hides picture 0."""
    given = {"name": "toy", "query": Query(text=["a", "b", "c"]), "keys": ["1", "2", "3"],
             "gallery": torch.zeros(4, 3, 2, 2, dtype=torch.uint8), "names": ["p", "q", "r", "s"],
             "excluded": [[0], [1], []]}  # fmt: skip
    return ServerQueries(**{**given, **parts})


TOY = Server(name="the toy server", depth=2, header=(("version", "rc2"),), limit=200)
GOOD = {"version": "rc2", "1": ["q", "r"], "2": ["p", "r"], "3": ["s", "p"]}


def test_the_best_pictures_come_first_hidden_ones_not_at_all_and_ties_in_gallery_order():
    table = torch.tensor([[9.0, 1, 2, 1], [0, 9, 0, 0], [3, 3, 5, 3]])
    assert three().first(table, 2).tolist() == [[2, 1], [0, 2], [2, 0]]
    assert three().first(table[1:], 2, start=1).tolist() == [[0, 2], [2, 0]]
    assert table[0, 0] == 9  # the scores are left as they were
    with pytest.raises(Problem, match="fewer than 4 images"):
        three().first(table, 4)


def test_a_file_that_is_written_is_taken_and_holds_what_the_server_reads(tmp_path):
    TOY.write(tmp_path / "a.json", three(), torch.tensor([[1, 2], [0, 2], [3, 0]]))
    assert json.loads((tmp_path / "a.json").read_text()) == GOOD
    assert TOY.check(tmp_path / "a.json", three()) == {key: GOOD[key] for key in "123"}


@pytest.mark.parametrize(
    "change, says",
    [
        ({"version": "rc1"}, "says 'rc1' for 'version'"),
        ({"1": ["q", "q"]}, "record 1 holds a name twice"),
        ({"1": ["q", "p"]}, "record 1 holds 'p', which the protocol leaves out"),
        ({"1": ["q"]}, "record 1 needs a list of 2 names"),
        ({"1": ["q", "r", "s"]}, "needs a list of 2"),
        ({"1": "qr"}, "needs a list of 2"),
        ({"1": ["q", "q.png"]}, r"holds 'q\.png', which names no image"),
        ({"1": ["q", 1]}, "holds 1, which names no image"),
        ({"1": ["q", ["r"]]}, "names no image"),
        ({"9": ["q", "r"]}, "ranks for '9', which is no query of toy"),
        ({"metric": "recall"}, "ranks for 'metric'"),
        ({"3": None}, "needs a list"),
    ],
)
def test_a_file_that_breaks_a_rule_is_a_problem_that_names_the_rule(tmp_path, change, says):
    (tmp_path / "a.json").write_text(json.dumps({**GOOD, **change}))
    with pytest.raises(Problem, match=says):
        TOY.check(tmp_path / "a.json", three())


def test_a_query_too_few_a_key_twice_a_cut_and_a_large_file_are_problems(tmp_path):
    path = tmp_path / "a.json"
    whole = json.dumps(GOOD)
    for content, says in (
        (json.dumps({key: value for key, value in GOOD.items() if key != "2"}), "lacks 1 of 3 queries, such as '2'"),
        (whole.replace('"2"', '"1"'), "has the key '1' twice"),
        (whole[:30], "not whole JSON"),
        (whole + " " * 200, "bytes; the toy server takes 200"),
        ("[]", "a list where a dict is due"),
    ):
        path.write_text(content)
        with pytest.raises(Problem, match=says):
            TOY.check(path, three())


def test_what_breaks_the_rules_is_not_written_and_an_older_file_stays(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    for rows in ([[1, 1], [0, 2], [3, 0]], [[0, 1], [0, 2], [3, 0]], [[1, 2]], [[1, 2, 3]] * 3):
        with pytest.raises(Problem):
            TOY.write(path, three(), torch.tensor(rows))
    with pytest.raises(Problem, match="bytes"):
        Server(name="s", depth=2, limit=20).write(path, three(), torch.tensor([[1, 2], [0, 2], [3, 0]]))
    assert path.read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_keys_and_names_must_be_as_many_as_queries_and_pictures():
    with pytest.raises(ValueError, match="a key per query"):
        three(keys=["1"])
    with pytest.raises(ValueError, match="a name per image"):
        three(names=["p"])


def test_both_files_of_cirr_are_written_and_graded_as_the_server_would(root, asked, tmp_path):
    table = scores(asked)
    subset = cirr.server_queries(root, SUBSET)
    CIRR_RECALL.write(tmp_path / "recall.json", asked, asked.first(table, 50))
    CIRR_SUBSET.write(tmp_path / "subset.json", subset, subset.first(table, 3))
    content = json.loads((tmp_path / "recall.json").read_text())
    assert (content["version"], content["metric"]) == ("rc2", "recall") and len(content) == len(asked) + 2
    assert json.loads((tmp_path / "subset.json").read_text())["metric"] == "recall_subset"
    lists = CIRR_RECALL.check(tmp_path / "recall.json", asked)
    near = CIRR_SUBSET.check(tmp_path / "subset.json", subset)
    known, names = worlds_cirr.targets(WORLD, "test1"), list(cirr.names(root, "test1"))
    hits, inside = [], []
    for i, question in enumerate(cirr.annotations(root, "test1")):
        order = [names[row] for row in table[i].argsort(descending=True) if names[row] != question.reference]
        hits.append(known[str(question.pair)] in order[:10])
        inside.append(known[str(question.pair)] in [name for name in order if name in question.members][:2])
    right = {key: [name] for key, name in known.items()}
    assert grade(lists, right, recall(10)) == pytest.approx(np.mean(hits))
    assert grade(near, right, recall(2)) == pytest.approx(np.mean(inside))
    with pytest.raises(Problem, match="'recall' for 'metric'"):
        CIRR_SUBSET.check(tmp_path / "recall.json", subset)
    far = {**near, asked.keys[0]: [names[-1], names[-2], names[-3]]}
    assert names[-1] not in cirr.annotations(root, "test1")[0].members
    (tmp_path / "far.json").write_text(json.dumps({**dict(CIRR_SUBSET.header), **far}))
    with pytest.raises(Problem, match="which the protocol leaves out"):
        CIRR_SUBSET.check(tmp_path / "far.json", subset)


def test_circo_wants_fifty_numbers_under_string_keys(concepts, tmp_path):
    CIRCO.write(tmp_path / "a.json", concepts, concepts.first(scores(concepts), 50))
    content = json.loads((tmp_path / "a.json").read_text())
    assert list(content) == [str(i) for i in range(6)]
    assert all(len(set(line)) == 50 and all(type(name) is int for name in line) for line in content.values())
    content["0"] = [str(name) for name in content["0"]]
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(Problem, match="record 0 holds '"):
        CIRCO.check(tmp_path / "a.json", concepts)


def test_the_grade_of_circo_is_the_average_precision_of_ranks(concepts):
    table, right = scores(concepts, 3), worlds_circo.targets(SMALL, "test")
    lists = concepts.named(concepts.first(table, 50))
    values, offsets = [], [0]
    for i, key in enumerate(concepts.keys):
        mine = table[i][[list(concepts.names).index(name) for name in right[key]]]
        values += [1.0 + int((table[i] > score).sum()) for score in mine]
        offsets.append(len(values))
    ranks = Ranks.from_mid(np.array(values), np.array(offsets), len(concepts.names))
    for k in (5, 10, 25, 50):
        assert grade(lists, right, precision(k)) == pytest.approx(AveragePrecision(k).values(ranks).mean() / 100)
    with pytest.raises(Problem, match="different queries"):
        grade(lists, {"0": [1]}, recall(1))


@pytest.mark.skipif(not REAL.is_dir(), reason="the official annotations are not here")
def test_a_file_for_all_of_the_real_test1_is_within_the_limit(tmp_path):
    asked, names = cirr.annotations(REAL, "test1"), list(cirr.names(REAL, "test1"))
    lists = {str(q.pair): [name for name in names[:51] if name != q.reference][:50] for q in asked}
    content = json.dumps({**dict(CIRR_RECALL.header), **lists}, separators=(",", ":"))
    assert len(lists) == 4148 and 3_900_000 < len(content) < CIRR_RECALL.limit
    assert submissions.CIRR_RECALL.depth == 50 and CIRR_SUBSET.depth == 3
