"""Where a run took place: commit, device, versions, threads and peak memory.

No paper; what one needs to judge whether two runs may differ in their last digits.
"""

import functools
import platform
import resource
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cirkit.errors import Problem
from cirkit.experiments.experiment import ROOT


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


def usable(device: str) -> str:
    """The device, if this machine has it: cpu, cuda or cuda:N. Raises Problem."""
    kind, _, number = device.partition(":")
    if kind not in ("cpu", "cuda") or (number and (kind == "cpu" or not number.isdecimal())):
        raise Problem(f"There is no device {device!r}. Use cpu, cuda or cuda:N.")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise Problem(f"PyTorch sees no {device} here. Use cpu, or install a PyTorch built for CUDA.")
    return device


@functools.cache  # of the code that was imported, whatever happens to the files meanwhile
def _git(*words: str) -> str:
    try:
        return subprocess.run(
            ["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


@functools.cache
def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
