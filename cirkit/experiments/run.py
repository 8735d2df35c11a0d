"""Run an experiment: train, test, and write what is left, atomically; or all runs that are missing."""

import fcntl
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cirkit.errors import Problem
from cirkit.evaluators.evidence import Ranks
from cirkit.experiments import artifacts
from cirkit.experiments.artifacts import Exhibit
from cirkit.experiments.experiment import ROOT, Experiment, Test, records_home, weights_home
from cirkit.experiments.records import Record, done, write
from cirkit.files import write_atomically
from cirkit.training.checkpoints import save
from cirkit.training.loop import fit


@dataclass(frozen=True)
class RunResult:
    """What a run makes before anything is written: the record, the model, its tests' data and what they gave."""

    record: Record
    model: torch.nn.Module
    data: dict[str, Any]  # by test
    ranks: dict[str, Ranks]


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
        for path, (test, exhibit) in experiment.keeps(seed).items():
            ranks = partial(made.ranks.get, test)
            write_exhibit(experiment, seed, path, exhibit, made.model, test, made.data[test], ranks)
    finally:  # an exhibit that cannot be made must not cost the record
        write(made.record, experiment.path(seed))
    return made.record


def produce(
    experiment: Experiment,
    seed: int,
    device: str = "cpu",
    watch: Callable[[int, float], None] | None = None,
    resume: Path | None = None,
) -> RunResult:
    """Train and rank; write nothing but the state that lets an interrupted training go on."""
    started = time.perf_counter()
    trained = fit(experiment.training, seed, device=device, watch=watch, resume=resume)
    halfway = time.perf_counter()
    data = {name: test.data() for name, test in experiment.tests.items()}
    ranks = {name: evaluated(test, trained.model, data[name]) for name, test in experiment.tests.items()}
    record = Record(
        name=experiment.name,
        paper=experiment.paper,
        scale=experiment.scale,
        basis=experiment.basis,
        seed=seed,
        fingerprint=experiment.fingerprint,
        code=experiment.code,
        declared=experiment.declared(),
        where=environment(device),
        seconds={"train": round(halfway - started, 2), "test": round(time.perf_counter() - halfway, 2)},
        parameters=sum(p.numel() for p in trained.model.parameters()),
        loss=[[step, round(value, 5)] for step, value in trained.loss],
        ranks=ranks,
    )
    return RunResult(record, trained.model, data, ranks)


def evaluated(test: Test, model: torch.nn.Module, data: Any) -> Ranks:
    """What a test gives for a trained model on its data."""
    return test.evaluate(test.use(model), data)


def write_exhibit(
    experiment: Experiment,
    seed: int,
    path: Path,
    exhibit: Exhibit,
    model: torch.nn.Module,
    test: str,
    data: Any,
    evidence: Callable[[], Ranks],
) -> None:
    """Make one exhibit of a trained model and write it, with whose it is. Raises Problem where it is too large."""
    whose = {"experiment": experiment.name, "scale": experiment.scale, "seed": seed, "test": test}
    whose |= {"fingerprint": experiment.fingerprint} | artifacts.head(exhibit)
    write_atomically(path, artifacts.to_text(whose | exhibit(experiment.tests[test].use(model), data, evidence)))


def environment(device: str) -> dict[str, Any]:
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


@contextmanager
def lock(path: Path) -> Iterator[bool]:
    """Whether this process alone may write the record at `path`; the claim ends with the process."""
    lock = weights_home() / "locks" / (path.relative_to(records_home().parent).as_posix().replace("/", "_") + ".lock")
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
            with lock(experiment.path(seed)) as mine:
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
