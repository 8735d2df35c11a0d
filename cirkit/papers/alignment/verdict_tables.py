"""The verdict over all hosts in tables: what has run, mean ranks, and the noise floor of every measure.

Cao et al. (2022), §6.1 and §7; what the paper reports stands in columns of its own.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from cirkit.experiments import records
from cirkit.experiments.experiment import Column, Experiment
from cirkit.experiments.page import Page
from cirkit.figures.display import Display, stamp
from cirkit.figures.phrases import NOT_RUN, aligned
from cirkit.figures.reported import lines_of
from cirkit.figures.tables import NOTHING, OURS, REPORTED, styled
from cirkit.papers.alignment.rank_test import places
from cirkit.papers.alignment.scores import ROWS
from cirkit.papers.alignment.verdict import (
    BEST,
    SCORES,
    TASKS,
    Records,
    Standing,
    Task,
    as_formula,
    as_released,
    common_seeds,
    complete,
    floor,
    interval,
    levels,
    names_of,
    sign,
    standing,
)

LABELS = [ROWS[score] for score in SCORES]
METHOD = ("", "score")
Cells = dict[tuple[str, str], str]


def rows_and_records(page: Page) -> tuple[dict[str, Experiment], dict[str, list[records.Record]]]:
    """Every row that the verdict reads by name, run first where the page asks for it, and what it has left."""
    every = dict.fromkeys((*names_of(TASKS), *names_of(TASKS, as_released)))
    every |= dict.fromkeys(task.name(row) for task in TASKS for row in (task.own, *task.equal))
    rows = {name: page.experiment(name) for name in every}
    return rows, {name: records.done(each) for name, each in rows.items()}


def coverage(page: Page, number: str) -> Display:
    """Host by host: how many of the seven scores have records, of which seeds, and which rows are one model."""
    rows, runs = rows_and_records(page)
    lines = []
    for task in TASKS:
        found = [name for name in names_of([task]) if runs[name]]
        counts = sorted({len(runs[name]) for name in found})
        lines.append(
            {
                "host": task.host,
                "data": task.dataset,
                "compared by": ", ".join(head(task, column) for column in task.columns),
                "scores with records": f"{len(found)} of {len(SCORES)}" if found else NOT_RUN,
                "seeds": " to ".join(map(str, dict.fromkeys((counts[0], counts[-1])))) if counts else NOTHING,
                "equal by algebra": "; ".join(rows[task.name(row)].row for row in task.equal),
            }
        )
    caption = "Ranks need records of all seven scores. Rows that are equal by algebra differ by chance alone. "
    caption += f"{stamp(list(rows.values()))}." if any(runs.values()) else page.next_step
    return Display(styled(pd.DataFrame(lines)), number, caption, list(rows.values()))


def mean_ranks(page: Page, number: str) -> Display:
    """The mean rank of each score with its interval, its rank on every data set, and the same of what is reported."""
    rows, runs = rows_and_records(page)
    right, released = (standing(runs, complete(runs, TASKS, each), each) for each in (as_formula, as_released))
    columns: dict[tuple[str, str], tuple[Float[np.ndarray, " k"], list[str]] | None] = {
        (OURS, "mean"): _means(right),
        (OURS, "mean, SCAN in the released layout"): _means(released),
    }
    there = {} if right is None else dict(zip(right.tasks, right.datasets, strict=True))
    columns |= {(OURS, str(task)): _ranks(there.get(task)) for task in TASKS}
    theirs = {task: places(reported_levels(page, task)) for task in TASKS}
    columns[REPORTED, "mean"] = _ranks(np.mean(list(theirs.values()), axis=0))
    columns |= {(REPORTED, str(task)): _ranks(ranks) for task, ranks in theirs.items()}
    cells = {METHOD: LABELS} | {
        name: [NOT_RUN] * len(LABELS) if one is None else one[1] for name, one in columns.items()
    }
    best = {name: (one[0] == one[0].min()).tolist() for name, one in columns.items() if one is not None}
    caption = "Ranks of seven scores, 1 the best; equal ones share the middle of their ranks. On a data set with two "
    caption += f"measures a score's two ranks are averaged and ranked again. {_over(right)}{lacking(right)}"
    caption += "In bold the best of a column. The reported ranks are of one run on the original data, SCAN's in the "
    caption += "layout of the released code; AttnGAN's COCO has no counterpart here and is left out."
    caption += f" Ours: {stamp(list(rows.values()))}." * any(runs.values())
    return Display(styled(pd.DataFrame(cells), best), number, caption, list(rows.values()))


def _ranks(ranks: Float[np.ndarray, " k"] | None) -> tuple[Float[np.ndarray, " k"], list[str]] | None:
    """Ranks and their cells; None where there are none."""
    return None if ranks is None else (ranks, aligned([f"{rank:.1f}" for rank in ranks]))


def _means(found: Standing | None) -> tuple[Float[np.ndarray, " k"], list[str]] | None:
    """Mean ranks and their cells, with intervals where there are seeds enough."""
    if found is None:
        return None
    means, spread = found.by_seed.mean(0), [interval(column) for column in found.by_seed.T]
    last = len(SCORES)  # no mean rank lies beyond
    ends = ["" if one is None else f" [{max(one.low, 1):.1f}, {min(one.high, last):.1f}]" for one in spread]
    return means, aligned([f"{mean:.1f}{end}" for mean, end in zip(means, ends, strict=True)])


def _over(found: Standing | None) -> str:
    """What our means are over, as a sentence; empty without any."""
    if found is None:
        return ""
    said = f"Our means are over {named(found.tasks)}, of the ranks in each seed's own worlds ({seeds_of(found)}"
    said += f"{', with 95 % interval over seeds' * (len(found.seeds) > 1)}); "
    return f"{said}ranks on a data set are those of the means over its seeds. "


def named(tasks: Sequence[Task]) -> str:
    """Tasks in a row."""
    return "; ".join(map(str, tasks))


def seeds_of(found: Standing) -> str:
    """How many seeds all tasks share, in words."""
    return f"{len(found.seeds)} seed{'s' * (len(found.seeds) > 1)}"


def lacking(found: Standing | None) -> str:
    """Which hosts have no ranks yet, as a sentence; empty where all have."""
    absent = [task for task in TASKS if found is None or task not in found.tasks]
    return f"Without records of all seven scores: {named(absent)}. " if absent else ""


def reported_levels(page: Page, task: Task) -> Float[np.ndarray, "c k"]:
    """What the paper reports of the seven scores in a task's columns, turned where lower is better."""
    lines = lines_of(page.paper, task.table)
    return np.array([[sign(each.measure) * _reported(lines, each, label) for label in LABELS] for each in task.columns])


def _reported(lines: Sequence[Mapping[str, str]], column: Column, label: str) -> float:
    """One number; SCAN's low rows stand in the file under the layout in which they were computed."""
    heads, labels = (str(column), f"{column.test} {column}"), (label, f"{label}, released layout")
    (found,) = [line for line in lines if line["measure"] in heads and line["ours"] in labels]
    return float(found["as_printed"])


def head(task: Task, column: Column) -> str:
    """How a column of a task is called: the test only where two have one measure."""
    several = len({str(each) for each in task.columns}) < len(task.columns)
    return f"{column.test.replace('_', ' ')} {column}" if several else str(column)


def noise_floors(page: Page, number: str) -> Display:
    """Measure by measure: how far apart equal rows lie, ours and as reported, beside what scaled dot product gains."""
    rows, runs = rows_and_records(page)
    lines = [
        {("", "host"): str(task), ("", "measure"): head(task, column)}
        | _our_cells(task, column, runs)
        | _reported_cells(page, task, column)
        for task in TASKS
        for column in task.columns
    ]
    frame = pd.DataFrame({name: [line[name] for line in lines] for name in lines[0]})
    for name in lines[0]:
        frame[name] = aligned(frame[name].tolist()) if name[0] else frame[name]
    caption = "Spread: the largest minus the smallest mean over seeds of the rows that are one model by algebra. Noise "
    caption += "floor: how far apart two such means lie in 95 of 100 repetitions, by how equal rows differ within a "
    caption += "seed. Lead: of scaled dot product over the mean of the other six scores, better is positive. Range: of "
    caption += "all seven. In each measure's own unit. Of MAC the paper reports no equal rows."
    caption += f" Ours: {stamp(list(rows.values()))}." * any(runs.values())
    return Display(styled(frame), number, caption, list(rows.values()))


def _our_cells(task: Task, column: Column, runs: Records) -> Cells:
    """Our spread, floor, lead and range in one column."""
    cells = dict.fromkeys(("spread of equal rows", "noise floor", "lead", "range"), NOT_RUN)
    if (found := floor(runs, task, column)) is not None:
        cells |= {"spread of equal rows": f"{found.spread:.2f}", "noise floor": f"{found.apart:.2f}"}
    if complete(runs, [task]):
        names = names_of([task])
        cells |= _lead_and_range(levels(runs, names, [column], common_seeds(runs, names)).mean(0)[0])
    return {(OURS, name): cell for name, cell in cells.items()}


def _reported_cells(page: Page, task: Task, column: Column) -> Cells:
    """The same of what is reported, but for the floor, of which one run says nothing."""
    lines = lines_of(page.paper, task.table)
    labels = {line["ours"] for line in lines}
    equal = [_reported(lines, column, ROWS[row]) for row in task.equal if ROWS.get(row) in labels]
    turned = reported_levels(page, task)[task.columns.index(column)]
    cells = {"spread of equal rows": f"{np.ptp(equal):.2f}" if len(equal) > 1 else NOTHING} | _lead_and_range(turned)
    return {(REPORTED, name): cell for name, cell in cells.items()}


def _lead_and_range(turned: Float[np.ndarray, " k"]) -> dict[str, str]:
    """Of levels of the seven, better is higher."""
    mine = SCORES.index(BEST)
    return {"lead": f"{turned[mine] - np.delete(turned, mine).mean():+.2f}", "range": f"{np.ptp(turned):.2f}"}
