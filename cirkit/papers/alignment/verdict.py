"""The paper's conclusion over SCAN, MAC, M4C and AttnGAN: ranks of seven scores, and the noise of rows that are equal.

Cao et al. (2022), §6.1 and §7: scaled dot product "can be the best attention alignment calculation" overall.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from cirkit.evaluators.anls import ANLS
from cirkit.evaluators.measures import Accuracy, Measure
from cirkit.evaluators.rsum import Rsum
from cirkit.experiments.bootstrap import LEVEL, Interval, over_seeds, overall
from cirkit.experiments.experiment import Column
from cirkit.experiments.records import Record
from cirkit.papers.alignment import matching, painting_rows, reasoning, scene_text
from cirkit.papers.alignment.rank_test import places
from cirkit.papers.alignment.scores import EQUAL, ROWS, SCRAMBLED

SCORES = tuple(name for name in ROWS if name != "cosine")  # SCAN alone has cosine similarity
BEST = "scaled"  # by the paper
Records = Mapping[str, Sequence[Record]]  # by the name of an experiment


@dataclass(frozen=True, kw_only=True)
class Task:
    """A host on a data set: what the paper compares its scores by, and which of its rows are equal by algebra.

    `own` is the host's score as published (⋄ in the paper's tables); `scrambled` are those whose scores the released
    code lays out wrongly.
    """

    host: str
    dataset: str
    folder: str  # of its experiments
    table: str
    columns: tuple[Column, ...]
    own: str
    equal: tuple[str, ...]
    scrambled: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.host}, {self.dataset}"

    def name(self, row: str) -> str:
        """The experiment of a row."""
        return f"alignment/{self.folder}/{row}"


Layout = Callable[[Task, str], str]  # a task and a score -> the experiment that stands for it


def as_formula(task: Task, score: str) -> str:
    """What the score's formula says."""
    return task.name(score)


def as_released(task: Task, score: str) -> str:
    """What the released code of the paper computes, as far as it has rows of all scores: SCAN's layout."""
    return task.name(f"{score}_released" if score in task.scrambled else score)


def _scan(dataset: str, label: str) -> Task:
    columns = tuple(Column(test, Rsum()) for test in ("image_to_text", "text_to_image"))
    table = matching.DATASETS[dataset].table
    return Task(
        host="SCAN", dataset=label, folder=dataset, table=table, columns=columns, own="cosine", equal=EQUAL,
        scrambled=SCRAMBLED,
    )  # fmt: skip


SCAN = (_scan("flickr30k", "Flickr30k"), _scan("coco", "COCO"))
MAC = Task(
    host="MAC", dataset="CLEVR", folder="clevr", table=reasoning.TABLE, columns=(Column("clevr", Accuracy()),),
    own="dot", equal=("dot", "scaled_control"),  # its control unit learns a factor for what the scale takes off
)  # fmt: skip
M4C = Task(
    host="M4C", dataset="TextVQA", folder="textvqa", table=scene_text.TABLE,
    columns=(Column("soft", Accuracy()), Column("nearest", ANLS())), own="scaled",
    equal=("general_star", "general_dagger", "biased_star", "biased_dagger"),
)  # fmt: skip
ATTNGAN = Task(
    host="AttnGAN", dataset="CUB", folder="cub", table=painting_rows.TABLE,
    columns=(painting_rows.IS, painting_rows.FID), own="dot",
    equal=("general_star", "general_dagger", "biased_dagger"),
)  # fmt: skip
TASKS = (*SCAN, MAC, M4C, ATTNGAN)


def names_of(tasks: Sequence[Task], layout: Layout = as_formula) -> tuple[str, ...]:
    """The experiments of all seven scores."""
    return tuple(layout(task, score) for task in tasks for score in SCORES)


def complete(records: Records, tasks: Sequence[Task] = TASKS, layout: Layout = as_formula) -> list[Task]:
    """The tasks whose seven scores have records of a seed in common."""
    return [task for task in tasks if common_seeds(records, names_of([task], layout))]


def common_seeds(records: Records, names: Sequence[str]) -> tuple[int, ...]:
    """The seeds that all of these experiments have."""
    return tuple(sorted(set.intersection(*({run.seed for run in records.get(name, ())} for name in names))))


def levels(
    records: Records, names: Sequence[str], columns: Sequence[Column], seeds: Sequence[int]
) -> Float[np.ndarray, "s c k"]:
    """Of every seed and column the level of each experiment, turned where lower is better."""
    runs = [{run.seed: run for run in records[name]} for name in names]
    return np.array([[[_level(each[seed], column) for each in runs] for column in columns] for seed in seeds])


@lru_cache(maxsize=4096)
def _level(record: Record, column: Column) -> float:
    """Kept, since every figure and claim of the verdict asks for the same ones."""
    return sign(column.measure) * overall(record.evidence[column.test], column.measure)


def sign(measure: Measure) -> int:
    """What turns a measure so that more is better."""
    return 1 if measure.higher_is_better else -1


@dataclass(frozen=True)
class Standing:
    """The seven scores' ranks on some tasks, 1 the best: in every world, and of the means over a task's seeds."""

    tasks: tuple[Task, ...]
    seeds: tuple[int, ...]  # that all tasks have
    worlds: Float[np.ndarray, "s n k"]
    datasets: Float[np.ndarray, "n k"]

    @property
    def by_seed(self) -> Float[np.ndarray, "s k"]:
        """The mean rank over tasks."""
        return self.worlds.mean(1)


def standing(records: Records, tasks: Sequence[Task], layout: Layout = as_formula) -> Standing | None:
    """Ranks on tasks that have records of every score; None without a task or a seed that all have.

    Of a task with several columns the ranks are averaged and ranked again, so that data sets count alike.
    """
    names = names_of(tasks, layout)
    if not names or not (seeds := common_seeds(records, names)):
        return None
    worlds, datasets = [], []
    for task in tasks:
        mine = names_of([task], layout)
        own = common_seeds(records, mine)
        every = levels(records, mine, task.columns, own)  # (s, c, k)
        worlds.append(places(every[[own.index(seed) for seed in seeds]]))
        datasets.append(places(every.mean(0)))
    return Standing(tuple(tasks), seeds, np.stack(worlds, axis=1), np.stack(datasets))


@dataclass(frozen=True)
class Floor:
    """How far apart rows of a column lie that are one model by algebra.

    `spread` is the largest minus the smallest of their means over seeds, `deviation` that of a row within a seed, from
    `freedom` degrees of freedom.
    """

    spread: float
    deviation: float
    freedom: int
    seeds: int

    @property
    def apart(self) -> float:
        """The noise floor: how far apart two equal rows' means over these seeds lie in 95 of 100 repetitions."""
        from scipy.special import stdtrit

        return float(stdtrit(self.freedom, 1 - LEVEL / 2)) * self.deviation * float(np.sqrt(2 / self.seeds))


def floor(records: Records, task: Task, column: Column) -> Floor | None:
    """The noise floor of a column, or None where its equal rows share no seed."""
    names = [task.name(row) for row in task.equal]
    if not (seeds := common_seeds(records, names)):
        return None
    values = levels(records, names, [column], seeds)[:, 0]  # (s, m)
    freedom = len(seeds) * (len(names) - 1)
    within = values - values.mean(1, keepdims=True)
    deviation = float(np.sqrt((within**2).sum() / freedom))
    return Floor(float(np.ptp(values.mean(0))), deviation, freedom, len(seeds))


def rank_gains(found: Standing, a: Sequence[str], b: Sequence[str]) -> Float[np.ndarray, " s"]:
    """By how much the mean rank of some scores is better than that of others, seed by seed."""
    ours, theirs = (found.by_seed[:, [SCORES.index(score) for score in each]].mean(1) for each in (a, b))
    return theirs - ours


def interval(values: Float[np.ndarray, " s"]) -> Interval | None:
    """Of the mean over seeds; a single one has none."""
    return over_seeds(values) if len(values) > 1 else None


@dataclass(frozen=True)
class RankGain:
    """By how many ranks scores `a` are better than scores `b`, mean over the tasks; each seed's worlds as a whole."""

    a: tuple[str, ...]
    b: tuple[str, ...]
    tasks: tuple[Task, ...] = TASKS

    @property
    def needs(self) -> tuple[str, ...]:
        return names_of(self.tasks)

    def __call__(self, records: Records) -> Interval | None:
        found = standing(records, self.tasks)
        return None if found is None else interval(rank_gains(found, self.a, self.b))


@dataclass(frozen=True)
class RankLead:
    """By how many ranks a score is better than the best of all others by our records, mean over the tasks."""

    score: str
    tasks: tuple[Task, ...] = TASKS

    @property
    def needs(self) -> tuple[str, ...]:
        return names_of(self.tasks)

    def __call__(self, records: Records) -> Interval | None:
        found = standing(records, self.tasks)
        if found is None:
            return None
        means = found.by_seed.mean(0)
        best = min((each for each in SCORES if each != self.score), key=lambda each: means[SCORES.index(each)])
        return interval(rank_gains(found, [self.score], [best]))


@dataclass(frozen=True)
class LayoutGain:
    """How many ranks more scores `a` lead `b` by in the layout of the released code than in that of the formula."""

    a: tuple[str, ...]
    b: tuple[str, ...]
    tasks: tuple[Task, ...] = SCAN

    @property
    def needs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*names_of(self.tasks), *names_of(self.tasks, as_released))))

    def __call__(self, records: Records) -> Interval | None:
        seeds = common_seeds(records, self.needs)
        same = {name: [run for run in records[name] if run.seed in seeds] for name in self.needs}
        right, released = (standing(same, self.tasks, layout) for layout in (as_formula, as_released))
        if right is None or released is None:
            return None
        return interval(rank_gains(released, self.a, self.b) - rank_gains(right, self.a, self.b))


Rest = Callable[[Float[np.ndarray, "s m"]], Float[np.ndarray, " s"]]  # all other scores -> what one is compared with


def mean_of_others(levels: Float[np.ndarray, "s m"]) -> Float[np.ndarray, " s"]:
    """Of each seed."""
    return levels.mean(1)


def best_of_others(levels: Float[np.ndarray, "s m"]) -> Float[np.ndarray, " s"]:
    """The one that is the best by the mean over seeds."""
    return levels[:, levels.mean(0).argmax()]


@dataclass(frozen=True)
class FloorLead:
    """How far a score is above the rest, in noise floors of each column; mean over columns, then tasks.

    None where equal rows lie no distance apart, which gives no unit.
    """

    score: str
    rest: Rest
    tasks: tuple[Task, ...] = TASKS

    @property
    def needs(self) -> tuple[str, ...]:
        equal = (task.name(row) for task in self.tasks for row in task.equal)
        return tuple(dict.fromkeys((*names_of(self.tasks), *equal)))

    def __call__(self, records: Records) -> Interval | None:
        if not (seeds := common_seeds(records, names_of(self.tasks))):
            return None
        every = []
        for task in self.tasks:
            floors = [floor(records, task, column) for column in task.columns]
            if not all(each is not None and each.apart > 0 for each in floors):
                return None
            units = np.array([each.apart for each in floors])[:, None]
            every.append((levels(records, names_of([task]), task.columns, seeds) / units).mean(1))  # (s, k)
        mean, mine = np.mean(every, axis=0), SCORES.index(self.score)
        return interval(mean[:, mine] - self.rest(np.delete(mean, mine, axis=1)))
