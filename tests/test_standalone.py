"""A page of its own: what it shows, what it hides, and that it asks nothing of the network."""

import re
from pathlib import Path

import nbformat.v4 as nb
import pytest

from cirkit.standalone import markdown, page

ROOT = Path(__file__).resolve().parents[1]
EVIL = "<script>alert(1)</script>"


def written(*cells, **parameters) -> str:
    return page(nb.new_notebook(cells=list(cells)), ROOT / "_build" / "pages" / "x" / "p.html", ROOT, parameters)


def code(source, *outputs, tags=(), **metadata):
    return nb.new_code_cell(source, outputs=list(outputs), metadata={"tags": list(tags)} | metadata)


def test_a_page_has_its_title_its_parameters_and_its_text():
    shown = written(nb.new_markdown_cell("# A *page* & more\n\nWords."), scale="gpu", change={"steps": "<3"})
    assert "<title>A page &amp; more</title>" in shown and "<p>Words.</p>" in shown
    assert "With scale = &#x27;gpu&#x27;, change = {&#x27;steps&#x27;: &#x27;&lt;3&#x27;}." in shown


def test_the_richest_form_of_an_output_is_shown_and_plain_text_is_escaped():
    rich = nb.new_output("display_data", {"text/html": "<b>bold</b>", "text/plain": "plain"})
    plain = nb.new_output("execute_result", {"text/plain": EVIL})
    stream = nb.new_output("stream", name="stdout", text=f"10%\r100%\n{EVIL}")
    shown = written(code("1 < 2", rich, plain, stream))
    assert "<b>bold</b>" in shown and ">plain<" not in shown
    assert EVIL not in shown and shown.count("&lt;script&gt;") == 2
    assert "100%" in shown and "10%\r" not in shown


def test_a_figure_keeps_its_words_for_those_who_do_not_see_it():
    figure = nb.new_output("display_data", {"image/svg+xml": "<svg/>", "text/plain": "<Figure>"})
    shown = written(code("plot()", figure, mystnb={"image": {"alt": "A line."}}))
    assert '<img src="data:image/svg+xml;base64,PHN2Zy8+" alt="A line.">' in shown


@pytest.mark.parametrize(
    ("tags", "there", "folded"),
    [
        ((), 2, 0),
        (("hide-input",), 2, 1),
        (("hide-output",), 2, 1),
        (("remove-input",), 1, 0),
        (("remove-cell",), 0, 0),
    ],
)
def test_tags_fold_and_remove(tags, there, folded):
    shown = written(code("source_here", nb.new_output("stream", name="stdout", text="text_there"), tags=tags))
    assert ("source_here" in shown) + ("text_there" in shown) == there
    assert shown.count("<details>") == folded


def test_formulas_bring_mathjax_from_the_repository_and_nothing_else_is_asked_for():
    shown = written(nb.new_markdown_cell("$x < 1$ and [out](https://arxiv.org)"))
    assert r"\(x &lt; 1\)" in shown
    (script,) = re.findall(r'src="([^"]*)"', shown)
    assert (ROOT / "_build" / "pages" / "x" / script).resolve() == ROOT / "book/_assets/mathjax/tex-mml-chtml.js"
    assert "default-src 'none'" in shown and "mathjax" not in written(nb.new_markdown_cell("No formula."))


def test_markdown_of_the_book_reads_without_the_book():
    assert markdown("{cite}`Dodds <dodds2020>`, [Table 3](table_3), [code](https://a.b)") == (
        '<p>Dodds, <a>Table 3</a>, <a href="https://a.b">code</a></p>\n'
    )
    assert "<td>2</td>" in markdown("|a|b|\n|-|-|\n|1|2|\n")
