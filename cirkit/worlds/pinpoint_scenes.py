"""Synthetic PinPoint, scenes: sentences of two parts about groups that share their large things.

Mahadev et al. 2026; the sentences are those of `cirkit.worlds.statements`, which decides what is true.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cirkit.worlds import groups, statements
from cirkit.worlds.groups import Core, Things
from cirkit.worlds.judging import PARAPHRASES, Fit, Judged, askable, judge
from cirkit.worlds.scene import Scene, Thing
from cirkit.worlds.statements import Both, Single, Swap

FRAMES = (
    "{a} and {b}",
    "{b} and {a}",
    "{a}, {b}",
    "the same large things but {a} and {b}",
    "is there one like this: {b}, {a}?",
    "please keep the two large things as they are here except for this: {a} and also {b}",
)
KINDS = 4  # of small things in the scenes of a pair of groups
EXTRAS = (1, 4)  # small things in a scene


@dataclass(frozen=True)
class Request:
    """Two parts of a text on a reference; at most one of them changes a large thing."""

    first: Single
    second: Single

    def fit(self, before: Things, after: Things) -> Fit:
        """How a scene meets it: it keeps the large things, but for what is to change."""
        now, goal = groups.core(after), Both(self.first, self.second).core(groups.core(before))
        marks = [
            bool(goal - groups.core(before) <= now) if isinstance(part, Swap) else part.holds(before, after)
            for part in (self.first, self.second)
        ]
        return Fit(now in (goal, groups.core(before)), (marks[0], marks[1]))

    def texts(self, rng: np.random.Generator) -> list[str]:
        """The same in six wordings."""
        phrases = rng.integers(6, size=(PARAPHRASES, 2)).tolist()
        return [
            frame.format(a=replace(self.first, phrase=one), b=replace(self.second, phrase=two))
            for frame, (one, two) in zip(FRAMES, phrases, strict=True)
        ]


def gallery(rng: np.random.Generator, pairs: int, members: int, camera: float, light: float) -> list[Scene]:
    """`members` scenes of each of two groups in `pairs` pairs: their large things differ by a word where they can."""
    chosen = groups.neighbours(rng, groups.cores()["unlabeled"], 2 * pairs)
    scenes = []
    for start in range(0, len(chosen), 2):
        kinds = [groups.small(rng) for _ in range(KINDS)]
        for wanted in chosen[start : start + 2]:
            for _ in range(members):
                scenes.append(groups.dress(rng, _scene(rng, wanted, kinds), camera, light))
    return scenes


def _scene(rng: np.random.Generator, wanted: Core, kinds: Sequence[Thing]) -> Things:
    """A scene of the given core with some small things of these kinds."""
    large = [Thing(shape, colour, "large", 0.0, 0.0, 0.0, material) for shape, colour, material in sorted(wanted)]
    while True:
        count = int(rng.integers(EXTRAS[0], EXTRAS[1] + 1))
        things: Things = ()
        for kind in (*large, *(kinds[i] for i in rng.integers(len(kinds), size=count))):
            placed = groups.put(rng, things, kind)
            if placed is None:
                break
            things = (*things, placed)
        else:
            return things


def query(
    rng: np.random.Generator, scenes: Sequence[Scene], pair: range, source: int, least: int, most: int
) -> Judged | None:
    """A query on the scene `source`, judged over all scenes; None where its pair of groups has none by this draw."""
    before, after = scenes[source].things, scenes[pair[rng.integers(len(pair))]].things
    _, joined = statements.draw(rng, before, after)
    joined = [each for each in joined if not (isinstance(each.first, Swap) and isinstance(each.second, Swap))]
    if not joined:
        return None
    drawn = joined[rng.integers(len(joined))]
    request = Request(drawn.first, drawn.second)
    if not askable([request.fit(before, scenes[row].things) for row in pair], least, most):
        return None
    return judge(rng, source, request.texts(rng), [request.fit(before, scene.things) for scene in scenes])
