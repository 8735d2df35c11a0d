"""The book's sources, and the built book in a browser: whole, offline, alive."""

import ast
import csv
import importlib.util
import json
import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import jupytext
import pytest
import yaml
from toys import explorer

from cirkit import pages
from cirkit.errors import Problem
from cirkit.experiments import registry
from cirkit.figures import editions, overview, phrases

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = pages.notebooks(ROOT)
HTML = ROOT / "_build" / "html"
BROWSER = shutil.which("chromium")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--allow-file-access-from-files", "--virtual-time-budget=4000",
)  # fmt: skip


def named(path: Path) -> str:
    return pages.name_of(path, ROOT)


def test_the_contents_list_every_page_and_every_notebook_once():
    contents = (ROOT / "book" / "_toc.yml").read_text()
    listed = re.findall(r"(?:file|root): (\S+)", contents)
    prose = {path.relative_to(ROOT / "book").with_suffix("").as_posix() for path in (ROOT / "book").rglob("*.md")}
    prose = {name for name in prose if not name.startswith(("_", "executed"))}
    assert sorted(listed) == sorted(prose | {f"executed/{named(path)}" for path in NOTEBOOKS})


@pytest.mark.parametrize("path", NOTEBOOKS, ids=named)
def test_a_notebook_starts_with_its_title_then_its_parameters(path):
    notebook = jupytext.read(path)
    assert re.match(r"# \S", notebook.cells[0].source) and notebook.cells[0].cell_type == "markdown"
    assert "parameters" in notebook.cells[1].metadata.get("tags", ())
    assert pages.declared_parameters(path, notebook)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=named)
def test_a_notebook_tells_and_the_package_works(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            assert node.end_lineno - node.lineno < 5, f"{node.name} belongs in the package"
        assert not isinstance(node, ast.For | ast.While | ast.AsyncFunctionDef), "a loop belongs in the package"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=named)
def test_no_result_is_typed_into_a_notebook(path):
    for cell in jupytext.read(path).cells:
        if cell.cell_type == "markdown":
            ours = "\n".join(line for line in cell.source.splitlines() if not line.startswith(">"))
            ours = re.sub(r"(?i)(sections?|tables?|figures?|eq\.|\() ?\d+(\.\d+)*|95 %|\$[^$]*\$", "", ours)
            assert not re.search(r"\d+(\.\d+)? ?(%|points)|\d+\.\d+", ours), ours


def test_no_result_is_typed_into_a_page_that_states_results():
    for name in ("index", "status", "how_to_read", "papers/maaf"):
        text = (ROOT / "book" / f"{name}.md").read_text()
        assert not re.search(r"\d+\.\d+ ?(%|±|points)", text.replace("95 %", ""))


def test_printed_numbers_are_read_from_one_file_per_paper():
    with (ROOT / "data" / "reported" / "maaf.csv").open() as file:
        lines = list(csv.DictReader(file))
    number = r"\+?\d+(\.\d+)?( ± \d\.\d)?"
    assert all(re.fullmatch(rf"{number}( \({number}\))?", line["as_printed"]) for line in lines)
    keys = [(line["table"], line["row"], line["dataset"], line["measure"]) for line in lines]
    assert len(set(keys)) == len(keys)
    rows = {table: registry.rows("maaf", table, "cpu") for table in {line["table"] for line in lines}}
    assert all(line["ours"] in rows[line["table"]] for line in lines if line["ours"])


def test_five_papers_are_cited_under_the_same_titles_everywhere():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())["references"]
    listed = re.findall(r"^  title = \{(.*)\},$", (ROOT / "book" / "references.bib").read_text(), re.M)
    assert {one["title"] for one in cited} <= {re.sub("[{}]", "", title).replace("--", "-") for title in listed}
    assert len(cited) == 5 and all(one["authors"] for one in cited)


def test_nothing_of_the_book_lies_in_a_folder_that_sphinx_loads_on_every_page():
    assert not list((ROOT / "book").rglob("_static"))
    assets = ROOT / "book" / "_assets" / "mathjax"
    assert sum(file.stat().st_size for file in assets.rglob("*") if file.is_file()) < 3_000_000
    assert "Apache License" in (assets / "LICENSE").read_text()


@pytest.fixture(scope="module")
def roles():
    spec = importlib.util.spec_from_file_location("cirkit_roles", ROOT / "book" / "_ext" / "cirkit_roles.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ask(roles, kind: str, text: str):
    place = SimpleNamespace(document=SimpleNamespace(settings=SimpleNamespace(env=SimpleNamespace(docname="index"))))
    (node,), _ = roles.role(kind)(kind, f"{{{kind}}}`{text}`", text, 3, place)
    return node.astext()


def test_a_role_prints_what_the_records_say_and_escapes_it(roles, monkeypatch):
    monkeypatch.setattr(phrases, "claim", lambda name: phrases.Phrase(f"holds <{name}>", 'the "claim"'))
    word = '<strong class="cirkit-holds">holds</strong> &lt;maaf-1&gt;'
    expected = f'<span class="cirkit-claim" title="the &quot;claim&quot;">{word}</span>'
    assert ask(roles, "claim", "maaf-1") == expected


def test_a_role_with_an_unknown_key_is_a_warning_which_fails_the_build(roles, monkeypatch):
    def unknown(name):
        raise Problem(f"There is no result {name!r}.")

    warned = []
    monkeypatch.setattr(phrases, "result", unknown)
    monkeypatch.setattr(roles.log, "warning", lambda *message, location: warned.append((str(message[1]), location)))
    assert ask(roles, "result", "maaf/none R@1") == "maaf/none R@1"
    assert warned == [("There is no result 'maaf/none R@1'.", ("index", 3))]


def test_the_headline_list_holds_every_headline_claim_and_no_other(roles, monkeypatch):
    rows = [
        {"id": f"x-{i}", "where": "table", "says": f"says {i}.", "headline": i != 1, "verdict": "fails", "holm": holm}
        | {"paper": "maaf"}
        for i, holm in enumerate((0.01, 0.2, 0.05))
    ]
    rows += [rows[0] | {"says": "says nothing yet", "verdict": "untested", "paper": "itself"}]
    monkeypatch.setattr(registry, "ledger", lambda paper=None: rows)
    monkeypatch.setattr(phrases, "verdict", lambda row: phrases.Phrase("fails", "about"))
    machine = SimpleNamespace(reporter=None)
    directive = roles.Claims("claims", [], {"headline": None}, [], 1, 0, "", None, machine)
    text = directive.run()[0].astext()
    assert "MAAF, Table: says 0" in text and "says 2" in text and "says 1" not in text
    assert "says nothing" not in text  # a paper without results
    assert len(directive.run()) == 1  # no headline stands alone
    rows[2]["holm"] = 0.06
    assert directive.run()[1].astext() == f"{phrases.alone_meaning(rows)}." != "."


def test_a_lettered_verdict_keeps_its_colour_and_its_letter_stands_behind_it(roles):
    shown = roles.span(phrases.Phrase("failsᵃ (-1)", "about"), "claim").astext()
    assert '<strong class="cirkit-fails">fails</strong>ᵃ (-1)' in shown
    number = roles.span(phrases.Phrase("61.3 [58.9, 63.5] % (world)", "about"), "result").astext()
    assert '">61.3</strong> [58.9, 63.5] % (world)' in number


@pytest.mark.parametrize("name", ["editions", "many"])
def test_a_computed_table_that_is_empty_says_what_that_means(roles, monkeypatch, name):
    source = {"editions": (editions, "moved"), "many": (overview, "many")}[name]
    directive = roles.Computed("computed", [name], {}, [], 1, 0, "", None, SimpleNamespace(reporter=None))
    monkeypatch.setattr(*source, lambda: [{"claim": "maaf-1", "today": "holds"}])
    assert [cell.astext() for cell in directive.run()[0].findall(roles.nodes.entry)][2:] == ["maaf-1", "holds"]
    monkeypatch.setattr(*source, list)
    nothing = {"editions": editions.NOTHING, "many": "There is nothing to list yet."}[name]
    assert directive.run()[0].astext() == nothing


def test_a_computed_table_keeps_its_columns(roles):
    table = roles.grid([{"a": "1", "b": "<2>"}, {"a": "3", "b": "4"}])
    assert [cell.astext() for cell in table.findall(roles.nodes.entry)] == ["a", "b", "1", "<2>", "3", "4"]


# What follows needs a browser; the last two also need the built book.


def browse(page: Path, folder: Path) -> tuple[str, str, list[str]]:
    """The page after its scripts ran, what its console said, and every address it asked for."""
    log = folder / "net.json"
    command = [BROWSER, *FLAGS, f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}"]
    command += ["--enable-logging=stderr", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    text = log.read_text()
    events = json.loads(text if text.rstrip().endswith("}") else text.rstrip().rstrip(",") + "]}")["events"]
    found = [event["params"] for event in events if {"url", "initiator"} <= event.get("params", {}).keys()]
    asked = {params["url"] for params in found if params["initiator"] != "not an origin"}  # not the browser's own
    console = "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)
    return done.stdout, console, sorted(url for url in asked if url.startswith(("http:", "https:", "ws")))


PAGES = sorted(page for page in HTML.rglob("*.html") if "_static" not in page.parts)  # the theme keeps templates there
browser = pytest.mark.skipif(BROWSER is None, reason="needs chromium")
built = pytest.mark.skipif(not (HTML / "index.html").exists(), reason="needs the built book: make book")


@pytest.mark.slow
@browser
def test_the_explorer_answers_the_keyboard_and_the_mouse_without_a_kernel(tmp_path):
    act = """<script>setTimeout(() => {
      document.querySelector('button[aria-label="Next query"]').click();
      const select = document.querySelectorAll('select')[0];
      document.title = `${select.value} ${document.querySelector('blockquote').textContent}`;
    }, 800)</script>"""
    page = tmp_path / "page.html"
    page.write_text(f'<!doctype html><meta charset="utf-8"><body>{explorer(query=0).twin()}{act}')
    shown, console, asked = browse(page, tmp_path)
    assert "<title>1 add a cube</title>" in shown
    assert shown.count("cir-relevant") >= 3 and "✓" in shown and 'class="cir-live"' not in shown
    assert not console and not asked


@pytest.mark.slow
@browser
def test_the_browser_check_sees_a_request_and_an_error_where_there_are_some(tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<body><img src="http://127.0.0.1:9/x.png"><script>throw new Error("seen")</script>')
    _, console, asked = browse(page, tmp_path)
    assert asked == ["http://127.0.0.1:9/x.png"]
    assert "Uncaught Error: seen" in console


@pytest.mark.slow
@browser
@built
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_built_page_asks_nothing_of_the_network_and_raises_no_error(page, tmp_path):
    shown, console, asked = browse(page, tmp_path)
    assert not asked
    errors = [line for line in console.splitlines() if "Uncaught" in line and "THEBE" not in line]
    assert not errors
    if 'class="cir-viewer"' in page.read_text():
        assert re.search(r'class="ci\w-controls', shown)
    if "math notranslate" in page.read_text():
        assert "mjx-container" in shown


@pytest.mark.slow
@built
def test_every_link_between_pages_leads_somewhere():
    for page in PAGES:
        for link in re.findall(r'(?:href|src)="([^"#?]+)', page.read_text()):
            if not re.match(r"[a-z]+:|//", link):
                assert (page.parent / link).exists(), f"{page.name} links to {link}"
