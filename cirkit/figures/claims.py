"""Claims as a table: verdict and number first, then what is claimed, where, and what the paper reports for it.

Without scripts it is a plain table; with them it can be filtered by verdict and by words.
"""

import ast
import html
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cirkit.experiments import experiment, registry
from cirkit.experiments.many import stands_alone
from cirkit.figures.display import Display
from cirkit.figures.phrases import ALONE, alone_meaning, measured_row, p_values, row_provenance

LETTERS = {"holds": "H", "fails": "F", "open": "O", "untested": "U"}
MEANING = "H holds, F fails, O open (the interval does not decide), U untested (no record)"
P_MEANING = "p, and adjusted for all claims of the paper (Holm; BH, Benjamini and Hochberg)"
FILTER = Path(__file__).with_name("claims.js")
HEADS = ("verdict", "measured, 95 % interval", "claim (our words)", "reported in the paper (original data)")


def claims_table(rows: Sequence[dict[str, Any]], number: str = "Claims", linked: bool = False) -> Display:
    """Ledger rows as a table. With `linked`, each says the page that shows it, and rows can be filtered.

    What all rows share of data source, scale and seeds is said in the caption, and otherwise in each row.
    """
    if not rows:
        return Display("<p>No claim rests on this page.</p>", number, "None.")
    stamps = {row_provenance(row) for row in rows if row["mean"] is not None}
    shared = len(stamps) == 1
    pages = claim_pages() if linked else {}
    body = "".join(_line(row, pages.get((row["paper"], row["where"])), not shared) for row in rows)
    heads = "".join(f"<th>{html.escape(head)}</th>" for head in HEADS)
    table = f'<table class="dataframe cirkit-table claims"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>'
    script = f'<script type="module">{FILTER.read_text(encoding="utf-8")}</script>' if linked else ""
    alone = alone_meaning(rows)
    caption = f"{MEANING}{alone and f'; {alone}'}. {P_MEANING}. " + (
        f"All from {stamps.pop()}." if shared else "Data source, scale and seeds in each row."
    )
    return Display(table + script, number, caption)


def _line(row: dict[str, Any], page: str | None, stamped: bool) -> str:
    verdict = row["verdict"]
    badge = f'<span class="verdict {verdict}"><b>{LETTERS[verdict]}</b>{verdict}</span>{ALONE * stands_alone(row)}'
    number = "" if row["mean"] is None else html.escape(measured_row(row))
    if margin := row.get("margin"):
        number += f"<br>margin {html.escape(f'{margin:g}')}"
    if p := p_values(row):
        number += f"<br><small>{'<br>'.join(map(html.escape, p.split('; ', 1)))}</small>"
    if stamped and row["mean"] is not None:
        number += f"<br><small>{html.escape(row_provenance(row))}</small>"
    where = html.escape(row["where"])
    if page is not None:
        where = f'<a href="{html.escape(page)}.html">{where}</a>'
    claim = f"{html.escape(row['says'])} <small>({where}; <code>{html.escape(row['id'])}</code>)</small>"
    if along := row.get("along"):
        claim += f"<br><small>{html.escape(along)}</small>"
    cells = (badge, number, claim, html.escape(row["reported"]))
    kinds = (' class="number"', ' class="number"', "", ' class="reported"')
    tds = "".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds, cells, strict=True))
    return f'<tr data-verdict="{verdict}">{tds}</tr>'


def claim_pages() -> dict[tuple[str, str], str]:
    """The notebook that shows the claims of each place of a paper: ("maaf", "Table 1") is on "maaf/table_1_css"."""
    pages, home = {}, experiment.ROOT / "notebooks"
    for path in sorted([*home.glob("*.py"), *home.glob("*/*.py")]):
        text, page = path.read_text(encoding="utf-8"), path.relative_to(home).with_suffix("").as_posix()
        paper = "".join(re.findall(r'Page\.of\(paper="(\w+)"', text)[:1])
        for places in re.findall(r"page\.claims\((?:\((.*?)\))?\)", text):
            shown = ast.literal_eval(f"({places})") if places else [claim.where for claim in registry.claims(paper)]
            pages |= {(paper, where): page for where in shown}
    return pages
