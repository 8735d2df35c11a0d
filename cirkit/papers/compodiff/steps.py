"""Steps against recall and time: two grids, another solver, and two rivals that need one call.

CompoDiff §5.6 and Table 4, on FashionIQ. Rows that sample share weights. That the released grid hurts short samplings,
that DPM-Solver++ helps, and both one-call rivals are not in the paper.
"""

from collections.abc import Callable, Mapping

from cirkit.experiments.change import UNCHANGED, Change, apply
from cirkit.experiments.experiment import Column, Experiment, Test
from cirkit.models.compodiff import Sampling, sampled
from cirkit.models.diffusion import DDIM, DPMSolver, Sampler, released_ddim, row_by_row, same_for_all
from cirkit.models.guidance import Guidance
from cirkit.papers.clip_family.boards import SCORE, Reading, Use
from cirkit.papers.compodiff.diffusion_settings import SETTINGS
from cirkit.papers.compodiff.milliseconds import Milliseconds
from cirkit.papers.compodiff.trainings import Family

TABLE = "Table 4"
CALLS = (1, 2, 3, 4, 5, 10, 50, 100)
USUAL = 10
FEW = tuple(calls for calls in CALLS if calls <= USUAL)  # where a solver of second order should pay
TEST = "fashioniq"


def test_of(calls: int) -> str:
    """What the test of so many calls is called."""
    return f"{calls} call{'s' if calls > 1 else ''}"


COLUMNS = {TABLE: tuple(Column(test_of(calls), SCORE) for calls in sorted(CALLS, key=lambda calls: calls != USUAL))}


def _solver(calls: int) -> Sampler:
    return DPMSolver(calls=calls)


def _even(calls: int) -> Sampler:
    return DDIM(calls=calls)


SAMPLERS: Mapping[str, tuple[str, Callable[[int], Sampler], tuple[int, ...]]] = {  # label, sampler of calls, how many
    "released": ("DDIM, released grid and noise", released_ddim, CALLS),
    "corrected": ("DDIM from the last time, no noise", _even, CALLS),
    "solver": ("DPM-Solver++ from the last time", _solver, FEW),
}


def uses(name: str, guidance: Guidance) -> dict[str, Use]:
    """A sampler with each number of calls, by the name of its test; the released one draws noise for each row."""
    noise = row_by_row() if name == "released" else same_for_all()
    _, make, counts = SAMPLERS[name]
    return {test_of(calls): sampled(Sampling(sampler=make(calls), guidance=guidance, noise=noise)) for calls in counts}


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """All rows at a scale; `root` holds the original data, one folder per benchmark, for the `paper` scale."""
    setting = apply(change, SETTINGS[scale])
    family = Family(setting=setting, scale=scale, root=root)
    data = Reading().tests(scale, root, (TEST,))[TEST].data
    whole = family.stage_2()
    rows = [(name, label, whole, uses(name, setting.guidance)) for name, (label, *_) in SAMPLERS.items()]
    tested = {name: {test: Test(data, use=use) for test, use in mine.items()} for name, _, _, mine in rows}
    once = {test_of(1): Test(data)}
    rivals = (("student", "Student in one call", family.student()), ("eclipse", "ECLIPSE", family.eclipse()))
    declared = [(name, label, training, tested[name], mine) for name, label, training, mine in rows]
    declared += [(name, label, training, once, None) for name, label, training in rivals]
    return [
        family.experiment(
            f"steps/{name}",
            label,
            training,
            table=TABLE,
            seeds=setting.choices,
            tests=tests,
            exhibits={next(iter(tests)): (Milliseconds() if mine is None else Milliseconds(uses=mine),)},
        )
        for name, label, training, tests, mine in declared
    ]
