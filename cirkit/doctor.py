"""What is installed, what is missing, and what to do about it."""

import importlib.metadata as metadata
import platform
import shutil
from pathlib import Path
from typing import Any

from cirkit.experiments.experiment import ROOT

NEEDED = ("torch", "numpy", "pillow", "safetensors", "jaxtyping", "typer", "tqdm", "scipy", "pandas", "seaborn")
OPTIONAL = {
    "timm": "paper-scale image encoders",
    "transformers": "BERT and CLIP encoders",
    "open_clip_torch": "open_clip encoders for `cirkit index`",
    "anywidget": "interactive figures",
    "jupytext": "pages",
    "papermill": "pages",
    "jupyter-book": "the book (1.0.4.post1; 2.x does not read _config.yml)",
}


def findings() -> list[dict[str, Any]]:
    """One row per thing looked at: name, found, state (`fine`, `missing` or `broken`), advice."""
    rows = [_row("python", platform.python_version(), "fine", "")]
    for name in NEEDED:
        version = _version(name)
        rows.append(_row(name, version, "fine" if version else "broken", "" if version else f"pip install {name}"))
    for name, use in OPTIONAL.items():
        version = _version(name)
        rows.append(_row(name, version, "fine" if version else "missing", "" if version else f"needed for {use}"))
    return [*rows, _book(), _torchvision(), _faiss(), _accelerator(), _room()]


def _row(name: str, found: str | None, state: str, advice: str) -> dict[str, Any]:
    return {"name": name, "found": found or "", "state": state, "advice": advice}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _book() -> dict[str, Any]:
    version = _version("jupyter-book")
    wrong = version is not None and not version.startswith("1.")
    advice = 'pip install "jupyter-book==1.0.4.post1"' if wrong else ""
    return _row("book engine", version, "broken" if wrong else "fine" if version else "missing", advice)


def _torchvision() -> dict[str, Any]:
    from cirkit.compat import ensure_torchvision

    try:
        how = ensure_torchvision()
    except (ImportError, RuntimeError) as error:
        return _row("torchvision", str(error).splitlines()[0], "broken", "pip install the torchvision of this torch")
    advice = "" if how == "native" else "compiled operators are missing; cirkit registers their names and goes on"
    return _row("torchvision", f"{_version('torchvision')} ({how})", "fine", advice)


def _faiss() -> dict[str, Any]:
    from cirkit.search.index import faiss_installations, faiss_problem

    version = " + ".join(f"{name} {number}" for name, number in faiss_installations().items())
    problem = faiss_problem()
    if problem is not None:
        return _row("faiss", version, "broken", problem)
    advice = "" if version else "exact search falls back to torch; pip install cirkit[cpu] or cirkit[gpu]"
    return _row("faiss", version, "fine" if version else "missing", advice)


def _accelerator() -> dict[str, Any]:
    import torch

    if torch.cuda.is_available():
        return _row("accelerator", torch.cuda.get_device_name(), "fine", "")
    return _row("accelerator", "none", "fine", "the cpu scale needs none")


def _room() -> dict[str, Any]:
    home = ROOT if ROOT.exists() else Path.cwd()
    free = shutil.disk_usage(home).free / 2**30
    return _row("free disk", f"{free:.0f} GiB", "fine" if free > 2 else "broken", "" if free > 2 else "free 2 GiB")
