"""A page of CompoDiff with the CLIP family's rows beside its own, in the tables of the same benchmarks.

CompoDiff Table 3 and Tables B.1 to B.4 list methods that see no triplet, and supervised ones, with its own.
"""

import functools
from dataclasses import dataclass, replace

from cirkit.experiments.experiment import Experiment
from cirkit.experiments.page import Page
from cirkit.papers.clip_family import world_clip
from cirkit.papers.compodiff import design
from cirkit.papers.compodiff.all_boards import HEADLINES, TABLES


@dataclass(frozen=True, kw_only=True)
class JointPage(Page):
    """A page whose tables of boards hold both papers' rows; what it runs, too."""

    @functools.cached_property
    def experiments(self) -> dict[str, Experiment]:
        """The paper's own, then the CLIP family's that were tested on a board, under this paper's tables."""
        family = Page(
            paper="clip_family",
            scale=self.scale,
            seeds=self.seeds,
            device=self.device,
            root=self.root,
            run=self.run,
        )
        joined = {name: moved for name, each in family.experiments.items() if (moved := _moved(each)) is not None}
        return super().experiments | joined


def _moved(each: Experiment) -> Experiment | None:
    """A row of the family under the tables of this paper; None where they have no table for it."""
    if each.table == world_clip.TABLE:
        return replace(each, table=design.TABLE, row="CLIP alone", also=())
    shown = [(TABLES[table], label) for table, label in ((each.table, each.row), *each.also) if table in TABLES]
    if not shown:
        return None
    if each.name.count("/") > 1:  # named by the benchmark that it learns from
        shown = [(table, f"{label}, supervised") for table, label in shown]
    elif all(column.test in each.tests for column in HEADLINES):
        shown.append(("Table 3", each.row))
    (table, row), *also = shown
    return replace(each, table=table, row=row, also=tuple(also))
