"""The rows of the CLIP family: each runs, all share one CLIP, and worlds follow the seed."""

import pytest
import torch
from torch.nn.functional import normalize

from cirkit.declare import describe, fingerprint
from cirkit.evaluators.ranking import rank
from cirkit.examples import at_seed, weights_digest
from cirkit.experiments import cost
from cirkit.experiments.curves import Curve
from cirkit.experiments.experiment import weights_home
from cirkit.experiments.run import run
from cirkit.papers.clip_family import boards, clip_claims, supervised, world_clip, zero_shot
from cirkit.papers.clip_family.boards import BOARDS, VALIDATION
from cirkit.papers.clip_family.retrieved import FIRST_OF_CIRR
from cirkit.papers.clip_family.shared_clip import features, outcome
from cirkit.query import Benchmark, all_rows
from cirkit.training.loop import Weights
from cirkit.worlds.publish import drawn, drawn_each_seed


def declared(scale: str):
    return {each.name: each for each in zero_shot.experiments(scale) + supervised.experiments(scale)}


SMOKE = declared("smoke")
UNTRAINED = ("image_only", "text_only", "sum", "product", "basic")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """One home for all rows, so that what they share is drawn and trained once."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("family") / "data"
        patch.setenv("CIRKIT_DATA", str(home))
        patch.setenv("CIRKIT_RECORDS", str(home / "records"))
        yield home


@pytest.mark.parametrize("name", SMOKE)
def test_every_row_runs_and_is_tested_on_all_its_boards(place, name):
    row = SMOKE[name]
    record = run(row, 0)
    assert set(record.evidence) == set(row.tests)
    for test, evidence in record.evidence.items():
        assert len(evidence) == len(row.tests[test].data.of_seed(0)())
    assert (record.trainable == 0) == (row.training.steps == 0)
    origins = {origin["fingerprint"] for origin in record.start.values()}
    own = fingerprint(world_clip.training("smoke"))
    assert origins == ({fingerprint(row.training.start["clip"].of)} if name.endswith("combiner") else {own})
    assert [path.name for path in weights_home().iterdir() if path.name.startswith(own)] == [f"{own}-s0"]


def by_hand(clip, benchmark: Benchmark, fuse) -> list[float]:
    """Every query on its own: the middle of the possible ranks of each relevant item."""
    with torch.no_grad():
        gallery = normalize(clip.image(benchmark.gallery[all_rows(benchmark.gallery)]), dim=1)
        queries = benchmark.query[torch.arange(len(benchmark))]
        image, text = normalize(clip.image(queries.image), dim=1), normalize(clip.text(queries.text), dim=1)
    found = []
    for i in range(len(benchmark)):
        own = list(range(len(gallery)) if benchmark.candidates is None else benchmark.candidates[i])
        own = [row for row in own if benchmark.excluded is None or row not in benchmark.excluded[i]]
        scores = {row: fuse(float(image[i] @ gallery[row]), float(text[i] @ gallery[row])) for row in own}
        for item in benchmark.relevant[i]:
            higher = sum(score > scores[item] + 1e-6 for score in scores.values())
            level = sum(abs(score - scores[item]) <= 1e-6 for score in scores.values())
            found.append(higher + (level + 1) / 2)
    return found


@pytest.mark.parametrize(
    ("name", "fuse"),
    [
        ("image_only", lambda image, text: image),
        ("text_only", lambda image, text: text),
        ("sum", lambda image, text: image + text),
        ("product", lambda image, text: max(image, 0) * max(text, 0)),
    ],
)
def test_a_row_without_training_is_its_formula_on_the_shared_vectors(place, name, fuse):
    row = SMOKE[f"clip_family/{name}"]
    clip = outcome(row.training.start["clip"])()
    record = run(row, 0)
    for test in ("cirr_subset", "circo", "fashioniq"):
        mine = record.evidence[test].mid.tolist()
        slow = by_hand(clip, row.tests[test].data.of_seed(0)(), fuse)
        near = sum(abs(a - b) < 0.5 for a, b in zip(mine, slow, strict=True))
        assert near >= 0.9 * len(mine)  # scores may differ in their last digits, and near ties with them


def test_rows_without_training_share_one_and_take_no_step():
    for scale in ("smoke", "cpu", "gpu", "paper"):
        rows = declared(scale)
        mine = [rows[f"clip_family/{name}"] for name in UNTRAINED]
        assert len({fingerprint(row.training) for row in mine}) == 1 and mine[0].training.steps == 0
        assert len({row.fingerprint for row in rows.values()}) == len(rows)
    assert cost.plan(declared("gpu")["clip_family/sum"])["judged by"].startswith("nothing")


def test_every_row_begins_from_the_one_world_clip_but_the_papers_from_published_weights():
    for scale in ("smoke", "cpu", "gpu"):
        clip = describe(world_clip.start(scale)["clip"])
        for row in declared(scale).values():
            start = row.training.start["clip"]
            first = start if start.seed == 0 else start.of.start["clip"]
            assert describe(first) == clip and first.seed == 0
    paper = declared("paper")
    assert all(row.basis == "original" for row in paper.values())
    assert not paper["clip_family/searle"].training.start
    assert "RN50x4" in str(describe(paper["clip_family/cirr/combiner"].training.model))


def test_a_seed_draws_its_worlds_and_its_own_first_stage():
    for row in declared("cpu").values():
        for test in row.tests.values():
            assert isinstance(test.data, drawn_each_seed) and at_seed(test.data, 3).size.seed == 3
        kept = [each for exhibits in row.exhibits.values() for each in exhibits]
        assert [each for each in kept if not isinstance(each, Curve)] == [FIRST_OF_CIRR] * (row.row == "Pic2Word")
        curves = [each for each in kept if isinstance(each, Curve)]
        assert all(type(curve.data) is drawn and curve.data.size.seed == VALIDATION for curve in curves)
        assert VALIDATION not in row.seeds and (curves or row.training.steps == 0)
    combiner = declared("cpu")["clip_family/cirr/combiner"].training
    assert isinstance(combiner.data, features)
    read = combiner.data.of_seed(2)
    assert (read.data.size.seed, read.model.model.weights.seed) == (2, 2)
    assert read.model.model.weights == Weights(of=combiner.start["clip"].of, seed=2, part="clip")
    pic2word = declared("cpu")["clip_family/pic2word"].training.data
    assert pic2word.of_seed(1) == pic2word.of_seed(4)  # one CLIP, and no world of a run


def test_features_are_computed_once_for_each_data_and_each_clip(place):
    row = SMOKE["clip_family/fashioniq/artemis"].training
    files = place / "features"
    one = row.data.of_seed(0)()
    before = set(files.iterdir())
    again = row.data.of_seed(0)()
    assert set(files.iterdir()) == before and all(torch.equal(one.tensors[k], again.tensors[k]) for k in one.tensors)
    row.data.of_seed(1)()
    assert len(set(files.iterdir()) - before) == 1


def test_columns_claims_and_boards_belong_together():
    rows = declared("cpu")
    for name, board in BOARDS.items():
        assert boards.COLUMNS[board.table] and {column.test for column in board.columns} == set(board.tests)
        shown = [row for row in rows.values() if board.table in (row.table, *(table for table, _ in row.also))]
        assert shown and all(set(board.tests) <= set(row.tests) for row in shown), name
    for claim in clip_claims.CLAIMS:
        tests = [rows[name].tests for name in claim.quantity.needs]
        assert all(claim.quantity.test in each for each in tests)
        assert claim.where in boards.COLUMNS
    assert len({claim.id for claim in clip_claims.CLAIMS}) == len(clip_claims.CLAIMS)


def test_prompts_follow_each_paper():
    rows = declared("cpu")
    pic2word, searle, combiner = (rows[f"clip_family/{name}"] for name in ("pic2word", "searle", "fashioniq/combiner"))
    assert pic2word.tests["fashioniq"].data.settings["protocol"].name == "pic2word"
    assert pic2word.tests["fashioniq"].use.prompt("a photo of * , is red and is long") == (
        "a photo of $ , is red and is long",
    )
    assert searle.tests["fashioniq"].data.settings["protocol"].name == "searle-mean"
    assert combiner.tests["fashioniq"].data.settings["protocol"].name == "clip4cir"
    texts = boards.ARTEMIS_FIRST.texts(["is red", "is long"])
    assert texts == ("is red <and> is long",)
    galleries = {(p.gallery, p.reference, p.categories) for p in (
        each.tests["fashioniq"].data.settings["protocol"] for each in rows.values() if "fashioniq" in each.tests
    )}  # fmt: skip
    assert len(galleries) == 1  # however the captions are joined, the ranking is among the same images


def test_a_tested_row_is_not_changed_by_being_tested(place):
    row = SMOKE["clip_family/sum"]
    model = outcome(row.training.start["clip"])()
    before = weights_digest(model)
    holder = torch.nn.Module()
    holder.clip = model
    test = row.tests["circo"]
    rank(test.use(holder), test.data.of_seed(0)())
    assert weights_digest(model) == before
