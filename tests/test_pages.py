"""The runner's gates: what must not become a page does not, and what is there already is not run again."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jupytext
import pytest
from jupytext.config import load_jupytext_config

from cirkit import pages as runner
from cirkit.errors import Problem
from cirkit.evaluators.measures import Recall
from cirkit.experiments.page import Page
from cirkit.experiments.records import done

GOOD = """# %% [markdown]
# # A page

# %% tags=["parameters"]
count = 2
name = "plain"
rate = 0.5
deep = False
seeds = []
change = {}

# %%
print(count * 10, name, rate, deep)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small project with one notebook and no package."""
    (tmp_path / "notebooks" / "deep").mkdir(parents=True)
    write(tmp_path, GOOD)
    (tmp_path / "book" / "_assets").mkdir(parents=True)
    (tmp_path / "book" / "_assets" / "cirkit.css").write_text(".cirkit-table { color: inherit; }")
    return tmp_path


def write(root: Path, text: str) -> Path:
    path = root / "notebooks" / "deep" / "page.py"
    path.write_text(text)
    return path


def text(path: Path) -> str:
    cells = json.loads(path.read_text())["cells"]
    return "".join("".join(out["text"]) for cell in cells for out in cell.get("outputs", ()) if "text" in out)


def test_a_page_runs_once_and_is_kept_until_something_changes(root):
    (first,) = runner.pages(root=root)
    assert first.output == root / "book" / "executed" / "deep" / "page.ipynb" and not first.cached
    assert text(first.output) == "20 plain 0.5 False\n"
    before = first.output.read_bytes()
    (again,) = runner.pages(root=root)
    assert again.cached and again.output.read_bytes() == before
    (root / "data" / "records").mkdir(parents=True)
    (root / "data" / "records" / "new.json").write_text("{}")
    assert not runner.pages(root=root)[0].cached


def test_a_page_that_was_tampered_with_runs_again(root):
    (page,) = runner.pages(root=root)
    page.output.write_text(page.output.read_text().replace("20 plain", "99 plain"))
    (again,) = runner.pages(root=root)
    assert not again.cached and "20 plain" in text(again.output)


def test_other_parameters_are_written_beside_the_book(root):
    (page,) = runner.pages("deep/page", {"count": "3", "deep": "true", "rate": "2", "name": "7"}, root=root)
    assert text(page.output) == "30 7 2.0 True\n"
    assert page.output.parent == root / "_build" / "pages" / "deep"
    assert page.html == page.output.with_suffix(".html") and "30 7 2.0 True" in page.html.read_text()
    assert page.row()["html"] == str(page.html)
    assert not (root / "book" / "executed").exists()
    page.html.unlink()
    (again,) = runner.pages("deep/page", {"count": "3", "deep": "true", "rate": "2", "name": "7"}, root=root)
    assert again.cached and again.html.exists()
    (default,) = runner.pages("notebooks/deep/page.py", {"count": "2"}, root=root)
    assert default.output.is_relative_to(root / "book") and default.html is None


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"cuont": "3"}, "no parameter 'cuont'. It has: count, name, rate, deep, seeds, change"),
        ({"count": "three"}, "count takes int"),
        ({"count": "2.5"}, "count takes int"),
        ({"count": "True"}, "count takes int"),
        ({"deep": "1"}, "deep takes bool"),
        ({"rate": "fast"}, "rate takes float"),
        ({"seeds": "3"}, "seeds takes list"),
        ({"change": "steps=3"}, "change takes dict"),
    ],
)
def test_an_unknown_or_wrongly_typed_parameter_is_refused(root, parameters, message):
    with pytest.raises(Problem, match=message):
        runner.pages("deep/page", parameters, root=root)
    assert not (root / "_build").exists() and not (root / "book" / "executed").exists()


def test_an_unknown_notebook_is_refused_with_the_known_ones(root):
    with pytest.raises(Problem, match=r"no notebook 'pgae'. Choose one of: deep/page"):
        runner.pages("pgae", root=root)


def test_parameters_without_a_notebook_are_refused(root):
    with pytest.raises(Problem, match="belong to one notebook"):
        runner.pages(None, {"count": "3"}, root=root)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (GOOD.replace(' tags=["parameters"]', ""), "0 cells tagged parameters"),
        (GOOD + '\n# %% tags=["parameters"]\nmore = 1\n', "2 cells tagged parameters"),
        (GOOD.replace("count = 2", "count = 1 + len('a')"), r"`count = 1 \+ len\('a'\)`, which is no literal"),
        (GOOD.replace("count = 2", "import os"), "`import os`, which is no literal"),
    ],
)
def test_the_parameters_cell_is_one_and_holds_literals(root, source, message):
    write(root, source)
    with pytest.raises(Problem, match=message):
        runner.pages(root=root)


def test_a_failing_cell_is_named_and_the_old_page_stays(root):
    (page,) = runner.pages(root=root)
    before = page.output.read_bytes()
    write(root, GOOD + "\n# %%\n1 / 0\n")
    with pytest.raises(Problem, match=r"page.py, cell 3 \(`1 / 0`\) failed with ZeroDivisionError"):
        runner.pages(root=root)
    assert page.output.read_bytes() == before
    assert sorted(path.name for path in page.output.parent.iterdir()) == ["page.ipynb", "page.json"]


def test_what_the_reader_got_wrong_is_said_without_the_cell(root):
    write(
        root, GOOD + '\n# %%\nfrom cirkit.errors import Problem\n\nraise Problem("scale cannot be 7. Give a word.")\n'
    )
    with pytest.raises(Problem, match=r"^page.py: scale cannot be 7. Give a word.$"):
        runner.pages(root=root)


def test_an_error_that_a_tag_allows_is_still_no_page(root):
    write(root, GOOD + '\n# %% tags=["raises-exception"]\n{}["missing"]\n')
    with pytest.raises(Problem, match=r"cell 3 .* failed with KeyError"):
        runner.pages(root=root)


def test_a_cell_that_takes_too_long_is_stopped(root, monkeypatch):
    monkeypatch.setattr(runner, "CELL_LIMIT", 1)
    write(root, GOOD + "\n# %%\nimport time\n\ntime.sleep(30)\n")
    with pytest.raises(Problem, match="longer than 1 seconds"):
        runner.pages(root=root)


def test_a_page_that_runs_what_is_missing_has_no_limit_and_its_progress_on_the_terminal(root, monkeypatch, capfd):
    monkeypatch.setattr(runner, "CELL_LIMIT", 1)
    work = "from tqdm import tqdm\nimport time\n\nfor _ in tqdm(range(2)):\n    time.sleep(0.8)\nprint('whole')\n"
    write(root, GOOD.replace("deep = False", 'deep = False\nrun = "no"') + f"\n# %%\n{work}")
    (page,) = runner.pages("deep/page", {"run": "missing"}, root=root)
    assert text(page.output).endswith("whole\n") and "it/s" not in page.output.read_text()
    assert "2/2" in capfd.readouterr().err


def test_a_page_holds_no_widget_state_and_no_times(root):
    write(root, GOOD + "\n# %%\nimport ipywidgets\n\nipywidgets.IntSlider()\n")
    (page,) = runner.pages(root=root)
    content = json.loads(page.output.read_text())
    assert not {"widgets", "papermill"} & set(content["metadata"])
    assert not any({"papermill", "execution"} & set(cell["metadata"]) for cell in content["cells"])
    assert "widget-view" not in page.output.read_text()


@pytest.mark.parametrize("source", runner.notebooks(), ids=lambda source: source.stem)
def test_jupyterlab_saves_a_source_as_it_was(source):
    config = load_jupytext_config(str(source))
    notebook = jupytext.read(source, config=config)
    assert jupytext.writes(notebook, fmt="py:percent", config=config) == source.read_text()


def test_what_jupyterlab_keeps_is_no_page(root):
    kept = root / "notebooks" / "deep" / ".ipynb_checkpoints"
    kept.mkdir()
    (kept / "page-checkpoint.py").write_text("1 / 0")
    assert [path.name for path in runner.notebooks(root)] == ["page.py"]


def test_the_sidecar_says_how_the_page_came_about(root):
    (page,) = runner.pages(root=root)
    facts = json.loads(page.output.with_suffix(".json").read_text())
    assert facts["parameters"] == {"count": 2, "name": "plain", "rate": 0.5, "deep": False, "seeds": [], "change": {}}
    assert facts["where"]["versions"]["papermill"] and facts["seconds"] > 0
    assert runner.report(root) == [
        {
            "page": "deep/page",
            "parameters": "count = 2, name = 'plain', rate = 0.5, deep = False, seeds = [], change = {}",
            "seconds": f"{page.seconds:.1f}",
        }
    ]


def test_jupyter_book_two_is_refused_in_one_sentence(root, monkeypatch):
    monkeypatch.setattr(runner, "version", lambda name: "2.1.7")
    with pytest.raises(Problem, match=r"jupyter-book 2.1.7 cannot read _config.yml. Install"):
        runner.book(root)


def test_the_warnings_of_a_failed_build_are_what_is_reported():
    line = "book/a.md:3: WARNING: unknown document"
    assert runner.faults(f"reading\n\x1b[31m{line}\x1b[39;49;00m\n{line}\n") == line
    assert runner.faults("first\nlast") == "first\nlast"


@pytest.mark.slow
def test_plain_papermill_reproduces_a_table_from_nothing(home, tmp_path):
    source = runner.ROOT / "notebooks" / "maaf" / "table_s5_mit_states.py"
    plain(tmp_path, f"jupytext --to notebook {source} -o page.ipynb --set-kernel python3")
    plain(tmp_path, "papermill page.ipynb out.ipynb -k python3 -p scale smoke -p run missing")
    rows = Page.of(paper="maaf", scale="smoke").rows("Table S5")
    assert len(rows) == 5 and all(len(done(row)) == 1 for row in rows.values())
    cells = json.loads((tmp_path / "out.ipynb").read_text())["cells"]
    outputs = [output.get("data", {}) for cell in cells for output in cell.get("outputs", ())]
    page = "".join("".join(data.get("text/html", "")) for data in outputs)
    assert "Nothing has been run" not in page and all(label in page for label in rows)
    recall = Recall(10).values(done(rows["TIRG"])[0].evidence["mit_states"])
    assert f"{recall.mean():.1f}" in page


def plain(folder: Path, command: str) -> None:
    """Run a tool of the command line as a reader would."""
    module, *words = command.split()
    settings = {"cwd": folder, "env": os.environ | {"OMP_NUM_THREADS": "1"}, "capture_output": True, "text": True}
    result = subprocess.run([sys.executable, "-m", module, *words], check=False, **settings)
    assert result.returncode == 0, result.stderr[-2000:]
