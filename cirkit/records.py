"""Experiment and Record: declare, run once, remember.

A record is evidence, not a conclusion: the declaration, where it ran, the loss curve, and the ranks of every right
answer of every query; data/records/<experiment>/<scale>-s<seed>.json with the ranks beside it as .npz.
"""

import fcntl
import functools
import io
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cirkit import evaluate, exhibits
from cirkit.checkpoints import save
from cirkit.declare import PACKAGE, code_hash, describe, fingerprint
from cirkit.errors import Problem
from cirkit.exhibits import Exhibit, Ranked
from cirkit.files import write_atomically
from cirkit.measures import Ranks
from cirkit.query import Benchmark
from cirkit.train import Training, fit

ROOT = PACKAGE.parent
SCALES = ("smoke", "cpu", "gpu", "paper")
BASES = ("world", "photos", "original")


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One row of a table: a training, the benchmarks it is tested on, and what its numbers may be called."""

    name: str  # "maaf/css/identity"
    paper: str
    table: str
    row: str  # as the table labels it
    scale: str
    basis: str
    seeds: tuple[int, ...]
    training: Training
    tests: Mapping[str, Callable[[], Benchmark]]
    also: tuple[tuple[str, str], ...] = ()  # (table, row) under which other tables show it, too
    exhibits: tuple[Exhibit, ...] = ()  # what to keep of the first test beside the ranks; decides no number

    def __post_init__(self) -> None:
        if self.scale not in SCALES or self.basis not in BASES:
            raise ValueError(f"{self.name}: scale is one of {SCALES}, basis one of {BASES}.")

    def declared(self) -> dict[str, Any]:
        """What decides the numbers, as plain JSON."""
        return {"training": describe(self.training), "tests": describe(self.tests)}

    @functools.cached_property
    def fingerprint(self) -> str:
        """Follows the declaration, not the row's labels."""
        return fingerprint({"training": self.training, "tests": self.tests})

    @functools.cached_property
    def code(self) -> str:
        """The hash of today's code that this declaration reaches."""
        return code_hash({"training": self.training, "tests": self.tests}, also=("cirkit.train", "cirkit.evaluate"))

    def path(self, seed: int) -> Path:
        """Where the record of a seed lies."""
        return records_home() / self.name / f"{self.scale}-s{seed}.json"

    def keeps(self, seed: int) -> dict[Path, Exhibit]:
        """The exhibits that a seed keeps, by where they lie."""
        kept = [each for each in self.exhibits if each.every_seed or seed == self.seeds[0]]
        return {exhibits_home() / exhibits.place(self.name, self.scale, each.name, seed): each for each in kept}

    def weights(self, seed: int) -> Path:
        """The checkpoint folder of a seed; rows that differ in their tests alone share it."""
        return weights_home() / f"{fingerprint(self.training)}-s{seed}"


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


def records_home() -> Path:
    """data/records of the repository, or what CIRKIT_RECORDS names."""
    return Path(os.environ.get("CIRKIT_RECORDS", ROOT / "data" / "records"))


def exhibits_home() -> Path:
    """data/exhibits, beside the records."""
    return records_home().parent / "exhibits"


def weights_home() -> Path:
    """data/weights, beside the records; ignored by git."""
    return records_home().parent / "weights"


@dataclass(frozen=True)
class Produced:
    """What a run makes before anything is written: the record, the model, and what its first test gave."""

    record: Record
    model: torch.nn.Module
    benchmark: Benchmark
    ranked: Ranked


def run(
    experiment: Experiment, seed: int, device: str = "cpu", watch: Callable[[int, float], None] | None = None
) -> Record:
    """Train, rank, and write the weights, the exhibits and the record, in this order."""
    weights = experiment.weights(seed)
    made = produce(experiment, seed, device, watch, weights.with_suffix(".partial"))
    triplets = experiment.training.data()
    size = triplets.target[torch.tensor([0])].shape[-1]
    save(weights, made.model, experiment.training.model, triplets.query.text or (), size)
    try:
        for path, exhibit in experiment.keeps(seed).items():
            write_exhibit(experiment, seed, path, exhibit, made.model, made.benchmark, lambda: made.ranked)
    finally:  # an exhibit that cannot be made must not cost the record
        write(made.record, experiment.path(seed))
    return made.record


def produce(
    experiment: Experiment,
    seed: int,
    device: str = "cpu",
    watch: Callable[[int, float], None] | None = None,
    resume: Path | None = None,
) -> Produced:
    """Train and rank; write nothing but the state that lets an interrupted training go on."""
    started = time.perf_counter()
    trained = fit(experiment.training, seed, device=device, watch=watch, resume=resume)
    halfway = time.perf_counter()
    first, ranks = None, {}
    for name, make in experiment.tests.items():
        benchmark = make()
        found = evaluated(trained.model, benchmark)
        ranks[name] = found.ranks
        first = first or (benchmark, found)
    record = Record(
        name=experiment.name,
        paper=experiment.paper,
        scale=experiment.scale,
        basis=experiment.basis,
        seed=seed,
        fingerprint=experiment.fingerprint,
        code=experiment.code,
        declared=experiment.declared(),
        where=surroundings(device),
        seconds={"train": round(halfway - started, 2), "test": round(time.perf_counter() - halfway, 2)},
        parameters=sum(p.numel() for p in trained.model.parameters()),
        loss=[[step, round(value, 5)] for step, value in trained.loss],
        ranks=ranks,
    )
    return Produced(record, trained.model, *first)


def evaluated(model: torch.nn.Module, benchmark: Benchmark) -> Ranked:
    """Features of a benchmark's queries and gallery, and the ranks they give."""
    gallery, composed = evaluate.encode(model, benchmark.gallery), evaluate.compose(model, benchmark)
    return Ranked(composed, gallery, evaluate.rank_features(model, composed, gallery, benchmark))


def write_exhibit(
    experiment: Experiment,
    seed: int,
    path: Path,
    exhibit: Exhibit,
    model: torch.nn.Module,
    benchmark: Benchmark,
    ranked: Callable[[], Ranked],
) -> None:
    """Make one exhibit of a trained model and write it, with whose it is. Raises Problem where it is too large."""
    whose = {"experiment": experiment.name, "scale": experiment.scale, "seed": seed, "test": benchmark.name}
    whose |= {"fingerprint": experiment.fingerprint} | exhibits.head(exhibit)
    write_atomically(path, exhibits.to_text(whose | exhibit(model, benchmark, ranked)))


def surroundings(device: str) -> dict[str, Any]:
    """Commit, device, versions, threads and peak memory (MB) of this process."""
    commit = _git("rev-parse", "HEAD")
    name = torch.cuda.get_device_name() if device.startswith("cuda") else _processor()
    versions = {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)
    if device.startswith("cuda"):
        versions["gpu_peak_mb"] = round(torch.cuda.max_memory_allocated() / 2**20)
    return {
        "commit": commit or None,
        "changed": bool(_git("status", "--porcelain", "--", "cirkit")) if commit else None,
        "device": name,
        "threads": torch.get_num_threads(),
        "peak_mb": round(peak),
        "finished": datetime.now(UTC).strftime("%Y-%m-%d"),
        **versions,
    }


def _git(*words: str) -> str:
    try:
        return subprocess.run(
            ["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def write(record: Record, path: Path) -> None:
    """Ranks first, then the JSON that makes the record count; both atomically."""
    buffer = io.BytesIO()
    arrays = {}
    for name, ranks in record.ranks.items():
        arrays |= {f"{name}.values": ranks.values.astype(np.float32), f"{name}.offsets": ranks.offsets.astype(np.int32)}
    np.savez_compressed(buffer, **arrays)
    write_atomically(path.with_suffix(".npz"), buffer.getvalue())
    tests = {
        name: {"queries": len(r), "gallery": r.gallery, "group": None if r.group is None else list(r.group)}
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
                name: Ranks(
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


def load(name: str, scale: str) -> list[Record]:
    """All records of an experiment at a scale, by seed; whatever declaration they followed."""
    paths = (records_home() / name).glob(f"{scale}-s*.json")
    return sorted((read(path) for path in paths), key=lambda record: record.seed)


def exhibited(record: Record, name: str) -> dict[str, Any] | None:
    """The exhibit of a name that lies beside a record, or None where none of its declaration does."""
    path = exhibits_home() / exhibits.place(record.name, record.scale, name, record.seed)
    content = exhibits.read(path) if path.is_file() else None
    return None if content is None or content["fingerprint"] != record.fingerprint else content


def done(experiment: Experiment) -> list[Record]:
    """The records that follow today's declaration, for the wanted seeds."""
    found = {record.seed: record for record in load(experiment.name, experiment.scale)}
    wanted = [found[seed] for seed in experiment.seeds if seed in found]
    return [record for record in wanted if record.fingerprint == experiment.fingerprint]


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Whether this process alone may write the record at `path`; the claim ends with the process."""
    lock = weights_home() / "locks" / (path.relative_to(records_home()).as_posix().replace("/", "_") + ".lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def run_missing(
    experiments: list[Experiment],
    *,
    device: str = "cpu",
    budget: float | None = None,
    tell: Callable[[str], None] = print,
) -> int:
    """Write every record that is missing, seed by seed over all rows; returns how many were written.

    `budget` in seconds: no run is started that, judged by its finished seeds, would end after it.
    """
    started, written = time.monotonic(), 0
    for seed in sorted({seed for experiment in experiments for seed in experiment.seeds}):
        for experiment in experiments:
            if seed not in experiment.seeds:
                continue
            with claimed(experiment.path(seed)) as mine:
                finished = done(experiment)
                if not mine or seed in {record.seed for record in finished}:
                    continue
                expected = max((sum(record.seconds.values()) for record in finished), default=0.0)
                if budget is not None and time.monotonic() - started + expected > budget:
                    tell(f"{experiment.name} seed {seed}: left out, the budget is spent")
                    continue
                try:
                    record = run(experiment, seed, device)
                except Problem as problem:  # data that is not here must not stop the rows whose data is
                    tell(f"{experiment.name} seed {seed}: left out. {problem}")
                    continue
                written += 1
                tell(f"{experiment.name} {experiment.scale} seed {seed}: {sum(record.seconds.values()):.0f} s")
    return written
