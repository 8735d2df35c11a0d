"""The leaderboard: every retriever on every benchmark of composed queries, with its interval and what it costs.

No paper makes this table. Rows of one block share queries, gallery and protocol; blocks do not.
"""

import html
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cirkit.experiments import records, registry
from cirkit.experiments.experiment import Column
from cirkit.experiments.one_modality import solved
from cirkit.figures.display import Display
from cirkit.figures.phrases import aligned, measured, with_interval
from cirkit.figures.tables import NOTHING, chance, styled

ELSEWHERE = (  # names that begin so: rows that only prepare encoders, or compare protocols or choices, or find people
    "maaf/pretraining",
    "clip_family/world_clip",
    "compodiff/data/",
    "compodiff/decoder",
    "compodiff/design/",
    "compodiff/guidance",
    "compodiff/steps/",
    "compodiff/tasks/",
    "compodiff/text/",
    "itself/",
    "protocols/maaf",
    "pvlf/smaller_world_clip",
)
SHARED = {"compodiff": "clip_family", "pvlf": "clip_family"}  # papers whose rows read the benchmarks of another's
ALONE = ("image_only", "text_only")  # how the rows that see one part of a query are named
NUMBERS = ("measured, 95 % interval", "parameters, thousands", "of these trained", "ms a query", "peak memory, MB")


@dataclass(frozen=True)
class Block:
    """The rows that were tested alike: one test, the headline measure there, and rows by label."""

    column: Column
    rows: dict[str, Any]

    @property
    def title(self) -> str:
        """The test, and whose rows there are."""
        papers = dict.fromkeys(registry.PAPERS[each.paper].partition(":")[0] for each in self.rows.values())
        return f"{self.column.test} ({', '.join(papers)})"


def blocks(scale: str) -> Iterator[Block]:
    """Every block that has a record at a scale; the headline is a test's first column."""
    tested: dict[tuple[str, str], dict[str, Any]] = {}  # by paper and test: rows by label
    heads: dict[tuple[str, str], Column] = {}
    for paper, table in registry.tables():
        for column in registry.columns(paper, table):
            heads.setdefault((paper, column.test), column)
    for paper in registry.DECLARED:
        for each in registry.experiments(paper, scale):
            if each.name.startswith(ELSEWHERE) or not records.done(each):
                continue
            for test in each.tests:
                theirs = SHARED.get(paper, paper), test
                key = theirs if theirs in heads else (paper, test)
                if key in heads:
                    tested.setdefault(key, {}).setdefault(each.row, each)
    for key in heads:
        if key in tested:
            yield Block(heads[key], tested[key])


def leaderboard(scale: str, number: str = "Leaderboard") -> Display:
    """One line for each row of each block, the best first: the headline measure and what the row costs."""
    lines: list[dict[str, str]] = []
    rows: list[Any] = []
    for block in blocks(scale):
        lines += _lines(block)
        rows += block.rows.values()
    if not rows:
        return _nothing(scale, number)
    frame = pd.DataFrame(lines)
    for name in NUMBERS:
        frame[name] = aligned(frame[name].tolist())
    caption = (
        "Every retriever on every benchmark, blocks of one protocol each, the best row first. Time is that of the "
        "tests, gallery and reading of images included, for each of their queries; memory is the peak of the run."
    )
    return Display(styled(frame), number, caption, rows)


def _lines(block: Block) -> list[dict[str, str]]:
    found = [(measured(each, block.column), label, each) for label, each in block.rows.items()]
    sign = 1 if block.column.measure.higher_is_better else -1
    floor = chance(block.rows, block.column)
    out = []
    for interval, label, each in sorted(found, key=lambda one: -sign * one[0].mean):
        runs = records.done(each)
        items = sum(len(evidence) for evidence in runs[0].evidence.values())
        out.append(
            {
                "benchmark": block.title,
                "retriever": label,
                "measure": str(block.column),
                "measured, 95 % interval": with_interval(interval),
                "chance": NOTHING if floor is None else f"{floor:.1f}",
                "parameters, thousands": f"{runs[0].parameters / 1000:,.0f}",
                "of these trained": f"{runs[0].trainable / 1000:,.0f}",
                "ms a query": f"{np.mean([run.seconds['test'] for run in runs]) / items * 1000:.1f}",
                "peak memory, MB": f"{max(run.where['peak_mb'] for run in runs):.0f}",
            }
        )
    return out


def one_part(scale: str, number: str, k: int = 1) -> Display:
    """For each block with both rows, the share of queries that the image or the text alone has in the first k."""
    lines, rows = [], []
    for block in blocks(scale):
        pair = [each for end in ALONE for each in block.rows.values() if each.name.endswith(f"/{end}")]
        if len(pair) < 2:
            continue
        image, text = (records.done(each) for each in pair)
        found = solved(image, text, block.column.test, k)
        kinds = {"image alone": found.image, "text alone": found.text, "either": found.either, "both": found.both}
        lines.append({"benchmark": block.title} | {f"{name}, %": with_interval(each) for name, each in kinds.items()})
        rows += pair
    if not lines:
        return _nothing(scale, number)
    caption = f"Share of queries with a relevant item among the first {k} by one part of the query alone."
    return Display(styled(pd.DataFrame(lines)), number, caption, rows)


def _nothing(scale: str, number: str) -> Display:
    says = f"Nothing has been run at scale {html.escape(scale)}"
    command = html.escape(f"cirkit run --missing --scale {scale}")
    return Display(f"<p>{says}: <code>{command}</code>.</p>", number, "Not run.")
