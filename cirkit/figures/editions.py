"""Then and now: the claims whose verdict or number is another than in the book's first edition.

No paper: both come from records, the first edition's as data/ledger_first_edition.csv has kept them.
"""

import csv
from collections.abc import Mapping
from typing import Any

from cirkit.experiments import registry
from cirkit.experiments.experiment import ROOT
from cirkit.figures.phrases import verdict

FIRST = ROOT / "data" / "ledger_first_edition.csv"
NOTHING = "No claim has another verdict or number than in the first edition."
NUMBERS = ("mean", "low", "high", "p", "holm", "bh", "margin")
NEW, GONE = "not claimed", "no longer claimed"


def moved() -> list[dict[str, str]]:
    """A row per claim that differs: what it says, and verdict, interval, data source, scale and seeds of both editions.

    Means and seeds follow from records alone, so they tell other runs; ends of intervals, resampled anew, do not count.
    """
    with FIRST.open(newline="", encoding="utf-8") as file:
        then = {row["id"]: _read(row) for row in csv.DictReader(file)}
    now = {row["id"]: row for row in registry.ledger()}
    out = []
    for name in dict.fromkeys([*now, *then]):
        old, new = then.get(name), now.get(name)
        if old and new and _runs(old) == _runs(new):
            continue
        says = (new or old)["says"]
        if old and new and old["says"] != new["says"]:
            says += f" (First edition: {old['says']})"
        if old and new and old["margin"] != new["margin"]:
            says += f" (Margin {new['margin'] or 0:g}, first edition {old['margin'] or 0:g}.)"
        cells = {"first edition": _cell(old, NEW), "today": _cell(new, GONE)}
        out.append({"claim": f"{name}, {(new or old)['where']}", "says": says} | cells)
    return out


def _read(row: Mapping[str, str]) -> dict[str, Any]:
    return row | {key: float(row[key]) if row.get(key) else None for key in NUMBERS}


def _runs(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What another run, or a claim put otherwise, would change."""
    mean = None if row["mean"] is None else round(row["mean"], 2)
    return (row["says"], row["margin"], row["verdict"], mean, row["basis"], row["scale"], int(row["seeds"]))


def _cell(row: Mapping[str, Any] | None, absent: str) -> str:
    return absent if row is None else verdict(row).text
