"""`cirkit submit`: files that the servers take, of the images that the row's model scores highest."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from toys import EXPERIMENT

from cirkit.benchmarks import circo, cirr
from cirkit.benchmarks.cirr_protocols import SUBSET
from cirkit.benchmarks.submissions import CIRCO, CIRR_RECALL, CIRR_SUBSET
from cirkit.errors import Problem
from cirkit.evaluators.expansion import rank_expanded
from cirkit.experiments.experiment import Test
from cirkit.experiments.trainings import Trainer
from cirkit.submit import submit
from cirkit.worlds import circo as worlds_circo
from cirkit.worlds import cirr as worlds_cirr
from cirkit.worlds.publish import drawn_each_seed

SIZES = {
    "cirr": worlds_cirr.Size(train=1, val=1, test1=10, image=8),
    "circo": worlds_circo.Size(families=6, members=9, val=4, test=6, image=8),
}
WORLDS = {"cirr": worlds_cirr.CIRR, "circo": worlds_circo.CIRCO}
READERS = {"cirr": cirr.test, "circo": circo.test}
ROW = replace(
    EXPERIMENT,
    tests={name: Test(drawn_each_seed(READERS[name], WORLDS[name], SIZES[name])) for name in SIZES},
    exhibits={},
)


def asked(home, name):
    """The servers' queries of the folder that a run of seed 1 is tested on, with the server and the file's name."""
    root = WORLDS[name].folder(replace(SIZES[name], seed=1))
    if name == "circo":
        return {"circo": (circo.server_queries(root), CIRCO)}
    return {
        "cirr-recall": (cirr.server_queries(root), CIRR_RECALL),
        "cirr-subset": (cirr.server_queries(root, SUBSET), CIRR_SUBSET),
    }


@pytest.mark.parametrize("name", SIZES)
def test_a_server_takes_the_files_and_they_hold_the_best_of_the_model(home, tmp_path, name):
    trainer = Trainer(tell=lambda line: None)
    written = submit(ROW, name, 1, tmp_path / "out", trainer)
    model = trainer(ROW.training, 1).model
    wanted = asked(home, name)
    stem = f"{ROW.name.replace('/', '-')}-{ROW.scale}-s1"
    assert [path.name for path in written] == [f"{stem}-{part}.json" for part in wanted]
    for path, (queries, server) in zip(written, wanted.values(), strict=True):
        lists = server.check(path, queries)
        with torch.no_grad():
            every = model.encode(queries.gallery[torch.arange(len(queries.gallery))])
            for number in (0, len(queries) - 1):
                scores = model.score(model.compose(queries.query[torch.tensor([number])]), every)[0]
                known = {each: row for row, each in enumerate(queries.names)}
                first = scores[[known[each] for each in lists[queries.keys[number]]]]
                assert (first.diff() <= 1e-5).all()
                out = set(queries.excluded[number]) if queries.excluded else set()
                own = queries.candidates[number] if queries.candidates else range(len(scores))
                assert first[0] >= max(float(scores[row]) for row in own if row not in out) - 1e-5


def test_what_cannot_be_submitted_is_a_sentence(home, tmp_path):
    expanded = replace(ROW, tests={"cirr": replace(ROW.tests["cirr"], evaluate=rank_expanded)})
    for row, name, says in (
        (ROW, "genecis", "No server takes files of 'genecis'. Use one of cirr, circo"),
        (EXPERIMENT, "cirr", "reads no files of cirr"),
        (replace(ROW, tests={"circo": Test(partial(cirr.test, root="x"))}), "circo", "reads no files of circo"),
        (expanded, "cirr", "ranks by more than a score"),
    ):
        with pytest.raises(Problem, match=says):
            submit(row, name, 1, tmp_path / "none", Trainer())
    assert not (tmp_path / "none").exists()
