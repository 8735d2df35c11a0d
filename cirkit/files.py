"""Files: atomic writes, and paths that stay inside their root.

An interrupted write leaves the old file or the new one, never half of either.
"""

import os
import tempfile
from pathlib import Path

from cirkit.errors import Problem


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write `content` to `path` through a temporary file beside it; parents are made."""
    data = content.encode() if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise Problem(f"Cannot write {path}: {error.strerror}. Choose a folder that can be written.") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except OSError as error:
        os.unlink(name)
        raise Problem(f"Cannot write {path}: {error.strerror}. Free some room or choose another folder.") from error
    except BaseException:
        os.unlink(name)
        raise


def inside(root: Path, relative: str) -> Path:
    """`root / relative`, refused when it would leave the root (`..`, absolute paths, links that point out)."""
    path = root / relative
    if not path.resolve().is_relative_to(root.resolve()):
        raise Problem(f"The path {relative!r} leaves {root}. Mend the file that names it.")
    return path
