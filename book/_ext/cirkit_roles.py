"""Roles and directives that print what the records say, so that no page holds a typed result.

{claim}`maaf-1`, {result}`maaf/css/tirg R@1`; {claims} and {computed} make a list and tables.
"""

from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive, directives
from sphinx.util import logging

from cirkit.errors import Problem

log = logging.getLogger(__name__)


def span(phrase, kind: str) -> nodes.raw:
    """The phrase as a span with a tooltip, both escaped; its first word strong, and coloured where it is a verdict."""
    from html import escape

    from cirkit.figures.phrases import ALONE

    first, space, rest = escape(phrase.text).partition(" ")
    word = first.removesuffix(ALONE)
    shown = f'<strong class="cirkit-{word}">{word}</strong>{first[len(word) :]}{space}{rest}'
    return nodes.raw("", f'<span class="cirkit-{kind}" title="{escape(phrase.about)}">{shown}</span>', format="html")


def role(kind: str):
    """A role that asks `cirkit.figures.phrases` for a phrase; an unknown key is a warning, and warnings are errors."""

    def make(name, rawtext, text, lineno, inliner, options=None, content=None):
        from cirkit.figures import phrases

        try:
            return [span(getattr(phrases, kind)(text), kind)], []
        except Problem as problem:
            log.warning("%s", problem, location=(inliner.document.settings.env.docname, lineno))
            return [nodes.literal(rawtext, text)], []

    return make


class Claims(Directive):
    """The claims of every paper with a tested one, or of the paper named, one line each: what it says, and its verdict.

    `:headline:` keeps the headline claims, holds or not; which those are is declared with the claims.
    """

    optional_arguments = 1
    option_spec: ClassVar = {"headline": directives.flag}

    def run(self) -> list[nodes.Node]:
        from cirkit.experiments import registry
        from cirkit.figures import phrases

        items = nodes.bullet_list()
        rows = registry.ledger(self.arguments[0] if self.arguments else None)
        shown = {*self.arguments, *(row["paper"] for row in rows if row["verdict"] != "untested")}
        rows = [row for row in rows if row["paper"] in shown and (row["headline"] or "headline" not in self.options)]
        for row in rows:
            paper = "" if self.arguments else f"{registry.PAPERS[row['paper']].partition(':')[0]}, "
            line = nodes.paragraph("", f"{paper}{row['where'][:1].upper()}{row['where'][1:]}: {row['says']} ")
            line += span(phrases.verdict(row), "claim")
            items += nodes.list_item("", line)
        meaning = phrases.alone_meaning(rows)
        return [items, nodes.paragraph("", f"{meaning}.")] if meaning else [items]


class Computed(Directive):
    """A table computed while the book is built; its argument is one of the names below."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        from cirkit import pages
        from cirkit.figures import editions, overview, tables

        sources = {
            "pages": pages.report,
            "records": tables.record_states,
            "machine": lambda: [{"what": what, "here": str(here)} for what, here in flat(pages.machine())],
            "verdicts": lambda: [{"verdict": verdict, "claims": str(n)} for verdict, n in tables.verdicts().items()],
            "margins": overview.margins,
            "interval": overview.interval,
            "unfinished": overview.unfinished,
            "many": overview.many,
            "pilots": overview.pilots,
            "editions": editions.moved,
        }
        name = directives.choice(self.arguments[0], tuple(sources))
        rows = sources[name]()
        nothing = {"editions": editions.NOTHING}.get(name, "There is nothing to list yet.")
        return [grid(rows)] if rows else [nodes.paragraph("", nothing)]


def flat(facts: dict) -> list[tuple[str, object]]:
    """Nested facts as one list of pairs."""
    out = []
    for key, value in facts.items():
        out += list(value.items()) if isinstance(value, dict) else [(key, value)]
    return out


def grid(rows: list[dict[str, str]]) -> nodes.table:
    """Rows of text as a docutils table."""
    names = list(rows[0])
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in names), cols=len(names))
    group += nodes.thead("", line(names))
    group += nodes.tbody("", *(line([row[name] for name in names]) for row in rows))
    return nodes.table("", group, classes=["cirkit-table"])


def line(cells: list[str]) -> nodes.row:
    """One row of a docutils table."""
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", cell)) for cell in cells))


def without_thebe(app, page: str, template: str, context: dict, doctree) -> None:
    """Leave out the scripts of a live-code service that no page uses; there twice, they are an error in a browser."""
    mine = [each for each in context["script_files"] if "thebe" not in f"{each} {getattr(each, 'attributes', {})}"]
    context["script_files"] = mine


def setup(app) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("html-page-context", without_thebe, priority=900)
    app.add_role("claim", role("claim"))
    app.add_role("result", role("result"))
    app.add_directive("claims", Claims)
    app.add_directive("computed", Computed)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
