"""What is installed, what is missing, and what to do about it; `fine` is said of what was looked at and works.

No paper. The lists follow pyproject.toml, as a test checks.
"""

import importlib.metadata as metadata
import os
import platform
import shutil
from pathlib import Path
from typing import Any

TORCH = (2, 11)  # the least version
NEEDED = ("numpy", "pillow", "safetensors", "jaxtyping", "typer", "tqdm", "scipy", "pandas", "seaborn")
OPTIONAL = {
    "timm": "paper-scale image encoders",
    "transformers": "BERT and CLIP encoders",
    "open_clip_torch": "open_clip encoders for `cirkit index`",
    "anywidget": "interactive figures",
    "ipywidgets": "interactive figures",
    "jupytext": "pages",
    "papermill": "pages",
    "ipykernel": "pages",
    "jupyterlab": "notebooks (make lab)",
    "diffusers": "`cirkit synth` with Stable Diffusion, and Karlo's decoder",
    "spacy": "object terms of `cirkit synth` at paper scale",
    "pillow-heif": "HEIC photos in `cirkit index`",
}


def findings() -> list[dict[str, Any]]:
    """One row per thing looked at: name, found, state (`fine`, `missing` or `broken`), advice."""
    rows = [_row("python", platform.python_version(), "fine", ""), _torch()]
    for name in NEEDED:
        version = _version(name)
        rows.append(_row(name, version, "fine" if version else "broken", "" if version else f"pip install {name}"))
    for name, use in OPTIONAL.items():
        version = _version(name)
        rows.append(
            _row(name, version, "fine" if version else "missing", "" if version else f"for {use}: pip install {name}")
        )
    return [*rows, _book(), _torchvision(), _faiss(), _accelerator(), _room()]


def data_home() -> Path:
    """Where data are written: the variable CIRKIT_DATA, or `data` beside the package. Imports nothing that may lack."""
    return Path(os.environ.get("CIRKIT_DATA") or Path(__file__).resolve().parents[1] / "data")


def _row(name: str, found: str | None, state: str, advice: str) -> dict[str, Any]:
    return {"name": name, "found": found or "", "state": state, "advice": advice}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _torch() -> dict[str, Any]:
    try:
        import torch
    except (ImportError, OSError) as error:
        return _row("torch", str(error).splitlines()[0], "broken", "pip install torch")
    old = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2]) < TORCH
    advice = f'pip install "torch>={".".join(map(str, TORCH))}"' if old else ""
    return _row("torch", torch.__version__, "broken" if old else "fine", advice)


def _book() -> dict[str, Any]:
    version = _version("jupyter-book")
    right = version is not None and version.startswith("1.")
    advice = "" if right else 'for the book: pip install "jupyter-book==1.0.4.post1" (2.x does not read _config.yml)'
    return _row("jupyter-book", version, "fine" if right else "broken" if version else "missing", advice)


def _torchvision() -> dict[str, Any]:
    try:
        from cirkit.compat import ensure_torchvision

        how = ensure_torchvision()
    except (ImportError, RuntimeError) as error:
        return _row("torchvision", str(error).splitlines()[0], "broken", "pip install the torchvision of this torch")
    advice = "" if how == "native" else "compiled operators are missing; cirkit registers their names and goes on"
    return _row("torchvision", f"{_version('torchvision')} ({how})", "fine", advice)


def _faiss() -> dict[str, Any]:
    try:
        from cirkit.search.index import faiss_installations, faiss_problem
    except (ImportError, OSError) as error:
        return _row("faiss", None, "missing", f"cannot be looked at ({str(error).splitlines()[0]})")
    version = " + ".join(f"{name} {number}" for name, number in faiss_installations().items())
    try:
        problem = faiss_problem()
    except (ImportError, OSError) as error:
        problem = f"it cannot be imported ({str(error).splitlines()[0]}); pip install --force-reinstall faiss-cpu"
    if problem is not None:
        return _row("faiss", version, "broken", problem)
    advice = "" if version else "exact search falls back to torch; pip install cirkit[cpu] or cirkit[gpu]"
    return _row("faiss", version, "fine" if version else "missing", advice)


def _accelerator() -> dict[str, Any]:
    try:
        import torch
    except (ImportError, OSError):
        return _row("accelerator", None, "missing", "torch is needed to look")
    if torch.cuda.is_available():
        return _row("accelerator", torch.cuda.get_device_name(), "fine", "")
    if shutil.which("nvidia-smi") is not None:
        return _row("accelerator", "none that torch sees", "missing", "install torch for CUDA, or look at the driver")
    return _row("accelerator", "none", "missing", "the cpu scale needs none; the gpu and paper scales do")


def _room() -> dict[str, Any]:
    """Of the folder that data are written to."""
    folder = next(path for path in (data_home(), *data_home().absolute().parents) if path.exists())
    free = shutil.disk_usage(folder).free / 2**30
    if not os.access(folder, os.W_OK):
        return _row(
            "data folder", str(data_home()), "broken", "it cannot be written; set CIRKIT_DATA to another folder"
        )
    advice = "" if free > 2 else "free 2 GiB, or set CIRKIT_DATA to another folder"
    return _row("data folder", f"{data_home()}, {free:.0f} GiB free", "fine" if free > 2 else "broken", advice)
