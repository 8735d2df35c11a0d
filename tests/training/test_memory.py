"""Freed memory stays with the process."""

import subprocess
import sys

import pytest

from cirkit.training import memory

FREED = """
import ctypes, sys, torch
from cirkit.training.memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
class Counts(ctypes.Structure):  # malloc.h, struct mallinfo2
    _fields_ = [(name, ctypes.c_size_t) for name in names]
counts = ctypes.CDLL("libc.so.6").mallinfo2
counts.restype = Counts
[torch.ones(2**21) for _ in range(8)]  # 8 MB each
print(counts().fordblks)
"""


def _kept(how: str) -> int:
    """Bytes that were freed and still belong to the process, by the allocator's own count."""
    return int(subprocess.run([sys.executable, "-c", FREED, how], capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_what_was_freed_stays_with_the_process():
    assert _kept("keep") > 64e6 > 32e6 > _kept("give back")


def test_without_glibc_nothing_changes(monkeypatch):
    def absent(name):
        raise OSError(name)

    monkeypatch.setattr(memory.ctypes, "CDLL", absent)
    assert not memory.keep_freed_memory()
