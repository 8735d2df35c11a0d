"""Numbers as the papers report them, from data/reported/<paper>.csv, and the order of rows in a table."""

import csv
from typing import Any

from cirkit.experiments import experiment
from cirkit.experiments.page import Page


def reported(paper: str, table: str, head: str) -> dict[str, str]:
    """The numbers that a paper reports in a column, as it writes them, by our label of the row, or its own without one.

    `head` is the column's heading, which the file has as its measure.
    """
    return {
        line["ours"] or line["row"]: line["as_printed"] for line in lines_of(paper, table) if line["measure"] == head
    }


def lines_of(paper: str, table: str) -> list[dict[str, str]]:
    """All lines of a table, whatever they measure."""
    path = experiment.ROOT / "data" / "reported" / f"{paper}.csv"
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [line for line in csv.DictReader(file) if line["table"] == table]


def rows_of(page: Page, table: str) -> dict[str, Any]:
    """The experiments that a table shows, by label, in the order in which the paper has them; our own come last."""
    rows = page.rows(table)
    order = dict.fromkeys(line["ours"] for line in lines_of(page.paper, table) if line["ours"] in rows)
    return {label: rows[label] for label in (*order, *rows)}
