"""Many verdicts: p-values adjusted for how many claims of a paper are judged by numbers.

Holm (1979) bounds the chance that any rejected null is true; Benjamini and Hochberg (1995) the expected share of them.
"""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from cirkit.experiments.bootstrap import LEVEL

P_DIGITS = 5  # of the p-values in a row


def holm(p: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Each p times the number of claims whose p is not less, never less than that of a smaller p, and 1 at most."""
    order = np.argsort(p)
    raised = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return np.minimum(raised, 1.0)[np.argsort(order)]


def benjamini_hochberg(p: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Each p times n over its rank, never more than that of a larger p."""
    order = np.argsort(p)
    raised = p[order] * len(p) / np.arange(1, len(p) + 1)
    return np.minimum.accumulate(raised[::-1])[::-1][np.argsort(order)]


ADJUSTMENTS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {"holm": holm, "bh": benjamini_hochberg}


def adjust(rows: Sequence[dict[str, Any]], others: Sequence[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
    """Ledger rows with their p adjusted over all claims of their paper that have one, each paper on its own.

    `others` are rows of the paper that are not asked for but count; of those that stand in both, `rows` win.
    """
    adjusted: dict[str, dict[str, float]] = {}
    for paper in {row["paper"] for row in rows}:
        family = {each["id"]: each["p"] for each in (*others, *rows) if each["paper"] == paper}
        judged = {name: p for name, p in family.items() if p is not None}
        columns = [method(np.array(list(judged.values()))) for method in ADJUSTMENTS.values()]
        for name, values in zip(judged, zip(*columns, strict=True), strict=True):
            adjusted[name] = {key: round(float(p), P_DIGITS) for key, p in zip(ADJUSTMENTS, values, strict=True)}
    return [row | adjusted.get(row["id"], dict.fromkeys(ADJUSTMENTS)) for row in rows]


def stands_alone(row: Mapping[str, Any]) -> bool:
    """Whether a verdict that is decided would not be after Holm's correction."""
    return row["verdict"] in ("holds", "fails") and row["holm"] is not None and row["holm"] > LEVEL


def committed(path: Path) -> list[dict[str, Any]]:
    """The rows of a ledger's file with their p as a number or None; none where there is no file."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [row | {"p": float(row["p"]) if row.get("p") else None} for row in csv.DictReader(file)]
