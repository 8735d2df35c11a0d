"""Numbers as the papers report them, from data/reported/<paper>.csv, and the order of rows in a table."""

import csv
from typing import Any

from cirkit.evaluators.measures import Measure
from cirkit.experiments import experiment
from cirkit.experiments.page import Page


def reported(paper: str, table: str, measure: Measure) -> list[dict[str, str]]:
    """The numbers that a paper reports in a table, as it writes them."""
    return [line for line in lines_of(paper, table) if line["measure"] == str(measure)]


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
