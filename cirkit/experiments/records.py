"""Records: what a run left, as evidence and not as a conclusion.

The configuration, where it ran, the loss curve, and the ranks of every relevant item of every query;
data/records/<experiment>/<scale>-s<seed>.json with the ranks beside it as .npz.
"""

import functools
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cirkit.errors import Problem
from cirkit.evaluators.evidence import Ranks
from cirkit.experiments import artifacts
from cirkit.experiments.experiment import Experiment, exhibits_home
from cirkit.files import write_atomically


@dataclass(frozen=True, kw_only=True, eq=False)  # the same file gives the same object, so identity is equality
class Record:
    """What a run left."""

    name: str
    paper: str
    scale: str
    basis: str
    seed: int
    fingerprint: str
    code: str
    declared: dict[str, Any]
    where: dict[str, Any]
    seconds: dict[str, float]
    parameters: int
    loss: list[list[int | float]]  # (step, mean loss)
    ranks: dict[str, Ranks] = field(repr=False)


def write(record: Record, path: Path) -> None:
    """Ranks first, then the JSON that makes the record count; both atomically."""
    buffer = io.BytesIO()
    arrays = {}
    for name, ranks in record.ranks.items():
        arrays |= {f"{name}.values": ranks.mid.astype(np.float32), f"{name}.offsets": ranks.offsets.astype(np.int32)}
    np.savez_compressed(buffer, **arrays)
    write_atomically(path.with_suffix(".npz"), buffer.getvalue())
    tests = {
        name: {"queries": len(r), "gallery": int(r.gallery.min()), "group": None if r.group is None else list(r.group)}
        for name, r in record.ranks.items()
    }
    plain = {key: value for key, value in vars(record).items() if key != "ranks"} | {"tests": tests}
    write_atomically(path, json.dumps(plain, indent=1) + "\n")


@functools.lru_cache(maxsize=4096)
def _read(path: Path, stamp: float) -> Record:
    try:
        plain = json.loads(path.read_text())
        tests = plain.pop("tests")
        with np.load(path.with_suffix(".npz"), allow_pickle=False) as arrays:
            ranks = {
                name: Ranks.from_mid(
                    arrays[f"{name}.values"].astype(np.float64),
                    arrays[f"{name}.offsets"].astype(np.int64),
                    test["gallery"],
                    None if test["group"] is None else tuple(test["group"]),
                )
                for name, test in tests.items()
            }
        return Record(**plain, ranks=ranks)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Problem(
            f"The record {path} cannot be read ({error}). Delete it and run `cirkit run --missing`."
        ) from error


def read(path: Path) -> Record:
    """The record in a file."""
    return _read(path, path.stat().st_mtime)


def exhibited(record: Record, name: str) -> dict[str, Any] | None:
    """The exhibit of a name that lies beside a record, or None where none of its declaration does."""
    path = exhibits_home() / artifacts.place(record.name, record.scale, name, record.seed)
    content = artifacts.read(path) if path.is_file() else None
    return None if content is None or content["fingerprint"] != record.fingerprint else content


def done(experiment: Experiment) -> list[Record]:
    """The records that follow today's declaration, for the wanted seeds."""
    found = [read(path) for path in map(experiment.path, experiment.seeds) if path.is_file()]
    return [record for record in found if record.fingerprint == experiment.fingerprint]
