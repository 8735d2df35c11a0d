"""The rows of TransAgg and PVLF: each runs, what differs between two of them, and what they share."""

from dataclasses import replace

import pytest
import torch

from cirkit.benchmarks.laion_cir import SOURCES
from cirkit.declare import describe, fingerprint
from cirkit.encoders.word_vectors import frozen, tuned
from cirkit.evaluators.measures import Measure
from cirkit.examples import at_seed
from cirkit.experiments.change import apply
from cirkit.experiments.claims import Gain
from cirkit.experiments.experiment import weights_home
from cirkit.experiments.page import Page
from cirkit.experiments.run import run
from cirkit.models.combiner import text_tower
from cirkit.models.pvlf import Prompts
from cirkit.papers import pvlf
from cirkit.papers.clip_family import world_clip, zero_shot
from cirkit.papers.clip_family.boards import VALIDATION
from cirkit.papers.pvlf import fusion_encoders, fusion_rows, fusion_settings
from cirkit.papers.pvlf.fusion_claims import BY_LENGTH, CLAIMS
from cirkit.training.loop import fit
from cirkit.training.steady_rates import cosine_to, steady_below
from cirkit.worlds.publish import drawn_each_seed

SMOKE, CPU, PAPER = ({each.name: each for each in pvlf.experiments(scale)} for scale in ("smoke", "cpu", "paper"))
OURS = [name for name, row in SMOKE.items() if name.removeprefix("pvlf/") not in fusion_rows.FAMILY]


def model_of(name: str, rows=SMOKE):
    return rows[f"pvlf/{name}"].training.model(["a"])


def changed(a: str, b: str, rows=CPU) -> set[str]:
    """The parts of a training in which two rows differ."""
    one, other = (describe(rows[f"pvlf/{name}"].training) for name in (a, b))
    return {part for part in one if one[part] != other[part]}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """One home for all rows, so that what they share is drawn and trained once."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("fusions") / "data"
        patch.setenv("CIRKIT_DATA", str(home))
        patch.setenv("CIRKIT_RECORDS", str(home / "records"))
        yield home


# one of each kind: other lengths, depths and sets of triplets are other numbers of these
KINDS = (
    "sum", "transagg_template", "combined", "no_prompts", "layers_3_depth_2", "cross_entropy", "random_prompts",
    "as_printed", "clip/text/pvlf", "clip/both/transagg", "second/frozen/pvlf", "second/text/transagg", "coop", "vpt",
    "maple", "smaller_world_clip",
)  # fmt: skip


@pytest.mark.parametrize("name", [f"pvlf/{kind}" for kind in KINDS])
def test_a_row_runs_and_keeps_what_it_says(place, name):
    row = SMOKE[name]
    record = run(row, 0)
    assert set(record.evidence) == set(row.tests)
    for test, evidence in record.evidence.items():
        data = row.tests[test].data
        assert len(evidence) == len(at_seed(data, 0)())
    assert (record.trainable == 0) == (row.training.steps == 0)
    assert all(path.is_file() for path in row.keeps(0))
    if name in OURS and name != "pvlf/smaller_world_clip":
        whose = fusion_encoders.smaller_training if "/second/" in name else world_clip.training
        assert [one["fingerprint"] for one in record.start.values()] == [fingerprint(whose("smoke"))]
        own = {path.name for path in weights_home().iterdir() if path.name.startswith(fingerprint(whose("smoke")))}
        assert own == {f"{fingerprint(whose('smoke'))}-s0"}


def test_rows_that_see_no_triplet_are_those_of_the_clip_family():
    family = {row.name.removeprefix("clip_family/"): row for row in zero_shot.experiments("cpu")}
    for name in fusion_rows.FAMILY:
        mine, theirs = CPU[f"pvlf/{name}"], family[name]
        assert fingerprint(mine.training) == fingerprint(theirs.training) and mine.seeds == theirs.seeds
        for test, each in mine.tests.items():
            assert fingerprint(each) == fingerprint(theirs.tests[test])


def test_all_rows_answer_the_same_queries_and_each_seed_draws_its_worlds():
    for name in OURS:
        row = CPU[name]
        if name == "pvlf/smaller_world_clip":
            continue
        assert fingerprint(dict(row.tests)) == fingerprint(dict(CPU["pvlf/combined"].tests))
        data = row.training.data
        read = data.of_seed(3).data if hasattr(data, "encode") else data.of_seed(3)
        assert isinstance(getattr(data, "data", data), drawn_each_seed) and read.size.seed == 3
        assert all(at_seed(test.data, 3).size.seed == 3 for test in row.tests.values())
        (curve, *_) = row.exhibits["cirr"]
        assert curve.data.size.seed == VALIDATION and VALIDATION not in row.seeds


def test_two_rows_of_a_claim_differ_in_what_the_claim_is_about():
    model, objective, data = {"model"}, {"objective"}, {"data"}
    assert changed("combined", "transagg_combined") == model | objective
    assert changed("cross_entropy", "transagg_combined") == model
    assert changed("combined", "cross_entropy") == objective
    assert changed("no_prompts", "transagg_combined") == model | objective
    assert changed("template", "combined") == changed("transagg_llm", "transagg_combined") == data
    for name in ("random_prompts", "as_printed", "shallow", "length_35", "depth_3", "layers_3_depth_2"):
        assert changed("combined", name) == model
    assert changed("clip/both/pvlf", "clip/text/pvlf") == model
    assert changed("clip/both/pvlf", "clip/both/transagg") == model | objective
    assert changed("second/both/pvlf", "clip/both/pvlf") == model | {"start"}


def test_data_of_the_combined_set_are_those_of_the_other_two():
    sizes = fusion_settings.SIZES["cpu"]
    assert sizes == replace(sizes, triplets=2000, image=world_clip.SIZES["cpu"].pixels)
    found = {name: fusion_settings.triplets("smoke", "", source)() for name, source in fusion_settings.SOURCES.items()}
    texts = {name: list(each.texts) for name, each in found.items()}
    assert texts["combined"] == texts["template"] + texts["llm"] and set(found) == {each.name for each in SOURCES}
    n = len(texts["template"])
    assert torch.equal(found["combined"].target[torch.arange(n, n + 5)], found["llm"].target[torch.arange(5)])


@pytest.mark.parametrize("encoder", [fusion_encoders.FIRST, fusion_encoders.SECOND])
def test_what_learns_is_the_towers_that_the_row_names(encoder):
    shares = {}
    for name, (_, tuning) in fusion_rows.TUNINGS.items():
        row = f"{encoder}/{name}/pvlf" if (encoder, name) != ("clip", "frozen") else "combined"
        model = model_of(row)
        learning = {each for each, p in model.named_parameters() if p.requires_grad}
        assert {each for each in learning if each.startswith("fusion")}
        shares[tuning] = {each for each in learning if each.startswith("clip")}
    image = {each for each in shares[tuned] if ".visual." in each}
    assert shares[frozen] == set() and image and shares[text_tower] and not shares[text_tower] & image


def test_prompts_have_the_length_and_the_depth_of_their_row():
    layers, width = 3, world_clip.SIZES["smoke"].width
    assert model_of("combined").fusion.between.tokens.shape == (2, 25, width)
    assert model_of("shallow").fusion.between.tokens.shape == (1, 25, width)
    assert model_of("layers_3_depth_2").fusion.between.tokens.shape == (2, 25, width)
    assert len(model_of("layers_3_depth_2").fusion.layers) == len(model_of("depth_3").fusion.layers) == layers
    assert len(model_of("transagg_layers_1").fusion.layers) == 1 and model_of("no_prompts").fusion.between.length == 1
    for length, name in BY_LENGTH:
        prompts = model_of(name.removeprefix("pvlf/")).fusion.between
        assert isinstance(prompts, Prompts) and prompts.length == length


def test_random_prompts_stay_as_they_start_and_the_others_move(place):
    for name, moves in (("random_prompts", False), ("combined", True)):
        training = SMOKE[f"pvlf/{name}"].training
        start = {"clip": training.model(["a"]).clip.state_dict()}
        texts = training.data().texts
        torch.manual_seed(0)
        before = training.model(texts).fusion.between.tokens.detach()
        after = fit(training, 0, start=start).model.fusion.between.tokens
        assert torch.equal(before, after) is not moves


def test_without_prompts_a_row_of_ours_is_transagg(place):
    ours, theirs = SMOKE["pvlf/no_prompts"].training, SMOKE["pvlf/transagg_combined"].training
    start = {"clip": ours.model(["a"]).clip.state_dict()}
    one, other = (fit(replace(each, objective=ours.objective), 0, start=start).model for each in (ours, theirs))
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_a_change_of_length_reaches_the_usual_row_alone():
    rows = {each.name: each for each in pvlf.experiments("cpu", change={"prompt_length": 10})}
    assert rows["pvlf/combined"].training.model.keywords["length"] == 10
    assert rows["pvlf/combined"].fingerprint == CPU["pvlf/length_10"].fingerprint
    assert rows["pvlf/length_5"].fingerprint == CPU["pvlf/length_5"].fingerprint
    page = Page.of(paper="pvlf", change={"prompt_length": 10})
    assert page.experiments["pvlf/combined"].local and not page.experiments["pvlf/length_10"].local
    assert apply({"steps": 7}, fusion_settings.SETTINGS["cpu"]).steps == 7


def test_the_paper_scale_has_the_papers_towers_and_the_released_step():
    usual, frozen_clip = PAPER["pvlf/combined"].training, PAPER["pvlf/clip/frozen/pvlf"].training
    assert "blip.blip" in str(describe(usual.model)) and "ViT-L-14" in str(describe(frozen_clip.model))
    assert usual.optimiser.length == 5.0 and usual.optimiser.optimiser.factor == 0.01 and not usual.start
    assert usual.step == steady_below() and usual.schedule == cosine_to(0.01)
    assert {row.basis for row in PAPER.values()} == {"original"} and usual.steps * usual.batch == 100 * 32_000
    assert fusion_rows.rows(fusion_settings.SETTINGS["paper"], "paper", "")  # every row is laid out there


def test_tables_have_rows_and_columns_of_tests_that_these_have():
    shown: dict[str, list[str]] = {}
    for row in CPU.values():
        for table, label in ((row.table, row.row), *row.also):
            shown.setdefault(table, []).append(label)
            assert {column.test for column in pvlf.COLUMNS[table]} <= set(row.tests)
    assert set(shown) == set(pvlf.COLUMNS) and all(len(set(labels)) == len(labels) for labels in shown.values())
    assert len(shown["Table 3"]) == 12 and len(shown["Table 4"]) == 8


def test_claims_are_of_rows_and_tests_that_there_are():
    assert [claim.id for claim in CLAIMS] == [f"pvlf-{n}" for n in range(1, len(CLAIMS) + 1)]
    assert len({claim.says for claim in CLAIMS}) == len(CLAIMS)
    for claim in CLAIMS:
        assert claim.where in pvlf.COLUMNS and isinstance(claim.quantity.measure, Measure)
        needed = [CPU[name] for name in claim.quantity.needs]
        assert all(claim.quantity.test in row.tests for row in needed)
        if isinstance(claim.quantity, Gain):
            tables = [{row.table, *(table for table, _ in row.also)} for row in needed]
            assert claim.where in set.intersection(*tables), claim.id
