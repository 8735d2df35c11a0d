"""Locks: of several processes side by side, one alone trains a training or writes a record.

A lock ends with the process that holds it, however that ends; nothing has to be cleared.
"""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cirkit.errors import Problem
from cirkit.experiments.experiment import weights_home


@contextmanager
def lock(name: str, wait: Callable[[], None] | None = None) -> Iterator[bool]:
    """Whether this process alone holds the lock of that name; with `wait`, called first, it waits until it does."""
    path = weights_home() / "locks" / (name.replace("/", "_") + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.open("w")
    except OSError as error:
        raise Problem(f"Cannot write {path}: {error.strerror}. Choose a folder that can be written.") from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if wait is None:
                yield False
                return
            wait()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield True
