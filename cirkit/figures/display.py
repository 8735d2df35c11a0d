"""Display: a table or a figure with its number, its caption and its card, as one piece of HTML.

The card folds away under the caption: records, data source, scale, seeds, seconds, commands, and how to cite.
"""

import base64
import html
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from pandas.io.formats.style import Styler

from cirkit.experiments import experiment, records
from cirkit.experiments.page import Page
from cirkit.figures.phrases import data_source, provenance

STYLE = Path(__file__).with_name("display.css")


@dataclass(frozen=True)
class Display:
    """What a notebook cell shows: `content` (a table, a figure, or HTML), then number, caption and card.

    `alt` says in words what a figure shows. Raises ValueError for a figure that draws nothing, or has no `alt`.
    """

    content: Styler | Figure | str
    number: str  # "Table 1", "Figure 1.1"
    caption: str
    rows: Sequence[Any] = ()  # the experiments behind it
    alt: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.content, Figure):
            if not self.alt:
                raise ValueError(f"{self.number} has no alternative text; say what it shows.")
            check_drawn(self.content, self.number)

    def _repr_html_(self) -> str:
        caption = f"<strong>{html.escape(self.number)}.</strong> {html.escape(self.caption)}"
        return (
            f"<style>{STYLE.read_text(encoding='utf-8')}</style>"
            f'<figure class="cirkit"><div class="scroll">{self._body()}</div>'
            f"<figcaption>{caption}</figcaption>{card(self.rows)}</figure>"
        )

    def _body(self) -> str:
        if isinstance(self.content, Figure):
            data = base64.b64encode(svg(self.content)).decode()
            return f'<img src="data:image/svg+xml;base64,{data}" alt="{html.escape(self.alt)}">'
        return self.content if isinstance(self.content, str) else self.content.to_html()

    def __repr__(self) -> str:
        return f"{self.number}. {self.caption}"


def svg(figure: Figure) -> bytes:
    """The figure as SVG, the same bytes each time."""
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "cirkit", "savefig.facecolor": "white"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def check_drawn(figure: Figure, number: str) -> None:
    """Raises ValueError where a panel holds neither marks, nor images, nor a word in their place."""
    panels = [axes for axes in figure.axes if axes.get_visible()]
    empty = [axes for axes in panels if not (axes.has_data() or axes.texts)]
    if not panels or empty:
        raise ValueError(
            f"{number} has {len(empty)} empty of {len(panels)} panels; leave out what has nothing to show."
        )


def waiting(page: Page, number: str) -> Display:
    """In place of a table or figure that has no record or exhibit yet: what to do about it."""
    return Display(f"<p>{html.escape(page.next_step)}</p>", number, "Not run.")


def card(rows: Sequence[Any]) -> str:
    """A folded list of what stands behind a table or figure; nothing where no experiment does."""
    runs = {each.name: (each, found) for each in rows if (found := records.done(each))}
    if not runs:
        return ""
    every = [run for _, found in runs.values() for run in found]
    seconds = [sum(run.seconds.values()) for run in every]
    names = [f"{each.name} ({each.fingerprint[:8]}, seeds {_spans(found)})" for each, found in runs.values()]
    facts = {
        "Data source": data_source(sorted({run.basis for run in every})),
        "Scale, seeds": stamp(rows),
        "Records": "; ".join(names),
        "Seconds": f"{sum(seconds) / len(seconds):.0f} a run on average, {sum(seconds) / 3600:.1f} hours for all "
        f"{len(seconds)} runs, on {', '.join(sorted({str(run.where.get('device')) for run in every}))}",
    }
    one = next(iter(runs.values()))[0]
    lines = [f"<dt>{key}</dt><dd>{html.escape(value)}</dd>" for key, value in facts.items()]
    for key, command in (("Check", "verify --quick"), ("Run", f"run {one.name} --scale {one.scale}")):
        lines.append(f"<dt>{key}</dt><dd><code>cirkit {html.escape(command)}</code></dd>")
    lines.append(f"<dt>Cite</dt><dd><pre>{html.escape(bibtex(one.paper))}</pre></dd>")
    return f"<details><summary>Records, commands, citation</summary><dl>{''.join(lines)}</dl></details>"


def stamp(rows: Sequence[Any]) -> str:
    """`world · cpu · 3 to 5 seeds`: the provenance that the rows with records share, or each that occurs."""
    seeds: dict[tuple[str, str], list[int]] = {}
    for each in rows:
        if runs := records.done(each):
            seeds.setdefault((each.basis, each.scale), []).append(len(runs))
    return "; ".join(
        provenance(*key, counts[0])
        if len(set(counts)) == 1
        else f"{' · '.join(key)} · {min(counts)} to {max(counts)} seeds"
        for key, counts in seeds.items()
    )


def _spans(runs: Sequence[Any]) -> str:
    """Seeds 0, 1, 2, 4 as `0-2, 4`."""
    spans: list[list[int]] = []
    for seed in (run.seed for run in runs):
        if spans and seed == spans[-1][1] + 1:
            spans[-1][1] = seed
        else:
            spans.append([seed, seed])
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in spans)


def bibtex(key: str) -> str:
    """The entry of a paper in the book's bibliography, or that of this project."""
    text = (experiment.ROOT / "book" / "references.bib").read_text(encoding="utf-8")
    entries = {found[1]: found[0].strip() for found in re.finditer(r"@\w+\{(\w+),.*?\n\}", text, re.DOTALL)}
    return entries.get(key, entries["cirkit"])
