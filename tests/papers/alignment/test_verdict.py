"""The verdict: Demšar's published example, ranks and noise of made-up evidence, pages with all, some or no records."""

import re
from itertools import pairwise
from types import MappingProxyType

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.stats import friedmanchisquare, studentized_range

from cirkit.evaluators.anls import ANLS
from cirkit.evaluators.evidence import Answers, Ranks, Samples
from cirkit.experiments.bootstrap import over_seeds, overall
from cirkit.experiments.claims import Expectation, Quantity, judge
from cirkit.experiments.experiment import SCALES
from cirkit.experiments.page import Page
from cirkit.experiments.records import Record, done, write
from cirkit.figures import claims
from cirkit.papers import alignment
from cirkit.papers.alignment import verdict, verdict_claims, verdict_figures, verdict_tables
from cirkit.papers.alignment.rank_test import critical_difference, friedman, groups, iman_davenport, places
from cirkit.papers.alignment.scores import ROWS
from cirkit.papers.alignment.verdict import (
    ATTNGAN,
    M4C,
    MAC,
    SCAN,
    SCORES,
    TASKS,
    FloorLead,
    LayoutGain,
    RankGain,
    RankLead,
    as_formula,
    as_released,
    best_of_others,
    complete,
    floor,
    mean_of_others,
    names_of,
    standing,
)
from cirkit.papers.alignment.verdict_figures import beyond_the_floor, critical_differences, reported_differences
from cirkit.papers.alignment.verdict_tables import coverage, mean_ranks, noise_floors, reported_levels

# Demšar (2006), Table 6: the ranks of C4.5, C4.5+m, C4.5+cf and C4.5+m+cf on fourteen data sets
DEMSAR = np.array([
    [4, 3, 2, 1], [1, 2, 3, 4], [4, 1, 2, 3], [4, 1, 3, 2], [4, 2, 3, 1], [1, 2.5, 4, 2.5], [3, 2, 4, 1],
    [2.5, 2.5, 4, 1], [4, 3, 2, 1], [2.5, 2.5, 2.5, 2.5], [4, 2.5, 1, 2.5], [3, 2, 4, 1], [4, 1, 2, 3], [3, 1, 4, 2],
])  # fmt: skip
QUALITY = {  # by row; the higher the better, on every host alike
    "scaled": 0.9, "general_dagger": 0.8, "dot": 0.7, "general_star": 0.6, "activated": 0.5, "biased_dagger": 0.4,
    "biased_star": 0.3, "cosine": 0.65, "scaled_control": 0.72,
}  # fmt: skip


# the tests that Demšar recommends


def test_demsar_s_example_has_its_published_mean_ranks_statistic_and_critical_differences():
    means = DEMSAR.mean(0)
    assert means == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)
    n, k = DEMSAR.shape
    plain = 12 * n / (k * (k + 1)) * ((means**2).sum() - k * (k + 1) ** 2 / 4)  # his formula, without ties
    assert plain == pytest.approx(9.28, abs=0.005) and iman_davenport(plain, k, n) == pytest.approx(3.69, abs=0.005)
    ties = sum(sum(c**3 - c for c in np.unique(row, return_counts=True)[1]) for row in DEMSAR) / (n * k * (k * k - 1))
    found = friedman(DEMSAR)
    assert found.chi_squared == pytest.approx(plain / (1 - ties)) and found.p < 0.05
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    assert critical_difference(4, 14, 0.10) == pytest.approx(1.12, abs=0.005)


@pytest.mark.parametrize(
    ("methods", "level", "published"),
    [(2, 0.05, 1.960), (3, 0.05, 2.343), (7, 0.05, 2.949), (8, 0.05, 3.031), (7, 0.10, 2.693), (10, 0.10, 2.920)],
)
def test_critical_values_are_those_of_demsar_s_table_5(methods, level, published):
    value = critical_difference(methods, 1, level) / np.sqrt(methods * (methods + 1) / 6)
    assert value == pytest.approx(published, abs=1e-3)
    assert value == pytest.approx(studentized_range.ppf(1 - level, methods, np.inf) / 2**0.5)


def test_his_groups_at_ten_percent_and_one_at_five():
    c45, m, cf, both = range(4)
    assert groups(DEMSAR.mean(0), critical_difference(4, 14, 0.10)) == [(both, m, cf), (cf, c45)]
    assert groups(DEMSAR.mean(0), critical_difference(4, 14)) == [(both, m, cf, c45)]
    assert groups(np.array([1.0, 2.0, 3.0]), 0.5) == []


def test_friedman_s_test_without_ties_is_scipy_s_and_its_ends_are_no_numbers_lost():
    rng = np.random.default_rng(0)
    ranks = np.stack([rng.permutation(7) + 1.0 for _ in range(5)])
    found, statistic = friedman(ranks), friedmanchisquare(*ranks.T).statistic
    assert found.chi_squared == pytest.approx(statistic)
    assert found.f == pytest.approx(4 * statistic / (5 * 6 - statistic))
    agreed = friedman(np.tile(np.arange(1.0, 8.0), (5, 1)))
    assert agreed.f == np.inf and agreed.p == 0
    alike = friedman(np.full((5, 7), 4.0))
    assert (alike.chi_squared, alike.p) == (0, 1)


def test_places_average_the_ranks_of_columns_and_rank_again():
    levels = np.array([[0.9, 0.5, 0.5, 0.1], [0.1, 0.9, 0.8, 0.2]])  # ranks 1 2.5 2.5 4 and 4 1 2 3
    assert places(levels).tolist() == [3, 1, 2, 4]
    assert places(levels[:1]).tolist() == [1, 2.5, 2.5, 4]
    assert places(np.stack([levels, -levels])).tolist() == [[3, 1, 2, 4], [2, 4, 3, 1]]


# made-up evidence


def evidence(task, quality: float) -> dict:
    """Of every test of a task so that each measure is the better, the higher the quality."""
    if task.host == "SCAN":
        place = np.where(np.arange(1000) < 1000 * quality, 1, 50)
        return {column.test: Ranks(place, place, np.arange(1001), 50) for column in task.columns}
    if task.host in ("MAC", "M4C"):
        answers = Answers(("x",) * 100, np.full(100, quality))
        return {column.test: answers for column in task.columns}
    kinds = np.tile(np.eye(5), (20, 1))
    chances = quality * kinds + (1 - quality) / 5
    real = np.random.default_rng(0).normal(size=(100, 3))
    features = np.concatenate([real + (1 - quality), real], axis=1)
    return {"classes": Samples(np.log(chances)), "features": Samples(features)}


def quality_of(name: str) -> float:
    row = name.rpartition("/")[2]
    return QUALITY.get(row, QUALITY[row.removesuffix("_released")] - 0.25) if row not in QUALITY else QUALITY[row]


def record(name: str, seed: int, found: dict, row=None) -> Record:
    return Record(
        name=name, paper="alignment", scale="cpu" if row is None else row.scale, basis="world", seed=seed,
        fingerprint="" if row is None else row.fingerprint, code="", declared={} if row is None else row.declared(),
        where={"device": "cpu"}, seconds={"train": 1.0}, parameters=1, trainable=1, loss=[(1, 1.0)], evidence=found,
    )  # fmt: skip


def every_name(tasks=TASKS) -> list[str]:
    names = [*names_of(tasks), *names_of(tasks, as_released)]
    return [*dict.fromkeys([*names, *(task.name(row) for task in tasks for row in (task.own, *task.equal))])]


def task_of(name: str):
    return next(task for task in TASKS if name.startswith(f"alignment/{task.folder}/"))


def made_up(noise: float = 0.0, seeds=(0, 1, 2), tasks=TASKS, moved=MappingProxyType({})) -> dict[str, list[Record]]:
    """Records of every row, its quality moved by noise in each seed and by what `moved` says of it."""
    rng = np.random.default_rng(1)
    return {
        name: [
            record(
                name,
                seed,
                evidence(task_of(name), quality_of(name) + noise * rng.normal() + moved.get(name, 0.0)),
            )
            for seed in seeds
        ]
        for name in every_name(tasks)
    }


@pytest.fixture(scope="module")
def records() -> dict[str, list[Record]]:
    """Three seeds of every row, with noise below the distance of neighbours."""
    return made_up(0.01)


def test_evidence_is_the_better_the_higher_its_quality():
    for task in TASKS:
        for column in task.columns:
            levels = [overall(evidence(task, q)[column.test], column.measure) for q in (0.2, 0.4, 0.6, 0.8)]
            turned = [verdict.sign(column.measure) * level for level in levels]
            assert all(a < b for a, b in pairwise(turned)), (task, column)
    assert verdict.sign(ATTNGAN.columns[1].measure) == -1


def test_ranks_are_those_of_the_qualities_on_every_task_and_seed(records):
    order = sorted(SCORES, key=lambda score: -QUALITY[score])
    found = standing(records, TASKS)
    assert found.seeds == (0, 1, 2) and found.worlds.shape == (3, 5, 7) and found.datasets.shape == (5, 7)
    assert [SCORES[i] for i in found.by_seed.mean(0).argsort()] == order
    assert (found.worlds == [order.index(score) + 1 for score in SCORES]).all()


def test_a_task_counts_once_all_its_scores_have_a_seed_in_common(records):
    some = dict(records)
    some["alignment/clevr/dot"] = []
    assert complete(some) == [task for task in TASKS if task is not MAC]
    some["alignment/coco/dot"] = [record("alignment/coco/dot", 7, evidence(SCAN[1], 0.5))]
    assert complete(some) == [SCAN[0], M4C, ATTNGAN] and standing(some, complete(some)).datasets.shape == (3, 7)
    assert complete({}) == [] and standing({}, []) is None


def test_data_sets_use_all_their_seeds_and_worlds_those_that_all_have():
    more = made_up(0.01, seeds=(0, 1, 2, 3), tasks=SCAN) | made_up(0.01, seeds=(0, 1), tasks=(MAC,))
    better = more["alignment/coco/dot"]
    better[2:] = [record(each.name, each.seed, evidence(SCAN[1], 0.999)) for each in better[2:]]
    found = standing(more, [*SCAN, MAC])
    dot = SCORES.index("dot")
    assert found.seeds == (0, 1) and found.worlds[:, 1, dot].tolist() == [3, 3]
    assert found.datasets[:, dot].tolist() == [3, 2, 3]  # .7, .7, .999, .999: second to scaled's .9


def test_the_released_layout_changes_the_scrambled_rows_of_scan_alone(records):
    right, released = (standing(records, TASKS, each) for each in (as_formula, as_released))
    assert (right.worlds[:, 2:] == released.worlds[:, 2:]).all()
    assert {*names_of(SCAN, as_released)} - {*names_of(SCAN)} == {
        f"alignment/{each}/{row}_released"
        for each in ("flickr30k", "coco") for row in ("general_dagger", "biased_star", "biased_dagger", "activated")
    }  # fmt: skip
    lead = LayoutGain(("scaled",), ("general_dagger",))(records)
    assert lead.mean == pytest.approx(2)  # from second to fourth: .8 becomes .55, below .7 and .6


def test_gains_and_leads_in_ranks(records):
    assert RankGain(("scaled",), ("dot",))(records).mean == pytest.approx(2)
    assert RankGain(("scaled",), SCORES)(records).mean == pytest.approx(4 - 1)
    assert RankGain(("biased_star",), ("dot", "scaled"))(records).mean == pytest.approx(2 - 7)
    assert RankLead("scaled")(records).mean == pytest.approx(1)
    assert RankLead("dot")(records).mean == pytest.approx(1 - 3)
    one = {name: runs[:1] for name, runs in records.items()}
    assert RankLead("scaled")(one) is None and RankGain(("dot",), ("scaled",))(one) is None


def test_intervals_are_of_seeds_whose_mean_ranks_differ():
    """On MAC dot product is better than scaled in seed 0 alone."""
    runs = made_up(0.0)
    runs["alignment/clevr/dot"][0] = record("alignment/clevr/dot", 0, evidence(MAC, 0.95))
    found = RankGain(("scaled",), ("dot",), (MAC, M4C))(runs)
    assert found == over_seeds(np.array([0.5 * (-1 + 2), 2.0, 2.0]))
    assert found.seeds == 3 and found.low < found.mean < found.high


# the noise floor


def test_the_floor_is_student_s_distance_of_two_means_and_covers_equal_rows():
    runs = made_up(0.0)
    for row, levels in {"dot": (0.5, 0.6, 0.7), "scaled_control": (0.52, 0.6, 0.66)}.items():
        name = MAC.name(row)
        runs[name] = [record(name, seed, evidence(MAC, level)) for seed, level in enumerate(levels)]
    found = floor(runs, MAC, MAC.columns[0])
    deviation = np.sqrt((2 * 1**2 + 0 + 2 * 2**2) / 3)  # halves of the differences 2, 0 and 4 points, 3 of freedom
    assert found.deviation == pytest.approx(deviation) and found.freedom == 3
    assert found.apart == pytest.approx(3.1824 * deviation * np.sqrt(2 / 3), rel=1e-4)
    assert found.spread == pytest.approx(60 - (52 + 60 + 66) / 3)
    rng, beyond = np.random.default_rng(0), 0
    for _ in range(250):
        for row in M4C.equal:
            name = M4C.name(row)
            runs[name] = [record(name, seed, evidence(M4C, 0.5 + 0.02 * rng.normal())) for seed in range(3)]
        apart = floor(runs, M4C, M4C.columns[0]).apart
        a, b = 50 + 2 * rng.normal(size=(2, 3)).mean(1)  # points, of two rows more that are equal, too
        beyond += abs(a - b) > apart
    assert 0.02 < beyond / 250 < 0.09  # one in twenty


def test_leads_in_noise_floors_are_means_over_columns_then_tasks(records):
    expected, best = [], []
    for task in (MAC, ATTNGAN):
        floors = np.array([floor(records, task, column).apart for column in task.columns])
        levels = verdict.levels(records, names_of([task]), task.columns, (0, 1, 2)) / floors[:, None]
        mine = levels[..., SCORES.index("scaled")]
        others = np.delete(levels, SCORES.index("scaled"), axis=2)
        expected.append((mine - others.mean(2)).mean(1))
        best.append((mine - levels[..., SCORES.index("general_dagger")]).mean(1))
    lead, over_best = (FloorLead("scaled", rest, (MAC, ATTNGAN))(records) for rest in (mean_of_others, best_of_others))
    for found, values in ((lead, expected), (over_best, best)):
        by_hand = over_seeds(np.mean(values, axis=0))
        assert (found.mean, found.low, found.high) == pytest.approx((by_hand.mean, by_hand.low, by_hand.high))
    assert FloorLead("dot", best_of_others, (MAC,))(records).mean < 0 < lead.mean
    equal = made_up(0.0)
    equal[MAC.name("scaled_control")] = equal[MAC.name("dot")]
    assert FloorLead("scaled", mean_of_others, (MAC,))(equal) is None
    assert floor(equal, MAC, MAC.columns[0]).apart == 0


# claims


def verdicts(runs) -> dict[str, str]:
    found = [judge(claim, lambda name, scale: runs.get(name, []), ("cpu",)) for claim in verdict_claims.CLAIMS]
    return {row["id"].removeprefix("align-verdict-"): row["verdict"] for row in found}


def test_claims_are_the_conclusion_s_and_need_rows_that_every_scale_has():
    for claim in verdict_claims.CLAIMS:
        assert claim in alignment.CLAIMS and claim.where == verdict_claims.CONCLUSION
        assert isinstance(claim.quantity, Quantity) and isinstance(claim.expect, Expectation)
    needed = {name for claim in verdict_claims.CLAIMS for name in claim.quantity.needs}
    for scale in SCALES:
        assert needed <= {each.name for each in alignment.experiments(scale)}
    assert sum(claim.headline for claim in verdict_claims.CLAIMS) == 3


def test_verdicts_follow_the_records(records):
    found = verdicts(records)
    assert found["best"] == found["middle"] == found["dot"] == found["floor"] == found["layout"] == "holds"
    assert all(found[task.folder] == "holds" for task in TASKS)
    worst = {name: 0.1 - 0.9 for name in records if name.endswith("/scaled")}
    turned = verdicts(made_up(0.01, moved=worst))
    assert turned["best"] == turned["middle"] == turned["dot"] == turned["clevr"] == "fails"


def test_noise_alone_decides_nothing_about_the_best(monkeypatch):
    monkeypatch.setitem(globals(), "QUALITY", dict.fromkeys(QUALITY, 0.5))
    found = verdicts(made_up(0.02))
    assert found["best"] in ("open", "fails") and found["floor"] in ("open", "fails")
    assert found["middle"] == "open"


def test_without_all_hosts_the_claims_about_all_are_untested_and_those_of_one_are_judged():
    found = verdicts(made_up(0.01, tasks=SCAN))
    assert {found[name] for name in ("best", "middle", "dot", "floor", "position", "clevr", "cub")} == {"untested"}
    assert found["layout"] == found["coco"] == "holds" and found["scaled-is-dot"] != "untested"
    assert set(verdicts({}).values()) == {"untested"}


# the page


def keep(page: Page, tasks=TASKS, noise: float = 0.01) -> None:
    """Write made-up records of a page's rows where it looks for them."""
    for name, runs in made_up(noise, seeds=page.seeds, tasks=tasks).items():
        row = page.experiment(name)
        for run in runs:
            write(record(name, run.seed, run.evidence, row), row.path(run.seed))


@pytest.fixture
def page(home) -> Page:
    return Page.of(paper="alignment", scale="smoke", seeds=[0, 1, 2])


@pytest.fixture(scope="module")
def full(tmp_path_factory) -> Page:
    """A page whose rows all have records of three seeds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CIRKIT_RECORDS", str(tmp_path_factory.mktemp("verdict") / "data" / "records"))
        page = Page.of(paper="alignment", scale="smoke", seeds=[0, 1, 2])
        keep(page)
        yield page


SHOWN = (coverage, mean_ranks, critical_differences, reported_differences, noise_floors, beyond_the_floor)


def test_reported_levels_are_those_of_the_papers_tables(page):
    by_task = {task: reported_levels(page, task) for task in TASKS}
    assert by_task[M4C][0].tolist() == [40.7, 41.9, 40.7, 41.6, 41.2, 41.4, 41.3]
    assert by_task[ATTNGAN][1].tolist() == [-25.72, -25.74, -28.21, -26.94, -26.97, -25.89, -28.39]
    assert by_task[SCAN[0]].shape == (2, 7) and by_task[SCAN[0]][0, SCORES.index("general_dagger")] == 229.9
    assert places(by_task[MAC])[SCORES.index("scaled")] == 1


def test_a_page_without_any_record_says_so_and_shows_what_is_reported(page):
    said = coverage(page, "N")
    assert said.caption.endswith(page.next_step) and said._repr_html_().count("not run") == len(TASKS)
    ranks = mean_ranks(page, "N")
    assert "Without records of all seven scores: SCAN, Flickr30k; SCAN, COCO; MAC" in ranks.caption
    assert "Ours" not in ranks.caption and "not run" in ranks._repr_html_()
    assert "not run" in noise_floors(page, "N")._repr_html_()
    for shown in (critical_differences, beyond_the_floor):
        assert shown(page, "N").caption == "Not run." and "Nothing has been run" in shown(page, "N").content
    assert isinstance(reported_differences(page, "N").content, Figure)
    assert claims.claims_table(page.claims((verdict_claims.CONCLUSION,))).content.count('"verdict untested"') == 13


def test_a_page_with_some_hosts_names_those_that_lack(page):
    keep(page, (*SCAN, M4C))
    for shown in SHOWN:
        assert shown(page, "N")._repr_html_()
    for shown in (mean_ranks, critical_differences):
        assert "Without records of all seven scores: MAC, CLEVR; AttnGAN, CUB." in shown(page, "N").caption
    drawn = critical_differences(page, "N")
    assert [axes.get_title(loc="left") for axes in drawn.content.axes] == ["over 3 data sets", "over 9 worlds"]
    assert "Without the records that it needs: MAC, CLEVR; AttnGAN, CUB" in beyond_the_floor(page, "N").caption
    body = coverage(page, "N")._repr_html_()
    assert body.count("7 of 7") == 3 and body.count("not run") == 2


def test_a_host_with_records_of_some_scores_has_no_ranks(page):
    for name in ("dot", "scaled"):
        row = page.experiment(MAC.name(name))
        write(record(row.name, 0, evidence(MAC, QUALITY[name]), row), row.path(0))
    assert "2 of 7" in coverage(page, "N")._repr_html_()
    for shown in (critical_differences, beyond_the_floor):
        assert "No host has the records that this needs" in shown(page, "N").content
    assert "MAC, CLEVR" in mean_ranks(page, "N").caption


def test_one_world_has_ranks_and_no_test(home):
    page = Page.of(paper="alignment", scale="smoke", seeds=[0])
    keep(page, (MAC,))
    assert "ranks of one world have no test" in critical_differences(page, "N").content
    assert "[" not in re.sub(r"<style>.*?</style>", "", mean_ranks(page, "N").content.to_html())


def test_the_drawing_places_names_by_rank_and_joins_what_is_not_told_apart(full):
    drawn = critical_differences(full, "N")
    above, below = drawn.content.axes
    order = sorted(SCORES, key=lambda score: -QUALITY[score])
    said = [text.get_text() for text in above.texts[7:14]]
    assert said == [f"{ROWS[score]} {place:.2f}" for place, score in enumerate(order, 1)]
    assert above.texts[-1].get_text() == f"critical difference {critical_difference(7, 5):.2f}"
    assert below.texts[-1].get_text() == f"critical difference {critical_difference(7, 15):.2f}"
    # 4.03 apart: four bars of five names; 2.33 apart: five of three
    bars = [[line for line in axes.lines if line.get_linewidth() == 4] for axes in (above, below)]
    assert [len(each) for each in bars] == [3, 5]
    assert "p < .001 over 5 data sets" in drawn.caption and "scaled dot product 1.00, general† 2.00" in drawn.alt
    assert "reported" not in drawn.caption


def test_tables_say_ranks_floors_and_what_is_reported_apart(full):
    frame = mean_ranks(full, "N").content.data
    mine = frame[frame["", "score"] == "scaled dot product"].iloc[0]
    assert mine["ours", "mean"] == "1.0 [1.0, 1.0]" and mine["ours", "MAC, CLEVR"] == "1.0"
    reported = frame["reported in the paper (original data)", "MAC, CLEVR"]
    assert reported[list(frame["", "score"]).index("scaled dot product")] == "1.0"
    frame = noise_floors(full, "N").content.data
    assert len(frame) == sum(len(task.columns) for task in TASKS) == 9
    anls = frame[frame["", "measure"] == str(ANLS())].iloc[0]
    assert anls["reported in the paper (original data)", "spread of equal rows"].strip("\u2007") == "0.80"
    assert "–" in frame["reported in the paper (original data)", "spread of equal rows"][4]
    fid = frame[frame["", "measure"] == "FID"].iloc[0]
    assert fid["ours", "lead"].strip("\u2007").startswith("+")


def test_distances_are_paired_leads_over_the_host_s_own_score(full):
    drawn = beyond_the_floor(full, "N")
    assert len([axes for axes in drawn.content.axes if axes.get_visible()]) == 9
    runs = {name: done(full.experiment(name)) for name in every_name()}
    unit = floor(runs, MAC, MAC.columns[0]).apart
    leads = verdict_figures._leads(MAC, MAC.columns[0], runs)
    assert set(leads) == {*SCORES} - {"dot"}
    a, b = (np.mean([overall(r.evidence["clevr"], MAC.columns[0].measure) for r in runs[MAC.name(row)]])
            for row in ("scaled", "dot"))  # fmt: skip
    assert leads["scaled"][0] == pytest.approx((a - b) / unit) and leads["scaled"][1] < leads["scaled"][0]
    worse = verdict_figures._leads(ATTNGAN, ATTNGAN.columns[1], runs)
    assert worse["scaled"][0] > 0 > worse["biased_star"][0]  # a lower distance is better
    count = int(re.search(r"Beyond the floor: (\d+) of (\d+)", drawn.caption)[1])
    every = [verdict_figures._leads(task, column, runs) for task in TASKS for column in task.columns]
    assert count == sum(abs(lead[0]) > 1 for leads in every for lead in leads.values())


def test_the_page_s_table_of_labels_is_the_paper_s():
    assert [ROWS[score] for score in SCORES] == verdict_tables.LABELS and len(SCORES) == 7
