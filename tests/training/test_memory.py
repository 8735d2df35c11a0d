"""Freed memory stays with the process."""

import subprocess
import sys

import pytest

from cirkit.training import memory

FREED = """
import resource, sys, torch
from cirkit.training.memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def use():
    for _ in range(20):
        [torch.ones(2**21) for _ in range(8)]  # 8 MB each
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _faults(how: str) -> int:
    return int(subprocess.run([sys.executable, "-c", FREED, how], capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_pages_that_were_freed_are_not_asked_for_again():
    assert _faults("keep") < 0.1 * _faults("give back")


def test_without_glibc_nothing_changes(monkeypatch):
    def absent(name):
        raise OSError(name)

    monkeypatch.setattr(memory.ctypes, "CDLL", absent)
    assert not memory.keep_freed_memory()
