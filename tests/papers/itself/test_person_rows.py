"""The rows of ITSELF: each runs, what differs between two of them, whose people each reads, and bad input."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

from cirkit.benchmarks.pedes import CUHK, ICFG, RSTP, Protocol
from cirkit.declare import describe, fingerprint
from cirkit.errors import Problem
from cirkit.evaluators.fusion_weight import weight_by_validation
from cirkit.examples import Captions, at_seed
from cirkit.experiments import cost
from cirkit.experiments.change import apply
from cirkit.experiments.checkpoint_choice import with_columns
from cirkit.experiments.claims import Gain, Gains
from cirkit.experiments.run import run
from cirkit.models.branches import fusion
from cirkit.models.retention import ATS, fixed
from cirkit.models.word_counts import CLIPS, as_of_77, counted_words, itself, without_end
from cirkit.papers import itself as paper
from cirkit.papers.clip_family import world_clip
from cirkit.papers.itself import person_data, person_rows, person_settings
from cirkit.papers.itself.chosen_checkpoints import COLUMNS
from cirkit.papers.itself.person_data import Masked, data_of, with_person_masks
from cirkit.papers.itself.person_settings import SETTINGS, SIZES
from cirkit.papers.itself.person_towers import coarser_training, towers
from cirkit.query import Query
from cirkit.worlds import pedes as worlds

SCALES = ("smoke", "cpu", "gpu", "paper")
ROWS = {scale: {each.name.removeprefix("itself/"): each for each in paper.experiments(scale)} for scale in SCALES}
SMOKE, CPU, PAPER = (ROWS[scale] for scale in ("smoke", "cpu", "paper"))
KINDS = ("icfg/baseline", "rstp/ours", "rstp/coarse/ours", "rstp/rule_a", "rstp/irra", "rstp/rde", "rstp/tbps",
         "rstp/true_mask", "coarser_clip")  # fmt: skip
SHAPE = (48, 16)


def model_of(name: str, rows=SMOKE):
    torch.manual_seed(0)
    return rows[name].training.model(["a"])


def changed(a: str, b: str, rows=CPU) -> set[str]:
    """The parts of a training in which two rows differ."""
    one, other = (describe(rows[name].training) for name in (a, b))
    return {part for part in one if one[part] != other[part]}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """One home for all rows, so that what they share is drawn and trained once."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("people") / "data"
        patch.setenv("CIRKIT_DATA", str(home))
        patch.setenv("CIRKIT_RECORDS", str(home / "records"))
        yield home


@pytest.mark.parametrize(
    "name", [name if name in KINDS else pytest.param(name, marks=pytest.mark.slow) for name in SMOKE]
)
def test_a_row_runs_and_keeps_what_it_says(place, name):
    row = SMOKE[name]
    record = run(row, 0)
    assert set(record.evidence) == set(row.tests) and all(path.is_file() for path in row.keeps(0))
    for test, evidence in record.evidence.items():
        assert len(evidence) == len(at_seed(row.tests[test].data, 0)())
        assert record.drawn_each_seed(test) == (name != "coarser_clip")
    if name != "coarser_clip":
        whose = coarser_training if "/coarse/" in name else world_clip.training
        assert [one["fingerprint"] for one in record.start.values()] == [fingerprint(whose("smoke"))]
        columns = with_columns(record)
        assert set(COLUMNS) <= set(columns.evidence) and all(columns.drawn_each_seed(each) for each in COLUMNS)


def test_names_fingerprints_and_tables_are_told_apart():
    for scale, rows in ROWS.items():
        assert len({each.fingerprint for each in rows.values()}) == len(rows), scale
        shown: dict[str, list[str]] = {}
        for row in rows.values():
            for table, label in ((row.table, row.row), *row.also):
                shown.setdefault(table, []).append(label)
                assert {column.test for column in paper.COLUMNS[table]} <= set(row.tests)
        assert all(len(set(labels)) == len(labels) for labels in shown.values())
        if scale != "paper":
            assert set(shown) == set(paper.COLUMNS)
    assert set(CPU) - set(PAPER) == {"rstp/true_mask", "coarser_clip"}
    assert all(row.basis == "original" for row in PAPER.values())


def test_two_rows_of_a_claim_differ_in_what_the_claim_is_about():
    model = {"model"}
    for name in ("sl", "mars", "sl_ats"):
        assert changed(f"rstp/{name}", "rstp/ours") == model
    assert changed("rstp/baseline", "rstp/ours") == {"model", "start"}
    assert changed("rstp/coarse/ours", "rstp/ours") == {"model", "start"}
    assert changed("rstp/rde", "rstp/ours") == {"model", "objective"}
    assert changed("rstp/true_mask", "rstp/ours") == {"model", "data"}
    others = (
        "sl_epoch half_constant from_all to_fewer rule_a rule_b rule_c rule_d layers_em layers_el layers_eml last_layer"
    )
    for name in (*others.split(), "discard_0", "discard_45", "all_tokens", "random_tokens"):
        assert changed(f"rstp/{name}", "rstp/ours") == model
    for name, row in CPU.items():
        if name not in ("rstp/irra", "coarser_clip"):
            assert row.training.steps == SETTINGS["cpu"].rstp.steps
            assert row.training.optimiser == SETTINGS["cpu"].rstp.optimiser


def test_schedules_are_those_of_their_rows():
    def retention(name):
        return CPU[name].training.model.keywords["retention"]

    recipe = SETTINGS["cpu"].rstp
    assert recipe.t_small == recipe.steps * 10 // 60 and recipe.epoch == recipe.t_small // 10
    assert retention("rstp/ours") == ATS(t_small=recipe.t_small, start=0.65, end=0.5)
    assert retention("rstp/sl_epoch").every == recipe.epoch > 1
    assert retention("rstp/mars") == fixed(0.4) and retention("rstp/half_constant") == fixed(0.5)
    assert PAPER["rstp/ours"].training.model.keywords["retention"].t_small == 1450
    assert PAPER["cuhk/ours"].training.steps == 60 * 267


def test_each_seed_draws_its_people_and_no_two_data_sets_share_a_seed():
    for name, row in CPU.items():
        if name == "coarser_clip":
            continue
        data = row.training.data.of_seed(3).data
        offset = person_data.WHERE[name.partition("/")[0]][3]
        assert data.size.seed == offset + 3 and at_seed(row.tests["test"].data, 3).size == data.size
        use = row.tests["test"].use
        if isinstance(use, weight_by_validation):  # on people of no run
            assert use.data.size.seed > person_data.VALIDATION
    seeds = {offset + seed for *_, offset in person_data.WHERE.values() for seed in range(1000)}
    assert len(seeds) == 3000 and not seeds & {person_data.VALIDATION + o for *_, o in person_data.WHERE.values()}


def test_people_of_training_validation_and_test_are_others(home):
    for name, data in data_of(SETTINGS["smoke"], "smoke", "").items():
        train, held, test = data.train.of_seed(0)(), data.validation.of_seed(0)(), data.test.of_seed(0)()
        size = SIZES["smoke"][data.key]
        assert int(train.reference.max()) + 1 == data.identities == size.train * size.twins - data.held_out
        assert (data.held_out > 0) == (name == "icfg")
        if name == "icfg":
            assert len(held) == data.held_out * size.views * size.captions
            assert len(held) + len(train) == size.train * size.twins * size.views * size.captions
            assert all(len(own) == size.views for own in held.relevant)
        seen = {image.numpy().tobytes() for image in train.image[torch.arange(len(train))]}
        for other in (held, test):
            assert not seen & {image.numpy().tobytes() for image in other.gallery[torch.arange(len(other.gallery))]}


def test_masks_are_of_the_person_in_the_image(home):
    data = data_of(SETTINGS["smoke"], "smoke", "", with_person_masks)["rstp"]
    test = data.test.of_seed(0)()
    plain = data_of(SETTINGS["smoke"], "smoke", "")["rstp"].test.of_seed(0)()
    rows = torch.tensor([0, 7, 3])
    assert isinstance(test.gallery, Masked) and torch.equal(test.gallery[rows][:, :3], plain.gallery[rows])
    owner = worlds.drawing(data.size(0), "test", rows.tolist()).owner
    assert torch.equal(test.gallery[rows][:, 3] > 0, owner >= person_data.PERSON)
    with pytest.raises(Problem, match=r"No mask is known of original images\. Run this row on a world\.$"):
        with_person_masks(plain.gallery, home, "test")


def test_captions_are_about_as_long_as_the_towers_context():
    from cirkit.training.person_augment import clip_pieces

    size = replace(SIZES["cpu"]["rstpreid"], train=1, val=0, test=3)
    rows = range(40)
    texts = worlds.captions(size, "test", rows, worlds.drawing(size, "test", rows).owner)
    pieces = torch.tensor([float(len(clip_pieces(text))) for each in texts for text in each])
    assert 28 < float(pieces.mean()) < 38 and float((pieces > 38).float().mean()) < 0.3  # those are cut


def test_words_count_as_of_77_pieces():
    model = model_of("rstp/ours").eval()
    long = ["a man in a red coat and blue trousers with a green bag and a yellow hat"] * 2
    assert model.branches.length is as_of_77 and as_of_77(torch.tensor([3, 9]), 40).tolist() == [CLIPS] * 2
    every = counted_words(without_end)(model)
    with torch.no_grad():
        whole, mine = every.compose(Query(text=long)), model.compose(Query(text=long))
    assert every.branches.length is without_end and model.branches.length is as_of_77
    torch.testing.assert_close(whole[1], mine[1])  # half of 75 is more than the caption has
    fewer = itself([], **{**SMOKE["rstp/ours"].training.model.keywords, "retention": fixed(0.1)}).eval()
    assert fewer.compose(Query(text=long))[1].isfinite().all()


def test_choices_at_test_time_are_of_one_training_and_the_first_is_as_trained():
    row = CPU["rstp/ours"]
    assert set(person_rows.SELECTIONS) < set(row.tests) and row.tests["whole"].use == fusion(1.0)
    own = fingerprint(row.tests["test"].data)
    assert all(fingerprint(row.tests[test].data) == own for test in person_rows.SELECTIONS)
    model = model_of("rstp/ours").eval()
    chosen = person_rows.in_turn((counted_words(without_end), fusion(0.25)))(model)
    assert chosen.score.weight == 0.25 and chosen.branches.length is without_end and model.score.weight == 0.5


def test_a_change_of_steps_reaches_every_row_but_the_coarser_clip():
    rows = {each.name: each for each in paper.experiments("cpu", change={"steps": 30})}
    for name, row in rows.items():
        assert (row.training.steps == 30) == (name != "itself/coarser_clip")
    assert apply({"width": 8}, SETTINGS["cpu"]).width == 8


def test_coarser_patches_are_a_quarter_as_many():
    fine, coarse = (towers(patches, "cpu", SETTINGS["cpu"].shape).clip().grid for patches in ("fine", "coarse"))
    assert (fine, coarse) == ((12, 4), (6, 2))
    assert changed("coarser_clip", "coarser_clip") == set()
    assert {part for part in describe(coarser_training("cpu")) if describe(coarser_training("cpu"))[part]
            != describe(world_clip.training("cpu"))[part]} == {"model"}  # fmt: skip


# one step at the paper's size, with random weights; RDE's and MARS's own layouts are those of the other rows
@pytest.mark.slow
@pytest.mark.parametrize("name", ["rstp/baseline", "rstp/ours", "rstp/coarse/ours", "rstp/rule_d", "rstp/rde",
                                  "rstp/irra", "rstp/tbps"])  # fmt: skip
def test_a_step_runs_at_the_papers_size(name):
    training = PAPER[name].training
    model = cost.untrained(training.model)(["a"]).train()
    before = {part: each.detach().clone() for part, each in model.named_parameters() if "clip" in part}
    texts = ["a man in a red coat with a blue bag", "a woman with a green hat"] * 2
    images = torch.randint(0, 256, (4, 3, 384, 128), dtype=torch.uint8)
    batch = Captions(text=texts, image=images, reference=torch.tensor([0, 1, 0, 1]))
    batch = training.augment(batch, torch.Generator().manual_seed(0))
    training.step(model, training.objective, training.optimiser)(batch)
    moved = max((each.detach() - before[part]).abs().max() for part, each in model.named_parameters() if part in before)
    assert 0 < float(moved) < 1 and training.batch in (64, 256, 320)
    clip = model.branches.clip if hasattr(model, "branches") else model.clip
    assert clip.grid == ((12, 4) if "coarse" in name else (24, 8)) and clip.towers.context == 77


def test_a_plan_of_the_paper_says_what_is_missing(tmp_path):
    (row,) = (each for each in paper.experiments("paper", str(tmp_path)) if each.name == "itself/rstp/ours")
    assert cost.data(row).startswith("missing: ") and "rstpreid" in cost.data(row)


@pytest.mark.slow
def test_a_plan_is_made_of_a_row_whose_step_no_random_images_can_try(tmp_path):
    (row,) = (each for each in paper.experiments("paper", str(tmp_path)) if each.name == "itself/rstp/ours")
    found = cost.plan(row)
    assert found["steps"] == 60 * 145 and found["judged by"].startswith("nothing: a part is missing")
    assert "run a smoke seed" in found["weights"]


def test_claims_are_of_rows_and_tests_that_there_are():
    claims = paper.CLAIMS
    assert [claim.id for claim in claims] == [f"itself-{n}" for n in range(1, len(claims) + 1)]
    assert len({claim.says for claim in claims}) == len(claims)
    for claim in claims:
        needed = [CPU[name.removeprefix("itself/")] for name in claim.quantity.needs]
        assert claim.where in {*paper.COLUMNS, "Figure S5"}
        if isinstance(claim.quantity, Gain | Gains):
            assert all(claim.quantity.test in row.tests for row in needed)
        if isinstance(claim.quantity, Gain):
            tables = [{row.table, *(table for table, _ in row.also)} for row in needed]
            assert claim.where in set.intersection(*tables), claim.id


# Bad input


def published(home, layout, change):
    """A smoke world of a layout whose records are changed."""
    world = {CUHK: worlds.CUHK_PEDES, ICFG: worlds.ICFG_PEDES, RSTP: worlds.RSTPREID}[layout]
    size = replace(SIZES["smoke"][layout.name], seed=5)
    root = shutil.copytree(world.folder(size), home / "bad")
    file = root / layout.file
    records = json.loads(file.read_text())
    change(records, root)
    file.write_text(json.dumps(records))
    return root


def test_an_empty_caption_is_named_in_a_sentence(home):
    def empty(records, root):
        records[3]["captions"][0] = "  "

    root = published(home, RSTP, empty)
    with pytest.raises(
        Problem, match=r"png of rstpreid has an empty caption\. Write one, or take it out of the file\.$"
    ):
        person_data.train(root=root, layout=RSTP, protocol=Protocol(shape=SHAPE))


def test_people_without_images_are_named_in_a_sentence(home):
    def lose(records, root):
        for record in records:
            if record["split"] == "train" and record["id"] == records[0]["id"]:
                (root / "imgs" / record["img_path"]).unlink()

    root = published(home, RSTP, lose)
    with pytest.raises(
        Problem, match=r"1 people of the train split of rstpreid have no image, the first 0\. Copy their"
    ):
        person_data.train(root=root, layout=RSTP, protocol=Protocol(shape=SHAPE))


def test_a_split_without_validation_is_said_in_a_sentence(home):
    root = worlds.ICFG_PEDES.folder(SIZES["smoke"]["icfg-pedes"])
    ask = {"root": root, "layout": ICFG, "protocol": Protocol(shape=SHAPE)}
    with pytest.raises(
        Problem, match=r"icfg-pedes has no val split\. Hold out some of its training people \(held_out\)\.$"
    ):
        person_data.validation(**ask)
    with pytest.raises(Problem, match=r"trains on fewer than 99 people\. Hold out fewer of them\.$"):
        person_data.train(**ask, held_out=99)
    assert person_settings.SETTINGS["paper"].held_out == 200
