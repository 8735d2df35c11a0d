import math

from cirkit import papers, plan
from cirkit.declare import describe


def test_a_step_at_the_papers_size_runs_for_every_kind_of_row():
    found = {e.name: e for e in papers.experiments("maaf", "paper")}
    for name in ("maaf/css/tirg", "maaf/css/maaf_identity"):
        assert 0 < plan.one_step(found[name], batch=2) < math.inf


def test_pretrained_parts_are_named_and_can_be_left_out():
    description = describe(papers.experiment("maaf/css/tirg", "paper").training.model)
    assert plan.pretrained(description) == ["resnet50"]
    assert plan.pretrained(plan.untrained(description)) == []


def test_missing_data_come_with_their_source():
    said = plan.data(papers.experiment("maaf/css/tirg", "paper"))
    assert said.startswith("missing: ") and "google/tirg" in said
    assert plan.data(papers.experiment("maaf/css/tirg", "smoke")) == "drawn when the run starts"


def test_a_plan_is_judged_by_finished_seeds_where_there_are_some(home):
    from cirkit import records

    experiment = papers.experiment("maaf/css/text_only", "smoke")
    assert plan.plan(experiment)["judged by"].startswith("one step")
    records.run(experiment, 0)
    assert plan.plan(experiment)["judged by"] == "finished seeds"
