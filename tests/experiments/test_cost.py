"""Plans: a step at the paper's size for every kind of model, what it costs, and what is said of missing parts."""

import math

import pytest

from cirkit.declare import describe
from cirkit.experiments import cost, registry

# One row of each kind of model. BERT's and GloVe's rows read files of half a gigabyte and more that nothing small can
# stand in for: their declarations name them. test_bert.py and test_word_vectors.py try them on small ones.
KINDS = {
    "css/tirg": "TIRG",
    "css/tirg_last_conv": "TIRGLastConv",
    "css/concatenation": "Concatenation",
    "css/image_only": "ImageOnly",
    "css/text_only": "TextOnly",
    "css/maaf_identity_positions": "MAAF",
    "css/film": "FiLM",
    "css/relationship": "Relationship",
    "css/parameter_hashing": "ParameterHashing",
    "css/show_and_tell": "ShowAndTell",
    "fashioniq/maaf": "MAAF",
    "fashioniq/released": "MAAF",
    "fashioniq/transformer": "MAAF",
    "fashioniq/embedding": "MAAF",
    "fashioniq/self_both": "TwoStream",
    "fashioniq/val": "VAL",
}
FILES = {"fashioniq/bert": "BERT", "fashioniq/glove": "word vectors", "fashioniq/transformer_glove": "word vectors"}


def found(name: str, scale: str = "paper"):
    return registry.experiment(f"maaf/{name}", scale)


@pytest.mark.parametrize("name", ["css/maaf_identity", *(pytest.param(name, marks=pytest.mark.slow) for name in KINDS)])
def test_an_optimisation_step_runs_at_the_papers_size(name):
    step = cost.one_step(found(name), batch=2)
    assert 0 < step.seconds < math.inf and step.fixed > 2 * 4 * 23e6  # ResNet50 and its gradients, single precision


def test_every_kind_of_model_is_tried():
    assert {name: found(name).training.model.func.__name__ for name in KINDS} == KINDS
    assert {e.training.model.func.__name__ for e in registry.experiments("maaf", "paper")} == set(KINDS.values())


@pytest.mark.parametrize("name", FILES)
def test_a_row_whose_parts_are_missing_says_so_and_where_to_get_them(name, tmp_path):
    row = cost.plan(registry.experiment(f"maaf/{name}", "paper", str(tmp_path)))
    assert "; missing: Cannot " in row["weights"] and FILES[name] in row["weights"]
    assert row["hours a seed"] is row["memory MB"] is None and row["judged by"].startswith("nothing")


def test_pretrained_parts_are_named_and_can_be_left_out():
    model = found("css/tirg").training.model
    assert cost.pretrained(describe(model)) == ["resnet50"]
    assert cost.pretrained(describe(cost.untrained(model))) == []
    assert cost.pretrained(describe(found("fashioniq/bert").training.model)) == [
        "resnet50",
        "google-bert/bert-base-uncased",
    ]


def test_missing_data_come_with_their_source():
    said = cost.data(found("css/tirg"))
    assert said.startswith("missing: ") and "google/tirg" in said
    assert cost.data(found("css/tirg", "smoke")) == "drawn when the run starts"


def test_a_plan_is_judged_by_finished_seeds_where_there_are_some(home):
    from cirkit.experiments import run

    experiment = found("css/text_only", "smoke")
    assert cost.plan(experiment)["judged by"].startswith("one step")
    run.run(experiment, 0)
    assert cost.plan(experiment)["judged by"] == "finished seeds"


def test_rows_that_train_alike_share_the_step_they_are_judged_by(monkeypatch):
    monkeypatch.setattr(cost, "_TRIED", {})
    steps = iter([cost.Step(9.0, 0, 0), cost.Step(1.0, 2**20, 2**19), cost.Step(2.0, 0, 0)])
    monkeypatch.setattr(cost, "one_step", lambda experiment, batch: next(steps))
    birds, spot, css = (cost.plan(found(name)) for name in ("birds_to_words/maaf", "spot_the_diff/maaf", "css/tirg"))
    assert birds["hours a seed"] == round(16 * 1.0 * birds["steps"] / 3600, 3)  # 32 examples, 2 tried
    assert birds["memory MB"] == spot["memory MB"] == 1 + 16 / 2
    assert spot["hours a seed"] == round(16 * 1.0 * spot["steps"] / 3600, 3)
    assert css["hours a seed"] == round(16 * 2.0 * css["steps"] / 3600, 3)


def test_what_a_step_keeps_grows_with_the_batch_and_what_stays_does_not():
    experiment = found("css/maaf_softmax", "smoke")
    two, four = (cost.one_step(experiment, batch) for batch in (2, 4))
    assert two.fixed == four.fixed and 1.9 < four.kept / two.kept < 2.1
    weights = sum(p.numel() for p in experiment.training.model(["make yellow sphere small"]).parameters())
    assert two.fixed == pytest.approx(4 * 4 * weights, rel=0.02)  # a weight, its gradient, and AdamW's two averages


def test_a_step_asks_the_hub_for_nothing(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    seen = []
    experiment = found("css/text_only", "smoke")
    plain = cost.untrained
    monkeypatch.setattr(cost, "untrained", lambda model: seen.append(constants.HF_HUB_OFFLINE) or plain(model))
    cost.one_step(experiment, 2)
    assert seen and all(seen) and constants.HF_HUB_OFFLINE is False


def test_a_model_that_reads_something_else_than_images_and_texts_is_said_so(monkeypatch):
    def answers(experiment, batch):
        raise AttributeError("'Batch' object has no attribute 'question'")

    monkeypatch.setattr(cost, "_TRIED", {})
    monkeypatch.setattr(cost, "one_step", answers)
    row = cost.plan(found("css/tirg", "gpu"))
    assert row["hours a seed"] is None and "run a smoke seed" in row["weights"]
