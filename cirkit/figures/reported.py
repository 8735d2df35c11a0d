"""Numbers as the papers report them, from data/reported/<paper>.csv, and the order of rows in a table."""

import csv
from typing import Any

from cirkit.evaluators.measures import Measure
from cirkit.experiments import experiment, registry


def reported(paper: str, table: str, measure: Measure) -> list[dict[str, str]]:
    """The numbers a paper prints in a table, as printed, from data/reported/<paper>.csv."""
    return [line for line in lines_of(paper, table) if line["measure"] == str(measure)]


def lines_of(paper: str, table: str) -> list[dict[str, str]]:
    """All lines of a table, whatever they measure."""
    path = experiment.ROOT / "data" / "reported" / f"{paper}.csv"
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [line for line in csv.DictReader(file) if line["table"] == table]


def rows_of(paper: str, table: str, scale: str) -> dict[str, Any]:
    """The experiments that a table shows, by label, in the order in which the paper prints them; our own come last."""
    declared = registry.rows(paper, table, scale)
    order = dict.fromkeys(line["ours"] for line in lines_of(paper, table) if line["ours"] in declared)
    return {label: declared[label] for label in (*order, *declared)}
