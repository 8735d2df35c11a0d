"""Files: atomic writes, drafts that a killed process cannot leave for good, and paths that stay inside their root.

An interrupted write leaves the old file or the new one, never half of either.
"""

import functools
import os
import re
import secrets
import shutil
import socket
import time
from pathlib import Path

from cirkit.errors import Problem

STALE = 86_400.0  # seconds after which nobody is still writing a draft that another machine began
DRAFT = re.compile(r"\..*\.draft-(?P<host>[^-]*)-(?P<process>\d+)-[0-9a-f]+")


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write `content` to `path` through a draft beside it; parents are made, permissions follow the umask.

    Raises Problem where the file cannot be written; what stood there before then still stands.
    """
    data = content.encode() if isinstance(content, str) else content
    name = draft(path)
    try:
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except OSError as error:
        raise Problem(f"Cannot write {path}: {error.strerror}. Free some room or choose another folder.") from error
    finally:
        name.unlink(missing_ok=True)


def draft(path: Path) -> Path:
    """A name beside `path` for a file or a folder that takes its place when it is whole; parents are made.

    Drafts that killed processes left in that folder are removed. Raises Problem where nothing can be written.
    """
    checked(str(path))
    host = socket.gethostname().replace("-", "").replace("/", "")[:40]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Problem(f"Cannot write {path}: {error.strerror}. Choose a folder that can be written.") from error
    _clear_once(path.parent.resolve(), host)
    return path.parent / f".{path.name[:40]}.draft-{host}-{os.getpid()}-{secrets.token_hex(4)}"


@functools.lru_cache(maxsize=4096)
def _clear_once(folder: Path, host: str) -> None:
    clear_drafts(folder, host)


def clear_drafts(folder: Path, host: str) -> None:
    """Remove the drafts in `folder` that no process is writing any more: its own is gone, or a day went by."""
    for name in os.listdir(folder):
        match = DRAFT.fullmatch(name)
        if match is None:
            continue
        path = folder / name
        try:
            process = int(match["process"])  # of this number was another one before: ours has written nothing here yet
            gone = match["host"] == host and (process == os.getpid() or not _runs(process))
            if not gone and time.time() - path.lstat().st_mtime < STALE:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        except OSError:  # somebody else cleared it, or it is not ours to clear
            continue


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def inside(root: Path, relative: str) -> Path:
    """`root / relative`, refused when it would leave the root (`..`, absolute paths, links that point out)."""
    path = root / checked(relative)
    if not path.resolve().is_relative_to(root.resolve()):
        raise Problem(f"The path {relative!r} leaves {root}. Correct the file that names it.")
    return path


def checked(name: str) -> str:
    """The name, if a file can have it: no NUL, no half of a surrogate pair. Raises Problem."""
    try:
        impossible = b"\0" in os.fsencode(name)
    except UnicodeEncodeError:
        impossible = True
    if impossible:
        raise Problem(f"No file can be named {name!r}. Correct what names it.")
    return name
