"""Records: what a run left, as evidence and not as a conclusion.

data/records/<experiment>/<scale>-s<seed>.json says what ran, where and for how long; the .npz beside it holds the loss
curve and the evidence of every item tested. The JSON holds the digest of the .npz, so neither counts without the other.
"""

import functools
import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from cirkit.errors import Problem
from cirkit.evaluators.evidence import KINDS, Evidence
from cirkit.experiments import artifacts
from cirkit.experiments.experiment import Experiment, exhibits_home, local_home
from cirkit.files import write_atomically

DAMAGE = (  # what reading broken or foreign files may raise
    OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, MemoryError, OverflowError, RecursionError,
    NotImplementedError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
DRAWN_EACH_SEED = "publish.drawn_each_seed"  # as a configuration names data whose `of_seed` gives each seed its own


@dataclass(frozen=True, kw_only=True, eq=False)  # the same file gives the same object, so identity is equality
class Record:
    """What a run left."""

    name: str
    paper: str
    scale: str
    basis: str
    local: bool = False  # of a row that a reader changed
    seed: int
    fingerprint: str
    code: str
    declared: dict[str, Any]
    start: dict[str, dict[str, Any]] = field(default_factory=dict)  # by part: the training it began from, and its code
    where: dict[str, Any]
    seconds: dict[str, float]
    parameters: int
    trainable: int
    loss: list[tuple[int, float]] = field(repr=False)  # (step, mean loss since the last entry)
    evidence: dict[str, Evidence] = field(repr=False)  # by test
    digest: str = ""  # of the .npz; empty until it is written

    def drawn_each_seed(self, test: str) -> bool:
        """Whether every seed was tested on data of its own, by the configuration; features lie around their data."""
        data = self.declared.get("tests", {}).get(test, {}).get("data")
        while isinstance(data, dict) and data.get("make") != DRAWN_EACH_SEED:
            data = data.get("data")
        return isinstance(data, dict)


def write(record: Record, path: Path) -> None:
    """The arrays first, then the JSON that makes the record count; both atomically."""
    arrays = {"loss.step": np.array([step for step, _ in record.loss], np.int64)}
    arrays["loss.value"] = np.array([value for _, value in record.loss], np.float64)
    tests = {}
    for name, evidence in record.evidence.items():
        names = list(dict.fromkeys(evidence.group or ()))
        arrays |= {f"{name}.{each}": values for each, values in evidence.arrays().items()}
        if evidence.group is not None:
            code = {each: number for number, each in enumerate(names)}
            arrays[f"{name}.group"] = np.array([code[each] for each in evidence.group], np.int32)
        kind = next(kind for kind, each in KINDS.items() if type(evidence) is each)
        tests[name] = {"kind": kind, **evidence.facts(), "groups": None if evidence.group is None else names}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    content = buffer.getvalue()
    plain = {each.name: getattr(record, each.name) for each in fields(record) if each.name not in ("loss", "evidence")}
    plain |= {"tests": tests, "digest": _digest(content)}
    write_atomically(path.with_suffix(".npz"), content)
    write_atomically(path, json.dumps(plain, indent=1) + "\n")


def read(path: Path) -> Record:
    """The record in a file. Raises Problem where it is damaged, or its arrays are not those it was written with."""
    try:
        return _read(path, path.stat().st_mtime_ns, path.with_suffix(".npz").stat().st_mtime_ns)
    except DAMAGE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise Problem(
            f"The record {path} cannot be read ({reason}). Delete it and run `cirkit run --missing`."
        ) from error


@functools.lru_cache(maxsize=4096)
def _read(path: Path, *stamps: int) -> Record:
    plain = json.loads(path.read_text(encoding="utf-8"))
    content = path.with_suffix(".npz").read_bytes()
    if _digest(content) != plain["digest"]:
        raise ValueError("its .npz is damaged or of another run")
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        arrays = dict(file)
    tests = plain.pop("tests")
    evidence = {name: _restore(name, facts, arrays) for name, facts in tests.items()}
    steps, values = arrays["loss.step"], arrays["loss.value"]
    if steps.dtype.kind not in "iu" or not np.isfinite(values).all() or (np.diff(steps) < 1).any():
        raise ValueError("its loss curve is no curve")
    record = Record(**plain, loss=list(zip(steps.tolist(), values.tolist(), strict=True)), evidence=evidence)
    kinds = {each.name: getattr(each.type, "__origin__", each.type) for each in fields(record)}
    wrong = [name for name, kind in kinds.items() if not isinstance(getattr(record, name), kind)]
    if wrong or not evidence:
        raise ValueError(f"{', '.join(wrong) or 'its evidence'} is missing or of another kind")
    return record


def _restore(name: str, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Evidence:
    mine = {key.rpartition(".")[2]: value for key, value in arrays.items() if key.rpartition(".")[0] == name}
    group, names = mine.pop("group", None), facts["groups"]
    if (group is None) != (names is None):
        raise ValueError(f"the groups of {name} are half there")
    if group is not None:
        if group.dtype.kind not in "iu" or not ((group >= 0) & (group < len(names))).all():
            raise ValueError(f"a group of {name} has no name")
        group = tuple(names[code] for code in group.tolist())
    return KINDS[facts["kind"]].restore(mine, facts, group)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def done(experiment: Experiment) -> list[Record]:
    """The records that follow today's configuration, for the wanted seeds."""
    found = [found for seed in experiment.seeds if (found := of_seed(experiment, seed)) is not None]
    return [record for record in found if record.fingerprint == experiment.fingerprint]


def of_seed(experiment: Experiment, seed: int) -> Record | None:
    """The record of a seed, whatever configuration it followed, or None. Raises Problem where it is damaged."""
    path = experiment.path(seed)
    return read(path) if path.exists() else None


def exhibited(record: Record, name: str) -> dict[str, Any] | None:
    """The exhibit of a name that lies beside a record, or None where none of its configuration does."""
    home = local_home(record.fingerprint) / "exhibits" if record.local else exhibits_home()
    path = home / artifacts.exhibit_path(record.name, record.scale, name, record.seed)
    content = artifacts.read(path) if path.is_file() else None
    return None if content is None or content["fingerprint"] != record.fingerprint else content
