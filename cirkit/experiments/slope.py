"""Contrasts: a sum of several experiments' levels with signs, and the slope of a measure along a number.

PVLF Tables 4 and 5: what a longer or a deeper prompt changes, over all rows of a table and not by its best cell.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cirkit.evaluators.measures import Measure
from cirkit.experiments.bootstrap import Interval, combined
from cirkit.experiments.records import Record


@dataclass(frozen=True)
class Contrast:
    """Σ factor · level of several experiments, in points of a measure; a quantity of claims."""

    sides: tuple[tuple[float, str], ...]
    test: str
    measure: Measure

    @property
    def needs(self) -> tuple[str, ...]:
        return tuple(name for _, name in self.sides)

    def __call__(self, records: dict[str, list[Record]]) -> Interval:
        return combined([(factor, records[name]) for factor, name in self.sides], self.test, self.measure)


def slope(along: Sequence[tuple[float, str]], test: str, measure: Measure) -> Contrast:
    """The least-squares slope of a measure over experiments at the given numbers, in points per one.

    A number that several experiments share counts with each of them. Raises ValueError where all share one.
    """
    numbers = np.array([number for number, _ in along], float)
    apart = numbers - numbers.mean()
    if not apart.any():
        raise ValueError(f"No slope goes through the one number {numbers[:1]}; give two that differ.")
    factors = apart / (apart**2).sum()
    sides = tuple((float(factor), name) for factor, (_, name) in zip(factors, along, strict=True) if factor)
    return Contrast(sides, test, measure)
