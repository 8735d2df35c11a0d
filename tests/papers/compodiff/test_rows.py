"""CompoDiff's rows: each runs, rows that differ at test time share weights, and its settings are the paper's."""

from dataclasses import replace

import pytest
import torch

from cirkit.declare import describe, fingerprint
from cirkit.experiments.experiment import weights_home
from cirkit.experiments.run import run
from cirkit.papers import compodiff
from cirkit.papers.clip_family import world_clip
from cirkit.papers.compodiff import ablations, all_boards, conditions, steps, weights
from cirkit.papers.compodiff.design import TextGallery
from cirkit.papers.compodiff.diffusion_settings import SETTINGS, TRIPLETS
from cirkit.papers.compodiff.trainings import EDITS_ALONE, MIX, Family, spread
from cirkit.query import Query
from cirkit.training.averages import averaged

SMOKE = {each.name: each for each in compodiff.experiments("smoke")}
CPU = {each.name: each for each in compodiff.experiments("cpu")}
QUICK = ("conditions/compodiff", "conditions/subtraction")


def rows_of(table):
    """The rows of a table at the cpu scale, by label."""
    shown = ((each, place) for each in CPU.values() for place in ((each.table, each.row), *each.also))
    return {label: each for each, (where, label) in shown if where == table}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """One home for all rows, so that what they share is drawn and trained once."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("compodiff") / "data"
        patch.setenv("CIRKIT_DATA", str(home))
        patch.setenv("CIRKIT_RECORDS", str(home / "records"))
        yield home


@pytest.mark.parametrize(
    "name",
    [pytest.param(each, marks=() if each.removeprefix("compodiff/") in QUICK else pytest.mark.slow) for each in SMOKE],
)
def test_every_row_runs_and_is_tested_as_declared(place, name):
    row = SMOKE[name]
    record = run(row, 0)
    assert set(record.evidence) == set(row.tests)
    assert (record.trainable == 0) == (row.training.steps == 0)
    assert record.basis == "world" and all(path.exists() for path in row.keeps(0))
    own = fingerprint(world_clip.training("smoke"))
    assert [path.name for path in weights_home().iterdir() if path.name.startswith(own)] == [f"{own}-s0"]


def test_rows_that_differ_at_test_time_share_their_training():
    main = fingerprint(CPU["compodiff/compodiff"].training)
    for name in (*(f"compodiff/steps/{each}" for each in steps.SAMPLERS), "compodiff/guidance"):
        assert fingerprint(CPU[name].training) == main
    assert len({each.fingerprint for each in CPU.values()}) == len(CPU)


def test_the_paper_s_settings_are_table_a_1():
    rows = {each.name: each for each in compodiff.experiments("paper")}
    second = rows["compodiff/compodiff"].training
    first = second.start[""].of
    assert (first.steps, first.batch, first.optimiser.lr) == (1_000_000, 4096, 1e-4)
    assert (second.steps, second.batch, second.optimiser.lr) == (200_000, 2048, 1e-5)
    for training in (first, second):
        assert training.optimiser.weight_decay == 6e-2 and training.step == averaged(decay=0.9999)
        layout = training.model.keywords["denoiser"].keywords
        assert (layout["blocks"], layout["heads"], layout["head_width"]) == (12, 16, 64)
    assert second.objective.shares == MIX == (0.3, 0.3, 0.4)
    assert not any(name.startswith("compodiff/conditions") for name in rows)


def test_every_training_of_a_world_begins_from_the_one_world_clip_and_each_stage_takes_one_number_of_steps():
    own = fingerprint(world_clip.training("cpu"))
    taken = set()
    for each in CPU.values():
        training, met = each.training, []
        while training is not None and fingerprint(training) != own:
            met.append(training)
            training = next((weights.of for weights in training.start.values()), None)
        assert fingerprint(training) == own
        if "compodiff" in describe(met[0].model)["partial"]:
            taken |= {(one.steps, one.batch) for one in met}
    assert taken == {(1500, 64), (3000, 64)}  # stage 1 of every row, and stage 2


def test_stage_2_of_edits_alone_differs_in_its_shares_alone():
    only, mix = (CPU[f"compodiff/{name}"].training for name in ("tasks/edits", "compodiff"))
    assert only.objective.shares == EDITS_ALONE
    assert fingerprint(replace(only, objective=mix.objective)) == fingerprint(mix)


def test_smaller_sets_of_triplets_are_named_by_their_share():
    sizes = {}
    for label, each in rows_of(all_boards.SCALE_OF_DATA).items():
        data = each.training.data
        size = (data.triplets if label.startswith("CompoDiff") else data).data.size
        sizes.setdefault(label.partition(", ")[2], set()).add((size.triplets, size.keyless))
    whole = TRIPLETS["cpu"].keyless
    assert sizes == {
        "all triplets": {(8000, whole)},
        "5 % of them": {(400, whole)},
        "25 % of them": {(2000, whole)},
        "50 % of them": {(4000, whole)},
        "5 %, instructions alone": {(400, 1.0)},
    }


def test_every_table_has_columns_of_tests_that_its_rows_have():
    for table, columns in compodiff.COLUMNS.items():
        rows = rows_of(table)
        assert rows and all(any(column.test in each.tests for each in rows.values()) for column in columns)
    for table in (all_boards.SCALE_OF_DATA, all_boards.TEXT_ENCODER, all_boards.TASKS):
        for each in rows_of(table).values():
            assert {column.test for column in ablations.SHOWN} <= set(each.tests)


def test_calls_and_weights_are_what_their_tests_are_called():
    for name in steps.SAMPLERS:
        for calls in steps.SAMPLERS[name][2]:
            use = CPU[f"compodiff/steps/{name}"].tests[steps.test_of(calls)].use
            assert use.sampling.sampler.calls == calls
    for image in weights.IMAGE:
        for text in weights.TEXT:
            guidance = CPU["compodiff/guidance"].tests[weights.test_of(image, text)].use.sampling.guidance
            assert (guidance.image, guidance.text) == (image, text)


def test_conditions_are_told_as_conditions_in_words_or_not_at_all(place):
    rows = conditions.rows(Family(setting=SETTINGS["smoke"], scale="smoke", root=""))
    asked = {name: rows[name].tests("smoke") for name in ("compodiff", "compodiff_words", "compodiff_without")}
    told, words, without = (
        {kind: tests[kind].data.of_seed(0)().query for kind in ("negative", "mask")} for tests in asked.values()
    )
    assert told["negative"].avoid is not None and told["mask"].mask is not None
    for kind in ("negative", "mask"):
        for query in (words[kind], without[kind]):
            assert query.avoid is None and query.mask is None
        assert without[kind].text == told[kind].text
        assert all(a != b for a, b in zip(words[kind].text, told[kind].text, strict=True))
    assert all(unwanted in said for unwanted, said in zip(told["negative"].avoid, words["negative"].text, strict=True))


def test_texts_as_a_gallery_are_scored_by_the_vectors_they_become():
    class Letters(torch.nn.Module):
        def encode(self, images):
            return images.float().mean((2, 3))

        def compose(self, query):
            return torch.tensor([[float(text == name) for name in "rgb"] for text in query.text])

        def score(self, composed, gallery):
            return composed @ gallery.mT

    gallery = TextGallery(Letters())
    images = 90 * torch.eye(3).byte()[:, :, None, None].expand(-1, -1, 2, 2)
    scores = gallery.score(gallery.compose(Query(image=images)), gallery.encode(["b", "r", "g"]))
    assert scores.argmax(1).tolist() == [1, 2, 0]


def test_captions_are_spread_over_all_that_are_there():
    from cirkit.examples import Captions

    held = Captions(text=[str(number) for number in range(101)])
    assert spread(data=lambda: held, most=5)().text == ["0", "25", "50", "75", "100"]
    assert len(spread(data=lambda: held, most=500)()) == 101
