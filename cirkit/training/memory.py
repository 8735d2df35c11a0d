"""Freed memory stays with the process, for trainings on a processor.

glibc gives the pages of a large tensor back to the system when it is freed and asks for them again a moment later;
each page is then zeroed anew, at every step of a training.
"""

import ctypes

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3  # malloc.h
LARGEST = 2**25  # bytes of an allocation that comes from the heap: the most that glibc allows
PAD = 2**26  # bytes that the heap grows by at least


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed memory for the next allocation; False, and no change, where there is no glibc."""
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    settings = {MMAP_THRESHOLD: LARGEST, TRIM_THRESHOLD: 2**31 - 1, TOP_PAD: PAD}
    return all(mallopt(name, value) == 1 for name, value in settings.items())
