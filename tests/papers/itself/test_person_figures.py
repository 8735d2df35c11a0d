"""ITSELF's pages: figures draw from records of a smoke run, without one each says what to run; and the explorer."""

import ast
import re
from dataclasses import replace
from pathlib import Path

import pytest

from cirkit.evaluators.measures import Recall
from cirkit.experiments import records, registry
from cirkit.experiments.bootstrap import estimate, gain
from cirkit.experiments.checkpoint_choice import with_columns
from cirkit.experiments.experiment import ROOT
from cirkit.experiments.page import Page
from cirkit.experiments.run import run
from cirkit.explorers.retrieval import Nothing
from cirkit.papers.itself import person_attention_figures, person_figures
from cirkit.papers.itself.chosen_checkpoints import COLUMNS
from cirkit.papers.itself.explorers import selection_explorer
from cirkit.papers.itself.person_rows import ABLATION, SELECTIONS
from cirkit.papers.itself.quoted_captions import PIECES, selected_words
from cirkit.training.person_augment import clip_pieces

PAGES = sorted((ROOT / "notebooks" / "itself").glob("*.py"))
RSTP = ABLATION["rstp"]
PAPER = ROOT.parent / "shared" / "papers" / "004_215323e291fd91e9.txt"
RAN = ("baseline", "ours", "rde")
NAMES = {"Baseline": "itself/rstp/baseline", "RDE": "itself/rstp/rde", "Ours": "itself/rstp/ours"}


@pytest.fixture(autouse=True)
def _declared(monkeypatch):
    if "itself" not in registry.DECLARED:
        monkeypatch.setattr(registry, "DECLARED", (*registry.DECLARED, "itself"))


@pytest.fixture(scope="module")
def two_seeds(tmp_path_factory):
    """A home where three rows have run with two seeds each."""
    from cirkit.papers import itself

    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("shown") / "data"
        patch.setenv("CIRKIT_DATA", str(home))
        patch.setenv("CIRKIT_RECORDS", str(home / "records"))
        for each in itself.experiments("smoke"):
            if each.name in NAMES.values():
                for seed in (0, 1):
                    run(replace(each, seeds=(0, 1)), seed)
        yield home


@pytest.fixture
def page(two_seeds):
    return Page.of(paper="itself", scale="smoke", seeds=[0, 1])


def show(path: Path, scale: str, seeds: str) -> list[str]:
    """The HTML of every cell of a page that ends in something to show."""
    source = path.read_text().replace('scale = "cpu"', f'scale = "{scale}"').replace("seeds = []", f"seeds = {seeds}")
    space, shown = {}, []
    for node in ast.parse(source).body:
        if not isinstance(node, ast.Expr):
            exec(compile(ast.Module([node], []), str(path), "exec"), space)
            continue
        value = eval(compile(ast.Expression(node.value), str(path), "eval"), space)
        if hasattr(value, "twin"):
            shown.append(value.twin())
        elif hasattr(value, "_repr_html_"):
            shown.append(value._repr_html_())
    return shown


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_draws_while_no_record_exists(home, path, capsys):
    shown = show(path, "smoke", "[]")
    waiting = [each for each in shown if "Not run." in each]
    assert len(waiting) >= 2 and all("cirkit run --missing --paper itself --scale smoke" in each for each in waiting)


# the pages that show every kind of figure; the others have tables and curves, as pages of other papers
@pytest.mark.parametrize(
    "name", ["figure_s5_attention", "figure_7_layers", pytest.param("table_3_ablation", marks=pytest.mark.slow)]
)
def test_a_page_draws_from_records_of_a_smoke_run(two_seeds, name, capsys):
    shown = show(ROOT / "notebooks" / "itself" / f"{name}.py", "smoke", "[0, 1]")
    assert shown and any("smoke" in each and "2 seeds" in each for each in shown)


def test_three_columns_are_the_estimates_of_their_checkpoints(page):
    display = person_figures.three_columns(page, RSTP, "T")
    frame = display.content.data
    assert list(frame["row"]) == ["Baseline", "Ours"]  # those that ran
    runs = [with_columns(each) for each in records.done(page.experiment("itself/rstp/ours"))]
    for column in COLUMNS:
        found = estimate(runs, column, Recall(1))
        cell = frame[f"{column}: R@1, %"][1].replace("\u2007", "")
        assert cell == f"{found.mean:.1f} [{found.low:.1f}, {found.high:.1f}]"
    added = frame["best on test less last, points"][1].replace("\u2007", "")
    assert float(added.split()[0]) >= 0


def test_differences_stand_beside_their_noise_and_the_papers(page):
    display = person_figures.noise_floor(page, RSTP, [("Ours", "Baseline"), ("+ SL", "Baseline")], "T")
    frame = display.content.data
    assert list(frame["difference"]) == ["Ours − Baseline"]
    assert frame["reported (original data, one run), points"][0] == "+6.00"
    a, b = (records.done(page.experiment(f"itself/rstp/{name}")) for name in ("ours", "baseline"))
    assert frame["ours, points"][0].replace("\u2007", "").startswith(f"{gain(a, b, 'test', Recall(1)).mean:.1f} ")


def test_choices_and_strips_and_shares_show_what_was_kept(page):
    axes = person_figures.choices(page, "F").content.axes[0]
    assert len(axes.get_yticklabels()) == len(SELECTIONS) and len(axes.lines) == 2 * len(SELECTIONS) + 1
    strips = person_figures.strips(page, NAMES, "rstp", "F", queries=2)
    assert len(strips.content.axes) == 2 * len(NAMES) * 9 and "No exhibit" not in strips.caption
    other = person_figures.strips(page, {"IRRA": "itself/rstp/irra", "Ours": NAMES["Ours"]}, "rstp", "F")
    assert "No exhibit yet: IRRA." in other.caption
    panels = person_attention_figures.shares(page, NAMES, "F").content.axes
    assert len(panels) == 2 and panels[0].get_yticklabels()[0].get_text() == "Baseline: last layer"


def test_the_explorer_has_every_choice_and_composes_others_live(page):
    shown = selection_explorer(page)
    experiment = page.experiment("itself/rstp/ours")
    content = records.exhibited(records.done(experiment)[0], "selection")
    assert shown.layers == content["layers"] and len(shown.items) == len(content["images"]) and shown.live
    assert shown.items[0]["text"] == content["texts"][0] and "image/webp" in shown.items[0]["image"]
    scores = shown.answer(0, "1", 0.0)["scores"]
    kept = shown.items[0]["scores"][0][0]
    assert max(abs(a - b) for a, b in zip(scores, kept, strict=True)) < 0.01


def test_before_the_first_record_there_is_nothing_to_explore(home):
    page = Page.of(paper="itself", scale="smoke")
    assert isinstance(selection_explorer(page), Nothing)


def test_words_of_quoted_captions_are_counted_by_clips_tokenizer():
    frame = selected_words("T").content.data
    assert len(frame) == sum(map(len, PIECES.values())) == 12
    for column, most in (("first step", 48), ("after t_small", 37), ("released evaluation", 30)):
        kept, pieces = zip(*(map(int, cell.split(" of ")) for cell in frame[column]), strict=True)
        assert list(kept) == [min(most, each) for each in pieces] and max(kept) == most


@pytest.mark.skipif(not PAPER.exists(), reason="the supplement's text is not here")
def test_counts_are_those_of_the_supplements_captions():
    figures = PAPER.read_text(encoding="utf-8").split("Figure 1. ")[1].split("Figure 3. ")[0].split("Figure 2. ")
    quoted = [re.findall(r"^(?:A|The|Back) .*", text, re.MULTILINE) for text in figures]
    counted = [[len(clip_pieces(caption.replace("**", "").strip())) for caption in some] for some in quoted]
    assert counted == [list(counts) for counts in PIECES.values()]
