"""Fetch an original: pinned annotation files, pictures from public lists, and word of what must be asked for by hand.

Interrupted transfers go on where they stopped, every pinned file must have its checksum, and links that are dead are
listed in `dead_links.tsv` beside the data. Nothing that lies there already is overwritten. Written on urllib and not
on pooch, since pooch neither goes on with a cut transfer nor knows git's blob hashes, by which the files are pinned.
"""

import gzip
import hashlib
import http.client
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cirkit.benchmarks.sources import SOURCES, File, Source
from cirkit.errors import Problem, suggestion
from cirkit.files import inside, write_atomically

DEAD = "dead_links.tsv"
GONE = {400, 401, 403, 404, 405, 410, 451}  # answers that will not change
SILENT = 64  # addresses in a row that do not answer before the rest is given up: there is no network


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to try a file."""

    tries: int = 4
    wait: float = 1.0  # seconds before the second try, doubled before each further one
    timeout: float = 30.0  # seconds of silence
    seconds: float = 1800.0  # for the whole file, all tries together
    largest: int = 1 << 31  # bytes


@dataclass(frozen=True, kw_only=True)
class Report:
    """What `get` did: destinations fetched now and kept from before, (destination, address, reason) of dead links."""

    name: str
    fetched: tuple[str, ...]
    kept: tuple[str, ...]
    dead: tuple[tuple[str, str, str], ...]
    by_hand: tuple[str, ...]
    licences: tuple[str, ...]

    def lines(self) -> list[str]:
        """The report as the command line prints it."""
        said = [f"{self.name}: {len(self.fetched)} files fetched, {len(self.kept)} kept, {len(self.dead)} dead links."]
        if self.dead:
            said.append(f"The dead links are listed in {DEAD}; questions that need them are left out and counted.")
        if self.licences:
            said.append(f"Licences: {'; '.join(self.licences)}.")
        return said + (["To be asked for by hand:", *self.by_hand] if self.by_hand else [])


class _Dead(Exception):
    """An address that will never give what is asked of it."""


class _Silent(Exception):
    """An address that did not answer, or not whole, in as many tries as there were."""


def get(
    name: str,
    root: Path,
    *,
    sources: Mapping[str, Source] = SOURCES,
    workers: int = 8,
    patience: Patience | None = None,
) -> Report:
    """Fetch what can be fetched of benchmark `name` into `root`; run again, it goes on where it stopped.

    Raises Problem for an unknown name, for a file there that differs from the pinned one (it is not touched), and for
    pinned files that could not be fetched (the others are kept). Dead links of pictures are reported, not raised.
    """
    name = name.replace("_", "-")
    if name not in sources:
        advice = suggestion(name, sources) or f"Use one of {', '.join(sorted(sources))}."
        raise Problem(f"There is no source for {name!r}. {advice}")
    source, patience, root = sources[name], patience or Patience(), Path(root)
    fetched, kept = _files(name, root, source, workers, patience)
    dead: list[tuple[str, str, str]] = []
    if source.images is not None:
        wanted: dict[str, str] = {}
        for path in (inside(root, each) for each in source.images.lists):
            if path.exists() or path.with_name(f"{path.name}.gz").exists():
                wanted |= dict(source.images.read(path))
        came, there, dead = _pictures(root, wanted, workers, patience)
        fetched, kept = fetched + came, kept + there
        table = "".join("\t".join(row) + "\n" for row in sorted(dead))
        if dead or (root / DEAD).exists():
            write_atomically(root / DEAD, table)
    licences = tuple(sorted({file.licence for file in source.files}))
    return Report(
        name=name, fetched=tuple(fetched), kept=tuple(kept), dead=tuple(dead), by_hand=source.by_hand, licences=licences
    )


def _files(name: str, root: Path, source: Source, workers: int, patience: Patience) -> tuple[list[str], list[str]]:
    """Fetch the pinned files: destinations that came now, and that were there."""

    def one(file: File) -> tuple[File, bool | str]:
        try:
            return file, _pinned(root, file, patience)
        except (_Dead, _Silent) as error:
            return file, str(error)

    done = list(_parallel(one, source.files, workers))
    failed = [(file, reason) for file, reason in done if isinstance(reason, str)]
    if failed:
        file, reason = failed[0]
        raise Problem(
            f"{len(failed)} of {len(done)} files of {name} could not be fetched (the first: {file.url}: {reason}). "
            "Run the command again; finished files are kept."
        )
    came = [file.destination for file, new in done if new]
    return came, [file.destination for file, new in done if not new]


def _pinned(root: Path, file: File, patience: Patience) -> bool:
    """Have one file with its checksum; whether it came now."""
    path = inside(root, file.destination)
    for there in (path, path.with_name(f"{path.name}.gz")):
        if there.exists():
            if not matches(there, file.checksum, unpack=there != path):
                raise Problem(f"{there} differs from the pinned {file.url}. Move it away and run the command again.")
            return False
    part = _part(path)
    for going_on in (True, False) if part.exists() else (False,):
        _download(file.url, part, patience, fresh=not going_on)
        if matches(part, file.checksum):
            part.replace(path)
            return True
        part.unlink()  # a wrong beginning spoils the end: once more from nothing
    raise _Dead(f"what came does not have the checksum {file.checksum}")


def matches(path: Path, checksum: str, *, unpack: bool = False) -> bool:
    """Whether a file (the content of a .gz where `unpack`) has a checksum: git:<40 hex> or sha256:<64 hex>."""
    kind, _, digest = checksum.partition(":")
    try:
        content = gzip.decompress(path.read_bytes()) if unpack else path.read_bytes()
    except (OSError, EOFError) as error:
        raise Problem(f"{path} cannot be read ({error}). Move it away and run the command again.") from error
    if kind == "git":
        return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() == digest
    if kind == "sha256":
        return hashlib.sha256(content).hexdigest() == digest
    raise Problem(f"The checksum {checksum!r} is of no known kind. Write git:... or sha256:...")


def _pictures(
    root: Path, wanted: dict[str, str], workers: int, patience: Patience
) -> tuple[list[str], list[str], list[tuple[str, str, str]]]:
    """Fetch pictures: destinations that came now, that were there, and the dead links."""
    kept = [destination for destination in wanted if inside(root, destination).exists()]
    left = [(destination, url) for destination, url in wanted.items() if destination not in set(kept)]
    silent, lock = [0], threading.Lock()

    def one(item: tuple[str, str]) -> tuple[str, str, str]:
        destination, url = item
        path = inside(root, destination)
        part = _part(path)
        if silent[0] >= SILENT:
            raise Problem(f"{SILENT} addresses in a row did not answer. Check the network and run the command again.")
        try:
            _download(url, part, patience, fresh=True)
            fault = picture_fault(part)
            if fault is None:
                part.replace(path)
        except (_Dead, _Silent) as error:
            fault = str(error)
            with lock:
                silent[0] = silent[0] + 1 if isinstance(error, _Silent) else 0
        else:
            silent[0] = 0
        if fault is not None:
            part.unlink(missing_ok=True)
        return destination, url, fault or ""

    done = list(_parallel(one, left, workers))
    return [row[0] for row in done if not row[2]], kept, [row for row in done if row[2]]


def picture_fault(path: Path) -> str | None:
    """Why a file is no picture, or None: shops answer for a dead link with a page of text or a single pixel."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.width * image.height < 16:
                return f"a blank of {image.width} x {image.height} pixels"
            image.verify()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return f"no picture ({type(error).__name__})"
    return None


def _parallel(act: Callable[[Any], Any], items: Iterable[Any], workers: int) -> Iterable[Any]:
    """What `act` makes of each item, several at a time, in order; the first error stops the rest."""
    from tqdm.std import tqdm

    pool = ThreadPoolExecutor(max(1, workers))
    try:
        waiting = [pool.submit(act, item) for item in items]
        for future in tqdm(waiting, disable=None, leave=False):
            yield future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _part(path: Path) -> Path:
    """Where a file lies until it is whole."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Problem(f"Cannot write in {path.parent}: {error.strerror}. Choose another root.") from error
    return path.with_name(f".{path.name}.part")


class _Web(urllib.request.HTTPRedirectHandler):
    """Follows redirections to web addresses only."""

    def redirect_request(self, *given: Any) -> urllib.request.Request | None:
        """As the standard handler, for http and https."""
        if not given[-1].startswith(("http://", "https://")):
            raise _Dead("a redirection to something that is no web address")
        return super().redirect_request(*given)


def _download(url: str, part: Path, patience: Patience, *, fresh: bool) -> None:
    """Have the content of an address in `part`, going on where it was cut; `fresh`: what lies there is of no use.

    Raises _Dead where trying again would not help, _Silent where it did not.
    """
    if not url.startswith(("http://", "https://")):
        raise _Dead("no web address")
    if fresh:
        part.unlink(missing_ok=True)
    address = urllib.parse.quote(url, safe=":/?#[]@!$&'()*+,;=%~")
    reason, mark, end = "no try", None, time.monotonic() + patience.seconds
    for attempt in range(patience.tries):
        if attempt:
            time.sleep(patience.wait * 2 ** (attempt - 1))
        start = part.stat().st_size if part.exists() else 0
        headers = {"User-Agent": "cirkit", "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
            if mark:
                headers["If-Range"] = mark  # a content that has changed meanwhile comes whole
        try:
            opener = urllib.request.build_opener(_Web)
            with opener.open(urllib.request.Request(address, headers=headers), timeout=patience.timeout) as answer:
                goes_on = answer.status == 206
                if goes_on and not (answer.headers["Content-Range"] or "").startswith(f"bytes {start}-"):
                    part.unlink(missing_ok=True)
                    reason = "another part than was asked for"
                    continue
                mark = answer.headers["ETag"] or answer.headers["Last-Modified"]
                mark = None if mark and mark.startswith("W/") else mark
                due = answer.headers["Content-Length"]
                came = _write(answer, part, start if goes_on else 0, patience, end)
            if due is not None and due.isdigit() and came < int(due):
                reason = f"cut after {came} of {due} bytes"
                continue
            return
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in GONE:
                raise _Dead(f"HTTP {error.code}") from error
            if error.code == 416:  # there is nothing beyond what is here: not the beginning of this content
                part.unlink(missing_ok=True)
            reason = f"HTTP {error.code}"
        except ValueError as error:
            raise _Dead(f"no web address ({error})") from error
        except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
            reason = f"{type(error).__name__}: {getattr(error, 'reason', error)}"
        if time.monotonic() > end:
            break
    raise _Silent(reason)


def _write(answer: Any, part: Path, start: int, patience: Patience, end: float) -> int:
    """Append what comes to `part` after its first `start` bytes; how many bytes came."""
    came = 0
    try:
        file = part.open("ab" if start else "wb")
    except OSError as error:
        raise Problem(f"Cannot write {part}: {error.strerror}. Choose another root.") from error
    with file:
        while chunk := answer.read(1 << 16):
            came += len(chunk)
            if start + came > patience.largest:
                raise _Dead(f"more than {patience.largest} bytes")
            if time.monotonic() > end:
                raise TimeoutError(f"not done within {patience.seconds:g} seconds")
            try:
                file.write(chunk)
            except OSError as error:
                raise Problem(f"Cannot write {part}: {error.strerror}. Free some room and run it again.") from error
    return came
