"""Confirmations: which records a later code was shown to reproduce, in data/records/confirmed.json.

A record keeps the hash of the code it ran. Code that computes the same under another hash is confirmed here, so a
refactoring neither throws hours away nor keeps them silently.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cirkit.experiments.experiment import records_home
from cirkit.experiments.locks import lock
from cirkit.experiments.records import Record
from cirkit.files import write_atomically


def current(code: str, record: Record) -> bool:
    """Whether `code`, the hash of an experiment's, made the record or was shown to reproduce it."""
    if record.code == code:
        return True
    known = _read().get(_key(record), {})
    return known.get("code") == code and known.get("digest") == record.digest


def confirm(code: str, record: Record, compared: str) -> None:
    """Write that `code` reproduces what was `compared` of a record."""
    with lock("confirmed", wait=lambda: None):
        today = datetime.now(UTC).strftime("%Y-%m-%d")
        mine = {"code": code, "digest": record.digest, "date": today, "compared": compared}
        known = dict(sorted((_read() | {_key(record): mine}).items()))
        write_atomically(_path(), json.dumps(known, indent=1) + "\n")


def _key(record: Record) -> str:
    return f"{record.name}/{record.scale}-s{record.seed}"


def _path() -> Path:
    return records_home() / "confirmed.json"


def _read() -> dict[str, dict[str, Any]]:
    """What is known; a file that cannot be read confirms nothing."""
    try:
        plain = json.loads(_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {key: each for key, each in plain.items() if isinstance(each, dict)} if isinstance(plain, dict) else {}
