"""Standalone: an executed notebook as one HTML file, for pages that are no part of the book.

The design: a page for other parameters is HTML beside its notebook, and asks nothing of the network.
"""

import base64
import html
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

STYLE = """
:root { color-scheme: light dark; }
html[data-theme="light"] { --pst-color-text-base: #222; --pst-color-surface: #f4f4f5; --pst-color-border: #ccc;
  --pst-color-background: #fff; background: #fff; color: #222; }
html[data-theme="dark"] { --pst-color-text-base: #ddd; --pst-color-surface: #22262c; --pst-color-border: #555;
  --pst-color-background: #14181e; background: #14181e; color: #ddd; }
body { font: 16px/1.55 system-ui, sans-serif; margin: 0; }
main { max-width: 52rem; margin: 0 auto; padding: 1rem 1rem 4rem; }
pre { overflow-x: auto; padding: .6rem .8rem; border-radius: 6px; background: var(--pst-color-surface); }
pre, code { font: .875em/1.45 ui-monospace, monospace; }
blockquote { margin: 1rem 0; padding: .1rem 1rem; border-left: 4px solid var(--pst-color-border); }
table { border-collapse: collapse; }
th, td { border-bottom: 1px solid var(--pst-color-border); padding: .25rem .7rem .25rem .2rem; text-align: left; }
img { max-width: 100%; height: auto; }
.output { overflow-x: auto; margin: .6rem 0; }
summary { cursor: pointer; }
a { color: #2a7fc1; }
"""
THEME = (
    'document.documentElement.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";'
)
POLICY = (
    "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline' blob: file:; "
    "font-src data: file:"
)
KINDS = ("text/html", "image/svg+xml", "image/png", "text/markdown", "text/plain")  # the first that is there is shown


def page(notebook: Mapping[str, Any], path: Path, root: Path, parameters: Mapping[str, object]) -> str:
    """The HTML of an executed notebook that is to lie at `path`; `root` is the repository, where style and MathJax lie.

    `parameters` are those that differ from the book's; the page says them first.
    """
    from pygments.formatters import HtmlFormatter

    cells = "\n".join(_cell(cell) for cell in notebook["cells"])
    title = re.search(r"<h1>(.*?)</h1>", cells, re.S)
    title = html.unescape(re.sub("<[^>]*>", "", title.group(1))) if title else path.stem
    style = STYLE + (root / "book" / "_assets" / "cirkit.css").read_text(encoding="utf-8")
    style += HtmlFormatter(style="default").get_style_defs('html[data-theme="light"] pre')
    style += HtmlFormatter(style="monokai").get_style_defs('html[data-theme="dark"] pre')
    given = ", ".join(f"{name} = {value!r}" for name, value in parameters.items())
    note = f"<p><em>With {html.escape(given)}.</em></p>\n" if given else ""
    scripts = f"<script>{THEME}</script>"
    if 'class="math' in cells:
        mathjax = os.path.relpath(root / "book" / "_assets" / "mathjax" / "tex-mml-chtml.js", path.parent)
        scripts += f'\n<script defer src="{html.escape(Path(mathjax).as_posix())}"></script>'
    return (
        f'<!doctype html>\n<html lang="en" data-theme="light">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{html.escape(title)}</title>\n'
        f"<style>{style}</style>\n{scripts}\n</head>\n<body>\n"
        f'<main class="bd-content">\n{note}{cells}\n</main>\n</body>\n</html>\n'
    )


def _cell(cell: Mapping[str, Any]) -> str:
    tags = cell["metadata"].get("tags", ())
    if "remove-cell" in tags:
        return ""
    if cell["cell_type"] != "code":
        return markdown(cell["source"]) if cell["cell_type"] == "markdown" else ""
    alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
    code = "" if "remove-input" in tags or not cell["source"].strip() else _code(cell["source"])
    outputs = "" if "remove-output" in tags else "".join(_output(output, alt) for output in cell.get("outputs", ()))
    if code and {"hide-input", "hide-cell"} & {*tags}:
        code = f"<details><summary>Code</summary>{code}</details>"
    if outputs and {"hide-output", "hide-cell"} & {*tags}:
        outputs = f"<details><summary>Output</summary>{outputs}</details>"
    return f'<div class="cell">{code}<div class="cell_output">{outputs}</div></div>'


def _code(source: str) -> str:
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    return f"<pre><code>{highlight(source, PythonLexer(), HtmlFormatter(nowrap=True))}</code></pre>"


def _output(output: Mapping[str, Any], alt: str) -> str:
    if output["output_type"] == "stream":
        lines = [line.rpartition("\r")[2] for line in output["text"].split("\n")]  # what a progress bar wrote last
        return f"<pre>{html.escape(chr(10).join(lines).rstrip())}</pre>"
    data = output.get("data", {})
    kind = next((kind for kind in KINDS if kind in data), None)
    if kind is None:
        return ""
    content = data[kind]
    if kind == "text/html":
        inner = content
    elif kind == "text/markdown":
        inner = markdown(content)
    elif kind == "text/plain":
        inner = f"<pre>{html.escape(content)}</pre>"
    else:
        packed = base64.b64encode(content.encode()).decode() if kind == "image/svg+xml" else content.strip()
        inner = f'<img src="data:{kind};base64,{packed}" alt="{html.escape(alt)}">'
    return f'<div class="output {kind.replace("/", "_")}">{inner}</div>'


def markdown(text: str) -> str:
    """Markdown as HTML: tables, formulas, and of a MyST role its words; links to pages of the book are their words."""
    from markdown_it import MarkdownIt
    from mdit_py_plugins.dollarmath import dollarmath_plugin
    from mdit_py_plugins.myst_role import myst_role_plugin

    parser = MarkdownIt("commonmark").enable("table").use(myst_role_plugin)
    parser.use(dollarmath_plugin, renderer=lambda tex, options: _formula(tex, options["display_mode"]))
    tokens = parser.parse(text)
    for token in tokens:
        for child in token.children or ():
            if child.type == "myst_role":
                child.type, child.content = "text", re.sub(r"\s*<[^<>]*>$", "", child.content)
            elif child.type == "link_open" and not re.match(r"https?:|#", str(child.attrs["href"])):
                child.attrs.pop("href")
    return parser.renderer.render(tokens, parser.options, {})


def _formula(tex: str, display: bool) -> str:
    left, right = (r"\[", r"\]") if display else (r"\(", r"\)")
    return f"{left}{html.escape(tex.strip())}{right}"
