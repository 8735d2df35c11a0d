"""Exhibits: what a figure needs and ranks cannot give, in a small committed file beside the records.

Top-ten lists here, validation in `curves`, attention in `word_attention` and `part_attention` (MAAF Figures 1, 3-6).
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from cirkit.declare import describe, rootless
from cirkit.errors import Problem
from cirkit.evaluators import ranking
from cirkit.evaluators.evidence import Ranks
from cirkit.models.base import Retriever
from cirkit.query import Benchmark

LIMIT = 300_000  # bytes of a file


@runtime_checkable
class Exhibit(Protocol):
    """Something to keep of a model on a test of an experiment, as plain JSON.

    It decides no number, so it is no part of an experiment's fingerprint. `name` ends the file's name; `every_seed`
    says whether the first seed alone keeps it. `evidence()` is slow where a run is not at hand: ask only if needed.
    """

    @property
    def name(self) -> str: ...
    @property
    def every_seed(self) -> bool: ...
    def __call__(self, model: Any, data: Any, evidence: Callable[[], Ranks]) -> dict[str, Any]: ...


@dataclass(frozen=True)
class TopTen:
    """The first ten answers to the queries at `rows`, and the rank of the best right one."""

    rows: tuple[int, ...]
    name: str = ""
    every_seed: bool = False

    def __call__(self, model: Retriever, benchmark: Benchmark, evidence: Callable[[], Ranks]) -> dict[str, Any]:
        rows = [row for row in self.rows if row < len(benchmark)]
        composed, gallery = ranking.compose(model, benchmark), ranking.encode(model, benchmark.gallery)
        items, scores = ranking.top(model, composed, gallery, benchmark, rows)
        best = evidence().best()
        queries = [
            {
                "query": row,
                "text": None if benchmark.query.text is None else benchmark.query.text[row],
                "reference": next(iter(benchmark.excluded[row]), None) if benchmark.excluded is not None else None,
                "relevant": list(benchmark.relevant[row]),
                "top": top,
                "scores": [round(score, 4) for score in line],
                "rank": float(best[row]),
            }
            for row, top, line in zip(rows, items, scores, strict=True)
        ]
        return {"queries": queries}


def exhibit_path(experiment: str, scale: str, name: str, seed: int) -> Path:
    """Where an exhibit lies below data/exhibits; the nameless one, of the first seed, has the plain name."""
    return Path(f"{experiment}-{scale}-{name}-s{seed}.json" if name else f"{experiment}-{scale}.json")


def head(exhibit: Exhibit) -> dict[str, Any]:
    """What a file says of the exhibit it holds; the plain one is known by its name."""
    return {"exhibit": rootless(describe(exhibit))} if exhibit.name else {}


def current(path: Path, fingerprint: str, exhibit: Exhibit) -> bool:
    """Whether a file holds this exhibit of a run of this configuration."""
    if not path.is_file():
        return False
    try:
        content = read(path)
    except Problem:  # a broken file is as good as none
        return False
    return content["fingerprint"] == fingerprint and content.get("exhibit") == head(exhibit).get("exhibit")


def to_text(content: dict[str, Any]) -> str:
    """The file's text. Raises Problem above 300 kB."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False) + "\n"
    if len(text) > LIMIT:
        raise Problem(
            f"The exhibit of {content['experiment']} takes {len(text) / 1000:.0f} kB, and {LIMIT // 1000} kB is the "
            "limit. Declare it for fewer queries."
        )
    return text


def read(path: Path) -> dict[str, Any]:
    """The exhibit in a file. Raises Problem where it cannot be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Problem(
            f"The exhibit {path} cannot be read ({error}). Delete it and run `cirkit exhibits --missing`."
        ) from error
    if not isinstance(content, dict) or not {"experiment", "fingerprint"} <= content.keys():
        raise Problem(f"{path} is no exhibit. Delete it and run `cirkit exhibits --missing`.")
    return content


def pack(values: Float[np.ndarray, "..."]) -> dict[str, Any]:
    """An array in 8 bits a number: shape, the value of one step, and the steps (plus 128) in base64."""
    step = float(np.abs(values).max(initial=0.0)) / 127 or 1.0
    steps = (np.rint(values / step) + 128).astype(np.uint8)
    return {"shape": list(values.shape), "step": step, "steps": base64.b64encode(steps.tobytes()).decode()}


def unpack(plain: dict[str, Any]) -> Float[np.ndarray, "..."]:
    """The array again, to within half a step."""
    steps = np.frombuffer(base64.b64decode(plain["steps"]), np.uint8).astype(np.float64)
    return (steps - 128).reshape(plain["shape"]) * plain["step"]


def pack_whole(values: Int[np.ndarray, "..."]) -> dict[str, Any]:
    """Whole numbers in 16 bits each: shape, and the numbers, low byte first, in base64. Raises Problem above 65,535."""
    if values.max(initial=0) > 65_535:
        raise Problem("Ranks of an exhibit take 16 bits. Declare it for a gallery of at most 32,767 items.")
    return {"shape": list(values.shape), "whole": base64.b64encode(values.astype("<u2").tobytes()).decode()}


def unpack_whole(plain: dict[str, Any]) -> Int[np.ndarray, "..."]:
    """The whole numbers again."""
    return np.frombuffer(base64.b64decode(plain["whole"]), "<u2").astype(int).reshape(plain["shape"])


def column(values: Any) -> list[float | None]:
    """Numbers for a file, rounded to four digits after the point; None where there is none."""
    return [None if value != value else round(value, 4) for value in values.tolist()]
